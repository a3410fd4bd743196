// Command all is a plugin that has every callback and calls everything.
package main

import "github.com/chhost/chhost/guest-sdk/go/chhost"

type channel struct{}

func init() { chhost.Register(channel{}) }

func main() {}

func (channel) Init(c *chhost.Setup) error {
	c.Intercept("shout")
	c.AcceptBinary()
	return nil
}

func (channel) Connect(c *chhost.Connection) chhost.ConnectResult {
	user, ok := c.Claims().Field("sub").Text()
	if !ok {
		return chhost.Refuse(chhost.Reason("no token"))
	}
	return c.Name("users:" + user)
}

func (channel) Join(s *chhost.Socket) chhost.JoinResult {
	s.Subscribe("news:all")
	return s.SendAfter(1, 5000, "ping", nil)
}

func (channel) Leave(s *chhost.Socket) { s.BroadcastTo("news:all", "left", nil) }

func (channel) HandleIn(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
	greeting, _ := s.Config("greeting")
	s.Assign(chhost.Map{"ref": s.Ref(), "greeting": greeting})
	s.Unsubscribe("news:all")
	s.Cancel(1)
	return s.BroadcastFrom(event, payload)
}

func (channel) HandleOut(s *chhost.Socket, event string, payload chhost.Payload) chhost.OutResult {
	return s.Push(event, payload)
}

func (channel) HandleInfo(s *chhost.Socket, info chhost.Info) chhost.InfoResult {
	ref, _ := s.Assigns().Field("ref").Int()
	s.ReplyTo(uint32(ref), info.Payload)
	return s.Broadcast(info.Event, info.Payload)
}

func (channel) Upgrade(s *chhost.Socket, from string) chhost.UpgradeResult {
	return s.Push("upgraded", chhost.Map{"from": from})
}
