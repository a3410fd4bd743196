package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// troubled is a store that fails when it is told to, or keeps those waiting who ask for
// a module.
type troubled struct {
	registry.Store
	full  atomic.Bool
	gone  atomic.Bool
	gate  chan struct{} // nil: open
	asked atomic.Int32  // how many have asked for a module
}

var errDiskFull = errors.New("no space left on device")

func (s *troubled) Update(ctx context.Context, name string, c registry.Change) (registry.Tenant, error) {
	if s.full.Load() {
		return registry.Tenant{}, errDiskFull
	}
	return s.Store.Update(ctx, name, c)
}

func (s *troubled) Module(ctx context.Context, d registry.Digest) ([]byte, error) {
	s.asked.Add(1)
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if s.gone.Load() {
		return nil, registry.ErrDamaged
	}
	return s.Store.Module(ctx, d)
}

// troubledTenant is a tenant that serves one version and has another, opened again so
// that nothing of it is loaded.
func troubledTenant(t *testing.T, store *troubled) (*town, *tenant.Tenant) {
	t.Helper()
	store.Store = registry.NewMemory(registry.Config{})
	cache := t.TempDir()
	gate := store.gate
	store.gate = nil
	first := newTown(t, store, cache)
	acme := first.tenant(t, "acme")
	deployed(t, acme, "it", module(t, "served/renews", 1))
	upload(t, acme, module(t, "served/renews", 2))
	routed(t, acme, registry.Route{Pattern: "*", Plugin: "it"})
	first.Idle()
	store.gate = gate
	w := newTown(t, store, cache)
	acme, _ = w.Tenant("acme")
	return w, acme
}

