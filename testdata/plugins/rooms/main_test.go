package main

import (
	"strings"
	"testing"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
	"github.com/chhost/chhost/guest-sdk/go/chhosttest"
)

func expect(t *testing.T, o chhosttest.Outcome, lines ...string) {
	t.Helper()
	if got, want := o.String(), strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func room(topic string) *chhosttest.Channel {
	return &chhosttest.Channel{Plugin: Rooms{}, Topic: topic}
}

func TestInit(t *testing.T) {
	expect(t, room("rooms:1").Init(), "accept_binary", "intercept shout")
}

func TestJoin(t *testing.T) {
	expect(t, room("rooms:1").Join(`{}`), "reply ok {}")
	expect(t, room("rooms:refuse").Join(`{}`), `reply error {"reason":"unauthorized"}`)
	expect(t, room("rooms:banned").Join(`{}`), `reply error {"reason":"banned"}`, "stop")
	expect(t, room("rooms:crash").Join(`{}`), "crash: panic: rooms: crashed while joining, as asked")
	expect(t, room("rooms:hello").Join(`{}`), `reply ok {"welcome":true}`, `push hello {"n":1}`)
	expect(t, room("rooms:open").Join(`{}`), "reply ok {}", "push a {}", "broadcast entered {}", "broadcast shout {}")
}

func TestHandleIn(t *testing.T) {
	for event, want := range map[string][]string{
		"echo":        {`reply ok {"b":1}`},
		"new:msg":     {`broadcast new:msg {"b":1}`, "reply ok {}"},
		"shout":       {`broadcast shout {"b":1}`, "reply ok {}"},
		"others":      {`broadcast_from others {"b":1}`},
		"order":       {"push a {}", "broadcast b {}", "push c {}", "reply ok {}"},
		"stop":        {`reply ok {"bye":1}`, "stop"},
		"crash":       {"crash: panic: rooms: crashed, as asked"},
		"mixed":       {"push a {}", "broadcast shout {}", "broadcast b {}", "push c {}", "reply ok {}"},
		"value":       {"reply ok {}"},
		"bin":         {`push bin {"b":1}`, `reply ok {"b":1}`},
		"bytes":       {`push bin "\x01\x02\x03"`, `broadcast bin "\x04\x05"`, "reply ok {}"},
		"else":        {`reply error {"reason":"unhandled event"}`},
		"bytes:reply": {`reply ok "\x06"`},
		"stop:last":   {"push a {}", "broadcast b {}", `reply ok {"bye":1}`, "stop"},
		"fail":        {"error"},
	} {
		expect(t, room("rooms:1").HandleIn(event, `{"b":1}`), want...)
	}
	for _, value := range []string{`[1,{"a":null}]`, `"s"`, "1.50", "null", "true", "{}"} {
		expect(t, room("rooms:1").HandleIn("value", `{"value":`+value+`}`), "reply ok "+value)
	}
}

func TestBytes(t *testing.T) {
	expect(t, room("rooms:1").HandleInBytes("echo", []byte{1, 2, 3}), `reply ok "\x01\x02\x03"`)
	expect(t, room("rooms:1").HandleInBytes("new:msg", []byte{255, 0}), `broadcast new:msg "\xff\x00"`, "reply ok {}")
	expect(t, room("rooms:1").HandleInBytes("echo", nil), `reply ok ""`)
	expect(t, room("rooms:1").HandleOutBytes("shout", []byte("x")), `push shout "x"`)
}

func TestHandleOut(t *testing.T) {
	expect(t, room("rooms:1").HandleOut("shout", `{"b":1}`), `push shout {"b":1}`)
	expect(t, room("rooms:1").HandleOut("new:msg", `{"b":1}`), "pass")
}

func TestLeave(t *testing.T) {
	for _, reason := range []chhost.LeaveReason{chhost.Left, chhost.Closed, chhost.Replaced, chhost.Failed} {
		expect(t, room("rooms:1").Leave(reason), "broadcast_from left {}")
		expect(t, room("rooms:open").Leave(reason), "broadcast_from left {}", "push bye {}")
	}
}
