package chhost_test

import (
	"fmt"
	"strings"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
	"github.com/chhost/chhost/guest-sdk/go/chhosttest"
)

// Foods is the guide's FoodChannel.
type Foods struct{}

func (Foods) Join(s *chhost.Socket) chhost.JoinResult {
	if s.Topic() == "foods:all" {
		return chhost.OK
	}
	return chhost.Ignore
}

func (Foods) HandleIn(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
	switch {
	case event == "new:msg":
		return s.Broadcast(event, payload)
	case strings.HasPrefix(event, "new:"):
		return s.Push(event, payload)
	}
	return s.ReplyError(chhost.Reason("no such event"))
}

func (Foods) HandleOut(s *chhost.Socket, event string, payload chhost.Payload) chhost.OutResult {
	return s.Push(event, payload.Merge(chhost.Map{"magic_8_ball_sez": "Most likely."}))
}

func Example() {
	// A plugin has: func init() { chhost.Register(Foods{}) }
	all := chhosttest.Channel{Plugin: Foods{}, Topic: "foods:all"}
	fmt.Println(all.Join("{}"))
	fmt.Println(all.HandleIn("new:msg", `{"say":"Success!"}`))
	fmt.Println(all.HandleIn("new:burrito", `{"say":"me"}`))
	fmt.Println(all.HandleIn("old:burrito", "{}"))
	fmt.Println(all.HandleOut("new:msg", `{"say":"Success!"}`))

	forbidden := chhosttest.Channel{Plugin: Foods{}, Topic: "foods:forbidden"}
	fmt.Println(forbidden.Join("{}"))
	// Output:
	// reply ok {}
	// broadcast new:msg {"say":"Success!"}
	// push new:burrito {"say":"me"}
	// reply error {"reason":"no such event"}
	// push new:msg {"say":"Success!","magic_8_ball_sez":"Most likely."}
	// ignore
}

// Clock is a channel that tells its client the time, and the news.
type Clock struct{}

func (Clock) Join(s *chhost.Socket) chhost.JoinResult {
	s.Subscribe("news:all")
	return s.SendAfter(1, 5000, "tick", nil)
}

func (Clock) HandleInfo(s *chhost.Socket, info chhost.Info) chhost.InfoResult {
	if info.Kind == chhost.InfoTimer {
		s.SendAfter(info.Key, 5000, info.Event, nil) // a timer comes once
		return s.Push("tick", chhost.Map{"now": s.Now()})
	}
	return s.Push(info.Event, info.Payload)
}

func ExampleInfoHandler() {
	clock := chhosttest.Channel{Plugin: Clock{}, Topic: "clock"}
	fmt.Println(clock.Join("{}"))
	fmt.Println(clock.HandleInfo("news:all", "flash", `{"text":"Success!"}`))
	fmt.Println(clock.Advance(10_000))
	// Output:
	// reply ok {}
	// subscribe news:all
	// send_after 1 5000 tick {}
	// push flash {"text":"Success!"}
	// send_after 1 5000 tick {}
	// push tick {"now":5000}
	// send_after 1 5000 tick {}
	// push tick {"now":10000}
}

// Oracle thinks about a question before it answers.
type Oracle struct{}

func (Oracle) Join(*chhost.Socket) chhost.JoinResult { return chhost.OK }

func (Oracle) HandleIn(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
	return s.SendAfter(s.Ref(), 1000, "think", nil) // the ref is the key as well
}

func (Oracle) HandleInfo(s *chhost.Socket, info chhost.Info) chhost.InfoResult {
	return s.ReplyTo(info.Key, chhost.Map{"answer": 42})
}

func ExampleSocket_ReplyTo() {
	oracle := chhosttest.Channel{Plugin: Oracle{}, Topic: "oracle"}
	fmt.Println(oracle.HandleIn("ask", "{}"))
	fmt.Println(oracle.Advance(1000))
	// Output:
	// send_after 1 1000 think {}
	// reply_to 1 ok {"answer":42}
}

// Door lets in who has a token.
type Door struct{ Foods }

func (Door) Connect(c *chhost.Connection) chhost.ConnectResult {
	user, ok := c.Claims().Field("sub").Text()
	if !ok {
		return chhost.Refuse(chhost.Reason("no token"))
	}
	c.Assign(chhost.Map{"user": user})
	return c.Name("users:" + user)
}

func ExampleConnector() {
	jo := chhosttest.Connection{Plugin: Door{}, Claims: `{"sub":"7"}`}
	fmt.Println(jo.Connect())
	stranger := chhosttest.Connection{Plugin: Door{}}
	fmt.Println(stranger.Connect())
	// Output:
	// assign {"user":"7"}
	// reply ok {"id":"users:7"}
	// reply error {"reason":"no token"}
}

// Renamed is the version of a plugin that keeps {"name":...}, where the one
// before kept the name alone.
type Renamed struct{ Foods }

func (Renamed) Upgrade(s *chhost.Socket, from string) chhost.UpgradeResult {
	s.Assign(chhost.Map{"name": s.Assigns().Raw()})
	return chhost.OK
}

func ExampleUpgrader() {
	all := chhosttest.Channel{Plugin: Foods{}, Topic: "foods:all", Assigns: "jo"}
	fmt.Println(all.Upgrade(Renamed{}, "foods@6"))
	// Output: assign {"name":"jo"}
}
