package phxclient

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/chhost/chhost/host/phx"
)

func dialLean(t testing.TB, url string, o Options) *LeanConn {
	t.Helper()
	d, err := NewLeanDialer(url, o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Dial(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Abort)
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func text(s string) phx.Frame { return phx.Frame{Data: []byte(s)} }

func (c *LeanConn) mustReceive(t *testing.T, want string) {
	t.Helper()
	f, err := c.Receive()
	if err != nil || string(f.Data) != want {
		t.Fatalf("received %.60q, error %v, want %.60q", f.Data, err, want)
	}
}

// shut ends the connection well, as the doc comment of BeginClose says.
func (c *LeanConn) shut(t *testing.T) {
	t.Helper()
	c.BeginClose(1000)
	for {
		if _, err := c.Receive(); err != nil {
			if err != ErrClosed {
				t.Errorf("the end: got %v, want ErrClosed", err)
			}
			return
		}
	}
}

// echoes returns what is sent, until the client closes.
func echoes(p *peer) {
	for {
		kind, data, err := p.ws.ReadMessage()
		if err != nil {
			return
		}
		if err := p.ws.WriteMessage(kind, data); err != nil {
			p.t.Errorf("server: %v", err)
			return
		}
	}
}

func TestLeanCarriesFramesAsTheyAre(t *testing.T) {
	c := dialLean(t, serve(t, echoes), Options{})
	// The lengths around the three forms of a header, and around the buffer.
	for _, n := range []int{0, 1, 5, 125, 126, 127, 500, 510, 511, 512, 513, 5000, 65535, 65536, 300_000, 3} {
		for _, binary := range []bool{false, true} {
			sent := phx.Frame{Data: []byte(strings.Repeat("abcdefg", n/7+1)[:n]), Binary: binary}
			if err := c.Send(Prebuild(sent)); err != nil {
				t.Fatal(err)
			}
			f, err := c.Receive()
			if err != nil || f.Binary != binary || string(f.Data) != string(sent.Data) {
				t.Fatalf("%d bytes (binary %v): got %d bytes (%v), error %v", n, binary, len(f.Data), f.Binary, err)
			}
		}
	}
	if len(c.buf) > leanReadAhead {
		t.Errorf("the buffer still has %d bytes after a long frame", len(c.buf))
	}
	c.shut(t)
}

// TestLeanBurst sends several frames in one write and receives several in one
// read, in their order.
func TestLeanBurst(t *testing.T) {
	const rounds, burst = 20, 16
	d, err := NewLeanDialer(serve(t, echoes), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var frames []phx.Frame
	for i := range burst {
		frames = append(frames, text(strings.Repeat(fmt.Sprint(i%10), 20*i)))
	}
	p := Prebuild(frames...)
	var running sync.WaitGroup
	for range 3 { // a Prebuilt is shared
		running.Go(func() {
			c, err := d.Dial(testContext(t))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Abort()
			_ = c.SetDeadline(time.Now().Add(patience))
			for range rounds {
				if err := c.Send(p); err != nil {
					t.Error(err)
				}
				for i, want := range frames {
					f, err := c.Receive()
					if err != nil || string(f.Data) != string(want.Data) {
						t.Errorf("frame %d: got %q, error %v", i, f.Data, err)
						return
					}
				}
			}
			c.shut(t)
		})
	}
	running.Wait()
}

func TestLeanRequest(t *testing.T) {
	got := make(chan *http.Request, 1)
	url := serve(t, func(p *peer) {
		got <- p.request
		p.drain()
	})
	c := dialLean(t, url+"?token=x", Options{Header: http.Header{"Origin": {"http://example.com"}}})
	r := <-got
	if r.URL.String() != "/socket/websocket?token=x&vsn=2.0.0" || r.Header.Get("Origin") != "http://example.com" || r.Host == "" {
		t.Errorf("the request was for %s, with %v", r.URL, r.Header)
	}
	c.shut(t)
	for _, bad := range []string{"localhost:4000/socket", "ws:///socket", "ws://%zz"} {
		if _, err := NewLeanDialer(bad, Options{}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestLeanRefused(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "go away", http.StatusForbidden)
	}))
	defer s.Close()
	d, err := NewLeanDialer(s.URL, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Dial(testContext(t))
	var refused *HandshakeError
	if !errors.As(err, &refused) || refused.Status != 403 || string(refused.Body) != "go away\n" {
		t.Errorf("got %v", err)
	}
}

func TestLeanOverTLS(t *testing.T) {
	handler, wait := scripted(t, echoes)
	s := httptest.NewTLSServer(handler)
	defer s.Close()
	defer wait()
	roots := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	c := dialLean(t, strings.Replace(s.URL, "https", "wss", 1), Options{TLS: &tls.Config{RootCAs: roots}})
	if err := c.Send(Prebuild(text("hello"))); err != nil {
		t.Fatal(err)
	}
	c.mustReceive(t, "hello")
	c.shut(t)

	d, err := NewLeanDialer(s.URL, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Dial(testContext(t)); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody vouches for: got %v", err)
	}
}

func TestLeanAnswersPings(t *testing.T) {
	pongs := make(chan string, 1)
	c := dialLean(t, serve(t, func(p *peer) {
		p.ws.SetPongHandler(func(data string) error {
			pongs <- data
			return nil
		})
		_ = p.ws.WriteControl(websocket.PingMessage, []byte("here?"), time.Now().Add(patience))
		_ = p.ws.WriteControl(websocket.PongMessage, []byte("unasked"), time.Now().Add(patience))
		p.send("after")
		p.drain()
	}), Options{})
	c.mustReceive(t, "after")
	if got := <-pongs; got != "here?" {
		t.Errorf("the pong carries %q", got)
	}
	c.shut(t)
}

func TestLeanEnds(t *testing.T) {
	t.Run("by the server", func(t *testing.T) {
		answer := make(chan int, 1)
		c := dialLean(t, serve(t, func(p *peer) {
			_ = p.ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1012, "drain"))
			answer <- p.drain()
		}), Options{})
		_, err := c.Receive()
		var closed *CloseError
		if !errors.As(err, &closed) || closed.Code != 1012 || closed.Reason != "drain" {
			t.Errorf("got %v", err)
		}
		if code := <-answer; code != 1012 {
			t.Errorf("the close was answered with %d", code)
		}
		if err := c.Send(Prebuild(text("late"))); !errors.As(err, &closed) || closed.Code != 1006 {
			t.Errorf("sending on: got %v", err)
		}
	})
	t.Run("without a code", func(t *testing.T) {
		c := dialLean(t, serve(t, func(p *peer) { _ = p.ws.WriteMessage(websocket.CloseMessage, nil) }), Options{})
		_, err := c.Receive()
		var closed *CloseError
		if !errors.As(err, &closed) || closed.Code != 1005 {
			t.Errorf("got %v", err)
		}
	})
	t.Run("without a word", func(t *testing.T) {
		c := dialLean(t, serve(t, func(p *peer) { p.ws.NetConn().Close() }), Options{})
		_, err := c.Receive()
		var closed *CloseError
		if !errors.As(err, &closed) || closed.Code != 1006 {
			t.Errorf("got %v", err)
		}
	})
	t.Run("by the client", func(t *testing.T) {
		code := make(chan int, 1)
		c := dialLean(t, serve(t, func(p *peer) { code <- p.drain() }), Options{})
		c.shut(t)
		c.BeginClose(1000) // once more does nothing
		if got := <-code; got != 1000 {
			t.Errorf("the client closed with %d", got)
		}
		if err := c.Send(Prebuild(text("late"))); err != ErrClosed {
			t.Errorf("sending on: got %v", err)
		}
	})
	t.Run("at a deadline", func(t *testing.T) {
		c := dialLean(t, serve(t, func(p *peer) { p.drain() }), Options{})
		_ = c.SetDeadline(time.Now())
		_, err := c.Receive()
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("got %v", err)
		}
	})
	t.Run("by Abort", func(t *testing.T) {
		c := dialLean(t, serve(t, func(p *peer) { p.drain() }), Options{})
		ended := make(chan error)
		go func() {
			_, err := c.Receive()
			ended <- err
		}()
		c.Abort()
		if err := <-ended; err != ErrClosed {
			t.Errorf("got %v", err)
		}
	})
}

