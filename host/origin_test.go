package host_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chhost/chhost/host"
)

func TestOrigins(t *testing.T) {
	for _, tc := range []struct {
		entries string // separated by spaces
		origin  string
		want    bool
	}{
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
	} {
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
