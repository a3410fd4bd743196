package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/websocket"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := play(role); err != nil {
			fmt.Fprintln(os.Stderr, role+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// deadline is how long a test waits for what has to happen.
const deadline = channeltest.Deadline

// server serves one handler on every topic but "nowhere", over loopback.
type server struct {
	*websocket.Transport
	http   *httptest.Server
	pubsub *pubsub.PubSub
	env    *channel.Env
	log    channeltest.Log
	counts socket.Counts
	// entered and resume are of the event "wait".
	entered, resume chan struct{}

	mu     sync.Mutex
	leaves []channel.LeaveKind
}

// options are what a test changes of a server.
type options struct {
	websocket.Config
	outbox int
	rates  socket.Rates
	// route replaces the server's.
	route func(topic string) (channel.Handler, bool)
	// smallBuffers makes the kernel take little for a client that does not read.
	smallBuffers bool
	tls          bool
}

func start(t *testing.T, opts options) *server {
	t.Helper()
	s := &server{pubsub: pubsub.New(nil), entered: make(chan struct{}), resume: make(chan struct{})}
	s.env = channel.NewEnv(channel.Config{PubSub: s.pubsub, Namespace: "test", Logger: s.log.Logger()})
	h := s.handler()
	if opts.route == nil {
		opts.route = func(topic string) (channel.Handler, bool) { return h, topic != "nowhere" }
	}
	cfg := opts.Config
	if cfg.Accept == nil {
		cfg.Accept = func(*http.Request) (socket.Config, error) {
			return socket.Config{Env: s.env, Route: opts.route, Outbox: opts.outbox, Rates: opts.rates, Counts: &s.counts, Logger: s.log.Logger()}, nil
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = s.log.Logger()
	}
	s.Transport = websocket.New(cfg)
	s.http = httptest.NewUnstartedServer(s.Transport)
	if opts.smallBuffers {
		s.http.Listener = smallBuffers{s.http.Listener}
	}
	if opts.tls {
		s.http.StartTLS()
	} else {
		s.http.Start()
	}
	t.Cleanup(func() {
		s.CutAll()
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		s.http.Close()
		if err := s.env.Wait(ctx); err != nil {
			t.Errorf("the channels did not come to rest: %v", err)
		}
		if got := s.Conns(); got != 0 {
			t.Errorf("%d connections are left", got)
		}
	})
	return s
}

// handler answers, broadcasts, or waits, as the event's name says.
func (s *server) handler() channel.Handler {
	return channel.Funcs{
		AcceptBinary: true,
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) {
			return channel.Result{}, nil
		},
		LeaveFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.leaves = append(s.leaves, ev.Leave)
			return channel.Result{}, nil
		},
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			switch ev.Event {
			case "say":
				return channel.Result{Do: []channel.Effect{channel.Broadcast("said", ev.Payload)}}, nil
			case "push":
				return channel.Result{Do: []channel.Effect{channel.Push("push", ev.Payload)}}, nil
			case "wait":
				s.entered <- struct{}{}
				<-s.resume
				return channel.Result{}, nil
			case "quiet":
				return channel.Result{}, nil
			}
			return channel.Result{Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}}, nil
		},
	}.Handler()
}

// broadcast sends to the subscribers of "t", from nobody.
func (s *server) broadcast(event, payload string) {
	_ = s.pubsub.Broadcast(pubsub.Topic{Namespace: "test", Name: "t"}, nil, phx.NewBroadcast("t", event, channeltest.Object(payload)))
}

func (s *server) expectLeft(t *testing.T, want ...channel.LeaveKind) {
	t.Helper()
	channeltest.Eventually(t, "the calls of leave", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.leaves) >= len(want)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.leaves, want) {
		t.Errorf("leave was called for %v, want %v", s.leaves, want)
	}
}

func (s *server) expectConns(t *testing.T, want int) {
	t.Helper()
	channeltest.Eventually(t, "the connections", func() bool { return s.Conns() == want })
}

type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(4096)
	}
	return c, err
}

// client is gorilla's, with checks.
type client struct {
	*gorilla.Conn
	t *testing.T
}

func (s *server) dialer() *gorilla.Dialer {
	d := &gorilla.Dialer{HandshakeTimeout: deadline}
	if s.http.TLS != nil {
		d.TLSClientConfig = s.http.Client().Transport.(*http.Transport).TLSClientConfig
	}
	return d
}

func (s *server) url() string { return "ws" + strings.TrimPrefix(s.http.URL, "http") + "/?vsn=2.0.0" }

// connect returns a client of V2 that is closed when the test ends.
func (s *server) connect(t *testing.T) *client {
	t.Helper()
	return s.connectWith(t, s.dialer())
}

func (s *server) connectWith(t *testing.T, d *gorilla.Dialer) *client {
	t.Helper()
	c, res, err := d.Dial(s.url(), nil)
	if err != nil {
		t.Fatalf("%v: %v", err, res)
	}
	_ = res.Body.Close()
	t.Cleanup(func() { _ = c.Close() })
	return &client{c, t}
}

// join connects a client that has joined "t".
func (s *server) join(t *testing.T) *client {
	t.Helper()
	c := s.connect(t)
	c.send(joinFrame)
	c.expect(joinedFrame)
	return c
}

const (
	joinFrame   = `["1","1","t","phx_join",{}]`
	joinedFrame = `["1","1","t","phx_reply",{"status":"ok","response":{}}]`
	echoFrame   = `["1","2","t","echo",{}]`
	echoReply   = `["1","2","t","phx_reply",{"status":"ok","response":{}}]`
)

func (c *client) send(frames ...string) {
	c.t.Helper()
	for _, f := range frames {
		if err := c.WriteMessage(gorilla.TextMessage, []byte(f)); err != nil {
			c.t.Fatalf("%.80s: %v", f, err)
		}
	}
}

// read returns the next message.
func (c *client) read() (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(deadline))
	_, data, err := c.ReadMessage()
	return string(data), err
}

func (c *client) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		got, err := c.read()
		if err != nil || got != w {
			c.t.Fatalf("received %.200s (%v), want %.200s", got, err, w)
		}
	}
}

// expectClose wants the server's close frame to come next, and then the end of
// the connection.
func (c *client) expectClose(code int) {
	c.t.Helper()
	got, err := c.read()
	var closed *gorilla.CloseError
	if !errors.As(err, &closed) || closed.Code != code {
		c.t.Fatalf("received %.200s (%v), want the close code %d", got, err, code)
	}
	c.expectEnd()
}

// expectEnd wants the server to close the TCP connection.
func (c *client) expectEnd() {
	c.t.Helper()
	conn := c.NetConn()
	_ = conn.SetReadDeadline(time.Now().Add(deadline))
	for {
		if _, err := conn.Read(make([]byte, 1<<16)); err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				c.t.Error("the server did not close the connection")
			}
			return
		}
	}
}
