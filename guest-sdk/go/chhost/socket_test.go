package chhost_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
	"github.com/chhost/chhost/guest-sdk/go/chhosttest"
)

// plugin is a channel made of functions; those that are nil are not called.
type plugin struct {
	init  func(*chhost.Setup) error
	join  func(*chhost.Socket) chhost.JoinResult
	leave func(*chhost.Socket)
	in    func(*chhost.Socket, string, chhost.Payload) chhost.InResult
	out   func(*chhost.Socket, string, chhost.Payload) chhost.OutResult
	info  func(*chhost.Socket, chhost.Info) chhost.InfoResult
}

func (p plugin) Init(c *chhost.Setup) error {
	if p.init == nil {
		return nil
	}
	return p.init(c)
}

func (p plugin) Join(s *chhost.Socket) chhost.JoinResult {
	if p.join == nil {
		return chhost.OK
	}
	return p.join(s)
}

func (p plugin) Leave(s *chhost.Socket) {
	if p.leave != nil {
		p.leave(s)
	}
}

func (p plugin) HandleIn(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
	return p.in(s, event, payload)
}

func (p plugin) HandleOut(s *chhost.Socket, event string, payload chhost.Payload) chhost.OutResult {
	return p.out(s, event, payload)
}

func (p plugin) HandleInfo(s *chhost.Socket, info chhost.Info) chhost.InfoResult {
	return p.info(s, info)
}

