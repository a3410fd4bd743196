package sched

import (
	"sync"
	"sync/atomic"
	"time"
)

// bucket bounds a rate. It is safe for concurrent use.
type bucket struct {
	limited atomic.Bool

	mu      sync.Mutex
	perFuel float64       // nanoseconds
	burst   time.Duration // what may be used at once takes so long to come back
	paid    time.Time     // until when what was used would have taken at the full rate
	told    bool          // that there is nothing left
}

func (b *bucket) set(share Share) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if share.FuelPerSecond <= 0 {
		b.limited.Store(false)
		b.paid = time.Time{}
		return
	}
	b.perFuel = float64(time.Second) / float64(share.FuelPerSecond)
	b.burst = time.Second
	if share.Burst > 0 {
		b.burst = max(1, b.cost(share.Burst))
	}
	b.limited.Store(true)
}

// cost is how long it takes until as much fuel has come back: a year at the most,
// whatever the rate.
func (b *bucket) cost(fuel int64) time.Duration {
	return time.Duration(min(float64(fuel)*b.perFuel, float64(365*24*time.Hour)))
}

// wait is how long it takes until there is something; first is true if the last
// answer was another one.
func (b *bucket) wait() (wait time.Duration, first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if wait = time.Until(b.paid); wait <= 0 {
		b.told = false
		return 0, false
	}
	first, b.told = !b.told, true
	return wait, first
}

// owes tells whether there is nothing.
func (b *bucket) owes() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Until(b.paid) > 0
}

// full tells whether there is as much as there can be.
func (b *bucket) full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.paid.After(time.Now().Add(-b.burst))
}

// take takes out as much, even if that is more than there is.
func (b *bucket) take(fuel int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if full := time.Now().Add(-b.burst); b.paid.Before(full) {
		b.paid = full
	}
	b.paid = b.paid.Add(b.cost(fuel))
}
