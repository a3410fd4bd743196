package wasm

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/internal/histogram"
	"github.com/chhost/chhost/host/phx"
)

// Counts counts what plugins did and failed at, and what became of it. It is safe for
// concurrent use.
type Counts struct {
	// Callbacks are the calls of guests by [abi.Phase], those that failed included.
	Callbacks [callbacks]atomic.Int64
	// Took is how long they took by the clock, from when there was an instance until it
	// had answered: of handle_in, handle_out and handle_info one in eight.
	Took [callbacks]histogram.Histogram
	// Fuel is what guests used, about one for each instruction.
	Fuel atomic.Int64
	// Compiled is how long it took to make a plugin of a module, which the cache may have
	// made short. FailedCompiles are modules of which none was made.
	Compiled       histogram.Histogram
	FailedCompiles atomic.Int64
	// Crashes are callbacks that failed: traps, broken rules of the contract and
	// exceeded limits, each of which destroyed an instance.
	Crashes atomic.Int64
	// FailedStarts are instances that could not be started.
	FailedStarts atomic.Int64
	// Quarantines is how often a version was taken out of service for a while, for its
	// crashes or because no instance of it could be started.
	Quarantines atomic.Int64
	// Refused are calls that were answered "unavailable" meanwhile.
	Refused atomic.Int64
	// MemoryRefused is how often a guest got no memory, since its tenant's or the
	// node's was used up.
	MemoryRefused atomic.Int64
}

// callbacks is how many phases of a guest there are.
const callbacks = abi.PhaseIdle + 1

// timedOne is of how many calls of the callbacks that come for each event the time of
// one is taken: to ask for it twice takes a tenth of what a short one does.
const timedOne = 8

// beginning is the age of the engine when a call begins, or 0 if its time is not taken.
func (i *instance) beginning(phase abi.Phase) time.Duration {
	i.calls++
	switch phase {
	case abi.PhaseHandleIn, abi.PhaseHandleOut, abi.PhaseHandleInfo:
		if i.calls%timedOne != timedOne/2 { // not the first, which is slower
			return 0
		}
	}
	return time.Since(i.plugin.engine.born)
}

// called counts a call that began so.
func (i *instance) called(phase abi.Phase, began time.Duration) {
	counts := &i.plugin.engine.counts
	counts.Callbacks[phase].Add(1)
	if began > 0 {
		counts.Took[phase].Observe(time.Since(i.plugin.engine.born) - began)
	}
}

// Counts is what the engine's plugins did and failed at. It goes on counting.
func (e *Engine) Counts() *Counts { return &e.counts }

// Quarantined tells whether calls of this version are refused for its crashes. The
// version is tried again by itself.
func (p *Plugin) Quarantined() bool { return p.circuit.calls.open.Load() }

// call runs one callback on one instance, unless the version is quarantined. The
// error is a [*channel.Refusal] if the guest was not entered or, for want of a
// processor, given up in its midst with all that it did, else a [*TrapError],
// [*ContractError], [*LimitError], or that of ctx.
func (p *Plugin) call(ctx context.Context, phase abi.Phase, ev *channel.Event) (channel.Result, error) {
	if p.circuit.calls.open.Load() && phase != abi.PhaseLeave {
		// A leave comes once for each membership, and would be lost.
		return p.trialCall(ctx, phase, ev)
	}
	res, err := p.serve(ctx, phase, ev, impatient(phase))
	if err != nil && p.failed(ev, phase, err) {
		if q := p.circuit.crashed(ev.Peer, p.callCount()); q.backoff > 0 {
			p.quarantined(q)
		}
	}
	return res, err
}

// trialCall is a call of a version that was seen to be quarantined: it is refused, or
// decides whether the version is served again.
func (p *Plugin) trialCall(ctx context.Context, phase abi.Phase, ev *channel.Event) (res channel.Result, err error) {
	c := &p.circuit
	trial, wait, ok := c.try(&c.calls, ev.Peer)
	if !ok {
		p.engine.counts.Refused.Add(1)
		return channel.Result{}, &channel.Refusal{Reason: phx.ReasonUnavailable, RetryAfter: wait}
	}
	became := untried
	defer func() { // also if a bug of the host ends it
		if !trial {
			return
		}
		if backoff := c.settle(&c.calls, ev.Peer, became); backoff > 0 {
			p.quarantined(quarantine{backoff, 1})
		} else if became == succeeded {
			p.log.log.Info("the plugin is served again")
		}
	}()
	res, err = p.serve(ctx, phase, ev, impatient(phase) || trial) // others wait for the trial
	switch {
	case err == nil:
		became = succeeded
	case p.failed(ev, phase, err):
		became = crashed
	}
	return res, err
}

