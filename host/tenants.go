package host

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/wasm"
)

// This file holds what a host with a registry does: it has many tenants.

// tenantPath is where each tenant's mounts are, besides below their own names.
const tenantPath = "/t/{tenant}"

// Tenants are those of the registry. It is nil for a host without one, whose only
// tenant is [tenant.Default].
func (h *Host) Tenants() *tenant.Directory { return h.directory }

// openDirectory makes the tenants, of which base has what the default one serves beside
// its record.
func (h *Host) openDirectory(base tenant.Config) error {
	d, err := tenant.Open(context.Background(), tenant.DirectoryConfig{
		Store: h.cfg.Registry, Engine: h.engine, PubSub: h.pubsub, Limits: h.cfg.Limits, Origins: Origins, Default: base,
		Now: h.cfg.Now, AfterFunc: h.cfg.AfterFunc, Logger: h.log,
	})
	if err != nil {
		return err
	}
	h.directory, h.tenant = d, d.Default()
	return nil
}

// share is what the plugins of a tenant may use together.
func (h *Host) share(name string) wasm.Share {
	if h.directory != nil {
		return h.directory.Share(name)
	}
	return wasm.Share{FuelPerSecond: h.cfg.Limits.FuelPerSecond}
}

// resolve finds the tenant that a request names by its host and its path. The error is a
// [*socket.RefusedError].
func (h *Host) resolve(r *http.Request) (*tenant.Tenant, error) {
	if h.directory == nil {
		return h.tenant, nil
	}
	return h.directory.Resolve(namesOf(r))
}

func namesOf(r *http.Request) tenant.Names {
	names := tenant.Names{Path: r.PathValue("tenant")}
	if host, _, ok := socket.SplitHost(r.Host); ok {
		names.Host = strings.TrimSuffix(host, ".")
	}
	return names
}

// claimed finds the tenant of a new connection, whose token may name it too. The error
// is a [*socket.RefusedError].
func (h *Host) claimed(r *http.Request, authToken string) (*tenant.Tenant, error) {
	if h.directory == nil || h.cfg.TenantClaim == nil {
		return h.resolve(r)
	}
	names := namesOf(r)
	var err error
	if names.Claim, err = h.cfg.TenantClaim(r, authToken); err != nil {
		if errors.As(err, new(*socket.RefusedError)) {
			return nil, err
		}
		return nil, &socket.RefusedError{Status: http.StatusForbidden, Err: err}
	}
	return h.directory.Resolve(names)
}

// checkOrigin is a mount's CheckOrigin, where the tenant says nothing else. Who names no
// tenant is refused later, with the reason.
func (h *Host) checkOrigin(ofMount func(*http.Request) bool) func(*http.Request) bool {
	if h.directory == nil {
		return ofMount
	}
	return func(r *http.Request) bool {
		if t, err := h.resolve(r); err == nil {
			if allowed, decided := t.CheckOrigin(r); decided {
				return allowed
			}
		}
		if ofMount != nil {
			return ofMount(r)
		}
		return socket.SameOrigin(r)
	}
}

// waitTenants waits until the channels of all tenants have come to rest.
func (h *Host) waitTenants(ctx context.Context) error {
	if h.directory == nil {
		return h.tenant.Wait(ctx)
	}
	return h.directory.Wait(ctx)
}

// endTenants ends what the registry's tenants have under way.
func (h *Host) endTenants() {
	if h.directory != nil {
		h.directory.Close()
	}
}

// memoryOf is how much memory the plugins of a tenant may hold, if that is set.
func (h *Host) memoryOf(name string) int64 {
	if h.directory != nil {
		return h.directory.MemoryOf(name)
	}
	return 0
}

// tripped is told of versions that are quarantined.
func (h *Host) tripped(what wasm.Tripped) {
	if h.directory != nil {
		h.directory.Tripped(what)
	}
}
