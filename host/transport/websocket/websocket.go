// Package websocket serves sockets over WebSocket (RFC 6455).
//
// The HTTP handler returns after the upgrade, so that net/http's request and
// buffers are freed; one goroutine per connection reads, and one writes for as
// long as frames wait. Outgoing frames are complete WebSocket frames, header
// included, and those of a broadcast are shared by all subscribers: whatever
// waits leaves in one write.
package websocket

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/chhost/chhost/host/internal/crew"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

// Defaults of [Config].
const (
	DefaultMaxFrame     = 256 << 10
	DefaultIdleTimeout  = 60 * time.Second
	DefaultWriteTimeout = 10 * time.Second
	DefaultCloseTimeout = 5 * time.Second
)

// subprotocol is the one that Phoenix clients offer when they send an auth
// token by subprotocol; the server answers with it alone.
const subprotocol = "phoenix"

// Config configures a [Transport]. Accept is needed; the zero values of the
// other fields are the defaults.
type Config struct {
	// Accept decides about a connection before it is upgraded, its origin having
	// been checked, and returns what its socket is made of; Encoder and Wake are
	// filled in by the transport. A [*socket.RefusedError] says how the connection
	// is refused; any other error is status 403 and an empty body, as in Phoenix.
	Accept func(r *http.Request) (socket.Config, error)
	// CheckOrigin tells whether a request with an Origin header may connect.
	// Default: only from the host that it asks for.
	CheckOrigin func(r *http.Request) bool
	// MaxFrame is the largest message in bytes that a client may send; a larger
	// one closes the connection with code 1009. It may come in fragments, each of
	// which counts as a frame for the rates of its socket. Default 256 KiB.
	MaxFrame int64
	// Compression lets clients that offer it compress their messages, and
	// compresses those of 256 bytes and more for them. It trades processor time for
	// bandwidth, and secrets that share a message with what an attacker chooses can be
	// guessed from its length. From a client above the rates of its socket nothing is
	// read until they allow more, so that nothing is unpacked in vain. Default: off.
	Compression bool
	// IdleTimeout closes a connection on which nothing was received for so long.
	// Clients send a heartbeat every 30 s. Default 60 s.
	IdleTimeout time.Duration
	// WriteTimeout ends a connection that takes so long for 64 KiB, or for one
	// frame that is larger. Default 10 s.
	WriteTimeout time.Duration
	// CloseTimeout is how long the client may take to answer a close. Default 5 s.
	CloseTimeout time.Duration
	// DrainWindow is how long Shutdown may take to close many connections, a few at
	// a time, see [socket.Drain]. Default: it closes all at once.
	DrainWindow time.Duration
	// Logger receives bugs and refusals. Default none.
	Logger *slog.Logger
}

// Transport serves sockets over WebSocket. It is safe for concurrent use.
type Transport struct {
	cfg      Config
	upgrader websocket.Upgrader
	v1, v2   *phx.Encoder
	deflated struct{ v1, v2 *phx.Encoder } // for clients that take compressed messages
	buffers  sync.Pool                     // *incoming; of the readers
	desks    sync.Pool                     // *desk; of the writers

	// tick counts quarters of the idle timeout, so that a connection notes when
	// it was last heard of without a timer or a clock of its own.
	tick atomic.Int64

	running sync.WaitGroup // readers
	writers *crew.Crew[*conn]
	mu      sync.Mutex
	conns   map[*conn]struct{}
	closed  bool
}

