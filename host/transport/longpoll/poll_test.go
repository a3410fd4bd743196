package longpoll_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/longpoll"
)

// A session is opened, takes frames, answers them, and waits for the window when
// there is nothing.
func TestSession(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.join()
		s.expectTaken(s.post(token, echoFrame))
		s.expectTaken(s.post(token, heartbeat))
		token = s.expect(s.get(token), echoReply, beatReply)
		res := s.get(token)
		s.expectStatus(res, 204)
		if res.took != longpoll.DefaultWindow || res.Token != token || res.Messages == nil || len(res.Messages) != 0 {
			t.Errorf("answered after %v %s, want nothing after 10 s, with the same token", res.took, res.body)
		}
		for name, want := range map[string]string{"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
			if got := res.header.Get(name); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	})
}

// A poll that waits is answered as soon as there is something.
func TestPollIsWoken(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.join()
		poll := s.begin(request(http.MethodGet, token, ""))
		time.Sleep(3 * time.Second)
		s.broadcast(1)
		res := poll()
		token = s.expect(res, broadcastFrame(1))
		if res.took != 3*time.Second {
			t.Errorf("answered after %v, want 3 s", res.took)
		}
		// What comes while nobody polls waits, in order.
		for n := range 5 {
			s.broadcast(n)
		}
		s.expect(s.get(token), broadcastFrame(0), broadcastFrame(1), broadcastFrame(2), broadcastFrame(3), broadcastFrame(4))
	})
}

// The token may come by the header, which wins, or in the query, where the
// application may have a parameter of that name.
func TestTokenStyles(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		header := func(method, header, query, body string) *http.Request {
			r := httptest.NewRequest(method, "http://host/socket/longpoll?vsn=2.0.0"+query, strings.NewReader(body))
			r.Header.Set("X-Phoenix-Longpoll-Token", header)
			r.Header.Set("Content-Type", "application/x-ndjson")
			return r
		}
		a, b := s.join(), s.join()
		s.expectTaken(s.do(header(http.MethodPost, a, "", echoFrame)))
		s.expectTaken(s.do(header(http.MethodPost, b, "&token="+a, heartbeat)))
		s.expect(s.get(a), echoReply)
		s.expect(s.do(header(http.MethodGet, b, "", "")), beatReply)

		s.accepted = nil
		stale := longpoll.Forge(make([]byte, 36))
		for _, opened := range []*http.Request{
			header(http.MethodGet, "null", "", ""),
			header(http.MethodGet, "nonsense", "&a=1", ""),
			header(http.MethodGet, "", "&token=mine&a=1", ""),
			header(http.MethodGet, "", "&token=mine&a=1&token=null", ""),
			header(http.MethodGet, "", "&token=mine&a=1&token="+stale, ""),
			header(http.MethodGet, "", "&token=undefined&b=1", ""),
			header(http.MethodGet, stale, "&token=&token=mine", ""),
		} {
			if res := s.do(opened); res.Status != 410 || res.Token == "" {
				t.Errorf("%s was answered %s, want a new session", opened.URL, res.body)
			}
		}
		var got []string
		for _, query := range s.accepted {
			query.Del("vsn")
			got = append(got, query.Encode())
		}
		want := []string{"", "a=1", "a=1&token=mine", "a=1&token=mine", "a=1&token=mine", "b=1", "token=&token=mine"}
		if !slices.Equal(got, want) {
			t.Errorf("Accept was asked about\n%q, want\n%q", got, want)
		}
	})
}

// A session's newer poll gets what comes; the older one gets nothing, and waits
// for its window.
func TestNewerPollReplacesOlder(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.join()
		older := s.begin(request(http.MethodGet, token, ""))
		time.Sleep(2 * time.Second)
		newer := s.begin(request(http.MethodGet, token, ""))
		time.Sleep(time.Second)
		s.broadcast(1)
		s.expect(newer(), broadcastFrame(1))
		s.broadcast(2)
		res := older()
		s.expectStatus(res, 204)
		if res.took != longpoll.DefaultWindow || res.Token != token {
			t.Errorf("the older poll was answered after %v %s", res.took, res.body)
		}
	})
}

