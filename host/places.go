package host

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"

	"github.com/chhost/chhost/host/internal/netblock"
	"github.com/chhost/chhost/host/socket"
)

// Connections bound how many clients may be connected at a time: WebSockets and
// long-poll sessions, of all mounts. One more is refused before it has cost much,
// and told to come back. The zero value of a field is its default.
type Connections struct {
	// Total is how many there may be. Below zero: as many as come. Default 100,000.
	Total int
	// Peer is how many of them may come from one address: of IPv6, from one /64,
	// which is what a customer gets. Below zero: as many as come. Default 1,000.
	//
	// Clients of this machine (loopback addresses, Unix sockets) are not counted: they
	// are its operator's, or a proxy's. Behind a proxy elsewhere that is not among
	// [Config.TrustedProxies], all clients are one peer.
	Peer int
	// LongPoll is how many sessions there may be at one mount, see [longpoll.Config].
	// Default 50,000.
	LongPoll int
}

// Defaults of [Connections].
const (
	DefaultConnections     = 100_000
	DefaultPeerConnections = 1000
)

// places are those for which there are [Connections]. It is safe for concurrent use.
type places struct {
	limits Connections
	counts *socket.Counts

	mu    sync.Mutex
	taken int
	by    map[place]int // without those who have none
}

// place is the network whose clients count together: an IPv4 address, or the first
// 64 bits of an IPv6 address. The zero value is that of clients which do not count.
type place [16]byte

func (p place) counts() bool { return p != place{} }

func placeOf(addr netip.Addr) place {
	network := netblock.Of(addr)
	if !network.IsValid() {
		return place{}
	}
	return network.Addr().As16()
}

func newPlaces(limits Connections, counts *socket.Counts) *places {
	if limits.Total == 0 {
		limits.Total = DefaultConnections
	}
	if limits.Peer == 0 {
		limits.Peer = DefaultPeerConnections
	}
	return &places{limits: limits, counts: counts, by: make(map[place]int)}
}

// take gives a client a place, which vacate gives back; it is to be called once. The
// error is a [*socket.RefusedError].
func (p *places) take(client peer) (vacate func(), err error) {
	at := placeOf(client.addr)
	p.mu.Lock()
	full := p.limits.Total > 0 && p.taken >= p.limits.Total
	many := at.counts() && p.limits.Peer > 0 && p.by[at] >= p.limits.Peer
	if !full && !many {
		p.taken++
		if at.counts() {
			p.by[at]++
		}
	}
	p.mu.Unlock()
	switch {
	case many:
		return nil, p.counts.TooMany(http.StatusTooManyRequests,
			fmt.Errorf("host: %s has %d connections, as many as one address may have: if that is a proxy, it has to be among the trusted ones", client.name, p.limits.Peer))
	case full:
		return nil, p.counts.TooMany(http.StatusServiceUnavailable, fmt.Errorf("host: there are %d connections, as many as there may be", p.limits.Total))
	}
	return func() { p.vacate(at) }, nil
}

func (p *places) vacate(at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if !at.counts() {
		return
	}
	if p.by[at]--; p.by[at] == 0 {
		delete(p.by, at)
	}
}
