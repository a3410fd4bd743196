package host

import (
	"net"
	"net/http"
	"sync"
)

// newcomers are connections on which no request has come. Browsers make some in
// advance, and so do load balancers that only see whether somebody answers. net/http
// closes the idle ones when a server shuts down, but waits for these, up to five
// seconds. The zero value has none. It is safe for concurrent use.
type newcomers struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	gone  bool // they are closed as they come
}

// note is an [http.Server.ConnState].
func (n *newcomers) note(conn net.Conn, state http.ConnState) {
	n.mu.Lock()
	switch {
	case state != http.StateNew:
		delete(n.conns, conn)
	case !n.gone:
		if n.conns == nil {
			n.conns = make(map[net.Conn]struct{})
		}
		n.conns[conn] = struct{}{}
	}
	late := n.gone && state == http.StateNew
	n.mu.Unlock()
	if late {
		_ = conn.Close()
	}
}

// close closes those that are there, and those that still come.
func (n *newcomers) close() {
	n.mu.Lock()
	n.gone = true
	conns := n.conns
	n.conns = nil
	n.mu.Unlock()
	for conn := range conns {
		_ = conn.Close()
	}
}
