package wasm

import (
	"context"
	"slices"
	"time"

	"github.com/chhost/chhost/abi"
)

const (
	// roundTime is how often Run looks at the instances that are idle.
	roundTime = time.Second
	// restRounds is for how many rounds an instance may be idle before it is given
	// up, if there are others.
	restRounds = 60
)

// Run keeps house until ctx ends: at first it looks after the directory of compiled code,
// and about once a second it calls ch_idle of the instances that are idle and have served
// calls since, and destroys those that nobody has needed for a minute. Without it plugins are served all the same. It
// may be called once.
func (e *Engine) Run(ctx context.Context) {
	e.housed.Store(true)
	defer e.housed.Store(false)
	e.tidy(ctx, true)
	ticker := time.NewTicker(roundTime)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		e.tidy(ctx, false)
		plugins := e.open()
		for _, p := range plugins {
			p.circuit.round(p.callCount()) // before any guest runs, which may take long
		}
		for _, p := range plugins {
			p.round(ctx)
		}
	}
}

// round is one look at the instances that are idle.
func (p *Plugin) round(ctx context.Context) {
	tired, worn := p.survey()
	if p.tenant.Indebted() {
		tired = nil
	}
	for _, inst := range worn {
		if p.borrow(inst, p.fewest()) {
			inst.destroy()
			p.release(nil)
		}
	}
	for _, inst := range tired {
		if ctx.Err() != nil || !p.borrow(inst, 0) {
			return // callers may be waiting: they come first, and this can wait for another round
		}
		inst.hurry = false
		err := inst.idle(ctx)
		p.put(inst)
		if err != nil && ctx.Err() == nil {
			p.engine.log.Error("an instance failed in its housekeeping and was destroyed", "plugin", p.name, "digest", p.digest, "tenant", p.tenant.Name(), "err", err)
		}
	}
}

// survey lists the idle instances that ch_idle is to be called of, and those that
// may be given up, which are the ones that have not been needed for longest.
func (p *Plugin) survey() (tired, worn []*instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, inst := range p.idle {
		if inst.served {
			inst.rested = 0
			inst.served = p.declared.callbacks&abi.CallbackIdle != 0
		} else {
			inst.rested++
		}
		if inst.served {
			tired = append(tired, inst)
		} else if inst.rested >= restRounds {
			worn = append(worn, inst)
		}
	}
	return tired, worn
}

// borrow takes this very instance out of the pool, as a call does, but never
// waits. It is false if callers need the slots or the instance, the plugin is
// being closed, or there would be fewer than this number of instances left.
func (p *Plugin) borrow(inst *instance, left int) bool {
	if !p.slots.enter() {
		return false
	}
	p.mu.Lock()
	at := slices.Index(p.idle, inst)
	ok := at >= 0 && !p.closed && len(p.idle)+p.busy > left
	if ok {
		p.idle = slices.Delete(p.idle, at, at+1)
		p.busy++
	}
	p.mu.Unlock()
	if !ok {
		p.slots.leave()
	}
	return ok
}
