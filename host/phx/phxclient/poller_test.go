package phxclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chhost/chhost/host/phx"
)

// polled is a server of long-polling that keeps what it is asked, and answers by a
// script: one line for each request. An answer "hang" waits for the request's end,
// "break" ends the connection.
type polled struct {
	*httptest.Server
	mu     sync.Mutex
	script map[string][]string // by method; the last answer is for all that follow
	asked  []string
	first  *http.Request
}

func servePolls(t *testing.T, script map[string][]string) *polled {
	p := &polled{script: script}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *polled) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	line := r.Method + " " + r.URL.Query().Get("token")
	if r.Method == http.MethodPost {
		line += " " + r.Header.Get("Content-Type") + " " + string(body)
	}
	p.asked = append(p.asked, line)
	if p.first == nil {
		p.first = r
	}
	answers := p.script[r.Method]
	if len(answers) > 1 {
		p.script[r.Method] = answers[1:]
	}
	p.mu.Unlock()
	switch {
	case len(answers) == 0 || answers[0] == "hang":
		<-r.Context().Done()
	case answers[0] == "break":
		w.Header().Set("Content-Length", "100") // half an answer, or net/http asks again by itself
		fmt.Fprint(w, "{")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		fmt.Fprint(w, answers[0])
	}
}

func (p *polled) requests(method string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.asked), func(line string) bool { return !strings.HasPrefix(line, method) })
}

const openedPoll = `{"status":410,"token":"t0","messages":[]}`

func messagesOf(token string, messages ...string) string {
	body, err := json.Marshal(map[string]any{"status": 200, "token": token, "messages": messages})
	if err != nil {
		panic(err)
	}
	return string(body)
}

func (p *polled) dial(t *testing.T, o Options) *Conn {
	t.Helper()
	o.LongPoll = true
	c, err := Dial(testContext(t), p.URL+"/socket", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Abort)
	return c
}

func TestPollRequest(t *testing.T) {
	p := servePolls(t, map[string][]string{"GET": {openedPoll, "hang"}})
	p.dial(t, Options{Params: url.Values{"user[name]": {"Ada"}}, Header: http.Header{"Origin": {"https://a.example"}}})
	if at, query := p.first.URL.Path, p.first.URL.RawQuery; at != "/socket/longpoll" || query != "user%5Bname%5D=Ada&vsn=2.0.0" {
		t.Errorf("asked for %s?%s", at, query)
	}
	if got := p.first.Header.Get("Origin"); got != "https://a.example" {
		t.Errorf("the header Origin was %q", got)
	}
	for in, want := range map[string]string{
		"ws://h/socket":            "http://h/socket/longpoll?vsn=2.0.0",
		"wss://h/socket/websocket": "https://h/socket/longpoll?vsn=2.0.0",
		"https://h/s/longpoll":     "https://h/s/longpoll?vsn=2.0.0",
	} {
		if got, err := address(in, &Options{LongPoll: true}); err != nil || got != want {
			t.Errorf("%s: %s (%v), want %s", in, got, err, want)
		}
	}
}

// A frame goes out in the body that carries it as it is; a response's frames are
// received one by one, and the newest token is shown.
func TestPollCarriesFramesAsTheyAre(t *testing.T) {
	p := servePolls(t, map[string][]string{
		"GET":  {openedPoll, messagesOf("t1", "[1]", "\u2028 \"\n"), `{"status":204,"token":"t1","messages":[]}`, messagesOf("t2", "{}"), "hang"},
		"POST": {`{"status":200}`, `{"status":408}`, `{"status":408,"taken":1}`, `{"status":200}`},
	})
	c := p.dial(t, Options{})
	for _, want := range []string{"[1]", "\u2028 \"\n", "{}"} {
		if f, err := c.Receive(testContext(t)); err != nil || f.Binary || string(f.Data) != want {
			t.Errorf("received %q (%v), want %q", f.Data, err, want)
		}
	}
	for _, f := range []phx.Frame{{Data: []byte("[2]")}, {Data: []byte("[3]")}, {Data: []byte("[\n]")}, {Data: []byte("x")}, {Data: []byte{0, 1}, Binary: true}, {Binary: true}} {
		if err := c.Send(testContext(t), f); err != nil {
			t.Errorf("%q: %v", f.Data, err)
		}
	}
	const lines, text = "application/x-ndjson", "application/json"
	want := []string{
		"POST t2 " + lines + " [2]", "POST t2 " + lines + " [3]", "POST t2 " + lines + " [3]", // which was not taken within the window
		"POST t2 " + text + " [\n]", "POST t2 " + text + " x", "POST t2 " + lines + " AAE=\n", "POST t2 " + lines + " \n",
	}
	if got := p.requests("POST"); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	if got, want := p.requests("GET")[:4], []string{"GET ", "GET t0", "GET t1", "GET t1"}; !slices.Equal(got, want) {
		t.Errorf("polled %q, want %q", got, want)
	}
}