// failed counts and logs the error of a call, and tells whether it is a crash that
// counts against the version.
func (p *Plugin) failed(ev *channel.Event, phase abi.Phase, err error) bool {
	if !isGuests(err) {
		return false
	}
	p.engine.counts.Crashes.Add(1)
	p.crashes[phase].add(p.engine.clock())
	p.log.crash(phase, ev, err)
	return countsAgainst(err)
}

// isGuests tells whether an error is a fault of the guest's.
func isGuests(err error) bool {
	var (
		trap     *TrapError
		contract *ContractError
		limit    *LimitError
	)
	return errors.As(err, &trap) || errors.As(err, &contract) || errors.As(err, &limit)
}

// countsAgainst tells whether an error says something of the version: memory that is
// not there because others have it, and time on a machine that is busy, do not.
func countsAgainst(err error) bool {
	var limit *LimitError
	return !errors.As(err, &limit) || limit.Limit != LimitOutOfTime && !limit.shared
}

// isShared tells whether something failed for what others of the tenant or the node have.
func isShared(err error) bool {
	var limit *LimitError
	return errors.As(err, &limit) && limit.shared
}

// whenThereIsMemory is instantiate; where others have the memory, it tries again for as
// long as callers wait for an instance. It asks, since there is no one thing to wait for:
// memory comes from instances that are destroyed, and from those that nobody uses any
// more, of any plugin of the tenant or the node.
func (p *Plugin) whenThereIsMemory(ctx context.Context) (*instance, error) {
	end := p.engine.clock().Add(p.limits.Wait)
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 64*time.Millisecond) {
		inst, err := p.instantiate(ctx)
		if !isShared(err) || !p.engine.clock().Before(end) {
			return inst, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

func (p *Plugin) quarantined(q quarantine) {
	p.engine.counts.Quarantines.Add(1)
	p.log.log.Error("the plugin is quarantined: too many clients crash it", "crashes", q.crashes, "retry_after", q.backoff)
	p.tripped(p.worst())
}

// callCount is how many calls there have been.
func (p *Plugin) callCount() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// another starts an instance for a caller, who counts as busy. The error is a
// [*channel.Refusal]. After one that could not be started the next attempt waits:
// what a guest does at its start does not depend on clients, so it would fail again.
func (p *Plugin) another(ctx context.Context) (*instance, error) {
	c := &p.circuit
	trial := false
	if c.starts.open.Load() {
		var wait time.Duration
		var ok bool
		if trial, wait, ok = c.try(&c.starts, 0); !ok {
			p.engine.counts.Refused.Add(1)
			return nil, &channel.Refusal{Reason: phx.ReasonUnavailable, RetryAfter: wait}
		}
	}
	refusal := &channel.Refusal{Reason: phx.ReasonUnavailable, RetryAfter: minBackoff}
	became := untried
	defer func() {
		if trial {
			refusal.RetryAfter = max(refusal.RetryAfter, c.settle(&c.starts, 0, became))
		}
	}()
	inst, err := p.whenThereIsMemory(ctx)
	if err != nil && ctx.Err() != nil && !isGuests(err) {
		return nil, refusal // nobody waits for it any more, and that is no fault
	}
	if err == nil && !inst.declared.equal(&p.declared) {
		inst.destroy()
		err = &ContractError{Phase: abi.PhaseInit, Rule: "this instance declares other callbacks, intercepts or binary than the trial instance did; ch_callbacks and ch_init have to be the same each time"}
	}
	if err == nil {
		became = succeeded
		return inst, nil
	}
	if isShared(err) {
		refusal.Reason = phx.ReasonBusy
	}
	p.engine.counts.FailedStarts.Add(1)
	p.log.crash(abi.PhaseSetup, nil, err)
	p.engine.log.Error("an instance could not be started", "plugin", p.name, "digest", p.digest, "tenant", p.tenant.Name(), "err", err)
	if ctx.Err() == nil && countsAgainst(err) {
		became = crashed
		if !trial {
			if wait := c.startFailed(); wait > 0 {
				p.engine.counts.Quarantines.Add(1)
				refusal.RetryAfter = wait
				p.tripped(0)
			}
		}
	}
	return nil, refusal
}
