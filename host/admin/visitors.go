package admin

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/chhost/chhost/host/internal/limitlog"
	"github.com/chhost/chhost/host/internal/netblock"
)

// How many connections a server of the API has at once: in all, and from one address (of
// IPv6 from one /64), this machine's aside. Whoever can reach the API may open them, and
// what they take of open files the clients' sockets would miss.
const (
	mostVisitors = 1000
	eachVisitors = 100
)

// visitors are the connections of one server. It is safe for concurrent use.
type visitors struct {
	log *slog.Logger

	mu    sync.Mutex
	conns map[net.Conn]netip.Prefix // that count; the prefix is not valid for this machine's
	from  map[netip.Prefix]int
}

func newVisitors(log *slog.Logger) *visitors {
	return &visitors{log: limitlog.New(log), conns: make(map[net.Conn]netip.Prefix), from: make(map[netip.Prefix]int)}
}

// note is an [http.Server.ConnState]. A connection too many is closed as it comes.
func (v *visitors) note(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if !v.enter(conn) {
			_ = conn.Close()
			v.log.Warn("a connection to the admin API was closed: there are too many, or too many of one address")
		}
	case http.StateClosed, http.StateHijacked:
		v.leave(conn)
	}
}

func (v *visitors) enter(conn net.Conn) bool {
	network := networkOf(conn.RemoteAddr())
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.conns) >= mostVisitors || network.IsValid() && v.from[network] >= eachVisitors {
		return false
	}
	v.conns[conn] = network
	if network.IsValid() {
		v.from[network]++
	}
	return true
}

func (v *visitors) leave(conn net.Conn) {
	v.mu.Lock()
	defer v.mu.Unlock()
	network, entered := v.conns[conn]
	if !entered {
		return
	}
	delete(v.conns, conn)
	if !network.IsValid() {
		return
	}
	if v.from[network]--; v.from[network] == 0 {
		delete(v.from, network)
	}
}

// networkOf is whose connections count together; it is not valid for those of this
// machine, and for those that have no address.
func networkOf(addr net.Addr) netip.Prefix {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	return netblock.Of(tcp.AddrPort().Addr())
}
