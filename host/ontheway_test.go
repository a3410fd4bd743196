package host_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// gated is a store that keeps those waiting who ask for a module, until its gate is open.
type gated struct {
	registry.Store
	gate  chan struct{}
	asked atomic.Int32
}

func (s *gated) Module(ctx context.Context, d registry.Digest) ([]byte, error) {
	s.asked.Add(1)
	select {
	case <-s.gate:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.Store.Module(ctx, d)
}

// A client that has its place, and whose connector is still being loaded when the tenant
// is suspended or deleted, does not stay: it would be a client of a tenant that has none,
// and hear what the next tenant of that name says.
func TestClientsOnTheirWayEnd(t *testing.T) {
	for name, end := range map[string]func(*hosttest.Server, *tenant.Tenant) error{
		"suspended": func(_ *hosttest.Server, tn *tenant.Tenant) error {
			_, err := tn.Suspend(t.Context(), tenant.Request{})
			return err
		},
		"deleted": func(server *hosttest.Server, tn *tenant.Tenant) error {
			return server.Tenants().Delete(t.Context(), tn.Name(), tenant.Request{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			stored, cache := registry.NewMemory(registry.Config{}), t.TempDir()
			first := hosttest.Start(t, host.Config{Registry: stored, CacheDir: cache})
			acme := settle(t, first, "acme", assembled(t, "served/relay"))
			if _, err := acme.Set(t.Context(), tenant.Settings{Connect: "it"}, tenant.Request{}); err != nil {
				t.Fatal(err)
			}
			first.Stop(t)
			store := &gated{Store: stored, gate: make(chan struct{})}
			server := hosttest.Start(t, host.Config{Registry: store, CacheDir: cache})
			acme, _ = server.Tenants().Tenant("acme")
			dialed := make(chan error, 1)
			var w *wire
			go func() {
				conn, err := phxclient.Dial(t.Context(), atTenant(server, "acme"), phxclient.Options{})
				if err == nil {
					w = &wire{conn, t}
				}
				dialed <- err
			}()
			channeltest.Eventually(t, "the connector is being loaded", func() bool { return store.asked.Load() > 0 })
			if err := end(server, acme); err != nil {
				t.Fatal(err)
			}
			close(store.gate)
			if err := <-dialed; err != nil {
				t.Fatalf("the client was not let in, so nothing was tried: %v", err)
			}
			if code := closeCode(t, w); code != 1013 {
				t.Errorf("the client saw the close code %d", code)
			}
			if n := len(acme.Sockets()); n != 0 {
				t.Errorf("%d sockets are open", n)
			}
		})
	}
}
