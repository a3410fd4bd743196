package chhost_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
	"github.com/chhost/chhost/guest-sdk/go/chhosttest"
)

func TestTimers(t *testing.T) {
	var infos []chhost.Info
	var at []int64
	c := chhosttest.Channel{Topic: "rooms:1", Now: 1000, Plugin: plugin{
		init: func(c *chhost.Setup) error { c.AcceptBinary(); return nil },
		join: func(s *chhost.Socket) chhost.JoinResult { return s.SendAfter(1, 5000, "ping", nil) },
		in: func(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
			return s.SendAfter(1<<32-1, -7, event, payload)
		},
		out: func(s *chhost.Socket, event string, payload chhost.Payload) chhost.OutResult {
			s.Cancel(1)
			return chhost.Pass
		},
		info: func(s *chhost.Socket, info chhost.Info) chhost.InfoResult {
			infos, at = append(infos, info), append(at, s.Now())
			return s.SendAfter(info.Key, 5000, info.Event, info.Payload)
		},
	}}
	expect(t, c.Join("{}"), "reply ok {}", "send_after 1 5000 ping {}")
	expect(t, c.HandleIn("shot", `{"n": 1}`), `send_after 4294967295 10 shot {"n": 1}`)
	expect(t, c.HandleInBytes("shot", []byte("\xff")), `send_after 4294967295 10 shot "\xff"`)
	expect(t, c.Advance(5000), `send_after 4294967295 5000 shot "\xff"`, "send_after 1 5000 ping {}")
	expect(t, c.HandleOut("x", "{}"), "cancel 1", "pass")
	expect(t, c.Advance(5010), `send_after 4294967295 5000 shot "\xff"`, `send_after 4294967295 5000 shot "\xff"`)
	if want := []int64{1010, 6000, 6010, 11010}; !reflect.DeepEqual(at, want) {
		t.Errorf("HandleInfo was called at %d, want %d", at, want)
	}
	ping := infos[1]
	if ping.Kind != chhost.InfoTimer || ping.Key != 1 || ping.Topic != "rooms:1" || ping.Event != "ping" || ping.Payload.Raw() != "{}" {
		t.Errorf("the timer came as %+v, %q", ping, ping.Payload.Raw())
	}
	if shot := infos[0]; shot.Key != 1<<32-1 || !shot.Payload.IsBinary() || shot.Payload.Raw() != "\xff" {
		t.Errorf("the binary timer came as %+v, %q", shot, shot.Payload.Raw())
	}
}

func TestTimerOfMoreThanADay(t *testing.T) {
	ms := 86_400_000
	c := chhosttest.Channel{Topic: "t", Plugin: plugin{join: func(s *chhost.Socket) chhost.JoinResult { return s.SendAfter(1, ms, "x", nil) }}}
	expect(t, c.Join("{}"), "reply ok {}", "send_after 1 86400000 x {}")
	for _, ms = range []int{86_400_001, 1 << 32, 1<<32 + 10, 1<<63 - 1} {
		expect(t, c.Join("{}"), "crash: panic: chhost: SendAfter: a timer runs for a day at most, which is 86400000 ms")
	}
}

func TestOtherTopics(t *testing.T) {
	var heard chhost.Info
	c := chhosttest.Channel{Topic: "rooms:1", Assigns: "mine", Plugin: plugin{
		join: func(s *chhost.Socket) chhost.JoinResult {
			s.Subscribe("news:all")
			return s.BroadcastTo("audit:1", "joined", chhost.Map{"n": 1})
		},
		in: func(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
			s.Unsubscribe("news:all")
			return chhost.OK
		},
		leave: func(s *chhost.Socket) { s.BroadcastTo("audit:1", "left", nil) },
		info: func(s *chhost.Socket, info chhost.Info) chhost.InfoResult {
			heard = info
			if s.Topic() != info.Topic || s.Event() != info.Event || s.Assigns().Raw() != "mine" || s.Ref() != 0 || s.WantsReply() || s.LeaveReason() != 0 {
				t.Errorf("the Socket says topic %s, event %s, assigns %q, ref %d, wants a reply %v, left %d",
					s.Topic(), s.Event(), s.Assigns().Raw(), s.Ref(), s.WantsReply(), s.LeaveReason())
			}
			return s.Push(info.Event, info.Payload)
		},
	}}
	expect(t, c.HandleInfo("news:all", "flash", "{}")) // it has not subscribed yet
	expect(t, c.Join("{}"), "reply ok {}", "subscribe news:all", `broadcast_to audit:1 joined {"n":1}`)
	expect(t, c.HandleInfo("news:all", "flash", `{"a":1}`), `push flash {"a":1}`)
	if heard.Kind != chhost.InfoBroadcast || heard.Topic != "news:all" || heard.Event != "flash" || heard.Key != 0 {
		t.Errorf("the broadcast came as %+v", heard)
	}
	expect(t, c.HandleInfoBytes("news:all", "raw", []byte("\x01")), `push raw "\x01"`)
	expect(t, c.HandleInfo("rooms:1", "flash", "{}")) // its own topic is not among them
	expect(t, c.HandleIn("mute", "{}"), "unsubscribe news:all")
	expect(t, c.HandleInfo("news:all", "flash", "{}"))
	expect(t, c.Leave(chhost.Left), "broadcast_to audit:1 left {}")
}

