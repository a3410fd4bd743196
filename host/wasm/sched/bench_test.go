package sched

import (
	"context"
	"runtime"
	"sync"
	"testing"
)

// BenchmarkCallback is what a callback pays for its processor: a short one where
// nobody waits, beside another one of its tenant, and where others wait; and one that
// needs a slot, which is what all would pay if the first slice were not free.
func BenchmarkCallback(b *testing.B) {
	ctx := context.Background()
	run := func(name string, slices int, waiting bool) {
		b.Run(name, func(b *testing.B) {
			s := New(Config{Slots: 1})
			if waiting {
				stop := contend(s, 4)
				defer stop()
			}
			g := s.Tenant("a", Share{}).Guest()
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if waiting && n%100 == 0 { // the others use as much
					s.mu.Lock()
					s.clock += slice
					s.mu.Unlock()
				}
				if _, err := g.Begin(ctx, 0); err != nil {
					b.Fatal(err)
				}
				for range slices {
					if _, err := g.Slice(ctx, 1000, 0); err != nil {
						b.Fatal(err)
					}
				}
				g.End(1000)
			}
		})
	}
	run("short", 0, false)
	run("slot", 1, false)
	run("waited-for", 0, true)
	b.Run("parallel", func(b *testing.B) {
		s := New(Config{})
		tenant := s.Tenant("a", Share{})
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			g := tenant.Guest()
			for pb.Next() {
				if _, err := g.Begin(ctx, 0); err != nil {
					b.Error(err)
				}
				g.End(1000)
			}
		})
	})
}

// contend makes the guests of another tenant wait, behind one that has the slot and
// keeps it.
func contend(s *Scheduler, guests int) (stop func()) {
	tenant := s.Tenant("hostile", Share{})
	first := tenant.Guest()
	_, _ = first.Begin(context.Background(), 0)
	_, _ = first.Slice(context.Background(), 0, 0)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range guests {
		wg.Go(func() {
			g := tenant.Guest()
			if _, err := g.Begin(ctx, 0); err != nil {
				return
			}
			_, _ = g.Slice(ctx, 0, 0)
			g.End(0)
		})
	}
	for s.Waiting() < guests {
		runtime.Gosched()
	}
	return func() {
		cancel()
		wg.Wait()
		first.End(0)
	}
}

// BenchmarkHandoff is the end of a slice where others wait: the slot goes to another
// goroutine.
func BenchmarkHandoff(b *testing.B) {
	for _, tenants := range []int{1, 4} {
		b.Run(map[int]string{1: "one-tenant", 4: "four-tenants"}[tenants], func(b *testing.B) {
			s := New(Config{Slots: 1})
			ctx := context.Background()
			var wg sync.WaitGroup
			b.ReportAllocs()
			for i := range 4 {
				g := s.Tenant(string(rune('a'+i%tenants)), Share{}).Guest()
				wg.Go(func() {
					_, _ = g.Begin(ctx, 0)
					for range b.N/4 + 1 {
						if _, err := g.Slice(ctx, slice, 0); err != nil {
							b.Error(err)
						}
					}
					g.End(0)
				})
			}
			wg.Wait()
		})
	}
}
