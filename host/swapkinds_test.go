package host_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// nativeTallies does what served/tallies does, and is never upgraded.
func nativeTallies(t *testing.T) channel.Handler {
	none, err := phx.JSON([]byte("100"))
	if err != nil {
		t.Fatal(err)
	}
	return channel.Funcs{
		Name:     "native tallies",
		JoinFunc: func(context.Context, *event) (result, error) { return do() },
		HandleInFunc: func(_ context.Context, ev *event) (result, error) {
			return result{Do: []effect{channel.Broadcast(ev.Event, ev.Payload)}, Reply: channel.Reply{Status: phx.StatusOK, Payload: none}}, nil
		},
	}.Handler()
}

// clientKinds are the ways to connect: both serializers over both transports.
func clientKinds() map[string]phxclient.Options {
	return map[string]phxclient.Options{
		"v1 websocket": {Version: "1.0.0"},
		"v2 websocket": {Version: "2.0.0"},
		"v1 longpoll":  {Version: "1.0.0", LongPoll: true},
		"v2 longpoll":  {Version: "2.0.0", LongPoll: true},
	}
}

// kindsLoad is rooms of a plugin that is replaced and rooms of a native handler. Each
// socket is in one of both; a room has one socket of each kind.
type kindsLoad struct {
	sockets int // of each kind
	swaps   int
	// Before each swap every member is answered so often.
	between int64
}

// enter connects the sockets and joins each to its rooms.
func (l kindsLoad) enter(ctx context.Context, t *testing.T, server *hosttest.Server) map[string][]*member {
	t.Helper()
	members := make(map[string][]*member)
	id := 0
	for _, o := range clientKinds() {
		for n := range l.sockets {
			// A member may fall behind for as long as the machine likes; it must not miss any.
			client := server.Connect(t, phxclient.ClientOptions{Options: o, Queue: 1 << 12})
			for _, room := range []string{"wasm", "native"} {
				joined, _, err := client.Join(ctx, fmt.Sprintf("%s:%d", room, n), phx.Payload{})
				if err != nil {
					t.Fatal(err)
				}
				members[room] = append(members[room], &member{Channel: joined, id: id})
				id++
			}
		}
	}
	return members
}

// answered waits until each member has been answered n times more, or one has ended.
func (l kindsLoad) answered(ctx context.Context, all []*member, n int64) error {
	goal := make([]int64, len(all))
	for i, m := range all {
		goal[i] = m.sent.Load() + n
	}
	for i, m := range all {
		for m.sent.Load() < goal[i] {
			if ctx.Err() != nil || m.Err() != nil {
				return fmt.Errorf("member %d was answered %d times, want %d: %w", m.id, m.sent.Load(), goal[i], errors.Join(ctx.Err(), m.Err()))
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// TestSwapEveryKind: while a plugin is replaced, clients of both serializers over both
// transports lose, double and reorder nothing, neither in a plugin's room, where every
// channel is upgraded once by each swap, nor in a room of a native handler that the same
// sockets are in.
func TestSwapEveryKind(t *testing.T) {
	load := kindsLoad{sockets: 20, swaps: 10, between: 1}
	plugin := tallies(t, 0)
	server := hosttest.Start(t, host.Config{Routes: []host.Route{
		{Pattern: "wasm:*", Plugin: plugin},
		{Pattern: "native:*", Handler: nativeTallies(t)},
	}})
	ctx, cancel := context.WithTimeout(t.Context(), deployDeadline)
	defer cancel()
	rooms := load.enter(ctx, t, server)
	all := append(append([]*member{}, rooms["wasm"]...), rooms["native"]...)
	stop := make(chan struct{})
	errs := make([]error, 2*len(all))
	var running sync.WaitGroup
	for i, m := range all {
		running.Go(func() { errs[2*i] = m.push(ctx, stop) })
		running.Go(func() { errs[2*i+1] = m.hear(ctx, len(clientKinds())) })
	}
	for n := range load.swaps {
		if err := load.answered(ctx, all, load.between); err != nil {
			t.Errorf("before swap %d: %v", n+1, err)
			cancel()
			break
		}
		next := tallies(t, n+1)
		d, err := server.Deploy(ctx, plugin, next)
		if err != nil || d.Moved != len(rooms["wasm"]) || d.Stayed != 0 {
			t.Errorf("swap %d: %+v, %v; want all %d channels moved", n+1, d, err, len(rooms["wasm"]))
			cancel()
			break
		}
		plugin = next
	}
	close(stop)
	running.Wait()
	pushes := int64(0)
	for i, m := range all {
		pushes += m.sent.Load()
		upgrades := 0
		if i < len(rooms["wasm"]) {
			upgrades = load.swaps
		}
		if err := errors.Join(errs[2*i], errs[2*i+1], m.Err()); err != nil || m.upgrades != upgrades || m.Dropped() > 0 {
			t.Errorf("member %d: %v; %d upgrades, want %d; %d messages dropped by the client", m.id, err, m.upgrades, upgrades, m.Dropped())
		}
	}
	t.Logf("%d sockets of each of %d kinds: %d swaps, %d pushes answered, %d broadcasts delivered",
		load.sockets, len(clientKinds()), load.swaps, pushes, pushes*int64(len(clientKinds())))
}