// asker keeps the refs of events "ask" and answers the oldest when it is told to.
func asker() plugin {
	return plugin{
		in: func(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
			asked, _ := s.Assigns().Field("asked").Int()
			switch event {
			case "ask":
				s.Assign(chhost.Map{"asked": s.Ref()})
				return chhost.OK
			case "answer":
				s.ReplyTo(uint32(asked), payload)
				return s.Reply(nil)
			case "refuse":
				return s.ReplyErrorTo(uint32(asked), payload)
			case "at once":
				s.ReplyTo(s.Ref(), payload)
				return chhost.OK
			case "twice":
				s.ReplyTo(s.Ref(), payload)
				return s.Reply(payload)
			}
			return chhost.Fail("no such event")
		},
		info: func(s *chhost.Socket, info chhost.Info) chhost.InfoResult {
			asked, _ := s.Assigns().Field("asked").Int()
			return s.ReplyTo(uint32(asked), info.Payload)
		},
	}
}

func TestLaterReplies(t *testing.T) {
	c := chhosttest.Channel{Topic: "t", Plugin: asker(), Subscriptions: []string{"answers"}}
	expect(t, c.HandleIn("ask", "{}"), `assign {"asked":1}`)
	expect(t, c.HandleIn("answer", `{"n":1}`), `reply_to 1 ok {"n":1}`, "reply ok {}")
	expect(t, c.HandleIn("answer", "{}"), "reply ok {}") // it was answered
	expect(t, c.HandleIn("ask", "{}"), `assign {"asked":4}`)
	expect(t, c.HandleIn("refuse", `{"no":1}`), `reply_to 4 error {"no":1}`)
	expect(t, c.HandleIn("ask", "{}"), `assign {"asked":6}`)
	expect(t, c.HandleInfoBytes("answers", "now", []byte("yes")), `reply_to 6 ok "yes"`)
	expect(t, c.HandleIn("at once", "{}"), "reply_to 7 ok {}")
	expect(t, c.HandleIn("twice", "{}"), "reply ok {}") // one that is answered is not open
}

// The type forbids nothing here, but the host does.
func TestForbiddenEffects(t *testing.T) {
	for name, ask := range map[string]func(s *chhost.Socket){
		"reply_to ok":    func(s *chhost.Socket) { s.ReplyTo(1, nil) },
		"reply_to error": func(s *chhost.Socket) { s.ReplyErrorTo(1, nil) },
		"broadcast_to":   func(s *chhost.Socket) { s.BroadcastTo("t", "x", nil) },
		"subscribe":      func(s *chhost.Socket) { s.Subscribe("t") },
		"unsubscribe":    func(s *chhost.Socket) { s.Unsubscribe("t") },
	} {
		c := chhosttest.Channel{Topic: "t", Plugin: plugin{out: func(s *chhost.Socket, _ string, _ chhost.Payload) chhost.OutResult {
			ask(s)
			return chhost.Pass
		}}}
		expect(t, c.HandleOut("x", "{}"), "crash: handle_out: "+name+": this callback may not ask for it")
	}
	reply := chhosttest.Channel{Topic: "t", Subscriptions: []string{"o"}, Plugin: plugin{info: func(s *chhost.Socket, _ chhost.Info) chhost.InfoResult {
		return s.Reply(nil)
	}}}
	expect(t, reply.HandleInfo("o", "x", "{}"), "crash: handle_info: reply ok: this callback may not ask for it")
	for name, ask := range map[string]func(s *chhost.Socket){
		"send_after":  func(s *chhost.Socket) { s.SendAfter(1, 10, "x", nil) },
		"cancel":      func(s *chhost.Socket) { s.Cancel(1) },
		"subscribe":   func(s *chhost.Socket) { s.Subscribe("t") },
		"reply_to ok": func(s *chhost.Socket) { s.ReplyTo(1, nil) },
		"assign":      func(s *chhost.Socket) { s.Assign(nil) },
		"reply ok":    func(s *chhost.Socket) { s.Reply(nil) },
		"unsubscribe": func(s *chhost.Socket) { s.Unsubscribe("t") },
	} {
		c := chhosttest.Channel{Topic: "t", Plugin: plugin{leave: ask}}
		expect(t, c.Leave(chhost.Left), "crash: leave: "+name+": this callback may not ask for it")
	}
}

