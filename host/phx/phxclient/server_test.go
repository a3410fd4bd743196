package phxclient

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait in these tests; it passes only when one fails.
const patience = 30 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// peer is the server's end of one connection, in the hands of a script.
type peer struct {
	t       testing.TB
	request *http.Request
	ws      *websocket.Conn
}

// serve runs script for each connection, and waits at the end of the test for
// all of them. It returns the URL of the socket.
func serve(t testing.TB, script func(*peer)) string {
	handler, wait := scripted(t, script)
	s := httptest.NewServer(handler)
	t.Cleanup(func() {
		wait()
		s.Close()
	})
	return "ws" + strings.TrimPrefix(s.URL, "http") + "/socket"
}

func scripted(t testing.TB, script func(*peer)) (_ http.Handler, wait func()) {
	var running sync.WaitGroup
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Done()
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Errorf("server: upgrade: %v", err)
			return
		}
		defer ws.Close()
		script(&peer{t: t, request: r, ws: ws})
	}), running.Wait
}

// do sends the lines that start with "<" and expects those that start with ">",
// as in "> [...]" for what the client has to send. "!" before a text stands for
// base64 of a binary frame. It returns false at the first difference.
func (p *peer) do(lines ...string) bool {
	for _, line := range lines {
		direction, text, _ := strings.Cut(line, " ")
		if direction == "<" && !p.send(text) || direction == ">" && !p.expect(text) {
			return false
		}
	}
	return true
}

func (p *peer) send(text string) bool {
	kind, data := websocket.TextMessage, []byte(text)
	if b64, ok := strings.CutPrefix(text, "!"); ok {
		kind = websocket.BinaryMessage
		var err error
		if data, err = base64.StdEncoding.DecodeString(b64); err != nil {
			p.t.Errorf("server: %v", err)
			return false
		}
	}
	if err := p.ws.WriteMessage(kind, data); err != nil {
		p.t.Errorf("server: send %s: %v", text, err)
		return false
	}
	return true
}

func (p *peer) expect(want string) bool {
	kind, data, err := p.ws.ReadMessage()
	got := string(data)
	if kind == websocket.BinaryMessage {
		got = "!" + base64.StdEncoding.EncodeToString(data)
	}
	if err != nil || got != want {
		p.t.Errorf("server: got %s (error %v), want %s", got, err, want)
		return false
	}
	return true
}

// closeWith sends a close frame and waits for the client's answer.
func (p *peer) closeWith(code int, reason string) {
	if err := p.ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason)); err != nil {
		p.t.Errorf("server: close: %v", err)
	}
	p.drain()
}

// drain reads until the client has closed and returns the code of its close
// frame.
func (p *peer) drain() int {
	for {
		if _, _, err := p.ws.ReadMessage(); err != nil {
			if ce, ok := err.(*websocket.CloseError); ok {
				return ce.Code
			}
			return websocket.CloseAbnormalClosure
		}
	}
}

// pipes is a listener whose connections are net.Pipes, for tests in a bubble of
// testing/synctest, where time passes when everybody waits.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// servePipes is serve for a bubble. The caller calls stop at the end of it.
func servePipes(t testing.TB, script func(*peer)) (dial func(context.Context, string, string) (net.Conn, error), stop func()) {
	handler, wait := scripted(t, script)
	listener := make(pipes)
	s := &http.Server{Handler: handler}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(listener)
	}()
	return listener.dial, func() {
		wait()
		close(listener)
		<-served
	}
}
