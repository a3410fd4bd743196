package host

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/token"
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
		Store: h.cfg.Registry, Engine: h.engine, PubSub: h.pubsub, Limits: h.cfg.Limits, Origins: Origins, Issuers: h.cfg.Issuers, Default: base,
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

// namers checks what of the configuration lets tokens name tenants.
func (h *Host) namers() error {
	switch {
	case len(h.cfg.Issuers) > 0 && h.cfg.Registry == nil:
		return errors.New("host: Issuers name tenants, which only a host with a Registry has")
	case len(h.cfg.Issuers) > 0 && h.cfg.TenantClaim != nil:
		return errors.New("host: Issuers and TenantClaim are both set: one of them says which tenant a token names")
	}
	return nil
}

// claimed finds the tenant of a new connection, whose token may name it too; vouched is
// what that token says if it is of one of the operator's issuers, else nil. The error is
// a [*socket.RefusedError].
func (h *Host) claimed(r *http.Request, authToken string) (of *tenant.Tenant, vouched *token.Claims, err error) {
	if h.directory == nil || h.cfg.TenantClaim == nil && len(h.cfg.Issuers) == 0 {
		of, err = h.resolve(r)
		return of, nil, err
	}
	names := namesOf(r)
	if h.cfg.TenantClaim != nil {
		if names.Claim, err = h.cfg.TenantClaim(r, authToken); err != nil {
			if errors.As(err, new(*socket.RefusedError)) {
				return nil, nil, err
			}
			return nil, nil, &socket.RefusedError{Status: http.StatusForbidden, Err: err}
		}
	} else {
		params, err := parseParams(r.URL.RawQuery)
		if err != nil {
			return nil, nil, badRequest(err)
		}
		if vouched, err = h.directory.Vouch(r.Context(), presented(authToken, params)); err != nil {
			return nil, nil, err
		}
		if vouched != nil {
			names.Claim = vouched.Tenant
		}
	}
	of, err = h.directory.Resolve(names)
	return of, vouched, err
}

// checkOrigin is a mount's CheckOrigin, where the tenant says nothing else. Who names no
// tenant is refused later, with the reason.
func (h *Host) checkOrigin(transport string, ofMount func(*http.Request) bool) func(*http.Request) bool {
	if h.directory == nil {
		return ofMount
	}
	return func(r *http.Request) bool {
		names := namesOf(r)
		if len(h.cfg.Issuers) > 0 {
			if r.Method == http.MethodOptions && h.directory.Unnamed(names) {
				return true // its token comes with the request behind it, see claimedBy
			}
			names.Claim = h.claimedBy(r, transport)
		}
		if t, err := h.directory.Resolve(names); err == nil {
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

// claimedBy is the tenant that a request's token claims to be for, before it is verified:
// the origin is checked first. Who forges a claim chooses whose origins are asked, and is
// refused for the token afterwards. A preflight has no token, and grants nothing: the
// request behind it is held to the origins.
func (h *Host) claimedBy(r *http.Request, transport string) string {
	if len(r.URL.RawQuery) > maxQuery {
		return ""
	}
	sent, err := authToken(r, transport)
	if err != nil {
		return ""
	}
	params, err := parseParams(r.URL.RawQuery)
	if err != nil {
		return ""
	}
	return h.directory.Claimed(presented(sent, params))
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
