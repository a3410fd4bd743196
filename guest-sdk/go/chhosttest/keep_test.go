package chhosttest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
	"github.com/chhost/chhost/guest-sdk/go/chhosttest"
)

// keeping is a plugin whose callbacks do what the test wants.
type keeping struct {
	ask  func(s *chhost.Socket)
	info func(s *chhost.Socket, info chhost.Info) chhost.InfoResult
}

func (keeping) Join(*chhost.Socket) chhost.JoinResult { return chhost.OK }

func (p keeping) HandleIn(s *chhost.Socket, event string, _ chhost.Payload) chhost.InResult {
	if p.ask != nil {
		p.ask(s)
	}
	switch event {
	case "stop":
		return chhost.Stop
	case "fail":
		return chhost.Fail("as asked")
	case "panic":
		panic("as asked")
	}
	return chhost.OK
}

func (p keeping) HandleInfo(s *chhost.Socket, info chhost.Info) chhost.InfoResult {
	if p.info == nil {
		return chhost.OK
	}
	return p.info(s, info)
}

// What a channel may keep is bounded, counted after each effect.
func TestLimitsOfWhatIsKept(t *testing.T) {
	timers := func(s *chhost.Socket, from, to int) {
		for key := from; key < to; key++ {
			s.SendAfter(uint32(key), 1000, "x", nil)
		}
	}
	topics := func(s *chhost.Socket, from, to int) {
		for i := from; i < to; i++ {
			s.Subscribe(fmt.Sprint("topic:", i))
		}
	}
	large := func(s *chhost.Socket, key uint32) { s.SendAfter(key, 1000, "x", make(chhost.Bytes, 256<<10)) }
	const (
		tooManyTimers = "handle_in: send_after: too_many_timers: a channel may have 16, with payloads of 1048576 bytes together"
		tooManyTopics = "handle_in: subscribe: too_many_subscriptions: a channel may have 16"
	)
	for _, c := range []struct {
		name, want string // an empty want is no fault
		before     func(s *chhost.Socket)
		ask        func(s *chhost.Socket)
	}{
		{"16 timers", "", nil, func(s *chhost.Socket) { timers(s, 0, 16) }},
		{"17 timers", tooManyTimers, nil, func(s *chhost.Socket) { timers(s, 0, 17) }},
		{"17 timers in two callbacks", tooManyTimers, func(s *chhost.Socket) { timers(s, 0, 10) }, func(s *chhost.Socket) { timers(s, 10, 17) }},
		{"16 timers, and the same again", "", func(s *chhost.Socket) { timers(s, 0, 16) }, func(s *chhost.Socket) { timers(s, 0, 16) }},
		{"one cancelled before another", "", func(s *chhost.Socket) { timers(s, 0, 16) }, func(s *chhost.Socket) { s.Cancel(3); timers(s, 16, 17) }},
		{"one cancelled after another", tooManyTimers, func(s *chhost.Socket) { timers(s, 0, 16) }, func(s *chhost.Socket) { timers(s, 16, 17); s.Cancel(3) }},
		{"1 MiB of timers", "", func(s *chhost.Socket) { large(s, 1); large(s, 2) }, func(s *chhost.Socket) { large(s, 3); large(s, 4); large(s, 1) }},
		{"more than 1 MiB of timers", tooManyTimers, func(s *chhost.Socket) { large(s, 1); large(s, 2) }, func(s *chhost.Socket) { large(s, 3); large(s, 4); s.SendAfter(5, 10, "x", chhost.Bytes("x")) }},
		{"16 topics", "", nil, func(s *chhost.Socket) { topics(s, 0, 16); topics(s, 0, 16) }},
		{"17 topics", tooManyTopics, nil, func(s *chhost.Socket) { topics(s, 0, 17) }},
		{"17 topics in two callbacks", tooManyTopics, func(s *chhost.Socket) { topics(s, 0, 16) }, func(s *chhost.Socket) { topics(s, 16, 17) }},
		{"one topic for another", "", func(s *chhost.Socket) { topics(s, 0, 16) }, func(s *chhost.Socket) { s.Unsubscribe("topic:3"); topics(s, 16, 17) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			channel := chhosttest.Channel{Plugin: keeping{ask: c.before}, Topic: "t", Assigns: "kept"}
			if o := channel.HandleIn("x", "{}"); o.Err != nil {
				t.Fatal(o)
			}
			channel.Plugin = keeping{ask: func(s *chhost.Socket) {
				s.Assign(chhost.Bytes("new"))
				c.ask(s)
			}}
			o := channel.HandleIn("x", "{}")
			switch {
			case c.want == "":
				if o.Err != nil || channel.Assigns != "new" {
					t.Errorf("refused: %v, assigns %q", o, channel.Assigns)
				}
			case o.Status != chhosttest.Crash || o.String() != "crash: "+c.want:
				t.Errorf("got %v\nwant %s", o, c.want)
			case len(o.Effects) > 0 || channel.Assigns != "kept" || channel.Timers != nil || channel.Subscriptions != nil:
				t.Errorf("a callback that asked for too much left %+v", channel)
			}
		})
	}
}

