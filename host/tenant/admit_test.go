package tenant_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
)

// There are as many places as the tenant's limit says, one that is refused takes none,
// and one that is given back twice is one; of a suspended tenant there is none.
func TestTake(t *testing.T) {
	w := newTown(t, registry.NewMemory(registry.Config{}), t.TempDir())
	acme := w.tenant(t, "acme")
	if _, err := acme.Set(t.Context(), tenant.Settings{Limits: map[string]int64{"connections": 2}}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	take := func() func() {
		t.Helper()
		_, vacate, err := acme.Take()
		if err != nil {
			t.Fatal(err)
		}
		return vacate
	}
	refused := func(when string) {
		t.Helper()
		for range 3 {
			_, _, err := acme.Take()
			if r := new(socket.RefusedError); !errors.As(err, &r) || r.Status != http.StatusServiceUnavailable {
				t.Errorf("%s: %v", when, err)
			}
		}
	}
	first, second := take(), take()
	refused("one too many")
	first()
	first()
	third := take()
	refused("given back twice")
	second()
	third()
	if _, err := acme.Suspend(t.Context(), tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	refused("suspended")
	if _, err := acme.Resume(t.Context(), tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	take()()
}
