package registrytest

import (
	"errors"
	"fmt"
	"time"

	"github.com/chhost/chhost/host/registry"
)

func (s *suite) modules() {
	s.create("acme")
	for _, n := range []int{0, 1, 4095, 4096, 1 << 20} {
		m := module("", n)
		if s.has(m) {
			s.Errorf("a module of %d bytes that was not stored is there", n)
		}
		s.update("acme", adding("food", m))
		if !s.has(m) {
			s.Errorf("a module of %d bytes is not there", n)
		}
	}
	a, b := module("a", 100), module("b", 100)
	s.update("acme", registry.Change{Modules: [][]byte{a, b, a}, Apply: func(t *registry.Tenant) error {
		t.AddVersion("food", registry.Version{Digest: registry.DigestOf(a)})
		t.AddVersion("chat", registry.Version{Digest: registry.DigestOf(b)})
		return nil
	}})
	if !s.has(a) || !s.has(b) {
		s.Error("not all modules of a change are there")
	}
	s.update("acme", adding("food", a)) // once more
	if !s.has(a) {
		s.Error("a module that was stored twice is not there")
	}
}

func (s *suite) dangling() {
	s.create("acme")
	d := registry.DigestOf(module("nowhere", 10))
	_, err := s.store.Update(s.ctx, "acme", naming("food", d))
	s.want("a version whose module is not stored", err, registry.ErrNoModule)
	t := registry.Tenant{Name: "new"}
	t.AddVersion("food", registry.Version{Digest: d})
	_, err = s.store.Create(s.ctx, t, registry.Entry{})
	s.want("a new tenant whose module is not stored", err, registry.ErrNoModule)
	_, err = s.store.Tenant(s.ctx, "new")
	s.want("Tenant", err, registry.ErrNotFound)

	// What another tenant has brought is there for all.
	m := module("a", 10)
	s.create("other")
	s.update("other", adding("food", m))
	s.update("acme", naming("food", registry.DigestOf(m)))
	s.want("Delete", s.store.Delete(s.ctx, "other", registry.Entry{}), nil)
	s.swept()
	if !s.has(m) {
		s.Error("a module was swept that a tenant names which did not bring it")
	}
}

func (s *suite) damaged() {
	if s.kind.Damage == nil {
		return
	}
	s.create("acme")
	m, other := module("a", 1000), module("b", 1000)
	d := registry.DigestOf(m)
	s.update("acme", adding("food", m))
	s.update("acme", adding("food", other))
	s.kind.Damage(s, s.store, d)
	for range 2 {
		got, err := s.store.Module(s.ctx, d)
		s.want("a damaged module", err, registry.ErrDamaged)
		if len(got) > 0 {
			s.Error("a damaged module was returned beside its error")
		}
	}
	if !s.has(other) {
		s.Error("another module is gone")
	}
	// Its tenant can be changed, and nobody else may name it.
	s.update("acme", setting(func(t *registry.Tenant) { t.Suspended = true }))
	s.create("other")
	_, err := s.store.Update(s.ctx, "other", naming("food", d))
	s.want("naming a damaged module", err, registry.ErrNoModule)
	s.update("acme", adding("food", m))
	if !s.has(m) {
		s.Error("an upload has not repaired a module that was found damaged")
	}
	s.kind.Damage(s, s.store, d)
	s.update("acme", adding("food", m))
	if !s.has(m) {
		s.Error("an upload has not repaired a module that nobody had found damaged")
	}
}

func (s *suite) sweep() {
	if n := s.swept(); n != 0 {
		s.Errorf("Sweep removed %d modules of an empty store", n)
	}
	s.create("acme")
	s.create("other")
	own, shared, old := module("own", 10), module("shared", 10), module("old", 10)
	s.update("acme", adding("food", own))
	s.update("acme", adding("food", shared))
	s.update("other", adding("chat", shared))
	s.update("other", adding("chat", old))
	s.update("other", adding("chat", old))
	if n := s.swept(); n != 0 || !s.has(own) || !s.has(shared) || !s.has(old) {
		s.Errorf("Sweep removed %d modules, all of which are named", n)
	}
	s.update("other", setting(func(t *registry.Tenant) {
		p := t.Plugin("chat")
		p.Versions = p.Versions[:2] // old is still named once
	}))
	if n := s.swept(); n != 0 || !s.has(old) {
		s.Errorf("Sweep removed %d modules, all of which are named", n)
	}
	s.update("other", setting(func(t *registry.Tenant) {
		p := t.Plugin("chat")
		p.Versions = p.Versions[:1]
	}))
	s.want("Delete", s.store.Delete(s.ctx, "acme", registry.Entry{}), nil)
	if n := s.swept(); n != 2 || s.has(own) || s.has(old) || !s.has(shared) {
		s.Errorf("Sweep removed %d modules, want the 2 that nobody names: own %v, old %v, shared %v are there", n, s.has(own), s.has(old), s.has(shared))
	}
	if n := s.swept(); n != 0 {
		s.Errorf("a second Sweep removed %d modules", n)
	}
	s.update("other", adding("chat", own)) // what was swept can come back
	if !s.has(own) {
		s.Error("a module that was swept and stored again is not there")
	}
}