// What is kept ends with the channel.
func TestTheEndOfWhatIsKept(t *testing.T) {
	begin := func() *chhosttest.Channel {
		c := &chhosttest.Channel{Topic: "t", Plugin: keeping{
			ask: func(s *chhost.Socket) {
				s.SendAfter(1, 10, "x", nil)
				s.Subscribe("o")
			},
			info: func(_ *chhost.Socket, info chhost.Info) chhost.InfoResult {
				switch info.Event {
				case "stop":
					return chhost.Stop
				case "fail":
					return chhost.Fail("as asked")
				}
				return chhost.OK
			},
		}}
		if o := c.HandleIn("x", "{}"); len(o.Effects) != 2 || len(c.Timers) != 1 || len(c.Subscriptions) != 1 {
			t.Fatalf("%v left %+v", o, c)
		}
		return c
	}
	for name, end := range map[string]func(c *chhosttest.Channel){
		"stop":              func(c *chhosttest.Channel) { c.HandleIn("stop", "{}") },
		"fail":              func(c *chhosttest.Channel) { c.HandleIn("fail", "{}") },
		"panic":             func(c *chhosttest.Channel) { c.HandleIn("panic", "{}") },
		"leave":             func(c *chhosttest.Channel) { c.Leave(chhost.Closed) },
		"another join":      func(c *chhosttest.Channel) { c.Join("{}") },
		"stop after a word": func(c *chhosttest.Channel) { c.HandleInfo("o", "stop", "{}") },
		"fail after a word": func(c *chhosttest.Channel) { c.HandleInfo("o", "fail", "{}") },
	} {
		c := begin()
		if end(c); c.Timers != nil || c.Subscriptions != nil {
			t.Errorf("%s left %+v, %q", name, c.Timers, c.Subscriptions)
		}
		if got := c.Advance(1000); len(got) > 0 {
			t.Errorf("%s: a timer came afterwards: %v", name, got)
		}
	}
	c := begin()
	c.HandleInfo("o", "fine", "{}")
	if len(c.Timers) != 1 || len(c.Subscriptions) != 1 {
		t.Errorf("a callback that was fine left %+v, %q", c.Timers, c.Subscriptions)
	}
}

