package host_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// originRow says whether a page of origin may connect to chat.example:4000.
type originRow struct {
	entries string // separated by spaces
	origin  string
	want    bool
}

func originRows() []originRow {
	return []originRow{
		// The host's own pages, and clients that are no browsers.
		{"", "", true},
		{"", "http://chat.example:4000", true},
		{"", "https://CHAT.example:4000", true},
		{"", "http://chat.example", false},
		{"", "http://chat.example:4001", false},
		{"", "http://evil.example", false},
		{"https://a.com", "http://chat.example:4000", true},
		// That scheme, and its port.
		{"https://a.com", "https://a.com", true},
		{"https://a.com", "https://A.com", true},
		{"https://a.com", "https://a.com:443", true},
		{"https://a.com", "https://a.com:8443", false},
		{"https://a.com", "http://a.com", false},
		{"https://a.com", "http://a.com:443", false},
		{"https://a.com", "https://b.a.com", false},
		{"https://a.com", "https://a.com.evil.example", false},
		{"https://a.com", "https://evila.com", false},
		{"https://a.com", "https://a.com@evil.example", false},
		{"https://a.com", "https://a.com.", false},
		{"https://a.com/", "https://a.com", true},
		{"https://a.com:8443", "https://a.com:8443", true},
		{"https://a.com:8443", "https://a.com", false},
		{"http://a.com", "http://a.com:80", true},
		// Any scheme, with its own port or the one that is named.
		{"//a.com", "https://a.com", true},
		{"//a.com", "http://a.com:80", true},
		{"//a.com", "http://a.com:443", false},
		{"//a.com", "capacitor://a.com", true},
		{"//a.com:888", "https://a.com:888", true},
		{"//a.com:888", "http://a.com:888", true},
		{"//a.com:888", "https://a.com", false},
		// The names below one, and itself.
		{"//*.a.com", "https://a.com", true},
		{"//*.a.com", "https://b.a.com", true},
		{"//*.a.com", "https://C.b.A.com", true},
		{"//*.a.com", "https://evila.com", false},
		{"//*.a.com", "https://a.com.evil.example", false},
		{"//*.a.com:888", "https://b.a.com:888", true},
		{"//*.a.com:888", "https://b.a.com", false},
		{"https://*.a.com", "http://b.a.com", false},
		// Addresses.
		{"http://127.0.0.1:4000", "http://127.0.0.1:4000", true},
		{"http://[::1]:4000", "http://[::1]:4000", true},
		{"http://[::1]:4000", "http://[::2]:4000", false},
		{"http://[::1]:4000", "http://[0:0:0::1]:4000", true},
		{"http://[::1]", "http://[::1%25eth0]", false},
		{"http://[::1]", "http://::1", false},
		{"http://10.0.0.1", "http://010.0.0.1", false},
		{"http://10.0.0.1", "http://10.0.0.1.evil.example", false},
		// Names that look like it.
		{"https://a.com", "https://evil-a.com", false},
		{"https://a.com", "https://a.com.evil.com", false},
		{"https://a.com", "https://a.comevil.example", false},
		{"https://a.com", "https://a.co", false},
		{"https://a.com", "https://.a.com", false},
		{"//*.a.com", "https://evil-a.com", false},
		{"//*.a.com", "https://.a.com", false},
		{"//*.a.com", "https://*.a.com", false},
		{"//*.a.com", "https://a.com:8443", false},
		{"//*.a.com", "https://b.a.com.", false},
		{"//*.a.com", "https://a_b.a.com", true},
		{"//*.a.com:888", "https://a.com:888", true},
		{"//*.b.a.com", "https://a.com", false},
		{"https://*.a.com:443", "https://b.a.com", true},
		{"//a.com:443", "https://a.com", true},
		{"//a.com:443", "http://a.com:443", true},
		{"//a.com:443", "http://a.com", false},
		{"https://a.com.", "https://a.com", false},
		{"https://a.com.", "https://a.com.", true},
		// Upper case, in what is configured too.
		{"HTTPS://A.Com", "https://a.com", true},
		{"//*.A.COM", "https://b.a.com", true},
		{"https://a.com", "HTTPS://A.COM", true},
		// Names of other scripts travel in ASCII.
		{"https://xn--bcher-kva.example", "https://xn--bcher-kva.example", true},
		{"https://xn--bcher-kva.example", "https://XN--BCHER-KVA.example", true},
		{"https://xn--bcher-kva.example", "https://bücher.example", false},
		{"//*.xn--bcher-kva.example", "https://a.xn--bcher-kva.example", true},
		{"https://k.com", "https://\u212a.com", false},
		{"https://s.com", "https://\u017f.com", false},
		// No browser writes an origin so.
		{"https://a.com", "https://evil.example@a.com", false},
		{"https://a.com", "https://a.com:443@evil.example", false},
		{"https://a.com", "https://a.com/", false},
		{"https://a.com", "https://a.com/path", false},
		{"https://a.com", "https://a.com?q", false},
		{"https://a.com", "https://a.com?", false},
		{"https://a.com", "https://a.com#f", false},
		{"https://a.com", "https://a.com:", false},
		{"https://a.com", "https://a.com:0443", false},
		{"https://a.com", "https://a.com:70000", false},
		{"https://a.com", "https://a.com:443:443", false},
		{"https://a.com", "https://%61.com", false},
		{"https://a.com", "https://a.com%00.evil.example", false},
		{"https://a.com", "https://a.com%2eevil.example", false},
		{"https://a.com", "https://a.com\\@evil.example", false},
		{"https://a.com", "https:\\\\a.com", false},
		{"https://a.com", "https:a.com", false},
		{"https://a.com", "https:///a.com", false},
		{"https://a.com", "//a.com", false},
		{"https://a.com", " https://a.com", false},
		{"https://a.com", "https://a.com https://evil.example", false},
		{"https://a.com", "https://evil.example, https://a.com", false},
		{"https://a.com", "https://a.com, https://a.com", false},
		{"//a.com", "1ttps://a.com", false},
		{"//a.com", "://a.com", false},
		{"//localhost", "chrome-extension://localhost", true},
		{"capacitor://localhost", "capacitor://localhost", true},
		{"capacitor://localhost", "http://localhost", false},
		// One of several.
		{"https://a.com https://b.com", "https://b.com", true},
		{"https://a.com https://b.com", "https://c.com", false},
		// What is no origin of a page is let in only with *.
		{"https://a.com //null", "null", false},
		{"https://a.com", "file://", false},
		{"https://a.com", "https://", false},
		{"https://a.com", "a.com", false},
		{"https://a.com", "::", false},
		{"*", "null", true},
		{"*", "file://", true},
		{"*", "https://anything.example", true},
	}
}

