package channel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// witness notes what the handlers of a few clients are told, and who is blamed.
type witness struct {
	mu   sync.Mutex
	seen []string
}

func (w *witness) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, fmt.Sprintf(format, args...))
}

func (w *witness) expect(t *testing.T, want ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.seen)
	if !slices.Equal(w.seen, want) {
		t.Errorf("it was noted\n\t%s\nwant\n\t%s", strings.Join(w.seen, "\n\t"), strings.Join(want, "\n\t"))
	}
	w.seen = nil
}

// TestEventsSayFromWhere: whatever a handler is told of, it is said where the client
// connects from that caused it, which at a broadcast is the sender.
func TestEventsSayFromWhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := channeltest.NewNode(t, channel.Config{})
		var w witness
		told := func(name string, effects ...channel.Effect) callback {
			return func(_ context.Context, ev *channel.Event) (channel.Result, error) {
				w.note("%s %s %d", name, ev.Event, ev.Peer)
				return channel.Result{Do: effects}, nil
			}
		}
		h := channel.Funcs{
			JoinFunc: told("join", channel.Subscribe("news")), LeaveFunc: told("leave"),
			HandleInFunc:  told("in", channel.Broadcast("b", phx.Payload{}), channel.SendAfter(1, time.Second, "timer", phx.Payload{}), channel.BroadcastTo("news", "told", phx.Payload{})),
			HandleOutFunc: told("out"), HandleInfoFunc: told("info"), UpgradeFunc: told("upgrade"),
		}.Handler()
		clients := []*channeltest.Client{n.Client(t, "t", h, channel.Options{Peer: 7}), n.Client(t, "t", h, channel.Options{Peer: 8})}
		for _, c := range clients {
			c.Send(t, join)
		}
		after(0)
		w.expect(t, "join  7", "join  8")
		clients[0].Send(t, in("go"))
		after(2 * time.Second)
		w.expect(t, "in go 7", "info timer 7", "info told 7", "info told 7", "out b 7", "out b 7")
		n.Broadcast("t", "b", "{}") // of nobody's here
		n.Broadcast("news", "told", "{}")
		after(0)
		w.expect(t, "info told 0", "info told 0", "out b 0", "out b 0")
		clients[1].Send(t, leave)
		after(0)
		w.expect(t, "leave  8")
	})
}

// TestFailuresAreBlamed on the client that caused them, and what is no failure of a
// handler on nobody.
func TestFailuresAreBlamed(t *testing.T) {
	fails := errors.New("failed")
	for _, c := range []struct {
		name string
		do   func(t *testing.T, n *channeltest.Node, c *channeltest.Client)
		want []string
	}{
		{"join", func(t *testing.T, n *channeltest.Node, c *channeltest.Client) {
			c.Send(t, leave, `["1","1","t","phx_join",{"fail":1}]`)
		}, []string{"a"}},
		{"event", func(t *testing.T, n *channeltest.Node, c *channeltest.Client) { c.Send(t, in("fail")) }, []string{"a"}},
		{"timer", func(t *testing.T, n *channeltest.Node, c *channeltest.Client) { c.Send(t, in("timer")) }, []string{"a"}},
		{"broadcast", func(t *testing.T, n *channeltest.Node, c *channeltest.Client) { c.Send(t, in("broadcast")) }, []string{"a", "a"}},
		{"broadcast to listeners", func(t *testing.T, n *channeltest.Node, c *channeltest.Client) { c.Send(t, in("tell")) }, []string{"a", "a"}},
		{"panic", func(t *testing.T, n *channeltest.Node, c *channeltest.Client) { c.Send(t, in("panic")) }, []string{"a"}},
		{"broadcast of another node", func(t *testing.T, n *channeltest.Node, c *channeltest.Client) { n.Broadcast("t", "fail", "{}") }, nil},
		{"leave", func(t *testing.T, n *channeltest.Node, c *channeltest.Client) { c.Send(t, leave) }, nil},
		{"its own choice", func(t *testing.T, n *channeltest.Node, c *channeltest.Client) { c.Send(t, in("error")) }, nil},
		{"refusal", func(t *testing.T, n *channeltest.Node, c *channeltest.Client) { c.Send(t, in("refuse")) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := channeltest.NewNode(t, channel.Config{})
				var w witness
				h := failingAt(fails)
				client := func(name string) *channeltest.Client {
					c := n.Client(t, "t", h, channel.Options{Failed: func() bool { w.note("%s", name); return false }})
					c.Send(t, join)
					return c
				}
				a := client("a")
				client("b")
				after(0)
				c.do(t, n, a)
				after(time.Minute)
				w.expect(t, c.want...)
			})
		})
	}
}

