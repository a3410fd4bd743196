package registrytest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host/registry"
)

// This file guards the guard: stores with one fault each, and which contract has to
// notice it.

// recording is a test that notes its failure instead.
type recording struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (r *recording) Helper() {}

func (r *recording) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recording) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }

func (r *recording) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}

func (r *recording) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recording) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

func (r *recording) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// verdict runs a contract's test on stores of a kind, and returns how it failed.
func verdict(t *testing.T, c contract, kind Kind) string {
	r := &recording{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() { // in the order of package testing, also behind Goexit
			for _, f := range slices.Backward(r.cleanups) {
				f()
			}
		}()
		c.run(r, kind, 2*time.Second)
	}()
	<-ended
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.failures, "\n")
}

// stores is a kind whose stores are faulty.
func (f fault) stores() Kind {
	open := func() registry.Store {
		return f.store(registry.NewMemory(registry.Config{Entries: 50}))
	}
	return Kind{
		Entries: 50,
		Open:    func(testing.TB) registry.Store { return open() },
		Reopen: func(t testing.TB, s registry.Store) registry.Store {
			if f.reopen == nil {
				return s
			}
			return f.reopen(s)
		},
		Damage: func(t testing.TB, s registry.Store, d registry.Digest) {
			if r, ok := s.(*rotten); ok {
				r.damage(d)
			}
		},
	}
}

// TestFaultyStores: each fault is noticed by the contract that names it.
func TestFaultyStores(t *testing.T) {
	noticed := map[string]bool{}
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			for _, c := range contracts() {
				want, ok := f.caught[c.name]
				if !ok {
					continue
				}
				noticed[c.name] = true
				if got := verdict(t, c, f.stores()); !strings.Contains(got, want) || got == "" {
					t.Errorf("%q said:\n%s\nwant: %s", c.name, got, want)
				}
			}
			for name := range f.caught {
				if !slices.ContainsFunc(contracts(), func(c contract) bool { return c.name == name }) {
					t.Errorf("there is no contract %q", name)
				}
			}
		})
	}
	for _, c := range contracts() {
		if !noticed[c.name] {
			t.Errorf("no fault shows that %q can fail", c.name)
		}
	}
}
