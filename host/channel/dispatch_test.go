package channel_test

import (
	"errors"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// The rows of the dispatch table that a channel decides: phx_join on a topic
// that is not joined.
func TestJoin(t *testing.T) {
	for _, tc := range []struct {
		name, frame string
		want        []string
		joined      bool
	}{
		{"accepted", join, []string{joined}, true},
		{"accepted with a response and effects after it", `["1","1","t","phx_join",{"do":"greet"}]`, []string{
			`["1","1","t","phx_reply",{"status":"ok","response":[1,"two"]}]`, `["1",null,"t","welcome",{}]`,
		}, true},
		{"what join broadcasts reaches the client itself, in call order", `["1","1","t","phx_join",{"do":"announce"}]`, []string{
			joined, `["1",null,"t","welcome",{}]`, `[null,null,"t","entered",{}]`, `["1",null,"t","hint",{}]`,
		}, true},
		{"numbers stay numbers", `[7,7,"t","phx_join",{}]`, []string{`[7,7,"t","phx_reply",{"status":"ok","response":{}}]`}, true},
		{"without ref", `["1",null,"t","phx_join",{"do":"greet"}]`, []string{
			`["1",null,"t","phx_reply",{"status":"ok","response":[1,"two"]}]`, `["1",null,"t","welcome",{}]`,
		}, true},
		{"refused without ref", `["1",null,"t","phx_join",{"do":"crash"}]`, []string{
			`["1",null,"t","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`,
		}, false},
		{"refused", `["1","1","t","phx_join",{"do":"refuse"}]`, []string{
			`["1","1","t","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]`,
		}, false},
		{"refused without a reason", `["1","1","t","phx_join",{"do":"refuse silently"}]`, []string{
			`["1","1","t","phx_reply",{"status":"error","response":{}}]`,
		}, false},
		{"ignored", `["1","1","t","phx_join",{"do":"ignore"}]`, nil, false},
		{"crashed", `["1","1","t","phx_join",{"do":"crash"}]`, []string{
			`["1","1","t","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`,
		}, false},
		{"panicked", `["1","1","t","phx_join",{"do":"panic"}]`, []string{
			`["1","1","t","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`,
		}, false},
		{"not entered, to be tried again", `["1","1","t","phx_join",{"do":"busy"}]`, []string{
			`["1","1","t","phx_reply",{"status":"error","response":{"reason":"busy","retry_after_ms":2}}]`,
		}, false},
		// join_ref "1", ref "1", topic "t", event phx_join, one byte
		{"binary params not accepted", "!AAEBAQgxMXRwaHhfam9pbgE=", []string{
			`["1","1","t","phx_reply",{"status":"error","response":{"reason":"binary_not_accepted"}}]`,
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t, channel.Options{})
			s.play(t, []string{tc.frame}, tc.want...)
			s.room.called()
			subscribers, after := 0, unjoined
			if tc.joined {
				subscribers, after = 1, ""
			}
			s.expectSubscribers(t, subscribers)
			if after != "" {
				s.play(t, []string{`["1","2","t","echo",{}]`}, after)
				s.room.expectCalls(t) // no leave: there was no membership
			}
		})
	}
}

// A refused client may try again, in the channel that has retired meanwhile or
// in a new one.
func TestJoinAfterARefusal(t *testing.T) {
	s := newScene(t, channel.Options{})
	s.play(t, []string{`["1","1","t","phx_join",{"do":"crash"}]`},
		`["1","1","t","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`)
	s.play(t, []string{`["2","2","t","phx_join",{}]`}, `["2","2","t","phx_reply",{"status":"ok","response":{}}]`)
	s.room.expectCalls(t, "join crash", "join ")
}

// A failure is told to the log once, with the panic's stack, and not to the
// client.
func TestFailuresAreLogged(t *testing.T) {
	s := newScene(t, channel.Options{})
	s.Send(t, `["1","1","t","phx_join",{"do":"panic"}]`, join, `["1","2","t","crash",{"secret":"payload"}]`)
	s.Settle(t)
	if got := s.Log.Count("channel failed"); got != 2 {
		t.Errorf("%d failures were logged, want 2", got)
	}
	if s.Log.Count("callback=join") != 1 || s.Log.Count("main_test.go") == 0 {
		t.Error("the log does not say where the handler panicked")
	}
	if s.Log.Count("secret") != 0 {
		t.Error("a payload was logged")
	}
}