func TestAdvance(t *testing.T) {
	var story []string
	c := chhosttest.Channel{
		Topic: "t", Now: 100,
		Timers: []chhosttest.Timer{{Key: 1, Due: 300, Event: "late"}, {Key: 2, Due: 50, Event: "overdue"}, {Key: 3, Due: 200, Event: "early"}, {Key: 4, Due: 300, Event: "later"}, {Key: 5, Due: 301, Event: "never"}},
		Plugin: keeping{info: func(s *chhost.Socket, info chhost.Info) chhost.InfoResult {
			story = append(story, fmt.Sprint(s.Now(), info.Event, info.Key))
			switch info.Event {
			case "early":
				s.SendAfter(6, 0, "again", nil)
				s.Cancel(4)
			case "again":
				return s.Push("pushed", nil)
			case "late":
				return chhost.Stop
			}
			return chhost.OK
		}},
	}
	got := c.Advance(200)
	const want = "send_after 6 10 again {}\ncancel 4\npush pushed {}\nstop"
	if got.String() != want || len(got) != 4 || c.Now != 300 {
		t.Errorf("got\n%s\nwant\n%s\nnow is %d", got, want, c.Now)
	}
	if told := strings.Join(story, " "); told != "100overdue2 200early3 210again6 300late1" {
		t.Errorf("HandleInfo was called: %s", told)
	}
	if c.Advance(1000); len(story) != 4 || c.Now != 1300 {
		t.Errorf("after the end HandleInfo was called: %s; now is %d", story, c.Now)
	}
}

// Without HandleInfo, timers and broadcasts are dropped.
func TestWithoutHandleInfo(t *testing.T) {
	c := chhosttest.Channel{Topic: "t", Plugin: asking(func(s *chhost.Socket) {
		s.SendAfter(1, 10, "x", nil)
		s.Subscribe("o")
	})}
	c.HandleIn("x", "{}")
	if got := c.HandleInfo("o", "x", "{}").String() + c.Advance(10).String(); got != "" || len(c.Timers) > 0 {
		t.Errorf("got %s, left %v", got, c.Timers)
	}
}

// A ref is open for 60 s, and the newest 64 are.
func TestOpenRefs(t *testing.T) {
	var answer uint32
	c := chhosttest.Channel{Topic: "t", Plugin: keeping{ask: func(s *chhost.Socket) {
		if answer != 0 {
			s.ReplyTo(answer, nil)
		}
	}}}
	try := func(ref uint32, want string) {
		t.Helper()
		answer = ref
		if got := c.HandleIn("x", "{}").String(); got != want {
			t.Errorf("ref %d: %q, want %q", ref, got, want)
		}
		answer = 0
	}
	c.HandleIn("x", "{}")
	c.Advance(60_000)
	try(1, "reply_to 1 ok {}")
	c.HandleIn("x", "{}") // 3
	c.Advance(60_001)
	try(3, "")
	for range 64 { // 5 to 68
		c.HandleIn("x", "{}")
	}
	try(5, "") // this event, 69, is the 65th that waits
	try(7, "reply_to 7 ok {}")
	try(99999, "")
}

// An Init that fails is known before anything else is done.
type refusing struct{ keeping }

func (refusing) Init(*chhost.Setup) error { return fmt.Errorf("no settings") }

func TestInitOfTheNextVersion(t *testing.T) {
	c := chhosttest.Channel{Topic: "t", Plugin: keeping{}, Assigns: "kept"}
	if o := c.Upgrade(refusing{}, "x@1"); o.Status != chhosttest.Crash {
		t.Errorf("got %v", o)
	}
	if o := c.HandleIn("x", "{}"); o.Err != nil {
		t.Errorf("the old version is gone: %v", o)
	}
	if o := c.Upgrade(asking(func(s *chhost.Socket) { s.Push("next", s.Assigns()) }), "x@1"); o.Status != chhosttest.OK || o.String() != "" {
		t.Errorf("without Upgrade: %v", o)
	}
	c.Assigns = "{}"
	if got := c.HandleIn("x", "{}").String(); got != "push next {}" {
		t.Errorf("the next version does %s", got)
	}
	conn := chhosttest.Connection{Plugin: refusing{}}
	if o := conn.Connect(); o.Status != chhosttest.Crash {
		t.Errorf("got %v", o)
	}
}

func TestConnectionWithoutJSON(t *testing.T) {
	for _, conn := range []chhosttest.Connection{{Plugin: keeping{}, Params: "{"}, {Plugin: keeping{}, Claims: "nobody"}, {Plugin: keeping{}, URI: "ws://%"}} {
		if o := conn.Connect(); o.Status != chhosttest.Crash {
			t.Errorf("params %q, claims %q: %v", conn.Params, conn.Claims, o)
		}
	}
}
