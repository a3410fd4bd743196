package registrytest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/registry"
)

// The names of contracts that faults break.
const (
	createdOnce    = "a tenant is created once"
	everyField     = "what is stored is returned, every field of it"
	callersOwn     = "what is returned is the caller's"
	revisions      = "revisions grow by one, name and creation stay"
	failedChange   = "a change that fails changes nothing"
	contradictions = "records that contradict themselves are refused"
	sizes          = "records, modules and entries are bounded"
	modules        = "a module is returned byte for byte"
	dangling       = "a record names stored modules only"
	damaged        = "a damaged module is never returned, and an upload repairs it"
	sweep          = "sweep removes what nobody names, and nothing else"
	sweepUnderWay  = "sweep spares the modules of a change under way"
	sweepRace      = "sweep and changes race, and nothing that is named is gone"
	deleted        = "a deleted tenant is forgotten"
	tenants        = "tenants are yielded by name, and the loop may use the store"
	audit          = "the audit log tells each change once, in order"
	auditBound     = "the audit log is bounded, and its numbers go on"
	auditShares    = "what tenants do leaves nothing of others out of the audit log"
	race           = "uploads and deploys race: numbers are given once, one version is active, the history is a line"
	manyTenants    = "tenants are changed at the same time"
	contextDone    = "a context that is done changes nothing"
	closed         = "close waits for what is under way and is final"
	reopened       = "everything outlives the process"
	leak           = "constructors start nothing, and nothing is left"
)

// fault is a store that breaks contracts.
type fault struct {
	name   string
	store  func(sound registry.Store) registry.Store
	reopen func(registry.Store) registry.Store // nil: nothing is lost
	// caught is which contracts have to fail, and what they have to say.
	caught map[string]string
}

// broken is a sound store with hooks; nil ones do nothing.
type broken struct {
	registry.Store
	create  func(context.Context, registry.Tenant, registry.Entry) (registry.Tenant, error)
	update  func(context.Context, string, registry.Change) (registry.Tenant, error)
	remove  func(context.Context, string, registry.Entry) error
	tenant  func(context.Context, string) (registry.Tenant, error)
	tenants func(context.Context) iter.Seq2[registry.Tenant, error]
	module  func(context.Context, registry.Digest) ([]byte, error)
	audit   func(context.Context, string, uint64, int) ([]registry.Entry, error)
	append  func(context.Context, registry.Entry) error
	sweep   func(context.Context) (int, error)
	end     func() error
}

func (b *broken) Create(ctx context.Context, t registry.Tenant, e registry.Entry) (registry.Tenant, error) {
	if b.create != nil {
		return b.create(ctx, t, e)
	}
	return b.Store.Create(ctx, t, e)
}

func (b *broken) Update(ctx context.Context, tenant string, c registry.Change) (registry.Tenant, error) {
	if b.update != nil {
		return b.update(ctx, tenant, c)
	}
	return b.Store.Update(ctx, tenant, c)
}

func (b *broken) Delete(ctx context.Context, tenant string, e registry.Entry) error {
	if b.remove != nil {
		return b.remove(ctx, tenant, e)
	}
	return b.Store.Delete(ctx, tenant, e)
}

func (b *broken) Tenant(ctx context.Context, name string) (registry.Tenant, error) {
	if b.tenant != nil {
		return b.tenant(ctx, name)
	}
	return b.Store.Tenant(ctx, name)
}

func (b *broken) Tenants(ctx context.Context) iter.Seq2[registry.Tenant, error] {
	if b.tenants != nil {
		return b.tenants(ctx)
	}
	return b.Store.Tenants(ctx)
}

func (b *broken) Module(ctx context.Context, d registry.Digest) ([]byte, error) {
	if b.module != nil {
		return b.module(ctx, d)
	}
	return b.Store.Module(ctx, d)
}

