package wasm

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/wasm/sched"
)

// Plugin is one version of a module, ready to be called. It implements
// [channel.Handler] and is safe for concurrent use.
type Plugin struct {
	engine   *Engine
	code     *code
	tenant   *sched.Tenant
	name     string
	seq      int
	base     string // name without seq
	digest   string // of the module that was given, the first 8 digits
	kept     string // the directory of what is kept of it; empty: there is none
	settings map[string]string
	limits   Limits
	rotate   bool
	log      *guestLog
	rules    *rules
	doors    doors
	declared declaration // what the trial instance said of itself
	traits   channel.Traits

	account *account
	slots   *slots // one for each instance that may be in use
	pieces  pieces // of their fuel
	circuit circuit
	held    atomic.Int64 // bytes of linear memory
	crashes [abi.PhaseIdle + 1]crashCount

	mu     sync.Mutex
	idle   []*instance // the one that served last at the end
	busy   int         // instances that serve a call or are being started
	calls  uint64      // that took an instance, ever
	used   consumed    // by instances, as far as they have been given back
	closed bool

	drained chan struct{} // closed as soon as the plugin is closed and none is busy
	free    sync.Once
	freeErr error
}

var (
	_ channel.Handler   = (*Plugin)(nil)
	_ channel.Upgrader  = (*Plugin)(nil)
	_ channel.Connector = (*Plugin)(nil)
)

func newPlugin(e *Engine, payer *sched.Tenant, c *code, m Module, limits Limits) *Plugin {
	settings := maps.Clone(m.Settings)
	if settings == nil {
		settings = make(map[string]string)
	}
	tenant, name := m.owner(), m.version()
	settings[abi.ConfigPlugin] = name
	settings[abi.ConfigTenant] = tenant
	settings[abi.ConfigAssignsMax] = strconv.Itoa(limits.Assigns)
	settings[abi.ConfigPayloadMax] = strconv.Itoa(limits.Payload)
	settings[abi.ConfigEffectsMax] = strconv.Itoa(limits.Effects)
	return &Plugin{
		engine:   e,
		code:     c,
		tenant:   payer,
		name:     name,
		seq:      max(m.Seq, 1),
		base:     m.Name,
		digest:   m.digest,
		kept:     e.larder.of(m),
		settings: settings,
		limits:   limits,
		rotate:   m.Rotate,
		rules:    phaseRules(),
		doors:    doorsOf(c.module),
		log:      newGuestLog(e.guests.With(slog.String("plugin", name), slog.String("tenant", tenant), slog.String("digest", m.digest)), limits, e.now),
		slots:    newSlots(limits.Instances),
		drained:  make(chan struct{}),
		circuit:  circuit{now: e.clock},
		account:  e.account(tenant),
	}
}

// trial makes the first instance. What it declares is what the plugin has; an
// instance that declares something else later is not used.
func (p *Plugin) trial(ctx context.Context) error {
	inst, err := p.instantiate(ctx)
	if err != nil {
		return err
	}
	p.declared = inst.declared
	p.traits = inst.declared.traits(p.name)
	p.traits.Digest = p.digest
	p.traits.RepliesLater = p.code.imports(abi.ImportReplyTo)
	p.idle = append(p.idle, inst)
	return nil
}

// Traits implements [channel.Handler].
func (p *Plugin) Traits() *channel.Traits { return &p.traits }

// Join implements [channel.Handler].
func (p *Plugin) Join(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return p.call(ctx, abi.PhaseJoin, ev)
}

// Leave implements [channel.Handler].
func (p *Plugin) Leave(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return p.call(ctx, abi.PhaseLeave, ev)
}

// HandleIn implements [channel.Handler].
func (p *Plugin) HandleIn(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return p.call(ctx, abi.PhaseHandleIn, ev)
}

// HandleOut implements [channel.Handler].
func (p *Plugin) HandleOut(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return p.call(ctx, abi.PhaseHandleOut, ev)
}

// HandleInfo implements [channel.Handler].
func (p *Plugin) HandleInfo(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return p.call(ctx, abi.PhaseHandleInfo, ev)
}

// Upgrade implements [channel.Upgrader].
func (p *Plugin) Upgrade(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return p.call(ctx, abi.PhaseUpgrade, ev)
}

// Connect implements [channel.Connector].
func (p *Plugin) Connect(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	return p.call(ctx, abi.PhaseConnect, ev)
}

// serve is call of a version that is served.
// In a hurry it waits for no longer than Limits.Wait wherever it has to wait.
func (p *Plugin) serve(ctx context.Context, phase abi.Phase, ev *channel.Event, hurry bool) (channel.Result, error) {
	if ev.Payload.Len() > p.limits.Payload {
		return channel.Result{}, &channel.Refusal{Reason: phx.ReasonPayloadTooLarge}
	}
	if err := p.admit(ctx, phase, hurry); err != nil {
		return channel.Result{}, err
	}
	inst, err := p.take(ctx, phase, hurry)
	if err != nil {
		return channel.Result{}, err
	}
	defer p.put(inst)
	inst.hurry = hurry
	began := inst.beginning(phase)
	res, err := inst.call(lasting(ctx, phase), phase, ev)
	inst.called(phase, began)
	return res, err
}

