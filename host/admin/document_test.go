package admin_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/admin"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/registry"
)

// saved is a store that can be saved.
type saved struct{ registry.Store }

func (saved) Backup(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "all of it")
	return err
}

// Everything that the document has is there, with the status that it says, as each of
// these is answered; and nothing is answered that it does not have: each answer that a
// rig receives is held against it.
func TestDocumentIsWhatIsServed(t *testing.T) {
	r := newRig(t, func(cfg *admin.Config) {
		cfg.Store = saved{cfg.Store}
		cfg.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = io.WriteString(w, "up 1\n")
		})
	})
	r.found(t, "acme")
	token := r.mint(t, "acme", `{"note":"ci","expires":"2999-01-01T00:00:00Z"}`)
	r.want(t, 200, r.operator("PUT", acmePath, `{"hosts":["a.example.com"],"limits":{"connections":5},"issuers":[{"issuer":"i","audience":["a"],"keys":"{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\"}"}]}`))
	r.want(t, 200, upload(r.token, "acme", "it", admin.Fixture(t, "served/echo", 0)))
	for _, c := range []struct {
		status             int
		method, path, body string
	}{
		{200, "GET", "/v1/openapi.json", ""},
		{200, "GET", "/v1/whoami", ""},
		{200, "GET", "/v1/limits", ""},
		{200, "GET", "/v1/audit?after=1&limit=2", ""},
		{200, "GET", "/v1/backup", ""},
		{200, "GET", "/metrics", ""},
		{200, "GET", "/tenant-metrics", ""},
		{200, "GET", "/v1/tenants", ""},
		{200, "GET", acmePath, ""},
		{200, "GET", acmePath + "/usage", ""},
		{200, "GET", acmePath + "/topics", ""},
		{200, "GET", acmePath + "/sockets", ""},
		{200, "GET", acmePath + "/audit", ""},
		{200, "GET", acmePath + "/routes", ""},
		{200, "GET", acmePath + "/tokens", ""},
		{200, "POST", acmePath + "/publish", `{"messages":[{"topic":"a","event":"b","payload":{"c":[1,{"d":null}]}}]}`},
		{200, "POST", acmePath + "/sockets/somebody/disconnect", ""},
		{200, "POST", acmePath + "/drain", `{"window":"1ms"}`},
		{200, "GET", acmePath + "/plugins/it/versions", ""},
		{204, "PUT", acmePath + "/plugins/it/versions/1/pin", `{"pinned":true}`},
		{200, "POST", acmePath + "/plugins/it/deploy", `{"version":1,"strategy":"new-joins"}`},
		{200, "POST", acmePath + "/plugins/it/deploy", `{"version":1,"strategy":"drain","window":"0s"}`},
		{400, "POST", acmePath + "/plugins/it/deploy", `{"version":1,"strategy":"drain","window":"6m"}`},
		{400, "POST", acmePath + "/plugins/it/deploy", `{"version":1,"strategy":"drain","window":"-1s"}`},
		{422, "POST", acmePath + "/plugins/it/deploy", `{"version":1,"window":"1s"}`},
		{200, "PUT", acmePath + "/plugins/it/settings", `{"A":"1","a":"2"}`},
		{200, "GET", acmePath + "/plugins/it/settings", ""},
		{200, "GET", acmePath + "/plugins/it/logs?lines=5&follow=0", ""},
		{201, "POST", acmePath + "/revocations", `{"subject":"7","before":"2001-01-01T00:00:00Z"}`},
		{200, "POST", acmePath + "/revocations?dry_run=1", `{"id":"8"}`},
		{200, "GET", acmePath + "/revocations", ""},
		{200, "POST", acmePath + "/suspend", ""},
		{200, "POST", acmePath + "/resume", ""},
		{200, "PUT", "/v1/tenants/other?dry_run=1", `{}`},
		{200, "POST", acmePath + "/tokens?dry_run=1", `{}`},
		{204, "DELETE", acmePath + "/tokens/" + token.ID, ""},
		{200, "POST", acmePath + "/revocations?dry_run=1", `{"id":"x"}`},
		{201, "POST", acmePath + "/revocations", `{"subject":"7"}`},
		{200, "GET", acmePath + "/revocations", ""},
	} {
		r.want(t, c.status, r.operator(c.method, c.path, c.body))
	}
	r.want(t, 201, upload(r.token, "acme", "it", admin.Fixture(t, "served/echo", 2)))
	r.want(t, 200, r.operator("POST", acmePath+"/plugins/it/deploy", ""))
	r.want(t, 200, r.operator("POST", acmePath+"/plugins/it/rollback", ""))
	r.tooMuch(t)
	r.want(t, 204, r.operator("DELETE", acmePath, ""))

	missing := make(map[string]bool)
	for operation, o := range r.document.operations() {
		for status := range object(o["responses"]) {
			if status != "default" {
				missing[operation+" "+status] = true
			}
		}
	}
	if len(missing) < 30 {
		t.Errorf("the document has %d answers only", len(missing))
	}
	for where := range r.seen {
		delete(missing, where)
	}
	for _, where := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("%s was not answered", where)
	}
}