func (b *broken) Audit(ctx context.Context, tenant string, after uint64, limit int) ([]registry.Entry, error) {
	if b.audit != nil {
		return b.audit(ctx, tenant, after, limit)
	}
	return b.Store.Audit(ctx, tenant, after, limit)
}

func (b *broken) Append(ctx context.Context, e registry.Entry) error {
	if b.append != nil {
		return b.append(ctx, e)
	}
	return b.Store.Append(ctx, e)
}

func (b *broken) Sweep(ctx context.Context) (int, error) {
	if b.sweep != nil {
		return b.sweep(ctx)
	}
	return b.Store.Sweep(ctx)
}

func (b *broken) Close() error {
	if b.end != nil {
		return b.end()
	}
	return b.Store.Close()
}

// rotten is a store whose modules can be damaged, and which returns them all the same.
type rotten struct {
	registry.Store
	mu   sync.Mutex
	rots map[registry.Digest]bool
}

func (r *rotten) damage(d registry.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rots[d] = true
}

func (r *rotten) Module(ctx context.Context, d registry.Digest) ([]byte, error) {
	m, err := r.Store.Module(ctx, d)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.rots[d] {
		m[0] ^= 1
	}
	return m, err
}

// of is a fault made of hooks.
func of(f func(b *broken, sound registry.Store)) func(registry.Store) registry.Store {
	return func(sound registry.Store) registry.Store {
		b := &broken{Store: sound}
		f(b, sound)
		return b
	}
}

// applying is a fault that changes each Update.
func applying(f func(c *registry.Change)) func(registry.Store) registry.Store {
	return of(func(b *broken, sound registry.Store) {
		b.update = func(ctx context.Context, name string, c registry.Change) (registry.Tenant, error) {
			f(&c)
			return sound.Update(ctx, name, c)
		}
	})
}

// after is a fault that changes what Tenant returns.
func after(f func(t *registry.Tenant)) func(registry.Store) registry.Store {
	return of(func(b *broken, sound registry.Store) {
		b.tenant = func(ctx context.Context, name string) (registry.Tenant, error) {
			t, err := sound.Tenant(ctx, name)
			f(&t)
			return t, err
		}
	})
}

// cached is a store that returns one record, which is everybody's.
func cached(b *broken, sound registry.Store) {
	kept := map[string]registry.Tenant{}
	b.tenant = func(ctx context.Context, name string) (registry.Tenant, error) {
		t, err := sound.Tenant(ctx, name)
		if old, ok := kept[name]; ok && old.Revision == t.Revision {
			return old, err
		}
		kept[name] = t
		return t, err
	}
}

// racing is a store that reads, applies and writes without looking whether the record
// has changed meanwhile.
func racing(b *broken, sound registry.Store) {
	b.update = func(ctx context.Context, name string, c registry.Change) (registry.Tenant, error) {
		t, err := sound.Tenant(ctx, name)
		if err == nil && c.Apply != nil {
			err = c.Apply(&t)
		}
		if err != nil {
			return registry.Tenant{}, err
		}
		time.Sleep(time.Millisecond)
		c.Apply = func(now *registry.Tenant) error { *now = t; return nil }
		return sound.Update(ctx, name, c)
	}
}

// leaves is a store that writes the record although an error is returned.
func leaves(b *broken, sound registry.Store) {
	b.update = func(ctx context.Context, name string, c registry.Change) (registry.Tenant, error) {
		apply := c.Apply
		var refusal error
		c.Apply = func(t *registry.Tenant) error {
			if apply != nil {
				refusal = apply(t)
			}
			return nil
		}
		t, err := sound.Update(ctx, name, c)
		if refusal != nil {
			return registry.Tenant{}, refusal
		}
		return t, err
	}
}

// early is a store that closes at once, whatever is under way.
func early(b *broken, sound registry.Store) {
	ended := make(chan struct{})
	var once sync.Once
	b.end = func() error {
		once.Do(func() { go func() { defer close(ended); _ = sound.Close() }() })
		select {
		case <-ended:
		case <-time.After(10 * time.Millisecond):
		}
		return nil
	}
}

