package tenant

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

// Names are the ways in which a connection may name its tenant.
type Names struct {
	// Host is the name of the host that the client asked for, in lower case and
	// without a port.
	Host string
	// Path is the name in the path /t/NAME/socket. Empty: it has none.
	Path string
	// Claim is the tenant that a token names, of an issuer that the operator has
	// configured. Empty: there is none.
	Claim string
}

// Resolve returns the tenant of a connection: the first of its names that names one
// decides, another that names a different one refuses the connection. Without any it is
// [Default]. A host name that no tenant has names nobody. The error is a
// [*socket.RefusedError].
func (d *Directory) Resolve(n Names) (*Tenant, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	found, by := d.hosts[n.Host], "the host name"
	for _, way := range []struct{ by, name string }{{"the path", n.Path}, {"the token", n.Claim}} {
		if way.name == "" {
			continue
		}
		t := d.tenants[way.name]
		switch {
		case t == nil:
			return nil, unknown(way.by, way.name)
		case found == nil:
			found, by = t, way.by
		case found != t:
			return nil, mismatch(by, found.name, way.by, way.name)
		}
	}
	if found == nil {
		found = d.tenants[Default]
	}
	return found, nil
}

// Unnamed tells whether a connection names no tenant, or one that there is not.
func (d *Directory) Unnamed(n Names) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.hosts[n.Host] == nil && d.tenants[n.Path] == nil
}

// unknown is what a client is told that names a tenant which there is not.
func unknown(by, name string) error {
	return refused(http.StatusNotFound, phx.ReasonUnknownTenant, fmt.Errorf(
		"tenant: %s names the tenant %q, which there is not: a tenant is named by the host name (one of its hosts), by the path /t/NAME/socket, or by a claim of a token whose issuer the operator has configured",
		by, clip(name)))
}

func mismatch(by, name, otherBy, other string) error {
	return refused(http.StatusForbidden, phx.ReasonTenantMismatch, fmt.Errorf("tenant: %s names the tenant %q, and %s names %q", by, name, otherBy, clip(other)))
}

func refused(status int, reason phx.Reason, err error) *socket.RefusedError {
	return &socket.RefusedError{Status: status, Body: reason.Payload(0), HasBody: true, Err: err}
}

// clip shortens what a client wrote.
func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), 64)], "") }