// The old channel's leave ends first; then the new reply, then phx_close for the
// old join_ref, then the new channel's pushes. Clients of V1, which cannot
// filter by join_ref, get the phx_close first.
func TestDuplicateJoin(t *testing.T) {
	const again = `["2","2","t","phx_join",{"do":"greet"}]`
	const reply, welcome = `["2","2","t","phx_reply",{"status":"ok","response":[1,"two"]}]`, `["2",null,"t","welcome",{}]`
	for _, tc := range []struct {
		name string
		opts channel.Options
		want []string
	}{
		{"V2", channel.Options{}, []string{reply, closed, welcome}},
		{"V1", channel.Options{WithoutJoinRefs: true}, []string{closed, reply, welcome}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t, tc.opts)
			s.play(t, []string{join}, joined)
			s.play(t, []string{again}, tc.want...)
			s.room.expectCalls(t, "join ", "leave REPLACED", "join greet")
			s.expectSubscribers(t, 1)
			s.play(t, []string{`["1","3","t","echo",{}]`}) // stale now
			s.play(t, []string{`["2","3","t","echo",{}]`}, `["2","3","t","phx_reply",{"status":"ok","response":{}}]`)
		})
	}
}

// If the new join is refused: the error reply, then the old phx_close, and the
// topic is not joined any more.
func TestDuplicateJoinRefused(t *testing.T) {
	for _, tc := range []struct {
		do   string
		want []string
	}{
		{"refuse", []string{`["2","2","t","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]`, closed}},
		{"crash", []string{`["2","2","t","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`, closed}},
		{"panic", []string{`["2","2","t","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`, closed}},
		{"busy", []string{`["2","2","t","phx_reply",{"status":"error","response":{"reason":"busy","retry_after_ms":2}}]`, closed}},
		{"ignore", []string{closed}},
	} {
		for _, v1 := range []bool{false, true} {
			s := newScene(t, channel.Options{WithoutJoinRefs: v1})
			s.play(t, []string{join}, joined)
			s.play(t, []string{`["2","2","t","phx_join",{"do":"` + tc.do + `"}]`}, tc.want...)
			s.room.expectCalls(t, "join ", "leave REPLACED", "join "+tc.do)
			s.expectSubscribers(t, 0)
			s.play(t, []string{`["2","2","t","echo",{}]`}, unjoined)
		}
	}
}

// A join with binary params, which the handler does not take, replaces as any
// other refused join does.
func TestDuplicateJoinWithBinaryParams(t *testing.T) {
	s := joinedScene(t)
	s.play(t, []string{"!AAEBAQgyMnRwaHhfam9pbgE="},
		`["2","2","t","phx_reply",{"status":"error","response":{"reason":"binary_not_accepted"}}]`, closed)
	s.room.expectCalls(t, "leave REPLACED")
}

// The new membership starts with nothing of the old one's.
func TestDuplicateJoinStartsAfresh(t *testing.T) {
	s := joinedScene(t)
	s.play(t, []string{`["1",null,"t","assign",{"to":"old"}]`, `["1","2","t","assigns",{}]`},
		`["1","2","t","phx_reply",{"status":"ok","response":"old"}]`)
	s.play(t, []string{`["2","2","t","phx_join",{}]`, `["2","3","t","assigns",{}]`},
		`["2","2","t","phx_reply",{"status":"ok","response":{}}]`, closed,
		`["2","3","t","phx_reply",{"status":"ok","response":""}]`)
}

func TestLeave(t *testing.T) {
	for _, tc := range []struct {
		name, frame string
		want        []string
		left        bool
	}{
		{"with the join_ref", leave, []string{leftOK, closed}, true},
		{"without join_ref", `[null,"9","t","phx_leave",{}]`, []string{leftOK, closed}, true},
		{"without ref", `["1",null,"t","phx_leave",{}]`, []string{`["1",null,"t","phx_reply",{"status":"ok","response":{}}]`, closed}, true},
		{"stale", `["0","9","t","phx_leave",{}]`, nil, false},
		{"a number is not the string", `[1,"9","t","phx_leave",{}]`, nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := joinedScene(t)
			s.play(t, []string{tc.frame}, tc.want...)
			if !tc.left {
				s.room.expectCalls(t)
				s.expectSubscribers(t, 1)
				return
			}
			s.room.expectCalls(t, "leave LEFT")
			s.expectSubscribers(t, 0)
			s.play(t, []string{leave}, leftOK) // not joined: ok
			s.play(t, []string{`["1","2","t","echo",{}]`}, unjoined)
			s.play(t, []string{join}, joined)
		})
	}
}

