package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/wasm"
)

const operator = "cho_operator-operator-operator-operator"

// office is an API of its own, with all that it needs.
type office struct {
	t      testing.TB
	api    *API
	url    string
	store  registry.Store
	log    channeltest.Log
	claims []string // that an answer was not as the document says
}

func newOffice(t testing.TB, change func(*Config)) *office {
	t.Helper()
	o := &office{t: t, store: registry.NewMemory(registry.Config{})}
	logs := NewLogs(o.log.Logger().Handler())
	var d *tenant.Directory
	engine, err := wasm.NewEngine(wasm.Config{Logger: slog.New(logs), Share: func(name string) wasm.Share { return d.Share(name) }})
	if err != nil {
		t.Fatal(err)
	}
	d, err = tenant.Open(t.Context(), tenant.DirectoryConfig{Store: o.store, Engine: engine, PubSub: pubsub.New(nil), Logger: slog.New(logs)})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Tenants: d, Store: o.store, Token: operator, Logs: logs, Logger: slog.New(logs), Hosts: []string{"admin.example.com"}}
	if change != nil {
		change(&cfg)
	}
	if o.api, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(o.api)
	o.url = server.URL
	t.Cleanup(func() {
		server.Close()
		d.Close()
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return o
}

// reply is what was answered.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// ask makes a request and holds the answer against the document.
func (o *office) ask(method, path, token string, body any, headers ...string) reply {
	o.t.Helper()
	var reader io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		reader, kind = bytes.NewReader(b), "application/wasm"
	case string:
		reader = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			o.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(o.t.Context(), method, o.url+path, reader)
	if err != nil {
		o.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", kind)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	got := reply{resp.StatusCode, resp.Header, data}
	if fault := o.conforms(method, path, got); fault != "" {
		o.t.Errorf("%s %s: %s: %.300s", method, path, fault, data)
	}
	return got
}

// must is ask, of which this status has to come; the answer is put into v.
func (o *office) must(status int, method, path string, body, v any, headers ...string) reply {
	o.t.Helper()
	got := o.ask(method, path, operator, body, headers...)
	if got.status != status {
		o.t.Fatalf("%s %s: %d, want %d: %s", method, path, got.status, status, got.body)
	}
	if v != nil {
		if err := json.Unmarshal(got.body, v); err != nil {
			o.t.Fatalf("%s %s: %v: %s", method, path, err, got.body)
		}
	}
	return got
}

// code is that of an error.
func (got reply) code() Code {
	var b errorBody
	if json.Unmarshal(got.body, &b) != nil {
		return ""
	}
	return b.Error.Code
}

// conforms holds an answer against the document, and returns what is wrong.
func (o *office) conforms(method, path string, got reply) string {
	var doc struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(o.api.document, &doc); err != nil {
		return err.Error()
	}
	path, _, _ = strings.Cut(path, "?")
	e := o.endpointOf(method, path)
	if got.status >= 400 {
		if wrong := match(doc.Components.Schemas["Error"], parse(got.body), "error"); wrong != "" {
			return wrong
		}
		if row := rowOf(got.code()); row.Status != got.status {
			return fmt.Sprintf("the code %s has the status %d", got.code(), row.Status)
		}
		return ""
	}
	if e == nil {
		return "the document has no such endpoint"
	}
	var op struct {
		Responses map[string]struct {
			Content map[string]struct{ Schema any }
		}
	}
	if err := json.Unmarshal(doc.Paths[e.Path][strings.ToLower(method)], &op); err != nil {
		return err.Error()
	}
	response, ok := op.Responses[fmt.Sprint(got.status)]
	if !ok {
		return fmt.Sprintf("the document knows no answer %d", got.status)
	}
	kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	if len(response.Content) == 0 {
		if len(got.body) > 0 {
			return "there is a body"
		}
		return ""
	}
	content, ok := response.Content[kind]
	if !ok {
		return fmt.Sprintf("the document knows no answer of the type %q", kind)
	}
	if content.Schema == nil {
		return ""
	}
	return match(content.Schema, parse(got.body), "answer")
}

func (o *office) endpointOf(method, path string) *endpoint {
	all := endpoints()
	for i := range all {
		want, have := strings.Split(all[i].Path, "/"), strings.Split(path, "/")
		same := all[i].Method == method && len(want) == len(have)
		for k := 0; same && k < len(want); k++ {
			same = want[k] == have[k] || strings.HasPrefix(want[k], "{")
		}
		if same {
			return &all[i]
		}
	}
	return nil
}

func parse(text []byte) any {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	return v
}

// match holds a value against a schema of those that the document uses.
func match(schema, v any, at string) string {
	s, _ := schema.(map[string]any)
	if len(s) == 0 {
		return ""
	}
	if enum, ok := s["enum"].([]any); ok {
		found := false
		for _, e := range enum {
			found = found || e == v
		}
		if !found {
			return fmt.Sprintf("%s: %v is not among %v", at, v, enum)
		}
	}
	switch s["type"] {
	case "object":
		o, ok := v.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is no object", at)
		}
		properties, _ := s["properties"].(map[string]any)
		for name, value := range o {
			of, known := properties[name]
			if !known {
				if s["additionalProperties"] == false {
					return fmt.Sprintf("%s.%s is not in the document", at, name)
				}
				of = s["additionalProperties"]
			}
			if wrong := match(of, value, at+"."+name); wrong != "" {
				return wrong
			}
		}
		required, _ := s["required"].([]any)
		for _, name := range required {
			if _, ok := o[name.(string)]; !ok {
				return fmt.Sprintf("%s.%s is missing", at, name)
			}
		}
	case "array":
		a, ok := v.([]any)
		if !ok {
			return fmt.Sprintf("%s is no array", at)
		}
		for i, value := range a {
			if wrong := match(s["items"], value, fmt.Sprintf("%s[%d]", at, i)); wrong != "" {
				return wrong
			}
		}
	case "string":
		if _, ok := v.(string); !ok {
			return fmt.Sprintf("%s is no string", at)
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return fmt.Sprintf("%s is no boolean", at)
		}
	case "integer", "number":
		if _, ok := v.(float64); !ok {
			return fmt.Sprintf("%s is no number", at)
		}
	}
	return ""
}

// Fixture reads a module of testdata/guests, as a version of its own if n is not 0: a
// custom section tells the modules apart. The tests from outside use it too.
func Fixture(t testing.TB, fixture string, n int) []byte {
	t.Helper()
	bin, err := os.ReadFile(filepath.Join("../../testdata/guests", filepath.FromSlash(fixture)+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		return bin
	}
	name := fmt.Sprintf("version %d", n)
	return append(append(bin, 0, byte(len(name)+1), byte(len(name))), name...)
}

// TestJourney: what the API is for, from the first tenant to the last token; each answer
// is as the document says.
func TestJourney(t *testing.T) {
	o := newOffice(t, nil)
	var who whoBody
	if o.must(200, "GET", "/v1/whoami", nil, &who); !who.Operator || who.Name != "operator" {
		t.Errorf("who: %+v", who)
	}
	o.must(200, "GET", "/v1/openapi.json", nil, nil)
	o.must(200, "GET", "/v1/limits", nil, nil)
	var record recordBody
	got := o.must(201, "PUT", "/v1/tenants/acme", settingsBody{Hosts: []string{"acme.example.com"}, Limits: map[string]int64{"connections": 7}}, &record)
	if record.Revision == 0 || got.header.Get("Etag") != fmt.Sprintf(`"%d"`, record.Revision) {
		t.Errorf("the record %+v has the tag %s", record, got.header.Get("Etag"))
	}
	if got := o.ask("PUT", "/v1/tenants/acme", operator, settingsBody{}, "If-None-Match", "*"); got.code() != codeExists {
		t.Errorf("made again: %d %s", got.status, got.body)
	}
	var first, second versionBody
	o.must(201, "POST", "/v1/tenants/acme/plugins/echo/versions", Fixture(t, "served/echo", 0), &first)
	if first.Seq != 1 || len(first.Digest) != 64 || first.Module == nil || len(first.Callbacks) == 0 || first.By != "operator" {
		t.Errorf("the upload is %+v", first)
	}
	o.must(200, "POST", "/v1/tenants/acme/plugins/echo/versions", Fixture(t, "served/echo", 0), &second)
	if !second.Known || second.Seq != 1 {
		t.Errorf("the same again is %+v", second)
	}
	o.must(200, "PUT", "/v1/tenants/acme/routes", `{"routes":[{"pattern":"rooms:*","plugin":"echo"}]}`, nil)
	var d deploymentBody
	o.must(200, "POST", "/v1/tenants/acme/plugins/echo/deploy?dry_run=1", `{}`, &d)
	if !d.DryRun {
		t.Errorf("the dry run is %+v", d)
	}
	d = deploymentBody{}
	o.must(200, "POST", "/v1/tenants/acme/plugins/echo/deploy", nil, &d)
	if d.Version != "echo@1" || d.Digest != first.Digest[:8] || d.DryRun {
		t.Errorf("the deploy is %+v", d)
	}
	o.must(201, "POST", "/v1/tenants/acme/plugins/echo/versions", Fixture(t, "served/echo", 2), &second)
	o.must(200, "POST", "/v1/tenants/acme/plugins/echo/deploy", deployBody{Version: 2, Strategy: "new-joins"}, &d)
	if d.Previous != "echo@1" || d.Seq != 2 {
		t.Errorf("the second deploy is %+v", d)
	}
	o.must(200, "POST", "/v1/tenants/acme/plugins/echo/rollback", nil, &d)
	if d.Version != "echo@1" {
		t.Errorf("the roll back is %+v", d)
	}
	var versions versionsBody
	o.must(200, "GET", "/v1/tenants/acme/plugins/echo/versions", nil, &versions)
	if len(versions.Versions) != 2 || !versions.Versions[0].Active || versions.Versions[1].Active {
		t.Errorf("the versions are %+v", versions)
	}
	o.must(204, "PUT", "/v1/tenants/acme/plugins/echo/versions/1/pin", `{"pinned":true}`, nil)
	o.must(200, "PUT", "/v1/tenants/acme/plugins/echo/settings", map[string]string{"greeting": "hi"}, nil)
	settings := map[string]string{}
	o.must(200, "GET", "/v1/tenants/acme/plugins/echo/settings", nil, &settings)
	if settings["greeting"] != "hi" {
		t.Errorf("the settings are %v", settings)
	}
	for _, path := range []string{"", "/usage", "/topics", "/sockets", "/routes", "/audit", "/tokens", "/plugins/echo/logs"} {
		o.must(200, "GET", "/v1/tenants/acme"+path, nil, nil)
	}
	o.must(200, "GET", "/v1/tenants", nil, nil)
	o.must(200, "POST", "/v1/tenants/acme/publish", `{"topic":"rooms:1","event":"e","payload":{"a":1}}`, nil)
	o.must(200, "POST", "/v1/tenants/acme/publish", `{"messages":[{"topic":"rooms:1","event":"e"},{"topic":"rooms:2","event":"e","payload":{}}]}`, nil)
	o.must(200, "POST", "/v1/tenants/acme/sockets/nobody/disconnect", nil, nil)
	o.must(200, "POST", "/v1/tenants/acme/drain", `{"window":"1ms"}`, nil)
	o.must(200, "POST", "/v1/tenants/acme/suspend", nil, &record)
	if !record.Suspended {
		t.Error("it is not suspended")
	}
	o.must(200, "POST", "/v1/tenants/acme/resume", nil, nil)
	o.must(201, "POST", "/v1/tenants/acme/revocations", `{"subject":"7"}`, nil)
	var revoked revocationsBody
	o.must(200, "GET", "/v1/tenants/acme/revocations", nil, &revoked)
	if len(revoked.Revocations) != 1 || revoked.Revocations[0].Subject != "7" || revoked.Revocations[0].Expires.IsZero() || revoked.Revocations[0].By != "operator" {
		t.Errorf("the revocations are %+v", revoked)
	}
	if got := o.ask("POST", "/v1/tenants/acme/revocations", operator, `{"id":"a","subject":"b"}`); got.code() != codeInvalid {
		t.Errorf("a revocation of two things: %d %s", got.status, got.body)
	}
	var minted mintedBody
	o.must(201, "POST", "/v1/tenants/acme/tokens", mintBody{Note: "CI"}, &minted)
	if got := o.ask("POST", "/v1/tenants/acme/plugins/echo/deploy", minted.Token, deployBody{Version: 2}); got.status != 200 {
		t.Errorf("a deploy with the token: %d %s", got.status, got.body)
	}
	var audit auditBody
	o.must(200, "GET", "/v1/audit?limit=1000", nil, &audit)
	actions := map[string]bool{}
	for _, e := range audit.Entries {
		actions[e.Action+" by "+e.By] = true
	}
	for _, want := range []string{"deploy by operator", "deploy by token " + minted.ID} {
		if !actions[want] {
			t.Errorf("the audit log lacks %q: %v", want, actions)
		}
	}
	o.must(204, "DELETE", "/v1/tenants/acme/tokens/"+minted.ID, nil, nil)
	if got := o.ask("GET", "/v1/tenants/acme", minted.Token, nil); got.code() != codeToken {
		t.Errorf("a token that was taken back: %d %s", got.status, got.body)
	}
	o.must(204, "DELETE", "/v1/tenants/acme", nil, nil)
	if got := o.ask("GET", "/v1/tenants/acme", operator, nil); got.code() != codeUnknown {
		t.Errorf("a tenant that is gone: %d %s", got.status, got.body)
	}
	for _, secret := range []string{operator, minted.Token} {
		if o.log.Count(secret) > 0 {
			t.Error("a token is in the log")
		}
	}
}
