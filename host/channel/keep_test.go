package channel_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// scripted is a handler whose callbacks are what the test puts there, and that
// otherwise does nothing.
type scripted struct {
	channel.Funcs
	mu   sync.Mutex
	seen []string
}

type callback = func(context.Context, *channel.Event) (channel.Result, error)

func does(effects ...channel.Effect) (channel.Result, error) {
	return channel.Result{Do: effects}, nil
}

// always is a callback that asks for the same each time.
func always(effects ...channel.Effect) callback {
	return func(context.Context, *channel.Event) (channel.Result, error) { return does(effects...) }
}

func newScripted(in callback) *scripted {
	s := &scripted{}
	s.Funcs = channel.Funcs{
		Name:         "scripted",
		JoinFunc:     always(),
		HandleInFunc: in,
		HandleInfoFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			s.note(ev)
			return channel.Result{}, nil
		},
	}
	return s
}

// note keeps what HandleInfo was told.
func (s *scripted) note(ev *channel.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := map[channel.InfoKind]string{channel.InfoTimer: "timer", channel.InfoBroadcast: "broadcast"}[ev.Info]
	s.seen = append(s.seen, fmt.Sprintf("%s %d %s %s %s", kind, ev.Ref, ev.Topic, ev.Event, ev.Payload.Data()))
}

func (s *scripted) expect(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(s.seen, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("HandleInfo was told\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	s.seen = nil
}

// joinedWith is a client that has joined topic "t" with join_ref "1".
func joinedWith(t *testing.T, n *channeltest.Node, h channel.Handler) *channeltest.Client {
	t.Helper()
	c := n.Client(t, "t", h, channel.Options{})
	c.Send(t, join)
	c.Expect(t, joined)
	return c
}

func in(event string) string { return `["1","2","t","` + event + `",{}]` }

// onClock runs a test in which time passes only while everything waits. It waits
// for that by synctest.Wait: Settle is for nodes on which no timer can start a
// turn meanwhile.
func onClock(t *testing.T, f func(t *testing.T, n *channeltest.Node)) {
	synctest.Test(t, func(t *testing.T) { f(t, channeltest.NewNode(t, channel.Config{})) })
}

// after lets time pass, and then everything come to rest.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func object(text string) phx.Payload { return channeltest.Object(text) }

func TestTimer(t *testing.T) {
	onClock(t, func(t *testing.T, n *channeltest.Node) {
		s := newScripted(always(channel.SendAfter(7, 5*time.Second, "tick", object(`{"n":1}`))))
		joinedWith(t, n, s.Handler()).Send(t, in("set"))
		after(4999 * time.Millisecond)
		s.expect(t)
		after(time.Millisecond)
		s.expect(t, `timer 7 t tick {"n":1}`)
		after(time.Hour)
		s.expect(t)
	})
}

// A timer that its own callback sets again goes on for as long as the channel.
func TestTimerAgain(t *testing.T) {
	onClock(t, func(t *testing.T, n *channeltest.Node) {
		tick := channel.SendAfter(1, 5*time.Second, "tick", phx.Payload{})
		s := newScripted(always(tick))
		s.HandleInfoFunc = func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			s.note(ev)
			return does(channel.Push("ping", phx.Payload{}), tick)
		}
		c := joinedWith(t, n, s.Handler())
		c.Send(t, in("set"))
		after(16 * time.Second)
		s.expect(t, "timer 1 t tick {}", "timer 1 t tick {}", "timer 1 t tick {}")
		ping := `["1",null,"t","ping",{}]`
		c.Expect(t, ping, ping, ping)
		c.Send(t, leave)
		c.Expect(t, leftOK, closed)
		after(time.Hour)
		s.expect(t)
		if rest := c.Rest(); len(rest) > 0 {
			t.Errorf("after the leave came %s", rest)
		}
	})
}

func TestTimerWithTheSameKeyReplaces(t *testing.T) {
	onClock(t, func(t *testing.T, n *channeltest.Node) {
		s := newScripted(func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			switch ev.Event {
			case "cancel":
				return does(channel.Cancel(1), channel.Cancel(99))
			case "twice":
				return does(channel.SendAfter(1, time.Second, "lost", phx.Payload{}), channel.SendAfter(1, 3*time.Second, "kept", phx.Payload{}))
			}
			return does(channel.SendAfter(1, 2*time.Second, ev.Event, phx.Payload{}), channel.SendAfter(2, time.Second, "other", phx.Payload{}))
		})
		c := joinedWith(t, n, s.Handler())
		c.Send(t, in("first"))
		after(1500 * time.Millisecond)
		c.Send(t, in("second"))
		after(10 * time.Second)
		s.expect(t, "timer 2 t other {}", "timer 2 t other {}", "timer 1 t second {}")
		c.Send(t, in("third"), in("cancel"))
		after(10 * time.Second)
		s.expect(t, "timer 2 t other {}")
		c.Send(t, in("twice"))
		after(10 * time.Second)
		s.expect(t, "timer 1 t kept {}")
	})
}

