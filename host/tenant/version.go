package tenant

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/wasm"
)

const (
	// maxWaiting is how many callbacks may wait for one version to be loaded.
	maxWaiting = 1024
	// loadPatience is how long each of them waits. The load goes on.
	loadPatience = 5 * time.Second
	// loadRetry is what clients are told then.
	loadRetry = time.Second
)

// version is one stored version of a plugin, compiled or not. It is safe for
// concurrent use.
type version struct {
	plugin *plugin
	stored registry.Version
	name   string // "foods@7"

	code   atomic.Pointer[wasm.Plugin] // nil: not loaded
	traits atomic.Pointer[channel.Traits]

	waiting atomic.Int32
	mu      sync.Mutex
	loading *load                           // nil: none is under way
	stale   bool                            // what is being loaded is to be loaded again
	seen    int64                           // calls, when the last look was
	rests   int                             // looks at which there were no more
	past    wasm.Usage                      // of code that was dropped
	crashed map[channel.Callbacks]time.Time // when the dropped code did last
}

// load is one that is under way.
type load struct {
	done chan struct{}
	err  error // to be read after done
}

func newVersion(p *plugin, stored registry.Version) *version {
	v := &version{plugin: p, stored: stored, name: fmt.Sprintf("%s@%d", p.name, stored.Seq)}
	// Until it is loaded nobody knows what it has; each callback looks then.
	v.traits.Store(&channel.Traits{Name: v.name, Digest: stored.Digest.Short(), Callbacks: ^channel.Callbacks(0) &^ channel.CallbackUpgrade, AcceptBinary: true, ForgetsEvents: true})
	return v
}