// A change that cannot be stored does not happen: the version that is served goes on.
func TestStoreThatIsFull(t *testing.T) {
	store := new(troubled)
	_, acme := troubledTenant(t, store)
	c := connect(t, acme)
	expect(t, c.answers(t, joinA), ok("1", `{}`))
	store.full.Store(true)
	before := acme.Record()
	for name, change := range map[string]func() error{
		"deploy": func() error { _, err := acme.Deploy(t.Context(), "it", tenant.Deploy{}); return err },
		"upload": func() error {
			_, err := acme.Upload(t.Context(), tenant.Upload{Plugin: "it", Module: module(t, "served/renews", 3)})
			return err
		},
		"routes":  func() error { _, err := acme.PutRoutes(t.Context(), nil, tenant.Request{}); return err },
		"suspend": func() error { _, err := acme.Suspend(t.Context(), tenant.Request{}); return err },
	} {
		if err := change(); !errors.Is(err, errDiskFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := acme.Record(); after.Revision != before.Revision || acme.Suspended() || after.Plugin("it").Active != 1 {
		t.Errorf("the record is %+v", after)
	}
	expect(t, c.answers(t, ask), ok("2", `"old"`))
	expect(t, connect(t, acme).answers(t, joinA), ok("1", `{}`))
	store.full.Store(false)
	if d := deploy(t, acme, tenant.Deploy{}); d.Moved != 2 {
		t.Errorf("deployed %+v", d)
	}
}

// A version whose module cannot be read is answered "unavailable", is no deploy, and is
// served as soon as it can be read.
func TestModuleThatIsDamaged(t *testing.T) {
	store := new(troubled)
	w, acme := troubledTenant(t, store)
	store.gone.Store(true)
	c := connect(t, acme)
	expect(t, c.answers(t, joinA), `["1","1","a:1","phx_reply",{"status":"error","response":{"reason":"unavailable","retry_after_ms":1000}}]`)
	if _, err := acme.Deploy(t.Context(), "it", tenant.Deploy{}); !errors.Is(err, registry.ErrDamaged) {
		t.Errorf("its deploy: %v", err)
	}
	if r := acme.Record(); r.Plugin("it").Active != 1 {
		t.Errorf("version %d is active", r.Plugin("it").Active)
	}
	if w.log.Count("a version of a plugin could not be loaded") == 0 || w.log.Count("plugin=it@1 digest=") == 0 {
		t.Errorf("the log does not say so:\n%s", &w.log)
	}
	store.gone.Store(false)
	expect(t, c.answers(t, joinA), ok("1", `{}`))
}

// Joins of a version that is being loaded wait for it, all for the same load; those of
// other tenants do not.
func TestJoinsWaitForTheLoad(t *testing.T) {
	store := &troubled{gate: make(chan struct{})}
	w, acme := troubledTenant(t, store)
	const clients = 50
	var waiting []*conn
	asked := store.asked.Load()
	for range clients {
		c := connect(t, acme)
		if err := c.HandleFrame(t.Context(), phx.Frame{Data: []byte(joinA)}); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, c)
	}
	channeltest.Eventually(t, "the version is being loaded", func() bool { return store.asked.Load() > asked })
	other := w.tenant(t, "other")
	expect(t, connect(t, other).answers(t, joinA), `[null,"1","a:1","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`)
	close(store.gate)
	for _, c := range waiting {
		expect(t, c.answers(t), ok("1", `{}`))
	}
	if n := store.asked.Load() - asked; n != 1 {
		t.Errorf("the module was read %d times", n)
	}
}

// A load that takes too long is answered, and goes on.
func TestLoadThatTakesTooLong(t *testing.T) {
	store := &troubled{gate: make(chan struct{})}
	_, acme := troubledTenant(t, store)
	tenant.SetLoadPatience(t, acme, 10*time.Millisecond)
	c := connect(t, acme)
	expect(t, c.answers(t, joinA), `["1","1","a:1","phx_reply",{"status":"error","response":{"reason":"unavailable","retry_after_ms":1000}}]`)
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := acme.Deploy(ended, "it", tenant.Deploy{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a deploy that nobody waits for: %v", err)
	}
	close(store.gate)
	channeltest.Eventually(t, "the version is loaded", func() bool { return strings.Contains(loaded(t, acme), "it@1") })
	expect(t, c.answers(t, joinA), ok("1", `{}`))
}

// Of a hundred uploads at once each distinct module becomes one version; no number is
// given twice, and deploys meanwhile leave one active version.
func TestConcurrentUploads(t *testing.T) {
	w := newTown(t, registry.NewMemory(registry.Config{}), t.TempDir())
	acme := w.tenant(t, "acme")
	set := tenant.Settings{Limits: map[string]int64{"versions": 1000}}
	if _, err := acme.Set(t.Context(), set, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	const uploads, distinct = 100, 50
	seqs := make([]int, uploads)
	var at sync.WaitGroup
	for i := range uploads {
		at.Go(func() {
			v, err := acme.Upload(t.Context(), tenant.Upload{Plugin: "it", Module: module(t, "served/echo", 1+i%distinct)})
			if err != nil {
				t.Error(err)
				return
			}
			seqs[i] = v.Seq
			if _, err := acme.Deploy(t.Context(), "it", tenant.Deploy{Version: v.Seq}); err != nil {
				t.Error(err)
			}
		})
	}
	at.Wait()
	record := acme.Record()
	p := record.Plugin("it")
	if len(p.Versions) != distinct || p.Last != distinct {
		t.Errorf("%d versions, the last number is %d, want %d", len(p.Versions), p.Last, distinct)
	}
	for i := range uploads {
		if v, ok := p.Version(seqs[i]); !ok || v.Digest != registry.DigestOf(module(t, "served/echo", 1+i%distinct)) {
			t.Errorf("upload %d is said to be version %d, which is another one", i, seqs[i])
		}
	}
	for i, d := range p.Deploys[1:] {
		if d.Previous != p.Deploys[i].Seq {
			t.Fatalf("the history is no line: %+v", p.Deploys)
		}
	}
	versions, err := acme.Versions("it")
	if err != nil {
		t.Fatal(err)
	}
	actives := slices.DeleteFunc(versions, func(v tenant.VersionInfo) bool { return !v.Active })
	if len(actives) != 1 || actives[0].Seq != p.Active || p.Deploys[len(p.Deploys)-1].Seq != p.Active {
		t.Errorf("active are %v, stored is %d", fmt.Sprint(actives), p.Active)
	}
}
