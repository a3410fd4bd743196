package channel

import "github.com/chhost/chhost/host/phx"

// upgrade moves the membership to the handler that has replaced its own.
func (c *Channel) upgrade(done func(outcome)) {
	became := gone
	defer func() { done(became) }()
	if !c.joined() {
		return
	}
	m := &c.member
	next := c.env.successor(m.use)
	if next == nil {
		became = upgraded // it joined, or was moved, since
		return
	}
	drop := next // what is not needed in the end
	defer func() { c.env.release(drop) }()
	became = kept
	var res Result
	if next.handler.Traits().has(CallbackUpgrade) {
		ev := c.eventOf(m) // the old handler may forget events, and this one keep them
		ev.Event = m.traits().Name
		var err error
		res, err = enter(c.env.ctx, next.handler, CallbackUpgrade, &ev)
		if err == nil {
			err = m.checkKept(res.Do)
		}
		if err != nil || res.Status != StatusOK {
			c.env.log.Warn("a channel stays on the old version", "topic", c.topic, "plugin", m.traits().Name, "next", next.handler.Traits().Name, "err", err)
			return
		}
	}
	became = upgraded
	drop = m.use
	c.env.strike(c, m.use)
	c.member.use = next
	c.adopt(next.handler.Traits())
	if c.env.enroll(c, next) {
		c.again()
	}
	c.carryOut(m, res.Do, carriage{push: true})
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