func TestHandleInfoResults(t *testing.T) {
	var result func(s *chhost.Socket) chhost.InfoResult
	run := func() chhosttest.Outcome {
		c := chhosttest.Channel{Topic: "t", Subscriptions: []string{"o"}, Plugin: plugin{info: func(s *chhost.Socket, _ chhost.Info) chhost.InfoResult {
			s.Broadcast("b", nil)
			return result(s)
		}}}
		return c.HandleInfo("o", "x", "{}")
	}
	result = func(*chhost.Socket) chhost.InfoResult { return chhost.OK }
	expect(t, run(), "broadcast b {}")
	result = func(*chhost.Socket) chhost.InfoResult { return chhost.Stop }
	expect(t, run(), "broadcast b {}", "stop")
	result = func(*chhost.Socket) chhost.InfoResult { return chhost.Fail("no") }
	expect(t, run(), "error")
	result = func(*chhost.Socket) chhost.InfoResult { return nil }
	expect(t, run(), "crash: panic: chhost: HandleInfo returned nil: return chhost.OK or another result")
}

// upgraded is a plugin's next version.
type upgraded struct {
	plugin
	upgrade func(s *chhost.Socket, from string) chhost.UpgradeResult
}

func (p upgraded) Upgrade(s *chhost.Socket, from string) chhost.UpgradeResult {
	return p.upgrade(s, from)
}

func TestUpgrade(t *testing.T) {
	old := plugin{join: func(s *chhost.Socket) chhost.JoinResult {
		s.SendAfter(1, 1000, "ping", nil)
		s.Subscribe("news:all")
		s.Assign(chhost.Bytes("jo"))
		return chhost.OK
	}}
	c := chhosttest.Channel{Topic: "t", Plugin: old}
	c.Join("{}")

	var result func(s *chhost.Socket) chhost.UpgradeResult
	next := upgraded{
		plugin{info: func(s *chhost.Socket, info chhost.Info) chhost.InfoResult { return s.Push(info.Event, nil) }},
		func(s *chhost.Socket, from string) chhost.UpgradeResult {
			if from != "chat@1" || s.Event() != from || s.Payload().Raw() != "" || s.Topic() != "t" {
				t.Errorf("upgraded from %q: event %q, payload %q, topic %q", from, s.Event(), s.Payload().Raw(), s.Topic())
			}
			s.Assign(chhost.Map{"user": s.Assigns().Raw()})
			s.Cancel(2)
			return result(s)
		},
	}
	result = func(*chhost.Socket) chhost.UpgradeResult { return chhost.Fail("cannot read it") }
	o := c.Upgrade(next, "chat@1")
	expect(t, o, "error")
	if len(o.Log) != 1 || c.Assigns != "jo" {
		t.Errorf("a failed upgrade logged %q and left %q", o.Log, c.Assigns)
	}
	result = func(s *chhost.Socket) chhost.UpgradeResult { return s.Broadcast("x", nil) }
	expect(t, c.Upgrade(next, "chat@1"), "crash: upgrade: broadcast: this callback may not ask for it")
	result = func(s *chhost.Socket) chhost.UpgradeResult { return nil }
	expect(t, c.Upgrade(next, "chat@1"), "crash: panic: chhost: Upgrade returned nil: return chhost.OK or another result")
	result = func(s *chhost.Socket) chhost.UpgradeResult { return s.Push("reload", nil) }
	expect(t, c.Upgrade(next, "chat@1"), `assign {"user":"jo"}`, "cancel 2", "push reload {}")
	expect(t, c.HandleInfo("news:all", "flash", "{}"), "push flash {}")
	expect(t, c.Advance(1000), "push ping {}")
	if c.Assigns != `{"user":"jo"}` {
		t.Errorf("the assigns are %q", c.Assigns)
	}
}

// connector is a socket plugin.
type connector struct {
	plugin
	connect func(c *chhost.Connection) chhost.ConnectResult
}

func (p connector) Connect(c *chhost.Connection) chhost.ConnectResult { return p.connect(c) }

