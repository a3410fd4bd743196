package tenant

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/wasm"
)

// afterDeploy is for how long after a deploy the quarantine of its version takes it
// back; beforeDeploy is for how long before it a crash of the version before, in the
// same callback, says that the deploy is not to blame.
const (
	afterDeploy  = time.Minute
	beforeDeploy = 10 * time.Minute
)

// tripped are the plugins of which a version was quarantined, until Run has come to
// them: one entry for each at most. It is safe for concurrent use.
type tripped struct {
	mu      sync.Mutex
	waiting map[plugged]wasm.Tripped
	wake    chan struct{} // has one when there are some
}

// plugged names a plugin of a tenant.
type plugged struct{ tenant, plugin string }

// Tripped takes note that a version was quarantined, for [Directory.Run]. It does not
// block.
func (d *Directory) Tripped(what wasm.Tripped) {
	t := &d.tripped
	t.mu.Lock()
	if t.waiting == nil {
		t.waiting = make(map[plugged]wasm.Tripped)
	}
	t.waiting[plugged{what.Tenant, what.Name}] = what
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// take returns those that wait.
func (t *tripped) take() map[plugged]wasm.Tripped {
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting := t.waiting
	t.waiting = nil
	return waiting
}

// errStands ends a roll back for which there is no reason any more.
var errStands = errors.New("tenant: the deploy stands")

// Run does what has to be done from time to time until ctx ends: it takes back deploys
// whose version is quarantined, forgets the compiled code of versions that nobody has used
// for long, and has the store remove modules that no record names any more. Without it tenants are served all the same.
func (d *Directory) Run(ctx context.Context) {
	ticker := time.NewTicker(sweepTime)
	defer ticker.Stop()
	keys := time.NewTicker(refreshTime)
	defer keys.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			d.sweep(ctx)
		case <-keys.C:
			d.beginAlone(&d.refreshing, d.refresh) // a provider that is slow keeps nobody else waiting
		case <-d.tripped.wake:
			for _, what := range d.tripped.take() {
				// One that waits for its tenant's turn must not keep others waiting.
				d.begin(func(life context.Context) { d.takeBack(life, what) })
			}
		}
	}
}

// takeBack rolls a deploy back, if it is to blame for the quarantine.
func (d *Directory) takeBack(ctx context.Context, what wasm.Tripped) {
	t, ok := d.Tenant(what.Tenant)
	if !ok {
		return
	}
	p, err := t.find(what.Name)
	if err != nil {
		return // one of the configuration's
	}
	reason := fmt.Sprintf("%s@%d was quarantined, and fails in %s", what.Name, what.Seq, what.Callback)
	if what.Callback == 0 {
		reason = fmt.Sprintf("%s@%d was quarantined: no instance of it can be started", what.Name, what.Seq)
	}
	undone, err := t.shift(ctx, p, Request{By: "chhost", reason: reason}, shift{
		strategy: Immediate, back: true, seq: func(stored *registry.Plugin) (int, error) { return t.blame(p, stored, what) },
	})
	switch {
	case errors.Is(err, errStands):
		t.log.Info("a quarantined version stays the active one", "plugin", fmt.Sprintf("%s@%d", what.Name, what.Seq), "why", err)
	case err != nil:
		t.log.Error("a quarantined version could not be rolled back", "plugin", fmt.Sprintf("%s@%d", what.Name, what.Seq), "err", err)
	default:
		t.log.Warn("a deploy was rolled back", "plugin", undone.Version, "digest", undone.Digest, "previous", undone.Previous, "reason", reason)
	}
}

// blame returns the version to go back to, if a deploy has brought the quarantine about.
func (t *Tenant) blame(p *plugin, stored *registry.Plugin, what wasm.Tripped) (int, error) {
	back, since := 0, time.Time{}
	switch what.Seq {
	case stored.Canary:
		back = stored.Active
	case stored.Active:
		if n := len(stored.Deploys); n > 0 && stored.Deploys[n-1].Seq == what.Seq {
			since = stored.Deploys[n-1].At
		}
		if age := t.estate.dir.now().Sub(since); age < 0 || age > afterDeploy {
			return 0, fmt.Errorf("%w: it was deployed more than %v ago", errStands, afterDeploy)
		}
		v, ok := stored.Previous()
		if !ok {
			return 0, fmt.Errorf("%w: there is no version before it", errStands)
		}
		back = v.Seq
	default:
		return 0, fmt.Errorf("%w: it is not served any more", errStands)
	}
	if v := p.version(back); v != nil && what.Callback != 0 {
		if at := v.lastCrash(what.Callback); !at.IsZero() && time.Since(at) < beforeDeploy {
			return 0, fmt.Errorf("%w: %s has failed in %s too", errStands, v.name, what.Callback)
		}
	}
	return back, nil
}