// failingAt is a handler that fails where the names of events say so.
func failingAt(err error) channel.Handler {
	failing := func(_ context.Context, ev *channel.Event) (channel.Result, error) {
		if ev.Event == "fail" {
			return channel.Result{}, err
		}
		return channel.Result{}, nil
	}
	return channel.Funcs{
		Intercepts: []string{"fail"},
		JoinFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			if field(ev.Payload, "fail") != "" || strings.Contains(string(ev.Payload.Data()), "fail") {
				return channel.Result{}, err
			}
			return does(channel.Subscribe("news"))
		},
		LeaveFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, err },
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			switch ev.Event {
			case "fail":
				return channel.Result{}, err
			case "panic":
				panic(err)
			case "timer":
				return does(channel.SendAfter(1, time.Second, "fail", phx.Payload{}))
			case "broadcast":
				return does(channel.Broadcast("fail", phx.Payload{}))
			case "tell":
				return does(channel.BroadcastTo("news", "fail", phx.Payload{}))
			case "error":
				return channel.Result{Status: channel.StatusError}, nil
			case "refuse":
				return channel.Result{}, &channel.Refusal{Reason: phx.ReasonBusy}
			}
			return channel.Result{}, nil
		},
		HandleOutFunc: failing, HandleInfoFunc: failing,
	}.Handler()
}

// TestBlamedTooOften: who makes others' channels fail loses its own, once it is too
// much.
func TestBlamedTooOften(t *testing.T) {
	n := channeltest.NewNode(t, channel.Config{})
	h := failingAt(errors.New("failed"))
	tooOften := false
	sender := n.Client(t, "t", channel.Funcs{JoinFunc: always(), HandleInFunc: always(channel.BroadcastFrom("fail", phx.Payload{}))}.Handler(),
		channel.Options{Failed: func() bool { return tooOften }})
	sender.Send(t, join)
	sender.Expect(t, joined)
	other := joinedWith(t, n, h)
	sender.Send(t, in("go"))
	n.Settle(t)
	other.Expect(t, crashed)
	if rest := sender.Rest(); len(rest) > 0 {
		t.Errorf("the sender got %s", rest)
	}
	tooOften = true
	other.Send(t, join)
	n.Settle(t)
	sender.Send(t, in("go"))
	n.Settle(t)
	other.Expect(t, joined, crashed)
	sender.Expect(t, crashed)
}

// TestHandlerThatIsBackLater: while a handler is not being served, a channel is spared:
// a broadcast is dropped and counted, and a timer comes later.
func TestHandlerThatIsBackLater(t *testing.T) {
	onClock(t, func(t *testing.T, n *channeltest.Node) {
		var w witness
		var gone atomic.Bool
		told := func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			if gone.Load() {
				w.note("refused %s", ev.Event)
				return channel.Result{}, &channel.Refusal{Reason: phx.ReasonUnavailable, RetryAfter: 3 * time.Second}
			}
			w.note("told %s %s", ev.Event, ev.Payload.Data())
			return channel.Result{Status: channel.StatusOK}, nil
		}
		c := joinedWith(t, n, channel.Funcs{
			Intercepts: []string{"out"}, HandleOutFunc: told, HandleInfoFunc: told,
			JoinFunc: always(channel.Subscribe("news")),
			HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
				if gone.Load() {
					return told(context.Background(), ev)
				}
				return does(channel.SendAfter(5, time.Second, "timer", channeltest.Object(`{"n":1}`)), channel.SendAfter(6, time.Second, "another", phx.Payload{}))
			},
		}.Handler())
		c.Send(t, in("set"))
		after(0)
		gone.Store(true)
		n.Broadcast("t", "out", "{}")
		n.Broadcast("news", "news", "{}")
		c.Send(t, in("event"))
		after(time.Second)
		w.expect(t, "refused another", "refused event", "refused news", "refused out", "refused timer")
		c.Expect(t, `["1","2","t","phx_reply",{"status":"error","response":{"reason":"unavailable","retry_after_ms":3000}}]`)
		after(3*time.Second - 1)
		w.expect(t)
		gone.Store(false)
		after(1)
		w.expect(t, "told another {}", `told timer {"n":1}`)
		n.Broadcast("t", "out", "{}")
		after(0)
		w.expect(t, "told out {}")
		if got := n.Env.Missed(); got != 2 {
			t.Errorf("%d broadcasts were missed", got)
		}
		if rest := c.Rest(); len(rest) > 0 {
			t.Errorf("the client got %s", rest)
		}
	})
}
