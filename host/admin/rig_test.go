package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chhost/chhost/host/admin"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/wasm"
)

// rig is an admin API on a listener of its own, with all that it needs, for as long as
// the test runs. Every answer that it receives is held against the document.
type rig struct {
	*tenant.Directory
	api    *admin.API
	store  registry.Store
	server *httptest.Server
	log    *channeltest.Log
	logger *slog.Logger // which the API keeps lines of plugins of, too
	token  string       // the operator's

	document *document
	mu       sync.Mutex
	seen     map[string]bool // "method path status", of the document
}

func newRig(t testing.TB, change func(*admin.Config)) *rig {
	t.Helper()
	return newRigOn(t, registry.NewMemory(registry.Config{}), change)
}

func newRigOn(t testing.TB, store registry.Store, change func(*admin.Config)) *rig {
	t.Helper()
	return serve(t, newOffline(t, store, change))
}

// serve gives a rig its listener.
func serve(t testing.TB, r *rig) *rig {
	t.Helper()
	r.server = httptest.NewUnstartedServer(r.api)
	r.server.Config.ErrorLog = slog.NewLogLogger(r.logger.Handler(), slog.LevelError)
	r.server.Start()
	t.Cleanup(r.server.Close)
	r.document = readDocument(t, r)
	return r
}

// newOffline is a rig without a listener.
func newOffline(t testing.TB, store registry.Store, change func(*admin.Config)) *rig {
	t.Helper()
	r := &rig{store: store, log: new(channeltest.Log), token: "the-operators-token-" + strings.Repeat("x", 43), seen: make(map[string]bool)}
	logs := admin.NewLogs(r.log.Logger().Handler())
	r.logger = slog.New(logs)
	engine, err := wasm.NewEngine(wasm.Config{CacheDir: t.TempDir(), Logger: r.logger, Share: func(name string) wasm.Share { return r.Share(name) }})
	if err != nil {
		t.Fatal(err)
	}
	r.Directory, err = tenant.Open(t.Context(), tenant.DirectoryConfig{Store: r.store, Engine: engine, PubSub: pubsub.New(nil), Logger: r.logger})
	if err != nil {
		t.Fatal(err)
	}
	cfg := admin.Config{Tenants: r.Directory, Store: r.store, Token: r.token, Hosts: []string{"admin.example.com"}, Logs: logs, Logger: r.logger}
	if change != nil {
		change(&cfg)
	}
	r.api, err = admin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Wait(context.Background()); err != nil {
			t.Error(err)
		}
		r.Directory.Close()
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// call is a request. Token is who asks; empty: nobody.
type call struct {
	token, method, path string
	body                string
	header              http.Header
	reader              io.Reader // instead of body
}

// with returns the call with another field of its header; one named Host is the host that
// is asked for.
func (c call) with(name, value string) call {
	c.header = c.header.Clone()
	if c.header == nil {
		c.header = make(http.Header)
	}
	c.header[http.CanonicalHeaderKey(name)] = []string{value}
	return c
}

// answer is what came of one.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// code is the stable word of an error; empty if it is none.
func (a answer) code() string {
	var e struct{ Error struct{ Code string } }
	_ = json.Unmarshal(a.body, &e)
	return e.Error.Code
}

// into reads the answer as JSON.
func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v: %s", err, a)
	}
}

// request makes the request. A body is JSON unless the header says something else.
func (r *rig) request(ctx context.Context, c call) (*http.Request, error) {
	body := c.reader
	if body == nil && c.body != "" {
		body = strings.NewReader(c.body)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, r.server.URL+c.path, body)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	if host := c.header.Get("Host"); host != "" {
		req.Host = host
	}
	return req, nil
}

