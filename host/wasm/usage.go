package wasm

import (
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
)

// Usage is what a version has used since it was compiled.
type Usage struct {
	// Calls are callbacks for which there was an instance, Crashes those that failed.
	Calls, Crashes int64
	// Messages are events of clients, and In and Out the bytes of payload that guests
	// were handed and have asked to be sent or kept, in all callbacks. These and Fuel
	// leave out calls under way.
	Messages, In, Out int64
	// Fuel is what was used.
	Fuel int64
	// Memory is how many bytes of linear memory the instances hold now.
	Memory int64
}

// Usage is what the version has used.
func (p *Plugin) Usage() Usage {
	u := Usage{Memory: p.held.Load()}
	for i := range p.crashes {
		u.Crashes += p.crashes[i].count.Load()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	u.Calls, u.Fuel = int64(p.calls), p.used.fuel
	u.Messages, u.In, u.Out = p.used.messages, p.used.in, p.used.out
	return u
}

// Add adds what another version has used, or the same one before, Memory left aside.
func (u *Usage) Add(o Usage) {
	u.Calls, u.Crashes, u.Fuel = u.Calls+o.Calls, u.Crashes+o.Crashes, u.Fuel+o.Fuel
	u.Messages, u.In, u.Out = u.Messages+o.Messages, u.In+o.In, u.Out+o.Out
}

// consumed is what is counted without a lock or an atomic: it belongs to who has the
// instance, or to who has the plugin's lock.
type consumed struct{ fuel, messages, in, out int64 }

// note counts a callback.
func (c *consumed) note(phase abi.Phase, ev *channel.Event, out int) {
	if phase == abi.PhaseHandleIn {
		c.messages++
	}
	c.in += int64(ev.Payload.Len())
	c.out += int64(out)
}

// add takes over what is in o.
func (c *consumed) add(o *consumed) {
	c.fuel, c.messages, c.in, c.out = c.fuel+o.fuel, c.messages+o.messages, c.in+o.in, c.out+o.out
	*o = consumed{}
}

// phaseOf is the contract's name of a callback.
func phaseOf(cb channel.Callbacks) (abi.Phase, bool) {
	switch cb {
	case channel.CallbackJoin:
		return abi.PhaseJoin, true
	case channel.CallbackLeave:
		return abi.PhaseLeave, true
	case channel.CallbackHandleIn:
		return abi.PhaseHandleIn, true
	case channel.CallbackHandleOut:
		return abi.PhaseHandleOut, true
	case channel.CallbackHandleInfo:
		return abi.PhaseHandleInfo, true
	case channel.CallbackUpgrade:
		return abi.PhaseUpgrade, true
	case channel.CallbackConnect:
		return abi.PhaseConnect, true
	}
	return 0, false
}

// bill is what was used since the last time.
func (i *instance) bill() int64 {
	fuel := i.tank.bill()
	i.used.fuel += fuel
	i.plugin.engine.counts.Fuel.Add(fuel)
	return fuel
}

// absorb counts what an instance has used that will not be given back.
func (p *Plugin) absorb(i *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used.add(&i.used)
}

// crashCount counts the failures of one callback. It is safe for concurrent use.
type crashCount struct{ count, last atomic.Int64 }

func (c *crashCount) add(now time.Time) {
	c.count.Add(1)
	c.last.Store(now.UnixNano())
}

// LastCrash is when one of the callbacks failed last; zero: never.
func (p *Plugin) LastCrash(cb channel.Callbacks) time.Time {
	phase, ok := phaseOf(cb)
	if !ok || p.crashes[phase].count.Load() == 0 {
		return time.Time{}
	}
	return time.Unix(0, p.crashes[phase].last.Load())
}

// worst is the callback that failed most often.
func (p *Plugin) worst() (worst channel.Callbacks) {
	var most int64
	for cb := channel.CallbackJoin; cb != 0; cb <<= 1 {
		if phase, ok := phaseOf(cb); ok && p.crashes[phase].count.Load() > most {
			worst, most = cb, p.crashes[phase].count.Load()
		}
	}
	return worst
}

// Tripped tells that a version was quarantined.
type Tripped struct {
	// Tenant, Name and Seq are those of its [Module].
	Tenant, Name string
	Seq          int
	// Callback is the one that has failed most often; 0: no instance could be started.
	Callback channel.Callbacks
}

func (p *Plugin) tripped(cb channel.Callbacks) {
	if tell := p.engine.tripped; tell != nil {
		tell(Tripped{Tenant: p.tenant.Name(), Name: p.base, Seq: p.seq, Callback: cb})
	}
}
