package histogram

import (
	"slices"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var h Histogram
	limits := Bounds()
	if !slices.IsSorted(limits[:]) {
		t.Fatalf("the bounds are not in order: %v", limits)
	}
	var sum time.Duration
	for _, d := range limits { // each at its bound, and one just above
		h.Observe(d)
		h.Observe(d + 1)
		sum += 2*d + 1
	}
	h.Observe(-time.Second)
	s := h.Snapshot()
	if s.Count != 2*bounds+1 || s.Sum != sum {
		t.Errorf("count %d, sum %v, want %d, %v", s.Count, s.Sum, 2*bounds+1, sum)
	}
	for i, n := range s.UpTo {
		if want := int64(2*i + 2); n != want { // with the one below zero
			t.Errorf("up to %v: %d, want %d", limits[i], n, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { h.Observe(time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	var h Histogram
	for b.Loop() {
		h.Observe(3 * time.Microsecond)
	}
}
