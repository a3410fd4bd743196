package host_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// from is a client at an address, as a proxy on this machine says.
func from(addr string, poll bool) phxclient.Options {
	return phxclient.Options{LongPoll: poll, Header: http.Header{"X-Forwarded-For": {addr}}}
}

// expectTurnedAway wants a client at an address to find no place, over both
// transports, and to be told so.
func expectTurnedAway(t *testing.T, s *hosttest.Server, addr string, status int) {
	t.Helper()
	const body = `{"reason":"too_many_connections","retry_after_ms":5000}`
	for path, want := range map[string]string{"/websocket": body, "/longpoll": `{"status":500,"response":` + body + `}`} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+host.DefaultMount+path+"?vsn=2.0.0", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{
			"X-Forwarded-For": {addr}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"},
			"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		}
		transport := &http.Transport{DisableKeepAlives: true}
		res, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != status || res.Header.Get("Retry-After") != "5" || string(got) != want {
			t.Errorf("%s: %s, Retry-After: %s, %s, %v", path, res.Status, res.Header.Get("Retry-After"), got, err)
		}
	}
}

// TestConnectionsOfOnePeer guards that one client cannot take all places, neither
// with connections nor with sessions of long-polling, which cost it a request each;
// that its neighbours behind the same proxy are not bounded by it; and that places
// are given back.
func TestConnectionsOfOnePeer(t *testing.T) {
	var log channeltest.Log
	s := hosttest.Start(t, host.Config{
		Routes: []host.Route{{Pattern: "rooms:*", Handler: natives()["rooms"]}}, Logger: log.Logger(),
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Connections:    host.Connections{Peer: 2},
	})
	first, second := dial(t, s, from("203.0.113.9", false)), dial(t, s, from("203.0.113.9", true))
	expectTurnedAway(t, s, "203.0.113.9", http.StatusTooManyRequests)
	if s.Counts().TurnedAway.Load() != 2 || log.Count("there are too many") != 2 || log.Count("203.0.113.9 has 2 connections") != 2 {
		t.Errorf("%d were counted; the log:\n%s", s.Counts().TurnedAway.Load(), &log)
	}
	for range 3 { // the proxy's own, whom it speaks for nobody
		dial(t, s, phxclient.Options{}).join("rooms:1")
	}
	dial(t, s, from("203.0.113.10", false)).join("rooms:1")
	first.join("rooms:1")
	second.join("rooms:1")

	first.Abort()
	if err := second.Close(1000); err != nil { // without a word it would be noticed by its absence
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
	defer cancel()
	for range 2 { // as soon as the host has noticed
		channeltest.Eventually(t, "a place was given back", func() bool {
			conn, err := phxclient.Dial(ctx, s.Socket, from("203.0.113.9", false))
			if err == nil {
				t.Cleanup(conn.Abort)
			}
			return err == nil
		})
	}
	expectTurnedAway(t, s, "203.0.113.9", http.StatusTooManyRequests)
}

// TestConnectionsInAll: all clients and all mounts count.
func TestConnectionsInAll(t *testing.T) {
	s := hosttest.Start(t, host.Config{
		Routes: []host.Route{{Pattern: "rooms:*", Handler: natives()["rooms"]}}, Mounts: []host.Mount{{Path: "/other"}},
		Connections: host.Connections{Total: 2},
	})
	dial(t, s, phxclient.Options{}).join("rooms:1")
	ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
	defer cancel()
	other, err := phxclient.Dial(ctx, "ws"+s.URL[len("http"):]+"/other", phxclient.Options{LongPoll: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Abort)
	expectTurnedAway(t, s, "203.0.113.9", http.StatusServiceUnavailable)
	_, err = phxclient.Dial(ctx, s.Socket, phxclient.Options{})
	var refused *phxclient.HandshakeError
	if !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable {
		t.Errorf("the handshake: %v", err)
	}
}

// TestLongPollSessions guards that the bound of sessions is the configuration's.
func TestLongPollSessions(t *testing.T) {
	s := hosttest.Start(t, host.Config{
		Routes: []host.Route{{Pattern: "rooms:*", Handler: natives()["rooms"]}}, Connections: host.Connections{LongPoll: 1},
	})
	dial(t, s, phxclient.Options{LongPoll: true}).join("rooms:1")
	ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
	defer cancel()
	if conn, err := phxclient.Dial(ctx, s.Socket, phxclient.Options{LongPoll: true}); err == nil {
		conn.Abort()
		t.Error("there are two sessions")
	}
	if n := s.Counts().TurnedAway.Load(); n != 1 {
		t.Errorf("%d were counted", n)
	}
	dial(t, s, phxclient.Options{}).join("rooms:1")
}
