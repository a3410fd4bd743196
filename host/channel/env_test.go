package channel_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

func TestWaitWithNothingToWaitFor(t *testing.T) {
	env := channel.NewEnv(channel.Config{PubSub: pubsub.New(nil)})
	if err := env.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// Wait waits for handlers that take their time, also for those of leave, as long
// as its context lasts.
func TestWaitForHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := channeltest.NewNode(t, channel.Config{})
		var leftAt time.Time
		slow := channel.Funcs{
			JoinFunc: func(context.Context, *channel.Event) (result, error) { return result{}, nil },
			LeaveFunc: func(ctx context.Context, _ *channel.Event) (result, error) {
				time.Sleep(10 * time.Second)
				leftAt = time.Now()
				return result{}, ctx.Err()
			},
		}.Handler()
		c := node.Client(t, "t", slow, channel.Options{})
		c.Send(t, join)
		c.Expect(t, joined)
		begin := time.Now()
		c.Channel.Close(channel.LeaveShutdown)
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		if err := node.Env.Wait(ctx); err != nil {
			t.Errorf("Wait: %v", err)
		}
		if leftAt.Sub(begin) != 10*time.Second {
			t.Error("Wait returned before leave had ended")
		}
		if node.Log.Count("channel failed") != 0 {
			t.Error("leave's context was cancelled although nobody was in a hurry")
		}
	})
}

// When the context ends first, the handlers that are still running are told by
// theirs; Wait returns when they have ended, with the context's error, and leave
// was called all the same.
func TestWaitCancelsHandlers(t *testing.T) {
	for _, frame := range []string{`["1","1","t","phx_join",{"do":"block"}]`, `["1","2","t","block",{}]`} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, channel.Options{})
			s.Send(t, join)
			s.Expect(t, joined)
			s.Send(t, frame, `["1","3","t","echo",{}]`)
			<-s.room.entered
			s.Channel.Close(channel.LeaveShutdown)
			begin := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := s.Env.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Wait: %v, want DeadlineExceeded", err)
			}
			if took := time.Since(begin); took != 5*time.Second {
				t.Errorf("Wait took %v, want 5 s", took)
			}
			calls := s.room.called()
			leaves := 0
			for _, c := range calls {
				if c == "leave REPLACED" || c == "leave FAILED" || c == "leave SHUTDOWN" {
					leaves++
				}
			}
			if leaves != 1 {
				t.Errorf("leave was not called exactly once: %q", calls)
			}
		})
	}
}

// A handler that does not listen to its context is waited for: nothing that the
// host started is left behind.
func TestWaitForADeafHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := channeltest.NewNode(t, channel.Config{})
		ended := false
		deaf := channel.Funcs{
			JoinFunc: func(context.Context, *channel.Event) (result, error) {
				time.Sleep(time.Minute)
				ended = true
				return result{}, nil
			},
		}.Handler()
		c := node.Client(t, "t", deaf, channel.Options{})
		c.Send(t, join)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := node.Env.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait: %v, want DeadlineExceeded", err)
		}
		if !ended {
			t.Error("Wait returned while a handler was running")
		}
	})
}

// Two environments over one pubsub, as two tenants are: their topics have the
// same name and never meet.
func TestNamespaces(t *testing.T) {
	ps := pubsub.New(nil)
	a := channeltest.NewNode(t, channel.Config{PubSub: ps, Namespace: "a"})
	b := channeltest.NewNode(t, channel.Config{PubSub: ps, Namespace: "b"})
	ca := a.Client(t, "t", newRoom(), channel.Options{})
	cb := b.Client(t, "t", newRoom(), channel.Options{})
	ca.Send(t, join)
	cb.Send(t, join)
	ca.Expect(t, joined)
	cb.Expect(t, joined)
	ca.Send(t, `["1","2","t","say",{}]`)
	ca.Expect(t, `[null,null,"t","say",{}]`, reply2)
	b.Settle(t)
	if rest := cb.Rest(); len(rest) > 0 {
		t.Errorf("the other namespace was sent %s", rest)
	}
}

// A broadcast that did not reach the other nodes reached this one, and is
// logged without its payload.
func TestBroadcastThatDoesNotReachTheOtherNodes(t *testing.T) {
	node := channeltest.NewNode(t, channel.Config{PubSub: pubsub.New(brokenLink{})})
	c := node.Client(t, "t", newRoom(), channel.Options{})
	c.Send(t, join, `["1","2","t","say",{"secret":1}]`)
	c.Expect(t, joined, `[null,null,"t","say",{"secret":1}]`, reply2)
	node.Settle(t)
	if node.Log.Count("the link is down") != 1 || node.Log.Count("secret") != 0 {
		t.Errorf("the log:\n%s", node.Log)
	}
}

type brokenLink struct{}

func (brokenLink) Run(context.Context, func(pubsub.Topic, *phx.Broadcast)) error { return nil }

func (brokenLink) Publish(pubsub.Topic, *phx.Broadcast) error { return errors.New("the link is down") }

// The zero Env options are usable: the clock is the real one.
func TestDefaultClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := channeltest.NewNode(t, channel.Config{})
		var seen time.Time
		h := channel.Funcs{JoinFunc: func(_ context.Context, ev *channel.Event) (result, error) {
			seen = ev.Now
			return result{}, nil
		}}.Handler()
		c := node.Client(t, "t", h, channel.Options{})
		c.Send(t, join)
		node.Settle(t)
		if !seen.Equal(time.Now()) {
			t.Errorf("the handler saw %v, it is %v", seen, time.Now())
		}
	})
}
