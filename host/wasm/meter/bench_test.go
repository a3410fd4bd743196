package meter_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/chhost/chhost/host/wasm/meter"
)

// BenchmarkOverhead compares functions with and without metering, in turns; the
// figures are the minima of many rounds.
func BenchmarkOverhead(b *testing.B) {
	bin := fixture(b, "bench")
	plain := start(b, wazero.NewRuntimeConfigCompiler(), bin, 0)
	metered := start(b, wazero.NewRuntimeConfigCompiler(), rewrite(b, bin, meter.Options{}), math.MaxInt64)
	for _, c := range []struct {
		name string
		arg  uint64
	}{{"trivial", 0}, {"loop", 10_000}, {"scan", 10_000}, {"calls", 15}, {"copy", 64}, {"copy", 16 << 10}} {
		name := c.name
		if c.name == "copy" {
			name = map[uint64]string{64: "copy/64B", 16 << 10: "copy/16KiB"}[c.arg]
		}
		b.Run(name, func(b *testing.B) {
			fuel := fuelOf(metered)
			run := func(g *guest) func() {
				f, stack := g.ExportedFunction(c.name), make([]uint64, 1)
				return func() {
					if g == metered {
						fuel.Set(slice)
					}
					stack[0] = c.arg
					if err := f.CallWithStack(context.Background(), stack); err != nil {
						b.Fatal(err)
					}
				}
			}
			least := [2]float64{math.MaxFloat64, math.MaxFloat64}
			calls := [2]func(){run(plain), run(metered)}
			n := 1 + int(50_000/(c.arg+1))
			for b.Loop() {
				for i, call := range calls {
					begin := time.Now()
					for range n {
						call()
					}
					least[i] = min(least[i], float64(time.Since(begin).Nanoseconds())/float64(n))
				}
			}
			b.ReportMetric(least[0], "plain-ns")
			b.ReportMetric(least[1], "metered-ns")
			b.ReportMetric(least[1]/least[0], "times")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkDispatch is what the way by CallExport adds to a call, of 16 functions the
// last.
func BenchmarkDispatch(b *testing.B) {
	names := make([]string, 16)
	names[15] = "trivial"
	g := start(b, wazero.NewRuntimeConfigCompiler(), rewrite(b, fixture(b, "bench"), meter.Options{Entries: names}), math.MaxInt64)
	fuel, direct, dispatched := fuelOf(g), g.ExportedFunction("trivial"), g.ExportedFunction(meter.CallExport)
	var stack [2]uint64
	call := func(f api.Function) float64 {
		const n = 1000
		begin := time.Now()
		for range n {
			fuel.Set(slice)
			stack = [2]uint64{15, 0}
			if err := f.CallWithStack(context.Background(), stack[:]); err != nil {
				b.Fatal(err)
			}
		}
		return float64(time.Since(begin).Nanoseconds()) / n
	}
	least := [2]float64{math.MaxFloat64, math.MaxFloat64}
	for b.Loop() {
		least[0], least[1] = min(least[0], call(direct)), min(least[1], call(dispatched))
	}
	b.ReportMetric(least[0], "direct-ns")
	b.ReportMetric(least[1], "dispatched-ns")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkRewrite is the whole way of a module's bytes.
func BenchmarkRewrite(b *testing.B) {
	bin := fixture(b, "bulk")
	b.SetBytes(int64(len(bin)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := meter.Rewrite(bin, meter.Options{Module: relaxed().Module}); err != nil {
			b.Fatal(err)
		}
	}
}
