package phxclient

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/chhost/chhost/host/phx"
)

func dial(t *testing.T, url string, o Options) *Conn {
	t.Helper()
	c, err := Dial(testContext(t), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Abort)
	return c
}

func TestConnCarriesFramesAsTheyAre(t *testing.T) {
	texts := []string{`["3","3","rooms:lobby","phx_join",{}]`, "", "not JSON", " spaces ", "é", "\xff\xfe", strings.Repeat("x", 100_000)}
	url := serve(t, func(p *peer) {
		for range 2 * len(texts) {
			kind, data, err := p.ws.ReadMessage()
			if err != nil {
				t.Errorf("server: %v", err)
				return
			}
			if kind == websocket.TextMessage && string(data) == "\xff\xfe" {
				data = []byte("was not UTF-8") // a server must not send that back
			}
			if err := p.ws.WriteMessage(kind, data); err != nil {
				t.Errorf("server: %v", err)
				return
			}
		}
		p.drain()
	})
	c, ctx := dial(t, url, Options{}), testContext(t)
	for _, binary := range []bool{false, true} {
		for _, text := range texts {
			if err := c.Send(ctx, phx.Frame{Data: []byte(text), Binary: binary}); err != nil {
				t.Fatal(err)
			}
			f, err := c.Receive(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if !binary && text == "\xff\xfe" {
				text = "was not UTF-8"
			}
			if f.Binary != binary || string(f.Data) != text {
				t.Errorf("sent %.40q (binary %v), got back %.40q (%v)", text, binary, f.Data, f.Binary)
			}
		}
	}
	if err := c.Close(1000); err != nil {
		t.Error(err)
	}
}

func TestDialRequest(t *testing.T) {
	tests := []struct {
		path string // appended to the URL of the server, which ends in /socket
		o    Options
		want string // path and query
	}{
		{"", Options{}, "/socket/websocket?vsn=2.0.0"},
		{"/", Options{}, "/socket/websocket?vsn=2.0.0"},
		{"/websocket", Options{Version: "1.0.0"}, "/socket/websocket?vsn=1.0.0"},
		{"/websocket/", Options{OmitVersion: true}, "/socket/websocket/"},
		{"?a=1#f", Options{Version: "9", Params: url.Values{"user[name]": {"x y"}}},
			"/socket/websocket?a=1&user%5Bname%5D=x+y&vsn=9"},
	}
	for _, tt := range tests {
		got := make(chan *http.Request, 1)
		url := serve(t, func(p *peer) {
			got <- p.request
			p.drain()
		})
		tt.o.Header = http.Header{"Origin": {"http://example.com"}}
		c := dial(t, url+tt.path, tt.o)
		r := <-got
		if r.URL.String() != tt.want {
			t.Errorf("%q: the request was for %s, want %s", tt.path, r.URL, tt.want)
		}
		if r.Header.Get("Origin") != "http://example.com" {
			t.Errorf("%q: the header is missing", tt.path)
		}
		if err := c.Close(1000); err != nil {
			t.Error(err)
		}
	}
}

func TestDialAcceptsHTTPSchemes(t *testing.T) {
	url := serve(t, func(p *peer) { p.drain() })
	c := dial(t, strings.Replace(url, "ws", "http", 1), Options{})
	if err := c.Close(1000); err != nil {
		t.Error(err)
	}
	for in, want := range map[string]string{
		"https://example.com/socket":        "wss://example.com/socket/websocket?vsn=2.0.0",
		"wss://example.com:4000/t/a/socket": "wss://example.com:4000/t/a/socket/websocket?vsn=2.0.0",
	} {
		if got, err := address(in, &Options{}); err != nil || got != want {
			t.Errorf("%s: got %s, error %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"localhost:4000/socket", "ftp://localhost/socket", "", "ws://%zz"} {
		if _, err := Dial(testContext(t), in, Options{}); err == nil {
			t.Errorf("%q was accepted", in)
		}
	}
}

func TestDialRefused(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "go away", http.StatusForbidden)
	}))
	defer s.Close()
	_, err := Dial(testContext(t), s.URL, Options{})
	var he *HandshakeError
	if !errors.As(err, &he) || he.Status != 403 || string(he.Body) != "go away\n" {
		t.Fatalf("got %v", err)
	}
	if want := `phxclient: the server refused the connection: 403 Forbidden: "go away\n"`; err.Error() != want {
		t.Errorf("got %s, want %s", err, want)
	}
}

