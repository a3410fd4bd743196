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
