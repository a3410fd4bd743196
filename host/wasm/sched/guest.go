package sched

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// ErrLate is returned when a guest has waited for a slot for as long as it wanted.
var ErrLate = errors.New("sched: no processor was free in time")

// Guest is one who runs callbacks, one at a time. It belongs to who runs it, and
// must not be copied. Make one with [Tenant.Guest].
type Guest struct {
	tenant *Tenant
	slot   bool          // whether it has one
	kept   int           // slices for which it has kept it while others of its tenant wait
	ready  chan struct{} // says that it has been given one
	timer  *time.Timer   // of its patience
	stays  time.Time     // when its thread may stand aside again

	// The scheduler's mu guards the others.
	before, behind *Guest // in the tenant's queue
	arrived        uint64
	queued         bool
}

// Guest returns a guest of the tenant.
func (t *Tenant) Guest() *Guest { return &Guest{tenant: t, ready: make(chan struct{}, 1)} }

// Begin begins a callback. It may wait for a slot, until ctx ends or the guest has
// waited for as long as patience, if that is not zero; waited is how long it did.
// The error is [ErrLate] or ctx's, and then nothing has begun. Otherwise [Guest.End]
// has to be called.
func (g *Guest) Begin(ctx context.Context, patience time.Duration) (waited time.Duration, err error) {
	t, s := g.tenant, g.tenant.sched
	few := t.inside.Add(1) <= s.slots+1
	if few && (s.waiting.Load() == 0 || t.used.Load() < t.credit.Load()) {
		return 0, nil
	}
	s.mu.Lock()
	if few && !t.ahead() {
		s.mu.Unlock()
		return 0, nil
	}
	if waited, err = g.acquire(ctx, patience); err != nil {
		g.End(0)
	}
	return waited, err
}

// Slice ends a slice in which the guest used as much fuel, and begins the next one,
// as soon as the guest has a slot for it: see Begin. After an error the guest must
// not run on, and End has to be called.
//
// It does not yield to other goroutines: that moves the guest from processor to
// processor, also to the one that waits for the network, and on a busy machine of two
// cores took a neighbour's median from 1 ms to 4 to 10 ms.
func (g *Guest) Slice(ctx context.Context, fuel int64, patience time.Duration) (waited time.Duration, err error) {
	t, s := g.tenant, g.tenant.sched
	t.charge(fuel)
	g.stepAside()
	if g.slot && s.waiting.Load() == 0 {
		return 0, nil
	}
	s.mu.Lock()
	if !g.slot {
		return g.acquire(ctx, patience)
	}
	t.count()
	switch first := s.first(); {
	case first == nil || first.time > t.time:
		s.mu.Unlock()
		return 0, nil
	case first == t && g.kept < turns:
		g.kept++
		s.clock = max(s.clock, t.time) // as if it had been handed on
		s.mu.Unlock()
		return 0, nil
	}
	g.kept = 0
	// The guest takes its place before its slot is handed on, so that its tenant goes on
	// wanting: what it is behind the others is not forgotten.
	s.add(g)
	t.holding--
	g.slot = false
	other := s.next()
	s.mu.Unlock()
	s.Counts.Handoffs.Add(1)
	other.ready <- struct{}{} // has room, see wait
	return g.wait(ctx, patience)
}

// End ends a callback, whose last slice used as much fuel.
func (g *Guest) End(fuel int64) {
	t, s := g.tenant, g.tenant.sched
	t.charge(fuel)
	t.inside.Add(-1)
	if !g.slot {
		return
	}
	s.mu.Lock()
	g.slot, g.kept = false, 0
	t.holding--
	other := s.next()
	if other == nil {
		s.free++
	}
	s.mu.Unlock()
	if other != nil {
		// Here and now: else an idle processor takes the other one away, which may go on
		// for long, while this goroutine hands over what came of its callback. Where guests
		// move between processors the system needs milliseconds to put the threads apart
		// again; without this, callbacks of eight slices beside one that loops took 4.2 ms
		// in the median instead of 1.4, on two cores one of which was busy.
		other.ready <- struct{}{}
		runtime.Gosched()
	}
}

// acquire gets a slot. The caller holds the scheduler's mu, and does no more
// afterwards.
func (g *Guest) acquire(ctx context.Context, patience time.Duration) (time.Duration, error) {
	t, s := g.tenant, g.tenant.sched
	if s.free > 0 {
		s.free--
		t.count()
		t.holding++
		g.slot = true
		s.mu.Unlock()
		return 0, nil
	}
	s.add(g)
	s.mu.Unlock()
	return g.wait(ctx, patience)
}

// wait waits for the slot that the guest is queued for. Whoever took it out of the
// queue to give it one sends to ready, once: if it does not want it any more then,
// it has it all the same, and End passes it on.
func (g *Guest) wait(ctx context.Context, patience time.Duration) (time.Duration, error) {
	s := g.tenant.sched
	s.Counts.Waits.Add(1)
	begin := time.Now()
	var late <-chan time.Time
	if patience > 0 {
		if g.timer == nil {
			g.timer = time.NewTimer(patience)
		} else {
			g.timer.Reset(patience)
		}
		defer g.timer.Stop()
		late = g.timer.C
	}
	var err error
	select {
	case <-g.ready:
		g.slot = true
		return time.Since(begin), nil
	case <-late:
		err = ErrLate
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	s.mu.Lock()
	queued := g.queued
	if queued {
		s.remove(g)
	}
	s.mu.Unlock()
	if !queued {
		<-g.ready
		g.slot = true
		if err == ErrLate { // it has come in time after all
			return time.Since(begin), nil
		}
	}
	if err == ErrLate {
		s.Counts.Late.Add(1)
	}
	return time.Since(begin), err
}
