package host_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/socket"
)

// What a host is configured with reaches its transports and its server: over pipes
// in a bubble of synctest, where time passes only while everybody waits.

// pipes is a listener whose connections are pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// timed is a host in a bubble.
type timed struct {
	*host.Host
	t     *testing.T
	pipes *pipes
	stop  context.CancelFunc // of Run's context
	ended chan error         // takes Run's error
}

func startTimed(t *testing.T, cfg host.Config) *timed {
	t.Helper()
	s := &timed{t: t, pipes: &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}, ended: make(chan error, 1)}
	cfg.Listener = s.pipes
	if cfg.Routes == nil {
		cfg.Routes = []host.Route{{Pattern: "*", Handler: open(make(chan channel.LeaveKind, 1000))}}
	}
	var err error
	if s.Host, err = host.New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go func() { s.ended <- s.Run(ctx) }()
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return s
}

func (s *timed) join(longPoll bool) *wire {
	s.t.Helper()
	conn, err := phxclient.Dial(s.t.Context(), "ws://pipe/socket", phxclient.Options{DialContext: s.pipes.dial, LongPoll: longPoll})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Abort)
	w := &wire{conn, s.t}
	w.join("t")
	return w
}

// code is the close code that a client is told next.
func (w *wire) code() int {
	w.t.Helper()
	_, err := w.Receive(w.t.Context())
	var closed *phxclient.CloseError
	if !errors.As(err, &closed) {
		w.t.Fatalf("the client should be told a close code, but: %v", err)
	}
	return closed.Code
}

// A WebSocket on which nothing arrives ends after Config.IdleTimeout, and before a
// quarter more has passed.
func TestIdleTimeoutOfAHost(t *testing.T) {
	for configured, want := range map[time.Duration]time.Duration{0: time.Minute, 8 * time.Second: 8 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := startTimed(t, host.Config{IdleTimeout: configured}).join(false)
			begin := time.Now()
			code := w.code()
			if after := time.Since(begin); code != socket.CloseGoingAway || after <= want || after > want*5/4 {
				t.Errorf("idle for %v: closed with %d after %v", want, code, after)
			}
		})
	}
}

// WebSocket clients that offer compression get it if Config.Compression says so.
func TestCompressionOfAHost(t *testing.T) {
	for _, on := range []bool{false, true} {
		s := hosttest.Start(t, host.Config{Compression: on, Routes: []host.Route{{Pattern: "*", Handler: open(nil)}}})
		res := shake(t, s, "vsn=2.0.0", http.Header{"Sec-Websocket-Extensions": {"permessage-deflate"}})
		if got := res.Header.Get("Sec-Websocket-Extensions"); (got != "") != on {
			t.Errorf("compression %v: the extensions are %q", on, got)
		}
	}
}

// Both transports take frames of Config.MaxFrame and no larger ones.
func TestMaxFrameOfAHost(t *testing.T) {
	for _, longPoll := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := startTimed(t, host.Config{MaxFrame: 1000}).join(longPoll)
			frame := func(size int) phx.Frame {
				const begin, end = `[null,"9","phoenix","heartbeat",{"x":"`, `"}]`
				return phx.Frame{Data: []byte(begin + strings.Repeat("x", size-len(begin)-len(end)) + end)}
			}
			if err := w.Send(t.Context(), frame(1000)); err != nil {
				t.Fatal(err)
			}
			w.expect(`[null,"9","phoenix","phx_reply",{"status":"ok","response":{}}]`)
			_ = w.Send(t.Context(), frame(1001)) // the client may be told before it is done
			if code := w.code(); code != socket.CloseTooBig {
				t.Errorf("long-poll %v: closed with %d", longPoll, code)
			}
		})
	}
}