// A poll whose connection goes takes nothing with it.
func TestPollThatIsGoneTakesNothing(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.join()
		ctx, cancel := context.WithCancel(s.t.Context())
		poll := s.begin(request(http.MethodGet, token, "").WithContext(ctx))
		cancel()
		if res := poll(); res.body != "" {
			t.Errorf("answered %s to nobody", res.body)
		}
		s.broadcast(1)
		s.expect(s.get(token), broadcastFrame(1))
	})
}

// broken is a connection whose writes fail, or block until they are resumed.
type broken struct {
	*httptest.ResponseRecorder
	write func(body []byte) (int, error)
}

func (b *broken) Write(body []byte) (int, error) { return b.write(body) }

func (b *broken) Unwrap() http.ResponseWriter { return b.ResponseRecorder }

var errBroken = errors.New("broken pipe")

// lose serves a poll whose answer is lost: noticed or not.
func (s *server) lose(token string, noticed bool) {
	s.ServeHTTP(&broken{httptest.NewRecorder(), func(body []byte) (int, error) {
		if noticed {
			return 0, errBroken
		}
		return len(body), nil
	}}, request(http.MethodGet, token, ""))
}

// What did not arrive is sent again, as often as it takes and before what has come
// since; what did arrive is not. The client's tokens tell.
func TestLostResponseIsSentAgain(t *testing.T) {
	for _, noticed := range []bool{true, false} {
		bubble(t, longpoll.Config{}, func(s *server) {
			token := s.join()
			s.broadcast(1)
			token = s.expect(s.get(token), broadcastFrame(1)) // a client that takes over the number
			for n := 2; n < 5; n++ {
				s.broadcast(n)
				s.lose(token, noticed)
				s.broadcast(-n)
				s.lose(token, noticed)
				next := s.expect(s.get(token), broadcastFrame(n))
				if again := s.expect(s.get(token), broadcastFrame(n)); again != next {
					t.Error("frames that are sent again have another token")
				}
				token = s.expect(s.get(next), broadcastFrame(-n))
			}
			s.expectStatus(s.get(token), 204)
		})
	}
}

// A client that keeps its first token gets nothing twice that could be written, and
// again what could not.
func TestClientThatKeepsItsFirstToken(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.open()
		s.expectTaken(s.post(token, joinFrame))
		s.lose(token, true)
		s.expect(s.get(token), joinedFrame)
		for n := range 4 {
			s.broadcast(n)
			s.lose(token, true)
			s.broadcast(-n)
			s.expect(s.get(token), broadcastFrame(n))
			s.expect(s.get(token), broadcastFrame(-n))
		}
		s.broadcast(1)
		s.lose(token, false)
		res := s.get(token)
		s.expectStatus(res, 204)
		if res.Token != token {
			t.Error("a poll without frames has another token")
		}
	})
}

// A poll whose request ends while the answer is written has not got it.
func TestRequestThatEndsWhileItIsAnswered(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.open()
		s.expectTaken(s.post(token, joinFrame))
		ctx, cancel := context.WithCancel(s.t.Context())
		s.ServeHTTP(&broken{httptest.NewRecorder(), func(body []byte) (int, error) {
			cancel()
			return len(body), nil
		}}, request(http.MethodGet, token, "").WithContext(ctx))
		s.expect(s.get(token), joinedFrame)
	})
}

