package wasm_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/wasm/module"
)

// TestDecoderAllocates holds the decoder to 16 times the input and 64 KiB, on real
// plugins, on every module of the specification's tests, good or bad, and on large
// bodies; FuzzDecode does so for what is fuzzed.
func TestDecoderAllocates(t *testing.T) {
	var modules [][]byte
	for _, code := range largeBodies() {
		modules = append(modules, large(code, 1<<18))
	}
	modules = append(modules, hosttest.Guest(t, "plugins/chat"))
	paths, err := filepath.Glob(filepath.Join(engineSource(t), specification, "*.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		bin, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		modules = append(modules, bin)
	}
	var before, after runtime.MemStats
	for _, bin := range modules {
		runtime.ReadMemStats(&before)
		_, _ = module.Decode(bin, strange())
		runtime.ReadMemStats(&after)
		if n, most := after.TotalAlloc-before.TotalAlloc, uint64(16*len(bin)+64<<10); n > most {
			t.Errorf("%d bytes allocated for a module of %d that begins with %.200x: %d are allowed", n, len(bin), bin, most)
		}
	}
	t.Logf("%d modules", len(modules))
}
