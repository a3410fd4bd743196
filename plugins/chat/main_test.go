package main

import (
	"encoding/json"
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

// lobby returns the lobby as jo has joined it.
func lobby() *chhosttest.Channel {
	return &chhosttest.Channel{Plugin: Chat{}, Topic: "rooms:lobby", Assigns: `{"user":"jo"}`}
}

func TestJoin(t *testing.T) {
	c := chhosttest.Channel{Plugin: Chat{}, Topic: "rooms:lobby"}
	expect(t, c.Join(`{"user":"  jo\u0020"}`), "reply ok {}", `assign {"user":"jo"}`, "send_after 1 5000 ping {}", `broadcast user:entered {"user":"jo"}`)
	if c.Assigns != `{"user":"jo"}` {
		t.Errorf("the assigns are %s", c.Assigns)
	}
}

func TestOtherRooms(t *testing.T) {
	for _, topic := range []string{"rooms:secret", "rooms:", "rooms:lobby2", "lobby"} {
		c := chhosttest.Channel{Plugin: Chat{}, Topic: topic}
		expect(t, c.Join(`{"user":"jo"}`), `reply error {"reason":"unauthorized"}`)
	}
}

func TestNames(t *testing.T) {
	for payload, want := range map[string]string{
		`{}`:                             "name needed",
		`{"user":null}`:                  "name needed",
		`{"user":7}`:                     "name needed",
		`{"user":["jo"]}`:                "name needed",
		`{"user":""}`:                    "name needed",
		`{"user":" \t\u00a0 "}`:          "name needed",
		`{"user":"\u200b\u2060"}`:        "name needed",
		`{"user":"jo\nann"}`:             "name needed",
		`{"user":"` + e(33) + `"}`:       "name too long",
		`{"user":" System "}`:            "name taken",
		`{"user":"` + e(32) + `"}`:       "",
		`{"user":"  ` + e(32) + `    "}`: "",
		`{"user":"😀"}`:                   "",
		`{"user":"\ud83d\ude00"}`:        "",
		`{"user":"x","user":"j"}`:        "",
	} {
		c := chhosttest.Channel{Plugin: Chat{}, Topic: "rooms:lobby"}
		o := c.Join(payload)
		if want != "" {
			expect(t, o, `reply error {"reason":"`+want+`"}`)
		} else if o.Status != chhosttest.OK {
			t.Errorf("%s: %v", payload, o)
		}
	}
}

func e(n int) string { return strings.Repeat("é", n) }

func TestMessage(t *testing.T) {
	expect(t, lobby().HandleIn("new:msg", `{"body":"hi"}`), `broadcast new:msg {"body":"hi","user":"jo"}`, "reply ok {}")
}

// Nobody can speak in another's name.
func TestTheNameIsTheHosts(t *testing.T) {
	expect(t, lobby().HandleIn("new:msg", `{"user":"ann","body":"hi","extra":1}`), `broadcast new:msg {"body":"hi","user":"jo"}`, "reply ok {}")
}

func TestBadMessages(t *testing.T) {
	for payload, want := range map[string]string{
		`{}`:                         "message needed",
		`{"body":7}`:                 "message needed",
		`{"body":""}`:                "message needed",
		`{"body":" \n\u3000"}`:       "message needed",
		`{"body":"` + e(4001) + `"}`: "message too long",
	} {
		expect(t, lobby().HandleIn("new:msg", payload), `reply error {"reason":"`+want+`"}`)
	}
	if o := lobby().HandleIn("new:msg", `{"body":"`+e(4000)+`"}`); len(o.Effects) != 2 {
		t.Errorf("the longest message: %v", o)
	}
}

func TestOtherEvents(t *testing.T) {
	expect(t, lobby().HandleIn("shout", `{"body":"hi"}`), `reply error {"reason":"unhandled event"}`)
	expect(t, lobby().HandleInBytes("new:msg", []byte("hi")), `reply error {"reason":"binary_not_accepted"}`)
}

func TestLeave(t *testing.T) {
	for _, reason := range []chhost.LeaveReason{chhost.Left, chhost.Closed, chhost.Failed} {
		expect(t, lobby().Leave(reason), `broadcast user:left {"user":"jo"}`)
	}
}

// Whatever is written arrives as it was written.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"hi", `"quotes" and \backslashes\`, "</script><b>", "a\nb\tc\x00\x1f\x7f", "é😀\u2028\u2029", "{\"a\":[1]}", "\ufffd"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := json.Marshal(text) // makes it UTF-8
		if err != nil {
			t.Fatal(err)
		}
		var sent string
		if err := json.Unmarshal(quoted, &sent); err != nil {
			t.Fatal(err)
		}
		c := chhosttest.Channel{Plugin: Chat{}, Topic: "rooms:lobby"}
		if o := c.Join(`{"user":` + string(quoted) + `}`); o.Err != nil {
			t.Fatal(o.Err)
		} else if o.Status == chhosttest.OK {
			if got := member(t, o.Effects[len(o.Effects)-1], "user"); got != strings.TrimSpace(sent) {
				t.Errorf("%q entered as %q", sent, got)
			}
			if got := member(t, c.Leave(chhost.Closed).Effects[0], "user"); got != strings.TrimSpace(sent) {
				t.Errorf("%q left as %q", sent, got)
			}
		}
		o := lobby().HandleIn("new:msg", `{"body":`+string(quoted)+`}`)
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		if len(o.Effects) == 2 {
			if got := member(t, o.Effects[0], "body"); got != sent {
				t.Errorf("%q arrived as %q", sent, got)
			}
		}
	})
}

// member reads one member of an effect's payload.
func member(t *testing.T, effect chhosttest.Effect, key string) string {
	t.Helper()
	var payload map[string]string
	if err := json.Unmarshal([]byte(effect.Payload), &payload); err != nil {
		t.Fatalf("%s: %v", effect, err)
	}
	return payload[key]
}

// Every five seconds the system pings, for as long as the channel is joined.
func TestPing(t *testing.T) {
	c := chhosttest.Channel{Plugin: Chat{}, Topic: "rooms:lobby"}
	c.Join(`{"user":"jo"}`)
	ping := "send_after 1 5000 ping {}\npush new:msg {\"body\":\"ping\",\"user\":\"SYSTEM\"}"
	if got := c.Advance(4999).String(); got != "" {
		t.Errorf("before its time came\n%s", got)
	}
	for range 3 {
		if got := c.Advance(5000).String(); got != ping {
			t.Errorf("got\n%s\nwant\n%s", got, ping)
		}
	}
	expect(t, c.HandleInfo("elsewhere", "new:msg", `{}`))
}
