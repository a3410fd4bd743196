package wasm

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/chhost/chhost/abi"
)

// BenchmarkHandleIn is one event that the guest broadcasts and answers.
func BenchmarkHandleIn(b *testing.B) {
	for _, c := range []struct {
		name string
		size int
	}{{"64B", 64}, {"512B", 512}, {"16KiB", 16 << 10}} {
		ev := event(`{"body":"` + strings.Repeat("x", c.size-11) + `"}`)
		b.Run(c.name, func(b *testing.B) {
			p := served(b, "echo", Limits{})
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if res, err := p.HandleIn(ctx, ev); err != nil || len(res.Do) != 1 {
					b.Fatalf("%+v, %v", res, err)
				}
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		p := served(b, "echo", Limits{})
		ev := event(`{"body":"` + strings.Repeat("x", 53) + `"}`)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := p.HandleIn(context.Background(), ev); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkTrap is what an event costs that destroys its instance, the next
// instance included.
func BenchmarkTrap(b *testing.B) {
	p := served(b, "puppet", Limits{})
	ev := scripted(b, abi.StatusOK, step{opUnreachable})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.HandleIn(context.Background(), ev); err == nil {
			b.Fatal("no trap")
		}
	}
}

// BenchmarkCompile is a small module, from the bytes to the trial instance.
func BenchmarkCompile(b *testing.B) {
	bin := guest(b, "served/echo")
	for _, dir := range []string{"", b.TempDir()} {
		name := "memory"
		if dir != "" {
			name = "directory"
		}
		b.Run(name, func(b *testing.B) {
			e := newTestEngine(b, Config{CacheDir: dir})
			b.ReportAllocs()
			for b.Loop() {
				p, err := e.Compile(context.Background(), Module{Name: "echo", Binary: bin})
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Close(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkInstance is what an instance keeps beside its linear memory, having been
// asked for all that it exports.
func BenchmarkInstance(b *testing.B) {
	p := served(b, "puppet", Limits{})
	const n = 50
	var before, after runtime.MemStats
	kept := 0.0
	for range b.N {
		instances := make([]*instance, n)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range instances {
			var err error
			if instances[i], err = p.instantiate(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		kept += float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/n - float64(instances[0].memory.Size())
		for _, i := range instances {
			i.destroy()
		}
	}
	b.ReportMetric(kept/float64(b.N), "B/instance")
	b.ReportMetric(0, "ns/op")
}
