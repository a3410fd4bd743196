package tenant_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// TestModulesThatAreLeftOut: what was compiled of a module is removed when the last record
// no longer names it, and the module with the next sweep, while the host runs.
func TestModulesThatAreLeftOut(t *testing.T) {
	cache := t.TempDir()
	w := newTown(t, registry.NewMemory(registry.Config{}), cache)
	acme, other := w.tenant(t, "acme"), w.tenant(t, "other")
	if _, err := acme.Set(t.Context(), tenant.Settings{Limits: map[string]int64{"versions": 1}}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	first, second := module(t, "served/echo", 1), module(t, "served/echo", 2)
	there := func(what string, bin []byte, code, stored bool) {
		t.Helper()
		w.Idle()
		digest := registry.DigestOf(bin)
		if _, err := os.Stat(filepath.Join(cache, digest.String()[:32])); (err == nil) != code {
			t.Errorf("%s: what was compiled is there: %t, want %t", what, err == nil, code)
		}
		if _, err := w.store.Module(t.Context(), digest); (err == nil) != stored {
			t.Errorf("%s: the module is there: %v, want %t", what, err, stored)
		}
	}
	upload(t, acme, first)
	upload(t, other, first)
	upload(t, acme, second)
	if record := acme.Record(); len(record.Plugin("it").Versions) != 1 {
		t.Fatalf("the record has %+v", record.Plugin("it").Versions)
	}
	w.Sweep(t.Context())
	there("named by another tenant", first, true, true)
	if err := w.Delete(t.Context(), "other", tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	there("before the sweep", first, false, true)
	w.Sweep(t.Context())
	there("named by nobody", first, false, false)
	there("named", second, true, true)
	if n := w.log.Count("modules that nothing names were removed"); n != 1 {
		t.Errorf("%d sweeps were logged", n)
	}
	upload(t, acme, first) // it is stored and compiled again
	there("uploaded again", first, true, true)
}

// stiff is a store that cannot be swept when it is told so.
type stiff struct {
	registry.Store
	stiff atomic.Bool
	swept atomic.Int32
}

func (s *stiff) Sweep(ctx context.Context) (int, error) {
	s.swept.Add(1)
	if s.stiff.Load() {
		return 0, errors.New("no")
	}
	return s.Store.Sweep(ctx)
}

// TestSweepOfTheStore: it is swept when a change has left something out, and again if that
// has failed, and not for nothing.
func TestSweepOfTheStore(t *testing.T) {
	store := &stiff{Store: registry.NewMemory(registry.Config{})}
	w := newTown(t, store, t.TempDir())
	acme := w.tenant(t, "acme")
	deployed(t, acme, "it", module(t, "served/echo", 1))
	sweeps := func(what string, want int32) {
		t.Helper()
		w.Sweep(t.Context())
		if got := store.swept.Swap(0); got != want {
			t.Errorf("%s: %d sweeps, want %d", what, got, want)
		}
	}
	sweeps("nothing was left out", 0)
	if err := w.Delete(t.Context(), "acme", tenant.Request{DryRun: true}); err != nil {
		t.Fatal(err)
	}
	sweeps("a dry run", 0)
	store.stiff.Store(true)
	if err := w.Delete(t.Context(), "acme", tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	sweeps("it fails", 1)
	store.stiff.Store(false)
	sweeps("again", 1)
	sweeps("it has gone well", 0)
}
