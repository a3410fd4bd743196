package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/phx/phxclient"
)

// churn lets each connection leave its topic and join it; or opens connections,
// joins and closes them.
type churn struct {
	course
	r      *run
	closed []byte       // the event phx_close
	begun  atomic.Int64 // how many connections, in a reconnect
}

func newChurn(r *run) *churn {
	return &churn{course: newCourse(r.cfg.Count), r: r, closed: eventIn("phx_close")}
}

// take goes on where a connection is: the answer to a leave is followed by the
// join, and that one's by the next leave. The channel's phx_close comes between.
func (c *churn) take(m *member, s sort, data []byte) bool {
	if c.r.cfg.Reconnect || s != sortReply && s != sortJoined {
		return false
	}
	if s == sortJoined && hasEvent(data, c.closed) {
		return true
	}
	if !isOK(data) {
		m.waits.Store(0)
		m.conn.Abort() // neither outside nor inside
		return false
	}
	if s == sortReply {
		c.r.send(m, m.join, true)
		return true
	}
	c.note(m.n, c.r.now()-m.cycle.Load())
	if c.now() == phaseOver {
		m.waits.Store(0)
	} else {
		c.cycle(m)
	}
	return true
}

// cycle begins with a leave.
func (c *churn) cycle(m *member) {
	m.cycle.Store(c.r.now())
	c.r.send(m, m.leave, true)
}

func (c *churn) play(ctx context.Context) error {
	c.begin(c.r)
	var working sync.WaitGroup
	defer working.Wait()
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	what := "leave+join"
	if c.r.cfg.Reconnect {
		what = "connect+join+close"
		c.r.report.Connections = c.r.cfg.Conns // at a time
		var failed atomic.Int64
		since := time.Now()
		for n := range c.r.cfg.Conns {
			working.Go(func() { c.reconnect(bounded, since, n, &failed) })
		}
	}
	for _, m := range c.r.all() {
		if !c.r.cfg.Reconnect {
			m.join, m.leave = c.r.frames.joinOf(m.n), c.r.frames.leaveOf(m.n)
			c.cycle(m)
		}
	}
	c.measure(ctx, c.r, what)
	return nil
}

// reconnect opens connections with the number n, one after the other, until the
// load is over or too much fails.
func (c *churn) reconnect(ctx context.Context, since time.Time, n int, failed *atomic.Int64) {
	r := c.r
	for c.now() != phaseOver && r.pace(ctx, since, int(c.begun.Add(1))) && ctx.Err() == nil {
		begin := r.now()
		m, err := r.open(ctx, n)
		if err == nil {
			err = r.shut(m.conn, r.cfg.Timeout)
		}
		switch {
		case isOver(ctx):
			return
		case err == nil:
			c.note(n, r.now()-begin)
			continue
		}
		r.faults.add(err.Error(), 1)
		if n := failed.Add(1); n >= tooMany && n > c.count.Load() {
			c.over()
			return
		}
	}
}

// shut closes a connection and waits until the server has closed it too.
func (r *run) shut(conn *phxclient.LeanConn, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	_ = conn.SetDeadline(deadline) // fails only if it has ended
	conn.BeginClose(1000)
	for {
		if _, err := conn.Receive(); err != nil {
			break
		}
	}
	if time.Now().After(deadline) {
		return fmt.Errorf("close: no answer within %v", patience)
	}
	return nil
}
