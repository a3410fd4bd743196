package tenant_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// A change that was on its way when the tenant was deleted is not made to the next
// tenant of that name: whoever sent it has nothing to do with that one.
func TestChangesOfADeletedTenant(t *testing.T) {
	w := newTown(t, registry.NewMemory(registry.Config{}), t.TempDir())
	old := w.tenant(t, "acme")
	upload(t, old, module(t, "served/echo", 1))
	if err := w.Delete(t.Context(), "acme", tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	next := w.tenant(t, "acme")
	deployed(t, next, "it", module(t, "served/echo", 2))
	before := next.Record()
	for name, change := range map[string]func() error{
		"routes": func() error { _, err := old.PutRoutes(t.Context(), nil, tenant.Request{}); return err },
		"upload": func() error {
			_, err := old.Upload(t.Context(), tenant.Upload{Plugin: "it", Module: module(t, "served/echo", 3)})
			return err
		},
		"deploy":  func() error { _, err := old.Deploy(t.Context(), "it", tenant.Deploy{}); return err },
		"suspend": func() error { _, err := old.Suspend(t.Context(), tenant.Request{}); return err },
		"tokens":  func() error { _, err := old.PutTokens(t.Context(), nil, tenant.Request{}); return err },
	} {
		if err := change(); !errors.Is(err, tenant.ErrUnknown) {
			t.Errorf("%s of the tenant that is gone: %v", name, err)
		}
	}
	if after := next.Record(); after.Revision != before.Revision || next.Suspended() {
		t.Errorf("the record of the next one has become %+v", after)
	}
	if _, _, err := old.Take(); err == nil {
		t.Error("a client has got a place of a tenant that is gone")
	}
}

// A tenant that has filled its record can be suspended all the same, and what the
// operator and the host have to do about it is possible.
func TestFullRecordCanBeSuspended(t *testing.T) {
	w := newTown(t, registry.NewMemory(registry.Config{}), t.TempDir())
	acme := w.tenant(t, "acme")
	upload(t, acme, module(t, "served/echo", 1))
	fits, most := 0, registry.MaxRecord
	for fits < most { // the largest value that is taken
		n := (fits + most + 1) / 2
		if _, err := acme.Configure(t.Context(), "it", map[string]string{"k": strings.Repeat("x", n)}, tenant.Request{}); err == nil {
			fits = n
		} else if most = n - 1; !errors.Is(err, registry.ErrTooLarge) {
			t.Fatal(err)
		}
	}
	routes := []registry.Route{{Pattern: strings.Repeat("a", 200), Plugin: "it"}}
	if _, err := acme.PutRoutes(t.Context(), routes, tenant.Request{}); !errors.Is(err, registry.ErrTooLarge) {
		t.Fatalf("the record is not full: %v", err)
	}
	operator := tenant.Request{By: "operator", Operator: true}
	if _, err := acme.PutRoutes(t.Context(), routes, operator); err != nil {
		t.Errorf("the operator's change: %v", err)
	}
	if _, err := acme.Suspend(t.Context(), operator); err != nil || !acme.Suspended() {
		t.Errorf("the tenant cannot be suspended: %v", err)
	}
	if _, err := acme.Configure(t.Context(), "it", nil, tenant.Request{}); err != nil {
		t.Errorf("what is too large cannot be made smaller: %v", err)
	}
}

// Routes are bounded in number, and of many that are wrong a few are told: three bytes of
// a request are not to become a hundred of an answer.
func TestManyRoutes(t *testing.T) {
	w := newTown(t, registry.NewMemory(registry.Config{}), "")
	acme := w.tenant(t, "acme")
	_, err := acme.PutRoutes(t.Context(), make([]registry.Route, 5000), tenant.Request{})
	if !errors.Is(err, tenant.ErrInvalid) || len(err.Error()) > 4<<10 || !strings.HasSuffix(err.Error(), "and 4980 more") {
		t.Errorf("routes without patterns: %.200s ... in %d bytes", fmt.Sprint(err), len(fmt.Sprint(err)))
	}
	if _, err = acme.PutRoutes(t.Context(), make([]registry.Route, 5001), tenant.Request{}); !errors.Is(err, tenant.ErrQuota) || !strings.Contains(err.Error(), "too_many_routes") {
		t.Errorf("more routes than there may be: %.200s", fmt.Sprint(err))
	}
}
