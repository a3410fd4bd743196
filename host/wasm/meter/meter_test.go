package meter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/chhost/chhost/host/wasm/meter"
	"github.com/chhost/chhost/host/wasm/module"
)

var errFuel, errStack = errors.New("out of fuel"), errors.New("stack overflow")

// guest is an instance of a module with a budget.
type guest struct {
	api.Module
	given int64 // so far
	most  int64
	asked int // how often
}

// configs are the engines.
func configs() map[string]wazero.RuntimeConfig {
	return map[string]wazero.RuntimeConfig{"compiled": wazero.NewRuntimeConfigCompiler(), "interpreted": wazero.NewRuntimeConfigInterpreter()}
}

// start instantiates a module that is metered already, or plain.
func start(t testing.TB, config wazero.RuntimeConfig, bin []byte, fuel int64) *guest {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config)
	t.Cleanup(func() { r.Close(ctx) })
	g := &guest{most: fuel}
	_, err := r.NewHostModuleBuilder(meter.RefillModule).NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, stack []uint64) {
		if stack[0] == meter.ReasonStack {
			panic(errStack)
		}
		if stack[0] == meter.ReasonMemory {
			return
		}
		g.asked++
		for counter := fuelOf(m); int64(counter.Get()) < 0; {
			if g.given >= g.most {
				panic(errFuel)
			}
			g.given += slice
			counter.Set(counter.Get() + slice)
		}
	}), []api.ValueType{api.ValueTypeI32}, nil).Export(meter.RefillName).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if g.Module, err = r.InstantiateWithConfig(ctx, bin, wazero.NewModuleConfig().WithName("")); err != nil {
		t.Fatal(err)
	}
	return g
}

// used is how much fuel was used so far.
func (g *guest) used() int64 { return g.given - int64(fuelOf(g).Get()) }