// While an answer is being written, it is not known whether it arrives: the next
// poll of a client that keeps its token waits, that of any other client tells.
func TestPollWhileTheLastIsWritten(t *testing.T) {
	for _, c := range []struct {
		name   string
		echoes bool // the client has taken over a number before
		newest bool // the next poll has the newest
		err    error
		again  bool
	}{
		{"its first token, and it was written", false, false, nil, false},
		{"its first token, and it was not", false, false, errBroken, true},
		{"an older token, and it was written", true, false, nil, true},
		{"an older token, and it was not", true, false, errBroken, true},
		{"the newest token", true, true, errBroken, false},
		{"the newest token for the first time", false, true, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, longpoll.Config{}, func(s *server) {
				token := s.open()
				s.expectTaken(s.post(token, joinFrame))
				next := s.expect(s.get(token), joinedFrame)
				if c.echoes {
					token = next
					s.broadcast(0)
					token = s.expect(s.get(token), broadcastFrame(0))
				}
				s.broadcast(1)
				writing := make(chan string)
				var body struct{ Token string }
				resume := make(chan struct{})
				go func() {
					s.ServeHTTP(&broken{httptest.NewRecorder(), func(data []byte) (int, error) {
						_ = json.Unmarshal(data, &body)
						writing <- body.Token
						<-resume
						return len(data), c.err
					}}, request(http.MethodGet, token, ""))
				}()
				newest := <-writing
				if c.newest {
					token = newest
				}
				poll := s.begin(request(http.MethodGet, token, ""))
				close(resume)
				synctest.Wait()
				s.broadcast(2)
				if c.again {
					token = s.expect(poll(), broadcastFrame(1))
					s.expect(s.get(token), broadcastFrame(2))
					return
				}
				s.expect(poll(), broadcastFrame(2))
			})
		})
	}
}

// A session ends 15 to 19 s after its last poll, however long that waited.
func TestIdleSessionEnds(t *testing.T) {
	for _, begin := range []time.Duration{0, time.Second, 3700 * time.Millisecond, 14 * time.Second, 100 * time.Second} {
		bubble(t, longpoll.Config{}, func(s *server) {
			time.Sleep(begin)
			token := s.join()
			s.expectStatus(s.get(token), 204)
			last := time.Now()
			for s.Sessions() > 0 && time.Since(last) < time.Minute {
				time.Sleep(100 * time.Millisecond)
				s.post(token, quietFrame) // is no poll
			}
			if after := time.Since(last); after < 15*time.Second || after > 19*time.Second {
				t.Errorf("a session that began at %v ended after %v, want 15 to 19 s", begin, after)
			}
			s.expectLeft(channel.LeaveClosed)
			s.expectStatus(s.post(token, echoFrame), 410)
			if res := s.get(token); res.Status != 410 || res.Token == token || res.Token == "" {
				t.Errorf("answered %s, want a new session", res.body)
			}
		})
	}
}

// A session ends with its token, up to 19 s later if it is only polled, and at once if
// something is posted.
func TestExpiredToken(t *testing.T) {
	for _, begin := range []time.Duration{0, time.Second, 3700 * time.Millisecond} {
		of := &socket.Token{Grace: 10 * time.Second}
		bubbleWith(t, longpoll.Config{}, socket.Config{Token: of}, func(s *server) {
			time.Sleep(begin)
			of.Expires = time.Now().Add(10 * time.Second)
			token := s.join()
			first := time.Now()
			res := s.get(token)
			for res.Status == 204 && time.Since(first) < time.Minute {
				res = s.get(token)
			}
			if after := time.Since(first); res.Status != 410 || res.Code != socket.ClosePolicyViolation || after < 20*time.Second || after > 39*time.Second {
				t.Errorf("after %v the answer was %s, want 410 and 1008 after 20 to 39 s", after, res.body)
			}
			s.expectLeft(channel.LeaveClosed)
		})
	}
	of := &socket.Token{Grace: -1}
	bubbleWith(t, longpoll.Config{}, socket.Config{Token: of}, func(s *server) {
		of.Expires = time.Now().Add(10 * time.Second)
		token := s.join()
		time.Sleep(10 * time.Second)
		s.expectStatus(s.post(token, echoFrame), 410)
		s.expectLeft(channel.LeaveClosed)
	})
}

// A session that is polled lives, also when each poll waits for its window.
func TestPolledSessionLives(t *testing.T) {
	bubble(t, longpoll.Config{Window: 40 * time.Second}, func(s *server) {
		token := s.join()
		for range 20 {
			s.expectStatus(s.get(token), 204)
			time.Sleep(14 * time.Second)
		}
		s.broadcast(1)
		s.expect(s.get(token), broadcastFrame(1))
	})
}

