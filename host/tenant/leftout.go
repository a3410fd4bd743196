package tenant

import (
	"context"
	"maps"
	"slices"

	"github.com/chhost/chhost/host/registry"
)

// This file holds what becomes of modules that a change has left out of a record: versions
// that are kept no more, and all of a tenant that is deleted.

// leftOut takes note of a change of a record. What was compiled of modules that no tenant
// names any more is removed at once, and the modules themselves by the next sweep.
func (d *Directory) leftOut(before, after *registry.Tenant) {
	gone := digestsOf(before)
	for digest := range digestsOf(after) {
		delete(gone, digest)
	}
	if len(gone) == 0 {
		return
	}
	d.unswept.Store(true)
	d.begin(func(ctx context.Context) { d.discard(ctx, slices.Collect(maps.Keys(gone))) })
}

// discard removes what was compiled of modules, but for those that a record names. One that
// somebody uploads just then is compiled once more when it is needed.
func (d *Directory) discard(ctx context.Context, modules []registry.Digest) {
	for _, t := range d.Tenants() {
		t.estate.mu.RLock()
		record := t.estate.record // its parts are not changed
		t.estate.mu.RUnlock()
		named := digestsOf(&record)
		modules = slices.DeleteFunc(modules, func(digest registry.Digest) bool { return named[digest] })
	}
	for _, digest := range modules {
		if ctx.Err() != nil {
			return
		}
		if err := d.cfg.Engine.Forget(digest); err != nil {
			d.log.Warn("compiled code of a module that is gone could not be removed", "digest", digest.Short(), "err", err)
		}
	}
}

// sweepStore removes modules that no record names, if a change has left some out.
func (d *Directory) sweepStore(ctx context.Context) {
	if !d.unswept.Swap(false) {
		return
	}
	n, err := d.cfg.Store.Sweep(ctx)
	if err != nil && ctx.Err() == nil {
		d.unswept.Store(true)
		d.log.Warn("modules that nothing names could not be removed yet", "err", err)
	}
	if n > 0 {
		d.log.Info("modules that nothing names were removed", "count", n)
	}
}

// digestsOf are the modules that a record names.
func digestsOf(r *registry.Tenant) map[registry.Digest]bool {
	set := make(map[registry.Digest]bool)
	for i := range r.Plugins {
		for j := range r.Plugins[i].Versions {
			set[r.Plugins[i].Versions[j].Digest] = true
		}
	}
	return set
}
