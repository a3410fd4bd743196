package longpoll_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/longpoll"
)

// A body has a frame in each line, or is one; the last line may have no end.
func TestBodies(t *testing.T) {
	bin := "\x00\x01\x01\x01\x04" + "1" + "9" + "t" + "push" + "\x01\x02"
	padded := base64.StdEncoding.EncodeToString([]byte(bin))
	unhandled := func(ref string) string {
		return `["1","` + ref + `","t","phx_reply",{"status":"ok","response":{}}]`
	}
	for _, c := range []struct {
		name, kind, body string
		want             []string
	}{
		{"lines", "application/x-ndjson", `["1","2","t","a",{}]` + "\n" + `["1","3","t","a",{}]`, []string{unhandled("2"), unhandled("3")}},
		{"lines of Windows", "Application/X-NDJSON; charset=utf-8", `["1","2","t","a",{}]` + "\r\n" + `["1","3","t","a",{}]` + "\r\n", []string{unhandled("2"), unhandled("3")}},
		{"one frame", "application/json", `["1","2","t","a",` + "\n{}]\n", []string{unhandled("2")}},
		{"one frame of no type", "", `["1","2","t","a",{}]`, []string{unhandled("2")}},
		{"text and bytes", "application/x-ndjson", padded + "\n" + `["1","3","t","a",{}]`, []string{unhandled("3")}},
		{"bytes without padding", "application/x-ndjson", strings.TrimRight(padded, "=") + "\n" + `["1","3","t","a",{}]`, []string{unhandled("3")}},
		{"nothing", "application/x-ndjson", "", nil},
		{"empty bytes", "application/x-ndjson", "\n\r\n" + `["1","3","t","a",{}]`, []string{unhandled("3")}},
		{"an object is text", "application/x-ndjson", `{"topic":"t"}` + "\n" + `["1","3","t","a",{}]`, []string{unhandled("3")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, longpoll.Config{}, func(s *server) {
				token := s.join()
				r := request(http.MethodPost, token, c.body)
				r.Header.Set("Content-Type", c.kind)
				s.expectTaken(s.do(r))
				if res := s.get(token); c.want == nil {
					s.expectStatus(res, 204)
				} else {
					s.expect(res, c.want...)
				}
			})
		})
	}
}

// A payload of bytes reaches the handler, whose bytes do not reach the client.
func TestBytesAreSkipped(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.join()
		line := func(event string) string {
			return base64.StdEncoding.EncodeToString([]byte("\x00\x01\x01\x01" + string(rune(len(event))) + "19t" + event + "\xff\x00"))
		}
		s.expectTaken(s.post(token, line("push"), line("echo"), echoFrame))
		s.expect(s.get(token), echoReply)
		if n := s.log.Count("could not be encoded"); n != 1 {
			t.Errorf("it was logged %d times, want once:\n%s", n, s.log.String())
		}
	})
}

// Bodies beyond the bounds are refused as a whole.
func TestBodiesBeyondTheBounds(t *testing.T) {
	line := echoFrame + "\n"
	for _, c := range []struct {
		name, body string
		taken      bool
	}{
		{"1,000 lines", strings.Repeat(line, 1000), true},
		{"1,000 lines without an end", strings.TrimSuffix(strings.Repeat(line, 1000), "\n"), true},
		{"1,001 lines", strings.Repeat(line, 1001), false},
		{"1,001 empty lines", strings.Repeat("\n", 1001), false},
		{"neither text nor base64", line + "nonsense!\n", false},
		{"padding within", line + "AA==AA\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, longpoll.Config{}, func(s *server) {
				token := s.join()
				res := s.do(request(http.MethodPost, token, c.body))
				if c.taken {
					s.expectTaken(res)
					return
				}
				if res.http != 400 || res.Status != 400 || res.Taken != nil {
					t.Errorf("answered %d %s", res.http, res.body)
				}
				s.expectTaken(s.post(token, heartbeat))
				s.expect(s.get(token), beatReply)
			})
		})
	}
}

// endless is a body that says how much was read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}

// No more is read than is taken: nothing, if the body says its length, or for a
// session that is not there.
func TestLongBodiesAreNotRead(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.join()
		for name, c := range map[string]struct {
			token  string
			length int64
			http   int
			most   int
		}{
			"a length":    {token, 1<<20 + 1, 400, 0},
			"no length":   {token, -1, 400, 1<<20 + 64<<10},
			"no session":  {"null", -1, 200, 0},
			"no session.": {longpoll.Forge(make([]byte, 36)), 1 << 30, 200, 0},
		} {
			body := &endless{}
			r := request(http.MethodPost, c.token, "")
			r.Body, r.ContentLength = io.NopCloser(body), c.length
			res := s.do(r)
			if res.http != c.http || body.read > c.most {
				t.Errorf("%s: answered %d %s, %d bytes were read", name, res.http, res.body, body.read)
			}
		}
		s.expectTaken(s.post(token, heartbeat))
	})
}

