package wasm

import (
	"context"
	"errors"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/wasm/sched"
)

// Share is what a tenant's guests may use together.
type Share = sched.Share

// tenant returns the tenant that pays for a plugin, until it is released.
func (e *Engine) tenant(name string) *sched.Tenant {
	var share Share
	if e.share != nil {
		share = e.share(name)
	}
	return e.sched.Tenant(name, share)
}

// awaitRate waits until a tenant may have another module compiled: its start is a
// callback that is paid afterwards, so that a tenant which only deploys would get round
// its rate. It waits before anything is compiled, so that what waits is the module alone.
// The error is ctx's, or [ErrClosed].
func (e *Engine) awaitRate(ctx context.Context, t *sched.Tenant) error {
	for {
		wait, first := t.Admit()
		if wait <= 0 {
			return nil
		}
		if first {
			e.log.Warn("a tenant has used more fuel than it may: its modules wait to be compiled", "limit", string(phx.ReasonTenantCPUExhausted),
				"tenant", t.Name(), "retry_after", wait)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			continue
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-e.ending:
			timer.Stop()
			return ErrClosed
		}
	}
}

// impatient tells whether somebody waits for a callback who can be told that it takes
// too long. A leave that was not run would be lost, and a broadcast or a timer that
// was not delivered would have to fail the channel of a client that did nothing; they
// wait, and what waits is bounded by the mailboxes.
func impatient(phase abi.Phase) bool {
	return phase == abi.PhaseJoin || phase == abi.PhaseHandleIn || phase == abi.PhaseConnect
}

// admit holds a call against what its tenant may use in a second. The error is a
// [*channel.Refusal]. It comes before the wait for an instance, since nobody who has
// one may have to wait for something that only time brings. A leave is let in and paid
// afterwards: there is one for each join that was let in, and a shutdown waits for all.
func (p *Plugin) admit(ctx context.Context, phase abi.Phase, hurry bool) error {
	if phase == abi.PhaseLeave {
		return nil
	}
	wait, first := p.tenant.Admit()
	if wait <= 0 {
		return nil
	}
	if first {
		p.engine.log.Warn("a tenant has used more fuel than it may: its callbacks are refused or wait", "limit", string(phx.ReasonTenantCPUExhausted),
			"tenant", p.tenant.Name(), "plugin", p.name, "digest", p.digest, "retry_after", wait)
	}
	if hurry {
		return &channel.Refusal{Reason: phx.ReasonTenantCPUExhausted, RetryAfter: wait}
	}
	if p.tenant.Await(ctx) != nil {
		return &channel.Refusal{Reason: phx.ReasonUnavailable}
	}
	return nil
}

// waitsLonger is how much longer than for an instance a callback may wait for a
// processor, in sum, once it has begun: what it has done would be lost.
const waitsLonger = 5

// begin waits until the guest may run its first slice. The error is a
// [*channel.Refusal], or ctx's.
func (i *instance) begin(ctx context.Context, phase abi.Phase) error {
	var patience time.Duration
	if i.hurry {
		patience = i.plugin.limits.Wait
	}
	_, err := i.guest.Begin(ctx, patience)
	switch {
	case errors.Is(err, sched.ErrLate):
		return i.busy()
	case err != nil:
		return ended(ctx, phase)
	}
	return nil
}

// busy is why a callback did not happen, or did not end: nobody's fault.
func (i *instance) busy() error {
	return &channel.Refusal{Reason: phx.ReasonBusy, RetryAfter: i.plugin.limits.Wait}
}

// execute runs what i.stack names in the guest, which begin has let in.
func (i *instance) execute() error {
	defer i.end()
	return i.handle.CallWithStack(&i.context, i.stack[:])
}

func (i *instance) end() { i.guest.End(i.bill()) }

// pass ends a slice: the next one may have to wait. It returns when that begins.
func (i *instance) pass(now time.Time) time.Time {
	t := &i.tank
	var patience time.Duration
	if i.hurry {
		patience = max(1, waitsLonger*i.plugin.limits.Wait-t.waited)
	}
	waited, err := i.guest.Slice(i.context.Context, i.bill(), patience)
	t.waited += waited
	if errors.Is(err, sched.ErrLate) {
		panic(err)
	} else if err != nil {
		panic(errEnded)
	}
	t.turn, t.passed = 0, now.Add(waited)
	return t.passed
}