func (g *guest) call(name string, args ...uint64) ([]uint64, error) {
	return g.ExportedFunction(name).Call(context.Background(), args...)
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	bin, err := os.ReadFile("testdata/" + name + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

func rewrite(t testing.TB, bin []byte, options meter.Options) []byte {
	t.Helper()
	out, err := meter.Rewrite(bin, options)
	if err != nil {
		t.Fatal(err)
	}
	again, err := meter.Rewrite(bin, options)
	if err != nil || !bytes.Equal(out, again) {
		t.Fatalf("rewritten again, the module is another one; %v", err)
	}
	return out
}

// TestEndless: whatever a guest does, it is ended, with the same fuel on every
// engine.
func TestEndless(t *testing.T) {
	bin := rewrite(t, fixture(t, "endless"), meter.Options{Stack: 12_000}) // less than the interpreter has
	used := map[string]int64{}
	for engine, config := range configs() {
		for _, c := range []struct {
			name string
			args []uint64
			want error
		}{
			{"loop", nil, errFuel}, {"loop_nested", nil, errFuel}, {"loop_of_table", nil, errFuel},
			{"recursion", nil, errStack}, {"mutual", nil, errStack}, {"indirect", nil, errStack}, {"many_locals", nil, errStack},
			{"recursion_returns", []uint64{60}, errFuel}, {"loop_free", nil, errFuel},
			{"fill", []uint64{1 << 20}, errFuel}, {"fill", []uint64{1}, errFuel}, {"fill", []uint64{0}, errFuel}, {"fill_constant", nil, errFuel},
			{"copy", []uint64{1<<20 - 1}, errFuel}, {"table_fill", []uint64{8192}, errFuel}, {"grow", nil, errFuel},
		} {
			t.Run(fmt.Sprint(engine, "/", c.name, c.args), func(t *testing.T) {
				g := start(t, config, bin, 20*slice)
				_, err := g.call(c.name, c.args...)
				if !errors.Is(err, c.want) {
					t.Fatalf("got %v, want %v", err, c.want)
				}
				if c.name == "mutual" && !(strings.Contains(err.Error(), ".even()") && strings.Contains(err.Error(), ".odd()")) {
					t.Errorf("the stack has lost the names: %.300v", err)
				}
				if c.want == errFuel && g.asked != 21 {
					t.Errorf("it was asked %d times for 20 slices", g.asked)
				}
				key := fmt.Sprint(c.name, c.args)
				if before, ok := used[key]; ok && before != g.used() {
					t.Errorf("%d fuel was used, %d on the other engine", g.used(), before)
				}
				used[key] = g.used()
			})
		}
	}
}

// TestStackIsGivenBack: deep calls that return take nothing away for good, and
// the depth is that of the options.
func TestStackIsGivenBack(t *testing.T) {
	for engine, config := range configs() {
		g := start(t, config, rewrite(t, fixture(t, "endless"), meter.Options{Stack: 1000}), 1<<40)
		for range 3 {
			if _, err := g.call("recursion_returns", 12); err != nil {
				t.Fatalf("%s: %v", engine, err)
			}
			if left := g.ExportedGlobal(meter.StackExport).Get(); left != 1000 {
				t.Errorf("%s: %d of 1000 are left", engine, left)
			}
		}
		if _, err := g.call("recursion_returns", 100); !errors.Is(err, errStack) {
			t.Errorf("%s: %v", engine, err)
		}
	}
}

// sizes are numbers around which bulk operations change their ways.
func sizes(elements bool) []uint64 {
	if elements {
		return []uint64{0, 1, 2, 8191, 8192, 8193, 9999, 10_000, 10_001, 16_384, 19_999, 20_000, 20_001, 1<<32 - 1}
	}
	return []uint64{0, 1, 5, 6, 65_535, 65_536, 65_537, 65_999, 66_000, 66_001, 131_072, 200_000, 524_287, 524_288, 524_289, 1<<32 - 1}
}

// TestBulk does bulk operations with every combination of sizes and compares
// memory, table, results and traps with those of the plain module.
func TestBulk(t *testing.T) {
	bin := fixture(t, "bulk")
	metered := rewrite(t, bin, meter.Options{Module: module.Options{Tables: 2}})
	for engine, config := range configs() {
		if raced && engine == "interpreted" {
			continue
		}
		t.Run(engine, func(t *testing.T) {
			for _, name := range []string{"fill", "copy", "init", "init_small", "table_fill", "table_copy", "table_copy_over", "table_copy_back", "table_init"} {
				compareBulk(t, config, bin, metered, name)
			}
		})
	}
}

func compareBulk(t *testing.T, config wazero.RuntimeConfig, bin, metered []byte, name string) {
	plain, other := start(t, config, bin, 0), start(t, config, metered, 1<<50)
	both := func(name string, args ...uint64) {
		want, errPlain := plain.call(name, args...)
		before := other.used()
		got, err := other.call(name, args...)
		if trap(err) != trap(errPlain) || !slices.Equal(got, want) {
			t.Fatalf("%s%v: %v %v, want %v %v", name, args, got, err, want, errPlain)
		}
		if n := len(args); n == 3 && err == nil {
			cost := int64(args[2] >> 3)
			if strings.HasPrefix(name, "table") {
				cost = int64(args[2])
			}
			cost += int64(meter.Cost(module.OpMemoryCopy)) // as do all but a fill
			if name == "fill" {
				cost += int64(meter.Cost(module.OpMemoryFill)) - int64(meter.Cost(module.OpMemoryCopy))
			}
			if is := other.used() - before; is < cost+3 || is > cost+5 {
				t.Fatalf("%s%v used %d fuel: %d are for the size", name, args, is, cost)
			}
		}
		if err != nil { // after a trap, a host would not go on
			other.ExportedGlobal(meter.StackExport).(api.MutableGlobal).Set(1 << 20)
		}
	}
	both("pattern")
	elements, done := strings.HasPrefix(name, "table"), 0
	for _, size := range sizes(elements) {
		for _, to := range []uint64{0, 1, 7_000, 70_000, 400_000} {
			for _, from := range []uint64{0, 1, 6_999, 70_001} {
				both(name, to, from, size)
				if elements {
					if done++; done%9 == 0 { // slow, and what went wrong before is still there
						both("table_sum")
					}
					continue
				}
				a, _ := plain.Memory().Read(0, plain.Memory().Size())
				if b, _ := other.Memory().Read(0, other.Memory().Size()); !bytes.Equal(a, b) {
					t.Fatalf("%s(%d, %d, %d): the memory is another", name, to, from, size)
				}
			}
		}
	}
	if elements {
		both("table_sum")
	}
	if name == "init" {
		both("drop")
		both("init", 0, 0, 65_537)
		both("init", 0, 0, 1)
		both("init", 0, 0, 0)
		both("fill_constant", 5)
		both("fill_large_constant", 5)
		both("fill_constant", 524_280)
	}
}

// trap is what an error says without the stack.
func trap(err error) string {
	if err == nil {
		return ""
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

// TestGrow: maxima are written in, growing costs what it grows by, and failing
// costs nothing.
func TestGrow(t *testing.T) {
	for engine, config := range configs() {
		g := start(t, config, rewrite(t, fixture(t, "bulk"), meter.Options{Pages: 9, Elements: 20_050, Module: module.Options{Tables: 2}}), 1<<50)
		for _, c := range []struct {
			name string
			by   uint64
			want int32
			cost int64
		}{
			{"grow", 2, -1, 0}, {"grow", 1<<32 - 1, -1, 0}, {"grow", 0, 8, 0}, {"grow", 1, 8, 8192}, {"grow", 1, -1, 0},
			{"table_grow", 51, -1, 0}, {"table_grow", 1<<32 - 1, -1, 0}, {"table_grow", 50, 20_000, 50}, {"table_grow", 1, -1, 0}, {"table_grow", 0, 20_050, 0},
		} {
			before := g.used()
			res, err := g.call(c.name, c.by)
			if err != nil || int32(res[0]) != c.want {
				t.Errorf("%s: %s(%d) is %v, %v; want %d", engine, c.name, c.by, res, err, c.want)
			}
			if is := g.used() - before - c.cost; is < 257 || is > 258 {
				t.Errorf("%s: %s(%d) used %d fuel beyond the %d for the size", engine, c.name, c.by, is, c.cost)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	head := "\x00asm\x01\x00\x00\x00"
	for _, c := range []struct {
		name, binary string
		options      meter.Options
		rule         module.Rule
	}{
		{"no module", "", meter.Options{}, module.RuleHeader},
		{"imported memory", head + "\x02\x08\x01\x01e\x01m\x02\x00\x01", meter.Options{}, module.RuleUnsupported},
		{"imported table", head + "\x02\x09\x01\x01e\x01t\x01\x70\x00\x01", meter.Options{}, module.RuleUnsupported},
		{"imported global", head + "\x02\x08\x01\x01e\x01g\x03\x7f\x00", meter.Options{}, module.RuleUnsupported},
		{"large memory", head + "\x05\x03\x01\x00\x02", meter.Options{Pages: 1}, module.RuleBudget},
		{"large table", head + "\x04\x04\x01\x70\x00\x02", meter.Options{Elements: 1}, module.RuleBudget},
		{"name of the host", head + "\x05\x03\x01\x00\x01\x07\x11\x01\x0d__chhost_fuel\x02\x00", meter.Options{}, module.RuleReserved},
	} {
		var fault *module.Error
		if out, err := meter.Rewrite([]byte(c.binary), c.options); !errors.As(err, &fault) || fault.Rule != c.rule || out != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// FuzzRewrite: what is rewritten, the engine takes if it takes the original; no
// panic, bounded allocations.
func FuzzRewrite(f *testing.F) {
	paths, err := filepath.Glob("../../../testdata/guests/*/*.wasm")
	if err != nil || len(paths) < 100 {
		f.Fatalf("%d guests, %v", len(paths), err)
	}
	for _, p := range append(paths, "testdata/endless.wasm") {
		bin, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bin)
	}
	for seed := range uint64(20) {
		f.Add(generate(rand.New(rand.NewPCG(seed, 7))))
	}
	f.Fuzz(func(t *testing.T, bin []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		metered, err := meter.Rewrite(bin, meter.Options{Entries: []string{"main", "run"}})
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(128*len(bin)+1<<20) {
			t.Errorf("%d bytes allocated for %d", n, len(bin))
		}
		var fault *module.Error
		if err != nil {
			if !errors.As(err, &fault) || metered != nil {
				t.Errorf("%v", err)
			}
			return
		}
		if err := unmetered(metered, len(readOutput(bin).bodies)); err != nil {
			t.Error(err)
		}
		// The decoder lets through only what the engine can be given.
		r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(1<<10))
		defer r.Close(t.Context())
		_, plain := r.CompileModule(t.Context(), bin)
		_, err = r.CompileModule(t.Context(), metered)
		if plain != nil && strings.Contains(plain.Error(), "custom") {
			return // names that are malformed are left out
		}
		if (err == nil) != (plain == nil) {
			t.Errorf("metered: %v; plain: %v", err, plain)
		}
	})
}

// TestGenerated runs random programs: metered, compiled and interpreted, they do
// what they do plain, and use as much fuel as counted one by one.
func TestGenerated(t *testing.T) {
	n := 2_000
	if testing.Short() || raced {
		n = 60
	}
	runBatches(t, 0, n)
}

// TestProofGenerated runs many more.
func TestProofGenerated(t *testing.T) {
	if os.Getenv("CHHOST_PROOF") == "" {
		return
	}
	const n = 20_000
	runBatches(t, 10_000, n)
}

// runBatches runs n programs, the engines of a few hundred at a time.
func runBatches(t *testing.T, first, n int) {
	const batch = 500
	returned := 0
	for begin := first; begin < first+n; begin += batch {
		t.Run(fmt.Sprint("from ", begin), func(t *testing.T) {
			for seed := begin; seed < min(begin+batch, first+n); seed++ {
				if runGenerated(t, seed) {
					returned++
				}
			}
		})
	}
	if returned < n/3 {
		t.Errorf("of %d programs %d return, and the others trap", n, returned)
	}
	t.Logf("%d generated modules in three ways beside the plain one; %d return, the others trap", n, returned)
}

// runGenerated tells whether the program returned.
func runGenerated(t *testing.T, seed int) bool {
	bin := generate(rand.New(rand.NewPCG(uint64(seed), 7)))
	naive, err := meter.Naive(bin, meter.Options{})
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	metered := rewrite(t, bin, meter.Options{Module: module.Options{Tables: 2}})
	plain := start(t, wazero.NewRuntimeConfigInterpreter(), bin, 0)
	others := map[string]*guest{
		"compiled":    start(t, wazero.NewRuntimeConfigCompiler(), metered, 1<<40),
		"interpreted": start(t, wazero.NewRuntimeConfigInterpreter(), metered, 1<<40),
		"one by one":  start(t, wazero.NewRuntimeConfigInterpreter(), naive, 1<<40),
	}
	want, errPlain := plain.call("main", uint64(seed))
	memory, _ := plain.Memory().Read(0, plain.Memory().Size())
	used := others["interpreted"]
	if _, err := used.call("main", uint64(seed)); trap(err) != trap(errPlain) {
		t.Fatalf("seed %d: %v, plain %v", seed, err, errPlain)
	}
	for name, g := range others {
		if name != "interpreted" {
			got, err := g.call("main", uint64(seed))
			if trap(err) != trap(errPlain) || !slices.Equal(got, want) {
				t.Fatalf("seed %d, %s: %v, %v; plain %v, %v", seed, name, got, err, want, errPlain)
			}
		}
		if m, _ := g.Memory().Read(0, g.Memory().Size()); !bytes.Equal(m, memory) {
			t.Fatalf("seed %d, %s: the memory is another", seed, name)
		}
		if g.used() != used.used() && (errPlain == nil || name != "one by one") {
			t.Fatalf("seed %d, %s: %d fuel, interpreted %d; %v", seed, name, g.used(), used.used(), errPlain)
		}
	}
	return errPlain == nil
}
