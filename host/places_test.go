package host

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/chhost/chhost/host/socket"
)

func peerAt(t *testing.T, addr string) peer {
	t.Helper()
	at, err := netip.ParseAddr(addr)
	if err != nil {
		return peer{name: addr}
	}
	return peer{addr, at}
}

// TestPlaces takes places one after the other, with room for five clients, two of
// one address.
func TestPlaces(t *testing.T) {
	for _, tc := range []struct {
		name, clients string
		status        int // of the last one
		says          string
	}{
		{"one address", "192.0.2.7 192.0.2.7 192.0.2.7", 429, "192.0.2.7 has 2 connections"},
		{"another", "192.0.2.7 192.0.2.7 192.0.2.8", 0, ""},
		{"all", "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6", 503, "there are 5 connections"},
		{"one network", "2001:db8::1 2001:db8::2 2001:db8::ffff:1:2:3", 429, "2001:db8::ffff:1:2:3 has"},
		{"its neighbour", "2001:db8::1 2001:db8::2 2001:db8:0:1::1", 0, ""},
		{"this machine", "127.0.0.1 127.0.0.1 127.9.9.9 ::1 @", 0, ""},
		{"all of this machine", "127.0.0.1 127.0.0.1 127.9.9.9 ::1 @ @", 503, "there are 5 connections"},
		{"a path", "/run/a /run/a /run/a", 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			counts := new(socket.Counts)
			p := newPlaces(Connections{Total: 5, Peer: 2}, counts)
			clients := strings.Fields(tc.clients)
			last := clients[len(clients)-1]
			var vacate []func()
			for _, client := range clients[:len(clients)-1] {
				give, err := p.take(peerAt(t, client))
				if err != nil {
					t.Fatal(err)
				}
				vacate = append(vacate, give)
			}
			give, err := p.take(peerAt(t, last))
			if tc.status == 0 {
				if err != nil || counts.TurnedAway.Load() != 0 {
					t.Fatalf("the last one was refused: %v", err)
				}
				vacate = append(vacate, give)
			} else {
				var refused *socket.RefusedError
				if !errors.As(err, &refused) || refused.Status != tc.status || refused.RetryAfter <= 0 || !strings.Contains(err.Error(), tc.says) {
					t.Fatalf("the last one: %v", err)
				}
				if string(refused.Body.Data()) != `{"reason":"too_many_connections","retry_after_ms":5000}` || counts.TurnedAway.Load() != 1 {
					t.Errorf("the body is %s, %d were counted", refused.Body.Data(), counts.TurnedAway.Load())
				}
				vacate[0]()
				if vacate[0], err = p.take(peerAt(t, last)); err != nil {
					t.Fatalf("there is no place when one was given back: %v", err)
				}
			}
			for _, give := range vacate {
				give()
			}
			if p.taken != 0 || len(p.by) != 0 {
				t.Errorf("%d places are taken in the end, by %v", p.taken, p.by)
			}
		})
	}
}

// TestPlacesOfTheDefaults: zero is the default, and below it there is no bound.
func TestPlacesOfTheDefaults(t *testing.T) {
	for _, tc := range []struct {
		limits Connections
		want   int // places for one address
	}{
		{Connections{}, DefaultPeerConnections},
		{Connections{Total: 10}, 10},
		{Connections{Total: -1, Peer: -1}, DefaultConnections + 1},
		{Connections{Peer: -1}, DefaultConnections},
		{Connections{Total: -1, Peer: DefaultConnections + 1}, DefaultConnections + 1},
	} {
		p := newPlaces(tc.limits, new(socket.Counts))
		got := 0
		for got <= DefaultConnections {
			if _, err := p.take(peerAt(t, "192.0.2.7")); err != nil {
				break
			}
			got++
		}
		if got != tc.want {
			t.Errorf("%+v: there are %d places, want %d", tc.limits, got, tc.want)
		}
	}
}

// TestPlacesAtOnce: however many come and go at once, there are never more than
// there may be, and none is left.
func TestPlacesAtOnce(t *testing.T) {
	p := newPlaces(Connections{Total: 7, Peer: 4}, new(socket.Counts))
	var wg sync.WaitGroup
	for _, client := range []string{"192.0.2.7", "192.0.2.8", "192.0.2.8", "@"} {
		wg.Go(func() {
			var held []func()
			for range 2000 {
				vacate, err := p.take(peerAt(t, client))
				if err == nil {
					held = append(held, vacate)
				}
				p.mu.Lock()
				if p.taken > 7 || p.by[placeOf(peerAt(t, client).addr)] > 4 {
					t.Errorf("%d places are taken, by %v", p.taken, p.by)
				}
				p.mu.Unlock()
				if err != nil || len(held) == 3 {
					for _, vacate := range held {
						vacate()
					}
					held = held[:0]
				}
			}
			for _, vacate := range held {
				vacate()
			}
		})
	}
	wg.Wait()
	if p.taken != 0 || len(p.by) != 0 {
		t.Errorf("%d places are taken in the end, by %v", p.taken, p.by)
	}
}
