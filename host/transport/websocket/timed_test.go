package websocket_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/websocket"
)

// Timed behaviour is tested over pipes in a bubble of synctest, where time
// passes only while everybody waits.

// hijacker answers a request on a pipe, as net/http does on its connections.
type hijacker struct {
	http.ResponseWriter
	conn net.Conn
	rw   *bufio.ReadWriter
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, h.rw, nil }

// timed is a transport without a server.
type timed struct {
	*websocket.Transport
	env    *channel.Env
	pubsub *pubsub.PubSub
	token  *socket.Token // that clients connect with
	mu     sync.Mutex
	leaves []channel.LeaveKind
}

// startTimed runs a transport until the test ends.
func startTimed(t *testing.T, cfg websocket.Config) *timed {
	s := &timed{pubsub: pubsub.New(nil)}
	s.env = channel.NewEnv(channel.Config{PubSub: s.pubsub, Namespace: "test"})
	h := channel.Funcs{
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		LeaveFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.leaves = append(s.leaves, ev.Leave)
			return channel.Result{}, nil
		},
	}.Handler()
	cfg.Accept = func(*http.Request) (socket.Config, error) {
		return socket.Config{Token: s.token, Env: s.env, Route: func(string) (channel.Handler, bool) { return h, true }}, nil
	}
	s.Transport = websocket.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		s.CutAll()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		cancel()
		run.Wait()
		if err := s.env.Wait(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// left is what leave was called for, once all channels have come to rest.
func (s *timed) left() []channel.LeaveKind {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaves
}

// join returns a client that has joined "t".
func (s *timed) join(t *testing.T) *client {
	t.Helper()
	cs, ss := net.Pipe()
	go func() {
		br := bufio.NewReader(ss)
		r, err := http.ReadRequest(br)
		if err != nil {
			t.Error(err)
			return
		}
		s.ServeHTTP(&hijacker{conn: ss, rw: bufio.NewReadWriter(br, bufio.NewWriter(ss))}, r)
	}()
	conn, res, err := gorilla.NewClient(cs, &url.URL{Scheme: "ws", Host: "pipe", Path: "/", RawQuery: "vsn=2.0.0"}, nil, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	c := &client{conn, t}
	c.send(joinFrame)
	c.expect(joinedFrame)
	return c
}

// endsAfter reads until the connection ends and tells when that is, and with
// which code, 0 if without a close frame.
func (c *client) endsAfter() (after time.Duration, code int) {
	begin := time.Now()
	_ = c.SetReadDeadline(time.Time{})
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			var closed *gorilla.CloseError
			if errors.As(err, &closed) && closed.Code != gorilla.CloseAbnormalClosure {
				code = closed.Code
			}
			return time.Since(begin), code
		}
	}
}

// An idle connection is closed after the timeout and before a quarter more has
// passed.
func TestIdleTimeout(t *testing.T) {
	for _, begin := range []time.Duration{0, time.Second, 14 * time.Second, 22 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := startTimed(t, websocket.Config{})
			time.Sleep(begin)
			c := s.join(t)
			after, code := c.endsAfter()
			if after <= 60*time.Second || after > 75*time.Second || code != socket.CloseGoingAway {
				t.Errorf("closed after %v with code %d, want 60 to 75 s and 1001", after, code)
			}
			if left := s.left(); len(left) != 1 || left[0] != channel.LeaveClosed {
				t.Errorf("leave was called for %v", left)
			}
		})
	}
}