// get returns the compiled version, which it waits for if need be. The error is a
// [*channel.Refusal], or why it cannot be loaded.
func (v *version) get(ctx context.Context) (*wasm.Plugin, error) {
	for {
		if p := v.code.Load(); p != nil {
			return p, nil
		}
		l := v.begin()
		if l == nil {
			return nil, ErrEnded
		}
		select {
		case <-l.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if l.err != nil {
			return nil, l.err
		}
	}
}

// begin returns the load that is under way, a new one if there is none; nil after the
// directory's end.
func (v *version) begin() *load {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.loading != nil {
		return v.loading
	}
	l := &load{done: make(chan struct{})}
	if !v.plugin.tenant.estate.dir.begin(func(ctx context.Context) { v.load(ctx, l) }) {
		return nil
	}
	v.loading = l
	return l
}

func (v *version) load(ctx context.Context, l *load) {
	dir := v.plugin.tenant.estate.dir
	made, err := v.compiled(ctx, dir)
	v.mu.Lock()
	if err == nil {
		v.traits.Store(made.Traits())
		v.code.Store(made)
		v.seen, v.rests = 0, 0
	}
	stale := v.stale
	l.err = err
	v.loading, v.stale = nil, false
	v.mu.Unlock()
	if err == nil {
		dir.mu.Lock()
		dir.loaded[v] = struct{}{}
		dir.mu.Unlock()
	}
	if stale {
		dir.drop(v)
	}
	if err != nil && ctx.Err() == nil {
		dir.log.Error("a version of a plugin could not be loaded", "tenant", v.plugin.tenant.name, "plugin", v.name, "digest", v.stored.Digest.Short(), "err", err)
	}
	close(l.done)
}

func (v *version) compiled(ctx context.Context, dir *Directory) (*wasm.Plugin, error) {
	select {
	case dir.loads <- struct{}{}:
		defer func() { <-dir.loads }()
	case <-ctx.Done():
		return nil, ErrEnded
	}
	module, err := dir.cfg.Store.Module(ctx, v.stored.Digest)
	if err != nil {
		return nil, fmt.Errorf("tenant: %s: %w", v.name, err)
	}
	return dir.cfg.Engine.Compile(ctx, v.plugin.tenant.module(v.plugin.name, v.stored.Seq, module, v.plugin.config()))
}

// renew lets the next callback load the version again: what it was loaded with has
// changed.
func (v *version) renew() {
	v.mu.Lock()
	v.stale = v.loading != nil
	v.mu.Unlock()
	if v.code.Load() != nil {
		v.plugin.tenant.estate.dir.drop(v)
	}
}

// bury closes code that was dropped, when those who are at work with it have ended, and
// keeps what it has used.
func (v *version) bury(ctx context.Context, p *wasm.Plugin) error {
	err := p.Close(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	u := p.Usage()
	v.past.Add(u)
	for cb := channel.CallbackJoin; cb != 0 && u.Crashes > 0; cb <<= 1 {
		if at := p.LastCrash(cb); !at.IsZero() {
			if v.crashed == nil {
				v.crashed = make(map[channel.Callbacks]time.Time)
			}
			v.crashed[cb] = at
		}
	}
	return err
}

// usage is what the version has used since the node started.
func (v *version) usage() VersionUsage {
	u := VersionUsage{Name: v.name, Digest: v.stored.Digest.Short()}
	v.mu.Lock()
	u.Usage = v.past
	v.mu.Unlock()
	if p := v.code.Load(); p != nil {
		now := p.Usage()
		u.Loaded, u.Quarantined, u.Memory = true, p.Quarantined(), now.Memory
		u.Add(now)
	}
	return u
}

// lastCrash is when one of the callbacks failed last; zero: never.
func (v *version) lastCrash(cb channel.Callbacks) time.Time {
	if p := v.code.Load(); p != nil {
		if at := p.LastCrash(cb); !at.IsZero() {
			return at
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.crashed[cb]
}

// callback is one of a compiled version.
type callback = func(*wasm.Plugin, context.Context, *channel.Event) (channel.Result, error)

// enter runs one callback on the compiled version, which may not have it: who was let
// in before it was loaded did not know.
func (v *version) enter(ctx context.Context, ev *channel.Event, cb channel.Callbacks, f callback) (channel.Result, error) {
	for {
		p := v.code.Load()
		if p == nil {
			var err error
			if p, err = v.await(ctx); err != nil {
				return channel.Result{}, err
			}
		}
		if p.Traits().Callbacks&cb == 0 {
			return absent(cb), nil
		}
		res, err := f(p, ctx, ev)
		if err != nil && v.code.Load() != p && errors.As(err, new(*channel.Refusal)) {
			continue // it was closed just then, and nothing has been done
		}
		return res, err
	}
}

// absent is what comes of a callback that a version does not have.
func absent(cb channel.Callbacks) channel.Result {
	if cb == channel.CallbackHandleOut {
		return channel.Result{Status: channel.StatusPass}
	}
	return channel.Result{}
}

// await is get for a callback: it waits for as long as clients do. The error is a
// [*channel.Refusal].
func (v *version) await(ctx context.Context) (*wasm.Plugin, error) {
	unavailable := &channel.Refusal{Reason: phx.ReasonUnavailable, RetryAfter: loadRetry}
	if v.waiting.Add(1) > maxWaiting {
		v.waiting.Add(-1)
		return nil, unavailable
	}
	defer v.waiting.Add(-1)
	ctx, cancel := context.WithTimeout(ctx, v.plugin.tenant.estate.dir.patience)
	defer cancel()
	p, err := v.get(ctx)
	if err != nil {
		return nil, unavailable // why has been logged by the load
	}
	return p, nil
}

// edition is one period in which a version is served. A handler that was replaced
// cannot be served again, but its version can. It implements [channel.Handler].
type edition struct{ *version }

// Version implements [channel.Edition].
func (e *edition) Version() any { return e.version }

// Traits implements [channel.Handler].
func (v *version) Traits() *channel.Traits { return v.traits.Load() }

// Join implements [channel.Handler].
func (v *version) Join(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return v.enter(ctx, ev, channel.CallbackJoin, join)
}

func join(p *wasm.Plugin, ctx context.Context, ev *channel.Event) (channel.Result, error) {
	if ev.Payload.IsBinary() && !p.Traits().AcceptBinary {
		return channel.Result{}, &channel.Refusal{Reason: phx.ReasonBinaryNotAccepted}
	}
	return p.Join(ctx, ev)
}

// Leave implements [channel.Handler].
func (v *version) Leave(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return v.enter(ctx, ev, channel.CallbackLeave, (*wasm.Plugin).Leave)
}

// HandleIn implements [channel.Handler].
func (v *version) HandleIn(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return v.enter(ctx, ev, channel.CallbackHandleIn, (*wasm.Plugin).HandleIn)
}

// HandleOut implements [channel.Handler].
func (v *version) HandleOut(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return v.enter(ctx, ev, channel.CallbackHandleOut, (*wasm.Plugin).HandleOut)
}

// HandleInfo implements [channel.Handler].
func (v *version) HandleInfo(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return v.enter(ctx, ev, channel.CallbackHandleInfo, (*wasm.Plugin).HandleInfo)
}

// Upgrade implements [channel.Upgrader].
func (v *version) Upgrade(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return v.enter(ctx, ev, channel.CallbackUpgrade, (*wasm.Plugin).Upgrade)
}

// Connect implements [channel.Connector].
func (v *version) Connect(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return v.enter(ctx, ev, channel.CallbackConnect, (*wasm.Plugin).Connect)
}
