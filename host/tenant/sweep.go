package tenant

import (
	"context"
	"time"

	"github.com/chhost/chhost/host/registry"
)

const (
	// sweepTime is how often Run looks for versions that nobody uses.
	sweepTime = 30 * time.Second
	// restSweeps is for how many looks a version may have been called by nobody before
	// its compiled code is forgotten: ten minutes.
	restSweeps = 20
	// warm is how many versions stay compiled while their plugin is in use: the active
	// one and the two before it, to which a roll back goes.
	warm = 3
)

// sweep forgets the compiled code of versions that nobody has used for long, and lets the
// store be swept if need be. It belongs to Run.
func (d *Directory) sweep(ctx context.Context) {
	if d.unswept.Load() {
		d.beginAlone(&d.sweeping, d.sweepStore)
	}
	d.mu.RLock()
	versions := make([]*version, 0, len(d.loaded))
	for v := range d.loaded {
		versions = append(versions, v)
	}
	d.mu.RUnlock()
	for _, v := range versions {
		if ctx.Err() == nil && v.rest() && !v.wanted() {
			d.drop(v)
		}
	}
}

// rest counts a look at a version that nobody has called since the last one, and tells
// whether that is for long.
func (v *version) rest() bool {
	p := v.code.Load()
	if p == nil {
		return false
	}
	calls := p.Usage().Calls
	v.mu.Lock()
	defer v.mu.Unlock()
	if calls != v.seen {
		v.seen, v.rests = calls, 0
	}
	v.rests++
	return v.rests > restSweeps
}

// wanted tells whether a version that nobody calls is kept compiled all the same: a
// roll back may need it, and its plugin is in use. One that no record names, since it
// was left out or its tenant is gone, is kept for the channels that still have it.
func (v *version) wanted() bool {
	t := v.plugin.tenant
	t.estate.mu.RLock()
	stored := t.estate.record.Plugin(v.plugin.name)
	listed := t.estate.plugins[v.plugin.name] == v.plugin
	t.estate.mu.RUnlock()
	if !listed || stored == nil || v.plugin.version(v.stored.Seq) != v {
		return t.env.JoinedVersion(v) > 0
	}
	s := v.plugin.serving.Load()
	if s == nil || s.active.version == v || s.active.resting() {
		return false
	}
	for i, seq := range line(stored) {
		if i >= warm {
			break
		}
		if seq == v.stored.Seq {
			return true
		}
	}
	return false
}

// resting tells whether nobody has used a version for long.
func (v *version) resting() bool {
	if v.code.Load() == nil {
		return true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.rests > restSweeps
}

// line lists the versions that were active, the newest first, each once.
func line(p *registry.Plugin) []int {
	seqs := []int{p.Active}
	for i := len(p.Deploys) - 1; i >= 0; i-- {
		d := p.Deploys[i]
		for _, seq := range []int{d.Seq, d.Previous} {
			if seq != 0 && !has(seqs, seq) {
				seqs = append(seqs, seq)
			}
		}
	}
	return seqs
}

func has(seqs []int, seq int) bool {
	for _, s := range seqs {
		if s == seq {
			return true
		}
	}
	return false
}

// drop forgets the compiled code of a version: who comes from now on loads it again.
// Those who are at work with it are waited for by a goroutine of the directory's.
func (d *Directory) drop(v *version) {
	d.mu.Lock()
	delete(d.loaded, v)
	d.mu.Unlock()
	p := v.code.Swap(nil)
	if p == nil {
		return
	}
	d.begin(func(ctx context.Context) { // after the end the engine closes it
		if err := v.bury(ctx, p); err != nil {
			d.log.Warn("compiled code could not be freed yet", "tenant", v.plugin.tenant.name, "plugin", v.name, "digest", v.stored.Digest.Short(), "err", err)
		}
	})
}
