package host

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/netip"
	"strings"

	"github.com/chhost/chhost/host/channel"
)

// Proxies reads the addresses of proxies for [Config.TrustedProxies]: "10.0.0.0/8",
// "fd00::/8", or one address. The error lists all entries that are neither.
func Proxies(entries []string) ([]netip.Prefix, error) {
	var (
		prefixes []netip.Prefix
		errs     []error
	)
	for _, entry := range entries {
		prefix, err := netip.ParsePrefix(entry)
		if addr, single := netip.ParseAddr(entry); single == nil && addr.Zone() == "" {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%q is no network: expected 10.0.0.0/8, fd00::/8 or an address such as 192.0.2.7", entry))
			continue
		}
		if masked := prefix.Masked(); masked.Addr() != prefix.Addr() {
			errs = append(errs, fmt.Errorf("%q has bits set behind the /%d: did you mean %v?", entry, prefix.Bits(), masked))
			continue
		}
		prefixes = append(prefixes, prefix)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return prefixes, nil
}

// Header fields in which proxies say whom they speak for.
const (
	headerXForwardedFor = "X-Forwarded-For"
	headerForwarded     = "Forwarded"
)

// peers finds out who is connected. Each proxy writes the address that it was
// called from at the right end of the header field, so that what stands there is
// true as long as the one who wrote it is trusted; all that stands further left
// may be a lie.
type peers struct {
	trusted []netip.Prefix
	header  string // the one field that is believed
	seed    maphash.Seed
}

func newPeers(trusted []netip.Prefix, header string) (peers, error) {
	p := peers{header: http.CanonicalHeaderKey(header), seed: maphash.MakeSeed()}
	switch p.header {
	case "":
		p.header = headerXForwardedFor
	case headerXForwardedFor, headerForwarded:
	default:
		return p, fmt.Errorf("host: the proxy header %q is not known: it is X-Forwarded-For or Forwarded, whichever the proxy writes", header)
	}
	for _, prefix := range trusted {
		// Addresses are compared as IPv4 where they are.
		if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
		}
		p.trusted = append(p.trusted, prefix)
	}
	return p, nil
}

// peer is who is connected.
type peer struct {
	name string     // what connectors are told
	addr netip.Addr // the zero value if it has none
}

// of is the address of the client: the nearest one that is no trusted proxy's. A
// proxy that does not say whom it speaks for, or not so that it can be read,
// counts as the client.
func (p *peers) of(r *http.Request) peer {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return peer{name: r.RemoteAddr} // the host is served by something other than TCP: a Unix socket's clients are "@"
	}
	addr := at.Addr().Unmap().WithZone("")
	lines := r.Header.Values(p.header)
	for p.trusts(addr) {
		var node string
		var more bool
		if node, lines, more = p.last(lines); !more {
			break
		}
		next, ok := parseNode(node)
		if !ok {
			break
		}
		addr = next
	}
	return peer{addr.String(), addr}
}

// stand is what stands for a client's place where it is to blame for something. Those
// that have none, the machine's own, count as one.
func (p *peers) stand(client peer) channel.Peer {
	at := placeOf(client.addr)
	if !at.counts() {
		return 0
	}
	return channel.Peer(maphash.Bytes(p.seed, at[:]) | 1) // not 0
}

func (p *peers) trusts(addr netip.Addr) bool {
	for _, prefix := range p.trusted {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// last takes the rightmost node off the header's lines.
func (p *peers) last(lines []string) (node string, rest []string, more bool) {
	if len(lines) == 0 {
		return "", nil, false
	}
	line := lines[len(lines)-1]
	rest = lines[:len(lines)-1]
	element, at := line, -1
	if p.header == headerForwarded {
		at = lastOutsideQuotes(line, ',')
	} else {
		at = strings.LastIndexByte(line, ',')
	}
	if at >= 0 {
		element = line[at+1:]
		rest = append(rest[:len(rest):len(rest)], line[:at])
	}
	if p.header == headerForwarded {
		return forwardedFor(element), rest, true
	}
	return strings.Trim(element, " \t"), rest, true
}

// lastOutsideQuotes is strings.LastIndexByte, but for what is quoted. It reads
// from the right end, which a proxy wrote: a quote that a client left open further
// left must not hide it.
func lastOutsideQuotes(s string, c byte) int {
	quoted := false
	for i := len(s) - 1; i >= 0; i-- {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == c && !quoted:
			return i
		}
	}
	return -1
}

// forwardedFor is the one "for" of an element of Forwarded (RFC 7239, section 4),
// or nothing.
func forwardedFor(element string) string {
	if strings.Contains(element, `\`) { // no address has a quoted pair
		return ""
	}
	node, found := "", false
	for element != "" {
		at := lastOutsideQuotes(element, ';')
		name, value, _ := strings.Cut(strings.Trim(element[at+1:], " \t"), "=")
		element = element[:max(at, 0)]
		if !strings.EqualFold(name, "for") {
			continue
		}
		if found {
			return ""
		}
		found = true
		node = value
		if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
			node = value[1 : len(value)-1]
		}
	}
	return node
}

// parseNode reads an address, with or without a port; an IPv6 address that has a
// port is in brackets.
func parseNode(s string) (netip.Addr, bool) {
	host, port := s, ""
	if rest, ok := strings.CutPrefix(s, "["); ok {
		if host, port, ok = strings.Cut(rest, "]"); !ok || !strings.Contains(host, ":") {
			return netip.Addr{}, false
		}
	} else if strings.Count(s, ":") == 1 {
		i := strings.IndexByte(s, ':')
		host, port = s[:i], s[i:]
	}
	if port != "" && !isNodePort(port) {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// isNodePort tells whether s is ":80", or a name in place of the number, such as
// ":_hidden".
func isNodePort(s string) bool {
	if len(s) < 2 || s[0] != ':' {
		return false
	}
	for _, c := range []byte(s[1:]) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}
