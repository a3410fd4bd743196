package registrytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/chhost/chhost/host/registry"
)

// suite is one contract's test under way.
type suite struct {
	testing.TB
	kind     Kind
	patience time.Duration
	ctx      context.Context
	store    registry.Store
}

// within runs f, which has to return.
func (s *suite) within(what string, f func()) {
	s.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	s.await(what, done)
}

// await waits until a channel is closed.
func (s *suite) await(what string, done <-chan struct{}) {
	s.Helper()
	timer := time.NewTimer(s.patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.Fatalf("%s has not returned within %v", what, s.patience)
	}
}

// want holds an error to what it has to be; a nil target is no error.
func (s *suite) want(what string, err, target error) {
	s.Helper()
	if !errors.Is(err, target) {
		s.Fatalf("%s: %v, want %v", what, err, target)
	}
}

func (s *suite) create(name string) registry.Tenant {
	s.Helper()
	t, err := s.store.Create(s.ctx, registry.Tenant{Name: name}, registry.Entry{Action: "create"})
	s.want("Create", err, nil)
	return t
}

func (s *suite) tenant(name string) registry.Tenant {
	s.Helper()
	t, err := s.store.Tenant(s.ctx, name)
	s.want("Tenant", err, nil)
	return t
}

func (s *suite) update(name string, change registry.Change) registry.Tenant {
	s.Helper()
	t, err := s.store.Update(s.ctx, name, change)
	s.want("Update", err, nil)
	return t
}

// module is n bytes that differ by their seed.
func module(seed string, n int) []byte {
	return append([]byte(seed), bytes.Repeat([]byte{byte(n)}, n)...)
}

// adding is a change that uploads a module as a version of a plugin.
func adding(plugin string, module []byte) registry.Change {
	return registry.Change{
		Modules: [][]byte{module},
		Apply: func(t *registry.Tenant) error {
			t.AddVersion(plugin, registry.Version{Digest: registry.DigestOf(module), Size: int64(len(module))})
			return nil
		},
		Entry: registry.Entry{Action: "upload"},
	}
}

// naming is a change that names a module and does not bring it.
func naming(plugin string, d registry.Digest) registry.Change {
	return registry.Change{Apply: func(t *registry.Tenant) error {
		t.AddVersion(plugin, registry.Version{Digest: d})
		return nil
	}}
}

// deploying is a change that makes the newest version of a plugin the active one.
func deploying(plugin string) registry.Change {
	return registry.Change{
		Apply: func(t *registry.Tenant) error {
			p := t.AddPlugin(plugin)
			return p.SetActive(registry.Deploy{Seq: p.Last, Strategy: "immediate"})
		},
		Entry: registry.Entry{Action: "deploy"},
	}
}

func setting(f func(t *registry.Tenant)) registry.Change {
	return registry.Change{Apply: func(t *registry.Tenant) error { f(t); return nil }}
}

// has tells whether the store returns a module, which has to be whole.
func (s *suite) has(module []byte) bool {
	s.Helper()
	got, err := s.store.Module(s.ctx, registry.DigestOf(module))
	if errors.Is(err, registry.ErrNotFound) {
		return false
	}
	s.want("Module", err, nil)
	if !bytes.Equal(got, module) {
		s.Fatalf("Module returned %d bytes that are not those of the module, which has %d", len(got), len(module))
	}
	return true
}

func (s *suite) swept() int {
	s.Helper()
	n, err := s.store.Sweep(s.ctx)
	s.want("Sweep", err, nil)
	return n
}

func (s *suite) entries(tenant string, after uint64, limit int) []registry.Entry {
	s.Helper()
	entries, err := s.store.Audit(s.ctx, tenant, after, limit)
	s.want("Audit", err, nil)
	return entries
}

// same compares values that were stored; times are compared as moments.
func (s *suite) same(what string, got, want any) {
	s.Helper()
	if g, w := fmt.Sprintf("%+v", plain(got)), fmt.Sprintf("%+v", plain(want)); g != w {
		s.Errorf("%s:\n\t%s\nwant\n\t%s", what, g, w)
	}
}

// plain replaces the times within a value by text of UTC, and empty collections by nil.
func plain(v any) any { return plainValue(reflect.ValueOf(v)) }

func plainValue(v reflect.Value) any {
	if !v.IsValid() {
		return nil
	}
	if t, ok := v.Interface().(time.Time); ok {
		return t.UTC().Format(time.RFC3339Nano)
	}
	switch v.Kind() {
	case reflect.Struct:
		var fields []any
		for i := range v.NumField() {
			fields = append(fields, v.Type().Field(i).Name, plainValue(v.Field(i)))
		}
		return fields
	case reflect.Slice:
		var elements []any
		for i := range v.Len() {
			elements = append(elements, plainValue(v.Index(i)))
		}
		return elements
	case reflect.Map:
		m := map[string]any{}
		for _, k := range v.MapKeys() {
			m[fmt.Sprint(k)] = plainValue(v.MapIndex(k))
		}
		return m
	}
	return v.Interface()
}
