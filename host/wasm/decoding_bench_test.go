package wasm_test

import (
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/wasm/module"
)

// strange are the budgets for modules that were made to be strange.
func strange() module.Options {
	return module.Options{Tables: 100, Depth: 10_000, Blocks: 1 << 20, Loops: 1 << 20, LoopLocals: 1 << 30, Moves: 1 << 20, Targets: 100_000}
}

// BenchmarkDecode is how fast modules of each kind are read, and how many bytes are
// allocated for each of the input's beyond the 64 KiB that each module may take.
func BenchmarkDecode(b *testing.B) {
	plugins := map[string]func() []byte{
		"chat-go": func() []byte { return hosttest.Guest(b, "plugins/chat") },
		"food-c":  func() []byte { return hosttest.GuestC(b, "testdata/plugins/food-c") },
	}
	for name, plugin := range plugins {
		b.Run(name, func(b *testing.B) { benchmarkDecode(b, [][]byte{plugin()}) })
	}
	b.Run("spec", func(b *testing.B) { benchmarkDecode(b, specModules(b)) })
	for name, code := range largeBodies() {
		b.Run(name, func(b *testing.B) { benchmarkDecode(b, [][]byte{large(code, 1<<20)}) })
	}
	b.Run("slowest", func(b *testing.B) { // of the large bodies, in turns
		slowest, spent := math.Inf(1), map[string]time.Duration{}
		modules := map[string][]byte{}
		for name, code := range largeBodies() {
			modules[name] = large(code, 1<<20)
		}
		for range b.N {
			for name, bin := range modules {
				begin := hosttest.CPUTime()
				_, _ = module.Decode(bin, strange())
				spent[name] += hosttest.CPUTime() - begin
			}
		}
		for name, bin := range modules {
			slowest = min(slowest, float64(len(bin))*float64(b.N)/1e6/spent[name].Seconds())
		}
		b.ReportMetric(slowest, "cpu-MB/s")
	})
}

func benchmarkDecode(b *testing.B, modules [][]byte) {
	total := 0
	for _, bin := range modules {
		if _, err := module.Decode(bin, strange()); err != nil {
			b.Fatal(err)
		}
		total += len(bin)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.SetBytes(int64(total))
	begin := hosttest.CPUTime()
	b.ResetTimer()
	for range b.N {
		for _, bin := range modules {
			_, _ = module.Decode(bin, strange())
		}
	}
	b.StopTimer()
	spent := hosttest.CPUTime() - begin
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(total)*float64(b.N)/1e6/spent.Seconds(), "cpu-MB/s")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/float64(total), "allocated/B")
}

// specification is where the engine's source keeps the specification's tests.
const specification = "internal/integration_test/spectest/v*/testdata"

// specModules are those of the engine's copy of the specification's tests that are
// well-formed.
func specModules(t testing.TB) (modules [][]byte) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(engineSource(t), specification, "*.wasm"))
	if err != nil || len(paths) < 5000 {
		t.Fatalf("%d modules, %v", len(paths), err)
	}
	for _, p := range paths {
		bin, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := module.Decode(bin, strange()); err == nil {
			modules = append(modules, bin)
		}
	}
	return modules
}

// largeBodies are pieces of code, each of which leaves the stack as it was.
func largeBodies() map[string]string {
	return map[string]string{
		"locals":    "\x20\x00\x21\x01",
		"loads":     "\x20\x00\x28\x02\x80\x20\x1a",
		"constants": "\x41\xff\xff\xff\xff\x07\x1a\x42\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x1a",
		"floats":    "\x44\x00\x00\x00\x00\x00\x00\xf0\x3f\x9f\x1a",
		"numeric":   "\x20\x00\x45\x45\x45\x45\x45\x45\x45\x45\x45\x45\x45\x45\x1a",
		"blocks":    "\x02\x40\x20\x00\x0d\x00\x0b",
		"loops":     "\x03\x40\x0b",
		"tables":    "\x02\x40\x20\x00\x0e\x04\x00\x00\x00\x00\x00\x0b",
		"calls":     "\x10\x00",
		"indirect":  "\x41\x00\x11\x00\x00",
		"globals":   "\x23\x00\x24\x00",
		"padded":    "\x20\x80\x80\x80\x80\x00\x1a",
		"misc":      "\x43\x00\x00\x80\x3f\xfc\x00\x1a",
		"memory":    "\x41\x00\x41\x00\x41\x00\xfc\x0b\x00",
		"vectors":   "\x20\x02\x20\x02\xfd\xae\x01\xfd\x4d\x1a",
		"lanes":     "\x20\x00\x20\x02\xfd\x54\x00\x80\x02\x03\x1a",
	}
}

// large is a module with functions of 4 KiB of that code.
func large(code string, size int) []byte {
	const body = 4 << 10
	one := "\x02\x02\x7f\x01\x7b" + strings.Repeat(code, body/len(code)) + "\x0b"
	n := size / len(one)
	sized := func(s string) string { return string(binary.AppendUvarint(nil, uint64(len(s)))) + s }
	section := func(id byte, contents string) string { return string([]byte{id}) + sized(contents) }
	count := string(binary.AppendUvarint(nil, uint64(n)))
	return []byte("\x00asm\x01\x00\x00\x00" + section(1, "\x01\x60\x00\x00") + section(3, count+strings.Repeat("\x00", n)) + section(4, "\x01\x70\x00\x01") +
		section(5, "\x01\x00\x01") + section(6, "\x01\x7f\x01\x41\x00\x0b") + section(10, count+strings.Repeat(sized(one), n)))
}

// engineSource is the directory of the engine's source.
func engineSource(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatalf("where is the engine's source? %v", err)
	}
	return strings.TrimSpace(string(out))
}
