package longpoll

import (
	"crypto/rand"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/socket"
)

// session stands for a connection. Its methods may be called concurrently.
type session struct {
	t      *Transport
	id     sessionID
	origin string // of the page that opened it; empty: none did
	socket *socket.Socket
	// reading holds a token while a POST hands frames to the socket. A channel
	// rather than a mutex, so that waiting for it ends with the request.
	reading chan struct{}
	last    atomic.Int64 // the transport's tick at the last poll's end

	mu    sync.Mutex
	poll  *poll         // the newest, while it waits
	polls int           // under way
	known bool          // it has been polled
	cut   bool          // the last poll's request ended before it was answered
	quiet chan struct{} // closed when none is under way; made by who waits for that
	// ready: the socket has frames, or its end, that Next has not returned.
	ready  bool
	taking bool // a poll is calling Next

	number uint32 // of the last response with frames
	// batch are its frames, as long as they are not known to have arrived; writer
	// is the poll that writes them, or wrote them last.
	batch  [][]byte
	writer *poll
	state  batchState
	echoes bool // the client takes over the numbers of its tokens
}

type batchState uint8

const (
	// batchUnsent: there was no complete response with it.
	batchUnsent batchState = iota
	batchWriting
	batchWritten
)

// poll is a GET that waits.
type poll struct {
	wake chan struct{} // takes one without blocking
}

func (p *poll) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func newSession(t *Transport, cfg socket.Config) *session {
	s := &session{t: t, reading: make(chan struct{}, 1)}
	_, _ = rand.Read(s.id[:]) // never fails
	s.last.Store(t.tick.Load())
	cfg.Wake = s.wake
	s.socket = socket.New(cfg)
	return s
}

// wake is called by the socket, on whatever goroutine has something for the
// client.
func (s *session) wake() {
	s.mu.Lock()
	s.ready = true
	p := s.poll
	s.mu.Unlock()
	if p != nil {
		p.signal()
	}
}

// end is called once for each session, by who has taken it out of the transport's
// table.
func (s *session) end() {
	s.socket.Close(socket.End{}, socket.LeaveClosed)
	s.socket.Vacate()
}

// bug ends a session in which the host has failed.
func (s *session) bug(r any) {
	s.t.cfg.Logger.Error("BUG: panic in a long-poll session", "panic", r, "stack", string(debug.Stack()))
	s.socket.Close(socket.End{Code: socket.CloseInternalError, Reason: "internal error"}, socket.LeaveClosed)
}

// polled is the tick of the last poll, now if one is under way.
func (s *session) polled(now int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.polls > 0 {
		return now
	}
	return s.last.Load()
}

// wasPolled tells whether it was ever polled.
func (s *session) wasPolled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

// listens tells whether a poll is under way, or is likely to come.
func (s *session) listens(now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.polls > 0 || !s.cut && now-s.last.Load() <= 1
}

// arrive takes a poll in, in place of the one that may be waiting: number is that
// of its token.
func (s *session) arrive(p *poll, number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll != nil {
		s.poll.signal() // it learns that it was replaced
	}
	s.poll, s.cut, s.known = p, false, true
	s.polls++
	if number > 0 && number == s.number {
		s.echoes = true
		s.batch, s.writer = nil, nil
	}
}

func (s *session) leave(p *poll, cut bool) {
	s.last.Store(s.t.tick.Load())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polls--
	if s.poll == p {
		s.poll, s.cut = nil, cut
	}
	if s.polls == 0 && s.quiet != nil {
		close(s.quiet)
		s.quiet = nil
	}
}

// answered is closed when the polls that are under way have been answered.
func (s *session) answered() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	quiet := s.quiet
	if quiet == nil {
		quiet = make(chan struct{})
		if s.polls == 0 {
			close(quiet)
		} else {
			s.quiet = quiet
		}
	}
	return quiet
}

// outcome is what a poll has to do next.
type outcome struct {
	frames   [][]byte // to be sent, under number
	number   uint32
	end      *socket.End
	replaced bool // a newer poll gets what comes
}

