package socket_test

import (
	"net/http/httptest"
	"testing"

	"github.com/chhost/chhost/host/socket"
)

func TestSameOrigin(t *testing.T) {
	for _, c := range []struct {
		host    string
		origins []string
		want    bool
	}{
		{"a.com", nil, true},
		{"a.com", []string{"https://a.com"}, true},
		{"a.com:8080", []string{"http://A.com:8080"}, true},
		{"a.com:8080", []string{"http://a.com"}, false},
		{"a.com", []string{"https://b.com"}, false},
		{"a.com", []string{"https://a.com", "https://a.com"}, false},
		{"a.com", []string{"null"}, false},
		{"a.com", []string{""}, false},
		{"a.com", []string{"://"}, false},
		{"", []string{"null"}, false},
		{"", []string{""}, false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = c.host
		r.Header["Origin"] = c.origins
		if c.origins == nil {
			r.Header.Del("Origin")
		}
		if got := socket.SameOrigin(r); got != c.want {
			t.Errorf("host %q, origins %q: %v", c.host, c.origins, got)
		}
	}
}
