package admin_test

import (
	"context"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/registry"
)

// rotten is a store in which the record of acme is damaged.
type rotten struct{ registry.Store }

func (s rotten) Tenants(ctx context.Context) iter.Seq2[registry.Tenant, error] {
	return func(yield func(registry.Tenant, error) bool) {
		for t, err := range s.Store.Tenants(ctx) {
			if t.Name == "acme" {
				t, err = registry.Tenant{Name: "acme"}, registry.ErrDamaged
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// TestDamagedTenant: a tenant whose record is damaged is listed as that, everything that is
// asked of it has one answer, and it can be deleted and made anew. Others are as ever.
func TestDamagedTenant(t *testing.T) {
	memory := registry.NewMemory(registry.Config{})
	for _, name := range []string{"acme", "other"} {
		if _, err := memory.Create(t.Context(), registry.Tenant{Name: name}, registry.Entry{Action: "create", By: "first"}); err != nil {
			t.Fatal(err)
		}
	}
	r := newRigOn(t, rotten{memory}, nil)
	const acme = "/v1/tenants/acme"
	for _, c := range []call{
		r.operator("GET", acme, ""), r.operator("PUT", acme, `{}`), r.operator("POST", acme+"/suspend", ""), r.operator("POST", acme+"/resume", ""),
		r.operator("POST", acme+"/drain", ""), r.operator("GET", acme+"/usage", ""), r.operator("GET", acme+"/topics", ""), r.operator("GET", acme+"/sockets", ""),
		r.operator("GET", acme+"/routes", ""), r.operator("PUT", acme+"/routes", `{"routes":[]}`), r.operator("GET", acme+"/tokens", ""),
		r.operator("POST", acme+"/tokens", `{}`), r.operator("GET", acme+"/plugins/it/versions", ""), r.operator("POST", acme+"/plugins/it/deploy", `{}`),
		r.operator("POST", acme+"/plugins/it/rollback", ""), r.operator("GET", acme+"/plugins/it/settings", ""), r.operator("GET", acme+"/plugins/it/logs", ""),
		r.operator("POST", acme+"/plugins/it/versions", "module").with("Content-Type", "application/wasm"),
	} {
		if a := r.want(t, http.StatusInternalServerError, c); a.code() != "tenant_damaged" {
			t.Errorf("%s %s: %s", c.method, c.path, a)
		}
	}
	var list struct {
		Tenants []struct{ Name, Damaged string }
	}
	r.want(t, 200, r.operator("GET", "/v1/tenants", "")).into(t, &list)
	if len(list.Tenants) != 3 || !strings.Contains(list.Tenants[0].Damaged, "damaged") || list.Tenants[0].Name != "acme" || list.Tenants[1].Damaged+list.Tenants[2].Damaged != "" {
		t.Errorf("the list is %+v", list)
	}
	if audit := r.want(t, 200, r.operator("GET", acme+"/audit", "")); !strings.Contains(string(audit.body), `"first"`) {
		t.Errorf("its part of the audit log is %s", audit)
	}
	r.want(t, 200, r.operator("PUT", "/v1/tenants/other", `{"hosts":["other.example.com"]}`))
	r.want(t, 204, r.operator("DELETE", acme, ""))
	r.want(t, 404, r.operator("GET", acme, ""))
	r.want(t, 201, r.operator("PUT", acme, `{}`))
	if a := r.want(t, 200, r.operator("GET", acme, "")); strings.Contains(string(a.body), "damaged") {
		t.Errorf("made anew, it is %s", a)
	}
}
