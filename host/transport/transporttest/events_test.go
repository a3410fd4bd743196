package transporttest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A third transport, written for this test: server-sent events, whose clients send
// nothing. What it takes to keep the contract is all here.

// events serves sockets over server-sent events, each of them joined to Topic.
type events struct {
	cfg     Config
	v1, v2  *phx.Encoder
	cut     context.Context
	cutOff  context.CancelFunc
	running sync.WaitGroup
	faults  faults

	mu      sync.Mutex
	sockets map[*socket.Socket]struct{}
	closed  bool
}

// faults are what a transport may do wrong, for tests of the suite.
type faults struct {
	ignoresOrigin, asksTwice, swaps, drops, noCode, deaf, keepsOpen, noLeave, unlisted, keepsPlace bool
	texts, waits, welcomes                                                                         bool
}

func newEvents(cfg Config, f faults) *events {
	t := &events{
		cfg: cfg, faults: f,
		v1: &phx.Encoder{Serializer: phx.V1(), Framing: phx.Framing{Seal: event}},
		v2: &phx.Encoder{Serializer: phx.V2(), Framing: phx.Framing{Seal: event}},

		sockets: make(map[*socket.Socket]struct{}),
	}
	if f.texts {
		t.v2.Framing.Seal = func(frame []byte, _ bool) []byte { return event(frame, false) }
	}
	t.cut, t.cutOff = context.WithCancel(context.Background())
	return t
}

// event is a frame as an event: text by its lines, bytes in base64.
func event(frame []byte, binary bool) []byte {
	if binary {
		return fmt.Appendf(nil, "event: bytes\ndata: %s\n\n", base64.StdEncoding.EncodeToString(frame))
	}
	var out bytes.Buffer
	for line := range bytes.SplitSeq(bytes.ReplaceAll(frame, []byte("\r"), []byte("%0D")), []byte("\n")) {
		fmt.Fprintf(&out, "data: %s\n", line)
	}
	return append(out.Bytes(), '\n')
}

func (t *events) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serializer, err := phx.Negotiate(socket.Version(r))
	if err != nil || !t.cfg.CheckOrigin(r) && !t.faults.ignoresOrigin {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	t.mu.Lock()
	if t.closed && !t.faults.welcomes {
		t.mu.Unlock()
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	t.running.Add(1)
	t.mu.Unlock()
	defer t.running.Done()
	cfg, err := t.cfg.Accept(r)
	if t.faults.asksTwice {
		_, _ = t.cfg.Accept(r)
	}
	if err != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	join := joinFrame(Topic)
	cfg.Encoder = t.v2
	if serializer == phx.V1() {
		cfg.Encoder, join = t.v1, `{"topic":"t","event":"phx_join","payload":{},"ref":"1"}`
	}
	wake := make(chan struct{}, 1)
	cfg.Wake = func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	s := socket.New(cfg)
	t.mu.Lock()
	t.sockets[s] = struct{}{}
	if t.closed {
		defer s.Close(socket.End{Code: socket.CloseServiceRestart}, socket.LeaveShutdown)
	}
	t.mu.Unlock()
	defer t.forget(s)
	if !t.faults.unlisted {
		s.Open()
	}
	if s.HandleFrame(r.Context(), phx.Frame{Data: []byte(join)}) == nil {
		t.write(w, r, s, wake)
	}
}

func (t *events) forget(s *socket.Socket) {
	if !t.faults.noLeave {
		s.Close(socket.End{}, socket.LeaveClosed)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sockets, s)
	if !t.faults.keepsPlace {
		s.Vacate()
	}
}

// write sends what the socket has until it ends or the client goes.
func (t *events) write(w http.ResponseWriter, r *http.Request, s *socket.Socket, wake <-chan struct{}) {
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	defer context.AfterFunc(t.cut, func() {
		_ = rc.SetWriteDeadline(time.Unix(1, 0))
		s.Close(socket.End{}, socket.LeaveClosed)
	})()
	gone := r.Context().Done()
	if t.faults.deaf {
		gone = t.cut.Done()
	}
	var frames [][]byte
	for n := 0; ; {
		var end *socket.End
		if frames, end = s.Next(frames); end != nil {
			t.farewell(w, rc, end, gone)
			return
		}
		if t.faults.swaps && len(frames) > 1 {
			frames[0], frames[1] = frames[1], frames[0]
		}
		for _, f := range frames {
			if n++; t.faults.drops && n%100 == 0 {
				continue
			}
			if _, err := w.Write(f); err != nil {
				return
			}
		}
		if rc.Flush() != nil {
			return
		}
		if len(frames) > 0 {
			continue
		}
		select {
		case <-wake:
		case <-gone:
			return
		}
	}
}

func (t *events) farewell(w http.ResponseWriter, rc *http.ResponseController, end *socket.End, gone <-chan struct{}) {
	if end.Code == 0 {
		return
	}
	if !t.faults.noCode {
		_, _ = fmt.Fprintf(w, "event: end\ndata: %d\n\n", end.Code)
	}
	_ = rc.Flush()
	if t.faults.keepsOpen {
		<-gone
	}
}

func (t *events) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (t *events) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	var sockets []*socket.Socket
	for s := range t.sockets {
		sockets = append(sockets, s)
	}
	t.mu.Unlock()
	for _, s := range sockets {
		s.Close(socket.End{Code: socket.CloseServiceRestart}, socket.LeaveShutdown)
	}
	if t.faults.waits {
		ctx = context.WithoutCancel(ctx)
	}
	stop := context.AfterFunc(ctx, t.cutOff)
	t.running.Wait()
	if !stop() {
		return ctx.Err()
	}
	return nil
}

