package channel_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// armed counts the timers of a clock that have neither come nor been stopped.
type armed struct {
	mu sync.Mutex
	n  int
}

func (a *armed) add(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n += n
}

func (a *armed) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.n
}

func (a *armed) after(time.Duration, func()) (stop func() bool) {
	a.add(1)
	return func() bool { a.add(-1); return true }
}

// A timer that is replaced or cancelled, or whose channel has ended, is taken off
// the clock: who has one set for a day again and again costs one timer.
func TestTimersAreTakenOffTheClock(t *testing.T) {
	var clock armed
	n := channeltest.NewNode(t, channel.Config{AfterFunc: clock.after})
	s := newScripted(func(_ context.Context, ev *channel.Event) (channel.Result, error) {
		if ev.Event == "cancel" {
			return does(channel.Cancel(1))
		}
		return does(channel.SendAfter(1, 24*time.Hour, "x", phx.Payload{}), channel.SendAfter(2, time.Hour, "x", phx.Payload{}))
	})
	c := joinedWith(t, n, s.Handler())
	for _, step := range []struct {
		frame string
		want  int
	}{{in("set"), 2}, {in("set"), 2}, {in("cancel"), 1}, {in("set"), 2}, {leave, 0}} {
		c.Send(t, step.frame)
		n.Settle(t)
		if got := clock.count(); got != step.want {
			t.Errorf("after %s there are %d timers, want %d", step.frame, got, step.want)
		}
	}
}

// What timers carry may have exactly as many bytes as it may have.
func TestTimersMayCarryAllTheirBytes(t *testing.T) {
	onClock(t, func(t *testing.T, n *channeltest.Node) {
		s := newScripted(always(channel.SendAfter(1, time.Second, "large", phx.Bytes(make([]byte, channel.MaxTimerBytes)))))
		s.AcceptBinary = true
		c := joinedWith(t, n, s.Handler())
		c.Send(t, in("set"))
		after(time.Second)
		if len(s.seen) != 1 {
			t.Errorf("%d timers came, want 1; the client was sent %s", len(s.seen), c.Rest())
		}
	})
}

// waits is a callback that closes entered, waits for resume, and then does what
// then does; it does not wait for ever, so that a test that fails comes to its end.
func waits(entered, resume chan struct{}, then callback) callback {
	return func(ctx context.Context, ev *channel.Event) (channel.Result, error) {
		close(entered)
		select {
		case <-resume:
			return then(ctx, ev)
		case <-ctx.Done():
			return channel.Result{}, ctx.Err()
		}
	}
}

// busyWith is a callback that waits at the event "wait", and does what other does
// at all others.
func busyWith(entered, resume chan struct{}, other callback) callback {
	wait := waits(entered, resume, always())
	return func(ctx context.Context, ev *channel.Event) (channel.Result, error) {
		if ev.Event == "wait" {
			return wait(ctx, ev)
		}
		return other(ctx, ev)
	}
}

// What was on its way to a membership is not told to the next one, which did not
// subscribe to anything.
func TestABroadcastForAnEarlierMembership(t *testing.T) {
	entered, resume := make(chan struct{}), make(chan struct{})
	n := channeltest.NewNode(t, channel.Config{})
	s := newScripted(busyWith(entered, resume, always(channel.Subscribe("news"))))
	c := joinedWith(t, n, s.Handler())
	c.Send(t, in("listen"), in("wait"))
	await(t, "the event", entered)
	c.Send(t, join)
	n.Broadcast("news", "item", `{}`) // waits behind the join
	close(resume)
	c.Expect(t, joined, closed)
	n.Settle(t)
	s.expect(t)
}

// A channel that its client has left, and asked to join again at once, is not left.
func TestLeftAndJoinedAgain(t *testing.T) {
	entered, resume := make(chan struct{}), make(chan struct{})
	n := channeltest.NewNode(t, channel.Config{})
	s := newScripted(busyWith(entered, resume, always()))
	c := joinedWith(t, n, s.Handler())
	c.Send(t, in("wait"))
	await(t, "the event", entered)
	c.Send(t, leave, join)
	close(resume)
	c.Expect(t, leftOK, closed, joined)
	n.Settle(t)
	if c.Channel.Left() {
		t.Error("it counts as left")
	}
	c.Send(t, leave)
	c.Expect(t, leftOK, closed)
	if !c.Channel.Left() {
		t.Error("it does not count as left")
	}
}
