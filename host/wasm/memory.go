package wasm

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/chhost/chhost/abi"
)

// account counts the memory that guests hold together. It is safe for concurrent use.
type account struct {
	whose string       // for people
	limit atomic.Int64 // in bytes; 0: none
	held  atomic.Int64
	of    *account // what this one is a part of, or nil
}

// take takes n bytes, and tells whose account has not so many left if it fails.
func (a *account) take(n int64) (short *account) {
	for part := a; part != nil; part = part.of {
		if held, limit := part.held.Add(n), part.limit.Load(); limit > 0 && held > limit {
			for back := a; ; back = back.of {
				back.held.Add(-n)
				if back == part {
					return part
				}
			}
		}
	}
	return nil
}

func (a *account) give(n int64) {
	for part := a; part != nil; part = part.of {
		part.held.Add(-n)
	}
}

// account returns a tenant's, with the limit that it has now.
func (e *Engine) account(tenant string) *account {
	limit := e.tenantMemory
	if e.memoryOf != nil {
		if n := e.memoryOf(tenant); n > 0 {
			limit = n
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.tenants[tenant]
	if a == nil {
		a = &account{whose: "the tenant's", of: &e.memory}
		e.tenants[tenant] = a
	}
	a.limit.Store(limit)
	return a
}

// Memory is how many bytes of linear memory the instances of all plugins hold.
func (e *Engine) Memory() int64 { return e.memory.held.Load() }

// TenantMemory is how many of them are a tenant's.
func (e *Engine) TenantMemory(tenant string) int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if a := e.tenants[tenant]; a != nil {
		return a.held.Load()
	}
	return 0
}

// guestMemory is the linear memory of one instance. It implements
// [experimental.LinearMemory] and belongs to who has the instance.
type guestMemory struct {
	plugin *Plugin
	bytes  []byte
	taken  int64            // from the account
	most   uint64           // bytes, ever
	charge func(fuel int64) // for what is moved; it may end the guest
	rest   func()           // is called between two pieces of what is moved
	short  *account         // whose was used up when the guest was last refused some, in this call
	beyond bool             // the guest asked for more than one instance may have, in this call
}

// reserve takes what the memory has from the beginning, since the engine cannot be
// told that there is none.
func (m *guestMemory) reserve(n int64) error {
	if short := m.take(n); short != nil {
		return m.refused(abi.PhaseSetup, short)
	}
	return nil
}

// take takes n bytes from the account, if need be after instances that nobody uses
// now have been given up: once in a call, since looking for them among all plugins takes
// longer than what a guest pays for memory.grow.
func (m *guestMemory) take(n int64) (short *account) {
	a := m.plugin.account
	for short = a.take(n); short != nil && m.short == nil && m.plugin.engine.shed(a); short = a.take(n) {
	}
	if short == nil {
		m.hold(n)
	} else {
		m.plugin.engine.counts.MemoryRefused.Add(1)
	}
	return short
}

// hold notes that n bytes more were taken from the account.
func (m *guestMemory) hold(n int64) {
	m.taken += n
	m.plugin.held.Add(n)
}

func (m *guestMemory) refused(phase abi.Phase, short *account) *LimitError {
	return &LimitError{
		Phase: phase, Limit: LimitMemory, shared: true,
		Detail: fmt.Sprintf("%s plugins hold %d bytes of memory and may have %d", short.whose, short.held.Load(), short.limit.Load()),
	}
}

// Allocate implements [experimental.MemoryAllocator].
func (m *guestMemory) Allocate(_, most uint64) experimental.LinearMemory {
	m.most = most
	return m
}

// Reallocate implements [experimental.LinearMemory]. It is nil if there is not so
// much: memory.grow then returns -1.
func (m *guestMemory) Reallocate(size uint64) []byte {
	if size > uint64(cap(m.bytes)) && !m.enlarge(size) {
		return nil
	}
	m.bytes = m.bytes[:size]
	return m.bytes
}

// enlarge makes room for size bytes, with some to spare if it grows little by little.
func (m *guestMemory) enlarge(size uint64) bool {
	room := int64(max(size, min(m.most, uint64(cap(m.bytes))/4*5)) / wasmPage * wasmPage)
	if extra := max(0, room-m.taken); m.plugin.account.take(extra) == nil {
		m.hold(extra)
	} else {
		room = int64(size)
		if m.short = m.take(max(0, room-m.taken)); m.short != nil {
			return false
		}
	}
	m.move(room)
	return true
}

// The meter charges memory.grow for the pages that come, and cannot know that the host
// has to move those that are there: all of them for each page, if the account has nothing
// to spare. moveBytes are moved for 1 fuel, as many as memory.copy copies. A movePiece
// takes 0.2 ms, longer if its pages are new, in which the collector cannot stop it.
const (
	moveBytes = 8
	movePiece = 1 << 20
)

// move gives the memory another place, with this much room.
func (m *guestMemory) move(room int64) {
	if len(m.bytes) > 0 { // else there is no guest yet
		m.charge(int64(len(m.bytes) / moveBytes))
	}
	grown := make([]byte, len(m.bytes), room)
	to, from := grown, m.bytes
	for len(from) > movePiece {
		n := copy(to, from[:movePiece])
		to, from = to[n:], from[n:]
		m.rest()
	}
	copy(to, from)
	m.bytes = grown
}

// Free implements [experimental.LinearMemory]. It may be called more than once.
func (m *guestMemory) Free() {
	m.plugin.account.give(m.taken)
	m.plugin.held.Add(-m.taken)
	m.taken, m.bytes = 0, nil
}

// begin is called before the guest is entered.
func (m *guestMemory) begin() { m.short, m.beyond = nil, false }

// explain returns what a trap becomes if the guest was refused memory before it, in
// the same call; else it is nil.
func (m *guestMemory) explain(phase abi.Phase, trap *TrapError) *LimitError {
	var e *LimitError
	switch {
	case m.short != nil:
		e = m.refused(phase, m.short)
	case m.beyond:
		e = &LimitError{Phase: phase, Limit: LimitMemory, Detail: fmt.Sprintf("an instance may have %d bytes", int64(m.plugin.limits.pages())*wasmPage)}
	default:
		return nil
	}
	text, _ := splitTrap(trap.Err)
	e.Detail += "; the guest then failed: " + printable(text, maxTrapText)
	e.trap = trap.Err
	return e
}

// shed destroys one idle instance whose memory is of this account, and tells whether
// there was one.
func (e *Engine) shed(a *account) bool {
	for _, p := range e.open() {
		if p.account == a && p.giveUp() {
			return true
		}
	}
	return false
}

// giveUp destroys the instance that has been idle for longest, if it is to be had at
// once.
func (p *Plugin) giveUp() bool {
	p.mu.Lock()
	var inst *instance
	if len(p.idle) > 0 {
		inst = p.idle[0]
	}
	p.mu.Unlock()
	if inst == nil || !p.borrow(inst, 0) {
		return false
	}
	inst.destroy()
	p.release(nil)
	return true
}

// allocating is the context of an instantiation with this memory.
func (m *guestMemory) allocating(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, m)
}