// listener is a client of events.
type listener struct {
	http   *http.Transport
	cancel context.CancelFunc
	body   io.ReadCloser
	lines  *bufio.Reader
}

func listen(ctx context.Context, url, vsn string, header http.Header) (Client, error) {
	c := &listener{http: &http.Transport{}}
	alive, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	defer context.AfterFunc(ctx, cancel)()
	r, err := http.NewRequestWithContext(alive, http.MethodGet, url+"/events?vsn="+vsn, nil)
	if err != nil {
		return nil, err
	}
	if header != nil {
		r.Header = header
	}
	res, err := (&http.Client{Transport: c.http}).Do(r)
	if err != nil {
		cancel()
		return nil, err
	}
	c.body, c.lines = res.Body, bufio.NewReader(res.Body)
	if res.StatusCode != http.StatusOK {
		c.Abort()
		return nil, &phxclient.HandshakeError{Status: res.StatusCode}
	}
	return c, nil
}

func (c *listener) Send(context.Context, phx.Frame) error { return errors.New("clients send nothing") }

func (c *listener) Receive(ctx context.Context) (phx.Frame, error) {
	defer context.AfterFunc(ctx, c.cancel)()
	kind, data := "", []string(nil)
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			return phx.Frame{}, &phxclient.CloseError{Code: 1006, Err: err}
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case field == "event":
			kind = value
		case field == "data":
			data = append(data, value)
		case kind == "end":
			code, _ := strconv.Atoi(data[0])
			return phx.Frame{}, &phxclient.CloseError{Code: code}
		case kind == "bytes":
			frame, err := base64.StdEncoding.DecodeString(data[0])
			return phx.Frame{Data: frame, Binary: true}, err
		default:
			return phx.Frame{Data: []byte(strings.ReplaceAll(strings.Join(data, "\n"), "%0D", "\r"))}, nil
		}
	}
}

func (c *listener) Abort() {
	c.cancel()
	_ = c.body.Close()
	c.http.CloseIdleConnections()
}

func eventsAdapter(f faults) Adapter {
	return Adapter{
		New:      func(cfg Config) socket.Transport { return newEvents(cfg, f) },
		Dial:     listen,
		ReadOnly: true,
	}
}

func TestServerSentEvents(t *testing.T) { Test(t, eventsAdapter(faults{})) }

// Each fault is caught by the contract that it breaks.
func TestFaultsAreCaught(t *testing.T) {
	for _, c := range []struct {
		fault  string
		faults faults
		breaks string
		says   string
	}{
		{"ignores origins", faults{ignoresOrigin: true}, refusalsLeave, "was accepted"},
		{"asks twice", faults{asksTwice: true}, acceptsOnce, "Accept was called 2 times"},
		{"swaps frames", faults{swaps: true}, inOrder, "should have received"},
		{"drops frames", faults{drops: true}, inOrder, "should have received"},
		{"does not say why", faults{noCode: true}, shutdownTells, "should have been told 1012"},
		{"does not see clients go", faults{deaf: true}, goneClient, "in vain for leave"},
		{"does not end sockets", faults{noLeave: true}, goneClient, "in vain for leave"},
		{"does not open sockets", faults{unlisted: true}, openSocket, "0 sockets were found"},
		{"gives nothing back", faults{keepsPlace: true}, goneClient, "in vain for what the client held"},
		{"waits for clients to go", faults{keepsOpen: true}, shutdownTells, "does not end with its context"},
		{"waits for clients that take nothing", faults{waits: true}, shutdownEnds, "does not end with its context"},
		{"lets clients in after Shutdown", faults{welcomes: true}, shutdownTells, "was accepted after Shutdown"},
		{"sends bytes as text", faults{texts: true}, bytesContract, "should have received the bytes"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			for _, contract := range contracts() {
				if contract.name != c.breaks {
					continue
				}
				err := hold(t.Context(), eventsAdapter(c.faults), contract, time.Second)
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: %v, want it to say %q", contract.name, err, c.says)
				}
			}
		})
	}
}
