package channel

import (
	"github.com/chhost/chhost/host/phx"
)

// carriage says how effects are carried out.
type carriage struct {
	// push: the client is still there to be pushed to.
	push bool
	// hops is how many broadcasts led to the call, one after the other.
	hops int
}

// carryOut does what the handler asked for, in order.
func (c *Channel) carryOut(m *membership, do []Effect, how carriage) {
	for i := range do {
		e := &do[i]
		switch e.kind {
		case KindPush:
			if how.push {
				c.push(m.joinRef, e.event, e.payload)
			}
		case KindBroadcast, KindBroadcastFrom:
			c.broadcast(c.topic, e, how.hops)
		case KindBroadcastTo:
			c.broadcast(e.topic, e, how.hops)
		case KindAssign:
			m.assign(e.payload.Data())
		case KindReplyTo:
			if ref, ok := m.takeOpen(e.number, c.env.now()); ok {
				c.reply(m.joinRef, ref, e.Status(), e.payload)
			}
		case KindSendAfter:
			c.setTimer(m, e)
		case KindCancel:
			m.endTimer(c, e.number)
		case KindSubscribe:
			c.listen(m, e.topic)
		case KindUnsubscribe:
			m.unlisten(e.topic)
		}
	}
}

// broadcast sends to the subscribers of a topic, unless too many broadcasts have
// led here.
func (c *Channel) broadcast(topic string, e *Effect, hops int) {
	if hops > MaxHops {
		c.env.dropped.Add(1)
		c.env.log.Warn("a broadcast was dropped: too many others had caused it, one after the other", "topic", topic, "event", e.event, "hops", hops)
		return
	}
	b := phx.NewHop(hops, topic, e.event, e.payload)
	send := c.env.pubsub.Broadcast
	if e.kind == KindBroadcastFrom {
		send = c.env.pubsub.BroadcastFrom
	}
	if err := send(c.env.topic(topic), c, b); err != nil {
		c.env.log.Warn("a broadcast did not reach the other nodes", "topic", topic, "event", e.event, "err", err)
	}
}
