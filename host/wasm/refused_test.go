package wasm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// refusal returns the faults for which a module is refused.
func refusal(t *testing.T, e *Engine, m Module) []string {
	t.Helper()
	p, err := e.Compile(context.Background(), m)
	if p != nil {
		t.Error("a plugin was returned")
	}
	var refused *ModuleError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v (%T), want a *ModuleError", err, err)
	}
	if refused.Name != m.Name {
		t.Errorf("the error names %q, want %q", refused.Name, m.Name)
	}
	for _, f := range refused.Faults {
		if !strings.Contains(err.Error(), f) {
			t.Errorf("the error's text lacks the fault %q", f)
		}
	}
	return refused.Faults
}

// wantFaults compares faults with the beginnings of what is wanted.
func wantFaults(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("this fault was not found:\n\t%s", want[i])
		case i >= len(want):
			t.Errorf("there is no such fault:\n\t%s", got[i])
		case !strings.HasPrefix(got[i], want[i]):
			t.Errorf("fault %d\n\tis   %s\n\twant %s", i+1, got[i], want[i])
		}
	}
}

// TestRefusedGuests compiles the fixtures in testdata/guests/refused. Their
// comments say which faults are to be listed, no more and no fewer.
func TestRefusedGuests(t *testing.T) {
	e := newTestEngine(t, Config{})
	t.Run("all", func(t *testing.T) { // so that the engine outlives the parallel tests
		for _, name := range fixtures(t, "refused") {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				want := comments(t, name, "refused: ")
				if len(want) == 0 {
					t.Fatal("the comment does not say why it is refused")
				}
				wantFaults(t, refusal(t, e, Module{Name: name, Binary: guest(t, name), Limits: Limits{callbackTime: time.Minute}}), want) // fuel lasts long on a busy machine
			})
		}
	})
	if open := e.open(); len(open) != 0 {
		t.Errorf("%d plugins were kept", len(open))
	}
}

func TestRefusedBinaries(t *testing.T) {
	e := newTestEngine(t, Config{})
	for _, c := range []struct{ name, binary, want string }{
		{"nothing", "", "this is not a WebAssembly module"},
		{"short", "\x00asm", "this is not a WebAssembly module"},
		{"text", "(module (memory 1))", "this is not a WebAssembly module"},
		{"program", "\x7fELF\x02\x01\x01\x00", "this is not a WebAssembly module"},
		{"page", "<!DOCTYPE html><title>404</title>", "this is not a WebAssembly module"},
		{"component", "\x00asm\x0d\x00\x01\x00", "this is a WebAssembly component; a plugin is a core module"},
		{"version", "\x00asm\x02\x00\x00\x00", "the version of the binary format is 0x2; only 1 is known"},
		{"garbage", "\x00asm\x01\x00\x00\x00garbage", "the module is not valid WebAssembly: "},
		{"upside down", "\x00asm\x01\x00\x00\x00\x05\x04\x01\x01\x02\x01", "the module is not valid WebAssembly: section memory, offset 11: the minimum of a memory, 2, is above its maximum, 1 (type)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantFaults(t, refusal(t, e, Module{Name: c.name, Binary: []byte(c.binary)}), []string{c.want})
		})
	}
	t.Run("empty", func(t *testing.T) {
		got := refusal(t, e, Module{Name: "empty", Binary: []byte("\x00asm\x01\x00\x00\x00")})
		wantFaults(t, got, []string{`export "memory" is missing`, `export "ch_abi_version" is missing`, `export "ch_buffer" is missing`, `export "join" is missing`})
	})
	t.Run("large", func(t *testing.T) {
		bin := append(guest(t, "served/echo"), make([]byte, maxModule)...)
		wantFaults(t, refusal(t, e, Module{Name: "large", Binary: bin}), []string{fmt.Sprintf("the module has %d bytes, more than the %d that are taken", len(bin), maxModule)})
	})
}

