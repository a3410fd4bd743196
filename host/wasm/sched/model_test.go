package sched

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// newRand returns a source whose seed is logged where a test fails.
func newRand(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// model says what has to come of each step: who waits, in the order in which they
// began to, and who has a slot.
type model struct {
	t       *testing.T
	s       *Scheduler
	slots   int
	all     []*actor
	waiting []*actor // in the order in which they came
	kept    map[*actor]int
}

// due is the waiting actor that has to come next, and its tenant's time, after a
// tenant has used some more: a search through all of them. Among equals it is the
// one that has waited longest.
func (m *model) due() (next *actor, least float64) {
	seen := map[*Tenant]bool{}
	for _, a := range m.waiting {
		if seen[a.tenant] {
			continue // behind another one
		}
		seen[a.tenant] = true
		if at := m.time(a.tenant, 0); next == nil || at < least {
			next, least = a, at
		}
	}
	return next, least
}

func (m *model) time(t *Tenant, more int64) float64 {
	if t.period != m.s.period {
		return m.s.clock
	}
	return t.time + float64(t.Used()+more-t.counted)/t.weight
}

// given checks that exactly this actor has been given the slot that another gave up.
func (m *model) given(a *actor) {
	if a == nil {
		return
	}
	if a.waits() || !a.slot {
		m.t.Fatalf("%d was to be given a slot", a.name)
	}
	m.waiting = slices.DeleteFunc(m.waiting, func(o *actor) bool { return o == a })
}

func (m *model) begin(a *actor) {
	waiting := len(m.waiting)
	few := a.tenant.inside.Load() < int64(m.slots+1)
	a.begin()
	switch {
	case few && waiting == 0 && (a.waits() || a.slot):
		m.t.Fatalf("%d was not let run, although nobody waits", a.name)
	case !few && !a.waits() && !a.slot:
		m.t.Fatalf("%d runs without a slot, although its tenant has too many under way", a.name)
	case a.waits():
		m.waiting = append(m.waiting, a)
	}
}

func (m *model) slice(a *actor, fuel int64) {
	if !a.slot {
		free := m.s.Taken() < m.slots
		a.slice(fuel)
		if free != a.slot || free == a.waits() {
			m.t.Fatalf("%d came to the end of a slice without a slot; one is free: %v, it waits: %v", a.name, free, a.waits())
		}
		if a.waits() {
			m.waiting = append(m.waiting, a)
		}
		return
	}
	own := m.time(a.tenant, fuel)
	a.tenant.used.Add(fuel) // to be seen by due
	next, least := m.due()
	a.tenant.used.Add(-fuel)
	a.slice(fuel)
	kept := next != nil && least <= own && next.tenant == a.tenant && m.kept[a] < turns
	if next == nil || least > own || kept {
		if a.waits() {
			m.t.Fatalf("%d has handed its slot on, although nobody comes before it", a.name)
		}
		if kept {
			m.kept[a]++
		}
		return
	}
	m.kept[a] = 0
	if !a.waits() {
		m.t.Fatalf("%d has kept its slot, although %d comes before it", a.name, next.name)
	}
	m.waiting = append(m.waiting, a)
	m.given(next)
}

func (m *model) end(a *actor, fuel int64) {
	var next *actor
	if a.slot {
		a.tenant.used.Add(fuel)
		next, _ = m.due()
		a.tenant.used.Add(-fuel)
	}
	a.end(fuel)
	m.kept[a] = 0
	m.given(next)
}

func (m *model) cancel(a *actor) {
	a.cancel()
	synctest.Wait()
	if a.waits() || !errors.Is(a.err, context.Canceled) || a.slot {
		m.t.Fatalf("%d was cancelled: it waits: %v, has a slot: %v, %v", a.name, a.waits(), a.slot, a.err)
	}
	m.waiting = slices.DeleteFunc(m.waiting, func(o *actor) bool { return o == a })
	if a.working {
		a.end(0)
		m.kept[a] = 0
	}
}

// check holds what is always so: slots are neither lost nor given twice, nobody waits
// while one is free, and nobody runs who is thought to wait.
func (m *model) check() {
	slots := 0
	for _, a := range m.all {
		if a.slot && !a.waits() {
			slots++
		}
		if a.waits() != slices.Contains(m.waiting, a) {
			m.t.Fatalf("%d waits: %v", a.name, a.waits())
		}
	}
	if slots != m.s.Taken() || slots > m.slots || m.s.Waiting() != len(m.waiting) || len(m.waiting) > 0 && slots < m.slots {
		m.t.Fatalf("%d have a slot, %d slots of %d are taken, %d wait, the scheduler knows of %d", slots, m.s.Taken(), m.slots, len(m.waiting), m.s.Waiting())
	}
}

// Whatever tenants do, each step ends as the model says.
func TestModel(t *testing.T) {
	for range 30 {
		rng := newRand(t)
		slots := 1 + rng.IntN(4)
		weights := make([]int, 1+rng.IntN(6))
		for i := range weights {
			weights[i] = 1 << rng.IntN(3) // so that times are exact
		}
		bubble(t, slots, weights, func(t *testing.T, s *Scheduler, tenants []*Tenant) {
			m := &model{t: t, s: s, slots: slots, kept: make(map[*actor]int)}
			for i := range tenants {
				m.all = append(m.all, actors(t, 1+rng.IntN(5), tenants[i])...)
			}
			for i, a := range m.all {
				a.name = i
			}
			for range 1000 {
				a, fuel := m.all[rng.IntN(len(m.all))], rng.Int64N(2*slice)
				switch {
				case a.waits():
					if rng.IntN(10) == 0 {
						m.cancel(a)
					}
				case !a.working:
					m.begin(a)
				case rng.IntN(8) == 0:
					m.end(a, fuel)
				default:
					m.slice(a, fuel)
				}
				m.check()
			}
			for _, a := range m.all {
				if a.waits() {
					m.cancel(a)
				} else if a.working {
					m.end(a, 0)
				}
				m.check()
			}
		})
	}
}

// However guests meet on real processors, there are never more beyond their first
// slice than slots, nobody waits in vain, and all is given back.
func TestUnderPressure(t *testing.T) {
	const slots, callbacks = 2, 300
	s := New(Config{Slots: slots})
	var inside, most, ended, gone atomic.Int64
	var wg sync.WaitGroup
	for i := range 12 {
		tenant := s.Tenant(string(rune('a'+i%4)), Share{Weight: 1 + i%3})
		defer tenant.Release()
		wg.Go(func() {
			g, rng := tenant.Guest(), rand.New(rand.NewPCG(uint64(i), 1))
			for range callbacks {
				ctx, cancel := context.WithCancel(context.Background())
				patience := time.Duration(rng.IntN(3)) * 20 * time.Microsecond
				if rng.IntN(4) == 0 {
					go cancel()
				}
				if _, err := g.Begin(ctx, patience); err != nil {
					gone.Add(1)
					cancel()
					continue
				}
				var err error
				for range rng.IntN(6) {
					if _, err = g.Slice(ctx, rng.Int64N(slice), patience); err != nil {
						gone.Add(1)
						break
					}
					n := inside.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					runtime.Gosched()
					inside.Add(-1)
				}
				g.End(rng.Int64N(slice))
				ended.Add(1)
				cancel()
			}
		})
	}
	wg.Wait()
	if most.Load() > slots || ended.Load() == 0 || gone.Load() == 0 || s.Counts.Waits.Load() == 0 {
		t.Errorf("%d were inside at once, %d ended, %d gave up, %d waited", most.Load(), ended.Load(), gone.Load(), s.Counts.Waits.Load())
	}
	wantRest(t, s)
}
