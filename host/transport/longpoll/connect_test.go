package longpoll_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/longpoll"
)

// The version of the protocol is the one that is asked for; there are two.
func TestVersions(t *testing.T) {
	v2 := joinedFrame
	v1 := `{"topic":"t","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"1"}`
	for vsn, want := range map[string]string{
		"2.0.0": v2, "1.0.0": v1, "": v1, "3.0.0": "", "x": "",
		"mine&vsn=2.0.0": v2, "2.0.0&vsn=3.0.0": "", // the last one counts
	} {
		bubble(t, longpoll.Config{}, func(s *server) {
			res := s.do(httptest.NewRequest(http.MethodGet, "http://host/?vsn="+vsn, nil))
			if want == "" {
				if res.http != 200 || res.body != `{"status":403}` || s.Sessions() != 0 || len(s.accepted) != 0 {
					t.Errorf("%q was answered %d %s", vsn, res.http, res.body)
				}
				return
			}
			frame := joinFrame
			if want == v1 {
				frame = `{"topic":"t","event":"phx_join","payload":{},"ref":"1"}`
			}
			s.expectTaken(s.post(res.Token, frame))
			s.expect(s.get(res.Token), want)
		})
	}
}

// What the host refuses is refused with the statuses that clients know.
func TestRefusals(t *testing.T) {
	body := channeltest.JSON(`{"reason":"no"}`)
	for _, c := range []struct {
		err  error
		http int
		body string
	}{
		{errors.New("no"), 200, `{"status":403}`},
		{&socket.RefusedError{Status: 403}, 200, `{"status":403}`},
		{&socket.RefusedError{Status: 403, Body: body, HasBody: true}, 200, `{"status":403,"response":{"reason":"no"}}`},
		{&socket.RefusedError{Status: 403, Body: phx.Bytes([]byte{1}), HasBody: true}, 200, `{"status":403}`},
		{&socket.RefusedError{Status: 401}, 200, `{"status":403}`},
		{&socket.RefusedError{Status: 400}, 400, `{"status":403}`},
		{&socket.RefusedError{Status: 500}, 200, `{"status":500}`},
		{&socket.RefusedError{Status: 503}, 200, `{"status":500}`},
		{&socket.RefusedError{Status: 429}, 200, `{"status":403}`},
		{&socket.RefusedError{Status: 429, RetryAfter: time.Second}, 429, `{"status":500}`},
	} {
		cfg := longpoll.Config{Accept: func(*http.Request) (socket.Config, error) { return socket.Config{}, c.err }}
		bubble(t, cfg, func(s *server) {
			if res := s.get("null"); res.http != c.http || res.body != c.body || s.Sessions() != 0 {
				t.Errorf("%v was answered %d %s, want %d %s", c.err, res.http, res.body, c.http, c.body)
			}
		})
	}
}

// Origins are checked at each request. Where they are configured, responses allow
// the one that asks; otherwise all, of which other hosts' are refused.
func TestOrigins(t *testing.T) {
	configured := func(r *http.Request) bool {
		origin := r.Header.Get("Origin")
		return origin == "" || origin == "https://a.example"
	}
	for _, c := range []struct {
		check          func(*http.Request) bool
		origin         string
		allowed        bool
		header, varies string
	}{
		{nil, "", true, "*", ""},
		{nil, "http://host", true, "*", ""},
		{nil, "https://a.example", false, "*", ""},
		{nil, "null", false, "*", ""},
		{configured, "", true, "", "Origin"},
		{configured, "https://a.example", true, "https://a.example", "Origin"},
		{configured, "https://b.example", false, "", "Origin"},
	} {
		bubble(t, longpoll.Config{CheckOrigin: c.check}, func(s *server) {
			token := s.join()
			with := func(method, token, body string) response {
				r := request(method, token, body)
				if c.origin != "" {
					r.Header.Set("Origin", c.origin)
				}
				res := s.do(r)
				if got, varies := res.header.Get("Access-Control-Allow-Origin"), res.header.Get("Vary"); got != c.header || varies != c.varies {
					t.Errorf("%s from %q: allowed is %q, vary %q", method, c.origin, got, varies)
				}
				return res
			}
			opened, posted := with(http.MethodGet, "null", ""), with(http.MethodPost, token, echoFrame)
			synctest.Wait()
			polled, preflight := with(http.MethodGet, token, ""), with(http.MethodOptions, "null", "")
			if preflight.http != http.StatusNoContent {
				t.Errorf("OPTIONS from %q was answered %d", c.origin, preflight.http)
			}
			methods, headers := preflight.header.Get("Access-Control-Allow-Methods"), preflight.header.Get("Access-Control-Allow-Headers")
			if c.header != "" && (methods != "GET, POST, DELETE, OPTIONS" || headers != "Content-Type, X-Phoenix-AuthToken, X-Phoenix-Longpoll-Token") {
				t.Errorf("OPTIONS from %q allows %q and %q", c.origin, methods, headers)
			}
			if c.allowed {
				s.expectStatus(opened, 410)
				s.expectStatus(posted, 200)
				s.expect(polled, echoReply)
				return
			}
			for _, res := range []response{opened, posted, polled} {
				if res.http != 200 || res.body != `{"status":403}` {
					t.Errorf("answered %d %s from %q", res.http, res.body, c.origin)
				}
			}
			if s.Sessions() != 1 || len(s.accepted) != 1 {
				t.Error("a session was made")
			}
		})
	}
}