// New returns a transport. It starts nothing.
func New(cfg Config) *Transport {
	if cfg.MaxFrame <= 0 {
		cfg.MaxFrame = DefaultMaxFrame
	}
	if cfg.IdleTimeout <= 0 {
		cfg.IdleTimeout = DefaultIdleTimeout
	}
	if cfg.WriteTimeout <= 0 {
		cfg.WriteTimeout = DefaultWriteTimeout
	}
	if cfg.CloseTimeout <= 0 {
		cfg.CloseTimeout = DefaultCloseTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.CheckOrigin == nil {
		cfg.CheckOrigin = socket.SameOrigin
	}
	t := &Transport{
		cfg: cfg,
		upgrader: websocket.Upgrader{
			ReadBufferSize:  512, // larger messages are read past it
			WriteBufferSize: 256, // gorilla writes control frames only
			WriteBufferPool: &sync.Pool{},
			CheckOrigin:     func(*http.Request) bool { return true }, // it was, before Accept
		},
		v1:    &phx.Encoder{Serializer: phx.V1(), Framing: framing()},
		v2:    &phx.Encoder{Serializer: phx.V2(), Framing: framing()},
		conns: make(map[*conn]struct{}),
	}
	t.deflated.v1 = &phx.Encoder{Serializer: phx.V1(), Framing: deflating()}
	t.deflated.v2 = &phx.Encoder{Serializer: phx.V2(), Framing: deflating()}
	t.upgrader.EnableCompression = cfg.Compression
	t.upgrader.Error = t.refuseUpgrade
	t.writers = crew.New((*conn).write)
	return t
}

// refuseUpgrade answers what gorilla refuses, without its texts: 400 for what
// is no WebSocket handshake.
func (t *Transport) refuseUpgrade(w http.ResponseWriter, r *http.Request, status int, err error) {
	t.cfg.Logger.Info("connection refused", "err", err)
	w.WriteHeader(status)
}

// offers tells whether a client's subprotocols, which may be on several lines,
// include the one.
func offers(lines []string) bool {
	for _, line := range lines {
		for offered := range strings.SplitSeq(line, ",") {
			if strings.Trim(offered, " \t") == subprotocol {
				return true
			}
		}
	}
	return false
}

// ServeHTTP upgrades the request and serves the connection on goroutines of its
// own, which [Transport.Shutdown] waits for.
func (t *Transport) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	serializer, err := phx.Negotiate(socket.Version(r))
	if err != nil {
		t.refuse(w, err)
		return
	}
	var header http.Header
	if lines := r.Header.Values("Sec-Websocket-Protocol"); len(lines) > 0 {
		if !offers(lines) {
			t.refuse(w, errSubprotocol)
			return
		}
		header = http.Header{"Sec-Websocket-Protocol": {subprotocol}}
	}
	if !t.cfg.CheckOrigin(r) {
		socket.LogForeign(t.cfg.Logger, r)
		w.WriteHeader(http.StatusForbidden)
		return
	}
	cfg, err := t.cfg.Accept(r)
	if err != nil {
		t.refuse(w, err)
		return
	}
	// A connection is counted before it exists, so that Shutdown cannot miss it.
	if !t.begin() {
		cfg.Abandon()
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	compressed := t.negotiate(r)
	in := new(inlet)
	ws, err := t.upgrader.Upgrade(&hijacker{w, in}, r, header)
	if err != nil {
		t.running.Done()
		cfg.Abandon()
		return // answered by refuseUpgrade
	}
	cfg.Encoder = t.encoder(serializer, compressed)
	c := newConn(t, ws, in, cfg)
	c.compressed = compressed
	c.start()
}

func (t *Transport) encoder(serializer phx.Serializer, compressed bool) *phx.Encoder {
	v1, v2 := t.v1, t.v2
	if compressed {
		v1, v2 = t.deflated.v1, t.deflated.v2
	}
	if serializer == phx.V1() {
		return v1
	}
	return v2
}

var errSubprotocol = errors.New("websocket: none of the offered subprotocols is \"phoenix\"")

func (t *Transport) refuse(w http.ResponseWriter, err error) {
	socket.LogRefused(t.cfg.Logger, err)
	var refused *socket.RefusedError
	if !errors.As(err, &refused) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	refused.SetHeader(w.Header())
	if !refused.HasBody {
		w.WriteHeader(refused.Status)
		return
	}
	kind := "application/json; charset=utf-8"
	if refused.Body.IsBinary() {
		kind = "application/octet-stream"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff") // a guest wrote it
	w.WriteHeader(refused.Status)
	_, _ = w.Write(refused.Body.Data()) // a client that has gone needs no answer
}

func (t *Transport) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.running.Add(1)
	}
	return !t.closed
}

// Run closes idle connections, and those whose token has expired, until ctx is done.
func (t *Transport) Run(ctx context.Context) error {
	ticker := time.NewTicker(t.cfg.IdleTimeout / idleTicks)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			t.sweep(t.tick.Add(1))
		}
	}
}

// idleTicks is how many ticks an idle timeout has.
const idleTicks = 4

func (t *Transport) sweep(now int64) {
	for _, c := range t.all() {
		c.socket.Expire()
		if now-c.seen.Load() > idleTicks {
			c.socket.Close(socket.End{Code: socket.CloseGoingAway, Reason: "idle"}, socket.LeaveClosed)
		}
	}
}

func (t *Transport) all() []*conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	conns := make([]*conn, 0, len(t.conns))
	for c := range t.conns {
		conns = append(conns, c)
	}
	return conns
}

// Shutdown refuses new connections, closes the others with code 1012 after what
// waits for them was written, and returns when their goroutines have ended. When
// ctx ends first, the connections are cut, and ctx's error is returned.
func (t *Transport) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	conns := t.all()
	sockets := make([]*socket.Socket, len(conns))
	for i, c := range conns {
		sockets[i] = c.socket
	}
	socket.Drain(ctx, t.cfg.DrainWindow, sockets)
	stop := context.AfterFunc(ctx, func() {
		for _, c := range t.all() {
			_ = c.net.Close()
		}
	})
	t.running.Wait()
	t.writers.Wait()
	if !stop() {
		return ctx.Err()
	}
	return nil
}
