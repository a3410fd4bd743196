package conversation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/hosttest/conversation"
)

func begin() time.Time { return time.Date(2015, 3, 24, 9, 21, 40, 0, time.UTC) }

// record notes which function was called when.
type record struct {
	clock *conversation.Clock
	lines []string
}

func (r *record) call(name string) func() {
	return func() { r.lines = append(r.lines, fmt.Sprint(name, " at ", r.clock.Now().Sub(begin()))) }
}

func (r *record) expect(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(r.lines, want) {
		t.Errorf("called %q, want %q", r.lines, want)
	}
	r.lines = nil
}

func (r *record) advance(t *testing.T, to time.Duration) {
	t.Helper()
	if err := r.clock.Advance(t.Context(), begin().Add(to), nil); err != nil {
		t.Error(err)
	}
	if got := r.clock.Now().Sub(begin()); got != to {
		t.Errorf("the clock shows %v, want %v", got, to)
	}
}

func TestClock(t *testing.T) {
	r := &record{clock: conversation.NewClock(begin())}
	r.advance(t, 0)
	for name, d := range map[string]time.Duration{"c": 3 * time.Second, "a": time.Second, "d": 5 * time.Second, "b": 2 * time.Second} {
		r.clock.AfterFunc(d, r.call(name))
	}
	r.advance(t, 0)
	r.advance(t, time.Second-1)
	r.expect(t)
	r.advance(t, time.Second)
	r.expect(t, "a at 1s")
	r.advance(t, 4*time.Second)
	r.expect(t, "b at 2s", "c at 3s")
	for _, name := range []string{"1", "2", "3"} {
		r.clock.AfterFunc(time.Second, r.call(name)) // due with d: later ones come later
	}
	r.clock.AfterFunc(-1, r.call("late"))
	r.advance(t, 4*time.Second)
	r.expect(t, "late at 4s")
	r.advance(t, time.Hour)
	r.expect(t, "d at 5s", "1 at 5s", "2 at 5s", "3 at 5s")
}

// Timers that are set on the way are part of it, as often as they are due.
func TestClockTimersOnTheWay(t *testing.T) {
	r := &record{clock: conversation.NewClock(begin())}
	var again func()
	again = func() {
		r.call("tick")()
		r.clock.AfterFunc(2*time.Second, again)
	}
	r.clock.AfterFunc(time.Second, again)
	r.clock.AfterFunc(4*time.Second, r.call("once"))
	r.advance(t, 6*time.Second)
	r.expect(t, "tick at 1s", "tick at 3s", "once at 4s", "tick at 5s")
	r.advance(t, 7*time.Second)
	r.expect(t, "tick at 7s")
}

func TestClockStop(t *testing.T) {
	r := &record{clock: conversation.NewClock(begin())}
	var stops []func() bool
	for n := range 10 {
		stops = append(stops, r.clock.AfterFunc(time.Duration(n)*time.Second, r.call(fmt.Sprint(n))))
	}
	for _, n := range []int{7, 1, 4, 9} {
		if !stops[n]() {
			t.Errorf("timer %d could not be stopped", n)
		}
		if stops[n]() {
			t.Errorf("timer %d could be stopped twice", n)
		}
	}
	r.clock.AfterFunc(5500*time.Millisecond, func() {
		if !stops[8]() || stops[5]() {
			t.Error("on the way, 8 could not be stopped, or 5 could")
		}
	})
	r.advance(t, time.Minute)
	r.expect(t, "0 at 0s", "2 at 2s", "3 at 3s", "5 at 5s", "6 at 6s")
	if stops[6]() {
		t.Error("a timer that was called could be stopped")
	}
}

// Between two timers the server comes to rest, and before the first one.
func TestClockWaitsForTheServer(t *testing.T) {
	clock := conversation.NewClock(begin())
	var busy atomic.Bool
	var server sync.WaitGroup
	work := func() {
		busy.Store(true)
		server.Go(func() {
			shown := clock.Now()
			for range 100 {
				if now := clock.Now(); !now.Equal(shown) {
					t.Errorf("the clock went on to %v while the server was busy at %v", now, shown)
				}
				time.Sleep(10 * time.Microsecond)
			}
			busy.Store(false)
		})
	}
	work()
	for n := range 5 {
		clock.AfterFunc(time.Duration(n)*time.Second, work)
	}
	if err := clock.Advance(t.Context(), begin().Add(time.Minute), busy.Load); err != nil {
		t.Error(err)
	}
	if busy.Load() {
		t.Error("Advance returned while the server was busy")
	}
	server.Wait()
}

// A server that does not come to rest does not hold a test for ever.
func TestClockGivesUp(t *testing.T) {
	clock := conversation.NewClock(begin())
	clock.AfterFunc(time.Second, func() { t.Error("a timer was called while the server was busy") })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if err := clock.Advance(ctx, begin().Add(time.Minute), func() bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
	var again func()
	again = func() { clock.AfterFunc(0, again) }
	clock = conversation.NewClock(begin())
	clock.AfterFunc(0, again)
	ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := clock.Advance(ctx, begin().Add(time.Minute), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the context's error", err)
	}
}

// Without a context's end it gives up after 20 s, which in a bubble take no time.
func TestClockErrBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := conversation.NewClock(begin())
		err := clock.Advance(t.Context(), begin().Add(time.Minute), func() bool { return true })
		if !errors.Is(err, conversation.ErrBusy) || !clock.Now().Equal(begin()) {
			t.Errorf("%v at %v, want ErrBusy at the beginning", err, clock.Now())
		}
	})
}

// A server uses the clock from many goroutines at once.
func TestClockRace(t *testing.T) {
	clock := conversation.NewClock(begin())
	var called, stopped atomic.Int64
	var wg sync.WaitGroup
	const workers, each = 8, 200
	for range workers {
		wg.Go(func() {
			for n := range each {
				stop := clock.AfterFunc(time.Duration(n%7)*time.Second, func() { called.Add(1) })
				if n%3 == 0 && stop() {
					stopped.Add(1)
				}
				_ = clock.Now()
			}
		})
	}
	wg.Go(func() {
		for n := range 100 {
			if err := clock.Advance(t.Context(), begin().Add(time.Duration(n)*time.Second), nil); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if err := clock.Advance(t.Context(), begin().Add(time.Hour), nil); err != nil {
		t.Error(err)
	}
	if got := called.Load() + stopped.Load(); got != workers*each {
		t.Errorf("%d timers were called and %d stopped, of %d", called.Load(), stopped.Load(), workers*each)
	}
}
