package channel

import (
	"errors"
	"time"

	"github.com/chhost/chhost/host/phx"
)

// This file handles what reaches a channel from others than its client.

// out handles an intercepted broadcast.
func (c *Channel) out(d delivery) {
	m := &c.member
	ev := c.event(m)
	ev.Event = d.b.Event()
	ev.Payload = d.b.Payload()
	ev.Self = d.from == c
	ev.Peer = d.peer()
	res, ok, _ := c.inform(CallbackHandleOut, ev, d.from)
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
func (c *Channel) heard(d delivery) {
	b := d.b
	if c.member.listeners[b.Topic()] == nil {
		return
	}
	ev := c.event(&c.member)
	ev.Topic = b.Topic()
	ev.Event = b.Event()
	ev.Payload = b.Payload()
	ev.Info = InfoBroadcast
	ev.Peer = d.peer()
	c.info(ev, carriage{push: true, hops: b.Hops() + 1}, d.from)
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
	if again := c.info(ev, carriage{push: true}, c); again > 0 {
		c.postpone(t, again)
	}
}

// info tells the handler of what reached the channel from elsewhere, because of the
// client of from. If the handler cannot be told now, it returns when to try again.
func (c *Channel) info(ev *Event, how carriage, from *Channel) (again time.Duration) {
	m := &c.member
	if !m.traits().has(CallbackHandleInfo) {
		return 0
	}
	res, ok, again := c.inform(CallbackHandleInfo, ev, from)
	if ok {
		c.together(len(res.Do), func() { c.carryOut(m, res.Do, how) })
		c.stopIf(res)
	}
	return again
}

// spares tells whether a refusal costs a message and not the channel, whose client
// did nothing: the message is too large for the handler, or the handler is back in a
// while and the membership will be worth having kept. The message cannot be delivered
// unseen, since handle_out may be a filter.
func spares(err error) (refusal *Refusal, ok bool) {
	if err == nil {
		return nil, false
	}
	var r *Refusal // which errors.As moves to the heap: not where there is no error
	if !errors.As(err, &r) {
		return nil, false
	}
	return r, r.Reason == phx.ReasonPayloadTooLarge || r.RetryAfter > 0
}

// inform calls the handler with what no client waits to be answered, because of the
// client of from. If it is not ok, the handler was not told, and may be again later,
// or the membership has ended.
func (c *Channel) inform(cb Callbacks, ev *Event, from *Channel) (res Result, ok bool, again time.Duration) {
	m := &c.member
	res, err := c.call(m, cb, ev)
	refusal, spared := spares(err)
	switch {
	case !spared:
		return res, !c.failed(cb, res, err, from), 0
	case refusal.Reason == phx.ReasonPayloadTooLarge:
		c.env.log.Warn("a message was too large for the handler and was dropped", m.traits().named("topic", c.topic, "event", ev.Event, "callback", cb.String())...)
		return Result{}, false, 0
	case ev.Info != InfoTimer:
		c.env.missed.Add(1)
		c.env.log.Warn("a message was dropped: the handler is not being served", m.traits().named("topic", c.topic, "event", ev.Event, "callback", cb.String(), "reason", string(refusal.Reason))...)
	}
	return Result{}, false, refusal.RetryAfter
}
