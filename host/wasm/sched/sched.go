// Package sched shares out the processors between guests: slots for those that
// run for long, in an order that is fair between tenants, and a rate for each
// tenant.
//
// A guest runs in slices of fuel (one for each instruction, about 0.1 ms). There
// are fewer slots than processors, so that guests which never stop leave the host
// one to itself. A callback needs a slot from the end of its first slice on, since
// most have ended by then: without one it pays some 30 ns, with one three times as
// much, and about a microsecond wherever two meet at the last slot. It needs one from
// the start if its tenant is ahead of those who wait, or has more callbacks under way
// than there are slots and one. At the end of each slice a slot is handed on, to
// the tenant that has used the least fuel for its weight, and among the callbacks of
// a tenant, every eight slices, to the one that has waited longest.
//
// What a tenant uses while nobody waits counts for nothing, since it took nothing
// from anyone, and a tenant that comes back begins where the others are: nobody can
// save up.
package sched

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// turns is how many slices more a guest keeps its slot for while its own tenant comes
// next. A slot that is handed on wakes threads: with it, guests of one tenant that
// loop got 1.5 times as much done on two cores, and switched threads a tenth as often.
const turns = 7

// Config configures a [Scheduler]. The zero value is usable.
type Config struct {
	// Slots is how many guests may run at once beyond their first slice. With as many
	// as processors, guests can take all that the host has. Default: GOMAXPROCS-1, at
	// least 1.
	Slots int
}

// Scheduler decides which guests run. It is safe for concurrent use, and starts
// nothing.
type Scheduler struct {
	// Counts tells what has happened.
	Counts Counts

	slots   int64
	waiting atomic.Int64 // guests in the queue; written under mu

	mu      sync.Mutex
	free    int64 // slots; none while somebody waits
	queue   queue
	clock   float64 // the largest time of a tenant that was given a slot
	period  uint64  // counts the times at which somebody began to wait where nobody did
	arrived uint64  // counts those who began to wait
	tenants map[string]*Tenant
}

// Counts are counters of events since the beginning.
type Counts struct {
	Waits     atomic.Int64 // guests that waited for a slot
	Handoffs  atomic.Int64 // slots that were handed on at the end of a slice
	Late      atomic.Int64 // guests that lost their patience
	Exhausted atomic.Int64 // calls that were refused because of the tenant's rate
}

// New returns a scheduler.
func New(cfg Config) *Scheduler {
	s := &Scheduler{slots: int64(cfg.Slots), tenants: make(map[string]*Tenant)}
	if s.slots <= 0 {
		s.slots = max(1, int64(runtime.GOMAXPROCS(0)-1))
	}
	s.free = s.slots
	return s
}

// Waiting is how many guests wait for a slot.
func (s *Scheduler) Waiting() int { return int(s.waiting.Load()) }

// Taken is how many slots are taken.
func (s *Scheduler) Taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.slots - s.free)
}

// next takes who comes next out of the queue and gives it a slot, which must be
// free; nil if nobody waits. The caller holds s.mu, and then sends to its ready.
func (s *Scheduler) next() *Guest {
	t := s.first()
	if t == nil {
		return nil
	}
	g := t.head
	s.remove(g)
	s.clock = max(s.clock, t.time)
	t.holding++
	return g
}

// first is the tenant that comes next, nil if nobody waits. What the tenants in the
// queue used without slots may not have been counted, but can only set them back.
func (s *Scheduler) first() *Tenant {
	for len(s.queue) > 0 {
		t := s.queue[0]
		if !t.count() || s.queue[0] == t {
			return t
		}
	}
	return nil
}

// add puts a guest at the end of its tenant's queue. The caller holds s.mu.
func (s *Scheduler) add(g *Guest) {
	if s.waiting.Load() == 0 {
		s.period++
	}
	t := g.tenant
	t.count()
	s.arrived++
	g.arrived, g.queued = s.arrived, true
	if g.before = t.tail; g.before != nil {
		g.before.behind = g
	} else {
		t.head = g
	}
	t.tail = g
	if t.at < 0 {
		s.queue.insert(t)
	}
	s.waiting.Add(1)
}

// remove takes a guest out of the queue. The caller holds s.mu.
func (s *Scheduler) remove(g *Guest) {
	t := g.tenant
	if g.before != nil {
		g.before.behind = g.behind
	} else {
		t.head = g.behind
	}
	if g.behind != nil {
		g.behind.before = g.before
	} else {
		t.tail = g.before
	}
	g.before, g.behind, g.queued = nil, nil, false
	if t.head == nil {
		s.queue.delete(t)
	} else {
		s.queue.fix(t)
	}
	s.waiting.Add(-1)
}
