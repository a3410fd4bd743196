package channel_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

type (
	result = channel.Result
	effect = channel.Effect
)

var nothing = phx.Payload{}

// bad lists results that the callbacks in its row may not return. Each has
// something good in it as well, which must not happen either.
var bad = []struct {
	name string
	in   channel.Callbacks
	res  result
	says string
}{
	{"an unknown status", all, result{Status: 5}, "status 5"},
	{"a status far off", all, result{Status: 255}, "status 255"},
	{"STOP", channel.CallbackLeave, result{Status: channel.StatusStop}, "status 2"},
	{"IGNORE", channel.CallbackLeave | channel.CallbackHandleIn | channel.CallbackHandleOut, result{Status: channel.StatusIgnore}, "status 3"},
	{"PASS", channel.CallbackJoin | channel.CallbackLeave | channel.CallbackHandleIn, result{Status: channel.StatusPass}, "status 4"},
	{"a reply to nobody", channel.CallbackLeave | channel.CallbackHandleOut, result{Reply: okReply(nothing)}, "nobody to reply to"},
	{"a reply of an unknown status", channel.CallbackJoin | channel.CallbackHandleIn, result{Reply: channel.Reply{Status: "fine"}}, `"fine"`},
	{"an error reply to an accepted join", channel.CallbackJoin, result{Reply: reason("no")}, "join returned status 0"},
	{"an ok reply to a refused join", channel.CallbackJoin, result{Status: channel.StatusError, Reply: okReply(nothing)}, "join returned status 1"},
	{"an ok reply to a join that is refused for good", channel.CallbackJoin, result{Status: channel.StatusStop, Reply: okReply(nothing)}, "join returned status 2"},
	{"broadcast", channel.CallbackHandleOut, do(channel.Broadcast("e", nothing)), "handle_out may not broadcast"},
	{"broadcast_from", channel.CallbackHandleOut, do(channel.BroadcastFrom("e", nothing)), "handle_out may not broadcast_from"},
	{"assign", channel.CallbackLeave, do(channel.Assign(nil)), "leave may not assign"},
	{"an effect of nothing", all, do(effect{}), "1 to 255 bytes"},
	{"an event without a name", all, do(channel.Push("", nothing)), "1 to 255 bytes"},
	{"a name too long", all, do(channel.Push(strings.Repeat("x", 256), nothing)), "1 to 255 bytes"},
	{"a name that is not UTF-8", all, do(channel.Push("\xff", nothing)), "UTF-8"},
	{"a control character in a name", all, do(channel.Push("a\nb", nothing)), "control"},
	{"the host's events", all, do(channel.Push("phx_close", nothing)), "phx_close belongs to the host"},
	{"presence's events", all, do(channel.Push("presence_state", nothing)), "presence_state belongs to the host"},
	{"broadcasting the host's events", sends, do(channel.Broadcast("phx_error", nothing)), "phx_error belongs to the host"},
	{"broadcasting without a name", sends, do(channel.BroadcastFrom("", nothing)), "1 to 255 bytes"},
	{"an array", all, do(channel.Push("e", channeltest.JSON("[]"))), "an object or bytes"},
	{"a number", sends, do(channel.Broadcast("e", channeltest.JSON(" 1"))), "an object or bytes"},
	{"null", sends, do(channel.BroadcastFrom("e", channeltest.JSON("null"))), "an object or bytes"},
}

const (
	all   = channel.CallbackJoin | channel.CallbackLeave | channel.CallbackHandleIn | channel.CallbackHandleOut
	sends = channel.CallbackJoin | channel.CallbackLeave | channel.CallbackHandleIn
)

func do(effects ...effect) result { return result{Do: effects} }

// TestBadResults returns each bad result from each callback of its row: nothing
// of it happens, the client is told as for any other failure, and the log says
// what was wrong.
func TestBadResults(t *testing.T) {
	for _, tc := range bad {
		for _, cb := range []channel.Callbacks{channel.CallbackJoin, channel.CallbackLeave, channel.CallbackHandleIn, channel.CallbackHandleOut} {
			if tc.in&cb == 0 {
				continue
			}
			t.Run(cb.String()+"/"+tc.name, func(t *testing.T) {
				res := tc.res
				good := []effect{channel.Push("good", nothing)}
				if cb != channel.CallbackHandleOut {
					good = append(good, channel.Broadcast("good", nothing))
				}
				if cb != channel.CallbackLeave {
					good = append(good, channel.Assign([]byte("lost")))
				}
				res.Do = append(good, tc.res.Do...)
				testBadResult(t, cb, res, tc.says)
			})
		}
	}
}

