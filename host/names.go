package host

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/chhost/chhost/host/socket"
)

// hostNames are the names that the host answers to; empty are all. They keep out
// a page whose own name was made to lead here (DNS rebinding): to its browser it
// is a page of this host, but the browser still says the name.
type hostNames []hostName

type hostName struct {
	name     string
	wildcard bool // and all names below it
}

func newHostNames(entries []string) (hostNames, error) {
	var names hostNames
	var errs []error
	for _, entry := range entries {
		rest, wildcard := strings.CutPrefix(entry, "*.")
		name, port, ok := socket.SplitHost(rest)
		switch {
		case ok && port != "":
			errs = append(errs, fmt.Errorf("host: %q has a port: leave it out, a name counts with every port", entry))
		case !ok || strings.Trim(name, ".") != name:
			errs = append(errs, fmt.Errorf("host: %q is no name of a host: expected chat.example.com or *.example.com, in ASCII as browsers send it (xn--...)", entry))
		default:
			names = append(names, hostName{name, wildcard})
		}
	}
	return names, errors.Join(errs...)
}

// allow tells whether the host answers to what a request has in its field Host.
// It always answers to addresses: nobody but their owner can make them lead here.
func (names hostNames) allow(host string) bool {
	if len(names) == 0 {
		return true
	}
	name, _, ok := socket.SplitHost(host)
	if !ok {
		return false
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	name = strings.TrimSuffix(name, ".")
	for _, n := range names {
		if name == n.name || n.wildcard && strings.HasSuffix(name, "."+n.name) {
			return true
		}
	}
	return false
}

// guard is next for the names that the host answers to.
func (names hostNames) guard(next http.Handler, log *slog.Logger) http.Handler {
	if len(names) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if names.allow(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		asked := r.Host[:min(len(r.Host), 255)]
		log.Info("request refused: the host does not answer to this name", "host", asked)
		http.Error(w, fmt.Sprintf("This host does not answer to the name %q. If it should, start it with that name: "+
			"chhost --host NAME, or Hosts in the library's Config.", asked), http.StatusForbidden)
	})
}
