package tenant

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/router"
	"github.com/chhost/chhost/host/token"

	"golang.org/x/time/rate"
)

// estate is what the registry has of a tenant, and what serves it.
type estate struct {
	dir *Directory
	// turn is taken by who changes the tenant, from before the change is stored until
	// it is what is served.
	turn turn
	// gone: the tenant was deleted, and another may have its name. It is set in a turn.
	gone atomic.Bool

	mu      sync.RWMutex
	record  registry.Tenant // what was stored last; its parts are not changed
	plugins map[string]*plugin
	origins func(*http.Request) bool // nil: the record says nothing of them
	damage  error                    // see Damage

	verifier    atomic.Pointer[token.Verifier] // of clients' tokens; nil: they need none
	revoked     *token.Revocations             // of the record, and earlier ones
	revocations atomic.Int64                   // changes when there are others
}

// Request is what all changes have in common. The zero value is usable.
type Request struct {
	// By is who asks, for the audit log: the name of a token, never the token.
	By string
	// IfRevision is the revision of the tenant that the change is meant for: if it is
	// another one by then, the change is refused with [ErrConflict]. 0: any.
	IfRevision uint64
	// DryRun does all but the change, and returns what would have been.
	DryRun bool
	// Operator: it is the operator's, who may use the spare room of a record that the
	// tenant has filled, see [registry.SpareRecord]. What is not counts against the
	// tenant's share of the audit log, see [registry.Entry].
	Operator bool
	// reason says why a change was not somebody's wish.
	reason string
}

// errDry ends a change that is not meant.
var errDry = errors.New("tenant: a dry run")

// Record is what is stored of the tenant; it is the caller's. Of a tenant that a host
// has by its configuration alone it is empty but for the name.
func (t *Tenant) Record() registry.Tenant {
	if t.estate == nil {
		return registry.Tenant{Name: t.name}
	}
	t.estate.mu.RLock()
	defer t.estate.mu.RUnlock()
	return clone(t.estate.record)
}

// clone copies what callers may change.
func clone(r registry.Tenant) registry.Tenant {
	r.Hosts, r.Origins, r.Issuers = slices.Clone(r.Hosts), slices.Clone(r.Origins), slices.Clone(r.Issuers)
	r.DeployTokens, r.Routes, r.Plugins = slices.Clone(r.DeployTokens), slices.Clone(r.Routes), slices.Clone(r.Plugins)
	r.Revocations = slices.Clone(r.Revocations)
	for i := range r.Plugins {
		p := &r.Plugins[i]
		p.Versions, p.Deploys = slices.Clone(p.Versions), slices.Clone(p.Deploys)
	}
	return r
}

// turn lets changes be made one after the other. A change waits for the store in its turn,
// so it is no lock, and who waits for it can give up.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// take waits for the turn, which the caller gives back by leave. The error is ctx's.
func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) leave() { <-t }

// usable is why nothing may be done in the tenant's name: the [ErrDamaged] of one that is
// damaged, and [ErrUnknown] for one that was deleted. The store and other nodes know
// tenants by name, and another one may have it by now.
func (t *Tenant) usable() error {
	if t.estate != nil && t.estate.gone.Load() {
		return fmt.Errorf("%w: the tenant %s was deleted", ErrUnknown, t.name)
	}
	return t.Damage()
}

// alter stores a change and lets the tenant be what is stored then. The caller has the
// turn. edit may fail, and must not block.
func (t *Tenant) alter(ctx context.Context, req Request, change registry.Change, edit func(*registry.Tenant) error) (registry.Tenant, error) {
	if err := t.usable(); err != nil {
		return registry.Tenant{}, err
	}
	change.Entry.By, change.Entry.Own, change.Spare = req.By, !req.Operator, req.Operator || req.reason != ""
	var would registry.Tenant
	change.Apply = func(r *registry.Tenant) error {
		if req.IfRevision != 0 && req.IfRevision != r.Revision {
			return fmt.Errorf("%w: %d, and not %d", ErrConflict, r.Revision, req.IfRevision)
		}
		if err := edit(r); err != nil {
			return err
		}
		if req.DryRun {
			would = clone(*r)
			return errDry
		}
		return nil
	}
	if req.DryRun {
		change.Modules = nil
	}
	t.estate.mu.RLock()
	before := t.estate.record
	t.estate.mu.RUnlock()
	record, err := t.estate.dir.cfg.Store.Update(ctx, t.name, change)
	switch {
	case errors.Is(err, errDry):
		return would, nil
	case err != nil:
		return registry.Tenant{}, ofStore(err)
	}
	err = t.adopt(record)
	t.estate.dir.leftOut(&before, &record)
	return record, err
}

