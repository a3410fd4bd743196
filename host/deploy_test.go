package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/hosttest/conversation"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/wasm"
)

// assembled reads a fixture of testdata/guests.
func assembled(t testing.TB, name string) []byte {
	t.Helper()
	module, err := os.ReadFile(filepath.Join(hosttest.Root(t), "testdata/guests", filepath.FromSlash(name)+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// versioned returns a fixture as a version of its own: a custom section tells the
// modules apart, so that each is compiled.
func versioned(t testing.TB, fixture string, n int) []byte {
	name := fmt.Sprintf("version %d", n)
	section := append([]byte{0, byte(len(name) + 1), byte(len(name))}, name...)
	return append(assembled(t, fixture), section...)
}

// tallies is a version of the plugin that loads are put upon. No event is to be refused
// because a machine that has much else to do lets it wait.
func tallies(t testing.TB, n int) *host.Plugin {
	return &host.Plugin{Name: "tallies", Module: versioned(t, "served/tallies", n), Limits: host.PluginLimits{Wait: deployDeadline}}
}

const deployDeadline = 5 * time.Minute

func TestDeployErrors(t *testing.T) {
	first := &host.Plugin{Name: "echo", Module: versioned(t, "served/echo", 1)}
	server := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Plugin: first}}})
	ctx := t.Context()
	if _, err := server.Deploy(ctx, &host.Plugin{Name: "echo"}, &host.Plugin{Module: versioned(t, "served/echo", 2)}); !errors.Is(err, host.ErrNotServed) {
		t.Errorf("an unknown plugin: %v", err)
	}
	if _, err := server.Deploy(ctx, first, first); err == nil {
		t.Error("a plugin replaced itself")
	}
	if _, err := server.Deploy(ctx, first, &host.Plugin{Name: "other", Module: versioned(t, "served/echo", 2)}); err == nil || !strings.Contains(err.Error(), `cannot be called "other"`) {
		t.Errorf("another name: %v", err)
	}
	var bad *wasm.ModuleError
	if _, err := server.Deploy(ctx, first, &host.Plugin{Module: assembled(t, "refused/join_missing")}); !errors.As(err, &bad) || bad.Name != "echo" {
		t.Errorf("a module without join: %v", err)
	}
	second := &host.Plugin{Module: versioned(t, "served/echo", 2)}
	if d, err := server.Deploy(ctx, first, second); err != nil || d != (host.Deployment{Version: "echo@2", Previous: "echo@1"}) {
		t.Errorf("after all these: %+v, %v", d, err)
	}
	if _, err := server.Deploy(ctx, first, &host.Plugin{Module: versioned(t, "served/echo", 3)}); !errors.Is(err, host.ErrNotServed) {
		t.Errorf("a plugin that was replaced: %v", err)
	}
	if d, err := server.Deploy(ctx, second, &host.Plugin{Name: "echo", Module: versioned(t, "served/echo", 3)}); err != nil || d.Version != "echo@3" {
		t.Errorf("the third: %+v, %v", d, err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := server.Deploy(canceled, second, &host.Plugin{Module: versioned(t, "served/echo", 4)}); err == nil {
		t.Error("a deploy whose context has ended took place")
	}
}

// member is one socket in a room. It pushes numbers, and hears those of all.
type member struct {
	*phxclient.Channel
	id       int
	sent     atomic.Int64
	upgrades int // that its channel had seen by the last push
}

// message is what members send: n counts up from 0, and the last one is the end.
type message struct {
	From int  `json:"from"`
	N    int  `json:"n"`
	End  bool `json:"end"`
}

// push pushes without a break until stop, each push when the one before was
// answered, and then says that this was the end.
func (m *member) push(ctx context.Context, stop <-chan struct{}) error {
	for end := false; !end; m.sent.Add(1) {
		n := int(m.sent.Load())
		select {
		case <-stop:
			end = true
		default:
		}
		reply, err := m.Push(ctx, "n", object(message{m.id, n, end}))
		if err != nil {
			return fmt.Errorf("push %d: %w", n, err)
		}
		if reply.Status != phx.StatusOK {
			return fmt.Errorf("push %d was answered %s %s", n, reply.Status, reply.Payload.Data())
		}
		seen, err := strconv.Atoi(string(reply.Payload.Data()))
		if err != nil || seen-100 < m.upgrades {
			return fmt.Errorf("push %d was answered %s by a channel that had seen %d upgrades", n, reply.Payload.Data(), m.upgrades)
		}
		m.upgrades = seen - 100
	}
	return nil
}

// hear reads the broadcasts of a room until all its members have said that they
// are at the end.
func (m *member) hear(ctx context.Context, members int) error {
	next := make(map[int]int)
	for ends := 0; ends < members; {
		received, err := m.Receive(ctx)
		if err != nil {
			return err
		}
		var got message
		if err := json.Unmarshal(received.Payload.Data(), &got); err != nil || received.Event != "n" {
			return fmt.Errorf("received %s %s", received.Event, received.Payload.Data())
		}
		if got.N != next[got.From] {
			return fmt.Errorf("message %d of %d came when %d was due: lost, doubled or reordered", got.N, got.From, next[got.From])
		}
		next[got.From]++
		if got.End {
			ends++
		}
	}
	return nil
}

// TestSwapUnderLoad is the proof of the hot swap: 200 sockets in rooms of ten,
// each pushing numbers without a break, while the plugin is replaced 20 times.
// Every push is answered and every broadcast arrives, each once and in its
// sender's order, no socket is closed, and each channel has kept its assigns,
// which each version's upgrade has changed once.
func TestSwapUnderLoad(t *testing.T) {
	const sockets, room, swaps = 200, 10, 20
	plugin := tallies(t, 0)
	server := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "rooms:*", Plugin: plugin}}})
	ctx, cancel := context.WithTimeout(t.Context(), deployDeadline)
	defer cancel()

	// A member may fall behind for as long as the machine likes; it must not miss any.
	patient := phxclient.ClientOptions{Queue: 1 << 12}
	members := make([]*member, sockets)
	for i := range members {
		joined, _, err := server.Connect(t, patient).Join(ctx, fmt.Sprintf("rooms:%d", i/room), phx.Payload{})
		if err != nil {
			t.Fatal(err)
		}
		members[i] = &member{Channel: joined, id: i}
	}
	stop := make(chan struct{})
	errs := make([]error, 2*sockets)
	var running sync.WaitGroup
	for i, m := range members {
		running.Go(func() { errs[2*i] = m.push(ctx, stop) })
		running.Go(func() { errs[2*i+1] = m.hear(ctx, room) })
	}
	for n := range swaps {
		next := tallies(t, n+1)
		d, err := server.Deploy(ctx, plugin, next)
		if err != nil {
			t.Errorf("swap %d: %v", n+1, err)
			break
		}
		if d.Version != fmt.Sprintf("tallies@%d", n+2) || d.Moved != sockets || d.Stayed != 0 {
			t.Errorf("swap %d: %+v, want all %d channels moved", n+1, d, sockets)
		}
		plugin = next
	}
	close(stop)
	running.Wait()

	pushes := 0
	for i, m := range members {
		pushes += int(m.sent.Load())
		if err := errors.Join(errs[2*i], errs[2*i+1], m.Err()); err != nil {
			t.Errorf("socket %d: %v", i, err)
		}
		if m.upgrades != swaps {
			t.Errorf("socket %d's channel has seen %d upgrades, want %d", i, m.upgrades, swaps)
		}
		if n := m.Dropped(); n > 0 {
			t.Errorf("socket %d's client dropped %d messages", i, n)
		}
	}
	t.Logf("%d sockets, %d swaps, %d pushes answered, %d broadcasts delivered: none lost, doubled or reordered, no socket closed, assigns kept", sockets, swaps, pushes, pushes*room)
}

