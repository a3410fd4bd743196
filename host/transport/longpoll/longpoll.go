// Package longpoll serves sockets over HTTP long-polling, for clients that get no
// WebSocket through.
//
// A session takes the place of the connection: a GET opens it, and further GETs
// wait for frames; a POST carries frames from the client. A session is a socket
// and little more: no goroutine and no timer of its own, so what it costs between
// two requests is memory. It ends when nobody has polled for a while, since there
// is no connection whose end could tell.
//
// # What reaches the client
//
// A response can be lost after it was written, and the host does not learn of it.
// So the frames of a response are kept until the next poll shows that they have
// arrived, and are sent again, and nothing else with them, if it shows that they
// have not. It shows by its token: each response with frames gives the session's
// token a new number, all tokens of a session are good for as long as it lives, and
// Phoenix clients use the one that came last.
//
//   - A poll with the newest number has received everything.
//   - A poll with an older number has not, if this client has taken over a number
//     before. The frames are sent again.
//   - A client that has never taken over a number may be one that keeps its first
//     token for ever: for it, a response has arrived if all of it could be written
//     while the request was alive. Its first response with frames is thus the one
//     that can be lost without notice; from then on a client of the usual kind is
//     known.
//
// Frames of a client that never polls again are gone with its session, and so are
// those that a host which shuts down cannot hand to a poll within a second.
package longpoll

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

// Defaults of [Config].
const (
	DefaultMaxFrame     = 256 << 10
	DefaultWindow       = 10 * time.Second
	DefaultIdleTimeout  = 15 * time.Second
	DefaultWriteTimeout = 10 * time.Second
	DefaultMaxSessions  = 50_000
)

// Config configures a [Transport]. Accept is needed; the zero values of the
// other fields are the defaults.
type Config struct {
	// Accept decides about the GET that would open a session, its origin having
	// been checked, and returns what its socket is made of; Encoder and Wake are
	// filled in by the transport. The request's query is the client's own: the
	// session's token has been taken out. A [*socket.RefusedError] with a status
	// from 500 on, or that says when, lets the client try again; any other error does
	// not.
	//
	// It is called on the goroutine of the request, and so is what reads its
	// headers: X-Phoenix-AuthToken comes with GETs.
	Accept func(r *http.Request) (socket.Config, error)
	// CheckOrigin tells whether a request with an Origin header may be served. If
	// it is set, responses allow the very origin that asks, if it may. Default: only
	// from the host that it asks for; responses then allow every origin, to which
	// they say no more than that it is refused.
	CheckOrigin func(r *http.Request) bool
	// MaxFrame is the largest frame in bytes that a client may send; a larger one
	// ends the session with code 1009. Default 256 KiB.
	MaxFrame int64
	// Window is how long a poll waits for frames, and a POST for its frames to be
	// taken. A server's own WriteTimeout has to be longer. Default 10 s.
	Window time.Duration
	// IdleTimeout ends a session after its last poll; it may take a quarter longer.
	// Default 15 s.
	IdleTimeout time.Duration
	// WriteTimeout ends a response that takes so long for 64 KiB. Default 10 s.
	WriteTimeout time.Duration
	// MaxSessions is how many sessions there may be at a time: unlike connections
	// they cost a client nothing. One more takes the place of the oldest that was
	// never polled, and is refused with [socket.Counts.TooMany] if there is none. Default
	// 50,000.
	MaxSessions int
	// DrainWindow is how long Shutdown may take to close many sessions, a few at a
	// time, see [socket.Drain]. Default: it closes all at once.
	DrainWindow time.Duration
	// Logger receives refusals. Default none.
	Logger *slog.Logger
}

// Transport serves sockets over long-polling. It is safe for concurrent use.
type Transport struct {
	cfg    Config
	exact  bool // origins are echoed
	key    []byte
	v1, v2 *phx.Encoder

	cut    context.Context // ends when responses are to be cut off
	cutOff context.CancelFunc

	// tick counts quarters of the idle timeout. In each, the sessions of one place
	// of the wheel are looked at.
	tick atomic.Int64

	running  sync.WaitGroup // requests that a session is involved in
	mu       sync.Mutex
	sessions map[sessionID]*session
	wheel    [wheelSize][]*session // each session in one place, also for a while after its end
	fresh    []*session            // those never polled, oldest first, and others until the next tick
	closed   bool
	closing  chan struct{} // closed with it
	told     chan struct{} // takes one when a poll has ended, without blocking
	ended    bool          // nothing is let in any more
}

const (
	// idleTicks is how many ticks an idle timeout has.
	idleTicks = 4
	// wheelSize lets a session be filed for the tick after the idle timeout.
	wheelSize = idleTicks + 2
)