func testBadResult(t *testing.T, cb channel.Callbacks, res result, says string) {
	when := func(here channel.Callbacks) func(context.Context, *channel.Event) (result, error) {
		return func(_ context.Context, ev *channel.Event) (result, error) {
			if cb == here && field(ev.Payload, "do") != "join" {
				return res, nil
			}
			return result{}, nil
		}
	}
	h := channel.Funcs{
		JoinFunc: when(channel.CallbackJoin), LeaveFunc: when(channel.CallbackLeave),
		HandleInFunc: when(channel.CallbackHandleIn), HandleOutFunc: when(channel.CallbackHandleOut),
		Intercepts: []string{"shout"},
	}.Handler()
	node := channeltest.NewNode(t, channel.Config{})
	watcher := node.Client(t, "t", newRoom(), channel.Options{})
	watcher.Send(t, join)
	watcher.Expect(t, joined)
	c := node.Client(t, "t", h, channel.Options{})
	if cb == channel.CallbackJoin {
		c.Send(t, join)
		c.Expect(t, `["1","1","t","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`)
	} else {
		c.Send(t, join)
		c.Expect(t, joined)
	}
	switch cb {
	case channel.CallbackHandleIn:
		c.Send(t, `["1","2","t","e",{}]`)
		c.Expect(t, crashed)
	case channel.CallbackHandleOut:
		node.Broadcast("t", "shout", `{"out":"drop"}`)
		c.Expect(t, crashed)
	case channel.CallbackLeave:
		c.Send(t, leave)
		c.Expect(t, leftOK, closed)
	}
	node.Settle(t)
	if rest := append(c.Rest(), watcher.Rest()...); len(rest) > 0 {
		t.Errorf("some of the result happened: %s", rest)
	}
	if node.Log.Count("channel failed") != 1 || !strings.Contains(strings.ReplaceAll(node.Log.String(), `\"`, `"`), says) {
		t.Errorf("the log does not say %q:\n%s", says, node.Log)
	}
	if got := node.PubSub.Subscribers(node.Topic("t")); got != 1 {
		t.Errorf("%d subscribers, want the watcher alone", got)
	}
}

// Everything that each callback may do, in one result.
func TestGoodResults(t *testing.T) {
	bytes, object := phx.Bytes([]byte{1}), channeltest.Object(` {"a":1}`)
	everything := []effect{
		channel.Push("push", bytes), channel.Broadcast("broadcast", object), channel.BroadcastFrom("from", bytes), channel.Assign(nil),
	}
	h := channel.Funcs{
		JoinFunc: func(context.Context, *channel.Event) (result, error) { return result{Do: everything}, nil },
		LeaveFunc: func(context.Context, *channel.Event) (result, error) {
			return result{Do: everything[:3]}, nil
		},
		HandleInFunc: func(context.Context, *channel.Event) (result, error) {
			return result{Do: everything, Reply: channel.Reply{Status: phx.StatusError, Payload: bytes}}, nil
		},
		HandleOutFunc: func(context.Context, *channel.Event) (result, error) {
			return result{Status: channel.StatusPass, Do: []effect{everything[0], everything[3]}}, nil
		},
		Intercepts: []string{"shout"},
	}.Handler()
	node := channeltest.NewNode(t, channel.Config{})
	c := node.Client(t, "t", h, channel.Options{})
	const push, broadcast = `["1",null,"t","push",!AQ==]`, `[null,null,"t","broadcast", {"a":1}]`
	c.Send(t, join, `["1","2","t","e",{}]`)
	c.Expect(t, joined, push, broadcast, push, broadcast, `["1","2","t","phx_reply",{"status":"error","response":!AQ==}]`)
	node.Broadcast("t", "shout", `{}`)
	c.Expect(t, push, `[null,null,"t","shout",{}]`)
	c.Send(t, leave)
	c.Expect(t, leftOK, closed, push)
	node.Settle(t)
	if rest := c.Rest(); len(rest) > 0 {
		t.Errorf("also sent: %s", rest)
	}
}

