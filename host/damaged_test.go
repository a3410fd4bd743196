package host_test

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// rotten is a store in which some records are damaged.
type rotten struct {
	registry.Store
	names []string
}

func (s rotten) Tenants(ctx context.Context) iter.Seq2[registry.Tenant, error] {
	return func(yield func(registry.Tenant, error) bool) {
		for t, err := range s.Store.Tenants(ctx) {
			if slices.Contains(s.names, t.Name) {
				t, err = registry.Tenant{Name: t.Name, Hosts: t.Hosts}, registry.ErrDamaged
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// TestDamagedRecords: a host whose registry has damaged records starts, and only the
// clients of those tenants are refused. What the configuration serves as the default
// tenant's is not served without that tenant's record, which says who may connect.
func TestDamagedRecords(t *testing.T) {
	memory := registry.NewMemory(registry.Config{})
	for _, name := range []string{tenant.Default, "acme", "other"} {
		if _, err := memory.Create(t.Context(), registry.Tenant{Name: name, Hosts: []string{name + ".example.com"}}, registry.Entry{}); err != nil {
			t.Fatal(err)
		}
	}
	server := hosttest.Start(t, host.Config{
		Registry: rotten{memory, []string{tenant.Default, "acme"}},
		Routes:   []host.Route{{Pattern: "native", Handler: nativeEcho()}},
	})
	refuses(t, server, "acme", "503", "unavailable", "retry_after_ms")
	refuses(t, server, tenant.Default, "503", "unavailable")
	for _, name := range []string{"", "acme.example.com", "default.example.com"} {
		_, err := phxclient.Connect(t.Context(), server.Socket, phxclient.ClientOptions{Options: phxclient.Options{Header: http.Header{"Host": {name}}}})
		if err == nil {
			t.Errorf("a client of %q is let in", name)
		}
	}
	dialTenant(t, server, "other")
	if !server.Ready() {
		t.Error("it is not ready")
	}
	if err := server.Tenants().Delete(t.Context(), tenant.Default, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	dialTenant(t, server, tenant.Default).join("native")
}
