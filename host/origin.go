package host

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/chhost/chhost/host/socket"
)

// Origins returns a [Config.CheckOrigin] that lets these origins connect, and
// always the pages of the host itself and clients that send no Origin header
// (browsers always do). An entry is "https://a.com" (that scheme and port),
// "//a.com" (any scheme), "//*.a.com" (a.com and all names below it), each with
// a port if it is not the scheme's own, or "*" for every origin. The error lists
// all entries that are of no such form.
func Origins(entries []string) (func(r *http.Request) bool, error) {
	var (
		patterns []originPattern
		errs     []error
	)
	for _, entry := range entries {
		p, err := parseOrigin(entry)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		patterns = append(patterns, p)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return func(r *http.Request) bool { return originAllowed(r, patterns) }, nil
}

type originPattern struct {
	any      bool
	scheme   string // empty: any
	host     string // lower case
	wildcard bool
	port     string // empty: the scheme's own
}

func parseOrigin(entry string) (originPattern, error) {
	if entry == "*" {
		return originPattern{any: true}, nil
	}
	u, err := url.Parse(entry)
	if err != nil || u.Host == "" || u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return originPattern{}, fmt.Errorf("%q is no origin: expected https://example.com, //example.com:8080, //*.example.com or *", entry)
	}
	p := originPattern{scheme: u.Scheme, host: strings.ToLower(u.Hostname()), port: u.Port()}
	if rest, ok := strings.CutPrefix(p.host, "*."); ok {
		p.host, p.wildcard = rest, true
	}
	if p.host == "" || strings.Contains(p.host, "*") {
		return originPattern{}, fmt.Errorf("%q is no origin: * may only stand for the names below one, as in //*.example.com", entry)
	}
	return p, nil
}

func originAllowed(r *http.Request, patterns []originPattern) bool {
	if socket.SameOrigin(r) {
		return true
	}
	headers := r.Header.Values("Origin")
	u, err := url.Parse(headers[0])
	if len(headers) > 1 || err != nil || u.Host == "" {
		return matchesAny(patterns)
	}
	for _, p := range patterns {
		if p.matches(u) {
			return true
		}
	}
	return false
}

func matchesAny(patterns []originPattern) bool {
	for _, p := range patterns {
		if p.any {
			return true
		}
	}
	return false
}

func (p originPattern) matches(u *url.URL) bool {
	if p.any {
		return true
	}
	host := strings.ToLower(u.Hostname())
	if host != p.host && !(p.wildcard && strings.HasSuffix(host, "."+p.host)) {
		return false
	}
	if p.scheme != "" && p.scheme != u.Scheme {
		return false
	}
	return port(u.Scheme, p.port) == port(u.Scheme, u.Port())
}

// port is a port, or the scheme's own.
func port(scheme, port string) string {
	switch {
	case port != "":
		return port
	case scheme == "https":
		return "443"
	case scheme == "http":
		return "80"
	}
	return ""
}