func TestOrigins(t *testing.T) {
	for _, tc := range originRows() {
		check, err := host.Origins(strings.Fields(tc.entries))
		if err != nil {
			t.Fatalf("%q: %v", tc.entries, err)
		}
		r := &http.Request{Host: "chat.example:4000", Header: http.Header{}}
		if tc.origin != "" {
			r.Header.Set("Origin", tc.origin)
		}
		if got := check(r); got != tc.want {
			t.Errorf("with %q: %q is let in: %v, want %v", tc.entries, tc.origin, got, tc.want)
		}
	}
}

// TestOriginsOfMounts: what is denied is 403, which polls tell in the body of a
// 200, and what one mount allows is not allowed at another.
func TestOriginsOfMounts(t *testing.T) {
	rows := originRows()
	cfg := host.Config{Routes: echoRoutes()}
	paths := make(map[string]string) // by entries
	for _, row := range rows {
		if paths[row.entries] != "" {
			continue
		}
		check, err := host.Origins(strings.Fields(row.entries))
		if err != nil {
			t.Fatal(err)
		}
		paths[row.entries] = fmt.Sprintf("/mount%d", len(paths))
		cfg.Mounts = append(cfg.Mounts, host.Mount{Path: paths[row.entries], CheckOrigin: check})
	}
	s := hosttest.Start(t, cfg)
	shake(t, s, "", nil) // the host runs now
	serve := func(path, origin string, handshake bool) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Host = "chat.example:4000"
		if handshake {
			r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
		}
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	for _, row := range append(rows, originRow{"default", "https://a.com", false}, originRow{"default", "http://chat.example:4000", true}) {
		path := paths[row.entries]
		if row.entries == "default" {
			path = host.DefaultMount
		}
		// A recorder cannot become a WebSocket, which is 500.
		status := map[bool]int{true: http.StatusInternalServerError, false: http.StatusForbidden}[row.want]
		if w := serve(path+"/websocket", row.origin, true); w.Code != status {
			t.Errorf("with %q: a WebSocket of %q is answered %d, want %d", row.entries, row.origin, w.Code, status)
		}
		body := map[bool]string{true: `{"status":410,`, false: `{"status":403}`}[row.want]
		if w := serve(path+"/longpoll", row.origin, false); w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), body) {
			t.Errorf("with %q: a poll of %q is answered %d, %s, want %s", row.entries, row.origin, w.Code, w.Body, body)
		}
	}
}

