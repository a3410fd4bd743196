// Command chat is the example application of the Phoenix Channels guide: a
// lobby in which everyone hears everyone.
package main

import "github.com/chhost/chhost/guest-sdk/go/chhost"

// Chat is the channel of the topics "rooms:*".
type Chat struct{}

var _ interface {
	chhost.Joiner
	chhost.Leaver
	chhost.InHandler
} = Chat{}

func init() { chhost.Register(Chat{}) }

// main is never run in a plugin, but the compiler wants it.
func main() {}

// Join lets whoever tells a name into the lobby, and tells the others.
func (Chat) Join(s *chhost.Socket) chhost.JoinResult {
	if s.Topic() != "rooms:lobby" {
		return chhost.Refuse(chhost.Reason("unauthorized"))
	}
	name, fault := readName(s.Payload().Field("user"))
	if fault != "" {
		return chhost.Refuse(chhost.Reason(fault))
	}
	s.Assign(chhost.Map{"user": name})
	return s.Broadcast("user:entered", chhost.Map{"user": name})
}

// Leave tells the others.
func (Chat) Leave(s *chhost.Socket) {
	s.Broadcast("user:left", chhost.Map{"user": s.Assigns().Field("user")})
}

// HandleIn passes messages on. Who sent one is what the host kept since the
// join, never what the message says.
func (Chat) HandleIn(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
	if event != "new:msg" {
		return s.ReplyError(chhost.Reason("unhandled event"))
	}
	body, fault := readBody(payload.Field("body"))
	if fault != "" {
		return s.ReplyError(chhost.Reason(fault))
	}
	s.Broadcast("new:msg", chhost.Map{"user": s.Assigns().Field("user"), "body": body})
	return s.Reply(nil)
}