// New returns a transport. It starts nothing.
func New(cfg Config) *Transport {
	if cfg.MaxFrame <= 0 {
		cfg.MaxFrame = DefaultMaxFrame
	}
	if cfg.Window <= 0 {
		cfg.Window = DefaultWindow
	}
	if cfg.IdleTimeout <= 0 {
		cfg.IdleTimeout = DefaultIdleTimeout
	}
	if cfg.WriteTimeout <= 0 {
		cfg.WriteTimeout = DefaultWriteTimeout
	}
	if cfg.MaxSessions <= 0 {
		cfg.MaxSessions = DefaultMaxSessions
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	t := &Transport{
		cfg: cfg, exact: cfg.CheckOrigin != nil,
		key:      []byte(rand.Text()),
		v1:       &phx.Encoder{Serializer: phx.V1(), Framing: framing()},
		v2:       &phx.Encoder{Serializer: textOnly{phx.V2()}, Framing: framing()},
		sessions: make(map[sessionID]*session),
		closing:  make(chan struct{}),
		told:     make(chan struct{}, 1),
	}
	if t.cfg.CheckOrigin == nil {
		t.cfg.CheckOrigin = socket.SameOrigin
	}
	t.cut, t.cutOff = context.WithCancel(context.Background())
	return t
}

// ServeHTTP serves one request of a session. A GET returns when frames wait, or
// after the window.
func (t *Transport) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allowed := t.cors(w.Header(), r)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if !allowed {
		socket.LogForeign(t.cfg.Logger, r)
		answer(w, http.StatusOK, `{"status":403}`)
		return
	}
	switch r.Method {
	case http.MethodGet:
		t.get(w, r)
	case http.MethodPost:
		t.post(w, r)
	case http.MethodDelete:
		t.delete(w, r)
	default:
		answer(w, http.StatusBadRequest, `{"status":400}`)
	}
}

// get is a poll of the session that the token names, or opens one.
func (t *Transport) get(w http.ResponseWriter, r *http.Request) {
	text, query := requestToken(r)
	s, number := t.session(text)
	if !t.begin(s != nil) {
		t.unavailable(w)
		return
	}
	defer t.running.Done()
	if s != nil {
		t.poll(w, r, s, number)
		return
	}
	if query != r.URL.RawQuery {
		own := *r
		own.URL = new(url.URL)
		*own.URL = *r.URL
		own.URL.RawQuery = query
		r = &own
	}
	t.open(w, r)
}

// unavailable answers a GET that a client should repeat later.
func (t *Transport) unavailable(w http.ResponseWriter) {
	answer(w, http.StatusServiceUnavailable, `{"status":500}`)
}

// open starts a session. Its status 410 is that of Phoenix: what the client had
// before, if anything, is gone.
func (t *Transport) open(w http.ResponseWriter, r *http.Request) {
	serializer, err := phx.Negotiate(socket.Version(r))
	if err != nil {
		t.refuse(w, err)
		return
	}
	cfg, err := t.cfg.Accept(r)
	if err != nil {
		t.refuse(w, err)
		return
	}
	cfg.Encoder = t.v2
	if serializer == phx.V1() {
		cfg.Encoder = t.v1
	}
	s := newSession(t, cfg)
	s.origin = strings.Clone(r.Header.Get("Origin")) // and not the rest of the request
	idle, err := t.add(s)
	if idle != nil {
		idle.end()
	}
	switch {
	case errors.Is(err, errFull):
		cfg.Abandon()
		t.refuse(w, cfg.Counts.TooMany(http.StatusServiceUnavailable, fmt.Errorf("%w: there may be %d", err, t.cfg.MaxSessions)))
		return
	case err != nil:
		cfg.Abandon()
		t.unavailable(w)
		return
	}
	s.socket.Open()
	answer(w, http.StatusOK, `{"status":410,"token":"`+t.sign(token{s.id, 0})+`","messages":[]}`)
}

// refuse answers a client that may not connect. Statuses that clients do not know
// make them throw, so there are two: 403, and 500 for what may be better later.
func (t *Transport) refuse(w http.ResponseWriter, err error) {
	socket.LogRefused(t.cfg.Logger, err)
	var refused *socket.RefusedError
	if !errors.As(err, &refused) {
		answer(w, http.StatusOK, `{"status":403}`)
		return
	}
	refused.SetHeader(w.Header())
	status := http.StatusOK
	if refused.Status == http.StatusBadRequest || refused.RetryAfter > 0 {
		status = refused.Status
	}
	body := `{"status":403`
	if refused.Status >= http.StatusInternalServerError || refused.RetryAfter > 0 {
		body = `{"status":500`
	}
	if refused.HasBody && !refused.Body.IsBinary() {
		body += `,"response":` + string(refused.Body.Data())
	}
	answer(w, status, body+"}")
}

// delete ends a session at once, which no Phoenix client does: theirs end by not
// polling any more, as those of a client do that is cut off.
func (t *Transport) delete(w http.ResponseWriter, r *http.Request) {
	text, _ := requestToken(r)
	s, _ := t.session(text)
	if s == nil {
		answer(w, http.StatusOK, `{"status":410}`)
		return
	}
	t.remove(s)
	t.tell()
	answer(w, http.StatusOK, `{"status":200}`)
}

// begin counts a request: while the transport shuts down only those of a session
// are let in, whose socket may not have been closed yet.
func (t *Transport) begin(farewell bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.closed && !farewell {
		return false
	}
	t.running.Add(1)
	return true
}

