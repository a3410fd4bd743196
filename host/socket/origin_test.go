package socket_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
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
		{"a.com", []string{"http://a.com"}, true}, // TLS may have been taken off
		{"a.com:443", []string{"https://a.com"}, true},
		{"a.com", []string{"https://a.com:443"}, true},
		{"a.com:80", []string{"https://a.com"}, false},
		{"A.COM", []string{"https://a.com"}, true},
		{"[::1]:4000", []string{"http://[::1]:4000"}, true},
		{"[::1]:4000", []string{"http://[0:0::1]:4000"}, true},
		{"[::1]", []string{"http://[::1"}, false},
		{"a.com.", []string{"https://a.com"}, false},
		{"a.com.", []string{"https://a.com."}, true},
		{"a.com", []string{"https://a.com/"}, false},
		{"a.com", []string{"https://jo@a.com"}, false},
		{"a.com", []string{"capacitor://a.com"}, false},
		{"k.com", []string{"https://\u212a.com"}, false}, // the Kelvin sign, a k once case is left aside
		{"\u212a.com", []string{"https://\u212a.com"}, false},
		{"a.com:", []string{"https://a.com:"}, false},
		{"a.com:080", []string{"http://a.com:080"}, false},
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

// FuzzParseOrigin: what is an origin is written in one way only, in which it is
// the same one.
func FuzzParseOrigin(f *testing.F) {
	for _, seed := range []string{
		"https://a.com", "http://A.com:8080", "null", "file://", "https://[::1]:4000", "https://a.com:443", "https://jo@a.com", "a+b-c.d://x_y.z.",
		"https://\u212a.com", "https://a.com:0443", "https://[fe80::1%25eth0]", "https://a.com, https://b.com", "//a.com", "://", "https://a.com#",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, ok := socket.ParseOrigin(text)
		if !ok {
			return
		}
		host := o.Host
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		written := o.Scheme + "://" + host
		if o.Port != "" {
			written += ":" + o.Port
		}
		if again, ok := socket.ParseOrigin(written); !ok || again != o {
			t.Errorf("%q is %+v, but %q is %+v", text, o, written, again)
		}
		u, err := url.Parse(text)
		if err != nil || !strings.EqualFold(u.Scheme, o.Scheme) || u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
			t.Errorf("%q is %+v, but the URL %+v (%v)", text, o, u, err)
		}
		if written != strings.ToLower(written) || strings.ContainsAny(written, "@/?# ,%") && strings.Count(written, "/") != 2 {
			t.Errorf("%q is written %q", text, written)
		}
	})
}