// ofStore says whose error it is.
func ofStore(err error) error {
	if errors.Is(err, registry.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return err
}

// adopt makes the tenant what a record says. Channels that are joined do not follow yet.
func (t *Tenant) adopt(record registry.Tenant) error {
	e := t.estate
	plugins := make(map[string]*plugin, len(record.Plugins))
	e.mu.RLock()
	for i := range record.Plugins {
		name := record.Plugins[i].Name
		if plugins[name] = e.plugins[name]; plugins[name] == nil {
			plugins[name] = &plugin{tenant: t, name: name}
		}
	}
	e.mu.RUnlock()
	for i := range record.Plugins {
		p := plugins[record.Plugins[i].Name]
		p.adopt(&record.Plugins[i])
		p.serve(&record.Plugins[i])
	}
	origins, err := e.dir.origins(record.Origins)
	if err != nil {
		return fmt.Errorf("tenant %s: %w", t.name, err)
	}
	e.mu.Lock()
	old := e.record
	e.record, e.plugins, e.origins = record, plugins, origins
	e.mu.Unlock()
	t.bounds.Store(boundsOf(&t.limits, &record))
	perSecond := limitOf(&record, limitPublishes)
	if was := t.publishes.Load(); was == nil || was.Limit() != rate.Limit(perSecond) {
		t.publishes.Store(rate.NewLimiter(rate.Limit(perSecond), int(burst*min(perSecond, math.MaxInt32/burst))))
	}
	perMinute := limitOf(&record, limitChanges)
	if was, each := t.changes.Load(), rate.Limit(float64(perMinute)/60); was == nil || was.Limit() != each {
		t.changes.Store(rate.NewLimiter(each, int(burstMinutes*min(perMinute, math.MaxInt32/burstMinutes))))
	}
	if err := t.trust(old.Issuers, record.Issuers); err != nil {
		return err
	}
	if len(record.Revocations) > 0 && !reflect.DeepEqual(old.Revocations, record.Revocations) {
		if err := t.distrust(record.Revocations); err != nil {
			return err
		}
	}
	t.renew(&old)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.setRoutes(t.list)
}

// renew lets versions be loaded again whose settings or limits are others than before.
func (t *Tenant) renew(old *registry.Tenant) {
	t.estate.mu.RLock()
	record, plugins := t.estate.record, t.estate.plugins
	t.estate.mu.RUnlock()
	limits := !maps.Equal(old.Limits, record.Limits)
	for i := range record.Plugins {
		stored := &record.Plugins[i]
		before := old.Plugin(stored.Name)
		if before == nil || !limits && maps.Equal(before.Settings, stored.Settings) {
			continue
		}
		for _, v := range stored.Versions {
			if live := plugins[stored.Name].version(v.Seq); live != nil {
				live.renew()
			}
		}
	}
}

// storedRoutes are the routes of the record, which come after those of the
// configuration.
func (t *Tenant) storedRoutes() []router.Route[picker] {
	if t.estate == nil {
		return nil
	}
	t.estate.mu.RLock()
	defer t.estate.mu.RUnlock()
	var routes []router.Route[picker]
	for _, r := range t.estate.record.Routes {
		if p := t.estate.plugins[r.Plugin]; p != nil {
			routes = append(routes, router.Route[picker]{Pattern: r.Pattern, Target: p.route})
		}
	}
	return routes
}

// storedConnector is what the record names as its connector, if it is served.
func (t *Tenant) storedConnector() (channel.Handler, bool) {
	p := t.connecting()
	if p == nil {
		return nil, false
	}
	s := p.serving.Load()
	if s == nil {
		return nil, false
	}
	return s.active, true
}

func (t *Tenant) connecting() *plugin {
	if t.estate == nil {
		return nil
	}
	t.estate.mu.RLock()
	defer t.estate.mu.RUnlock()
	return t.estate.plugins[t.estate.record.Connect]
}

// find returns what serves a plugin.
func (t *Tenant) find(name string) (*plugin, error) {
	if t.estate == nil {
		return nil, errNotStored
	}
	t.estate.mu.RLock()
	defer t.estate.mu.RUnlock()
	if t.estate.damage != nil {
		return nil, t.estate.damage
	}
	if p := t.estate.plugins[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%w: the tenant %s has no plugin %q", ErrUnknown, t.name, name)
}

// errNotStored is returned for changes of a tenant that only a configuration has.
var errNotStored = fmt.Errorf("%w: the tenant is one of a host without a registry", ErrInvalid)