// The end of a socket is told to the poll, behind what waited, and once.
func TestEndOfTheSocket(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.join()
		s.expectTaken(s.post(token, echoFrame))
		s.expectStatus(s.post(token, "[\xff]", echoFrame), 410)
		token = s.expect(s.get(token), echoReply)
		res := s.get(token)
		if res.Status != 410 || res.Code != socket.CloseNotUTF8 || res.Reason == "" || res.http != 200 {
			t.Errorf("answered %s, want 410 with the code 1007", res.body)
		}
		s.expectLeft(channel.LeaveClosed)
		s.expectStatus(s.post(token, echoFrame), 410)
		if res := s.get(token); res.Status != 410 || res.Token == "" || res.Code != 0 {
			t.Errorf("answered %s, want a new session", res.body)
		}
	})
}

// A client that does not poll is cut off when its outbox is full, and nothing of it
// is kept but what was on its way.
func TestSlowClient(t *testing.T) {
	bubbleWith(t, longpoll.Config{}, socket.Config{Outbox: 1000}, func(s *server) {
		token := s.join()
		for n := range 100 {
			s.broadcast(n)
		}
		s.expectLeft(channel.LeaveClosed)
		if res := s.get(token); res.Status != 410 || res.Code != socket.CloseTryAgainLater {
			t.Errorf("answered %s, want 410 with the code 1013", res.body)
		}
	})
}

// DELETE ends a session at once.
func TestDelete(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.join()
		poll := s.begin(request(http.MethodGet, token, ""))
		s.expectStatus(s.do(request(http.MethodDelete, token, "")), 200)
		s.expectLeft(channel.LeaveClosed)
		s.expectStatus(poll(), 410)
		s.expectStatus(s.do(request(http.MethodDelete, token, "")), 410)
		s.expectStatus(s.do(request(http.MethodDelete, "null", "")), 410)
		s.expectStatus(s.post(token, echoFrame), 410)
	})
}

// There are no more sessions than there may be; a client that finds no room may
// try again.
func TestMaxSessions(t *testing.T) {
	bubble(t, longpoll.Config{MaxSessions: 2}, func(s *server) {
		a, b := s.open(), s.open()
		s.expectStatus(s.get(a), 204)
		s.expectStatus(s.get(b), 204)
		if res := s.get(""); res.Status != 500 || res.http != http.StatusServiceUnavailable || s.Sessions() != 2 ||
			res.header.Get("Retry-After") != "5" || res.body != `{"status":500,"response":{"reason":"too_many_connections","retry_after_ms":5000}}` {
			t.Errorf("answered %d %s", res.http, res.body)
		}
		if s.log.Count("connection refused: there are too many") != 1 {
			t.Errorf("the log:\n%s", &s.log)
		}
		s.expectStatus(s.do(request(http.MethodDelete, a, "")), 200)
		s.open()
		s.expectStatus(s.get(b), 204)
	})
}

// Shutdown answers the polls that wait, and those that come within a second, behind
// what waits for them. It takes nothing else.
func TestShutdown(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		waiting, away, replaced := s.join(), s.join(), s.join()
		poll := s.begin(request(http.MethodGet, waiting, ""))
		older := s.begin(request(http.MethodGet, replaced, ""))
		newer := s.begin(request(http.MethodGet, replaced, ""))
		s.expectTaken(s.post(away, echoFrame))
		begin, ended := time.Now(), make(chan error, 1)
		go func() { ended <- s.Shutdown(s.t.Context()) }()
		gone := func(res response) {
			s.t.Helper()
			if res.Status != 410 || res.Code != socket.CloseServiceRestart {
				s.t.Errorf("answered %s, want 410 with the code 1012", res.body)
			}
		}
		gone(poll())
		gone(newer())
		s.expectStatus(older(), 204)
		s.expectLeft(channel.LeaveShutdown, channel.LeaveShutdown, channel.LeaveShutdown)
		s.expectStatus(s.post(away, echoFrame), 410)
		if res := s.get("null"); res.Status != 500 || res.http != http.StatusServiceUnavailable {
			s.t.Errorf("answered %d %s", res.http, res.body)
		}
		time.Sleep(farewell / 2)
		gone(s.get(s.expect(s.get(away), echoReply)))
		if err := <-ended; err != nil || time.Since(begin) != farewell/2 {
			s.t.Errorf("Shutdown: %v after %v", err, time.Since(begin))
		}
	})
}