// TestTruncatedModules cuts a good module at every byte.
func TestTruncatedModules(t *testing.T) {
	e := newTestEngine(t, Config{})
	whole := guest(t, "served/echo")
	for n := range whole {
		refusal(t, e, Module{Name: "truncated", Binary: whole[:n]})
	}
	if _, err := e.Compile(context.Background(), Module{Name: "whole", Binary: whole}); err != nil {
		t.Errorf("the whole module is refused: %v", err)
	}
}

// section makes one section of a module.
func section(id byte, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{id}, uint64(len(body))), body...)
}

func wasmName(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

// TestManyFaults: a module has room for millions of faults and for names of
// megabytes. What is said about it stays readable.
func TestManyFaults(t *testing.T) {
	e := newTestEngine(t, Config{})
	const n = 450
	imports := binary.AppendUvarint(nil, 2*n+1)
	for range n {
		imports = append(imports, "\x01e\x01g\x03\x7f\x00"...) // a global
		imports = append(imports, "\x01e\x01f\x00\x00"...)     // a function of type 0
	}
	imports = append(append(append(imports, wasmName(strings.Repeat("m", 1<<20))...), wasmName(strings.Repeat("\n", 1<<20))...), 0, 0)
	exports := binary.AppendUvarint(nil, n)
	for i := range n {
		exports = append(append(exports, wasmName(fmt.Sprintf("handle_%d", i))...), 3, 0) // a global
	}
	types := []byte("\x01\x60\x00\x00") // type 0: () -> ()
	bin := append([]byte("\x00asm\x01\x00\x00\x00"), section(1, types)...)
	bin = append(append(bin, section(2, imports)...), section(7, exports)...)
	faults := refusal(t, e, Module{Name: "many", Binary: bin})
	if len(faults) != maxFaults+1 || faults[maxFaults] != "there are more faults" {
		t.Errorf("%d faults, the last is %q", len(faults), faults[len(faults)-1])
	}

	one := append([]byte("\x00asm\x01\x00\x00\x00"), section(1, types)...)
	one = append(one, section(2, append(append(append([]byte{1}, wasmName(strings.Repeat("m", 1<<20))...), wasmName(strings.Repeat("\n", 1<<20))...), 0, 0))...)
	for _, f := range refusal(t, e, Module{Name: "long", Binary: one}) {
		if len(f) > 2000 {
			t.Errorf("a fault of %d bytes: %.100s...", len(f), f)
		}
	}
}

// TestMemoryLimit: the operator's limit holds for what a module asks for at
// first and for what it grows to, and no configuration is too large.
func TestMemoryLimit(t *testing.T) {
	e := newTestEngine(t, Config{})
	m := Module{Name: "puppet", Binary: guest(t, "served/puppet")} // 4 pages
	m.Limits.Memory = 4*wasmPage - 1
	m.Limits.callbackTime = time.Minute // growing to 64 MiB is slow under the race detector
	wantFaults(t, refusal(t, e, m), []string{"the module is larger than what is served: section memory, "})

	for _, c := range []struct {
		limit int
		more  uint32
		want  uint32
	}{
		{4 * wasmPage, 1, 0xffffffff},
		{5 * wasmPage, 1, 4},
		{5 * wasmPage, 2, 0xffffffff},
		{0, 1020, 4}, // the default: 64 MiB
		{0, 1021, 0xffffffff},
		{1 << 40, 1021, 4},
	} {
		m.Limits.Memory = c.limit
		p, err := e.Compile(context.Background(), m)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.peek(t, step{opGrow, c.more}); got != c.want {
			t.Errorf("limit %d: growing by %d pages gave %d, want %d", c.limit, c.more, int32(got), int32(c.want))
		}
	}
}

func TestCompileWithDeadContext(t *testing.T) {
	e := newTestEngine(t, Config{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := e.Compile(ctx, Module{Name: "echo", Binary: guest(t, "served/echo")})
	var refused *ModuleError
	if !errors.Is(err, context.Canceled) || errors.As(err, &refused) {
		t.Errorf("got %v (%T): the module is not at fault", err, err)
	}
}

func TestCompileAfterClose(t *testing.T) {
	e := newTestEngine(t, Config{})
	compile(t, e, "served/echo", Limits{})
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Compile(context.Background(), Module{Name: "echo", Binary: guest(t, "served/echo")}); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
