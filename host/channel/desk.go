package channel

import "github.com/chhost/chhost/host/phx"

// desk is what a turn works with: what a callback is told, asks for and sends needs
// no memory of its own. Turns share desks; a channel at rest has none.
type desk struct {
	event Event // of handlers that forget it
	room  [4]Effect
	reply phx.Reply
	push  phx.Message
}

// sit gives the turn a desk.
func (c *Channel) sit() *desk {
	d, _ := c.env.desks.Get().(*desk)
	if d == nil {
		d = new(desk)
	}
	c.desk = d
	return d
}

// leave lets other turns use the desk.
func (d *desk) leave(e *Env) {
	*d = desk{} // what it holds must not be kept
	e.desks.Put(d)
}

// event returns what all callbacks of m are told. It is valid until the next call, if
// the handler forgets events.
func (c *Channel) event(m *membership) *Event {
	if !m.traits().ForgetsEvents {
		ev := c.eventOf(m)
		return &ev
	}
	d := c.desk
	d.event = c.eventOf(m)
	d.event.room = d.room[:0]
	return &d.event
}

func (c *Channel) eventOf(m *membership) Event {
	return Event{
		Topic:         c.topic,
		Assigns:       m.assigns,
		SocketAssigns: c.opts.SocketAssigns,
		Now:           c.env.now(),
		Channel:       m.id,
		Peer:          c.opts.Peer,
	}
}