// The reply, then phx_close, then what leave pushed; the others get what it
// broadcast, the own client does not: it is unsubscribed.
func TestLeavePushesAfterTheClose(t *testing.T) {
	s := joinedScene(t)
	other := s.Node.Client(t, "t", newRoom(), channel.Options{})
	other.Send(t, join)
	other.Expect(t, joined)
	s.play(t, []string{`["1",null,"t","assign",{"to":"leave pushes"}]`, leave}, leftOK, closed, `["1",null,"t","bye",{}]`)
	other.Expect(t, `[null,null,"t","left",{}]`)
}

// What leave pushes reaches the client only if it left by itself.
func TestLeaveOfOtherKindsPushesNothing(t *testing.T) {
	for _, tc := range []struct {
		kind, frame string
		want        []string
	}{
		{"REPLACED", `["2","2","t","phx_join",{}]`, []string{`["2","2","t","phx_reply",{"status":"ok","response":{}}]`, closed}},
		{"STOPPED", `["1","2","t","stop",{}]`, []string{`["1",null,"t","a",{}]`, `["1","2","t","phx_reply",{"status":"ok","response":{}}]`, closed}},
		{"FAILED", `["1","2","t","crash",{}]`, []string{crashed}},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			s := joinedScene(t)
			other := s.Node.Client(t, "t", newRoom(), channel.Options{})
			other.Send(t, join)
			other.Expect(t, joined)
			s.play(t, []string{`["1",null,"t","assign",{"to":"leave pushes"}]`, tc.frame}, tc.want...)
			other.Expect(t, `[null,null,"t","left",{}]`)
		})
	}
}

// A leave that fails is logged; nothing it wanted happens, and the channel has
// ended all the same.
func TestLeaveThatFails(t *testing.T) {
	for _, how := range []string{"leave errs", "leave crashes", "leave panics"} {
		t.Run(how, func(t *testing.T) {
			s := joinedScene(t)
			other := s.Node.Client(t, "t", newRoom(), channel.Options{})
			other.Send(t, join)
			other.Expect(t, joined)
			s.play(t, []string{`["1",null,"t","assign",{"to":"` + how + `"}]`, leave}, leftOK, closed)
			s.room.expectCalls(t, "in assign", "leave LEFT")
			s.play(t, []string{join}, joined)
			if rest := other.Rest(); len(rest) > 0 {
				t.Errorf("the others were sent %s", rest)
			}
			if s.Log.Count("leave") == 0 {
				t.Error("nothing was logged")
			}
		})
	}
}

// A handler without leave is not called at the end, and everything else is the
// same.
func TestHandlerWithoutLeave(t *testing.T) {
	s := newScene(t, channel.Options{})
	s.room.traits.Callbacks &^= channel.CallbackLeave
	s.play(t, []string{join, leave}, joined, leftOK, closed)
	s.room.expectCalls(t, "join ")
}

