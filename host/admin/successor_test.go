package admin_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host/admin"
)

// Who gets the name of a tenant that was deleted learns nothing of who had it before:
// neither what it logged nor what it changed.
func TestSuccessorsLearnNothing(t *testing.T) {
	r := newRig(t, nil)
	r.found(t, "acme")
	r.logger.Info("what the first one has logged", "plugin", "it@1", "tenant", "acme")
	old := r.mint(t, "acme", `{"note":"the note of the first one"}`)
	see := func(token, path string) string {
		return string(r.want(t, 200, call{token: token, method: "GET", path: "/v1/tenants/acme" + path}).body)
	}
	if logs := see(old.Token, "/plugins/it/logs"); !strings.Contains(logs, "first one") {
		t.Fatalf("it does not see its own lines: %s", logs)
	}
	r.want(t, 204, r.operator("DELETE", "/v1/tenants/acme", ""))
	r.found(t, "acme")
	next := r.mint(t, "acme", `{}`)
	if logs := see(next.Token, "/plugins/it/logs"); strings.Contains(logs, "first one") {
		t.Errorf("the next one sees\n%s", logs)
	}
	for _, query := range []string{"?limit=1", "", "?limit=1000"} {
		audit := see(next.Token, "/audit"+query)
		if strings.Contains(audit, `"delete"`) || strings.Contains(audit, `"tokens","detail":"1 token","revision":5`) && strings.Count(audit, `"tokens"`) > 1 {
			t.Errorf("the next one sees %s", audit)
		}
		if query == "" && !strings.Contains(audit, `"upload"`) {
			t.Errorf("it does not see its own upload: %s", audit)
		}
		if query == "?limit=1" && strings.Count(audit, `"number"`) != 1 {
			t.Errorf("one entry of its own: %s", audit)
		}
	}
	if audit := see(r.token, "/audit"); !strings.Contains(audit, `"delete"`) {
		t.Errorf("the operator does not see all: %s", audit)
	}
	r.want(t, 401, call{token: old.Token, method: "GET", path: "/v1/tenants/acme"})
}

// A token that was looked at a moment before its tenant was deleted shows nothing of the
// tenant that has the name a moment later, and changes nothing of it.
func TestSuccessorMeanwhile(t *testing.T) {
	var between atomic.Pointer[func()] // called once, when a token's time is looked at
	r := newRig(t, func(c *admin.Config) {
		c.Now = func() time.Time {
			if f := between.Swap(nil); f != nil {
				(*f)()
			}
			return time.Now()
		}
	})
	for _, c := range []call{
		{method: "GET", path: "/v1/tenants/acme"},
		{method: "POST", path: "/v1/tenants/acme/sockets/users:7/disconnect"},
	} {
		r.found(t, "acme")
		c.token = r.mint(t, "acme", `{"expires":"2999-01-01T00:00:00Z"}`).Token
		swap := func() {
			r.want(t, 204, r.operator("DELETE", "/v1/tenants/acme", ""))
			r.want(t, 201, r.operator("PUT", "/v1/tenants/acme", `{"hosts":["next.example.com"]}`))
		}
		between.Store(&swap)
		if a := r.ask(t, c); strings.Contains(string(a.body), "next.example.com") || c.method == "POST" && a.status != 404 {
			t.Errorf("%s %s: %s", c.method, c.path, a)
		}
		if between.Load() != nil {
			t.Fatal("the tenant was not deleted meanwhile")
		}
		r.want(t, 204, r.operator("DELETE", "/v1/tenants/acme", ""))
	}
}