func TestConnectionReadsTheRequest(t *testing.T) {
	var got []any
	conn := chhosttest.Connection{
		Params: `{"a":{"b":"1"}}`, Claims: `{"sub":"7"}`, Transport: "longpoll", VSN: "1.0.0", Peer: "192.0.2.7",
		Origin: "https://example.com", Headers: map[string]string{"x-tenant": "x"}, Now: 42, Config: map[string]string{"k": "v"},
		AuthToken: "t0k", UserAgent: "Mozilla/5.0", URI: "wss://example.com/t/a%20b/websocket?vsn=1.0.0",
		Plugin: connector{connect: func(c *chhost.Connection) chhost.ConnectResult {
			value, ok := c.Config("k")
			got = []any{
				string(c.Params().Field("a")), string(c.Claims()), c.Transport(), c.VSN(), c.Peer(), c.Origin(),
				c.Header("x-tenant"), c.Header("cookie"), c.AuthToken(), c.UserAgent(), string(c.URI()), c.Now(), value, ok,
			}
			return chhost.OK
		}},
	}
	expect(t, conn.Connect())
	want := []any{
		`{"b":"1"}`, `{"sub":"7"}`, "longpoll", "1.0.0", "192.0.2.7", "https://example.com", "x", "",
		"t0k", "Mozilla/5.0", `{"host":"example.com","path":"/t/a%20b/websocket","port":443,"query":"vsn=1.0.0","scheme":"https"}`, int64(42), "v", true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestConnect(t *testing.T) {
	var result func(c *chhost.Connection) chhost.ConnectResult
	conn := chhosttest.Connection{Plugin: connector{connect: func(c *chhost.Connection) chhost.ConnectResult {
		c.Assign(chhost.Map{"user": 7})
		return result(c)
	}}}
	result = func(c *chhost.Connection) chhost.ConnectResult { return chhost.Refuse(chhost.Reason("no token")) }
	expect(t, conn.Connect(), `reply error {"reason":"no token"}`)
	if conn.Assigns != "" {
		t.Errorf("a refused connection has the assigns %q", conn.Assigns)
	}
	result = func(c *chhost.Connection) chhost.ConnectResult { return c.Name(`users:"7"`) }
	expect(t, conn.Connect(), `assign {"user":7}`, `reply ok {"id":"users:\"7\""}`)
	if conn.Assigns != `{"user":7}` {
		t.Errorf("the assigns are %q", conn.Assigns)
	}
	result = func(c *chhost.Connection) chhost.ConnectResult {
		c.Name("a")
		return c.Name("b")
	}
	const twice = " after the connection was named: Connect names it once, or refuses it"
	expect(t, conn.Connect(), "crash: panic: chhost: Name"+twice)
	result = func(c *chhost.Connection) chhost.ConnectResult {
		c.Name("a")
		return chhost.Refuse(nil)
	}
	expect(t, conn.Connect(), "crash: panic: chhost: Refuse"+twice)
	result = func(c *chhost.Connection) chhost.ConnectResult { return c.Name("") }
	if o := conn.Connect(); o.Err == nil || !strings.Contains(o.Err.Error(), "connect: reply: the name") {
		t.Errorf("a connection without a name: %v", o)
	}
	result = func(*chhost.Connection) chhost.ConnectResult { return nil }
	expect(t, conn.Connect(), "crash: panic: chhost: Connect returned nil: return chhost.OK or another result")
}

// Without Connect, everybody may; the claims are what channels know of them.
func TestConnectWithoutConnector(t *testing.T) {
	for claims, want := range map[string]string{"": "{}", `{"sub":"7"}`: `{"sub":"7"}`} {
		conn := chhosttest.Connection{Plugin: plugin{}, Claims: claims}
		expect(t, conn.Connect())
		if conn.Assigns != want {
			t.Errorf("claims %q: the assigns are %q, want %q", claims, conn.Assigns, want)
		}
	}
}

func TestConnectionEndsWithItsCallback(t *testing.T) {
	var kept *chhost.Connection
	conn := chhosttest.Connection{Plugin: connector{connect: func(c *chhost.Connection) chhost.ConnectResult {
		kept = c
		return chhost.OK
	}}}
	expect(t, conn.Connect())
	uses := map[string]func(){
		"Params":    func() { kept.Params() },
		"Claims":    func() { kept.Claims() },
		"AuthToken": func() { kept.AuthToken() },
		"UserAgent": func() { kept.UserAgent() },
		"URI":       func() { kept.URI() },
		"Transport": func() { kept.Transport() },
		"VSN":       func() { kept.VSN() },
		"Peer":      func() { kept.Peer() },
		"Origin":    func() { kept.Origin() },
		"Header":    func() { kept.Header("x") },
		"Now":       func() { kept.Now() },
		"Config":    func() { kept.Config("x") },
		"Assign":    func() { kept.Assign(nil) },
		"Name":      func() { kept.Name("x") },
	}
	if methods := reflect.TypeFor[*chhost.Connection]().NumMethod(); methods != len(uses) {
		t.Errorf("Connection has %d exported methods, this test knows %d", methods, len(uses))
	}
	for name, use := range uses {
		later := chhosttest.Connection{Plugin: connector{connect: func(*chhost.Connection) chhost.ConnectResult {
			use()
			return chhost.OK
		}}}
		expect(t, later.Connect(), "crash: panic: chhost: Connection."+name+" was called after Connect had returned")
	}
}
