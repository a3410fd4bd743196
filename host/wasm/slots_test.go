package wasm

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chhost/chhost/host/channel/channeltest"
)

// All that wait come in, one after the other, and one that withdraws leaves no gap.
func TestSlotsAreWaitedFor(t *testing.T) {
	s := newSlots(1)
	if !s.enter() || s.enter() || s.queue() {
		t.Fatal("one place let two in")
	}
	var order []int
	var wg sync.WaitGroup
	wg.Go(func() { // the one that queues above
		<-s.call
		order = append(order, 0)
		s.leave()
	})
	for n := 1; n <= 3; n++ {
		started := s.free.Load()
		wg.Go(func() {
			if s.queue() {
				t.Error("a second came in")
			}
			<-s.call
			order = append(order, n) // the place is the lock
			s.leave()
		})
		channeltest.Eventually(t, "another waits", func() bool { return s.free.Load() < started })
	}
	if s.queue() || !s.withdraw() {
		t.Error("one that waits could not withdraw")
	}
	if s.enter() || s.taken() != 1 {
		t.Errorf("%d places are taken, want 1", s.taken())
	}
	s.leave()
	wg.Wait()
	if len(order) != 4 || s.taken() != 0 || !s.enter() {
		t.Errorf("%v came in, %d places are taken after", order, s.taken())
	}
}

// However entering, waiting, withdrawing and leaving meet, there are never more inside
// than places, nobody waits in vain, and all places are free in the end.
func TestSlotsUnderPressure(t *testing.T) {
	const places = 3
	s := newSlots(places)
	var inside, most, entered atomic.Int64
	visit := func() {
		n := inside.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		entered.Add(1)
		inside.Add(-1)
		s.leave()
	}
	var wg sync.WaitGroup
	const visitors, visits = 16, 2000
	for v := range visitors {
		wg.Go(func() {
			for i := range visits {
				switch {
				case s.enter(), s.queue():
				case (v+i)%3 == 0: // no patience
					if s.withdraw() {
						continue
					}
				default:
					<-s.call
				}
				visit()
			}
		})
	}
	wg.Wait()
	if most.Load() > places || s.taken() != 0 || len(s.call) != 0 || s.free.Load() != places {
		t.Errorf("%d were inside at once, %d places are taken, %d are called, %d are free", most.Load(), s.taken(), len(s.call), s.free.Load())
	}
	if n := entered.Load(); n < visitors*visits*2/3 {
		t.Errorf("%d of %d visits took place", n, visitors*visits)
	}
}
