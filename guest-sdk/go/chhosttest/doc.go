// Package chhosttest runs the callbacks of a plugin natively, so that they are
// tested with plain go test: no Wasm, no host, no network.
//
//	func TestLobby(t *testing.T) {
//		lobby := chhosttest.Channel{Plugin: Chat{}, Topic: "rooms:lobby"}
//		got := lobby.Join(`{"user":"jo"}`).String()
//		want := "reply ok {}\nassign {\"user\":\"jo\"}\nbroadcast user:entered {\"user\":\"jo\"}"
//		if got != want {
//			t.Errorf("got %s\nwant %s", got, want)
//		}
//	}
//
// It holds a plugin to the rules of the host: which effects a callback may ask
// for, what names and payloads may be, the limits that a host has by default. It
// keeps what a host keeps for a channel: state, timers, subscriptions, events to
// be answered later. Time passes only by [Channel.Advance]:
//
//	lobby.Join(`{"user":"jo"}`)  // sets a timer
//	lobby.Advance(5000).String() // "push new:msg {...}"
//
// What a host adds around a channel (delivery to others, logs, restarts) is not
// here.
package chhosttest