// A body that does not arrive is not taken.
func TestBodyThatBreaks(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.join()
		r := request(http.MethodPost, token, "")
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(echoFrame+"\n"), badReader{})), -1
		if res := s.do(r); res.http != 400 {
			t.Errorf("answered %d %s", res.http, res.body)
		}
		s.expectStatus(s.get(token), 204)
	})
}

type badReader struct{}

func (badReader) Read([]byte) (int, error) { return 0, errors.New("the connection broke") }

// A frame that is too large ends the session, behind those before it.
func TestFrameThatIsTooLarge(t *testing.T) {
	for name, large := range map[string]string{
		"text":  `["1","9","t","echo",{"a":"` + strings.Repeat("x", 1000) + `"}]`,
		"bytes": base64.StdEncoding.EncodeToString(make([]byte, 1001)),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, longpoll.Config{MaxFrame: 1000}, func(s *server) {
				token := s.join()
				res := s.post(token, quietFrame, large, echoFrame)
				if res.http != 400 || res.Status != 400 || res.Taken == nil || *res.Taken != 1 {
					t.Errorf("answered %d %s, want 400 and that one was taken", res.http, res.body)
				}
				if res := s.get(token); res.Status != 410 || res.Code != socket.CloseTooBig {
					t.Errorf("answered %s, want the code 1009", res.body)
				}
			})
		})
	}
}

// full makes the mailboxes of a session so full that it takes no more, with
// channels that wait.
func (s *server) full() (token string) {
	s.t.Helper()
	token = s.join()
	s.expectTaken(s.post(token, waitFrame))
	large := `["1","4","t","quiet",{"a":"` + strings.Repeat("x", 255<<10) + `"}]`
	for range 4 {
		s.expectTaken(s.post(token, large))
	}
	s.expectTaken(s.post(token, large)) // the one over the bound: it was taken
	return token
}

// A session that does not take a body within the window says how far it got, and
// takes no more until there is room.
func TestBatchThatIsCutShort(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.full()
		for range 3 {
			poll := s.begin(request(http.MethodGet, token, "")) // which keeps the session
			begin := time.Now()
			res := s.post(token, echoFrame, heartbeat)
			s.expectStatus(res, 408)
			s.expectStatus(poll(), 204)
			if res.Taken == nil || *res.Taken != 0 || time.Since(begin) != longpoll.DefaultWindow {
				t.Errorf("answered after %v %s, want that none was taken within 10 s", time.Since(begin), res.body)
			}
		}
		s.resume <- struct{}{}
		s.expectTaken(s.post(token, echoFrame))
		s.expect(s.get(token), echoReply)
	})
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.join()
		s.expectTaken(s.post(token, waitFrame))
		large := `["1","4","t","quiet",{"a":"` + strings.Repeat("x", 255<<10) + `"}]`
		s.expectTaken(s.post(token, large, large, large, quietFrame))
		res := s.post(token, large, large, quietFrame)
		s.expectStatus(res, 408)
		if res.Taken == nil || *res.Taken != 2 {
			t.Errorf("answered %s, want that two were taken", res.body)
		}
		// What was taken when the wait ended is not offered again.
		poll := s.begin(request(http.MethodGet, token, ""))
		s.expectStatus(s.post(token, quietFrame), 408)
		s.expectStatus(poll(), 204)
		s.resume <- struct{}{}
		s.expectTaken(s.post(token, quietFrame))
	})
}

// Bodies of one session are taken one after the other; a request that ends gives
// its place up.
func TestBodiesTakeTurns(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.full()
		ctx, cancel := context.WithCancel(s.t.Context())
		first := s.begin(request(http.MethodPost, token, heartbeat).WithContext(ctx))
		second := s.begin(request(http.MethodPost, token, echoFrame))
		cancel()
		s.expectStatus(first(), 408)
		s.resume <- struct{}{}
		s.expectTaken(second())
		s.expect(s.get(token), echoReply)
	})
}

// A session that ends releases who waits for it.
func TestEndWhileABodyWaits(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.full()
		post := s.begin(request(http.MethodPost, token, heartbeat))
		shut := make(chan error, 1)
		go func() { shut <- s.Shutdown(context.Background()) }()
		s.expectStatus(post(), 410)
		if err := <-shut; err != nil {
			t.Error(err)
		}
		s.resume <- struct{}{}
		s.expectLeft(channel.LeaveShutdown)
	})
}

// Whatever else a method is, it is 400, with headers for a browser to read it.
func TestMethods(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.open()
		for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodHead, "TRACE", "get"} {
			r := request(method, token, "")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != 400 || w.Header().Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %d %v", method, w.Code, w.Header())
			}
		}
		synctest.Wait()
		if s.Sessions() != 1 {
			t.Error("a session was made or ended")
		}
	})
}
