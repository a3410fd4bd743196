// Command chat is the example application of the Phoenix Channels guide: a
// lobby in which everyone hears everyone, and the system every five seconds.
package main

import "github.com/chhost/chhost/guest-sdk/go/chhost"

// Chat is the channel of the topics "rooms:*".
type Chat struct{}

var _ interface {
	chhost.Joiner
	chhost.Leaver
	chhost.InHandler
	chhost.InfoHandler
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
	s.SendAfter(pingKey, pingMS, "ping", nil)
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

// The lobby's ping: each member has a timer of its own, which ends with its
// channel. A new version of the plugin finds it running.
const (
	pingKey = 1
	pingMS  = 5000
	system  = "SYSTEM" // who it is from; nobody may enter by this name
)

// HandleInfo is called when the timer is due, pings, and sets it again.
func (Chat) HandleInfo(s *chhost.Socket, info chhost.Info) chhost.InfoResult {
	if info.Kind != chhost.InfoTimer || info.Key != pingKey {
		return chhost.OK
	}
	s.SendAfter(pingKey, pingMS, "ping", nil)
	return s.Push("new:msg", chhost.Map{"user": system, "body": "ping"})
}