// answerRaw is a server that upgrades by hand and then writes the bytes.
func answerRaw(t *testing.T, response string, bytes string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		key := acceptKey(r.Header.Get("Sec-WebSocket-Key"))
		_, _ = io.WriteString(conn, strings.ReplaceAll(response, "KEY", key)+bytes) // one write: frames follow at once
		_, _ = io.Copy(io.Discard, buffered)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

const upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: KEY\r\n\r\n"

func TestLeanReadsFragments(t *testing.T) {
	c := dialLean(t, answerRaw(t, upgraded, "\x01\x03one"+"\x89\x00"+"\x00\x03two"+"\x80\x05three"+"\x82\x01x"+"\x02\x01y\x80\x00"), Options{})
	c.mustReceive(t, "onetwothree")
	c.mustReceive(t, "x")
	f, err := c.Receive()
	if err != nil || !f.Binary || string(f.Data) != "y" {
		t.Errorf("got %v, error %v", f, err)
	}
}

func TestLeanRefusesWhatServersMustNotSend(t *testing.T) {
	for frame, want := range map[string]string{
		"\x81\x81abcdx":      "masked",
		"\xc1\x01x":          "extension",
		"\x83\x00":           "unknown type 3",
		"\x8b\x00":           "unknown type 11",
		"\x89\x7e\x00\x80":   "control frame",
		"\x09\x00":           "control frame",
		"\x80\x01x":          "had not begun",
		"\x01\x01x\x81\x01y": "within another",
		"\x81\x7f\x00\x00\x00\x00\x00\x10\x00\x01": "longer than Options.MaxFrame",
		"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff": "longer than Options.MaxFrame",
		"\x01\x7e\x80\x00" + strings.Repeat("x", 1<<15) + strings.Repeat("\x00\x7e\x80\x00"+strings.Repeat("x", 1<<15), 32): "longer than Options.MaxFrame",
	} {
		c := dialLean(t, answerRaw(t, upgraded, frame), Options{})
		_, err := c.Receive()
		var closed *CloseError
		if !errors.As(err, &closed) || closed.Code != 1006 || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %s", frame, err, want)
		}
		if _, again := c.Receive(); again == nil {
			t.Errorf("%.20q: the connection goes on", frame)
		}
	}
}

