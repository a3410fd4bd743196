package tenant

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host/wasm"
)

// RestSweeps is for how many looks a version may rest before its code is forgotten.
const RestSweeps = restSweeps

// Sweep is one look of Run at versions that nobody uses. What it drops is dropped when
// it returns.
func (d *Directory) Sweep(ctx context.Context) {
	d.sweep(ctx)
	d.work.Wait()
}

// Idle waits for what is under way.
func (d *Directory) Idle() { d.work.Wait() }

// Share is the part of a hundred that a topic is in.
func Share(tenant, topic string) int { return share(tenant, topic) }

// SetLoadPatience changes how long callbacks wait for a load. Nothing may be under way.
func SetLoadPatience(_ testing.TB, t *Tenant, d time.Duration) { t.estate.dir.patience = d }

// BeginAlone begins f, unless what busy stands for is under way.
func (d *Directory) BeginAlone(busy *atomic.Bool, f func(ctx context.Context)) bool {
	return d.beginAlone(busy, f)
}

// PluginLimits are those of each of the tenant's plugins.
func PluginLimits(t *Tenant) wasm.Limits { return t.pluginLimits() }

// SetClock changes what time it is. Nothing may be under way.
func (d *Directory) SetClock(_ testing.TB, now func() time.Time) { d.now = now }
