package channel

import (
	"errors"

	"github.com/chhost/chhost/host/phx"
)

// This file handles what reaches a channel from others than its client.

// out handles an intercepted broadcast.
func (c *Channel) out(d delivery) {
	m := &c.member
	ev := c.event(m)
	ev.Event = d.b.Event()
	ev.Payload = d.b.Payload()
	ev.Self = d.self
	res, ok := c.inform(CallbackHandleOut, ev)
	if !ok {
		return
	}
	frames := len(res.Do)
	if res.Status == StatusPass {
		frames++
	}
	c.together(frames, func() {
		c.carryOut(m, res.Do, carriage{push: true})
		if res.Status == StatusPass {
			c.client.Broadcast(d.b)
		}
	})
	c.stopIf(res)
}

// heard handles a broadcast of another topic that the handler subscribed to. Like
// a timer that is due, one that waits is not told of after the end of what asked
// for it.
func (c *Channel) heard(b *phx.Broadcast) {
	if c.member.listeners[b.Topic()] == nil {
		return
	}
	ev := c.event(&c.member)
	ev.Topic = b.Topic()
	ev.Event = b.Event()
	ev.Payload = b.Payload()
	ev.Info = InfoBroadcast
	c.info(ev, carriage{push: true, hops: b.Hops() + 1})
}

// rang handles a timer that is due.
func (c *Channel) rang(t *timer) {
	if t = c.member.due(t); t == nil {
		return
	}
	ev := c.event(&c.member)
	ev.Event = t.event
	ev.Payload = t.payload
	ev.Info = InfoTimer
	ev.Ref = t.key
	c.info(ev, carriage{push: true})
}

// info tells the handler of what reached the channel from elsewhere.
func (c *Channel) info(ev *Event, how carriage) {
	m := &c.member
	if !m.traits().has(CallbackHandleInfo) {
		return
	}
	if res, ok := c.inform(CallbackHandleInfo, ev); ok {
		c.together(len(res.Do), func() { c.carryOut(m, res.Do, how) })
		c.stopIf(res)
	}
}

// tooLarge tells whether a message was refused because it is too large for the handler.
func tooLarge(err error) bool {
	if err == nil {
		return false
	}
	var refusal *Refusal
	return errors.As(err, &refusal) && refusal.Reason == phx.ReasonPayloadTooLarge
}

// inform calls the handler with what no client waits to be answered.
func (c *Channel) inform(cb Callbacks, ev *Event) (Result, bool) {
	m := &c.member
	res, err := c.call(m, cb, ev)
	if tooLarge(err) {
		// The sender's message is too large for the handler of a client that did
		// nothing. It cannot be delivered unseen, since handle_out may be a filter.
		c.env.log.Warn("a message was too large for the handler and was dropped", "topic", c.topic, "event", ev.Event, "callback", cb.String(), "plugin", m.traits().Name)
		return Result{}, false
	}
	return res, !c.failed(cb, res, err)
}
