package sched

import (
	"context"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slice is how much fuel the tests' slices take.
const slice = grace

// actor is a guest that does what it is told to, on a goroutine of its own in a
// bubble of synctest: when the bubble is at rest, it has either done it or waits for a
// slot.
type actor struct {
	*Guest
	name    int
	do      chan func()
	cancel  context.CancelFunc
	working bool // a callback is under way
	done    bool // what it was told
	err     error
}

// newActor returns an actor that ends when the test calls stop.
func newActor(t *Tenant, name int) *actor {
	a := &actor{Guest: t.Guest(), name: name, do: make(chan func()), done: true}
	go func() {
		for do := range a.do {
			do()
			a.done = true
		}
	}()
	return a
}

// stop ends the actor, also where the test has failed and it waits.
func (a *actor) stop() {
	if a.cancel != nil {
		a.cancel()
	}
	close(a.do)
}

// tell lets the actor do something and returns when it has, or waits.
func (a *actor) tell(do func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel, a.done = cancel, false
	a.do <- func() { do(ctx) }
	synctest.Wait()
}

func (a *actor) begin() {
	a.tell(func(ctx context.Context) {
		_, a.err = a.Begin(ctx, 0)
		a.working = a.err == nil
	})
}

func (a *actor) slice(fuel int64) {
	a.tell(func(ctx context.Context) { _, a.err = a.Slice(ctx, fuel, 0) })
}

func (a *actor) end(fuel int64) {
	a.tell(func(context.Context) { a.End(fuel) })
	a.working = false
}

// waits tells whether the actor is in the queue.
func (a *actor) waits() bool { return !a.done }

// actors makes so many actors for each tenant.
func actors(t *testing.T, count int, tenants ...*Tenant) []*actor {
	var list []*actor
	for _, tenant := range tenants {
		for range count {
			list = append(list, newActor(tenant, len(list)))
		}
	}
	t.Cleanup(func() {
		for _, a := range list {
			a.stop()
		}
	})
	return list
}

// wantRest checks that nobody waits and no slot is taken.
func wantRest(t *testing.T, s *Scheduler) {
	t.Helper()
	if s.Waiting() != 0 || s.Taken() != 0 || len(s.queue) != 0 {
		t.Errorf("in the end %d wait, %d slots are taken, %d tenants are in the queue", s.Waiting(), s.Taken(), len(s.queue))
	}
	for name, tenant := range s.tenants {
		if n := tenant.inside.Load(); n != 0 || tenant.holding != 0 || tenant.head != nil || tenant.tail != nil {
			t.Errorf("in the end tenant %s has %d callbacks under way and %d slots", name, n, tenant.holding)
		}
	}
}