// next says what a poll has to do; the zero outcome is to wait until it is woken.
func (s *session) next(p *poll) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll != p {
		return outcome{replaced: true}
	}
	if s.batch != nil && !s.echoes {
		switch s.state {
		case batchWriting:
			return outcome{number: s.number} // whoever writes it wakes this one
		case batchWritten:
			s.batch, s.writer = nil, nil // it asks for more
		}
	}
	if s.batch != nil {
		s.writer, s.state = p, batchWriting
		return outcome{frames: s.batch, number: s.number}
	}
	if s.taking || !s.ready {
		return outcome{number: s.number}
	}
	return s.takeOut(p)
}

// takeOut calls Next. The caller holds s.mu, which is given up meanwhile: a wake
// that comes then is noted, and a poll that comes then is woken.
func (s *session) takeOut(p *poll) outcome {
	s.taking, s.ready = true, false
	s.mu.Unlock()
	frames, end := s.socket.Next(nil)
	s.mu.Lock()
	s.taking = false
	if len(frames) > 0 || end != nil {
		s.ready = true // there may be more, or the end again
	}
	if len(frames) > 0 {
		s.number++
		s.batch, s.writer, s.state = frames, p, batchWriting
	}
	if s.poll != p {
		s.state = batchUnsent
		if s.poll != nil {
			s.poll.signal()
		}
		return outcome{replaced: true}
	}
	return outcome{frames: frames, number: s.number, end: end}
}

// wrote notes whether a response with frames was written as a whole.
func (s *session) wrote(p *poll, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writer != p {
		return // they have arrived, or another poll has them now
	}
	s.state = batchUnsent
	if all {
		s.state = batchWritten
	}
	if s.poll != nil {
		s.poll.signal()
	}
}

// poll answers a GET with what waits for the client, or after the window with
// nothing. A poll that was replaced waits for its window too: answered at once, two
// clients that share a session would replace each other as fast as they can.
func (t *Transport) poll(w http.ResponseWriter, r *http.Request, s *session, number uint32) {
	p := &poll{wake: make(chan struct{}, 1)}
	s.arrive(p, number)
	defer func() {
		if bug := recover(); bug != nil {
			s.bug(bug)
		}
		s.leave(p, r.Context().Err() != nil)
		t.tell()
	}()
	window := time.NewTimer(t.cfg.Window)
	defer window.Stop()
	for {
		out := s.next(p)
		closing := t.closing
		switch {
		case len(out.frames) > 0:
			sent := t.send(w, r, messages(t.sign(token{s.id, out.number}), out.frames))
			s.wrote(p, sent)
			return
		case out.end != nil:
			t.remove(s)
			t.send(w, r, []byte(gone(out.end))) // as a whole, before anybody takes it for answered
			return
		case !out.replaced:
			closing = nil // its socket's end comes
		}
		select {
		case <-p.wake:
			continue
		case <-r.Context().Done():
			return
		case <-window.C:
		case <-closing:
		}
		answer(w, http.StatusOK, `{"status":204,"token":"`+t.sign(token{s.id, number})+`","messages":[]}`)
		return
	}
}

// messages is the body with frames, which are JSON strings already.
func messages(token string, frames [][]byte) []byte {
	const begin, middle, end = `{"status":200,"token":"`, `","messages":[`, `]}`
	size := len(begin) + len(token) + len(middle) + len(end)
	for _, f := range frames {
		size += len(f) + 1
	}
	body := append(make([]byte, 0, size), begin...)
	body = append(append(body, token...), middle...)
	for i, f := range frames {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, f...)
	}
	return append(body, end...)
}

// gone is the body for a session that the host has ended. Clients start anew; code
// and reason are for those that want to know.
func gone(end *socket.End) string {
	reason := string(quote([]byte(end.Reason)))
	return `{"status":410,"token":null,"messages":[],"code":` + strconv.Itoa(end.Code) + `,"reason":` + reason + `}`
}
