package meter_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/chhost/chhost/host/wasm/meter"
	"github.com/chhost/chhost/host/wasm/module"
)

// The modules here are too large, or too strange, for a text.

func uleb(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }

func sized(s string) string { return uleb(len(s)) + s }

func section(id byte, contents string) string { return string([]byte{id}) + sized(contents) }

// program is a module with a memory of 4 pages, a mutable global i32 0 and one
// function for each body, all of type () -> () but the last, which returns n i64.
// The first is exported as run, the global as depth.
func program(n int, bodies ...string) []byte {
	functions, code := uleb(len(bodies)), uleb(len(bodies))
	for i, b := range bodies {
		functions += string([]byte{byte((i + 1) / len(bodies))})
		code += sized("\x00" + b + "\x0b")
	}
	return []byte("\x00asm\x01\x00\x00\x00" + section(1, "\x02\x60\x00\x00\x60\x00"+uleb(n)+strings.Repeat("\x7e", n)) + section(3, functions) +
		section(5, "\x01\x00\x04") + section(6, "\x01\x7f\x01\x41\x00\x0b") + section(7, "\x02"+sized("run")+"\x00\x00"+sized("depth")+"\x03\x00") +
		section(12, "\x01") + section(10, code) + section(11, "\x01\x01"+sized("data")))
}

const values = "\x42\x01"

func decode(t *testing.T, bin []byte) *module.Module {
	t.Helper()
	m, err := module.Decode(bin, module.Options{Reserved: true})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestAdditionsAreShared: all bulk operations that do the same share one function,
// whatever instruction stands before them. A function for each made a module
// twenty times as large.
func TestAdditionsAreShared(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		zero := "\x41" + string(leb(int32(i)))
		b.WriteString(zero + zero + "\x23\x00\xfc\x0a\x00\x00") // memory.copy
		b.WriteString(zero + zero + zero + "\xfc\x0b\x00")      // memory.fill
		b.WriteString(zero + zero + "\x23\x00\xfc\x08\x00\x00") // memory.init
		b.WriteString(zero + "\x40\x00\x1a")                    // memory.grow
	}
	m := decode(t, rewrite(t, program(1, b.String(), values), meter.Options{}))
	if added := len(m.Functions) - 2; added != 4 {
		t.Errorf("%d functions were added for 4 operations", added)
	}
}

// TestStraightCode: code without a loop is asked whether fuel is left as often as
// other code is. It was asked once, before all of it: 200 MB of copies in one
// piece.
func TestStraightCode(t *testing.T) {
	const copies = 2000
	one := "\x41\x00\x41\x08\x41\x80\x80\x04\xfc\x0a\x00\x00" // 64 KiB from 8 to 0
	bin := rewrite(t, program(1, strings.Repeat(one, copies)+strings.Repeat("\x23\x00\x1a", 10_000), values), meter.Options{})
	for engine, config := range configs() {
		g := start(t, config, bin, 1<<40)
		if _, err := g.call("run"); err != nil {
			t.Fatalf("%s: %v", engine, err)
		}
		if most := int64(copies*(1<<13+3+int(meter.Cost(module.OpMemoryCopy))) + 20_000 + 8); g.used() > most || g.used() < most-16 {
			t.Errorf("%s: %d fuel was used, want about %d", engine, g.used(), most)
		}
		if least := int(g.used() / (slice + 1<<14)); g.asked < least {
			t.Errorf("%s: asked %d times for %d fuel", engine, g.asked, g.used())
		}
	}
}

// TestFillsAreCalled: a fill is a call even if its size is constant. Engines write
// a loop for each, and 5,000 in one function compiled for a second, 50,000 for
// minutes.
func TestFillsAreCalled(t *testing.T) {
	m := decode(t, rewrite(t, program(1, strings.Repeat("\x41\x00\x41\x00\x41\x08\xfc\x0b\x00", 3), values), meter.Options{}))
	for w := m.Walk(m.Bodies[0].Code); w.More(); {
		if w.Next(); w.Op == module.OpMemoryFill {
			t.Error("a fill was left as it was")
		}
	}
}

// TestValuesTakeStack: one instruction can put a thousand values on the stack,
// which take as much of it as a thousand instructions' do. They were not counted,
// and the engine's stack grew to its own bound of 400 MB.
func TestValuesTakeStack(t *testing.T) {
	const results, calls, slots = 200, 10, 1 << 18
	down := "\x23\x00\x41\x01\x6a\x24\x00" // depth++
	for name, body := range map[string]string{
		"calls":  down + strings.Repeat("\x10\x01", calls) + "\x10\x00" + strings.Repeat("\x1a", calls*results),
		"blocks": down + strings.Repeat("\x02\x01\x10\x01\x0b", calls) + "\x10\x00" + strings.Repeat("\x1a", calls*results),
	} {
		bin := rewrite(t, program(results, body, strings.Repeat(values, results)), meter.Options{Stack: slots})
		g := start(t, wazero.NewRuntimeConfigCompiler(), bin, 1<<40)
		if _, err := g.call("run"); !errors.Is(err, errStack) {
			t.Errorf("%s: %v", name, err)
		}
		if depth := g.ExportedGlobal("depth").Get(); depth*results*calls > slots {
			t.Errorf("%s: %d calls deep, with %d values each, in %d slots", name, depth, results*calls, slots)
		}
	}
}