func TestEvents(t *testing.T) {
	const ok2 = `["1","2","t","phx_reply",{"status":"ok","response":{}}]`
	for _, tc := range []struct {
		name, frame string
		want        []string
		calls       []string
	}{
		{"with the join_ref", `["1","2","t","echo",{"n": 1}]`, []string{`["1","2","t","phx_reply",{"status":"ok","response":{"n": 1}}]`}, []string{"in echo"}},
		{"without join_ref", `[null,"2","t","echo",{}]`, []string{ok2}, []string{"in echo"}},
		{"a ref that is a number", `["1",2,"t","echo",{}]`, []string{`["1",2,"t","phx_reply",{"status":"ok","response":{}}]`}, []string{"in echo"}},
		{"nobody waits", `["1",null,"t","echo",{}]`, nil, []string{"in echo"}},
		{"no reply", `["1","2","t","quiet",{}]`, nil, []string{"in quiet"}},
		{"an error reply", `["1","2","t","no",{}]`, []string{
			`["1",null,"t","a",{}]`, `["1","2","t","phx_reply",{"status":"error","response":{"reason":"no"}}]`,
		}, []string{"in no"}},
		{"stale", `["0","2","t","echo",{}]`, nil, nil},
		{"a number is not the string", `[1,"2","t","echo",{}]`, nil, nil},
		{"reserved", `["1","2","t","phx_close",{}]`, []string{
			`["1","2","t","phx_reply",{"status":"error","response":{"reason":"reserved event"}}]`,
		}, nil},
		{"reserved for presence", `["1","2","t","presence_diff",{}]`, []string{
			`["1","2","t","phx_reply",{"status":"error","response":{"reason":"reserved event"}}]`,
		}, nil},
		{"reserved, nobody waits", `["1",null,"t","phx_error",{}]`, nil, nil},
		{"refused by the handler's host", `["1","2","t","busy",{}]`, []string{
			`["1","2","t","phx_reply",{"status":"error","response":{"reason":"busy","retry_after_ms":1000}}]`,
		}, []string{"in busy"}},
		{"refused, without join_ref", `[null,"2","t","busy",{}]`, []string{
			`["1","2","t","phx_reply",{"status":"error","response":{"reason":"busy","retry_after_ms":1000}}]`,
		}, []string{"in busy"}},
		{"reserved, without join_ref", `[null,"2","t","phx_close",{}]`, []string{
			`["1","2","t","phx_reply",{"status":"error","response":{"reason":"reserved event"}}]`,
		}, nil},
		// join_ref "1", ref "2", topic "t", event "echo", bytes 01 02
		{"binary not accepted", "!AAEBAQQxMnRlY2hvAQI=", []string{
			`["1","2","t","phx_reply",{"status":"error","response":{"reason":"binary_not_accepted"}}]`,
		}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := joinedScene(t)
			s.play(t, []string{tc.frame}, tc.want...)
			s.room.expectCalls(t, tc.calls...)
			// The channel lives on in every case.
			s.play(t, []string{`["1","3","t","echo",{}]`}, `["1","3","t","phx_reply",{"status":"ok","response":{}}]`)
		})
	}
}

func TestBinaryAccepted(t *testing.T) {
	s := newScene(t, channel.Options{})
	s.room.traits.AcceptBinary = true
	s.play(t, []string{"!AAEBAQgxMXRwaHhfam9pbgE=", "!AAEBAQQxMnRlY2hvAQI=", "!AAEBAQMxM3RzYXkBAg=="},
		joined, `["1","2","t","phx_reply",{"status":"ok","response":!AQI=}]`,
		`[null,null,"t","say",!AQI=]`, `["1","3","t","phx_reply",{"status":"ok","response":{}}]`)
}

// A binary frame does not tell the number 1 from the string "1", so it is not
// stale in a channel that was joined with the number; a text frame tells them
// apart.
func TestBinaryAfterAJoinWithANumber(t *testing.T) {
	s := newScene(t, channel.Options{})
	s.room.traits.AcceptBinary = true
	s.play(t, []string{`[1,1,"t","phx_join",{}]`, "!AAEBAQQxMnRlY2hvAQI=", `["1","3","t","echo",{}]`, `[1,4,"t","echo",{}]`},
		`[1,1,"t","phx_reply",{"status":"ok","response":{}}]`, `[1,"2","t","phx_reply",{"status":"ok","response":!AQI=}]`,
		`[1,4,"t","phx_reply",{"status":"ok","response":{}}]`)
}

func TestEventsOfATopicThatIsNotJoined(t *testing.T) {
	s := newScene(t, channel.Options{})
	s.play(t, []string{
		`["1","2","t","echo",{}]`, `["1",null,"t","echo",{}]`, `["1","2","t","phx_close",{}]`, leave, `["1",null,"t","phx_leave",{}]`,
	}, unjoined, unjoined, leftOK, `["1",null,"t","phx_reply",{"status":"ok","response":{}}]`)
	s.room.expectCalls(t)
}