// try sends a request and holds the answer against the document.
func (r *rig) try(ctx context.Context, c call) (answer, error) {
	req, err := r.request(ctx, c)
	if err != nil {
		return answer{}, err
	}
	resp, err := r.server.Client().Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		return answer{}, err
	}
	if r.document == nil {
		return a, nil
	}
	where, err := r.document.check(req, a)
	if where != "" {
		r.mu.Lock()
		r.seen[where] = true
		r.mu.Unlock()
	}
	return a, err
}

// ask is try, for a test that ends if nothing is answered or the document knows no such
// answer.
func (r *rig) ask(t testing.TB, c call) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
	defer cancel()
	a, err := r.try(ctx, c)
	if err != nil {
		t.Fatalf("%s %s: %v", c.method, c.path, err)
	}
	return a
}

// want is ask, with the status that is expected.
func (r *rig) want(t testing.TB, status int, c call) answer {
	t.Helper()
	a := r.ask(t, c)
	if a.status != status {
		t.Fatalf("%s %s %.200s is answered %s, want %d", c.method, c.path, c.body, a, status)
	}
	return a
}

// operator is a call of the operator's.
func (r *rig) operator(method, path, body string) call {
	return call{token: r.token, method: method, path: path, body: body}
}

// upload is a call that uploads a module.
func upload(token, tenantName, plugin string, bin []byte) call {
	c := call{token: token, method: "POST", path: "/v1/tenants/" + tenantName + "/plugins/" + plugin + "/versions", reader: bytes.NewReader(bin)}
	return c.with("Content-Type", "application/wasm")
}

// found makes a tenant with one plugin, "it", whose first version serves all topics.
func (r *rig) found(t testing.TB, name string) {
	t.Helper()
	r.want(t, http.StatusCreated, r.operator("PUT", "/v1/tenants/"+name, `{}`))
	r.want(t, http.StatusCreated, upload(r.token, name, "it", admin.Fixture(t, "served/echo", 0)))
	r.want(t, http.StatusOK, r.operator("PUT", "/v1/tenants/"+name+"/routes", `{"routes":[{"pattern":"*","plugin":"it"}]}`))
	r.want(t, http.StatusOK, r.operator("POST", "/v1/tenants/"+name+"/plugins/it/deploy", `{}`))
}

// minted is a deploy token.
type minted struct{ ID, Token string }

func (r *rig) mint(t testing.TB, tenantName, body string) (m minted) {
	t.Helper()
	r.want(t, http.StatusCreated, r.operator("POST", "/v1/tenants/"+tenantName+"/tokens", body)).into(t, &m)
	if m.ID == "" || m.Token == "" {
		t.Fatalf("minted %+v", m)
	}
	return m
}

// records are all that is stored, as text: what an attack must not change.
func (r *rig) records(t testing.TB) string {
	t.Helper()
	var all []registry.Tenant
	for record, err := range r.store.Tenants(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, record)
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// revision is the tenant's.
func (r *rig) revision(t testing.TB, name string) string {
	t.Helper()
	tn, ok := r.Tenant(name)
	if !ok {
		t.Fatalf("there is no tenant %s", name)
	}
	return strconv.Quote(strconv.FormatUint(tn.Record().Revision, 10))
}

// audited are the entries of the audit log of a tenant.
func (r *rig) audited(t testing.TB, name string) []registry.Entry {
	t.Helper()
	entries, err := r.store.Audit(t.Context(), name, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// keepsSecrets fails the test if one of these is in the log, in the audit log or in what
// is stored.
func (r *rig) keepsSecrets(t testing.TB, secrets ...string) {
	t.Helper()
	var audit strings.Builder
	for _, e := range r.audited(t, "") {
		fmt.Fprintf(&audit, "%+v\n", e)
	}
	stored := r.records(t)
	for _, secret := range slices.DeleteFunc(secrets, func(s string) bool { return s == "" }) {
		for place, text := range map[string]string{"the log": r.log.String(), "the audit log": audit.String(), "what is stored": stored} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has the secret %.12s...:\n%.2000s", place, secret, text)
			}
		}
	}
}
