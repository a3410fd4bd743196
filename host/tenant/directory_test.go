package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/wasm"
)

// module reads a fixture of testdata/guests, as a version of its own if n is not 0: a
// custom section tells the modules apart.
func module(t testing.TB, fixture string, n int) []byte {
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

// town is a directory with all that it needs, for as long as the test runs.
type town struct {
	*tenant.Directory
	store  registry.Store
	pubsub *pubsub.PubSub
	engine *wasm.Engine
	log    channeltest.Log
	cache  string
}

func newTown(t testing.TB, store registry.Store, cache string) *town {
	t.Helper()
	w := &town{store: store, cache: cache, pubsub: pubsub.New(nil)}
	var err error
	w.engine, err = wasm.NewEngine(wasm.Config{CacheDir: cache, Logger: w.log.Logger(), Share: func(name string) wasm.Share { return w.Share(name) }})
	if err != nil {
		t.Fatal(err)
	}
	w.Directory, err = tenant.Open(t.Context(), tenant.DirectoryConfig{Store: store, Engine: w.engine, PubSub: w.pubsub, Logger: w.log.Logger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.stop(t) })
	return w
}

func (w *town) stop(t testing.TB) {
	t.Helper()
	if err := w.Wait(context.Background()); err != nil {
		t.Error(err)
	}
	w.Close()
	if err := w.engine.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// tenant makes a tenant whose topics go to one plugin.
func (w *town) tenant(t testing.TB, name string) *tenant.Tenant {
	t.Helper()
	tn, err := w.Create(t.Context(), name, tenant.Settings{}, tenant.Request{By: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return tn
}

// deployed uploads and deploys a module.
func deployed(t testing.TB, tn *tenant.Tenant, plugin string, bin []byte) tenant.Deployment {
	t.Helper()
	v, err := tn.Upload(t.Context(), tenant.Upload{Plugin: plugin, Module: bin})
	if err != nil {
		t.Fatal(err)
	}
	d, err := tn.Deploy(t.Context(), plugin, tenant.Deploy{Version: v.Seq})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func routed(t testing.TB, tn *tenant.Tenant, routes ...registry.Route) {
	t.Helper()
	if _, err := tn.PutRoutes(t.Context(), routes, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
}

const joinA = `["1","1","a:1","phx_join",{}]`

// What is uploaded, deployed and routed is served, here and by whoever opens the same
// store later, without a compilation.
func TestUploadDeployJoin(t *testing.T) {
	store, cache := registry.NewMemory(registry.Config{}), t.TempDir()
	w := newTown(t, store, cache)
	acme := w.tenant(t, "acme")
	v, err := acme.Upload(t.Context(), tenant.Upload{Plugin: "echo", Module: module(t, "served/echo", 0), Request: tenant.Request{By: "ann"}})
	if err != nil {
		t.Fatal(err)
	}
	if v.Name != "echo@1" || v.Seq != 1 || v.Digest != registry.DigestOf(module(t, "served/echo", 0)) || v.By != "ann" || v.Known || len(v.Callbacks) == 0 || v.CompileTime <= 0 {
		t.Errorf("uploaded %+v", v)
	}
	if again, err := acme.Upload(t.Context(), tenant.Upload{Plugin: "echo", Module: module(t, "served/echo", 0)}); err != nil || again.Seq != 1 || !again.Known {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	routed(t, acme, registry.Route{Pattern: "a:*", Plugin: "echo"})
	expect(t, connect(t, acme).answers(t, joinA), `[null,"1","a:1","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`)
	d, err := acme.Deploy(t.Context(), "echo", tenant.Deploy{Request: tenant.Request{By: "ann"}})
	if err != nil || d.Version != "echo@1" || d.Previous != "" || d.Digest != v.Digest.Short() {
		t.Fatalf("deployed %+v, %v", d, err)
	}
	expect(t, connect(t, acme).answers(t, joinA), ok("1", `{}`))

	later := newTown(t, store, cache)
	acme, found := later.Tenant("acme")
	if !found {
		t.Fatal("the tenant is not there after a restart")
	}
	expect(t, connect(t, acme).answers(t, joinA), ok("1", `{}`))
}

func TestUploadRefuses(t *testing.T) {
	w := newTown(t, registry.NewMemory(registry.Config{}), t.TempDir())
	acme := w.tenant(t, "acme")
	var bad *wasm.ModuleError
	_, err := acme.Upload(t.Context(), tenant.Upload{Plugin: "echo", Module: module(t, "refused/join_missing", 0)})
	if !errors.As(err, &bad) || len(bad.Faults) == 0 {
		t.Errorf("a module without join: %v", err)
	}
	_, err = acme.Upload(t.Context(), tenant.Upload{Plugin: "Echo!", Module: module(t, "served/echo", 0)})
	if !errors.Is(err, tenant.ErrInvalid) {
		t.Errorf("a name that is none: %v", err)
	}
	if r := acme.Record(); len(r.Plugins) != 0 || r.Revision != 1 {
		t.Errorf("the record is %+v", r)
	}
	if _, err := acme.Deploy(t.Context(), "echo", tenant.Deploy{}); !errors.Is(err, tenant.ErrUnknown) {
		t.Errorf("a plugin that there is not: %v", err)
	}
}

func TestResolve(t *testing.T) {
	w := newTown(t, registry.NewMemory(registry.Config{}), "")
	for name, host := range map[string]string{"acme": "acme.example.com", "other": "other.example.com"} {
		if _, err := w.Create(t.Context(), name, tenant.Settings{Hosts: []string{host}}, tenant.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		names tenant.Names
		want  string // tenant, or status and reason
	}{
		{tenant.Names{}, "default"},
		{tenant.Names{Host: "nobodys.example.com"}, "default"},
		{tenant.Names{Host: "acme.example.com"}, "acme"},
		{tenant.Names{Path: "acme"}, "acme"},
		{tenant.Names{Claim: "acme"}, "acme"},
		{tenant.Names{Host: "acme.example.com", Path: "acme", Claim: "acme"}, "acme"},
		{tenant.Names{Host: "acme.example.com", Path: "other"}, `403 {"reason":"tenant_mismatch"}`},
		{tenant.Names{Host: "acme.example.com", Claim: "other"}, `403 {"reason":"tenant_mismatch"}`},
		{tenant.Names{Path: "acme", Claim: "other"}, `403 {"reason":"tenant_mismatch"}`},
		{tenant.Names{Host: "acme.example.com", Path: "default"}, `403 {"reason":"tenant_mismatch"}`},
		{tenant.Names{Path: "nobody"}, `404 {"reason":"unknown_tenant"}`},
		{tenant.Names{Claim: "nobody"}, `404 {"reason":"unknown_tenant"}`},
	} {
		got := ""
		tn, err := w.Resolve(tt.names)
		var refused *socket.RefusedError
		switch {
		case errors.As(err, &refused):
			got = fmt.Sprint(refused.Status, " ", string(refused.Body.Data()))
		case err != nil:
			t.Errorf("%+v: %v", tt.names, err)
		default:
			got = tn.Name()
		}
		if got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.names, got, tt.want)
		}
	}
	_, err := w.Resolve(tenant.Names{Path: "nobody"})
	for _, way := range []string{"the host name", "the path /t/NAME/socket", "a claim of a token"} {
		if !strings.Contains(err.Error(), way) {
			t.Errorf("the error does not name %s: %v", way, err)
		}
	}
}
