package tenant_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/wasm"
)

// rotting is a store in which a record can be damaged, and mended, while nothing uses it.
type rotting interface {
	open(t *testing.T) registry.Store
	// turn damages a tenant's record, and mends one that is.
	turn(t *testing.T, tenant string)
}

// rottingMemory is one in memory.
type rottingMemory struct {
	registry.Store
	damaged map[string]bool
}

func newRottingMemory() *rottingMemory {
	return &rottingMemory{registry.NewMemory(registry.Config{}), make(map[string]bool)}
}

func (r *rottingMemory) open(*testing.T) registry.Store   { return r }
func (r *rottingMemory) turn(_ *testing.T, tenant string) { r.damaged[tenant] = !r.damaged[tenant] }
func (r *rottingMemory) fault(tenant string) error {
	return fmt.Errorf("%w: %s", registry.ErrDamaged, tenant)
}
func (r *rottingMemory) rotten(t registry.Tenant) registry.Tenant {
	return registry.Tenant{Name: t.Name, Hosts: t.Hosts}
}

func (r *rottingMemory) Tenants(ctx context.Context) iter.Seq2[registry.Tenant, error] {
	return func(yield func(registry.Tenant, error) bool) {
		for t, err := range r.Store.Tenants(ctx) {
			if r.damaged[t.Name] {
				t, err = r.rotten(t), r.fault(t.Name)
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

func (r *rottingMemory) Tenant(ctx context.Context, name string) (registry.Tenant, error) {
	if r.damaged[name] {
		return registry.Tenant{Name: name}, r.fault(name)
	}
	return r.Store.Tenant(ctx, name)
}

func (r *rottingMemory) Update(ctx context.Context, name string, c registry.Change) (registry.Tenant, error) {
	if r.damaged[name] {
		return registry.Tenant{}, r.fault(name)
	}
	return r.Store.Update(ctx, name, c)
}

func (r *rottingMemory) Delete(ctx context.Context, name string, e registry.Entry) error {
	delete(r.damaged, name)
	return r.Store.Delete(ctx, name, e)
}

// rottingDisk is one in a directory.
type rottingDisk struct{ dir string }

func (r *rottingDisk) open(t *testing.T) registry.Store {
	d, err := registry.Open(r.dir, registry.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (r *rottingDisk) turn(t *testing.T, tenant string) {
	file := filepath.Join(r.dir, "registry.db")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin := []byte(`{"name":"` + tenant + `","revision":`)
	found := 0
	for at := 0; ; {
		i := bytes.Index(data[at:], begin)
		if i < 0 {
			break
		}
		at += i + len(begin)
		data[at+1+bytes.IndexByte(data[at:], 'T')] ^= 1 // a digit of when it was made
		found++
	}
	if found == 0 {
		t.Fatalf("the file has no record of %s", tenant)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// in opens a town on the store for as long as f runs.
func in(t *testing.T, r rotting, cache string, f func(w *town)) {
	t.Helper()
	store := r.open(t)
	w := newTown(t, store, cache)
	f(w)
	w.stop(t)
	if _, ok := r.(*rottingDisk); ok {
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// refusedAs503 tells that clients who come by these names are refused as they should be.
func refusedAs503(t *testing.T, w *town, names tenant.Names) {
	t.Helper()
	tn, err := w.Resolve(names)
	if err != nil {
		t.Fatalf("%+v: %v", names, err)
	}
	_, _, err = tn.Take()
	var refused *socket.RefusedError
	if !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable || !bytes.Contains(refused.Body.Data(), []byte(`"unavailable"`)) {
		t.Errorf("%+v: a client is answered %v", names, err)
	}
}

// changes are all ways to change a tenant, or to use it.
func changes(t *testing.T, w *town, tn *tenant.Tenant) map[string]func() error {
	ctx, by := t.Context(), tenant.Request{Operator: true}
	return map[string]func() error{
		"set":        func() error { _, err := tn.Set(ctx, tenant.Settings{}, by); return err },
		"dry run":    func() error { _, err := tn.Set(ctx, tenant.Settings{}, tenant.Request{DryRun: true}); return err },
		"routes":     func() error { _, err := tn.PutRoutes(ctx, nil, by); return err },
		"configure":  func() error { _, err := tn.Configure(ctx, "it", nil, by); return err },
		"pin":        func() error { _, err := tn.Pin(ctx, "it", 1, true, by); return err },
		"tokens":     func() error { _, err := tn.PutTokens(ctx, nil, by); return err },
		"suspend":    func() error { _, err := tn.Suspend(ctx, by); return err },
		"resume":     func() error { _, err := tn.Resume(ctx, by); return err },
		"revoke":     func() error { _, err := tn.Revoke(ctx, registry.Revocation{ID: "x"}, by); return err },
		"deploy":     func() error { _, err := tn.Deploy(ctx, "it", tenant.Deploy{Request: by}); return err },
		"rollback":   func() error { _, err := tn.Rollback(ctx, "it", by); return err },
		"disconnect": func() error { _, err := tn.Disconnect("users:7"); return err },
		"publish":    func() error { return tn.Publish(tenant.Message{Topic: "a:1", Event: "e", Payload: phx.Bytes(nil)}) },
		"upload": func() error {
			_, err := tn.Upload(ctx, tenant.Upload{Plugin: "it", Module: module(t, "served/echo", 5)})
			return err
		},
	}
}

// TestDamagedTenant: one record that cannot be read costs its tenant, and nobody else.
// Nothing of it is overwritten until the operator deletes it.
func TestDamagedTenant(t *testing.T) {
	for kind, r := range map[string]rotting{"memory": newRottingMemory(), "disk": &rottingDisk{filepath.Join(t.TempDir(), "data")}} {
		t.Run(kind, func(t *testing.T) {
			cache := t.TempDir()
			var before registry.Tenant
			in(t, r, cache, func(w *town) {
				for _, name := range []string{"acme", "other"} {
					tn := w.tenant(t, name)
					deployed(t, tn, "it", module(t, "served/echo", 1))
					routed(t, tn, registry.Route{Pattern: "*", Plugin: "it"})
					if _, err := tn.Set(t.Context(), tenant.Settings{Hosts: []string{name + ".example.com"}}, tenant.Request{}); err != nil {
						t.Fatal(err)
					}
				}
				acme, _ := w.Tenant("acme")
				before = acme.Record()
			})
			r.turn(t, "acme")
			in(t, r, cache, func(w *town) {
				if n := w.log.Count("the record of a tenant is damaged"); n != 1 || w.log.Count("tenant=acme") != 1 {
					t.Errorf("the log is\n%s", &w.log)
				}
				acme, _ := w.Tenant("acme")
				if !errors.Is(acme.Damage(), tenant.ErrDamaged) || !errors.Is(acme.Damage(), registry.ErrDamaged) {
					t.Errorf("its damage is %v", acme.Damage())
				}
				refusedAs503(t, w, tenant.Names{Path: "acme"})
				refusedAs503(t, w, tenant.Names{Host: "acme.example.com"})
				for what, change := range changes(t, w, acme) {
					if err := change(); !errors.Is(err, tenant.ErrDamaged) {
						t.Errorf("%s: %v", what, err)
					}
				}
				if _, err := w.Create(t.Context(), "acme", tenant.Settings{}, tenant.Request{}); !errors.Is(err, registry.ErrExists) {
					t.Errorf("a tenant of this name is made: %v", err)
				}
				other, _ := w.Tenant("other")
				if other.Damage() != nil || other.Record().Revision != before.Revision {
					t.Errorf("the other one is %+v, %v", other.Record(), other.Damage())
				}
				expect(t, connect(t, other).answers(t, joinA), ok("1", `{}`))
				if w.Default().Damage() != nil {
					t.Error("the default tenant is damaged")
				}
			})
			r.turn(t, "acme")
			in(t, r, cache, func(w *town) {
				acme, _ := w.Tenant("acme")
				if got := acme.Record(); !reflect.DeepEqual(got, before) || acme.Damage() != nil {
					t.Errorf("mended, the record is\n\t%+v, want\n\t%+v", got, before)
				}
				expect(t, connect(t, acme).answers(t, joinA), ok("1", `{}`))
			})
			r.turn(t, "acme")
			in(t, r, cache, func(w *town) {
				if err := w.Delete(t.Context(), "acme", tenant.Request{By: "test"}); err != nil {
					t.Fatal(err)
				}
				acme := w.tenant(t, "acme")
				deployed(t, acme, "it", module(t, "served/echo", 2))
				routed(t, acme, registry.Route{Pattern: "*", Plugin: "it"})
				expect(t, connect(t, acme).answers(t, joinA), ok("1", `{}`))
			})
			in(t, r, cache, func(w *town) {
				acme, _ := w.Tenant("acme")
				if record := acme.Record(); acme.Damage() != nil || record.Plugin("it").Active != 1 || len(record.Hosts) != 0 {
					t.Errorf("made anew, it is %+v, %v", record, acme.Damage())
				}
			})
		})
	}
}

// TestDamagedDefault: the default tenant is there as ever, and gets an empty record when
// the operator deletes the damaged one.
func TestDamagedDefault(t *testing.T) {
	for kind, r := range map[string]rotting{"memory": newRottingMemory(), "disk": &rottingDisk{filepath.Join(t.TempDir(), "data")}} {
		t.Run(kind, func(t *testing.T) {
			cache := t.TempDir()
			in(t, r, cache, func(w *town) {
				if err := w.Delete(t.Context(), tenant.Default, tenant.Request{}); !errors.Is(err, tenant.ErrInvalid) {
					t.Errorf("whole, it is deleted: %v", err)
				}
				if _, err := w.Default().Suspend(t.Context(), tenant.Request{}); err != nil {
					t.Fatal(err)
				}
			})
			r.turn(t, tenant.Default)
			in(t, r, cache, func(w *town) {
				it := w.Default()
				refusedAs503(t, w, tenant.Names{})
				refusedAs503(t, w, tenant.Names{Path: tenant.Default})
				if err := w.Delete(t.Context(), tenant.Default, tenant.Request{DryRun: true}); err != nil || it.Damage() == nil {
					t.Errorf("a dry run: %v, %v", err, it.Damage())
				}
				if err := w.Delete(t.Context(), tenant.Default, tenant.Request{}); err != nil {
					t.Fatal(err)
				}
				if w.Default() != it || it.Damage() != nil || it.Suspended() || it.Record().Revision != 1 {
					t.Errorf("it is %+v, %v", it.Record(), it.Damage())
				}
				deployed(t, it, "it", module(t, "served/echo", 1))
				routed(t, it, registry.Route{Pattern: "*", Plugin: "it"})
				expect(t, connect(t, it).answers(t, joinA), ok("1", `{}`))
			})
			in(t, r, cache, func(w *town) {
				if record := w.Default().Record(); w.Default().Damage() != nil || record.Plugin("it") == nil {
					t.Errorf("opened again, it is %+v, %v", record, w.Default().Damage())
				}
			})
		})
	}
}

// TestRecordThatCannotBeServed: what is stored is whole, and says what this version of the
// program does not understand. That is no reason to serve nobody; patterns of the
// configuration that are none are.
func TestRecordThatCannotBeServed(t *testing.T) {
	store := registry.NewMemory(registry.Config{})
	for _, name := range []string{"acme", "other"} {
		if _, err := store.Create(t.Context(), registry.Tenant{Name: name, Hosts: []string{name + ".example.com"}, Origins: []string{"https://" + name}}, registry.Entry{}); err != nil {
			t.Fatal(err)
		}
	}
	engine, err := wasm.NewEngine(wasm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := tenant.DirectoryConfig{Store: store, Engine: engine, PubSub: pubsub.New(nil), Origins: func(entries []string) (func(*http.Request) bool, error) {
		if entries[0] == "https://acme" {
			return nil, errors.New("no origin")
		}
		return func(*http.Request) bool { return true }, nil
	}}
	d, err := tenant.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	acme, _ := d.Tenant("acme")
	other, _ := d.Tenant("other")
	if err := acme.Damage(); !errors.Is(err, tenant.ErrDamaged) || !strings.Contains(err.Error(), "no origin") || other.Damage() != nil {
		t.Errorf("the damages are %v and %v", err, other.Damage())
	}
	refusedAs503(t, &town{Directory: d}, tenant.Names{Host: "acme.example.com"})
	cfg.Default.Routes = []tenant.Route{{Pattern: "*bad*", Target: named("x")}}
	if _, err := tenant.Open(t.Context(), cfg); err == nil || errors.Is(err, tenant.ErrDamaged) || !strings.Contains(err.Error(), "*bad*") {
		t.Errorf("a configuration that is wrong: %v", err)
	}
}