func TestUnhandledEvent(t *testing.T) {
	s := newScene(t, channel.Options{})
	s.room.traits.Callbacks &^= channel.CallbackHandleIn
	s.play(t, []string{join, `["1","2","t","echo",{}]`, `["1",null,"t","echo",{}]`}, joined,
		`["1","2","t","phx_reply",{"status":"error","response":{"reason":"unhandled event"}}]`)
	s.room.expectCalls(t, "join ")
}

// What arrives while a join is under way waits behind it.
func TestFramesWaitBehindTheJoin(t *testing.T) {
	const event, event3 = `["1","2","t","echo",{}]`, `["1","3","t","echo",{}]`
	for _, tc := range []struct {
		name, do string
		frames   []string
		want     []string
		calls    []string
	}{
		{"accepted", "wait", []string{event, leave, event3}, []string{
			joined, `["1",null,"t","welcome",{}]`, `["1","2","t","phx_reply",{"status":"ok","response":{}}]`, leftOK, closed,
			`[null,"3","t","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`,
		}, []string{"join wait", "in echo", "leave LEFT"}},
		{"refused", "wait, refuse", []string{event, leave}, []string{
			`["1","1","t","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]`, unjoined, leftOK,
		}, []string{"join wait, refuse"}},
		{"joined again", "wait", []string{`["2","2","t","phx_join",{}]`, event}, []string{
			joined, `["1",null,"t","welcome",{}]`, `["2","2","t","phx_reply",{"status":"ok","response":{}}]`, closed,
		}, []string{"join wait", "leave REPLACED", "join "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t, channel.Options{})
			s.Send(t, `["1","1","t","phx_join",{"do":"`+tc.do+`"}]`)
			await(t, "the join", s.room.entered)
			s.Send(t, tc.frames...)
			if sent := s.Sent(); len(sent) > 0 {
				t.Errorf("the client was sent %v before the join's reply", sent)
			}
			s.room.resume <- struct{}{}
			s.play(t, nil, tc.want...)
			s.room.expectCalls(t, tc.calls...)
		})
	}
}

func TestEndOfAMembership(t *testing.T) {
	const ok2 = `["1","2","t","phx_reply",{"status":"ok","response":{}}]`
	for _, tc := range []struct {
		event, kind string
		want        []string
	}{
		{"stop", "STOPPED", []string{`["1",null,"t","a",{}]`, ok2, closed}},
		{"error", "FAILED", []string{crashed}},
		{"crash", "FAILED", []string{crashed}},
		{"panic", "FAILED", []string{crashed}},
	} {
		t.Run(tc.event, func(t *testing.T) {
			s := joinedScene(t)
			s.play(t, []string{`["1","2","t","` + tc.event + `",{}]`}, tc.want...)
			s.room.expectCalls(t, "in "+tc.event, "leave "+tc.kind)
			s.expectSubscribers(t, 0)
			s.play(t, []string{`["1","2","t","echo",{}]`}, unjoined)
			s.play(t, []string{`["3","3","t","phx_join",{}]`}, `["3","3","t","phx_reply",{"status":"ok","response":{}}]`)
		})
	}
}

// The two answers that a socket gives itself for a topic that has no channel.
func TestAnswersWithoutAChannel(t *testing.T) {
	var r channeltest.Recorder
	channel.Unmatched(&r, &phx.Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "t", Event: "x"})
	channel.Unmatched(&r, &phx.Message{JoinRef: `"1"`, Topic: "t", Event: "x"})
	channel.LeftAlready(&r, &phx.Message{JoinRef: `"1"`, Ref: `"9"`, Topic: "t", Event: phx.EventLeave})
	channel.LeftAlready(&r, &phx.Message{JoinRef: `"1"`, Topic: "t", Event: phx.EventLeave})
	r.Expect(t, unjoined, leftOK, `["1",null,"t","phx_reply",{"status":"ok","response":{}}]`)
	if rest := r.Rest(); len(rest) > 0 {
		t.Errorf("also sent: %s", rest)
	}
}

// Refusal is an error like others where it is not treated as more.
func TestRefusalError(t *testing.T) {
	err := error(&channel.Refusal{Reason: phx.ReasonBusy})
	var refusal *channel.Refusal
	if !errors.As(err, &refusal) || err.Error() != "channel: refused: busy" {
		t.Errorf("got %q", err)
	}
}
