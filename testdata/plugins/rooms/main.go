// Command rooms is the channel behind the recorded dialogues of a real Phoenix:
// what it does was written in Elixir when they were recorded, and is repeated
// here, so that host and Phoenix can be compared frame by frame. What other
// dialogues need has been added; its README lists all of it.
package main

import "github.com/chhost/chhost/guest-sdk/go/chhost"

// Rooms is the channel of the topics "rooms:*".
type Rooms struct{}

var _ interface {
	chhost.Joiner
	chhost.Leaver
	chhost.InHandler
	chhost.OutHandler
	chhost.Initializer
} = Rooms{}

func init() { chhost.Register(Rooms{}) }

// main is never run in a plugin, but the compiler wants it.
func main() {}

// Init takes bytes, and intercepts shout.
func (Rooms) Init(c *chhost.Setup) error {
	c.AcceptBinary()
	c.Intercept("shout")
	return nil
}

// Join lets everyone in but to rooms:refuse and rooms:banned; rooms:crash crashes, rooms:hello
// welcomes, rooms:open tells everybody.
func (Rooms) Join(s *chhost.Socket) chhost.JoinResult {
	switch s.Topic() {
	case "rooms:refuse":
		return chhost.Refuse(chhost.Reason("unauthorized"))
	case "rooms:banned":
		return chhost.RefuseForGood(chhost.Reason("banned"))
	case "rooms:crash":
		panic("rooms: crashed while joining, as asked")
	case "rooms:hello":
		s.Reply(chhost.Map{"welcome": true})
		return s.Push("hello", chhost.Map{"n": 1})
	case "rooms:open":
		s.Push("a", nil)
		s.Broadcast("entered", nil)
		return s.Broadcast("shout", nil)
	}
	return chhost.OK
}

// Leave tells the others, and in rooms:open the one who leaves.
func (Rooms) Leave(s *chhost.Socket) {
	s.BroadcastFrom("left", nil)
	if s.Topic() == "rooms:open" {
		s.Push("bye", nil)
	}
}

// HandleIn does what each event asks for.
func (Rooms) HandleIn(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
	switch event {
	case "echo":
		return s.Reply(payload)
	case "new:msg", "shout":
		s.Broadcast(event, payload)
		return s.Reply(nil)
	case "others":
		return s.BroadcastFrom(event, payload)
	case "order":
		s.Push("a", nil)
		s.Broadcast("b", nil)
		s.Push("c", nil)
		return s.Reply(nil)
	case "mixed":
		s.Push("a", nil)
		s.Broadcast("shout", nil)
		s.Broadcast("b", nil)
		s.Push("c", nil)
		return s.Reply(nil)
	case "value":
		return s.Reply(payload.Field("value"))
	case "bin":
		s.Push("bin", payload)
		return s.Reply(payload)
	case "bytes":
		s.Push("bin", chhost.Bytes{1, 2, 3})
		s.Broadcast("bin", chhost.Bytes{4, 5})
		return s.Reply(nil)
	case "bytes:reply":
		return s.Reply(chhost.Bytes{6})
	case "stop":
		s.Reply(chhost.Map{"bye": 1})
		return chhost.Stop
	case "stop:last":
		s.Push("a", nil)
		s.Broadcast("b", nil)
		s.Reply(chhost.Map{"bye": 1})
		return chhost.Stop
	case "fail":
		s.Push("a", nil)
		s.Broadcast("b", nil)
		s.Reply(nil)
		return chhost.Fail("rooms: failed, as asked")
	case "crash":
		panic("rooms: crashed, as asked")
	}
	return s.ReplyError(chhost.Reason("unhandled event"))
}

// HandleOut pushes shout on.
func (Rooms) HandleOut(s *chhost.Socket, event string, payload chhost.Payload) chhost.OutResult {
	return s.Push(event, payload)
}
