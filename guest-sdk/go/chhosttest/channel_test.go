package chhosttest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
	"github.com/chhost/chhost/guest-sdk/go/chhosttest"
)

// asking is a plugin whose HandleIn does whatever the test wants.
type asking func(s *chhost.Socket)

func (asking) Join(*chhost.Socket) chhost.JoinResult { return chhost.OK }

func (f asking) HandleIn(s *chhost.Socket, _ string, _ chhost.Payload) chhost.InResult {
	f(s)
	return chhost.OK
}

// The kit ends a callback where a host would.
func TestRules(t *testing.T) {
	nested := func(levels int) chhost.JSON {
		return chhost.JSON(`{"x":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + "}")
	}
	pushMiB := func(s *chhost.Socket) {
		for range 4 {
			s.Push("x", make(chhost.Bytes, 256<<10))
		}
	}
	const together = "the effects of one callback may have 1048576 bytes together"
	const name = "has to be UTF-8 of 1 to 255 bytes without control characters"
	for _, c := range []struct {
		name, want string // an empty want is no fault
		ask        asking
	}{
		{"an empty name", name, func(s *chhost.Socket) { s.Push("", nil) }},
		{"a long name", name, func(s *chhost.Socket) { s.Push(strings.Repeat("x", 256), nil) }},
		{"the longest name", "", func(s *chhost.Socket) { s.Push(strings.Repeat("x", 255), nil) }},
		{"a name that is no UTF-8", name, func(s *chhost.Socket) { s.Broadcast("\xff", nil) }},
		{"a control character", name, func(s *chhost.Socket) { s.BroadcastFrom("a\nb", nil) }},
		{"the delete character", name, func(s *chhost.Socket) { s.Push("a\x7f", nil) }},
		{"a control character beyond ASCII", "", func(s *chhost.Socket) { s.Push("\u0080\u009f", nil) }},
		{"an event of the host", "the event phx_close is the host's own", func(s *chhost.Socket) { s.Broadcast("phx_close", nil) }},
		{"presence", "the event presence_diff is the host's own", func(s *chhost.Socket) { s.Push("presence_diff", nil) }},
		{"no JSON", "the payload is no JSON", func(s *chhost.Socket) { s.Push("x", chhost.JSON("{")) }},
		{"JSON that is no UTF-8", "the payload is no JSON", func(s *chhost.Socket) { s.Push("x", chhost.JSON("{\"a\":\"\xff\"}")) }},
		{"an array", "a payload has to be a JSON object or bytes", func(s *chhost.Socket) { s.Push("x", chhost.JSON("[1]")) }},
		{"an array in a reply", "", func(s *chhost.Socket) { s.Reply(chhost.JSON("[1]")) }},
		{"nothing", "", func(s *chhost.Socket) { s.Push("x", nil); s.Reply(nil) }},
		{"deep JSON", "nested deeper than 192 levels", func(s *chhost.Socket) { s.Push("x", nested(193)) }},
		{"the deepest JSON", "", func(s *chhost.Socket) { s.Push("x", nested(192)) }},
		{"brackets in a string", "", func(s *chhost.Socket) {
			s.Push("x", chhost.Map{`"[`: strings.Repeat("[", 200)})
		}},
		{"a large payload", "327680 are allowed", func(s *chhost.Socket) { s.Push("x", make(chhost.Bytes, 320<<10+1)) }},
		{"the largest payload", "", func(s *chhost.Socket) { s.Push("x", make(chhost.Bytes, 320<<10)) }},
		{"a large state", "16384 are allowed", func(s *chhost.Socket) { s.Assign(make(chhost.Bytes, 16<<10+1)) }},
		{"the largest state", "", func(s *chhost.Socket) { s.Assign(make(chhost.Bytes, 16<<10)) }},
		{"too much at once", "256 effects at most", func(s *chhost.Socket) {
			for range 257 {
				s.Push("x", nil)
			}
		}},
		{"much at once", "", func(s *chhost.Socket) {
			for range 256 {
				s.Push("x", nil)
			}
		}},
		{"too many bytes at once", together, func(s *chhost.Socket) {
			pushMiB(s)
			s.Broadcast("x", chhost.Bytes("x"))
		}},
		{"too many bytes with the reply", together, func(s *chhost.Socket) {
			pushMiB(s)
			s.Reply(chhost.Bytes("x"))
		}},
		{"too many bytes with the state", together, func(s *chhost.Socket) {
			pushMiB(s)
			s.Assign(chhost.Bytes("x"))
		}},
		{"many bytes at once", "", func(s *chhost.Socket) {
			pushMiB(s)
			s.Push("x", nil)
			s.Reply(nil)
			s.Assign(nil)
		}},
		{"an empty topic", name, func(s *chhost.Socket) { s.Subscribe("") }},
		{"a topic that is no UTF-8", name, func(s *chhost.Socket) { s.Unsubscribe("\xff") }},
		{"a long topic", name, func(s *chhost.Socket) { s.BroadcastTo(strings.Repeat("x", 256), "x", nil) }},
		{"the longest topic", "", func(s *chhost.Socket) { s.BroadcastTo(strings.Repeat("x", 255), "x", nil) }},
		{"an event of the host, elsewhere", "the event phx_close is the host's own", func(s *chhost.Socket) { s.BroadcastTo("t", "phx_close", nil) }},
		{"an array for a timer", "a payload has to be a JSON object or bytes", func(s *chhost.Socket) { s.SendAfter(1, 10, "x", chhost.JSON("[1]")) }},
		{"an event of the host for a timer", "the event phx_error is the host's own", func(s *chhost.Socket) { s.SendAfter(1, 10, "phx_error", nil) }},
		{"a later reply that is no JSON", "the payload is no JSON", func(s *chhost.Socket) { s.ReplyTo(1, chhost.JSON("{")) }},
		{"an array in a later reply", "", func(s *chhost.Socket) { s.ReplyTo(1, chhost.JSON("[1]")) }},
		{"an empty key", name, func(s *chhost.Socket) { s.Config("") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			channel := chhosttest.Channel{Plugin: c.ask, Topic: "t"}
			o := channel.HandleIn("x", "{}")
			switch {
			case c.want == "" && o.Err != nil:
				t.Errorf("refused: %v", o.Err)
			case c.want != "" && (o.Err == nil || !strings.Contains(o.Err.Error(), c.want) || len(o.Effects) > 0):
				t.Errorf("got %v, want %q", o, c.want)
			}
		})
	}
}