func expect(t *testing.T, o fmt.Stringer, lines ...string) {
	t.Helper()
	if got, want := o.String(), strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestJoin(t *testing.T) {
	var result func(s *chhost.Socket) chhost.JoinResult
	c := chhosttest.Channel{Topic: "rooms:1", Plugin: plugin{join: func(s *chhost.Socket) chhost.JoinResult {
		s.Push("a", nil)
		return result(s)
	}}}
	result = func(*chhost.Socket) chhost.JoinResult { return chhost.OK }
	expect(t, c.Join("{}"), "reply ok {}", "push a {}")
	result = func(s *chhost.Socket) chhost.JoinResult { return s.Reply(chhost.Map{"n": 1}) }
	expect(t, c.Join("{}"), `reply ok {"n":1}`, "push a {}")
	result = func(s *chhost.Socket) chhost.JoinResult { return s.Broadcast("b", chhost.Reason("x")) }
	expect(t, c.Join("{}"), "reply ok {}", "push a {}", `broadcast b {"reason":"x"}`)
	result = func(*chhost.Socket) chhost.JoinResult { return chhost.Refuse(chhost.Reason("unauthorized")) }
	expect(t, c.Join("{}"), `reply error {"reason":"unauthorized"}`)
	result = func(*chhost.Socket) chhost.JoinResult { return chhost.Refuse(nil) }
	expect(t, c.Join("{}"), `reply error {}`)
	result = func(*chhost.Socket) chhost.JoinResult { return chhost.Ignore }
	expect(t, c.Join("{}"), "ignore")
	result = func(*chhost.Socket) chhost.JoinResult { return nil }
	expect(t, c.Join("{}"), "crash: panic: chhost: Join returned nil: return chhost.OK or another result")
	result = func(s *chhost.Socket) chhost.JoinResult { return s.ReplyError(nil) }
	expect(t, c.Join("{}"), "crash: join: reply: a join that is OK was answered with an error: return Refuse")
	result = func(s *chhost.Socket) chhost.JoinResult {
		s.Reply(nil)
		return chhost.Refuse(nil)
	}
	expect(t, c.Join("{}"), "crash: panic: chhost: Refuse after an answer was given already: a callback answers once")
}

func TestHandleIn(t *testing.T) {
	var result func(s *chhost.Socket) chhost.InResult
	c := chhosttest.Channel{Topic: "rooms:1", Plugin: plugin{
		init: func(c *chhost.Setup) error { c.AcceptBinary(); return nil },
		in: func(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
			s.Reply(payload)
			s.BroadcastFrom(event, payload)
			return result(s)
		},
	}}
	result = func(s *chhost.Socket) chhost.InResult { return s.Push("p", chhost.Bytes("\x00\xff")) }
	expect(t, c.HandleIn("x", `{"a": 1}`), `broadcast_from x {"a": 1}`, `push p "\x00\xff"`, `reply ok {"a": 1}`)
	expect(t, c.HandleInBytes("x", []byte("\x01\x02")), `broadcast_from x "\x01\x02"`, `push p "\x00\xff"`, `reply ok "\x01\x02"`)
	result = func(*chhost.Socket) chhost.InResult { return chhost.Stop }
	expect(t, c.HandleIn("x", "{}"), "broadcast_from x {}", "reply ok {}", "stop")
	result = func(*chhost.Socket) chhost.InResult { return chhost.Fail("the disk is full") }
	o := c.HandleIn("x", "{}")
	expect(t, o, "error")
	if want := []string{"the disk is full"}; !reflect.DeepEqual(o.Log, want) {
		t.Errorf("the log is %q, want %q", o.Log, want)
	}
	result = func(s *chhost.Socket) chhost.InResult { return s.ReplyError(nil) }
	expect(t, c.HandleIn("x", "{}"), "crash: panic: chhost: ReplyError after an answer was given already: a callback answers once")
	result = func(*chhost.Socket) chhost.InResult { return nil }
	expect(t, c.HandleIn("x", "{}"), "crash: panic: chhost: HandleIn returned nil: return chhost.OK or another result")
}

func TestHandleOut(t *testing.T) {
	var result func(s *chhost.Socket) chhost.OutResult
	c := chhosttest.Channel{Topic: "rooms:1", Plugin: plugin{out: func(s *chhost.Socket, event string, payload chhost.Payload) chhost.OutResult {
		s.Push(event, payload.Merge(chhost.Map{"self": s.FromSelf()}))
		return result(s)
	}}}
	result = func(*chhost.Socket) chhost.OutResult { return chhost.OK }
	expect(t, c.HandleOut("x", `{"a":1}`), `push x {"a":1,"self":false}`)
	expect(t, c.HandleOutSelf("x", `{"a":1}`), `push x {"a":1,"self":true}`)
	expect(t, c.HandleOutBytes("x", []byte(`{"a":1}`)), `push x {"self":false}`)
	result = func(*chhost.Socket) chhost.OutResult { return chhost.Pass }
	expect(t, c.HandleOut("x", "{}"), `push x {"self":false}`, "pass")
	result = func(*chhost.Socket) chhost.OutResult { return chhost.Stop }
	expect(t, c.HandleOut("x", "{}"), `push x {"self":false}`, "stop")
	result = func(*chhost.Socket) chhost.OutResult { return chhost.Fail("no") }
	expect(t, c.HandleOut("x", "{}"), "error")
	result = func(s *chhost.Socket) chhost.OutResult { return s.Broadcast("x", nil) }
	expect(t, c.HandleOut("x", "{}"), "crash: handle_out: broadcast: this callback may not ask for it")
	result = func(*chhost.Socket) chhost.OutResult { return nil }
	expect(t, c.HandleOut("x", "{}"), "crash: panic: chhost: HandleOut returned nil: return chhost.OK or another result")
}

func TestLeave(t *testing.T) {
	c := chhosttest.Channel{Topic: "rooms:1", Plugin: plugin{leave: func(s *chhost.Socket) {
		if s.LeaveReason() == chhost.Left {
			s.Broadcast("left", s.Payload())
		}
	}}}
	expect(t, c.Leave(chhost.Left), "broadcast left {}")
	expect(t, c.Leave(chhost.Closed))
}

func TestSocketReadsTheEvent(t *testing.T) {
	var got []any
	c := chhosttest.Channel{
		Topic: "rooms:é", Assigns: "state", SocketAssigns: `{"sub":"7"}`, Now: 1767225600123, ID: 1<<53 - 1,
		Config: map[string]string{"greeting": strings.Repeat("hello ", 1000)},
		Plugin: plugin{in: func(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
			greeting, ok := s.Config("greeting")
			_, none := s.Config("nothing")
			got = []any{
				event, payload.Raw(), s.Event(), s.Payload().Raw(), s.Topic(), s.Assigns().Raw(), s.SocketAssigns().Field("sub"),
				s.Now(), s.ID(), s.WantsReply(), s.FromSelf(), s.LeaveReason(), len(greeting), ok, none,
			}
			return chhost.OK
		}},
	}
	expect(t, c.HandleIn("new:msg", `{"body":"hi"}`))
	want := []any{
		"new:msg", `{"body":"hi"}`, "new:msg", `{"body":"hi"}`, "rooms:é", "state", chhost.JSON(`"7"`),
		int64(1767225600123), uint64(1<<53 - 1), true, false, chhost.LeaveReason(0), 6000, true, false,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestAssigns(t *testing.T) {
	var before, after chhost.Payload
	c := chhosttest.Channel{Topic: "t", Plugin: plugin{in: func(s *chhost.Socket, event string, _ chhost.Payload) chhost.InResult {
		before = s.Assigns()
		buf := chhost.Bytes("bytes")
		s.Assign([]chhost.Sendable{chhost.Map{"n": 1}, buf, nil, chhost.JSON("[1]")}[len(event)-1])
		buf[0] = 'B' // must change neither what was assigned nor what was read
		after = s.Assigns()
		if strings.HasSuffix(event, "!") {
			return chhost.Fail("")
		}
		return chhost.OK
	}}}
	step := func(event, wantBefore, wantAfter, kept string) {
		t.Helper()
		c.HandleIn(event, "{}")
		if before.Raw() != wantBefore || after.Raw() != wantAfter || c.Assigns != kept {
			t.Errorf("%s: assigns were %q, then %q, kept %q; want %q, %q, %q", event, before.Raw(), after.Raw(), c.Assigns, wantBefore, wantAfter, kept)
		}
	}
	step("a", "", `{"n":1}`, `{"n":1}`)
	step("ab", `{"n":1}`, "bytes", "bytes")
	step("abc", "bytes", "", "")
	step("abcd", "", "[1]", "[1]")
	step("!", "[1]", `{"n":1}`, "[1]")
}

// A Socket that outlives its callback would act for another client.
func TestSocketEndsWithItsCallback(t *testing.T) {
	var kept *chhost.Socket
	keep := chhosttest.Channel{Topic: "t", Plugin: plugin{in: func(s *chhost.Socket, event string, _ chhost.Payload) chhost.InResult {
		kept = s
		if event == "crash" {
			panic("crash")
		}
		return chhost.OK
	}}}
	uses := map[string]func(){
		"Topic":         func() { kept.Topic() },
		"Event":         func() { kept.Event() },
		"Payload":       func() { kept.Payload() },
		"Assigns":       func() { kept.Assigns() },
		"SocketAssigns": func() { kept.SocketAssigns() },
		"Now":           func() { kept.Now() },
		"ID":            func() { kept.ID() },
		"WantsReply":    func() { kept.WantsReply() },
		"FromSelf":      func() { kept.FromSelf() },
		"LeaveReason":   func() { kept.LeaveReason() },
		"Config":        func() { kept.Config("x") },
		"Ref":           func() { kept.Ref() },
		"ReplyTo":       func() { kept.ReplyTo(1, nil) },
		"ReplyErrorTo":  func() { kept.ReplyErrorTo(1, nil) },
		"BroadcastTo":   func() { kept.BroadcastTo("t", "x", nil) },
		"SendAfter":     func() { kept.SendAfter(1, 10, "x", nil) },
		"Cancel":        func() { kept.Cancel(1) },
		"Subscribe":     func() { kept.Subscribe("t") },
		"Unsubscribe":   func() { kept.Unsubscribe("t") },
		"Broadcast":     func() { kept.Broadcast("x", nil) },
		"BroadcastFrom": func() { kept.BroadcastFrom("x", nil) },
		"Push":          func() { kept.Push("x", nil) },
		"Reply":         func() { kept.Reply(nil) },
		"ReplyError":    func() { kept.ReplyError(nil) },
		"Assign":        func() { kept.Assign(nil) },
	}
	if methods := reflect.TypeFor[*chhost.Socket]().NumMethod(); methods != len(uses) {
		t.Errorf("Socket has %d exported methods, this test knows %d", methods, len(uses))
	}
	for _, event := range []string{"fine", "crash"} {
		keep.HandleIn(event, "{}")
		for name, use := range uses {
			later := chhosttest.Channel{Topic: "t", Plugin: plugin{in: func(*chhost.Socket, string, chhost.Payload) chhost.InResult {
				use()
				return chhost.OK
			}}}
			want := "panic: chhost: Socket." + name + " was called after the callback had returned"
			if o := later.HandleIn("x", "{}"); o.Err == nil || !strings.HasPrefix(o.Err.Error(), want) {
				t.Errorf("%s after %s: %v, want %s", name, event, o, want)
			}
		}
	}
}

// What was handed out stays, whatever the next event is.
func TestPayloadsMayBeKept(t *testing.T) {
	var kept []chhost.Payload
	c := chhosttest.Channel{Topic: "t", Assigns: "first state", Plugin: plugin{in: func(s *chhost.Socket, _ string, p chhost.Payload) chhost.InResult {
		kept = append(kept, p, s.Assigns())
		return chhost.OK
	}}}
	c.HandleIn("x", `{"n":1}`)
	c.Assigns = "other state"
	c.HandleIn("x", `{"n":2}`)
	for i, want := range []string{`{"n":1}`, "first state", `{"n":2}`, "other state"} {
		if got := kept[i].Raw(); got != want {
			t.Errorf("kept %q, want %q", got, want)
		}
	}
}

func TestSetup(t *testing.T) {
	var kept *chhost.Setup
	c := chhosttest.Channel{Topic: "t", Config: map[string]string{"k": "v"}, Plugin: plugin{
		init: func(c *chhost.Setup) error {
			kept = c
			value, ok := c.Config("k")
			_, none := c.Config("none")
			if value != "v" || !ok || none {
				t.Errorf("settings: %q, %v, %v", value, ok, none)
			}
			c.Intercept("a", "b", "a")
			c.AcceptBinary()
			chhost.Log(chhost.LevelInfo, "ready")
			return nil
		},
		out: func(*chhost.Socket, string, chhost.Payload) chhost.OutResult { return chhost.OK },
	}}
	o := c.Init()
	expect(t, o, "intercept a", "intercept b", "accept_binary")
	if want := []string{"ready"}; !reflect.DeepEqual(o.Log, want) {
		t.Errorf("the log is %q", o.Log)
	}
	expect(t, c.HandleOut("a", "{}"))
	expect(t, c.HandleOut("c", "{}"), "pass")
	for name, use := range map[string]func(){
		"Intercept":    func() { kept.Intercept("x") },
		"AcceptBinary": func() { kept.AcceptBinary() },
		"Config":       func() { kept.Config("k") },
	} {
		func() {
			defer func() {
				if got, _ := recover().(string); got != "chhost: Setup."+name+" was called after Init had returned" {
					t.Errorf("%s: panic %q", name, got)
				}
			}()
			use()
		}()
	}
}

type joiner struct{ init func(*chhost.Setup) error }

func (j joiner) Init(c *chhost.Setup) error                  { return j.init(c) }
func (j joiner) Join(*chhost.Socket) chhost.JoinResult       { return chhost.OK }
func (j joiner) HandleOut(*chhost.Socket) chhost.OutResult   { return chhost.OK } // not the signature
func (j joiner) HandleIn(string, string) (_ chhost.InResult) { return chhost.OK } // not the signature

func TestSetupRefuses(t *testing.T) {
	for _, c := range []struct {
		name, log string
		init      func(*chhost.Setup) error
	}{
		{"an error", "Init: no address", func(*chhost.Setup) error { return errors.New("no address") }},
		{"a HandleOut that is none", "Init: Intercept was called, but the plugin has no method HandleOut(*chhost.Socket, string, chhost.Payload) chhost.OutResult", func(c *chhost.Setup) error {
			c.Intercept("x")
			return nil
		}},
	} {
		channel := chhosttest.Channel{Topic: "t", Plugin: joiner{c.init}}
		o := channel.Init()
		if o.Status != chhosttest.Error || !reflect.DeepEqual(o.Log, []string{c.log}) {
			t.Errorf("%s: status %s, log %q", c.name, o.Status, o.Log)
		}
		if o := channel.Join("{}"); o.Status != chhosttest.Crash {
			t.Errorf("%s: a join after it: %v", c.name, o)
		}
	}
}

func TestAbsentCallbacks(t *testing.T) {
	c := chhosttest.Channel{Topic: "t", Plugin: joiner{func(*chhost.Setup) error { return nil }}}
	expect(t, c.Join("{}"), "reply ok {}")
	expect(t, c.HandleIn("x", "{}"), `reply error {"reason":"unhandled event"}`)
	expect(t, c.HandleInBytes("x", nil), `reply error {"reason":"binary_not_accepted"}`)
	expect(t, c.HandleOut("x", "{}"), "pass")
	expect(t, c.Leave(chhost.Left))
}
