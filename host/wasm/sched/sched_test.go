package sched

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs a test in a bubble of synctest, with a scheduler and tenants of these
// weights.
func bubble(t *testing.T, slots int, weights []int, test func(t *testing.T, s *Scheduler, tenants []*Tenant)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Slots: slots})
		var tenants []*Tenant
		for i, weight := range weights {
			tenants = append(tenants, s.Tenant(string(rune('a'+i)), Share{Weight: weight}))
		}
		test(t, s, tenants)
		wantRest(t, s)
		for _, tenant := range tenants {
			tenant.Release()
		}
		if len(s.tenants) != 0 {
			t.Errorf("%d tenants are left", len(s.tenants))
		}
	})
}

func TestSlots(t *testing.T) {
	if s := New(Config{}); s.slots != int64(max(1, runtime.GOMAXPROCS(0)-1)) {
		t.Errorf("%d slots for %d processors", s.slots, runtime.GOMAXPROCS(0))
	}
	if s := New(Config{Slots: 5}); s.slots != 5 || s.Taken() != 0 {
		t.Errorf("%d slots, %d taken; 5 are wanted", s.slots, s.Taken())
	}
}

// A callback of one slice takes no slot; one that goes on does, and those that find
// none wait.
func TestFirstSliceIsFree(t *testing.T) {
	bubble(t, 1, []int{1}, func(t *testing.T, s *Scheduler, tenants []*Tenant) {
		a := actors(t, 2, tenants[0])
		a[0].begin()
		a[1].begin()
		if s.Taken() != 0 || a[0].waits() || a[1].waits() {
			t.Fatalf("%d slots are taken", s.Taken())
		}
		a[0].slice(slice)
		a[1].slice(slice)
		if s.Taken() != 1 || a[0].waits() || !a[1].waits() || s.Waiting() != 1 {
			t.Errorf("%d slots are taken, %d wait", s.Taken(), s.Waiting())
		}
		a[0].end(5)
		if s.Taken() != 1 || a[1].waits() {
			t.Error("the slot was not handed on at the end of a callback")
		}
		a[1].end(7)
		if got := tenants[0].Used(); got != 2*slice+12 {
			t.Errorf("the tenant used %d", got)
		}
	})
}

// Guests of one tenant take turns, every eight slices, in the order in which they came.
func TestTurns(t *testing.T) {
	bubble(t, 1, []int{1}, func(t *testing.T, s *Scheduler, tenants []*Tenant) {
		a := actors(t, 4, tenants[0])
		for _, a := range a[:2] {
			a.begin()
		}
		for _, a := range a[:2] {
			a.slice(slice)
		}
		for _, a := range a[2:] {
			a.begin() // the tenant has more under way than there are processors: from the start
			if !a.waits() {
				t.Error("one too many runs without a slot")
			}
		}
		var order []int
		for range 12 {
			at := slices.IndexFunc(a, func(a *actor) bool { return !a.waits() })
			order = append(order, at)
			for range turns {
				if a[at].slice(slice); a[at].waits() {
					t.Error("a slot was handed on too early")
				}
			}
			a[at].slice(slice)
		}
		if want := []int{0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3}; !slices.Equal(order, want) {
			t.Errorf("the turns were %v", order)
		}
		if n := s.Counts.Handoffs.Load(); n != 12 {
			t.Errorf("%d slots were handed on", n)
		}
		end(a)
	})
}

// end ends all callbacks, those that run first.
func end(list []*actor) {
	for slices.ContainsFunc(list, func(a *actor) bool { return a.working || a.waits() }) {
		for _, a := range list {
			if a.working && !a.waits() {
				a.end(0)
			}
		}
	}
}