// A timer that is due, but waits in the mailbox, can still be cancelled.
func TestDueTimerIsCancelled(t *testing.T) {
	onClock(t, func(t *testing.T, n *channeltest.Node) {
		for _, second := range []channel.Effect{channel.Cancel(1), channel.SendAfter(1, time.Hour, "late", phx.Payload{})} {
			entered, resume := make(chan struct{}), make(chan struct{})
			s := newScripted(func(_ context.Context, ev *channel.Event) (channel.Result, error) {
				if ev.Event == "set" {
					return does(channel.SendAfter(1, time.Second, "due", phx.Payload{}))
				}
				entered <- struct{}{}
				<-resume
				return does(second)
			})
			c := joinedWith(t, n, s.Handler())
			c.Send(t, in("set"), in("wait"))
			<-entered
			after(time.Minute) // the timer is in the mailbox
			resume <- struct{}{}
			synctest.Wait()
			s.expect(t)
		}
	})
}

// The shortest timers are raised, and one that is set in a join that is refused
// is none.
func TestTimerBounds(t *testing.T) {
	onClock(t, func(t *testing.T, n *channeltest.Node) {
		s := newScripted(always(channel.SendAfter(1, -time.Second, "now", phx.Payload{})))
		joinedWith(t, n, s.Handler()).Send(t, in("set"))
		after(channel.MinDelay - time.Millisecond)
		s.expect(t)
		after(time.Millisecond)
		s.expect(t, "timer 1 t now {}")

		s.JoinFunc = func(context.Context, *channel.Event) (channel.Result, error) {
			return channel.Result{Status: channel.StatusError, Do: []channel.Effect{channel.SendAfter(1, time.Second, "no", phx.Payload{})}}, nil
		}
		c := n.Client(t, "t", s.Handler(), channel.Options{})
		c.Send(t, join)
		after(time.Minute)
		s.expect(t)
	})
}

// failure is a callback's result that breaks a rule: nothing of it happens.
type failure struct {
	name string
	do   []channel.Effect
	want error // or nil: any
}

func TestTooMuchIsKeptOfNothing(t *testing.T) {
	var timers, topics []channel.Effect
	for i := range channel.MaxTimers + 1 {
		timers = append(timers, channel.SendAfter(uint32(i), time.Second, "x", phx.Payload{}))
	}
	for i := range channel.MaxSubscriptions + 1 {
		topics = append(topics, channel.Subscribe(fmt.Sprint("other:", i)))
	}
	large := phx.Bytes(make([]byte, channel.MaxTimerBytes/2+1))
	for _, f := range []failure{
		{"timers", timers, channel.ErrTooManyTimers},
		{"timers, of which one is cancelled again", append(timers, channel.Cancel(0)), channel.ErrTooManyTimers},
		{"bytes of timers", []channel.Effect{channel.SendAfter(1, time.Second, "x", large), channel.SendAfter(2, time.Second, "x", large)}, channel.ErrTooManyTimers},
		{"subscriptions", topics, channel.ErrTooManySubscriptions},
		{"a timer of more than a day", []channel.Effect{channel.SendAfter(1, channel.MaxDelay+time.Millisecond, "x", phx.Payload{})}, nil},
		{"a timer of years", []channel.Effect{channel.SendAfter(1, 1<<62, "x", phx.Payload{})}, nil},
		{"a timer for an event of the host", []channel.Effect{channel.SendAfter(1, time.Second, "phx_close", phx.Payload{})}, nil},
		{"a topic without a name", []channel.Effect{channel.Subscribe("")}, nil},
		{"a broadcast to no topic", []channel.Effect{channel.BroadcastTo("", "x", phx.Payload{})}, nil},
		{"a broadcast of no object", []channel.Effect{channel.BroadcastTo("other", "x", channeltest.JSON("[1]"))}, nil},
	} {
		t.Run(f.name, func(t *testing.T) {
			onClock(t, func(t *testing.T, n *channeltest.Node) {
				s := newScripted(always(append([]channel.Effect{channel.Push("lost", phx.Payload{})}, f.do...)...))
				c := joinedWith(t, n, s.Handler())
				c.Send(t, in("ask"))
				c.Expect(t, crashed)
				after(time.Minute)
				s.expect(t)
				if rest := c.Rest(); len(rest) > 0 {
					t.Errorf("the client was also sent %s", rest)
				}
				if f.want != nil && !strings.Contains(n.Log.String(), f.want.Error()) {
					t.Errorf("the log should say %q:\n%s", f.want, n.Log)
				}
			})
		})
	}
}

