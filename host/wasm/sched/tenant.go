package sched

import (
	"context"
	"sync/atomic"
	"time"
)

// Share is what a tenant may use. The zero value is usable.
type Share struct {
	// Weight is the tenant's part of the processors while guests wait for them: twice
	// the weight is twice the fuel. Default 1.
	Weight int
	// FuelPerSecond is how much fuel the tenant may use in a second; Burst is how
	// much at once, if it has used less before. A callback that has begun goes on,
	// and the tenant then waits until that is paid. Defaults: any; what there is for
	// one second.
	FuelPerSecond, Burst int64
}

// Tenant is one who pays for guests. It is safe for concurrent use.
type Tenant struct {
	sched  *Scheduler
	name   string
	bucket bucket

	used   atomic.Int64 // fuel, since the beginning
	inside atomic.Int64 // callbacks under way
	credit atomic.Int64 // what used may come to before the tenant has to be looked at again

	// The scheduler's mu guards the others.
	users      int
	weight     float64
	time       float64 // fuel used while guests waited, by weight: whose is least comes next
	counted    int64   // the part of used that is in time
	period     uint64  // of the scheduler, when time was looked at
	holding    int     // slots
	head, tail *Guest  // those who wait
	at         int     // see queue
}

// grace is by how much fuel, by weight, a tenant may be ahead of those who wait
// without having to wait itself: one slice.
const grace = 128 << 10

// Tenant returns the tenant of that name, whose share becomes this one. It is
// there until [Tenant.Release] was called as often.
func (s *Scheduler) Tenant(name string, share Share) *Tenant {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	t := s.tenants[name]
	if t == nil {
		t = &Tenant{sched: s, name: name, at: -1}
		s.tenants[name] = t
	}
	t.users++
	t.count()
	t.weight = float64(max(share.Weight, 1))
	t.bucket.set(share)
	return t
}

// Release gives the tenant up. Its guests must have ended. What it has used beyond its
// rate is not forgotten before it would have been paid: it would be free of it by coming
// back.
func (t *Tenant) Release() {
	s := t.sched
	s.mu.Lock()
	defer s.mu.Unlock()
	t.users--
	s.sweep()
}

// sweep forgets the tenants that nobody uses and that owe nothing. The caller holds
// s.mu.
func (s *Scheduler) sweep() {
	for name, t := range s.tenants {
		if t.users == 0 && t.bucket.full() {
			delete(s.tenants, name)
		}
	}
}

// Name is the tenant's name.
func (t *Tenant) Name() string { return t.name }

// Used is how much fuel the tenant's guests have used.
func (t *Tenant) Used() int64 { return t.used.Load() }

// Admit tells whether the tenant's rate lets another callback begin: if not, it is
// how long that takes, and first is true unless there was such an answer since one
// was let in.
func (t *Tenant) Admit() (wait time.Duration, first bool) {
	if !t.bucket.limited.Load() {
		return 0, false
	}
	if wait, first = t.bucket.wait(); wait > 0 {
		t.sched.Counts.Exhausted.Add(1)
	}
	return wait, first
}

// Indebted tells whether the tenant has used more than its rate allows by now.
func (t *Tenant) Indebted() bool { return t.bucket.limited.Load() && t.bucket.owes() }

// Await returns when the tenant's rate lets another callback begin. The error is
// ctx's.
func (t *Tenant) Await(ctx context.Context) error {
	for {
		wait, _ := t.Admit()
		if wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// charge lets the tenant pay.
func (t *Tenant) charge(fuel int64) {
	if fuel <= 0 {
		return
	}
	t.used.Add(fuel)
	if t.bucket.limited.Load() {
		t.bucket.take(fuel)
	}
}

// count puts what was used into the tenant's time, and tells whether that changed
// its place in the queue. The caller holds the scheduler's mu.
func (t *Tenant) count() bool {
	s := t.sched
	used, before := t.used.Load(), t.time
	switch {
	case t.period != s.period: // nobody waited meanwhile
		t.period, t.time = s.period, s.clock
	default:
		t.time += float64(used-t.counted) / t.weight
	}
	t.counted = used
	if t.holding == 0 && t.head == nil {
		t.time = max(t.time, s.clock) // it did not want more
	}
	if t.at < 0 || t.time == before {
		return false
	}
	s.queue.fix(t)
	return true
}

// ahead tells whether the tenant has used so much more than those who wait that it
// has to wait as well. The caller holds the scheduler's mu.
func (t *Tenant) ahead() bool {
	t.count()
	ahead := t.time - t.sched.clock
	t.credit.Store(t.counted + int64(max(0, grace-ahead)*t.weight))
	return ahead >= grace
}