// tooMuch asks with a deploy token for all that has a rate until it is above it.
func (r *rig) tooMuch(t *testing.T) {
	t.Helper()
	r.want(t, 200, r.operator("PUT", acmePath, `{"limits":{"changes_per_minute":1,"publishes_per_second":1}}`))
	token := r.mint(t, "acme", `{}`).Token
	for _, c := range []call{
		{method: "PUT", path: "/routes", body: `{"routes":[]}`},
		{method: "POST", path: "/revocations", body: `{"subject":"7"}`},
		{method: "POST", path: "/sockets/somebody/disconnect"},
		{method: "PUT", path: "/plugins/it/versions/1/pin", body: `{"pinned":true}`},
		{method: "POST", path: "/plugins/it/deploy", body: `{}`},
		{method: "POST", path: "/plugins/it/rollback"},
		{method: "PUT", path: "/plugins/it/settings", body: `{}`},
		{method: "POST", path: "/publish", body: `{"messages":[` + strings.Repeat(`{"topic":"a","event":"b"},`, 4) + `{"topic":"a","event":"b"}]}`},
		upload("", "acme", "it", nil),
	} {
		c.token, c.path = token, acmePath+strings.TrimPrefix(c.path, acmePath)
		channeltest.Eventually(t, c.path+" is above its rate", func() bool {
			if c.reader != nil {
				c.reader = bytes.NewReader(admin.Fixture(t, "served/echo", 1))
			}
			a := r.ask(t, c)
			return a.status == http.StatusTooManyRequests && a.code() == "rate_limited" && a.header.Get("Retry-After") != ""
		})
	}
}

// The document says who may ask, what may be sent along, and which words an error has.
func TestDocumentSaysWhatMayBeSent(t *testing.T) {
	r := newRig(t, nil)
	failed := object(object(object(r.document.root["components"])["schemas"])["Error"])
	words := list(object(object(object(object(failed["properties"])["error"])["properties"])["code"])["enum"])
	if len(words) != len(admin.Codes()) {
		t.Errorf("%d codes in the document, %d in the table", len(words), len(admin.Codes()))
	}
	seen := make(map[admin.Code]bool)
	for _, row := range admin.Codes() {
		if !slices.Contains(words, any(string(row.Code))) || row.Status < 400 || row.Sense == "" || seen[row.Code] {
			t.Errorf("the row %+v", row)
		}
		seen[row.Code] = true
	}
	ids := make(map[string]bool)
	for name, o := range r.document.operations() {
		method, path, _ := strings.Cut(name, " ")
		params := make(map[string]string)
		for _, p := range list(o["parameters"]) {
			param := object(p)
			params[fmt.Sprint(param["name"])] = fmt.Sprint(param["in"])
		}
		for part := range strings.SplitSeq(path, "/") {
			if part, ok := strings.CutPrefix(part, "{"); ok && params[strings.TrimSuffix(part, "}")] != "path" {
				t.Errorf("%s: %s is no parameter", name, part)
			}
		}
		for _, p := range []string{"dry_run", "If-Match", "Idempotency-Key"} {
			if (params[p] != "") != (method != http.MethodGet) {
				t.Errorf("%s: %s is %q", name, p, params[p])
			}
		}
		if fmt.Sprint(o["summary"]) == "" || ids[name] {
			t.Errorf("%s has no summary, or comes twice", name)
		}
		ids[name] = true
	}
}