func TestLeanRefusesBadHandshakes(t *testing.T) {
	for response, want := range map[string]string{
		"hello\r\n\r\n":                                            "malformed HTTP",
		strings.Replace(upgraded, "KEY", "x", 1):                   "is not one",
		strings.Replace(upgraded, "Upgrade: WebSocket\r\n", "", 1): "is not one",
		strings.Replace(upgraded, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1): "extension",
		"HTTP/1.1 101 Switching Protocols\r\nX: " + strings.Repeat("x", maxResponse):                         "unexpected EOF",
		"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno":                                                     `500 Internal Server Error: "no"`,
	} {
		d, err := NewLeanDialer(answerRaw(t, response, ""), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Dial(testContext(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %s", response, err, want)
		}
	}
}

// TestLeanDialEndsWithItsContext has a server that never answers.
func TestLeanDialEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	defer serving.Wait()
	serving.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		cancel()
		_, _ = io.Copy(io.Discard, conn)
	})
	d, err := NewLeanDialer("ws://"+l.Addr().String()+"/socket", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Dial(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// canned is a connection on which a server has sent some bytes, of which a read
// brings at most so many. What is written is forgotten.
type canned struct {
	net.Conn
	bytes string
	step  int
	again bool // from the beginning, for ever
	at    int
}

func (c *canned) Read(to []byte) (int, error) {
	if c.at == len(c.bytes) && c.again {
		c.at = 0
	}
	if c.at == len(c.bytes) {
		return 0, io.EOF
	}
	n := copy(to[:min(len(to), c.step)], c.bytes[c.at:])
	c.at += n
	return n, nil
}

func (c *canned) Write(data []byte) (int, error) { return len(data), nil }
func (c *canned) Close() error                   { return nil }

func (c *canned) lean(t testing.TB, limit int64) *LeanConn {
	lean, err := newLeanConn(c, bufio.NewReader(strings.NewReader("")), limit)
	if err != nil {
		t.Fatal(err)
	}
	return lean
}

// TestLeanAllocatesNothing: a load generator that collects garbage measures
// itself.
func TestLeanAllocatesNothing(t *testing.T) {
	frame := `["1","2","foods:all","phx_reply",{"status":"ok","response":{}}]`
	conn := &canned{bytes: "\x81" + string(rune(len(frame))) + frame, step: 1 << 20, again: true}
	c, p := conn.lean(t, defaultMaxFrame), Prebuild(text(frame))
	if n := testing.AllocsPerRun(100, func() {
		if err := c.Send(p); err != nil {
			t.Fatal(err)
		}
		if f, err := c.Receive(); err != nil || string(f.Data) != frame {
			t.Fatalf("got %q, error %v", f.Data, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a message there and back", n)
	}
}

// FuzzLeanReceive takes what a server sends, whole and in pieces: the messages are
// the same, and the end comes.
func FuzzLeanReceive(f *testing.F) {
	f.Add([]byte("\x81\x03one\x01\x01a\x89\x01p\x80\x01b\x88\x02\x03\xe8"), uint8(1))
	f.Add([]byte("\x82\x7e\x00\x80"+strings.Repeat("x", 128)), uint8(50))
	f.Add([]byte("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), uint8(3))
	f.Fuzz(func(t *testing.T, sent []byte, step uint8) {
		messages := func(step int) (all []string) {
			c := (&canned{bytes: string(sent), step: step}).lean(t, 4096)
			for {
				f, err := c.Receive()
				if err != nil {
					return append(all, err.Error())
				}
				all = append(all, fmt.Sprint(f.Binary, string(f.Data)))
			}
		}
		whole, pieces := messages(1<<20), messages(int(step)+1)
		if !slices.Equal(whole, pieces) {
			t.Errorf("whole %q\nin pieces %q", whole, pieces)
		}
	})
}