func TestDialNobodyThere(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	if _, err := Dial(testContext(t), s.URL, Options{}); err == nil || !strings.Contains(err.Error(), s.URL) {
		t.Errorf("got %v", err)
	}
}

// TestDialEndsWithContext: the handshake of a server that accepts and then
// stays silent ends with the context, also with one that has no deadline.
func TestDialEndsWithContext(t *testing.T) {
	accepted := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(accepted)
		<-r.Context().Done()
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(testContext(t))
	go func() {
		<-accepted
		cancel()
	}()
	if _, err := Dial(ctx, s.URL, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := Dial(ctx, s.URL, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a dead context: got %v", err)
	}
}

func TestServerCloses(t *testing.T) {
	for _, tt := range []struct {
		code int
		text string
		want string
	}{
		{1013, "too slow", "phxclient: the server closed the connection with code 1013 (\"too slow\")"},
		{1012, "", "phxclient: the server closed the connection with code 1012"},
		{1005, "", "phxclient: the server closed the connection with code 1005"},
	} {
		url := serve(t, func(p *peer) {
			p.send("last words")
			p.closeWith(tt.code, tt.text)
		})
		c, ctx := dial(t, url, Options{}), testContext(t)
		if f, err := c.Receive(ctx); err != nil || string(f.Data) != "last words" {
			t.Errorf("got %q, %v", f.Data, err)
		}
		for range 2 {
			_, err := c.Receive(ctx)
			var ce *CloseError
			if !errors.As(err, &ce) || ce.Code != tt.code || ce.Reason != tt.text || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		}
		if err := c.Send(ctx, phx.Frame{}); !errors.As(err, new(*CloseError)) {
			t.Errorf("Send: got %v", err)
		}
		if err := c.Close(1000); err != nil {
			t.Errorf("Close of an ended connection: %v", err)
		}
		if _, err := c.Receive(ctx); err != ErrClosed {
			t.Errorf("Receive after Close: %v", err)
		}
	}
}

func TestConnectionBreaks(t *testing.T) {
	url := serve(t, func(p *peer) { p.expect("hello") })
	c, ctx := dial(t, url, Options{}), testContext(t)
	if err := c.Send(ctx, phx.Frame{Data: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Receive(ctx)
	var ce *CloseError
	if !errors.As(err, &ce) || ce.Code != 1006 || ce.Err == nil {
		t.Errorf("got %v", err)
	}
}

func TestReceiveOutlivesContext(t *testing.T) {
	sendNow := make(chan struct{})
	url := serve(t, func(p *peer) {
		<-sendNow
		p.send("late")
		p.drain()
	})
	c, ctx := dial(t, url, Options{}), testContext(t)
	short, cancel := context.WithCancel(ctx)
	go cancel()
	if _, err := c.Receive(short); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	close(sendNow)
	if f, err := c.Receive(ctx); err != nil || string(f.Data) != "late" {
		t.Errorf("got %q, %v", f.Data, err)
	}
	if err := c.Send(short, phx.Frame{}); err != context.Canceled {
		t.Errorf("Send with a dead context: %v", err)
	}
}

func TestServerSendsInvalidUTF8(t *testing.T) {
	code := make(chan int, 1)
	url := serve(t, func(p *peer) {
		p.send("a\xffb")
		code <- p.drain()
	})
	_, err := dial(t, url, Options{}).Receive(testContext(t))
	if !errors.Is(err, phx.ErrNotUTF8) || !errors.As(err, new(*CloseError)) {
		t.Errorf("got %v", err)
	}
	if got := <-code; got != 1007 {
		t.Errorf("the client closed with %d, want 1007", got)
	}
}

func TestMaxFrame(t *testing.T) {
	url := serve(t, func(p *peer) {
		p.send("1234567890")
		p.send("1234567890X")
		p.drain()
	})
	c, ctx := dial(t, url, Options{MaxFrame: 10}), testContext(t)
	if _, err := c.Receive(ctx); err != nil {
		t.Error(err)
	}
	if _, err := c.Receive(ctx); !errors.Is(err, errTooBig) || !strings.Contains(err.Error(), "Options.MaxFrame") {
		t.Errorf("got %v", err)
	}
}

func TestClose(t *testing.T) {
	codes := make(chan int, 1)
	url := serve(t, func(p *peer) {
		p.send("nobody receives this") // the reader holds it when Close comes
		p.send("nor this")
		codes <- p.drain()
	})
	for _, code := range []int{1000, 4001, 1005} {
		c := dial(t, url, Options{})
		if err := c.Close(code); err != nil {
			t.Errorf("%d: %v", code, err)
		}
		if got := <-codes; got != code {
			t.Errorf("closed with %d, the server saw %d", code, got)
		}
		if err := c.Close(code); err != nil {
			t.Errorf("second Close: %v", err)
		}
		if err := c.Send(testContext(t), phx.Frame{}); err != ErrClosed {
			t.Errorf("Send after Close: %v", err)
		}
		if _, err := c.Receive(testContext(t)); err != ErrClosed {
			t.Errorf("Receive after Close: %v", err)
		}
	}
}

func TestAbort(t *testing.T) {
	code := make(chan int, 1)
	url := serve(t, func(p *peer) { code <- p.drain() })
	c := dial(t, url, Options{})
	c.Abort()
	if got := <-code; got != 1006 {
		t.Errorf("the server saw %d, want 1006", got)
	}
	if _, err := c.Receive(testContext(t)); err != ErrClosed {
		t.Errorf("Receive after Abort: %v", err)
	}
	if err := c.Close(1000); err != nil {
		t.Errorf("Close after Abort: %v", err)
	}
}

// TestSendBlocked: with a server that does not read, Send ends with its context,
// and the connection with it; whoever only waited for a turn does no harm.
func TestSendBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		dial, stop := servePipes(t, func(*peer) { <-over })
		defer stop()
		defer close(over)
		c, err := Dial(t.Context(), "ws://pipe/socket", Options{DialContext: dial})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Abort()
		send := func() (cancel func(), result chan error) {
			ctx, cancel := context.WithCancel(t.Context())
			result = make(chan error, 1)
			go func() { result <- c.Send(ctx, phx.Frame{Data: []byte("x")}) }()
			synctest.Wait()
			return cancel, result
		}
		cancelFirst, first := send()
		cancelSecond, second := send()
		cancelSecond()
		if err := <-second; err != context.Canceled {
			t.Errorf("the second Send: %v", err)
		}
		synctest.Wait()
		select {
		case err := <-first:
			t.Errorf("the first Send ended too: %v", err)
		case <-c.ended:
			t.Error("the connection ended with the second Send")
		default:
		}
		cancelFirst()
		if err := <-first; err != context.Canceled {
			t.Errorf("the first Send: %v", err)
		}
		if _, err := c.Receive(t.Context()); !errors.As(err, new(*CloseError)) {
			t.Errorf("Receive: %v", err)
		}
		if err := c.Send(t.Context(), phx.Frame{}); !errors.As(err, new(*CloseError)) {
			t.Errorf("a third Send: %v", err)
		}
	})
}

// TestCloseWithoutAnswer: Close does not wait for ever for a server that does
// not answer, nor for one that does not even read.
func TestCloseWithoutAnswer(t *testing.T) {
	for _, reads := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			over := make(chan struct{})
			dial, stop := servePipes(t, func(p *peer) {
				if reads {
					p.ws.SetCloseHandler(func(int, string) error { return nil })
					p.drain()
				}
				<-over
			})
			defer stop()
			defer close(over)
			c, err := Dial(t.Context(), "ws://pipe/socket", Options{DialContext: dial})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if err := c.Close(1000); err != errNoAnswer {
				t.Errorf("reads %v: got %v", reads, err)
			}
			if d := time.Since(start); d != closeWait {
				t.Errorf("reads %v: took %v, want %v", reads, d, closeWait)
			}
		})
	}
}