// lasting is the context of a guest at work. A connection's ends when its client
// is gone, which may end the wait for an instance, but would destroy it at work:
// clients could make the host start one after the other. The callback's own time
// still ends it.
func lasting(ctx context.Context, phase abi.Phase) context.Context {
	if phase == abi.PhaseConnect {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

// take returns an idle instance or a new one, as soon as there may be one.
func (p *Plugin) take(ctx context.Context, phase abi.Phase, hurry bool) (inst *instance, err error) {
	if err := p.acquire(ctx, phase, hurry); err != nil {
		return nil, err
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.slots.leave()
		return nil, &channel.Refusal{Reason: phx.ReasonUnavailable, RetryAfter: time.Second}
	}
	p.busy++
	p.calls++
	inst = p.pick()
	p.mu.Unlock()
	if inst != nil {
		return inst, nil
	}
	defer func() { // also if a bug of the host ends it
		if inst == nil {
			p.release(nil)
		}
	}()
	return p.another(lasting(ctx, phase))
}

// pick takes an idle instance out of the pool: the one that served last, which is
// warm, or, if they take turns, the one that has waited longest. It is nil if
// there has to be another one. The caller holds p.mu and counts as busy.
func (p *Plugin) pick() *instance {
	last := len(p.idle) - 1
	if last < 0 || last+p.busy < p.fewest() {
		return nil
	}
	if p.rotate {
		inst := p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
		return inst
	}
	inst := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return inst
}

// fewest is how many instances there are as soon as the plugin is in use.
func (p *Plugin) fewest() int {
	if p.rotate {
		return 2
	}
	return 1
}

// acquire waits for a slot.
func (p *Plugin) acquire(ctx context.Context, phase abi.Phase, hurry bool) error {
	if phase == abi.PhaseConnect && ctx.Err() != nil {
		return &channel.Refusal{Reason: phx.ReasonUnavailable} // nobody waits for the answer
	}
	if p.slots.enter() {
		return nil
	}
	var late <-chan time.Time
	if hurry {
		timer := time.NewTimer(p.limits.Wait)
		defer timer.Stop()
		late = timer.C
	}
	if p.slots.queue() {
		return nil
	}
	var refusal *channel.Refusal
	select {
	case <-p.slots.call:
		return nil
	case <-late:
		refusal = &channel.Refusal{Reason: phx.ReasonBusy, RetryAfter: p.limits.Wait}
	case <-ctx.Done():
		refusal = &channel.Refusal{Reason: phx.ReasonUnavailable}
	}
	if p.slots.withdraw() {
		return refusal
	}
	return nil
}

// put gives an instance back. One that is not fit for use any more is destroyed
// before its slot is free, so that there are never more than the limit.
func (p *Plugin) put(inst *instance) {
	if !inst.usable() {
		inst.destroy()
		inst = nil
	}
	p.release(inst)
}

// release ends what take began. The instance is nil if there is none any more.
func (p *Plugin) release(inst *instance) {
	p.mu.Lock()
	if inst != nil {
		p.used.add(&inst.used)
		p.idle = append(p.idle, inst)
	}
	p.busy--
	if p.closed && p.busy == 0 {
		close(p.drained)
	}
	p.mu.Unlock()
	p.slots.leave()
}

// Close refuses further calls, waits for those that are running, and frees what
// the plugin holds. The error is that of ctx if it ends while calls are running;
// then Close may be called again.
func (p *Plugin) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed && p.busy == 0 {
		close(p.drained)
	}
	p.closed = true
	p.mu.Unlock()
	select {
	case <-p.drained: // even if ctx has ended
	default:
		select {
		case <-p.drained:
		case <-ctx.Done():
			return fmt.Errorf("wasm: closing %s: %w", p.name, ctx.Err())
		}
	}
	p.free.Do(func() {
		p.engine.forget(p)
		p.mu.Lock()
		p.idle = nil
		p.mu.Unlock()
		p.freeErr = p.code.close(ctx) // with all instances
		p.tenant.Release()
	})
	return p.freeErr
}

// declaration is what an instance says of itself at its start.
type declaration struct {
	callbacks    abi.Callback
	intercepts   map[string]struct{}
	acceptBinary bool
}

func (d *declaration) traits(name string) channel.Traits {
	return channel.Traits{
		Name:          name,
		Callbacks:     d.channelCallbacks(),
		Intercepts:    d.intercepts,
		AcceptBinary:  d.acceptBinary,
		ForgetsEvents: true, // the guest has a copy
	}
}

func (d *declaration) channelCallbacks() channel.Callbacks {
	var set channel.Callbacks
	for bit, cb := range map[abi.Callback]channel.Callbacks{
		abi.CallbackJoin:       channel.CallbackJoin,
		abi.CallbackLeave:      channel.CallbackLeave,
		abi.CallbackHandleIn:   channel.CallbackHandleIn,
		abi.CallbackHandleOut:  channel.CallbackHandleOut,
		abi.CallbackHandleInfo: channel.CallbackHandleInfo,
		abi.CallbackUpgrade:    channel.CallbackUpgrade,
		abi.CallbackConnect:    channel.CallbackConnect,
	} {
		if d.callbacks&bit != 0 {
			set |= cb
		}
	}
	return set
}

func (d *declaration) equal(o *declaration) bool {
	return d.callbacks == o.callbacks && d.acceptBinary == o.acceptBinary &&
		maps.Equal(d.intercepts, o.intercepts) && (d.intercepts == nil) == (o.intercepts == nil)
}

// Digest is the first 8 hexadecimal digits of the SHA-256 of the module that the plugin
// was compiled of.
func (p *Plugin) Digest() string { return p.digest }
