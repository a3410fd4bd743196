package load

import (
	"maps"
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are kept in nanoseconds, with three digits and to half a microsecond;
// what took longer than longest counts as that.
const (
	lowest  = int64(time.Microsecond)
	longest = int64(10 * time.Minute)
	digits  = 3
)

// latencies is a histogram that many goroutines write to at once. It is in as
// many parts as there are processors, so that they seldom wait for one another.
type latencies struct{ parts []part }

type part struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram
	_  [40]byte // one cache line for each
}

func newLatencies() *latencies {
	l := &latencies{parts: make([]part, min(runtime.GOMAXPROCS(0), 16))}
	for i := range l.parts {
		l.parts[i].h = hdrhistogram.New(lowest, longest, digits)
	}
	return l
}

// note counts one, of the connection with the number n.
func (l *latencies) note(n int, d time.Duration) {
	p := &l.parts[n%len(l.parts)]
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.h.RecordValue(min(int64(d), longest)) // within the bounds it never fails
}

// summary is nil if nothing was noted.
func (l *latencies) summary() *Latency {
	all := hdrhistogram.New(lowest, longest, digits)
	for i := range l.parts {
		p := &l.parts[i]
		p.mu.Lock()
		all.Merge(p.h)
		p.mu.Unlock()
	}
	if all.TotalCount() == 0 {
		return nil
	}
	us := func(ns int64) float64 { return round(float64(ns)/1e3, 10) }
	return &Latency{
		Count: all.TotalCount(),
		Min:   us(all.Min()),
		Mean:  round(all.Mean()/1e3, 10),
		P50:   us(all.ValueAtQuantile(50)),
		P90:   us(all.ValueAtQuantile(90)),
		P99:   us(all.ValueAtQuantile(99)),
		P999:  us(all.ValueAtQuantile(99.9)),
		Max:   us(all.Max()),
	}
}

// maxKinds is how many kinds of errors are told apart: a part of their text comes
// from the server.
const maxKinds = 30

// faults counts errors by their kind.
type faults struct {
	mu    sync.Mutex
	kinds map[string]int64
}

func (f *faults) add(kind string, n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kinds == nil {
		f.kinds = make(map[string]int64)
	}
	if _, known := f.kinds[kind]; !known && len(f.kinds) >= maxKinds {
		kind = "others"
	}
	f.kinds[kind] += n
}

func (f *faults) all() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.kinds)
}
