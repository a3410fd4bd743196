package load

import (
	"context"
	"sync/atomic"
	"time"
)

// phase is what a load is doing after its ramp.
type phase int32

const (
	phaseTrial phase = iota
	phaseWarmup
	phaseMeasure
	phaseOver
)

// course is the course of a load whose connections go on by themselves: what phase
// it is in, and what has been done and how long each took. Safe for concurrent use.
type course struct {
	phase  atomic.Int32
	count  atomic.Int64
	target int64 // 0 is none
	done   chan struct{}
	before usage // as it was when the measurement began
	took   *latencies
}

func newCourse(target int) course {
	return course{target: int64(target), done: make(chan struct{}, 1), took: newLatencies()}
}

// now is the phase that the load is in.
func (c *course) now() phase { return phase(c.phase.Load()) }

// begin ends what came before the load. Without a warm-up all that it does is
// measured, the first as well.
func (c *course) begin(r *run) {
	if r.cfg.Warmup > 0 {
		c.phase.Store(int32(phaseWarmup))
		return
	}
	c.before = r.usage()
	c.phase.Store(int32(phaseMeasure))
}

// note counts what the connection with the number n has done in ns nanoseconds, if
// that is to be measured.
func (c *course) note(n int, ns int64) {
	if c.now() != phaseMeasure {
		return
	}
	count := c.count.Add(1)
	if c.target > 0 && count > c.target {
		return
	}
	c.took.note(n, time.Duration(ns))
	if count == c.target {
		c.over()
	}
}

// over ends the load.
func (c *course) over() {
	select {
	case c.done <- struct{}{}:
	default: // it has been told
	}
}

// measure lets the load warm up, and reports what it does from then on.
func (c *course) measure(ctx context.Context, r *run, what string) {
	if r.cfg.Warmup > 0 {
		if !r.wait(ctx, r.cfg.Warmup, c.done) {
			return
		}
		c.before = r.usage()
		c.phase.Store(int32(phaseMeasure))
	}
	duration := r.cfg.Duration
	if c.target > 0 {
		duration = -1
	}
	r.wait(ctx, duration, c.done)
	c.phase.Store(int32(phaseOver))
	count := c.count.Load()
	if c.target > 0 {
		count = min(count, c.target)
	}
	r.report.Measured = stage(what, count, c.before, r.usage(), c.took.summary())
}
