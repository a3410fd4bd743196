package wasm

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
)

// Plugin is one version of a module, ready to be called. It implements
// [channel.Handler] and is safe for concurrent use.
type Plugin struct {
	engine   *Engine
	code     *code
	name     string
	settings map[string]string
	limits   Limits
	log      *guestLog
	rules    *rules
	traits   channel.Traits

	// slots has an element for each instance that is in use; waiting callers are
	// served in the order in which they came.
	slots chan struct{}

	mu     sync.Mutex
	idle   []*instance // last in, first out: the warm ones
	busy   int         // instances that serve a call or are being started
	closed bool

	drained chan struct{} // closed as soon as the plugin is closed and none is busy
	free    sync.Once
	freeErr error
}

var _ channel.Handler = (*Plugin)(nil)

func newPlugin(e *Engine, c *code, m Module, limits Limits) *Plugin {
	settings := maps.Clone(m.Settings)
	if settings == nil {
		settings = make(map[string]string)
	}
	tenant := m.Tenant
	if tenant == "" {
		tenant = "default"
	}
	name := m.version()
	settings[abi.ConfigPlugin] = name
	settings[abi.ConfigTenant] = tenant
	settings[abi.ConfigAssignsMax] = strconv.Itoa(limits.Assigns)
	settings[abi.ConfigPayloadMax] = strconv.Itoa(limits.Payload)
	settings[abi.ConfigEffectsMax] = strconv.Itoa(limits.Effects)
	return &Plugin{
		engine:   e,
		code:     c,
		name:     name,
		settings: settings,
		limits:   limits,
		rules:    phaseRules(),
		log:      newGuestLog(e.guests.With(slog.String("plugin", name), slog.String("tenant", tenant)), limits, e.now),
		slots:    make(chan struct{}, limits.Instances),
		drained:  make(chan struct{}),
	}
}

// trial makes the first instance. What it declares is what the plugin has; an
// instance that declares something else later is not used.
func (p *Plugin) trial(ctx context.Context) error {
	inst, err := p.instantiate(ctx)
	if err != nil {
		return err
	}
	p.traits = inst.declared.traits(p.name)
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

// HandleInfo implements [channel.Handler]. No plugin's traits name it yet.
func (p *Plugin) HandleInfo(context.Context, *channel.Event) (channel.Result, error) {
	return channel.Result{}, nil
}

// call runs one callback on one instance. The error is a [*channel.Refusal] if
// the guest was not entered, else a [*TrapError], [*ContractError],
// [*LimitError], or that of ctx.
func (p *Plugin) call(ctx context.Context, phase abi.Phase, ev *channel.Event) (channel.Result, error) {
	if ev.Payload.Len() > p.limits.Payload {
		return channel.Result{}, &channel.Refusal{Reason: phx.ReasonPayloadTooLarge}
	}
	inst, err := p.take(ctx, phase)
	if err != nil {
		return channel.Result{}, err
	}
	defer p.put(inst)
	return inst.call(ctx, phase, ev)
}

// take returns an idle instance or a new one, as soon as there may be one.
func (p *Plugin) take(ctx context.Context, phase abi.Phase) (*instance, error) {
	if err := p.acquire(ctx, phase); err != nil {
		return nil, err
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.slots
		return nil, &channel.Refusal{Reason: phx.ReasonUnavailable, RetryAfter: time.Second}
	}
	p.busy++
	if last := len(p.idle) - 1; last >= 0 {
		inst := p.idle[last]
		p.idle = p.idle[:last]
		p.mu.Unlock()
		return inst, nil
	}
	p.mu.Unlock()
	inst, err := p.instantiate(ctx)
	if err == nil && !inst.declared.equal(&p.traits) {
		inst.destroy()
		err = &ContractError{Phase: abi.PhaseInit, Rule: "this instance declares other callbacks, intercepts or binary than the trial instance did; ch_init has to be the same each time"}
	}
	if err != nil {
		p.release(nil)
		p.engine.log.Error("an instance could not be started", "plugin", p.name, "err", err)
		return nil, &channel.Refusal{Reason: phx.ReasonUnavailable, RetryAfter: time.Second}
	}
	return inst, nil
}

// acquire waits for a slot.
func (p *Plugin) acquire(ctx context.Context, phase abi.Phase) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	var late <-chan time.Time
	if phase != abi.PhaseLeave && phase != abi.PhaseHandleOut {
		// A client can be told that the plugin is busy. A leave that was not run
		// would be lost, and a broadcast that was not delivered would have to fail
		// the channel of a client that did nothing; they wait, and what waits is
		// bounded by the mailboxes.
		timer := time.NewTimer(p.limits.Wait)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-late:
		return &channel.Refusal{Reason: phx.ReasonBusy, RetryAfter: p.limits.Wait}
	case <-ctx.Done():
		return &channel.Refusal{Reason: phx.ReasonUnavailable}
	}
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
		p.idle = append(p.idle, inst)
	}
	p.busy--
	if p.closed && p.busy == 0 {
		close(p.drained)
	}
	p.mu.Unlock()
	<-p.slots
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
		Name:         name,
		Callbacks:    d.channelCallbacks(),
		Intercepts:   d.intercepts,
		AcceptBinary: d.acceptBinary,
	}
}

func (d *declaration) channelCallbacks() channel.Callbacks {
	var set channel.Callbacks
	for bit, cb := range map[abi.Callback]channel.Callbacks{
		abi.CallbackJoin:      channel.CallbackJoin,
		abi.CallbackLeave:     channel.CallbackLeave,
		abi.CallbackHandleIn:  channel.CallbackHandleIn,
		abi.CallbackHandleOut: channel.CallbackHandleOut,
	} {
		if d.callbacks&bit != 0 {
			set |= cb
		}
	}
	return set
}

func (d *declaration) equal(t *channel.Traits) bool {
	return d.channelCallbacks() == t.Callbacks && d.acceptBinary == t.AcceptBinary &&
		maps.Equal(d.intercepts, t.Intercepts) && (d.intercepts == nil) == (t.Intercepts == nil)
}
