package channel

import (
	"bytes"

	"github.com/chhost/chhost/host/phx"
)

// upgrade moves the membership to the handler that has replaced its own.
func (c *Channel) upgrade(done func(outcome)) {
	became := gone
	defer func() { done(became) }()
	if !c.joined() {
		return
	}
	m := &c.member
	next, back := c.env.successor(m.use, c.topic)
	if next == nil {
		became = upgraded // it joined, or was moved, since
		return
	}
	drop := next // what is not needed in the end
	defer func() { c.env.release(drop) }()
	became = kept
	old := &undo{version: versionOf(m.handler()), assigns: m.assigns}
	if _, ok := m.handler().(Edition); !ok {
		old = nil // it cannot come back
	}
	restored := back && m.undo.leadsTo(next.handler)
	res, ok := Result{}, true
	same := versionOf(m.handler()) == versionOf(next.handler)
	if !restored && !same {
		res, ok = c.asked(m, next)
	}
	if !ok && back {
		became = broken
		c.end(LeaveFailed, phx.EventError, phx.ReasonChannelCrash.Payload(0))
	}
	if !ok {
		return
	}
	became = upgraded
	drop = m.use
	c.env.strike(c, m.use)
	c.member.use = next
	c.adopt(next.handler.Traits())
	if c.env.enroll(c, next) {
		c.again()
	}
	switch {
	case restored:
		m.assigns, m.undo = m.undo.assigns, nil
	case !same:
		c.carryOut(m, res.Do, carriage{push: true})
		m.undo = old
	}
}

// asked asks the new version for its upgrade of the membership. It tells whether the
// channel may move.
func (c *Channel) asked(m *membership, next *use) (res Result, ok bool) {
	if !next.handler.Traits().has(CallbackUpgrade) {
		return Result{}, true
	}
	ev := c.eventOf(m) // the old handler may forget events, and this one keep them
	ev.Event = m.traits().Name
	res, err := enter(c.env.ctx, next.handler, CallbackUpgrade, &ev)
	if err == nil {
		err = m.checkKept(res.Do)
	}
	if err != nil || res.Status != StatusOK {
		c.env.log.Warn("a channel stays on the old version", append(m.traits().named("topic", c.topic), "next", next.handler.Traits().Name, "err", err)...)
		return Result{}, false
	}
	return res, true
}

// undo is what a membership was before its last upgrade, as long as its assigns are
// what that has left.
type undo struct {
	version any
	assigns []byte
}

// leadsTo tells whether h is the version that the membership was of before.
func (u *undo) leadsTo(h Handler) bool { return u != nil && u.version == versionOf(h) }

// assign sets the channel's state.
func (m *membership) assign(assigns []byte) {
	if m.undo != nil && !bytes.Equal(assigns, m.assigns) {
		m.undo = nil
	}
	m.assigns = assigns
}

// adopt delivers broadcasts as traits say from now on. Those that wait for a
// HandleOut which they need no more go to the client first: what follows them
// does not wait, and would overtake them.
func (c *Channel) adopt(traits *Traits) {
	for {
		c.mu.Lock()
		passed := c.takePassed(traits)
		if len(passed) == 0 {
			c.traits = traits
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		for _, b := range passed {
			c.client.Broadcast(b)
		}
	}
}

// takePassed takes the broadcasts that traits do not intercept out of the
// mailbox. The caller holds c.mu.
func (c *Channel) takePassed(traits *Traits) (passed []*phx.Broadcast) {
	c.waiting.cull(func(it *item) bool {
		if it.kind != itemOut || it.id != c.id || traits.intercepts(it.out.b.Event()) {
			return false
		}
		passed = append(passed, it.out.b)
		return true
	})
	c.outs -= len(passed)
	return passed
}

// again queues another upgrade: the handler was replaced while the channel came
// to it.
func (c *Channel) again() {
	_ = c.post(item{kind: itemUpgrade, done: func(outcome) {}}) // one that is closing needs none
}