const farewell = time.Second

// A client that does not come is waited for if it has polled just now.
func TestShutdownDoesNotWaitForLong(t *testing.T) {
	for away, want := range map[time.Duration]time.Duration{0: farewell, 10 * time.Second: 0} {
		bubble(t, longpoll.Config{}, func(s *server) {
			token := s.join()
			time.Sleep(away)
			begin := time.Now()
			if err := s.Shutdown(s.t.Context()); err != nil || time.Since(begin) != want {
				s.t.Errorf("Shutdown: %v after %v, want none after %v", err, time.Since(begin), want)
			}
			if res := s.get(token); res.Status != 500 || res.http != http.StatusServiceUnavailable {
				s.t.Errorf("answered %d %s", res.http, res.body)
			}
		})
	}
	// Nor for one whose poll was cut.
	bubble(t, longpoll.Config{}, func(s *server) {
		ctx, cancel := context.WithCancel(s.t.Context())
		s.begin(request(http.MethodGet, s.join(), "").WithContext(ctx))
		cancel()
		begin := time.Now()
		if err := s.Shutdown(s.t.Context()); err != nil || time.Since(begin) != 0 {
			s.t.Errorf("Shutdown: %v after %v", err, time.Since(begin))
		}
	})
}

// A bug of the host costs the session in which it is met.
func TestPanic(t *testing.T) {
	bubbleWith(t, longpoll.Config{}, socket.Config{}, func(s *server) {
		token, other := s.join(), s.join()
		s.expectStatus(s.post(token, `["1","1","panic","phx_join",{}]`), 410)
		if res := s.get(token); res.Status != 410 || res.Code != socket.CloseInternalError {
			s.t.Errorf("answered %s, want the code 1011", res.body)
		}
		if s.log.Count("BUG") != 1 {
			s.t.Errorf("logged:\n%s", s.log.String())
		}
		s.expectTaken(s.post(other, heartbeat))
		s.expect(s.get(other), beatReply)
	})
}

// stuck is a connection that takes nothing until its deadline passes.
type stuck struct {
	*httptest.ResponseRecorder
	deadline chan time.Time // takes one without blocking
}

func (c *stuck) SetWriteDeadline(at time.Time) error {
	select {
	case <-c.deadline:
	default:
	}
	c.deadline <- at
	return nil
}

func (c *stuck) Write([]byte) (int, error) {
	for {
		at := <-c.deadline
		after := time.NewTimer(time.Until(at))
		select {
		case <-after.C:
			return 0, context.DeadlineExceeded
		case at = <-c.deadline:
			c.deadline <- at
		}
		after.Stop()
	}
}

// A response that the client does not take ends after the write timeout, or when
// Shutdown's context does.
func TestResponseThatIsNotTaken(t *testing.T) {
	for _, shutdown := range []bool{false, true} {
		bubble(t, longpoll.Config{}, func(s *server) {
			token := s.open()
			s.expectTaken(s.post(token, joinFrame))
			begin := time.Now()
			ended := make(chan time.Duration, 1)
			go func() {
				s.ServeHTTP(&stuck{httptest.NewRecorder(), make(chan time.Time, 1)}, request(http.MethodGet, token, ""))
				ended <- time.Since(begin)
			}()
			synctest.Wait()
			want := longpoll.DefaultWriteTimeout
			if shutdown {
				want = 3 * time.Second
				ctx, cancel := context.WithTimeout(s.t.Context(), want)
				defer cancel()
				if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Shutdown: %v, want DeadlineExceeded", err)
				}
			}
			if after := <-ended; after != want {
				t.Errorf("ended after %v, want %v", after, want)
			}
			if !shutdown {
				s.expect(s.get(token), joinedFrame)
			}
		})
	}
}