// TestDeployKeepsWhatChannelsHave: timers, subscriptions and events that wait for
// their answer outlive the version that asked for them, and upgrade is told the
// version before.
func TestDeployKeepsWhatChannelsHave(t *testing.T) {
	for _, version := range []string{"1.0.0", "2.0.0"} {
		t.Run(version, func(t *testing.T) {
			clock := conversation.NewClock(time.Date(2015, time.March, 24, 9, 21, 40, 0, time.UTC))
			relay := &host.Plugin{Name: "relay", Module: assembled(t, "served/relay")}
			server := hosttest.Start(t, host.Config{
				Routes: []host.Route{{Pattern: "*", Plugin: relay}}, Now: clock.Now, AfterFunc: clock.AfterFunc,
			})
			ctx, cancel := context.WithTimeout(t.Context(), deployDeadline)
			defer cancel()
			joined, _, err := server.Connect(t, phxclient.ClientOptions{Options: phxclient.Options{Version: version}}).Join(ctx, "a", phx.Payload{})
			if err != nil {
				t.Fatal(err)
			}
			push := func(event string) {
				t.Helper()
				if reply, err := joined.Push(ctx, event, phx.Payload{}); err != nil || reply.Status != phx.StatusOK {
					t.Fatalf("%s: %v %v", event, reply, err)
				}
			}
			push("tick")
			push("listen")
			later := make(chan error, 1)
			go func() {
				reply, err := joined.Push(ctx, "later", object(fields{"n": 1}))
				if err == nil && string(reply.Payload.Data()) != `{"n":1}` {
					err = fmt.Errorf("answered %s", reply.Payload.Data())
				}
				later <- err
			}()
			for clock.Timers() < 2 { // tick and later are set
				if ctx.Err() != nil {
					t.Fatal("the event did not set its timer")
				}
				time.Sleep(time.Millisecond)
			}
			next := &host.Plugin{Module: assembled(t, "served/relay")}
			if d, err := server.Deploy(ctx, relay, next); err != nil || d != (host.Deployment{Version: "relay@2", Previous: "relay@1", Moved: 1}) {
				t.Fatalf("deployed %+v, %v", d, err)
			}
			expect := func(event, payload string) {
				t.Helper()
				m, err := joined.Receive(ctx)
				if err != nil || m.Event != event || string(m.Payload.Data()) != payload {
					t.Fatalf("received %s %s, %v; want %s %s", m.Event, m.Payload.Data(), err, event, payload)
				}
			}
			expect("upgraded", `{"from":"relay@1"}`)
			push("tell")
			expect("told", `{}`)
			if err := clock.Advance(ctx, clock.Now().Add(5*time.Second), server.Busy); err != nil {
				t.Fatal(err)
			}
			if err := <-later; err != nil {
				t.Errorf("the answer that was due: %v", err)
			}
			expect("tick", `{}`)
		})
	}
}

// TestDeployUpgradesAssigns: what a plugin's upgrade assigns is what the channel
// has from then on; a join after the deploy is not upgraded.
func TestDeployUpgradesAssigns(t *testing.T) {
	first := &host.Plugin{Name: "renews", Module: assembled(t, "served/renews")}
	server := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Plugin: first}}})
	ctx, cancel := context.WithTimeout(t.Context(), deployDeadline)
	defer cancel()
	client := server.Connect(t, phxclient.ClientOptions{})
	assigns := func(c *phxclient.Channel, want string) {
		t.Helper()
		if reply, err := c.Push(ctx, "assigns", phx.Payload{}); err != nil || string(reply.Payload.Data()) != want {
			t.Errorf("the assigns are %s, %v; want %s", reply.Payload.Data(), err, want)
		}
	}
	before := join(t, client, "before")
	assigns(before, `"old"`)
	if _, err := server.Deploy(ctx, first, &host.Plugin{Module: assembled(t, "served/renews")}); err != nil {
		t.Fatal(err)
	}
	assigns(before, `"new"`)
	assigns(join(t, client, "after"), `"old"`)
}