// TestMounts: all mounts lead to the same channels, and connect is told which it
// was; a session that polls at one is unknown at another.
func TestMounts(t *testing.T) {
	var path string
	h := connecting(func(ev *channel.Event) (channel.Result, error) {
		var info struct{ URI struct{ Path string } }
		err := json.Unmarshal(ev.Payload.Data(), &info)
		path = info.URI.Path
		return channel.Result{}, err
	})
	s := hosttest.Start(t, host.Config{
		Routes: echoRoutes(), ConnectHandler: h, Mount: "/", Mounts: []host.Mount{{Path: "/admin/"}, {Path: "/a/b"}},
	})
	for mount, want := range map[string]string{"": "/websocket", "/admin": "/admin/websocket", "/a/b": "/a/b/websocket"} {
		c, err := phxclient.Connect(t.Context(), strings.TrimSuffix(s.Socket, "/")+mount, phxclient.ClientOptions{})
		if err != nil {
			t.Fatalf("%s: %v", mount, err)
		}
		expectAlive(t, c)
		c.Close()
		if path != want {
			t.Errorf("connect was told %s, want %s", path, want)
		}
	}
	poll := func(url string) (answer struct {
		Status int
		Token  string
	}) {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	first := poll(s.URL + "/admin/longpoll?vsn=2.0.0")
	if other := poll(s.URL + "/a/b/longpoll?vsn=2.0.0&token=" + url.QueryEscape(first.Token)); first.Status != 410 || other.Status != 410 || other.Token == first.Token {
		t.Errorf("%+v, and at another mount %+v", first, other)
	}
	for want, mounts := range map[string][]host.Mount{
		`the mount "admin" must start with a slash`:    {{Path: "admin"}},
		`the mount "" must start with a slash`:         {{}},
		`the mount "/socket/" is there twice`:          {{Path: "/socket/"}},
		`the mount "/a" is there twice`:                {{Path: "/a"}, {Path: "/a"}},
		`the mount "/a/{b}" is no path: leave out`:     {{Path: "/a/{b}"}},
		`the mount "/GET /a" is no path: leave out sp`: {{Path: "/GET /a"}},
	} {
		if _, err := host.New(host.Config{Routes: echoRoutes(), Mounts: mounts}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Two Origin headers are no origin.
func TestSeveralOrigins(t *testing.T) {
	for entry, want := range map[string]bool{"https://a.com": false, "*": true} {
		check, err := host.Origins([]string{entry})
		if err != nil {
			t.Fatal(err)
		}
		r := &http.Request{Host: "chat.example", Header: http.Header{"Origin": {"https://a.com", "https://evil.example"}}}
		if got := check(r); got != want {
			t.Errorf("with %q: let in: %v, want %v", entry, got, want)
		}
	}
}

// All entries that are none are named, with what would be one.
func TestBadOrigins(t *testing.T) {
	bad := []string{
		"a.com", "", "https://", "//", "https://a.com/path", "https://a.com?q", "https://a.com#f", "https://user@a.com", "https://*", "//*",
		"//*.", "https://a.*.com", "https://a*.com", "//*.*.com", "https://a.com:port", "*.a.com", "https://a.com https://b.com",
		"https://bücher.example", "null", "//*.127.0.0.1", "http://localhost:*", "https://[::1", "https://[1.2.3.4]", "http://::1", "https://a.com:70000",
		"://a.com", "https:a.com", "https://.a.com", "1://a.com",
	}
	_, err := host.Origins(append([]string{"https://fine.example"}, bad...))
	if err == nil {
		t.Fatal("no error")
	}
	for _, entry := range bad {
		if !strings.Contains(err.Error(), `"`+entry+`"`) {
			t.Errorf("the error does not name %q", entry)
		}
	}
	if strings.Contains(err.Error(), "fine.example") || !strings.Contains(err.Error(), "//*.example.com") {
		t.Errorf("the error is\n%v", err)
	}
}

// What is said of an entry is what its author should do.
func TestBadOriginsAreExplained(t *testing.T) {
	for entry, want := range map[string]string{
		"a.com":                  "did you mean https://a.com, or //a.com for any scheme?",
		"localhost:5173":         "did you mean https://localhost:5173, or //localhost:5173 for any scheme?",
		"*.a.com":                "did you mean https://*.a.com, or //*.a.com for any scheme?",
		"null":                   "if all pages may connect, say so by *",
		"https://bücher.example": "in ASCII, such as https://xn--",
		"//*.10.0.0.1":           "there are no names below an address",
		"http://localhost:*":     "* may only stand for the names below one",
		"https://a.com/chat":     "leave out everything but the scheme, the host and the port",
		"https://jo@a.com":       "leave out everything but the scheme, the host and the port",
		"https://a.com:port":     "expected https://example.com",
	} {
		if _, err := host.Origins([]string{entry}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", entry, err, want)
		}
	}
}

// FuzzOrigins: no origin passes that is not one of the host itself, of a.com, or
// of a name below b.com, on its own port.
func FuzzOrigins(f *testing.F) {
	check, err := host.Origins([]string{"https://a.com", "//*.b.com"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"https://a.com", "https://x.b.com", "http://b.com:80", "https://a.com@evil.example", "https://evilb.com", "http://chat.example:4000", "null", "https://x.B.com."} {
		f.Add(seed)
	}
	allowed := regexp.MustCompile(`(?i)^(https://a\.com(:443)?|https?://chat\.example:4000|[a-z][a-z0-9+.-]*://([a-z0-9_-][a-z0-9._-]*\.)?b\.com(:80|:443)?)$`)
	f.Fuzz(func(t *testing.T, origin string) {
		r := &http.Request{Host: "chat.example:4000", Header: http.Header{"Origin": {origin}}}
		ascii := !strings.ContainsFunc(origin, func(r rune) bool { return r > unicode.MaxASCII })
		if check(r) && !(ascii && allowed.MatchString(origin)) {
			t.Errorf("%q is let in", origin)
		}
	})
}