// A client that only listens is closed when its token has expired, before a quarter of
// the idle timeout has passed since; one that goes on is, with its next frame.
func TestExpiredToken(t *testing.T) {
	for _, begin := range []time.Duration{0, time.Second, 14 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := startTimed(t, websocket.Config{})
			time.Sleep(begin)
			s.token = &socket.Token{Expires: time.Now().Add(10 * time.Second), Grace: 10 * time.Second}
			c := s.join(t)
			after, code := c.endsAfter()
			if after < 20*time.Second || after > 35*time.Second || code != socket.ClosePolicyViolation {
				t.Errorf("closed after %v with code %d, want 20 to 35 s and 1008", after, code)
			}
			if left := s.left(); len(left) != 1 || left[0] != channel.LeaveClosed {
				t.Errorf("leave was called for %v", left)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := startTimed(t, websocket.Config{IdleTimeout: time.Hour})
		s.token = &socket.Token{Expires: time.Now().Add(time.Minute), Grace: -1}
		c := s.join(t)
		time.Sleep(time.Minute)
		c.send(joinFrame)
		if after, code := c.endsAfter(); after != 0 || code != socket.ClosePolicyViolation {
			t.Errorf("closed after %v with code %d, want at once and 1008", after, code)
		}
	})
}

// Whatever the client sends keeps the connection.
func TestNotIdle(t *testing.T) {
	for name, send := range map[string]func(c *client) error{
		"heartbeats": func(c *client) error {
			return c.WriteMessage(gorilla.TextMessage, []byte(`[null,null,"phoenix","heartbeat",{}]`))
		},
		"pings": func(c *client) error { return c.WriteControl(gorilla.PingMessage, nil, time.Now().Add(time.Second)) },
		"pongs": func(c *client) error { return c.WriteControl(gorilla.PongMessage, nil, time.Now().Add(time.Second)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startTimed(t, websocket.Config{})
				c := s.join(t)
				var after time.Duration
				var reader sync.WaitGroup
				reader.Go(func() { after, _ = c.endsAfter() })
				for range 20 {
					time.Sleep(59 * time.Second)
					if err := send(c); err != nil {
						t.Fatal(err)
					}
				}
				reader.Wait()
				synctest.Wait()
				if after <= 20*59*time.Second+websocket.DefaultIdleTimeout || s.Conns() != 0 {
					t.Errorf("closed after %v", after)
				}
			})
		})
	}
}

// A client that does not answer the server's close has so long; what it sends
// meanwhile is dropped.
func TestCloseTimeout(t *testing.T) {
	for _, answers := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := startTimed(t, websocket.Config{})
			c := s.join(t)
			if !answers {
				c.SetCloseHandler(func(int, string) error { return nil })
			}
			c.send("\xff")
			if _, err := c.read(); !gorilla.IsCloseError(err, socket.CloseNotUTF8) {
				t.Fatalf("%v, want the close code 1007", err)
			}
			if !answers {
				_ = c.WriteMessage(gorilla.TextMessage, []byte(joinFrame))
			}
			begin := time.Now()
			n, err := c.NetConn().Read(make([]byte, 1))
			if !errors.Is(err, io.EOF) || n != 0 {
				t.Errorf("after the close: %d bytes, %v", n, err)
			}
			want := time.Duration(0)
			if !answers {
				want = websocket.DefaultCloseTimeout
			}
			if after := time.Since(begin); after != want {
				t.Errorf("closed after %v, want %v", after, want)
			}
			if left := s.left(); len(left) != 1 {
				t.Errorf("leave was called for %v", left)
			}
		})
	}
}

// broadcast lets so many bytes wait for each subscriber of "t".
func (s *timed) broadcast(kib int) {
	payload, _ := phx.Object([]byte(`{"x":"` + strings.Repeat("x", 1000) + `"}`))
	for range kib {
		_ = s.pubsub.Broadcast(pubsub.Topic{Namespace: "test", Name: "t"}, nil, phx.NewBroadcast("t", "e", payload))
	}
}

// A client that takes nothing is cut off after the write timeout, also if it
// goes on sending.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startTimed(t, websocket.Config{})
		c := s.join(t)
		begin := time.Now()
		s.broadcast(100)
		for s.Conns() == 1 && time.Since(begin) < time.Minute {
			time.Sleep(time.Second) // of the bubble
			_ = c.WriteControl(gorilla.PingMessage, nil, time.Now().Add(time.Second))
		}
		if after := time.Since(begin); after < 10*time.Second || after > 11*time.Second {
			t.Errorf("cut off after %v, want 10 s", after)
		}
		if left := s.left(); len(left) != 1 || left[0] != channel.LeaveClosed {
			t.Errorf("leave was called for %v", left)
		}
	})
}

