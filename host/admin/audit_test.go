package admin_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/chhost/chhost/host/registry"
)

// newSmall is a rig whose audit log keeps few entries.
func newSmall(t *testing.T, entries int) *rig {
	return serve(t, newOffline(t, registry.NewMemory(registry.Config{Entries: entries}), nil))
}

// A tenant that changes things without end pushes nothing of others out of the audit log,
// not by doing so, and not after it was deleted and made anew.
func TestAuditLogIsNobodysToErase(t *testing.T) {
	r := newSmall(t, 60)
	r.found(t, "acme")
	r.found(t, "mallory")
	acme := r.mint(t, "acme", `{}`)
	change := func(token, name string) call {
		return call{token: token, method: "PUT", path: "/v1/tenants/" + name + "/routes", body: `{"routes":[]}`}
	}
	r.want(t, http.StatusOK, change(acme.Token, "acme"))
	count := func(name string, own bool) (n int) {
		for _, e := range r.audited(t, name) {
			if e.Own == own {
				n++
			}
			if e.Own == (e.By == "operator" || e.By == "chhost") {
				t.Errorf("%+v is not known for whose it is", e)
			}
		}
		return n
	}
	flood := func() {
		r.want(t, http.StatusOK, r.operator("PUT", "/v1/tenants/mallory", `{"limits":{"changes_per_minute":1000000}}`))
		token := r.mint(t, "mallory", `{}`).Token
		for range 100 {
			r.want(t, http.StatusOK, change(token, "mallory"))
			r.want(t, http.StatusOK, call{token: token, method: "POST", path: "/v1/tenants/mallory/sockets/somebody/disconnect"})
		}
	}
	flood()
	r.want(t, http.StatusNoContent, r.operator("DELETE", "/v1/tenants/mallory", ""))
	r.want(t, http.StatusCreated, r.operator("PUT", "/v1/tenants/mallory", `{}`))
	flood()
	// 1 of the first tenant, 4 of each that is found, 3 of tokens, 2 of limits, and those of
	// the deletion.
	if n := count("", false); n != 16 {
		t.Errorf("%d entries of the operator are left, of 16", n)
	}
	if n := count("acme", true); n != 1 {
		t.Errorf("%d entries of a tenant that has done little are left, of 1", n)
	}
	if n := count("mallory", true); n != 60-16-1 {
		t.Errorf("of the one that has done much there are %d", n)
	}
}

// Deploy tokens of one tenant change no more than its rate lets through, whatever comes of
// it; the operator is not held up, other tenants are not, and what is refused or no more
// than tried writes nothing into the audit log.
func TestChangesAboveTheRate(t *testing.T) {
	s := laySiege(t)
	s.want(t, http.StatusOK, s.operator("PUT", malloryPath, `{"limits":{"changes_per_minute":1}}`))
	as := func(method, path, body string) call {
		return call{token: s.mallory.Token, method: method, path: malloryPath + path, body: body}
	}
	before := len(s.audited(t, ""))
	refused := map[string]call{
		"no such plugin":   as("PUT", "/routes", `{"routes":[{"pattern":"*","plugin":"no"}]}`),
		"another revision": as("PUT", "/routes", `{"routes":[]}`).with("If-Match", `"9999"`),
		"a dry run":        as("PUT", "/routes?dry_run=1", `{"routes":[]}`),
		"no version":       as("POST", "/plugins/it/deploy", `{"version":99}`),
		"no socket":        as("POST", "/sockets/99/disconnect", ""),
		"no module":        upload(s.mallory.Token, "mallory", "it", []byte("none")),
		"another's":        {token: s.mallory.Token, method: "PUT", path: acmePath + "/routes", body: `{"routes":[]}`},
		"no token":         {method: "PUT", path: malloryPath + "/routes", body: `{"routes":[]}`},
		"unreadable":       as("PUT", "/routes", `{`),
	}
	seen := make(map[int]bool)
	for name, c := range refused {
		a := s.ask(t, c)
		if seen[a.status] = true; a.status < 300 && name != "a dry run" {
			t.Errorf("%s is answered %s", name, a)
		}
	}
	if !seen[http.StatusTooManyRequests] {
		t.Errorf("of %d requests that are refused none is above the rate: %v", len(refused), seen)
	}
	if after := len(s.audited(t, "")); after != before {
		t.Errorf("requests that were refused have written %d entries", after-before)
	}
	a := s.want(t, http.StatusTooManyRequests, as("PUT", "/routes", `{"routes":[]}`).with("Idempotency-Key", "one"))
	if wait, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || wait < 1 || wait > 60 || a.code() != "rate_limited" {
		t.Errorf("above the rate: %v %s", a.header, a)
	}
	s.want(t, http.StatusOK, s.operator("PUT", malloryPath+"/routes", `{"routes":[]}`))
	s.want(t, http.StatusOK, call{token: s.acme.Token, method: "PUT", path: acmePath + "/routes", body: `{"routes":[]}`})
	s.want(t, http.StatusOK, as("GET", "/routes", ""))
	s.want(t, http.StatusOK, as("POST", "/publish", `{"topic":"a","event":"b"}`))
	s.want(t, http.StatusOK, s.operator("PUT", malloryPath, `{"limits":{"changes_per_minute":1000000}}`))
	s.want(t, http.StatusOK, as("PUT", "/routes", `{"routes":[]}`).with("Idempotency-Key", "one"))
}
