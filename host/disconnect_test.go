package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/pubsub"
)

// naming is a native handler that calls each socket what the param id says, and
// notes why channels end.
func naming(log *channeltest.Log) channel.Handler {
	return channel.Funcs{
		ConnectFunc: func(_ context.Context, ev *event) (result, error) {
			var info struct{ Params struct{ ID *string } }
			if err := json.Unmarshal(ev.Payload.Data(), &info); err != nil || info.Params.ID == nil {
				return result{}, err
			}
			return result{Reply: ok(fields{"id": *info.Params.ID})}, nil
		},
		JoinFunc: func(context.Context, *event) (result, error) { return do() },
		HandleInFunc: func(_ context.Context, ev *event) (result, error) {
			return result{Do: []channel.Effect{channel.Broadcast(ev.Event, ev.Payload)}, Reply: ok(fields{})}, nil
		},
		LeaveFunc: func(_ context.Context, ev *event) (result, error) {
			log.Logger().Info("left", "kind", int(ev.Leave))
			return do()
		},
	}.Handler()
}

func expectEnd(t *testing.T, c *phxclient.Client, code int) {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("the connection is still open")
	}
	var closed *phxclient.CloseError
	if err := c.Err(); !errors.As(err, &closed) || closed.Code != code {
		t.Errorf("the connection ended with %v, want code %d", err, code)
	}
}

func expectAlive(t *testing.T, c *phxclient.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	joined, _, err := c.Join(ctx, "alive", phx.Payload{})
	if err == nil {
		err = joined.Leave(ctx)
	}
	if err != nil {
		t.Errorf("the connection is gone: %v", err)
	}
}

func disconnect(t *testing.T, s *hosttest.Server, id string, want int) {
	t.Helper()
	if n, err := s.Disconnect(id); n != want || err != nil {
		t.Errorf("%s: %d sockets were disconnected (%v), want %d", id, n, err, want)
	}
}

// TestDisconnect ends the sockets of one name and no others, with 1001, tells
// their channels why, and forgets them.
func TestDisconnect(t *testing.T) {
	for _, of := range []phxclient.Options{{Version: "1.0.0"}, {Version: "2.0.0"}, {Version: "2.0.0", LongPoll: true}} {
		t.Run(fmt.Sprintf("%s long-poll %v", of.Version, of.LongPoll), func(t *testing.T) {
			log := new(channeltest.Log)
			h := naming(log)
			s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Handler: h}}, ConnectHandler: h, Logger: log.Logger()})
			open := func(params url.Values) *phxclient.Client {
				of.Params = params
				c := s.Connect(t, phxclient.ClientOptions{Options: of})
				if _, _, err := c.Join(t.Context(), "a", phx.Payload{}); err != nil {
					t.Fatal(err)
				}
				return c
			}
			jo, twin := open(url.Values{"id": {"users:jo"}}), open(url.Values{"id": {"users:jo"}})
			ada, nobody := open(url.Values{"id": {"users:ada"}}), open(nil)
			disconnect(t, s, "users:bob", 0)
			disconnect(t, s, "users:jo", 2)
			expectEnd(t, jo, 1001)
			expectEnd(t, twin, 1001)
			disconnect(t, s, "users:jo", 0)
			expectAlive(t, ada)
			expectAlive(t, nobody)
			channeltest.Eventually(t, "two leaves", func() bool { return log.Count("left kind=7") == 2 })
			if log.Count("left kind=2") != 0 || log.Count("sockets were disconnected") != 1 {
				t.Errorf("the log is\n%s", log)
			}
			// The client comes back, as clients do, and goes by itself.
			jo = open(url.Values{"id": {"users:jo"}})
			ada.Close()
			channeltest.Eventually(t, "the leaves of another", func() bool { return log.Count("left kind=2") == 1 })
			disconnect(t, s, "users:ada", 0)
			disconnect(t, s, "users:jo", 1)
			expectEnd(t, jo, 1001)
			expectAlive(t, nobody)
		})
	}
}

// A socket that a plugin named is disconnected like one that a native handler did.
func TestDisconnectOfEachKind(t *testing.T) {
	for kind, cfg := range relays(t) {
		t.Run(kind, func(t *testing.T) {
			s := hosttest.Start(t, cfg)
			for range 20 { // the client may have its answer before its socket is open
				c := s.Connect(t, phxclient.ClientOptions{})
				if _, err := s.Disconnect("users:jo"); err != nil {
					t.Error(err)
				}
				expectEnd(t, c, 1001)
			}
		})
	}
}

// TestDisconnectOnAllNodes: who is connected to another node is not spared, unless
// the link is down, which is told.
func TestDisconnectOnAllNodes(t *testing.T) {
	log := new(channeltest.Log)
	h := naming(log)
	c := hosttest.StartCluster(t, 3, host.Config{Routes: []host.Route{{Pattern: "*", Handler: h}}, ConnectHandler: h, Logger: log.Logger()})
	jo := phxclient.ClientOptions{Options: phxclient.Options{Params: url.Values{"id": {"users:\"jo\""}}}}
	first, third := c.Node(1).Connect(t, jo), c.Node(3).Connect(t, jo)
	ada := c.Node(3).Connect(t, phxclient.ClientOptions{Options: phxclient.Options{Params: url.Values{"id": {"users:ada"}}}})
	disconnect(t, c.Node(2), "users:\"jo\"", 0)
	expectEnd(t, first, 1001)
	expectEnd(t, third, 1001)
	expectAlive(t, ada)

	first, third = c.Node(1).Connect(t, jo), c.Node(3).Connect(t, jo)
	c.Link.Cut()
	if _, err := c.Node(1).Disconnect("users:\"jo\""); !errors.Is(err, pubsub.ErrDown) {
		t.Errorf("%v, want ErrDown", err)
	}
	expectEnd(t, first, 1001)
	expectAlive(t, third)
}

// Nothing that a channel says is taken for the operator's word, whatever the names
// of its topic and event are.
func TestDisconnectIsNoBroadcast(t *testing.T) {
	h := naming(new(channeltest.Log))
	c := hosttest.StartCluster(t, 2, host.Config{Routes: []host.Route{{Pattern: "*", Handler: h}}, ConnectHandler: h})
	jo := c.Node(1).Connect(t, phxclient.ClientOptions{Options: phxclient.Options{Params: url.Values{"id": {"users:jo"}}}})
	for node := 1; node <= 2; node++ {
		evil := c.Node(node).Connect(t, phxclient.ClientOptions{})
		for _, topic := range []string{"default", "users:jo"} {
			joined, _, err := evil.Join(t.Context(), topic, phx.Payload{})
			if err != nil {
				t.Fatal(err)
			}
			payload, err := phx.Object([]byte(`{"id":"users:jo"}`))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := joined.Push(t.Context(), "disconnect", payload); err != nil {
				t.Fatal(err)
			}
			if m, err := joined.Receive(t.Context()); err != nil || m.Event != "disconnect" {
				t.Fatalf("%v, %v", m, err)
			}
		}
	}
	channeltest.Eventually(t, "an end to what is under way", func() bool { return !c.Busy() })
	expectAlive(t, jo)
}

func TestDisconnectNeedsAName(t *testing.T) {
	s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Handler: naming(new(channeltest.Log))}}})
	for _, id := range []string{"", "a\nb", "\xff", strings.Repeat("x", 256)} {
		if n, err := s.Disconnect(id); n != 0 || err == nil {
			t.Errorf("%q: %d, %v", id, n, err)
		}
	}
}