// TestNames: what stack traces show is kept, cut, and nothing else. The engine
// repeats the module's name for each function: 16 MB of name and 10,000 functions
// would be 160 GB; a repeated part made the result grow with the product of their
// numbers.
func TestNames(t *testing.T) {
	part := func(id byte, s string) string { return section(id, s) }
	long := strings.Repeat("é", 200) + "x" // 401 bytes, with a character across 256
	const fill = "\x23\x00\x23\x00\x23\x00\xfc\x0b\x00"
	for _, c := range []struct{ name, section, want string }{
		{"short", part(0, sized("m")) + part(1, "\x02\x00"+sized("run")+"\x01"+sized("end")), "m.run"},
		{"of locals", part(1, "\x01\x00"+sized("run")) + part(2, "\x01\x00\x01\x00"+sized("a")), ".run"},
		{"long", part(0, sized(long)) + part(1, "\x01\x00"+sized("x"+long)), strings.Repeat("é", 128) + ".x" + strings.Repeat("é", 127)},
		{"repeated", part(1, "\x01\x00"+sized("run")) + part(1, "\x01\x00"+sized("run")), ".$1"},
		{"out of order", part(1, "\x01\x00"+sized("run")) + part(0, sized("m")), ".$1"},
		{"not UTF-8", part(1, "\x01\x00\x01\xff"), ".$1"},
		{"of no function", part(1, "\x01\x02"+sized("run")), ".$1"},
		{"too many", part(1, "\xff\xff\xff\xff\x0f\x00"+sized("run")), ".$1"},
	} {
		bin := append(program(1, fill+"\x00", values), section(0, sized("name")+c.section)...)
		metered := rewrite(t, bin, meter.Options{})
		_, err := start(t, wazero.NewRuntimeConfigCompiler(), metered, 1<<40).call("run")
		if err == nil || !strings.Contains(err.Error(), "\n\t"+c.want+"(") {
			t.Errorf("%s: the trace is\n%v\nwant %s", c.name, err, c.want)
		}
		if bytes.Contains(metered, []byte("\x02\x06\x01\x01\x01\x00\x01a")) {
			t.Errorf("%s: the names of locals are kept", c.name)
		}
	}
	bin := append(program(1, fill, values), section(0, sized("name")+strings.Repeat(part(1, "\x00"), 100_000))...)
	if metered := rewrite(t, bin, meter.Options{}); len(metered) > 1000 {
		t.Errorf("%d bytes of empty parts became %d", len(bin), len(metered))
	}
}

// TestDearInstructions: what takes long costs what that takes. Fifty million of fuel
// were ten milliseconds of most instructions, two seconds of those that leave the
// compiled code, and 0.3 s of square roots; a slice lasted 0.8 ms.
func TestDearInstructions(t *testing.T) {
	number := "\x44\x00\x00\x00\x00\x00\x00\xf0\x3f" // 1.0
	zeros := "\x41\x00\x41\x00\x41\x00"
	for name, c := range map[string]struct {
		body string
		want int64
	}{
		"memory.grow": {"\x41\x00\x40\x00\x1a", 258}, "ref.func": {"\xd2\x00\x1a", 257},
		"f64.sqrt": {number + "\x9f\x1a", 6}, "f64.div": {number + number + "\xa3\x1a", 7}, "i64.rem_u": {"\x42\x09\x42\x02\x82\x1a", 7},
		"f64x2.sqrt": {"\x41\x00\xfd\x11\xfd\xef\x01\x1a", 7}, "i8x16.all_true": {"\x41\x00\xfd\x11\xfd\x63\x1a", 5},
		"memory.fill": {zeros + "\xfc\x0b\x00", 19}, "memory.copy": {zeros + "\xfc\x0a\x00\x00", 11},
	} {
		for engine, config := range configs() {
			g := start(t, config, rewrite(t, program(1, c.body, values), meter.Options{}), 1<<40)
			if _, err := g.call("run"); err != nil {
				t.Fatalf("%s, %s: %v", name, engine, err)
			}
			if g.used() != c.want {
				t.Errorf("%s, %s: %d fuel, want %d", name, engine, g.used(), c.want)
			}
		}
	}
}
