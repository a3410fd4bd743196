package conversation

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"
)

// Clock is a clock that stands still until it is moved, and the timers that run
// on it. A server that is given one sees no other time, so that a dialogue says
// when a timer is due and no test waits for one. Now and AfterFunc may be called
// from several goroutines at once, Advance from one at a time.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	timers timers
	made   uint64 // timers so far
}

// NewClock returns a clock that shows start.
func NewClock(start time.Time) *Clock {
	return &Clock{now: start.Round(0)} // without the reading of the machine's own clock
}

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc has f called when the clock has been moved by d or more, by the
// goroutine that moves it: f must not block. Even if d is not positive that is
// when the clock is moved next, were it by nothing. stop keeps f from being
// called; it is true if it did, and false if f has been called, or stopped
// before, as with [time.AfterFunc].
func (c *Clock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	t := &timer{due: c.now.Add(max(d, 0)), number: c.made, f: f}
	heap.Push(&c.timers, t)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if t.at < 0 {
			return false
		}
		heap.Remove(&c.timers, t.at)
		return true
	}
}

// Timers is how many timers are set and have not been called.
func (c *Clock) Timers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

// ErrBusy is returned by [Clock.Advance] when the server does not come to rest.
var ErrBusy = errors.New("the server did not come to rest within 20 s")

// Advance moves the clock to a time that is not before its own. It stops at each
// timer that is due by then, in the order in which they are due (of two that are
// due at once the older one first), also at those that are set on the way: it
// shows the timer's time, calls its function, and waits until the server is at
// rest, which it is while busy returns false. Nil is a server that always is.
// The error is [ErrBusy], or ctx's.
func (c *Clock) Advance(ctx context.Context, to time.Time, busy func() bool) error {
	if err := rest(ctx, busy); err != nil {
		return err
	}
	for {
		f := c.step(to)
		if f == nil {
			return nil
		}
		f()
		if err := rest(ctx, busy); err != nil {
			return err
		}
	}
}

// step moves the clock to the next timer that is due by then, and returns its
// function; nil, and the clock is there, if there is none.
func (c *Clock) step(to time.Time) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 || c.timers[0].due.After(to) {
		if to.After(c.now) {
			c.now = to.Round(0)
		}
		return nil
	}
	t := heap.Pop(&c.timers).(*timer)
	if t.due.After(c.now) {
		c.now = t.due
	}
	return t.f
}

// rest waits until the server has nothing to do.
func rest(ctx context.Context, busy func() bool) error {
	if busy == nil {
		return ctx.Err()
	}
	patience, cancel := context.WithTimeoutCause(ctx, Patience, ErrBusy)
	defer cancel()
	for pause := 20 * time.Microsecond; busy(); pause = min(2*pause, time.Millisecond) {
		select {
		case <-patience.Done():
			return context.Cause(patience)
		case <-time.After(pause):
		}
	}
	return ctx.Err()
}

// timer is one call of AfterFunc.
type timer struct {
	due    time.Time
	number uint64
	f      func()
	at     int // its place among the timers, or -1
}

// timers is a heap: the next one comes first.
type timers []*timer

func (t timers) Len() int { return len(t) }

func (t timers) Less(i, j int) bool {
	if !t[i].due.Equal(t[j].due) {
		return t[i].due.Before(t[j].due)
	}
	return t[i].number < t[j].number
}

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].at, t[j].at = i, j
}

// Push implements heap.Interface.
func (t *timers) Push(x any) {
	added := x.(*timer)
	added.at = len(*t)
	*t = append(*t, added)
}

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	old := *t
	last := old[len(old)-1]
	last.at = -1
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	return last
}
