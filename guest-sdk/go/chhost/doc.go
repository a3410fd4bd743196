// Package chhost is the Go SDK for plugins of chhost, the channel host.
//
// A plugin is a value whose methods are the callbacks of the Phoenix Channels
// guide. Join is needed; a callback that the value does not have costs nothing,
// because the host then never enters the plugin for it.
//
//	package main
//
//	import "github.com/chhost/chhost/guest-sdk/go/chhost"
//
//	type Food struct{}
//
//	func (Food) Join(s *chhost.Socket) chhost.JoinResult {
//		if s.Topic() == "foods:all" {
//			return chhost.OK
//		}
//		return chhost.Ignore
//	}
//
//	func (Food) HandleIn(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
//		return s.Broadcast(event, payload)
//	}
//
//	func init() { chhost.Register(Food{}) }
//
//	func main() {}
//
// Built with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -trimpath -buildvcs=false -o food.wasm .
//
// the module starts by its init functions; main is never called, but the
// compiler asks for one.
//
// # Callbacks
//
// A callback asks for effects by methods of its [Socket] (Broadcast, Push,
// Reply, Assign, SendAfter) and returns what is to become of them. The host
// carries them out after the callback has returned well: in the order of the
// calls, and the reply last (in Join: first). If it panics, nothing it asked
// for happens; the client gets phx_error and joins again, and the host
// continues with a fresh instance of the plugin.
//
// Everything a callback is given is a copy that may be kept, except the Socket:
// it panics when it is used after its callback has returned. Therefore no
// goroutine may outlive the callback that started it and still use the Socket.
//
// # State
//
// The state of a client is its assigns: bytes that the host keeps for each
// channel, hands in with every callback ([Socket.Assigns]) and replaces with
// [Socket.Assign]. Memory of the plugin is only a cache: several instances of
// it serve different clients at the same time, and each may be replaced at any
// moment.
//
// What a channel does later, it arranges with the host as well, never with a
// goroutine: [Socket.SendAfter] sets a timer, [Socket.Subscribe] listens to
// another topic, and both come to HandleInfo; [Socket.Ref] keeps an event so that
// [Socket.ReplyTo] can answer it from there.
//
// # Concurrency
//
// An instance runs one callback at a time. Nothing in this package may be
// called from outside a callback, except [Log] and [Register].
//
// # Size
//
// The package needs neither fmt nor encoding/json, which add 0.7 and 1.4 MB to
// a module; [Map] writes JSON and [JSON] reads it. A plugin may use both
// packages all the same.
package chhost
