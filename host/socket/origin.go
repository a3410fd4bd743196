package socket

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// Origin is where a page comes from, as its browser says.
type Origin struct {
	// Scheme and Host are in lower case; Host is a name or an address, the latter
	// without brackets.
	Scheme, Host string
	// Port is empty if it is the scheme's own.
	Port string
}

// ParseOrigin reads an origin as browsers write it (RFC 6454, section 7): a
// scheme, a host and perhaps a port, and nothing else. A host is in ASCII, as
// browsers send those of other scripts too; "null" and file:// have none.
func ParseOrigin(text string) (o Origin, ok bool) {
	scheme, authority, found := strings.Cut(text, "://")
	if !found || !isScheme(scheme) {
		return Origin{}, false
	}
	o.Scheme = strings.ToLower(scheme)
	o.Host, o.Port, ok = SplitHost(authority)
	if !ok {
		return Origin{}, false
	}
	if o.Port == schemePort(o.Scheme) {
		o.Port = ""
	}
	return o, true
}

// HasPort tells whether the origin's port is the given one; empty stands for the
// scheme's own.
func (o Origin) HasPort(port string) bool {
	return o.Port == port || o.Port == "" && port == schemePort(o.Scheme)
}

// schemePort is the port that a scheme's URLs have without naming one.
func schemePort(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "80"
	case "https", "wss":
		return "443"
	}
	return ""
}

func isScheme(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}

// SplitHost takes a host and perhaps a port apart, as they stand in the header
// fields Host and Origin. The host is in lower case, an IPv6 address without its
// brackets. It fails for what is neither a name in ASCII nor an address.
func SplitHost(authority string) (host, port string, ok bool) {
	if rest, bracketed := strings.CutPrefix(authority, "["); bracketed {
		address, behind, found := strings.Cut(rest, "]")
		ip, err := netip.ParseAddr(address)
		if !found || err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", "", false
		}
		host, port = ip.String(), behind
	} else {
		host, port = authority, ""
		if i := strings.IndexByte(authority, ':'); i >= 0 {
			host, port = authority[:i], authority[i:]
		}
		if !isName(host) {
			return "", "", false
		}
		host = strings.ToLower(host)
	}
	if port == "" {
		return host, "", true
	}
	number, err := strconv.ParseUint(strings.TrimPrefix(port, ":"), 10, 16)
	if port[0] != ':' || err != nil || ":"+strconv.FormatUint(number, 10) != port {
		return "", "", false
	}
	return host, port[1:], true
}

// isName tells whether a host may be a name or an IPv4 address. No other bytes:
// letters of other scripts may be equal to ASCII ones once case is left aside.
func isName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return s != "" && s[0] != '.'
}

// RequestOrigin is the origin that a request names. It fails for one that is no
// page's with a host, and for more than one.
func RequestOrigin(r *http.Request) (o Origin, ok bool) {
	origins := r.Header.Values("Origin")
	if len(origins) != 1 {
		return Origin{}, false
	}
	return ParseOrigin(origins[0])
}

// SameOrigin tells whether a request may connect that nothing else lets in: it
// has no Origin header (browsers always send one), or it comes from a page of the
// very host that it asks for. The scheme is not compared: what is in front of the
// host may have taken TLS off.
func SameOrigin(r *http.Request) bool {
	if len(r.Header.Values("Origin")) == 0 {
		return true
	}
	o, ok := RequestOrigin(r)
	if !ok || o.Scheme != "http" && o.Scheme != "https" { // another's pages come from no host
		return false
	}
	host, port, ok := SplitHost(r.Host)
	if ok && port == schemePort(o.Scheme) {
		port = ""
	}
	return ok && host == o.Host && port == o.Port
}

// LogForeign notes that a transport refuses a request because of its origin: the
// first thing that a developer with a page elsewhere meets.
func LogForeign(log *slog.Logger, r *http.Request) {
	clip := func(s string) string { return s[:min(len(s), 255)] } // a client wrote it
	log.Info("connection refused: the origin is not allowed", "origin", clip(r.Header.Get("Origin")), "host", clip(r.Host))
}