// What a handler sees of an event, in each callback.
func TestEvent(t *testing.T) {
	now := time.UnixMilli(1234567890123)
	var got []channel.Event
	note := func(_ context.Context, ev *channel.Event) (result, error) {
		got = append(got, *ev)
		return result{Do: []effect{channel.Push("e", nothing)}}, nil
	}
	h := channel.Funcs{
		JoinFunc: func(ctx context.Context, ev *channel.Event) (result, error) {
			res, err := note(ctx, ev)
			res.Do = append(res.Do, channel.Assign([]byte("state")))
			return res, err
		},
		LeaveFunc: note, HandleInFunc: note, HandleOutFunc: note,
	}.Handler()
	node := channeltest.NewNode(t, channel.Config{Now: func() time.Time { return now }})
	c := node.Client(t, "t", h, channel.Options{SocketAssigns: []byte(`{"user":1}`)})
	c.Send(t, `["1",null,"t","phx_join",{"token":"x"}]`, `["1","2","t","event",{"n":1}]`, `["1",null,"t","quiet",{}]`)
	node.Settle(t)
	node.Broadcast("t", "news", `{"n":2}`)
	node.Settle(t)
	c.Send(t, leave, join)
	node.Settle(t)

	id := got[0].Channel
	event := func(event, payload string) channel.Event {
		p := nothing
		if payload != "{}" {
			p = channeltest.Object(payload)
		}
		return channel.Event{Topic: "t", Event: event, Payload: p, SocketAssigns: []byte(`{"user":1}`), Now: now, Channel: id, Assigns: []byte("state")}
	}
	want := []channel.Event{event("", `{"token":"x"}`), event("event", `{"n":1}`), event("quiet", "{}"), event("news", `{"n":2}`), event("", "{}"), event("", "{}")}
	want[0].Assigns, want[5].Assigns = nil, nil
	want[0].WantsReply, want[1].WantsReply, want[5].WantsReply = true, true, true
	want[4].Leave = channel.LeaveLeft
	if len(got) != len(want) {
		t.Fatalf("%d calls, want %d", len(got), len(want))
	}
	if id == 0 || id >= 1<<53 || got[5].Channel == id {
		t.Errorf("the memberships are %d and %d, want different numbers below 2^53", id, got[5].Channel)
	}
	want[5].Channel = got[5].Channel
	for i := range want {
		if g, w := describe(got[i]), describe(want[i]); g != w {
			t.Errorf("call %d got\n\t%s\nwant\n\t%s", i, g, w)
		}
	}
}

// The last assign of a call wins, and an empty one empties.
func TestAssign(t *testing.T) {
	s := joinedScene(t)
	reply := func(assigns string) string {
		return `["1","2","t","phx_reply",{"status":"ok","response":"` + assigns + `"}]`
	}
	const read = `["1","2","t","assigns",{}]`
	s.play(t, []string{
		read, `["1",null,"t","assign",{"to":"x"}]`, read, `["1","2","t","echo",{}]`, read, `["1",null,"t","assign",{}]`, read,
	}, reply(""), reply("x"), reply2, reply("x"), reply(""))
}

func TestFuncs(t *testing.T) {
	f := func(context.Context, *channel.Event) (result, error) { return result{}, nil }
	for _, tc := range []struct {
		funcs channel.Funcs
		want  channel.Callbacks
	}{
		{channel.Funcs{JoinFunc: f}, channel.CallbackJoin},
		{channel.Funcs{JoinFunc: f, LeaveFunc: f}, channel.CallbackJoin | channel.CallbackLeave},
		{channel.Funcs{JoinFunc: f, HandleInFunc: f}, channel.CallbackJoin | channel.CallbackHandleIn},
		{channel.Funcs{JoinFunc: f, HandleOutFunc: f}, channel.CallbackJoin | channel.CallbackHandleOut},
	} {
		if got := tc.funcs.Handler().Traits().Callbacks; got != tc.want {
			t.Errorf("callbacks %b, want %b", got, tc.want)
		}
	}
	if got := (channel.Funcs{JoinFunc: f, Intercepts: []string{}}).Handler().Traits().Intercepts; got == nil || len(got) > 0 {
		t.Error("an empty list intercepts every event, want none")
	}
	func() {
		defer func() {
			if r, _ := recover().(string); !strings.Contains(r, "JoinFunc") {
				t.Errorf("panic %q, want one that names JoinFunc", r)
			}
		}()
		channel.Funcs{LeaveFunc: f}.Handler()
	}()
}

func TestEffectsCanBeRead(t *testing.T) {
	for _, tc := range []struct {
		effect effect
		kind   string
	}{
		{channel.Push("e", nothing), "push"}, {channel.Broadcast("e", nothing), "broadcast"}, {channel.BroadcastFrom("e", nothing), "broadcast_from"},
	} {
		if tc.effect.Kind().String() != tc.kind || tc.effect.Event() != "e" || string(tc.effect.Payload().Data()) != "{}" {
			t.Errorf("%s reads as %v %q %s", tc.kind, tc.effect.Kind(), tc.effect.Event(), tc.effect.Payload().Data())
		}
	}
	if e := channel.Assign([]byte("x")); e.Kind().String() != "assign" || string(e.Assigns()) != "x" {
		t.Errorf("assign reads as %v %q", e.Kind(), e.Assigns())
	}
}