// As many as may be are kept, over several calls, also when each names some that
// there are already.
func TestAsManyAsMayBe(t *testing.T) {
	onClock(t, func(t *testing.T, n *channeltest.Node) {
		s := newScripted(func(context.Context, *channel.Event) (channel.Result, error) {
			var all []channel.Effect
			for i := range channel.MaxTimers {
				all = append(all, channel.SendAfter(uint32(i), time.Second, "x", phx.Payload{}), channel.Subscribe(fmt.Sprint("other:", i)))
			}
			return does(append(all, channel.Cancel(0), channel.SendAfter(99, time.Second, "x", phx.Payload{}), channel.Cancel(99),
				channel.SendAfter(0, time.Second, "x", phx.Payload{}), channel.Unsubscribe("other:0"), channel.Subscribe("other:0"))...)
		})
		c := joinedWith(t, n, s.Handler())
		c.Send(t, in("a"), in("b"), in("c"))
		synctest.Wait()
		if rest := c.Rest(); len(rest) > 0 {
			t.Fatalf("the client was sent %s", rest)
		}
		if got := n.PubSub.Subscribers(n.Topic("other:3")); got != 1 {
			t.Errorf("%d subscriptions of one topic, want 1", got)
		}
		after(time.Minute)
		if len(s.seen) != channel.MaxTimers {
			t.Errorf("%d timers were due, want %d", len(s.seen), channel.MaxTimers)
		}
		c.Send(t, leave)
		synctest.Wait()
		if got := n.PubSub.Subscribers(n.Topic("other:3")); got != 0 {
			t.Errorf("%d subscriptions are left after the leave", got)
		}
	})
}

func TestSubscription(t *testing.T) {
	n := channeltest.NewNode(t, channel.Config{})
	s := newScripted(func(_ context.Context, ev *channel.Event) (channel.Result, error) {
		switch ev.Event {
		case "on":
			return does(channel.Subscribe("news"), channel.Subscribe("t"))
		case "off":
			return does(channel.Unsubscribe("news"), channel.Unsubscribe("never"))
		}
		return does(channel.BroadcastTo("news", ev.Event, object(`{"by":"me"}`)))
	})
	c := joinedWith(t, n, s.Handler())
	n.Broadcast("news", "early", `{}`)
	c.Send(t, in("on"))
	n.Settle(t)
	n.Broadcast("news", "item", `{"n":1}`)
	n.Settle(t)
	s.expect(t, `broadcast 0 news item {"n":1}`)
	// To the own topic: as any subscriber, and to HandleInfo, because it asked.
	n.Broadcast("t", "own", `{"n":2}`)
	n.Settle(t)
	s.expect(t, `broadcast 0 t own {"n":2}`)
	c.Expect(t, `[null,null,"t","own",{"n":2}]`)
	c.Send(t, in("mine"))
	n.Settle(t)
	s.expect(t, `broadcast 0 news mine {"by":"me"}`)
	c.Send(t, in("off"))
	n.Settle(t)
	n.Broadcast("news", "late", `{}`)
	n.Settle(t)
	s.expect(t)
	if rest := c.Rest(); len(rest) > 0 {
		t.Errorf("the client was also sent %s", rest)
	}
}

// A broadcast that waits in the mailbox when its subscription ends is not told.
func TestUnsubscribeIsTheEnd(t *testing.T) {
	n := channeltest.NewNode(t, channel.Config{})
	entered, resume := make(chan struct{}), make(chan struct{})
	off := waits(entered, resume, always(channel.Unsubscribe("news")))
	s := newScripted(func(ctx context.Context, ev *channel.Event) (channel.Result, error) {
		if ev.Event == "on" {
			return does(channel.Subscribe("news"))
		}
		return off(ctx, ev)
	})
	c := joinedWith(t, n, s.Handler())
	c.Send(t, in("on"), in("off"))
	await(t, "the event", entered)
	n.Broadcast("news", "item", `{}`)
	close(resume)
	n.Settle(t)
	s.expect(t)
}

// What a membership subscribed to is not delivered to the next one.
func TestSubscriptionsEndWithTheMembership(t *testing.T) {
	n := channeltest.NewNode(t, channel.Config{})
	s := newScripted(always(channel.Subscribe("news")))
	c := joinedWith(t, n, s.Handler())
	c.Send(t, in("on"), join)
	n.Settle(t)
	n.Broadcast("news", "item", `{}`)
	n.Settle(t)
	s.expect(t)
}

