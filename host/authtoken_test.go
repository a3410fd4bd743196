package host_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/hosttest"
)

// shake sends the request of a WebSocket's handshake and returns the answer.
func shake(t *testing.T, s *hosttest.Server, query string, header http.Header) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+host.DefaultMount+"/websocket?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
	for name, values := range header {
		r.Header[name] = values
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// TestAuthToken: clients send a token as a subprotocol, in either alphabet, and
// get the subprotocol "phoenix" for an answer.
func TestAuthToken(t *testing.T) {
	var token string
	h := connecting(func(ev *channel.Event) (channel.Result, error) {
		var info struct {
			Token string `json:"auth_token"`
		}
		err := json.Unmarshal(ev.Payload.Data(), &info)
		token = info.Token
		return channel.Result{}, err
	})
	s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Handler: h}}, ConnectHandler: h})
	const prefix = "base64url.bearer.phx."
	const odd = "~~~???ÿ" // has both characters in which the alphabets differ
	for _, tc := range []struct {
		name   string
		offers []string // header lines
		status int
		token  string
	}{
		{"none", nil, 101, ""},
		{"the subprotocol alone", []string{"phoenix"}, 101, ""},
		{"without padding", []string{"phoenix, " + prefix + "dG9rZW4"}, 101, "token"},
		{"with padding", []string{"phoenix, " + prefix + "dG9rZW4="}, 101, "token"},
		{"the token first", []string{prefix + "dG9rZW4,phoenix"}, 101, "token"},
		{"on two lines", []string{"phoenix", prefix + "dG9rZW4"}, 101, "token"},
		{"on two lines, the token first", []string{prefix + "dG9rZW4", "phoenix"}, 101, "token"},
		{"among others", []string{"graphql-ws, phoenix, " + prefix + "dG9rZW4"}, 101, "token"},
		{"the standard alphabet", []string{"phoenix, " + prefix + base64.StdEncoding.EncodeToString([]byte(odd))}, 101, odd},
		{"the standard alphabet, bare", []string{"phoenix, " + prefix + base64.RawStdEncoding.EncodeToString([]byte(odd))}, 101, odd},
		{"the alphabet of URLs", []string{"phoenix, " + prefix + base64.URLEncoding.EncodeToString([]byte(odd))}, 101, odd},
		{"the alphabet of URLs, bare", []string{"phoenix, " + prefix + base64.RawURLEncoding.EncodeToString([]byte(odd))}, 101, odd},
		{"empty", []string{"phoenix, " + prefix}, 101, ""},
		{"no base64", []string{"phoenix, " + prefix + "dG9rZW4!"}, 400, ""},
		{"a length that none has", []string{"phoenix, " + prefix + "dG9rZ"}, 400, ""},
		{"too much padding", []string{"phoenix, " + prefix + "dG9rZW4=="}, 400, ""},
		{"padding within", []string{"phoenix, " + prefix + "dG9=rZW4"}, 400, ""},
		{"no UTF-8", []string{"phoenix, " + prefix + base64.StdEncoding.EncodeToString([]byte("\xff"))}, 400, ""},
		{"two of them", []string{"phoenix, " + prefix + "dG9rZW4, " + prefix + "b3RoZXI"}, 400, ""},
		{"two of them, one empty", []string{"phoenix, " + prefix + ", " + prefix + "b3RoZXI"}, 400, ""},
		{"without the subprotocol", []string{prefix + "dG9rZW4"}, 403, ""},
		{"an unknown subprotocol", []string{"graphql-ws"}, 403, ""},
		{"an unknown one with a token", []string{"graphql-ws, " + prefix + "dG9rZW4"}, 403, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			token = "not asked"
			header := http.Header{"X-Phoenix-Authtoken": {"of another transport"}}
			if tc.offers != nil {
				header["Sec-Websocket-Protocol"] = tc.offers
			}
			res := shake(t, s, "vsn=2.0.0", header)
			want, answer := "not asked", ""
			if tc.status == http.StatusSwitchingProtocols {
				want = tc.token
				if tc.offers != nil {
					answer = "phoenix"
				}
			}
			if got := strings.Join(res.Header.Values("Sec-Websocket-Protocol"), "+"); res.StatusCode != tc.status || token != want || got != answer {
				t.Errorf("status %d, token %q, subprotocol %q; want %d, %q, %q", res.StatusCode, token, got, tc.status, want, answer)
			}
		})
	}
}

