package websocket_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/websocket"
)

// handshake is a request for an upgrade, with changes.
func handshake(t *testing.T, s *server, query string, header map[string]string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.http.URL+"/?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		r.Header.Set(k, v)
	}
	for k, v := range header {
		switch {
		case k == ":method":
			r.Method = v
		case v == "":
			r.Header.Del(k)
		default:
			r.Header.Set(k, v)
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func TestHandshake(t *testing.T) {
	s := start(t, options{})
	plain := map[string]string{"Connection": "", "Upgrade": "", "Sec-WebSocket-Version": "", "Sec-WebSocket-Key": ""}
	for _, tc := range []struct {
		name, query string
		header      map[string]string
		status      int
		subprotocol string
	}{
		{"version 2", "vsn=2.0.0", nil, 101, ""},
		{"version 1", "vsn=1.0.0", nil, 101, ""},
		{"no version", "", nil, 101, ""},
		{"a patch of version 2", "vsn=2.0.7", nil, 101, ""},
		{"the application has a vsn of its own", "vsn=mine&vsn=2.0.0", nil, 101, ""},
		{"the last version counts", "vsn=2.0.0&vsn=3.0.0", nil, 403, ""},
		{"version 3", "vsn=3.0.0", nil, 403, ""},
		{"version 2.1", "vsn=2.1.0", nil, 403, ""},
		{"not a version", "vsn=two", nil, 403, ""},
		{"a plain GET", "vsn=2.0.0", plain, 400, ""},
		{"a POST", "vsn=2.0.0", map[string]string{":method": "POST", "Connection": "", "Upgrade": ""}, 400, ""},
		{"no key", "vsn=2.0.0", map[string]string{"Sec-WebSocket-Key": ""}, 400, ""},
		{"an old version of WebSocket", "vsn=2.0.0", map[string]string{"Sec-WebSocket-Version": "8"}, 400, ""},
		{"the host's own page", "vsn=2.0.0", map[string]string{"Origin": s.http.URL}, 101, ""},
		{"a foreign page", "vsn=2.0.0", map[string]string{"Origin": "https://evil.example"}, 403, ""},
		{"a page without an origin", "vsn=2.0.0", map[string]string{"Origin": "null"}, 403, ""},
		{"subprotocol phoenix", "vsn=2.0.0", map[string]string{"Sec-WebSocket-Protocol": "phoenix"}, 101, "phoenix"},
		{"subprotocol with a token", "vsn=2.0.0", map[string]string{"Sec-WebSocket-Protocol": "phoenix, base64url.bearer.phx.dG9rZW4="}, 101, "phoenix"},
		{"subprotocol, the token first", "vsn=2.0.0", map[string]string{"Sec-WebSocket-Protocol": "base64url.bearer.phx.dG9rZW4, phoenix"}, 101, "phoenix"},
		{"an unknown subprotocol", "vsn=2.0.0", map[string]string{"Sec-WebSocket-Protocol": "graphql-ws"}, 403, ""},
		{"an unknown subprotocol that looks like it", "vsn=2.0.0", map[string]string{"Sec-WebSocket-Protocol": "phoenix2, Phoenix"}, 403, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := handshake(t, s, tc.query, tc.header)
			if res.StatusCode != tc.status || res.Header.Get("Sec-WebSocket-Protocol") != tc.subprotocol {
				t.Errorf("status %d and subprotocol %q, want %d and %q", res.StatusCode, res.Header.Get("Sec-WebSocket-Protocol"), tc.status, tc.subprotocol)
			}
			if tc.status == http.StatusSwitchingProtocols {
				if got := res.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
					t.Errorf("accepted with %q", got) // the example of RFC 6455, section 1.3
				}
				return
			}
			if body, err := io.ReadAll(res.Body); err != nil || len(body) > 0 {
				t.Errorf("the body is %q (%v), want none", body, err)
			}
		})
	}
	s.expectConns(t, 0)
}

// The transport asks only for connections that could be made, and refuses as it
// is told.
func TestAccept(t *testing.T) {
	asked := 0
	s := start(t, options{Config: websocket.Config{Accept: func(r *http.Request) (socket.Config, error) {
		asked++
		return socket.Config{}, errors.New("not you")
	}}})
	for _, query := range []string{"vsn=9.0.0", "vsn=2.0.0"} {
		if res := handshake(t, s, query, nil); res.StatusCode != http.StatusForbidden {
			t.Errorf("status %d, want 403", res.StatusCode)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times, want once", asked)
	}
	if s.log.Count("not you") != 1 {
		t.Errorf("the log:\n%s", &s.log)
	}
}

// The body of a refusal, which a guest may have written, is not for a browser to
// guess about.
func TestBodyOfARefusal(t *testing.T) {
	for want, body := range map[string]phx.Payload{
		"application/json; charset=utf-8": channeltest.JSON(`"<script>"`), "application/octet-stream": phx.Bytes([]byte("<script>")),
	} {
		s := start(t, options{Config: websocket.Config{Accept: func(*http.Request) (socket.Config, error) {
			return socket.Config{}, &socket.RefusedError{Status: http.StatusTeapot, Body: body, HasBody: true}
		}}})
		res := handshake(t, s, "vsn=2.0.0", nil)
		if kind, sniff := res.Header.Get("Content-Type"), res.Header.Get("X-Content-Type-Options"); res.StatusCode != http.StatusTeapot || kind != want || sniff != "nosniff" {
			t.Errorf("status %d, %s, %q; want 418, %s, nosniff", res.StatusCode, kind, sniff, want)
		}
	}
}

func TestCheckOrigin(t *testing.T) {
	s := start(t, options{Config: websocket.Config{CheckOrigin: func(r *http.Request) bool {
		return r.Header.Get("Origin") == "https://friend.example"
	}}})
	for origin, want := range map[string]int{"https://friend.example": 101, "https://evil.example": 403} {
		if res := handshake(t, s, "vsn=2.0.0", map[string]string{"Origin": origin}); res.StatusCode != want {
			t.Errorf("%s: status %d, want %d", origin, res.StatusCode, want)
		}
	}
}

// After Shutdown there are no new connections.
func TestHandshakeAfterShutdown(t *testing.T) {
	s := start(t, options{})
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if res := handshake(t, s, "vsn=2.0.0", nil); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", res.StatusCode)
	}
}

// Each connection speaks the version that it asked for.
func TestVersions(t *testing.T) {
	s := start(t, options{})
	for _, query := range []string{"?vsn=1.0.0", ""} {
		c, res, err := s.dialer().Dial(strings.Replace(s.url(), "?vsn=2.0.0", query, 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = res.Body.Close()
		v1 := &client{c, t}
		v1.send(`{"topic":"t","event":"phx_join","payload":{},"ref":"1"}`)
		v1.expect(`{"topic":"t","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"1"}`)
	}
	v2 := s.join(t)
	v2.send(`["1","2","t","say",{"a":1}]`)
	v2.expect(`[null,null,"t","said",{"a":1}]`)
}