// A broadcast to another topic reaches its subscribers, is intercepted by them,
// and is told apart from one that they sent themselves.
func TestBroadcastTo(t *testing.T) {
	n := channeltest.NewNode(t, channel.Config{})
	r := newRoom()
	other := n.Client(t, "other", r, channel.Options{})
	other.Send(t, `["1","1","other","phx_join",{}]`)
	other.Expect(t, `["1","1","other","phx_reply",{"status":"ok","response":{}}]`)
	s := newScripted(always(channel.BroadcastTo("other", "say", object(`{"n":1}`)), channel.BroadcastTo("other", "shout", object(`{"out":"self"}`))))
	joinedWith(t, n, s.Handler()).Send(t, in("go"))
	other.Expect(t, `[null,null,"other","say",{"n":1}]`, `["1",null,"other","self",{"self":false}]`)
}

// Two channels that answer each other's broadcasts come to an end.
func TestHops(t *testing.T) {
	n := channeltest.NewNode(t, channel.Config{})
	s := newScripted(always(channel.Subscribe("ping"), channel.BroadcastTo("ping", "x", phx.Payload{})))
	s.HandleInfoFunc = func(_ context.Context, ev *channel.Event) (channel.Result, error) {
		s.note(ev)
		return does(channel.BroadcastTo("ping", ev.Event+"x", phx.Payload{}))
	}
	joinedWith(t, n, s.Handler()).Send(t, in("go"))
	n.Settle(t)
	s.expect(t, "broadcast 0 ping x {}", "broadcast 0 ping xx {}", "broadcast 0 ping xxx {}", "broadcast 0 ping xxxx {}", "broadcast 0 ping xxxxx {}")
	if n.Env.Dropped() != 1 || !strings.Contains(n.Log.String(), "too many others had caused it") {
		t.Errorf("%d broadcasts were dropped, want 1; the log:\n%s", n.Env.Dropped(), n.Log)
	}
}

// Without HandleInfo neither timers nor broadcasts do anything.
func TestNobodyIsTold(t *testing.T) {
	onClock(t, func(t *testing.T, n *channeltest.Node) {
		s := newScripted(always(channel.Subscribe("news"), channel.SendAfter(1, time.Second, "x", phx.Payload{})))
		s.HandleInfoFunc = nil
		c := joinedWith(t, n, s.Handler())
		c.Send(t, in("go"))
		synctest.Wait()
		n.Broadcast("news", "item", `{}`)
		after(time.Minute)
		if rest := c.Rest(); len(rest) > 0 || n.Log.String() != "" {
			t.Errorf("the client was sent %s, the log is\n%s", rest, n.Log)
		}
	})
}

func TestHandleInfoStatuses(t *testing.T) {
	for _, tc := range []struct {
		name  string
		res   channel.Result
		err   error
		want  []string
		ended bool
	}{
		{"stop", channel.Result{Status: channel.StatusStop, Do: []channel.Effect{channel.Push("bye", phx.Payload{})}}, nil, []string{`["1",null,"t","bye",{}]`, closed}, true},
		{"error", channel.Result{Status: channel.StatusError, Do: []channel.Effect{channel.Push("bye", phx.Payload{})}}, nil, []string{crashed}, true},
		{"crash", channel.Result{}, errRoom, []string{crashed}, true},
		{"ignore", channel.Result{Status: channel.StatusIgnore}, nil, []string{crashed}, true},
		{"a reply", channel.Result{Reply: okReply(phx.Payload{})}, nil, []string{crashed}, true},
		{"too large", channel.Result{}, &channel.Refusal{Reason: phx.ReasonPayloadTooLarge}, nil, false},
		{"unavailable", channel.Result{}, &channel.Refusal{Reason: phx.ReasonUnavailable}, []string{crashed}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := channeltest.NewNode(t, channel.Config{})
			s := newScripted(always(channel.Subscribe("news")))
			s.HandleInfoFunc = func(context.Context, *channel.Event) (channel.Result, error) { return tc.res, tc.err }
			c := joinedWith(t, n, s.Handler())
			c.Send(t, in("on"))
			n.Settle(t)
			n.Broadcast("news", "item", `{}`)
			n.Settle(t)
			c.Expect(t, tc.want...)
			if got := n.PubSub.Subscribers(n.Topic("t")); (got == 0) != tc.ended {
				t.Errorf("%d subscribers are left", got)
			}
		})
	}
}