// Many sockets are closed in batches over Config.DrainWindow, of both transports.
func TestDrainWindowOfAHost(t *testing.T) {
	for _, longPoll := range []bool{false, true} {
		for _, window := range []time.Duration{time.Nanosecond, 0} { // 5 s
			synctest.Test(t, func(t *testing.T) {
				s := startTimed(t, host.Config{DrainWindow: window})
				const clients = 200 // seven batches
				ends := make(chan time.Duration, clients)
				var begin time.Time
				for range clients {
					w := s.join(longPoll)
					go func() {
						if code := w.code(); code != socket.CloseServiceRestart {
							t.Errorf("long-poll %v: closed with %d", longPoll, code)
						}
						ends <- time.Since(begin)
					}()
				}
				synctest.Wait()
				begin = time.Now()
				if err := s.Shutdown(t.Context()); err != nil {
					t.Fatal(err)
				}
				batches := map[time.Duration]int{}
				for range clients {
					batches[<-ends]++
				}
				if want := map[bool]int{true: 1, false: 7}[window > 0]; len(batches) != want {
					t.Errorf("long-poll %v, window %v: closed %v, want %d batches", longPoll, window, batches, want)
				}
			})
		}
	}
}

// A shutdown ends after Config.Grace, 30 s unless configured, whatever a handler
// does.
func TestGraceOfAHost(t *testing.T) {
	for configured, want := range map[time.Duration]time.Duration{0: 30 * time.Second, 7 * time.Second: 7 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			hangs := channel.Funcs{
				JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
				LeaveFunc: func(ctx context.Context, _ *channel.Event) (channel.Result, error) {
					<-ctx.Done()
					return channel.Result{}, ctx.Err()
				},
			}.Handler()
			s := startTimed(t, host.Config{Grace: configured, Routes: []host.Route{{Pattern: "*", Handler: hangs}}})
			w := s.join(false)
			begin := time.Now()
			s.stop()
			if code := w.code(); code != socket.CloseServiceRestart {
				t.Errorf("closed with %d", code)
			}
			if err := <-s.ended; !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != want {
				t.Errorf("Run returned %v after %v, want that it was cut off after %v", err, time.Since(begin), want)
			}
		})
	}
}

// TestLongWindow guards that the host's own server lets a poll wait as long as
// Config.LongPollWindow says: it has a limit of its own for responses.
func TestLongWindow(t *testing.T) {
	for configured, want := range map[time.Duration]time.Duration{0: 10 * time.Second, 3 * time.Minute: 3 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s := startTimed(t, host.Config{LongPollWindow: configured})
			transport := &http.Transport{DialContext: s.pipes.dial}
			defer transport.CloseIdleConnections()
			poll := func(token string) string {
				res, err := (&http.Client{Transport: transport}).Get("http://pipe/socket/longpoll?vsn=2.0.0&token=" + token)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				if err != nil {
					t.Fatal(err)
				}
				return string(body)
			}
			token := regexp.MustCompile(`lp1\.[\w-]+`).FindString(poll(""))
			begin := time.Now()
			if body := poll(token); body != `{"status":204,"token":"`+token+`","messages":[]}` || time.Since(begin) != want {
				t.Errorf("a window of %v: %q after %v", want, body, time.Since(begin))
			}
		})
	}
}

// Who sends half a request, or takes a page for ever, is cut off: in the one case
// by the server's own limit, in the other by the end of the host.
func TestTheServerIsNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := make(chan struct{})
		s := startTimed(t, host.Config{Fallback: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			defer close(sent)
			for _, err := w.Write([]byte("a page")); err == nil; {
				_, err = w.Write(make([]byte, 1<<20))
			}
		})})
		half, err := s.pipes.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer half.Close()
		begin := time.Now()
		if _, err := half.Write([]byte("GET /socket/longpoll HTTP/1.1\r\nHost: pipe\r\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, half); err != nil || time.Since(begin) != 10*time.Second {
			t.Errorf("half a request: %v after %v, want the end after 10 s", err, time.Since(begin))
		}
		page, err := s.pipes.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer page.Close()
		if _, err := page.Write([]byte("GET /page HTTP/1.1\r\nHost: pipe\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until the page is being sent
		s.stop()
		if err := <-s.ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run returned %v", err)
		}
		begin = time.Now()
		if <-sent; time.Since(begin) != 0 {
			t.Errorf("a page was sent for %v after the host's end", time.Since(begin))
		}
	})
}

// TestShutdownDoesNotWaitForNewcomers guards that connections on which nobody has
// asked for anything, such as those that browsers make in advance, do not keep a host
// from its end: net/http waits five seconds for them, in which nobody serves.
func TestShutdownDoesNotWaitForNewcomers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startTimed(t, host.Config{})
		conn, err := s.pipes.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		synctest.Wait() // it was accepted
		begin := time.Now()
		s.stop()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the connection is still there: %d, %v", n, err)
		}
	})
}
