package host

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/chhost/chhost/host/socket"
)

// Origins returns a [Config.CheckOrigin] that lets these origins connect, and
// always the pages of the host itself and clients that send no Origin header
// (browsers always do). An entry is "https://a.com" (that scheme and port),
// "//a.com" (any scheme), "//*.a.com" (a.com and all names below it), each with
// a port if it is not the scheme's own, or "*" for every origin, also for "null"
// and what else has no host. Names are in ASCII, as browsers send them. The error
// lists all entries that are of no such form, and says what would be.
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
	any bool
	// Origin is the one; its scheme is empty if any will do.
	socket.Origin
	wildcard bool // and all names below it
}

func parseOrigin(entry string) (originPattern, error) {
	if entry == "*" {
		return originPattern{any: true}, nil
	}
	fault := func(format string, args ...any) (originPattern, error) {
		return originPattern{}, fmt.Errorf("%q is no origin: "+format, append([]any{entry}, args...)...)
	}
	rest, schemeless := strings.CutPrefix(entry, "//")
	scheme := "https"
	if !schemeless {
		var found bool
		if scheme, rest, found = strings.Cut(entry, "://"); !found {
			return noScheme(entry, fault)
		}
	}
	rest = strings.TrimSuffix(rest, "/")
	rest, wildcard := strings.CutPrefix(rest, "*.")
	p := originPattern{wildcard: wildcard}
	var ok bool
	switch p.Origin, ok = socket.ParseOrigin(scheme + "://" + rest); {
	case ok && wildcard && isAddress(p.Host):
		return fault("there are no names below an address")
	case ok && schemeless:
		p.Scheme = ""
		_, p.Port, _ = socket.SplitHost(rest)
		return p, nil
	case ok:
		return p, nil
	case strings.Contains(rest, "*"):
		return fault("* may only stand for the names below one, as in //*.example.com, or alone for every origin")
	case strings.ContainsFunc(rest, func(r rune) bool { return r > unicode.MaxASCII }):
		return fault("write the name as browsers send it, in ASCII, such as https://xn--bcher-kva.example for https://bücher.example")
	case strings.ContainsAny(rest, "/?#@"):
		return fault("leave out everything but the scheme, the host and the port, as in https://example.com")
	}
	return fault(originForms)
}

const originForms = "expected https://example.com, //example.com:8080, //*.example.com or *"

// noScheme says what is wrong with an entry that has not even slashes.
func noScheme(entry string, fault func(string, ...any) (originPattern, error)) (originPattern, error) {
	if entry == "null" {
		return fault("every page in a sandbox has it; if all pages may connect, say so by *")
	}
	if _, _, ok := socket.SplitHost(strings.TrimPrefix(entry, "*.")); ok {
		return fault(originForms+"; did you mean https://%s, or //%[1]s for any scheme?", entry)
	}
	return fault(originForms)
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func originAllowed(r *http.Request, patterns []originPattern) bool {
	if socket.SameOrigin(r) {
		return true
	}
	o, known := socket.RequestOrigin(r)
	return slices.ContainsFunc(patterns, func(p originPattern) bool { return p.any || known && p.matches(o) })
}

func (p *originPattern) matches(o socket.Origin) bool {
	if o.Host != p.Host && !(p.wildcard && strings.HasSuffix(o.Host, "."+p.Host)) {
		return false
	}
	if p.Scheme == "" {
		return o.HasPort(p.Port)
	}
	return o.Scheme == p.Scheme && o.Port == p.Port
}