// What a page sends along, or something in it that traces requests, does not keep
// its polls from coming.
func TestPreflight(t *testing.T) {
	const clients = "Content-Type, X-Phoenix-AuthToken, X-Phoenix-Longpoll-Token"
	for _, c := range []struct {
		asked []string
		want  string
	}{
		{nil, clients},
		{[]string{""}, clients},
		{[]string{"x-phoenix-authtoken"}, clients + ", x-phoenix-authtoken"},
		{[]string{"baggage,sentry-trace", "traceparent"}, clients + ", baggage,sentry-trace, traceparent"},
		{[]string{"*"}, clients},
		{[]string{"x-a, *"}, clients},
		{[]string{"x-a; y"}, clients},
		{[]string{"x-é"}, clients},
		{[]string{"x-" + strings.Repeat("a", 1022)}, clients + ", x-" + strings.Repeat("a", 1022)},
		{[]string{"x-" + strings.Repeat("a", 1023)}, clients},
	} {
		r := httptest.NewRequest(http.MethodOptions, "http://host/?vsn=2.0.0", nil)
		r.Header["Access-Control-Request-Headers"] = c.asked
		w := httptest.NewRecorder()
		longpoll.New(longpoll.Config{}).ServeHTTP(w, r)
		if got := w.Header().Get("Access-Control-Allow-Headers"); w.Code != http.StatusNoContent || got != c.want {
			t.Errorf("%q: %d, allowed are %q, want %q", c.asked, w.Code, got, c.want)
		}
	}
}

// A token is good for the transport that made it, as it made it.
func TestForgedTokens(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.join()
		other := longpoll.New(longpoll.Config{})
		if _, ok := other.Verify(token); ok {
			t.Error("another transport takes it")
		}
		if again, ok := s.Verify(token); !ok || again != token {
			t.Error("its own transport does not")
		}
		for i := range len(token) {
			forged := []byte(token)
			forged[i] ^= 1
			if _, ok := s.Verify(string(forged)); ok {
				t.Errorf("a token is taken although byte %d is another", i)
			}
		}
		for _, text := range []string{"", "null", token[:len(token)-1], token + "A", token + "=", " " + token, longpoll.Forge(make([]byte, 36)), longpoll.Forge(nil)} {
			if _, ok := s.Verify(text); ok {
				t.Errorf("%q is taken", text)
			}
			res := s.get(url.QueryEscape(text))
			if res.Status != 410 || res.Token == token {
				t.Errorf("%q was answered %s", text, res.body)
			}
			s.expectStatus(s.post(text, heartbeat), 410)
		}
	})
}

// Sessions that nobody polls keep nobody out: the oldest of them gives up its
// place, and those that are polled do not.
func TestMaxSessionsOfOneWhoOnlyOpensThem(t *testing.T) {
	bubble(t, longpoll.Config{MaxSessions: 4}, func(s *server) {
		polled := s.join()
		left := s.open()
		s.expectTaken(s.post(left, joinFrame))
		for range 100 {
			s.open()
		}
		if n := s.Sessions(); n != 4 {
			t.Errorf("there are %d sessions", n)
		}
		s.expectLeft(channel.LeaveClosed)
		s.expectStatus(s.post(left, echoFrame), 410)
		mine := s.open()
		poll := s.begin(request(http.MethodGet, mine, ""))
		for range 100 {
			s.open()
		}
		s.expectStatus(poll(), 204)
		s.expectStatus(s.get(polled), 204)
		s.Tick() // forgets who has been polled since
		for range 100 {
			s.open()
		}
		s.expectTaken(s.post(polled, heartbeat))
		s.expectTaken(s.post(mine, heartbeat))
	})
}