func TestPollRefused(t *testing.T) {
	for body, status := range map[string]int{
		`{"status":403}`:          403,
		`{"status":500}`:          500,
		`{"status":410}`:          410, // without a token there is no session
		"the host is not running": 200,
	} {
		p := servePolls(t, map[string][]string{"GET": {body}})
		_, err := Dial(testContext(t), p.URL+"/socket", Options{LongPoll: true})
		var refused *HandshakeError
		if !errors.As(err, &refused) || refused.Status != status || string(refused.Body) != body {
			t.Errorf("%s: %v, want the status %d", body, err, status)
		}
	}
	if _, err := Dial(testContext(t), "ws://127.0.0.1:1/socket", Options{LongPoll: true}); err == nil {
		t.Error("nobody is there, but no error")
	}
	ctx, cancel := context.WithCancel(testContext(t))
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	defer s.Close()
	if _, err := Dial(ctx, s.URL+"/socket", Options{LongPoll: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
}

// The end of a session is the end of the connection, with the code that the server
// says, if it does.
func TestPollEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		polls []string
		code  int
		asked []string // the requests after the first
	}{
		{"with a code", []string{`{"status":410,"token":null,"messages":[],"code":1012,"reason":"the server restarts"}`}, 1012, []string{"GET t0"}},
		{"with a new session", []string{`{"status":410,"token":"t9","messages":[]}`}, 1006, []string{"GET t0", "DELETE t9"}},
		{"with 403", []string{`{"status":403}`}, 1006, []string{"GET t0"}},
		{"lost twice", []string{"break"}, 1006, []string{"GET t0", "GET t0"}},
		{"lost once", []string{"break", `{"status":410,"code":1001}`}, 1001, []string{"GET t0", "GET t0"}},
		{"lost now and then", []string{"break", `{"status":204,"token":"t0"}`, "break", `{"status":410,"code":1001}`}, 1001, []string{"GET t0", "GET t0", "GET t0", "GET t0"}},
		{"with nonsense", []string{"x"}, 1006, []string{"GET t0", "GET t0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := servePolls(t, map[string][]string{"GET": append([]string{openedPoll}, c.polls...), "DELETE": {`{"status":200}`}})
			conn := p.dial(t, Options{})
			_, err := conn.Receive(testContext(t))
			var closed *CloseError
			if !errors.As(err, &closed) || closed.Code != c.code {
				t.Errorf("%v, want the code %d", err, c.code)
			}
			if got := p.requests("")[1:]; !slices.Equal(got, c.asked) {
				t.Errorf("asked %q, want %q", got, c.asked)
			}
		})
	}
}

// A frame that is not taken is an error; the poll says why.
func TestPollSendFails(t *testing.T) {
	for _, answer := range []string{`{"status":410}`, `{"status":400}`, "break", "x"} {
		p := servePolls(t, map[string][]string{"GET": {openedPoll, "hang"}, "POST": {answer}})
		err := p.dial(t, Options{}).Send(testContext(t), phx.Frame{Data: []byte("[]")})
		var closed *CloseError
		if !errors.As(err, &closed) || closed.Code != 1006 {
			t.Errorf("%s: %v, want a CloseError", answer, err)
		}
	}
	p := servePolls(t, map[string][]string{"GET": {openedPoll, messagesOf("t1", strings.Repeat("x", 11)), "hang"}})
	if _, err := p.dial(t, Options{MaxFrame: 10}).Receive(testContext(t)); !errors.Is(err, errTooBig) {
		t.Errorf("a long message: %v", err)
	}
}

// Close tells the server and ends the poll that waits; Abort tells nobody.
func TestPollClose(t *testing.T) {
	p := servePolls(t, map[string][]string{"GET": {openedPoll, "hang"}, "DELETE": {`{"status":200}`}})
	c := p.dial(t, Options{})
	if err := c.Close(1000); err != nil {
		t.Errorf("Close: %v", err)
	}
	if got := p.requests("DELETE"); !slices.Equal(got, []string{"DELETE t0"}) {
		t.Errorf("asked %q", p.requests(""))
	}
	if _, err := c.Receive(testContext(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	p = servePolls(t, map[string][]string{"GET": {openedPoll, "hang"}, "DELETE": {`{"status":200}`}})
	p.dial(t, Options{}).Abort()
	if n := len(p.requests("DELETE")); n != 0 {
		t.Error("Abort told the server")
	}
}