// eager is a store that sweeps what changes bring.
func eager(b *broken, sound registry.Store) {
	b.update = func(ctx context.Context, name string, c registry.Change) (registry.Tenant, error) {
		brought := c.Modules
		if len(brought) == 0 {
			return sound.Update(ctx, name, c)
		}
		// The modules are stored by a change of their own, which pins them no longer.
		if _, err := sound.Update(ctx, name, registry.Change{Modules: brought, Apply: func(*registry.Tenant) error { return errors.New("no") }}); err == nil {
			return registry.Tenant{}, err
		}
		c.Modules = nil
		return sound.Update(ctx, name, c)
	}
}

func faults() []fault {
	type (
		tenant = registry.Tenant
		entry  = registry.Entry
		store  = registry.Store
		digest = registry.Digest
	)
	keep := of(func(b *broken, sound store) {}) // for faults of reopening
	return []fault{
		{name: "creates again", caught: map[string]string{createdOnce: "a second Create", manyTenants: "created 10 times"},
			store: of(func(b *broken, sound store) {
				b.create = func(ctx context.Context, t tenant, e entry) (tenant, error) {
					if _, err := sound.Create(ctx, t, e); !errors.Is(err, registry.ErrExists) {
						return sound.Tenant(ctx, t.Name)
					}
					return sound.Update(ctx, t.Name, registry.Change{Apply: func(old *tenant) error { *old = t; return nil }})
				}
			})},
		{name: "forgets notes of tokens", caught: map[string]string{everyField: "Tenant returned"},
			store: after(func(t *tenant) {
				for i := range t.DeployTokens {
					t.DeployTokens[i].Note = ""
				}
			})},
		{name: "cuts times to seconds", caught: map[string]string{everyField: "Tenant returned"},
			store: after(func(t *tenant) { t.Created = t.Created.Truncate(time.Second) })},
		{name: "forgets settings of plugins", caught: map[string]string{everyField: "Update returned"},
			store: of(func(b *broken, sound store) {
				b.update = func(ctx context.Context, name string, c registry.Change) (tenant, error) {
					t, err := sound.Update(ctx, name, c)
					for i := range t.Plugins {
						t.Plugins[i].Settings = nil
					}
					return t, err
				}
			})},
		{name: "returns its own record", caught: map[string]string{callersOwn: "what Tenant has returned"}, store: of(cached)},
		{name: "does not count", caught: map[string]string{revisions: "Tenant returned"},
			store: after(func(t *tenant) { t.Revision = min(t.Revision, 2) })},
		{name: "writes although Apply has failed", caught: map[string]string{failedChange: "Apply fails"}, store: of(leaves)},
		{name: "wraps Apply's error", caught: map[string]string{failedChange: "want Apply's own"},
			store: of(func(b *broken, sound store) {
				b.update = func(ctx context.Context, name string, c registry.Change) (tenant, error) {
					t, err := sound.Update(ctx, name, c)
					if err != nil {
						err = errors.Join(err)
					}
					return t, err
				}
			})},
		{name: "takes any name", caught: map[string]string{contradictions: "the name"},
			store: of(func(b *broken, sound store) {
				b.create = func(ctx context.Context, t tenant, e entry) (tenant, error) {
					name := t.Name
					if registry.CheckName(name) != nil {
						t.Name = "replaced"
					}
					return sound.Create(ctx, t, e)
				}
			})},
		{name: "repairs active versions", caught: map[string]string{contradictions: "an active version that is not kept"},
			store: applying(func(c *registry.Change) {
				apply := c.Apply
				c.Apply = func(t *tenant) error {
					err := apply(t)
					for i := range t.Plugins {
						if _, ok := t.Plugins[i].Version(t.Plugins[i].Active); !ok {
							t.Plugins[i].Active = 0
						}
					}
					return err
				}
			})},
		{name: "cuts long entries", caught: map[string]string{sizes: "an entry of more than MaxEntry"},
			store: of(func(b *broken, sound store) {
				b.append = func(ctx context.Context, e entry) error {
					e.Detail = e.Detail[:min(len(e.Detail), 3000)]
					return sound.Append(ctx, e)
				}
			})},
		{name: "cuts long modules", caught: map[string]string{sizes: "a module of more than MaxModule"},
			store: applying(func(c *registry.Change) {
				for i, m := range c.Modules {
					c.Modules[i] = m[:min(len(m), registry.MaxModule)]
				}
			})},
		{name: "keeps one module of a change", caught: map[string]string{modules: "Update"},
			store: applying(func(c *registry.Change) { c.Modules = c.Modules[:min(len(c.Modules), 1)] })},
		{name: "cuts modules when they are read", caught: map[string]string{modules: "not those of the module"},
			store: of(func(b *broken, sound store) {
				b.module = func(ctx context.Context, d digest) ([]byte, error) {
					m, err := sound.Module(ctx, d)
					return m[:max(len(m)-1, 0)], err
				}
			})},
		{name: "makes up missing modules", caught: map[string]string{dangling: "is not stored"},
			store: of(func(b *broken, sound store) {
				b.update = func(ctx context.Context, name string, c registry.Change) (tenant, error) {
					t, err := sound.Update(ctx, name, c)
					if errors.Is(err, registry.ErrNoModule) {
						return sound.Tenant(ctx, name)
					}
					return t, err
				}
			})},
		{name: "returns damaged modules", caught: map[string]string{damaged: "want registry: what is stored is damaged"},
			store: func(sound store) store { return &rotten{Store: sound, rots: map[digest]bool{}} }},
		{name: "does not sweep", caught: map[string]string{sweep: "want the 2"},
			store: of(func(b *broken, sound store) { b.sweep = func(context.Context) (int, error) { return 0, nil } })},
		{name: "sweeps what other tenants name", caught: map[string]string{sweep: "", dangling: "was swept"},
			store: of(func(b *broken, sound store) {
				b.remove = func(ctx context.Context, name string, e entry) error {
					for t := range sound.Tenants(ctx) {
						_, _ = sound.Update(ctx, t.Name, registry.Change{Apply: func(t *tenant) error { t.Plugins = nil; return nil }})
					}
					return sound.Delete(ctx, name, e)
				}
			})},
		{name: "sweeps what changes bring", caught: map[string]string{sweepUnderWay: "Update: "}, store: of(eager)},
		{name: "loses what is named when it sweeps", caught: map[string]string{sweepRace: "is gone", sweep: ""}, store: of(loses)},
		{name: "keeps the routes of deleted tenants", caught: map[string]string{deleted: "Tenant after Delete"},
			store: of(func(b *broken, sound store) { b.remove = func(context.Context, string, entry) error { return nil } })},
		{name: "yields in any order", caught: map[string]string{tenants: "Tenants yielded"},
			store: of(func(b *broken, sound store) {
				b.tenants = func(ctx context.Context) iter.Seq2[tenant, error] {
					return func(yield func(tenant, error) bool) {
						var all []tenant
						for t := range sound.Tenants(ctx) {
							all = append(all, t)
						}
						for _, t := range slices.Backward(all) {
							if !yield(t, nil) {
								return
							}
						}
					}
				}
			})},
		{name: "locks while it yields", caught: map[string]string{tenants: "has not returned"},
			store: of(func(b *broken, sound store) {
				var mu sync.Mutex
				b.tenants = func(ctx context.Context) iter.Seq2[tenant, error] {
					return func(yield func(tenant, error) bool) {
						mu.Lock()
						defer mu.Unlock()
						sound.Tenants(ctx)(yield)
					}
				}
				b.update = func(ctx context.Context, name string, c registry.Change) (tenant, error) {
					mu.Lock()
					defer mu.Unlock()
					return sound.Update(ctx, name, c)
				}
			})},
		{name: "believes the entry", caught: map[string]string{audit: "forged"},
			store: of(func(b *broken, sound store) {
				b.update = func(ctx context.Context, name string, c registry.Change) (tenant, error) {
					e := c.Entry
					c.Entry = entry{}
					t, err := sound.Update(ctx, name, c)
					if err == nil && e.Action != "" {
						err = sound.Append(ctx, e)
					}
					return t, err
				}
			})},
		{name: "forgets who", caught: map[string]string{audit: "the audit log", deleted: "the log of a deleted tenant"},
			store: of(func(b *broken, sound store) {
				b.audit = func(ctx context.Context, tenant string, after uint64, limit int) ([]entry, error) {
					all, err := sound.Audit(ctx, tenant, after, limit)
					for i := range all {
						all[i].By = ""
					}
					return all, err
				}
			})},
		{name: "logs each change twice", caught: map[string]string{audit: "the audit log", createdOnce: "entries in the audit log"},
			store: of(func(b *broken, sound store) {
				b.create = func(ctx context.Context, t tenant, e entry) (tenant, error) {
					made, err := sound.Create(ctx, t, e)
					if err == nil && e.Action != "" {
						e.Tenant = t.Name
						err = sound.Append(ctx, e)
					}
					return made, err
				}
			})},
		{name: "keeps more entries", caught: map[string]string{auditBound: "entries are kept"},
			store: func(store) store { return registry.NewMemory(registry.Config{Entries: 60}) }},
		{name: "does not know whose entries are whose", caught: map[string]string{audit: "the audit log", auditShares: "entries of the operator"},
			store: of(func(b *broken, sound store) {
				b.append = func(ctx context.Context, e entry) error {
					e.Own = false
					return sound.Append(ctx, e)
				}
			})},
		{name: "leaves out the newest", caught: map[string]string{auditShares: "its newest"},
			store: of(func(b *broken, sound store) {
				b.append = func(ctx context.Context, e entry) error {
					if all, err := sound.Audit(ctx, e.Tenant, 0, 0); err != nil || e.Own && len(all) >= 20 {
						return err
					}
					return sound.Append(ctx, e)
				}
			})},
		{name: "does not look before it writes", caught: map[string]string{race: ""}, store: of(racing)},
		{name: "ignores its context", caught: map[string]string{contextDone: "want context canceled"},
			store: of(func(b *broken, sound store) {
				b.update = func(_ context.Context, name string, c registry.Change) (tenant, error) {
					return sound.Update(context.Background(), name, c)
				}
			})},
		{name: "closes while a change is under way", caught: map[string]string{closed: "while a change was under way"}, store: of(early)},
		{name: "reads after Close", caught: map[string]string{closed: "Audit after Close"},
			store: of(func(b *broken, sound store) {
				b.audit = func(context.Context, string, uint64, int) ([]entry, error) { return nil, nil }
			})},
		{name: "forgets with the process", caught: map[string]string{reopened: "not found"}, store: keep,
			reopen: func(s store) store { _ = s.Close(); return registry.NewMemory(registry.Config{Entries: 50}) }},
		{name: "runs from the beginning", caught: map[string]string{leak: "goroutines run within a store"}, store: of(restless)},
	}
}

// restless is a store that has something run from the beginning.
func restless(b *broken, sound registry.Store) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() { defer close(ended); <-stop }()
	var once sync.Once
	b.end = func() error {
		once.Do(func() { close(stop) })
		<-ended
		return sound.Close()
	}
}

// loses is a store whose modules are gone for good after a Sweep.
func loses(b *broken, sound registry.Store) {
	var swept atomic.Bool
	b.sweep = func(ctx context.Context) (int, error) {
		swept.Store(true)
		return sound.Sweep(ctx)
	}
	b.module = func(ctx context.Context, d registry.Digest) ([]byte, error) {
		if swept.Load() {
			return nil, registry.ErrNotFound
		}
		return sound.Module(ctx, d)
	}
}
