package host_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest"
)

// TestHosts: a page whose name leads here by a trick is refused, although its
// origin is the host that it asks for.
func TestHosts(t *testing.T) {
	s := hosttest.Start(t, host.Config{
		Routes: echoRoutes(), Hosts: []string{"Chat.example", "*.a.example"},
		Fallback: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
	})
	shake(t, s, "", nil) // the host runs now
	for name, want := range map[string]bool{
		"chat.example": true, "CHAT.example:4000": true, "chat.example.": true, "a.example": true, "b.a.example:80": true, "c.b.a.example": true,
		"127.0.0.1": true, "127.0.0.1:4000": true, "[::1]:4000": true, "[2001:db8::1]": true, "192.0.2.7": true,
		"b.chat.example": false, "evil-a.example": false, "chat.example.evil": false, "localhost": false, "": false, ":4000": false, "a.example:": false,
		"chat.example..": false, ".a.example": false, "[::1": false, "::1": false, "127.0.0.1.evil": false, "chat.example:4000:4000": false, "chat.example@evil": false,
	} {
		for path, open := range map[string]int{"/": http.StatusNoContent, "/socket/websocket": http.StatusBadRequest} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = name
			r.Header.Set("Origin", "http://"+name)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if code := map[bool]int{true: open, false: http.StatusForbidden}[want]; w.Code != code {
				t.Errorf("%s asked for as %q: status %d, want %d", path, name, w.Code, code)
			}
			if !want && (!strings.Contains(w.Body.String(), "--host NAME") || w.Header().Get("X-Content-Type-Options") != "nosniff") {
				t.Errorf("%q is told %q, %v", name, w.Body, w.Header())
			}
		}
	}
}