// A client that reads slowly, but does, gets all that has piled up, although
// that takes many times the write timeout.
func TestASlowClientIsNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startTimed(t, websocket.Config{})
		c := s.join(t)
		const frames = 900
		s.broadcast(frames)
		begin := time.Now()
		for n := range frames {
			if n%16 == 0 {
				time.Sleep(time.Second)
			}
			if _, err := c.read(); err != nil {
				t.Fatalf("after %v and %d frames: %v", time.Since(begin), n, err)
			}
		}
		if time.Since(begin) < 5*websocket.DefaultWriteTimeout {
			t.Errorf("the client was not slow: %v", time.Since(begin))
		}
	})
}

// Shutdown waits for clients that answer.
func TestShutdownWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startTimed(t, websocket.Config{})
		c := s.join(t)
		var reader sync.WaitGroup
		reader.Go(func() {
			time.Sleep(4 * time.Second)
			if _, code := c.endsAfter(); code != socket.CloseServiceRestart {
				t.Errorf("close code %d, want 1012", code)
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		begin := time.Now()
		if err := s.Shutdown(ctx); err != nil || time.Since(begin) != 4*time.Second {
			t.Errorf("Shutdown: %v after %v, want none after 4 s", err, time.Since(begin))
		}
		reader.Wait()
		if left := s.left(); len(left) != 1 || left[0] != channel.LeaveShutdown {
			t.Errorf("leave was called for %v", left)
		}
	})
}

// When its context ends first, Shutdown cuts the connections.
func TestShutdownCutsWhenItsContextEnds(t *testing.T) {
	for _, how := range []string{"does not answer", "does not read"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startTimed(t, websocket.Config{CloseTimeout: time.Hour, WriteTimeout: time.Hour})
				c := s.join(t)
				if how == "does not answer" {
					c.SetCloseHandler(func(int, string) error { return nil })
					go func() { _, _ = c.read() }()
				}
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				begin := time.Now()
				if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Shutdown: %v, want DeadlineExceeded", err)
				}
				if after := time.Since(begin); after != 3*time.Second {
					t.Errorf("Shutdown took %v, want 3 s", after)
				}
				if left := s.left(); len(left) != 1 || left[0] != channel.LeaveShutdown || s.Conns() != 0 {
					t.Errorf("leave was called for %v, %d connections are left", left, s.Conns())
				}
			})
		})
	}
}

// upgrading calls a function in the midst of an upgrade.
type upgrading struct {
	hijacker
	midst func()
}

func (u *upgrading) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	u.midst()
	return u.hijacker.Hijack()
}

// TestShutdownInTheMidstOfAnUpgrade guards that a connection is told which was let in
// before Shutdown and is there only after it has told the others.
func TestShutdownInTheMidstOfAnUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startTimed(t, websocket.Config{})
		cs, ss := net.Pipe()
		ended := make(chan error, 1)
		go func() {
			br := bufio.NewReader(ss)
			r, err := http.ReadRequest(br)
			if err != nil {
				t.Error(err)
				return
			}
			s.ServeHTTP(&upgrading{hijacker{conn: ss, rw: bufio.NewReadWriter(br, bufio.NewWriter(ss))}, func() {
				go func() { ended <- s.Shutdown(context.Background()) }()
				time.Sleep(time.Second) // of the bubble
			}}, r)
		}()
		conn, res, err := gorilla.NewClient(cs, &url.URL{Scheme: "ws", Host: "pipe", Path: "/", RawQuery: "vsn=2.0.0"}, nil, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		c := &client{conn, t}
		begin := time.Now()
		if after, code := c.endsAfter(); after != 0 || code != socket.CloseServiceRestart {
			t.Errorf("closed with %d after %v, want 1012 at once", code, after)
		}
		_ = conn.Close()
		if err := <-ended; err != nil || time.Since(begin) != 0 {
			t.Errorf("Shutdown: %v after %v", err, time.Since(begin))
		}
	})
}
