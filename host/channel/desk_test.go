package channel_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// forgetful is a handler that says of itself that it keeps no event.
type forgetful struct {
	channel.Handler
	traits channel.Traits
}

func (f *forgetful) Traits() *channel.Traits { return &f.traits }

func newForgetful(f channel.Funcs) *forgetful {
	h := f.Handler()
	traits := *h.Traits()
	traits.ForgetsEvents = true
	return &forgetful{h, traits}
}

// effects is how many spread asks for.
var effects = map[string]int{"none": 0, "few": 2, "many": 9}

// spread pushes its payload so many times, and replies with it: "few" effects fit into
// the room of an event, "many" do not.
func spread(ev *channel.Event) channel.Result {
	do := ev.Room()
	for i := range effects[ev.Event] {
		do = append(do, channel.Push(fmt.Sprint(ev.Event, i), ev.Payload))
	}
	return channel.Result{Do: do, Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}}
}

// One event and one list serve many calls, of many channels: nothing of one call is
// seen by another.
func TestEventsThatAreUsedAgain(t *testing.T) {
	node := channeltest.NewNode(t, channel.Config{})
	h := newForgetful(channel.Funcs{
		JoinFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			if ev.Event != "" || len(ev.Room()) != 0 {
				t.Errorf("join was told of %q, with %d effects", ev.Event, len(ev.Room()))
			}
			return channel.Result{}, nil
		},
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			if room := ev.Room(); len(room) != 0 || cap(room) == 0 {
				t.Errorf("handle_in got a list of %d effects with room for %d", len(room), cap(room))
			}
			return spread(ev), nil
		},
		LeaveFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			if ev.Event != "" || ev.Ref != 0 || ev.WantsReply || string(ev.Payload.Data()) != "{}" {
				t.Errorf("leave was told %+v", *ev)
			}
			return channel.Result{}, nil
		},
	})
	clients := make([]*channeltest.Client, 8)
	topic := func(n int) string { return fmt.Sprint("rooms:", n) }
	for n := range clients {
		clients[n] = node.Client(t, topic(n), h, channel.Options{})
		clients[n].Send(t, fmt.Sprintf(`["1","1",%q,"phx_join",{}]`, topic(n)))
	}
	events := []string{"none", "few", "many", "few"}
	for _, event := range events {
		for n, c := range clients { // all of them are at work at once
			c.Send(t, fmt.Sprintf(`["1","2",%q,%q,{"n":%d}]`, topic(n), event, n))
		}
	}
	for n, c := range clients {
		c.Send(t, fmt.Sprintf(`["1","3",%q,"phx_leave",{}]`, topic(n)))
		c.Expect(t, fmt.Sprintf(`["1","1",%q,"phx_reply",{"status":"ok","response":{}}]`, topic(n)))
		for _, event := range events {
			var want []string
			for i := range effects[event] {
				want = append(want, fmt.Sprintf(`["1",null,%q,"%s%d",{"n":%d}]`, topic(n), event, i, n))
			}
			c.Expect(t, append(want, fmt.Sprintf(`["1","2",%q,"phx_reply",{"status":"ok","response":{"n":%d}}]`, topic(n), n))...)
		}
	}
}

// A handler that says nothing may keep what it is told, also after an upgrade from one
// that keeps nothing.
func TestEventsThatAreKept(t *testing.T) {
	node := channeltest.NewNode(t, channel.Config{})
	var kept []*channel.Event
	keep := func(_ context.Context, ev *channel.Event) (channel.Result, error) {
		if ev.Room() != nil {
			t.Error("a list that is used again was handed to a handler that may keep it")
		}
		kept = append(kept, ev)
		return channel.Result{Reply: channel.Reply{Status: phx.StatusOK}}, nil
	}
	old := newForgetful(channel.Funcs{
		Name:     "old",
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
	})
	h := channel.Funcs{
		Name:     "new",
		JoinFunc: keep, HandleInFunc: keep, LeaveFunc: func(ctx context.Context, ev *channel.Event) (channel.Result, error) {
			_, err := keep(ctx, ev)
			return channel.Result{}, err
		},
		UpgradeFunc: func(ctx context.Context, ev *channel.Event) (channel.Result, error) {
			_, err := keep(ctx, ev)
			return channel.Result{}, err
		},
	}.Handler()
	c := node.Client(t, "t", old, channel.Options{})
	c.Send(t, `["1","1","t","phx_join",{}]`)
	c.Expect(t, `["1","1","t","phx_reply",{"status":"ok","response":{}}]`)
	c.Handler = h
	if moved, err := node.Env.Replace(t.Context(), old, h, func() {}); err != nil || moved.Channels != 1 {
		t.Fatalf("%+v, %v", moved, err)
	}
	c.Send(t, `["1","2","t","one",{}]`, `["1","3","t","two",{}]`, `["1","4","t","phx_leave",{}]`)
	node.Settle(t)
	var names []string
	for _, ev := range kept {
		names = append(names, ev.Event)
	}
	if got := fmt.Sprintf("%q", names); got != `["old" "one" "two" ""]` {
		t.Errorf("kept %s", got)
	}
}