var (
	errFull     = errors.New("longpoll: there are as many sessions as there may be, and all are polled")
	errShutdown = errors.New("longpoll: the host is shutting down")
)

// add takes a new session in, if there is room, or one that gives up its place:
// that one is to be ended.
func (t *Transport) add(s *session) (idle *session, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errShutdown
	}
	if len(t.sessions) >= t.cfg.MaxSessions {
		if idle = t.neverPolled(); idle == nil {
			return nil, errFull
		}
		delete(t.sessions, idle.id)
	}
	t.sessions[s.id] = s
	t.fresh = append(t.fresh, s)
	t.file(s, t.tick.Load())
	return idle, nil
}

// neverPolled returns the oldest session that nobody has polled, or nil. Whoever
// means it polls as soon as there is a token; who only opens sessions, one request
// each, must not keep all others out. The caller holds t.mu.
func (t *Transport) neverPolled() *session {
	for len(t.fresh) > 0 {
		s := t.fresh[0]
		t.fresh[0] = nil
		t.fresh = t.fresh[1:]
		if !t.settled(s) {
			return s
		}
	}
	return nil
}

// settled tells whether a session has been polled, or has ended. The caller holds
// t.mu.
func (t *Transport) settled(s *session) bool { return t.sessions[s.id] == nil || s.wasPolled() }

// remove ends a session, if nobody else has taken it out of the table.
func (t *Transport) remove(s *session) {
	t.mu.Lock()
	known := t.sessions[s.id] == s
	delete(t.sessions, s.id)
	t.mu.Unlock()
	if known {
		s.end()
	}
}

// tell lets Shutdown look again who is to be waited for.
func (t *Transport) tell() {
	select {
	case t.told <- struct{}{}:
	default:
	}
}

// session returns the one that a token names and the token's number; nil if there
// is none.
func (t *Transport) session(text string) (*session, uint32) {
	known, ok := t.verify(text)
	if !ok {
		return nil, 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sessions[known.id], known.number
}

func (t *Transport) all() []*session {
	t.mu.Lock()
	defer t.mu.Unlock()
	sessions := make([]*session, 0, len(t.sessions))
	for _, s := range t.sessions {
		sessions = append(sessions, s)
	}
	return sessions
}

// Run ends sessions that are not polled, or whose token has expired, until ctx is
// done.
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

// file puts a session where it is looked at when it may be idle, having been
// polled at the given tick. The caller holds t.mu.
func (t *Transport) file(s *session, polled int64) {
	at := (polled + idleTicks + 1) % wheelSize
	t.wheel[at] = append(t.wheel[at], s)
}

// sweep ends the sessions that are due, and files the others anew: a poll touches
// its session only.
func (t *Transport) sweep(now int64) {
	idle, polled := t.due(now)
	for _, s := range idle {
		s.end()
	}
	for _, s := range polled {
		s.socket.Expire() // its polls learn of it
	}
}

// due returns the sessions whose turn it is to be looked at: those to end, which are no
// longer in the table, and the others.
func (t *Transport) due(now int64) (idle, others []*session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fresh = slices.DeleteFunc(t.fresh, t.settled)
	due := t.wheel[now%wheelSize]
	t.wheel[now%wheelSize] = nil
	for _, s := range due {
		switch polled := s.polled(now); {
		case t.sessions[s.id] == nil:
		case now-polled > idleTicks:
			delete(t.sessions, s.id)
			idle = append(idle, s)
		default:
			t.file(s, polled)
			others = append(others, s)
		}
	}
	return idle, others
}

// farewell is how long Shutdown waits for polls of clients that are not polling
// right now, but have been a moment ago.
const farewell = time.Second

// Shutdown refuses new sessions, ends the others with code 1012 behind what waits
// for them, as far as they poll within a second, and returns when all responses
// have been written. A session is served until its turn comes. When ctx ends first, those are cut off, and ctx's error is
// returned.
func (t *Transport) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.closing)
	}
	t.mu.Unlock()
	sessions := t.all()
	sockets := make([]*socket.Socket, len(sessions))
	for i, s := range sessions {
		sockets[i] = s.socket
	}
	socket.Drain(ctx, t.cfg.DrainWindow, sockets)
	stop := context.AfterFunc(ctx, t.cutOff)
	t.sayFarewell(ctx)
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.running.Wait()
	for _, s := range t.all() {
		t.remove(s)
	}
	t.mu.Lock()
	t.fresh = nil
	t.wheel = [wheelSize][]*session{}
	t.mu.Unlock()
	if !stop() {
		return ctx.Err()
	}
	return nil
}

// sayFarewell returns when every client that polls has been told.
func (t *Transport) sayFarewell(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	for t.listening() {
		select {
		case <-t.told:
		case <-ctx.Done():
			return
		}
	}
}

// listening tells whether there is a session that polls, or did so a tick ago.
func (t *Transport) listening() bool {
	now := t.tick.Load()
	return slices.ContainsFunc(t.all(), func(s *session) bool { return s.listens(now) })
}