// sweepUnderWay sweeps while a change is within its Apply. A store may let the one wait
// for the other, so Apply does not wait for ever.
func (s *suite) sweepUnderWay() {
	s.create("acme")
	m := module("a", 10)
	change := adding("food", m)
	apply := change.Apply
	sweeping := make(chan struct{})
	change.Apply = func(t *registry.Tenant) error {
		done := make(chan struct{})
		go func() {
			defer close(sweeping)
			_, err := s.store.Sweep(s.ctx)
			if err != nil {
				s.Errorf("Sweep: %v", err)
			}
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(min(s.patience, 200*time.Millisecond)):
		}
		return apply(t)
	}
	s.update("acme", change)
	s.await("Sweep", sweeping)
	if !s.has(m) {
		s.Error("the module of a change under way was swept")
	}
}

func (s *suite) sweepRace() {
	s.create("acme")
	s.create("other")
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := s.store.Sweep(s.ctx); err != nil {
				s.Errorf("Sweep: %v", err)
				return
			}
		}
	}()
	m := module("a", 10)
	for i := range 100 {
		if _, err := s.store.Update(s.ctx, "acme", adding("food", m)); err != nil {
			s.Errorf("round %d: %v", i, err)
		}
		// Another one names it, and the first no longer does.
		if _, err := s.store.Update(s.ctx, "other", naming("food", registry.DigestOf(m))); err != nil {
			s.Errorf("round %d: naming: %v", i, err)
		}
		s.update("acme", setting(func(t *registry.Tenant) { t.Plugins = nil }))
		if got, err := s.store.Module(s.ctx, registry.DigestOf(m)); err != nil || len(got) != len(m) {
			s.Errorf("round %d: a module that is named is gone: %v", i, err)
		}
		s.update("other", setting(func(t *registry.Tenant) { t.Plugins = nil }))
		_, err := s.store.Update(s.ctx, "other", naming("food", registry.DigestOf(m)))
		if err != nil && !errors.Is(err, registry.ErrNoModule) {
			s.Errorf("round %d: naming what may be gone: %v", i, err)
		}
		if got, gone := s.store.Module(s.ctx, registry.DigestOf(m)); err == nil && (gone != nil || len(got) != len(m)) {
			s.Errorf("round %d: a module that could be named is gone: %v", i, gone)
		}
		if s.update("other", setting(func(t *registry.Tenant) { t.Plugins = nil })); s.Failed() {
			break
		}
	}
	close(stop)
	s.await("the loop of Sweeps", ended)
}

func (s *suite) reopened() {
	if s.kind.Reopen == nil {
		return
	}
	var modules [][]byte
	var want []registry.Tenant
	for i := range 5 {
		m := module(fmt.Sprint(i), 5000)
		modules = append(modules, m)
		name := fmt.Sprint("t", i)
		s.create(name)
		s.update(name, adding("food", m))
		want = append(want, s.update(name, deploying("food")))
	}
	s.create("gone")
	s.want("Delete", s.store.Delete(s.ctx, "gone", registry.Entry{Action: "delete"}), nil)
	entries := s.entries("", 0, 0)
	for range 2 {
		s.store = s.kind.Reopen(s, s.store)
		for i, t := range want {
			s.same("after a restart", s.tenant(t.Name), t)
			if !s.has(modules[i]) {
				s.Errorf("a module is gone after a restart")
			}
		}
		_, err := s.store.Tenant(s.ctx, "gone")
		s.want("a deleted tenant after a restart", err, registry.ErrNotFound)
		s.same("the audit log after a restart", s.entries("", 0, 0), entries)
	}
	s.want("Append", s.store.Append(s.ctx, registry.Entry{Action: "start"}), nil)
	last := entries[len(entries)-1].Number
	if e := s.entries("", last, 0); len(e) != 1 || e[0].Number != last+1 {
		s.Errorf("after number %d and a restart the log goes on with %+v", last, e)
	}
	if t := s.update("t0", adding("food", modules[1])); t.Plugins[0].Last != 2 || t.Revision != want[0].Revision+1 {
		s.Errorf("after a restart a change makes %+v", t)
	}
}
