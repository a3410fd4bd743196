// Command rooms is the channel behind the recorded dialogues of a real Phoenix:
// what it does was written in Elixir when they were recorded, and is repeated
// here, so that host and Phoenix can be compared frame by frame.
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

// Join lets everyone in but to rooms:refuse; rooms:crash crashes, rooms:hello
// welcomes.
func (Rooms) Join(s *chhost.Socket) chhost.JoinResult {
	switch s.Topic() {
	case "rooms:refuse":
		return chhost.Refuse(chhost.Reason("unauthorized"))
	case "rooms:crash":
		panic("rooms: crashed while joining, as asked")
	case "rooms:hello":
		s.Reply(chhost.Map{"welcome": true})
		return s.Push("hello", chhost.Map{"n": 1})
	}
	return chhost.OK
}

// Leave tells the others.
func (Rooms) Leave(s *chhost.Socket) {
	s.BroadcastFrom("left", nil)
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
	case "stop":
		s.Reply(chhost.Map{"bye": 1})
		return chhost.Stop
	case "crash":
		panic("rooms: crashed, as asked")
	}
	return s.ReplyError(chhost.Reason("unhandled event"))
}

// HandleOut pushes shout on.
func (Rooms) HandleOut(s *chhost.Socket, event string, payload chhost.Payload) chhost.OutResult {
	return s.Push(event, payload)
}
