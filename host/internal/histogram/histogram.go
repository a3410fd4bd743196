// Package histogram counts how long something takes, in a few buckets.
package histogram

import (
	"sync/atomic"
	"time"
)

// bounds are the upper ends of the buckets; one more holds what takes longer.
const bounds = 14

// Bounds are the upper ends of the buckets, of which each holds what is not in the
// ones before.
func Bounds() [bounds]time.Duration {
	return [bounds]time.Duration{
		2 * time.Microsecond, 5 * time.Microsecond, 10 * time.Microsecond, 25 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond,
		time.Millisecond, 2500 * time.Microsecond, 10 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
		time.Second, 5 * time.Second,
	}
}

// Histogram counts durations. The zero value is empty. It is safe for concurrent
// use, allocates nothing, and must not be copied.
type Histogram struct {
	buckets [bounds + 1]atomic.Int64
	sum     atomic.Int64
}

// Observe counts one. What is below zero, as a clock that was set may make it, is
// counted as nothing.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucket(d)].Add(1)
	h.sum.Add(int64(d))
}

// bucket finds a duration's bucket; most are short, so it begins with those.
func bucket(d time.Duration) int {
	limits := Bounds()
	for i := range limits {
		if d <= limits[i] {
			return i
		}
	}
	return bounds
}

// Snapshot is what a [Histogram] has counted.
type Snapshot struct {
	// UpTo are how many took at most as long as the bound of the same index.
	UpTo [bounds]int64
	// Count and Sum are of all.
	Count int64
	Sum   time.Duration
}

// Snapshot returns what was counted. What is being counted at the time may be in
// Count and not yet in Sum.
func (h *Histogram) Snapshot() Snapshot {
	s := Snapshot{Sum: time.Duration(h.sum.Load())}
	for i := range h.buckets {
		s.Count += h.buckets[i].Load()
		if i < bounds {
			s.UpTo[i] = s.Count
		}
	}
	return s
}
