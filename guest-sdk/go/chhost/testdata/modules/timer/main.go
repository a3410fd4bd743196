// Command timer is a plugin that sets timers, and answers no event later.
package main

import "github.com/chhost/chhost/guest-sdk/go/chhost"

type channel struct{}

func init() { chhost.Register(channel{}) }

func main() {}

func (channel) Join(s *chhost.Socket) chhost.JoinResult { return s.SendAfter(1, 5000, "ping", nil) }

func (channel) HandleIn(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
	return s.Reply(payload)
}

func (channel) HandleInfo(s *chhost.Socket, info chhost.Info) chhost.InfoResult {
	s.SendAfter(info.Key, 5000, info.Event, info.Payload)
	return s.Push(info.Event, info.Payload)
}