// A token that cannot be read is refused also where nobody asks for it, so that a
// client's fault shows before there is a connector.
func TestAuthTokenWithoutConnector(t *testing.T) {
	h := connecting(nil)
	s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Handler: h}}})
	for offer, want := range map[string]int{"phoenix, base64url.bearer.phx.dG9rZW4": 101, "phoenix, base64url.bearer.phx.!": 400} {
		if res := shake(t, s, "", http.Header{"Sec-Websocket-Protocol": {offer}}); res.StatusCode != want {
			t.Errorf("%q: status %d, want %d", offer, res.StatusCode, want)
		}
	}
}

// A connector is not told more than fits: another server in front of the host may
// let longer headers through.
func TestConnectIsToldSoMuch(t *testing.T) {
	asked := 0
	h := connecting(func(*channel.Event) (channel.Result, error) { asked++; return channel.Result{}, nil })
	cfg := host.Config{Routes: []host.Route{{Pattern: "*", Handler: h}}, ConnectHandler: h, ConnectHeaders: []string{"X-Long"}}
	s := hosttest.Start(t, cfg)
	shake(t, s, "", nil) // the host runs now
	for size, want := range map[int]int{60 << 10: http.StatusSwitchingProtocols, 64 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		r := httptest.NewRequest(http.MethodGet, host.DefaultMount+"/websocket", nil)
		r.Header = http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
			"X-Long": {strings.Repeat("x", size)},
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		// The recorder cannot be hijacked, which comes behind the connector.
		if want == http.StatusSwitchingProtocols {
			want = http.StatusInternalServerError
		}
		if w.Code != want {
			t.Errorf("with a header of %d bytes: status %d, want %d", size, w.Code, want)
		}
	}
	if asked != 2 {
		t.Errorf("the connector was asked %d times, want twice", asked)
	}
}

// TestConnectPeer: behind a proxy that is trusted, the connector is told of the
// client.
func TestConnectPeer(t *testing.T) {
	var peer string
	h := connecting(func(ev *channel.Event) (channel.Result, error) {
		var info struct{ Peer string }
		err := json.Unmarshal(ev.Payload.Data(), &info)
		peer = info.Peer
		return channel.Result{}, err
	})
	for _, tc := range []struct{ proxy, header, want string }{
		{"127.0.0.0/8", "", "2001:db8::7"}, {"127.0.0.0/8", "forwarded", "198.51.100.7"}, {"10.0.0.0/8", "", "127.0.0.1"},
	} {
		trusted, err := host.Proxies([]string{tc.proxy})
		if err != nil {
			t.Fatal(err)
		}
		s := hosttest.Start(t, host.Config{
			Routes: []host.Route{{Pattern: "*", Handler: h}}, ConnectHandler: h, TrustedProxies: trusted, ProxyHeader: tc.header,
		})
		shake(t, s, "", http.Header{"X-Forwarded-For": {"10.0.0.1, [2001:db8::7]:80"}, "Forwarded": {"for=198.51.100.7"}})
		if peer != tc.want {
			t.Errorf("trusting %s, %q: the peer is %s, want %s", tc.proxy, tc.header, peer, tc.want)
		}
	}
}

// Over long-polling the token comes as it is, in a header field of the GET that
// opens the session.
func TestAuthTokenOfPolls(t *testing.T) {
	token := ""
	h := connecting(func(ev *channel.Event) (channel.Result, error) {
		var info struct {
			Token string `json:"auth_token"`
		}
		err := json.Unmarshal(ev.Payload.Data(), &info)
		token = info.Token
		return channel.Result{}, err
	})
	s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Handler: h}}, ConnectHandler: h})
	for _, tc := range []struct {
		name   string
		lines  []string
		status int
		answer string
		token  string
	}{
		{"none", nil, 200, `{"status":410,`, ""},
		{"one", []string{"dG9rZW4="}, 200, `{"status":410,`, "dG9rZW4="},
		{"empty", []string{""}, 200, `{"status":410,`, ""},
		{"of another script", []string{"ü"}, 200, `{"status":410,`, "ü"},
		{"no UTF-8", []string{"\xff"}, 400, `{"status":403`, "not asked"},
		{"two", []string{"a", "a"}, 400, `{"status":403`, "not asked"},
	} {
		token = "not asked"
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+host.DefaultMount+"/longpoll?vsn=2.0.0", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header["X-Phoenix-Authtoken"] = tc.lines
		r.Header.Set("Sec-Websocket-Protocol", "phoenix, base64url.bearer.phx.!") // of another transport
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != tc.status || !strings.HasPrefix(string(body), tc.answer) || token != tc.token {
			t.Errorf("%s: status %d, %s, token %q, %v; want %d, %s and %q", tc.name, res.StatusCode, body, token, err, tc.status, tc.answer, tc.token)
		}
	}
}