// The short callbacks of a tenant that uses little run beside any number of others'
// long ones without waiting, and its long ones wait for two slices at most, and get as much as all the others together.
func TestNeighbour(t *testing.T) {
	bubble(t, 1, []int{1, 1}, func(t *testing.T, s *Scheduler, tenants []*Tenant) {
		loopers, guest := actors(t, 6, tenants[0]), actors(t, 1, tenants[1])[0]
		for _, a := range loopers {
			if a.begin(); !a.waits() {
				a.slice(slice)
			}
		}
		turn := func() {
			loopers[slices.IndexFunc(loopers, func(a *actor) bool { return a.Guest.slot && !a.waits() })].slice(slice)
		}
		for range 200 {
			guest.begin()
			if guest.waits() {
				t.Fatal("a short callback waits")
			}
			guest.end(slice / 2)
			turn()
		}
		before := tenants[0].Used()
		guest.begin()
		for range 20 {
			guest.slice(slice)
			for turns := 0; guest.waits(); turns++ {
				if turns == 2 {
					t.Fatal("a long callback waits for more than two slices")
				}
				turn()
			}
		}
		if got := tenants[0].Used() - before; got > 22*slice {
			t.Errorf("the others used %d slices meanwhile, want 20", got/slice)
		}
		guest.end(0)
		end(loopers)
	})
}

// A tenant that floods the host with short callbacks has to take turns as well, as
// soon as it has used more than those who wait.
func TestManyShortCallbacksWait(t *testing.T) {
	bubble(t, 1, []int{1, 1}, func(t *testing.T, s *Scheduler, tenants []*Tenant) {
		loopers, flood := actors(t, 2, tenants[0]), actors(t, 1, tenants[1])[0]
		for _, a := range loopers {
			a.begin()
			a.slice(slice)
		}
		for n := 0; ; n++ {
			flood.begin()
			if flood.waits() {
				break
			}
			flood.end(slice / 2)
			if n > 4 {
				t.Fatalf("after %d callbacks in one slice of the others it still runs freely", n)
			}
		}
		before := tenants[0].Used()
		for flood.waits() {
			loopers[slices.IndexFunc(loopers, func(a *actor) bool { return !a.waits() })].slice(slice)
			if tenants[0].Used() > before+4*slice {
				t.Fatal("it waits for more than what it had used before")
			}
		}
		flood.end(0)
		end(loopers)
	})
}

// Who was away has saved up nothing, and what was used while nobody waited is forgotten.
func TestNobodySavesUp(t *testing.T) {
	bubble(t, 1, []int{1, 1}, func(t *testing.T, s *Scheduler, tenants []*Tenant) {
		a, b := actors(t, 2, tenants[0]), actors(t, 2, tenants[1])
		a[0].begin()
		for range 1000 {
			a[0].slice(slice) // alone
		}
		start := func(list ...*actor) {
			for _, actor := range list {
				if actor.begin(); !actor.waits() {
					actor.slice(slice)
				}
			}
		}
		start(a[1], b[0], b[1])
		race := func(turns int) (used [2]int64) {
			before := [2]int64{tenants[0].Used(), tenants[1].Used()}
			for range turns {
				both := slices.Concat(a, b)
				both[slices.IndexFunc(both, func(a *actor) bool { return !a.waits() && a.working })].slice(slice)
			}
			return [2]int64{(tenants[0].Used() - before[0]) / slice, (tenants[1].Used() - before[1]) / slice}
		}
		if used := race(100); used[0] < 48 || used[1] < 48 {
			t.Errorf("after a had run alone, 100 turns were shared %v", used)
		}
		for _, actor := range b {
			actor.cancelOrEnd(t)
		}
		race(1000) // b is away, while guests of a wait for each other
		start(b...)
		if used := race(100); used[0] < 48 || used[1] < 48 {
			t.Errorf("after b had been away, 100 turns were shared %v", used)
		}
		end(slices.Concat(a, b))
	})
}

// cancelOrEnd ends a callback, whether it runs or waits.
func (a *actor) cancelOrEnd(t *testing.T) {
	t.Helper()
	if a.waits() {
		a.cancel()
		synctest.Wait()
		if !errors.Is(a.err, context.Canceled) {
			t.Errorf("a wait that was cancelled ended with %v", a.err)
		}
	}
	if a.working {
		a.end(0)
	}
}