type intercepting struct {
	asking
	count int
}

func (p intercepting) Init(c *chhost.Setup) error {
	for i := range p.count {
		c.Intercept(fmt.Sprint("event ", i))
	}
	return nil
}

func (intercepting) HandleOut(*chhost.Socket, string, chhost.Payload) chhost.OutResult {
	return chhost.OK
}

func TestInterceptLimit(t *testing.T) {
	for count, want := range map[int]chhosttest.Status{64: chhosttest.OK, 65: chhosttest.Crash} {
		channel := chhosttest.Channel{Plugin: intercepting{count: count}, Topic: "t"}
		if o := channel.Init(); o.Status != want {
			t.Errorf("%d names: %s, want %s: %v", count, o.Status, want, o.Err)
		}
	}
}

type interceptingTheHosts struct{ intercepting }

func (interceptingTheHosts) Init(c *chhost.Setup) error {
	c.Intercept("presence_diff")
	return nil
}

func TestInterceptOfTheHostsEvents(t *testing.T) {
	channel := chhosttest.Channel{Plugin: interceptingTheHosts{}, Topic: "t"}
	if o := channel.Init(); o.Err == nil || !strings.Contains(o.Err.Error(), "presence_diff is the host's own") {
		t.Errorf("got %v, want a crash", o)
	}
}

// What a plugin hands over may change afterwards.
func TestEffectsAreCopies(t *testing.T) {
	channel := chhosttest.Channel{Topic: "t", Plugin: asking(func(s *chhost.Socket) {
		b := chhost.Bytes("abc")
		s.Push("x", b)
		s.Assign(b)
		s.Reply(b)
		b[0] = 'X'
	})}
	const want = "push x \"abc\"\nassign abc\nreply ok \"abc\""
	if got := channel.HandleIn("x", "{}").String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPanicIsACrash(t *testing.T) {
	fault := fmt.Errorf("a bug")
	channel := chhosttest.Channel{Topic: "t", Assigns: "kept", Plugin: asking(func(s *chhost.Socket) {
		s.Push("x", nil)
		s.Assign(nil)
		chhost.Log(chhost.LevelWarn, "almost")
		panic(fault)
	})}
	o := channel.HandleIn("x", "{}")
	if o.Status != chhosttest.Crash || o.Err != fault || len(o.Effects) > 0 || len(o.Log) != 1 || channel.Assigns != "kept" {
		t.Errorf("got %+v, assigns %q", o, channel.Assigns)
	}
}

// Channels of different tests may run at once.
func TestParallel(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			channel := chhosttest.Channel{Topic: fmt.Sprint("topic:", i), Plugin: asking(func(s *chhost.Socket) { s.Push(s.Topic(), s.Payload()) })}
			for n := range 100 {
				want := fmt.Sprintf(`push topic:%d {"n":%d}`, i, n)
				if got := channel.HandleIn("x", fmt.Sprintf(`{"n":%d}`, n)).String(); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}
