package tenant_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chhost/chhost/host/registry"
)

// memory is a store for these tests, as small as can be.
type memory struct {
	registry.Store // what is not here is not called
	mu             sync.Mutex
	tenants        map[string]registry.Tenant
	modules        map[registry.Digest][]byte
	entries        []registry.Entry
}

func newMemory() *memory {
	return &memory{tenants: make(map[string]registry.Tenant), modules: make(map[registry.Digest][]byte)}
}

func copied(t registry.Tenant) (c registry.Tenant) {
	text, err := json.Marshal(t)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		panic(err)
	}
	return c
}

func (m *memory) log(e registry.Entry, t registry.Tenant) {
	e.Number, e.Tenant, e.Revision, e.At = uint64(len(m.entries)+1), t.Name, t.Revision, time.Now()
	m.entries = append(m.entries, e)
}

func (m *memory) Create(_ context.Context, t registry.Tenant, e registry.Entry) (registry.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.tenants[t.Name]; ok {
		return registry.Tenant{}, registry.ErrExists
	}
	t.Revision, t.Created = 1, time.Now()
	m.tenants[t.Name] = copied(t)
	m.log(e, t)
	return copied(t), nil
}

func (m *memory) Update(_ context.Context, name string, c registry.Change) (registry.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, ok := m.tenants[name]
	if !ok {
		return registry.Tenant{}, registry.ErrNotFound
	}
	t := copied(old)
	if err := c.Apply(&t); err != nil {
		return registry.Tenant{}, err
	}
	for _, module := range c.Modules {
		m.modules[registry.DigestOf(module)] = module
	}
	t.Revision = old.Revision + 1
	m.tenants[name] = copied(t)
	m.log(c.Entry, t)
	return t, nil
}

func (m *memory) Delete(_ context.Context, name string, e registry.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log(e, m.tenants[name])
	delete(m.tenants, name)
	return nil
}

func (m *memory) Tenant(_ context.Context, name string) (registry.Tenant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tenants[name]
	if !ok {
		return t, registry.ErrNotFound
	}
	return copied(t), nil
}

func (m *memory) Tenants(context.Context) (list []registry.Tenant, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tenants {
		list = append(list, copied(t))
	}
	slices.SortFunc(list, func(a, b registry.Tenant) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func (m *memory) Module(_ context.Context, d registry.Digest) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if module, ok := m.modules[d]; ok {
		return module, nil
	}
	return nil, registry.ErrNotFound
}