// Where all want as much as they can get, the fuel is shared by weight, whatever
// the slices, the number of guests and of slots.
func TestSharesFollowWeights(t *testing.T) {
	for _, slots := range []int{1, 2, 3, 7} {
		t.Run(fmt.Sprint(slots), func(t *testing.T) {
			weights := []int{1, 2, 5, 1}
			bubble(t, slots, weights, func(t *testing.T, s *Scheduler, tenants []*Tenant) {
				rng := newRand(t)
				var all []*actor
				for i, tenant := range tenants {
					all = append(all, actors(t, slots+1+i, tenant)...)
				}
				for _, a := range all {
					a.begin()
					if !a.waits() {
						a.slice(slice)
					}
				}
				var before []int64
				for turn := range 4000 {
					if turn == 100 {
						for _, tenant := range tenants {
							before = append(before, tenant.Used())
						}
					}
					for at := rng.IntN(len(all)); ; at = (at + 1) % len(all) {
						if !all[at].waits() {
							all[at].slice(1 + rng.Int64N(slice))
							break
						}
					}
				}
				var parts []float64
				for i, tenant := range tenants {
					parts = append(parts, float64(tenant.Used()-before[i])/float64(weights[i]))
				}
				if least, most := slices.Min(parts), slices.Max(parts); most-least > float64(2*(slots+1)*slice) {
					t.Errorf("by weight they used %.0f", parts)
				}
				end(all)
			})
		})
	}
}

// A wait has an end: the guest's patience, or its context.
func TestPatience(t *testing.T) {
	bubble(t, 1, []int{1, 1}, func(t *testing.T, s *Scheduler, tenants []*Tenant) {
		a, b := actors(t, 1, tenants[0])[0], tenants[1].Guest()
		a.begin()
		a.slice(slice)
		for n := range 3 { // the timer serves again
			if _, err := b.Begin(t.Context(), time.Second); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			waited, err := b.Slice(t.Context(), slice, time.Duration(n+1)*time.Second)
			if !errors.Is(err, ErrLate) || waited != time.Since(begin) || waited != time.Duration(n+1)*time.Second {
				t.Errorf("it waited for %v: %v", waited, err)
			}
			b.End(0)
		}
		for range 3 {
			if _, err := b.Begin(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			gone := errors.New("gone")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Minute, func() { cancel(gone) })
			if waited, err := b.Slice(ctx, slice, time.Hour); !errors.Is(err, gone) || waited != time.Minute {
				t.Errorf("it waited for %v: %v", waited, err)
			}
			b.End(0)
		}
		a.end(0)
		if s.Counts.Late.Load() != 3 || s.Counts.Waits.Load() != 6 {
			t.Errorf("%d lost their patience, %d waited", s.Counts.Late.Load(), s.Counts.Waits.Load())
		}
	})
}

// A slot that is given to one who has just lost its patience is not lost, whichever
// of the two the guest notices.
func TestGivenTooLate(t *testing.T) {
	for range 50 {
		bubble(t, 1, []int{1, 1, 1}, func(t *testing.T, s *Scheduler, tenants []*Tenant) {
			a, late, next := actors(t, 1, tenants[0])[0], actors(t, 1, tenants[1])[0], actors(t, 1, tenants[2])[0]
			for _, actor := range []*actor{a, late, next} {
				actor.begin()
				actor.slice(slice)
			}
			// Both before either can be noticed.
			s.mu.Lock()
			late.cancel()
			a.slot, tenants[0].holding = false, 0
			other := s.next()
			s.mu.Unlock()
			if other != late.Guest {
				t.Fatal("not the one that has waited longest comes next")
			}
			other.ready <- struct{}{}
			synctest.Wait()
			if late.waits() || !late.slot || !next.waits() {
				t.Fatal("the one that was given the slot does not have it")
			}
			late.end(0)
			if next.waits() {
				t.Fatal("the slot was lost")
			}
			next.end(0)
			a.end(0)
		})
	}
}
