package module

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// file is a module of these sections.
func file(sections ...string) string { return "\x00asm\x01\x00\x00\x00" + strings.Join(sections, "") }

// sec is one section.
func sec(id byte, contents string) string { return string(rune(id)) + sized(contents) }

func sized(s string) string {
	return string(binary.AppendUvarint(nil, uint64(len(s)))) + s
}

// function is a module with a type, a table, a memory, a mutable global, an
// element and a data segment, and one function () -> () with this code; its end
// is added.
func function(code string) string {
	return file(sec(1, "\x01\x60\x00\x00"), sec(3, "\x01\x00"), sec(4, "\x01\x70\x00\x01"), sec(5, "\x01\x00\x01"), sec(6, "\x01\x7f\x01\x41\x00\x0b"),
		sec(9, "\x01\x01\x00\x01\x00"), sec(12, "\x01"), sec(10, "\x01"+sized("\x00"+code+"\x0b")), sec(11, "\x01\x01\x00"))
}

const huge = "\xff\xff\xff\xff\x0f" // 1<<32 - 1

// faults are modules with one fault each. Some of what is here has ended hosts.
func faults() []struct {
	name, binary, section string
	rule                  Rule
} {
	withType := sec(1, "\x01\x60\x00\x00")
	oneFunction := withType + sec(3, "\x01\x00")
	body := func(code string) string { return file(oneFunction, sec(10, "\x01"+sized(code))) }
	return []struct {
		name, binary, section string
		rule                  Rule
	}{
		{"nothing", "", "header", RuleHeader},
		{"text", "(module)", "header", RuleHeader},
		{"component", "\x00asm\x0d\x00\x01\x00", "header", RuleHeader},
		{"section without size", file("\x01"), "type", RuleTruncated},
		{"section beyond the end", file("\x01\x05\x00"), "type", RuleTruncated},
		{"section of 4 GiB", file("\x01" + huge), "type", RuleTruncated},
		{"section 13", file(sec(13, "")), "unknown", RuleOrder},
		{"section twice", file(withType, withType), "type", RuleOrder},
		{"sections out of order", file(sec(3, "\x00"), sec(1, "\x00")), "type", RuleOrder},
		{"data count after code", file(sec(10, "\x00"), sec(12, "\x00")), "data count", RuleOrder},
		{"data count before elements", file(sec(12, "\x00"), sec(9, "\x00")), "element", RuleOrder},
		{"section too long", file(sec(1, "\x00\x00")), "type", RuleSize},
		{"section too short", file(sec(1, "\x01\x60")), "type", RuleCount},
		{"custom section without name", file(sec(0, "")), "custom", RuleTruncated},
		{"custom name too long", file(sec(0, "\x05name")), "custom", RuleTruncated},
		{"custom name not UTF-8", file(sec(0, "\x01\xff")), "custom", RuleUTF8},

		{"types: count bomb", file(sec(1, huge)), "type", RuleCount},
		{"imports: count bomb", file(sec(2, huge)), "import", RuleCount},
		{"functions: count bomb", file(sec(3, huge)), "function", RuleCount},
		{"tables: count bomb", file(sec(4, huge)), "table", RuleCount},
		{"memories: count bomb", file(sec(5, huge)), "memory", RuleCount},
		{"globals: count bomb", file(sec(6, huge)), "global", RuleCount},
		{"exports: count bomb", file(sec(7, huge)), "export", RuleCount},
		{"elements: count bomb", file(sec(9, huge)), "element", RuleCount},
		{"bodies: count bomb", file(sec(10, huge)), "code", RuleCount},
		{"data: count bomb", file(sec(11, huge)), "data", RuleCount},
		{"data count bomb", file(sec(12, huge)), "data count", RuleCount},
		{"parameters: count bomb", file(sec(1, "\x01\x60"+huge+"\x00")), "type", RuleCount},
		{"items: count bomb", file(sec(4, "\x01\x70\x00\x01"), sec(9, "\x01\x01\x00"+huge)), "element", RuleCount},
		{"data segment: size bomb", file(sec(11, "\x01\x01"+huge)), "data", RuleTruncated},
		{"locals bomb", body("\x01" + huge + "\x7f\x0b"), "code", RuleBudget},
		{"locals bomb in two", body("\x02" + huge + "\x7f" + huge + "\x7f\x0b"), "code", RuleBudget},
		{"locals: count bomb", body(huge + "\x0b"), "code", RuleCount},
		{"br_table: count bomb", body("\x00\x0e" + huge + "\x0b"), "code", RuleCount},
		{"count of 6 bytes", file(sec(1, "\x80\x80\x80\x80\x80\x00")), "type", RuleLEB128},
		{"count of 33 bits", file(sec(1, "\xff\xff\xff\xff\x1f")), "type", RuleLEB128},

		{"type of another form", file(sec(1, "\x01\x5f\x00\x00")), "type", RuleType},
		{"type of unknown values", file(sec(1, "\x01\x60\x01\x69\x00")), "type", RuleType},
		{"import of an unknown kind", file(sec(2, "\x01\x00\x00\x04\x00")), "import", RuleType},
		{"import of an unknown type", file(sec(2, "\x01\x00\x00\x00\x00")), "import", RuleIndex},
		{"import's module not UTF-8", file(withType, sec(2, "\x01\x01\xc0\x00\x00\x00")), "import", RuleUTF8},
		{"import of the host's", file(withType, sec(2, "\x01\x08__chhost\x06refill\x00\x00")), "import", RuleReserved},
		{"import by the host's name", file(withType, sec(2, "\x01\x01e\x0d__chhost_fuel\x00\x00")), "import", RuleReserved},
		{"export of the host's", file(sec(5, "\x01\x00\x01"), sec(7, "\x01\x0d__chhost_fuel\x02\x00")), "export", RuleReserved},
		{"function of an unknown type", file(withType, sec(3, "\x01\x01"), sec(10, "\x01\x02\x00\x0b")), "function", RuleIndex},
		{"table of numbers", file(sec(4, "\x01\x7f\x00\x01")), "table", RuleType},
		{"two tables", file(sec(4, "\x02\x70\x00\x01\x70\x00\x01")), "table", RuleBudget},
		{"two memories", file(sec(5, "\x02\x00\x01\x00\x01")), "memory", RuleBudget},
		{"two memories, one imported", file(sec(2, "\x01\x01e\x01m\x02\x00\x01"), sec(5, "\x01\x00\x01")), "memory", RuleBudget},
		{"memory upside down", file(sec(5, "\x01\x01\x02\x01")), "memory", RuleType},
		{"memory above 4 GiB", file(sec(5, "\x01\x00\x81\x80\x04")), "memory", RuleBounds},
		{"memory shared", file(sec(5, "\x01\x03\x01\x02")), "memory", RuleType},
		{"memory of 64 bits", file(sec(5, "\x01\x04\x01")), "memory", RuleType},
		{"global neither nor", file(sec(6, "\x01\x7f\x02\x41\x00\x0b")), "global", RuleType},
		{"global of two instructions", file(sec(6, "\x01\x7f\x00\x41\x00\x41\x00\x0b")), "global", RuleOpcode},
		{"global that calls", file(sec(6, "\x01\x7f\x00\x10\x00\x0b")), "global", RuleOpcode},
		{"global of a global that is not there", file(sec(6, "\x01\x7f\x00\x23\x00\x0b")), "global", RuleIndex},
		{"global of a mutable one", file(sec(2, "\x01\x01e\x01g\x03\x7f\x01"), sec(6, "\x01\x7f\x00\x23\x00\x0b")), "global", RuleOpcode},
		{"global of a function that is not there", file(sec(6, "\x01\x70\x00\xd2\x00\x0b")), "global", RuleIndex},
		{"global of a vector's sum", file(sec(6, "\x01\x7b\x00\xfd\x6e\x0b")), "global", RuleOpcode},
		{"export of an unknown kind", file(sec(7, "\x01\x01a\x04\x00")), "export", RuleType},
		{"export of no function", file(sec(7, "\x01\x01a\x00\x00")), "export", RuleIndex},
		{"export of no table", file(sec(7, "\x01\x01a\x01\x00")), "export", RuleIndex},
		{"export of no memory", file(sec(7, "\x01\x01a\x02\x00")), "export", RuleIndex},
		{"export of no global", file(sec(7, "\x01\x01a\x03\x00")), "export", RuleIndex},
		{"export twice", file(sec(5, "\x01\x00\x01"), sec(7, "\x03\x01a\x02\x00\x01b\x02\x00\x01a\x02\x00")), "export", RuleDuplicate},
		{"start of no function", file(sec(8, "\x00")), "start", RuleIndex},
		{"element flags", file(sec(9, "\x01\x08\x00\x00")), "element", RuleType},
		{"element without a table", file(sec(9, "\x01\x00\x41\x00\x0b\x00")), "element", RuleIndex},
		{"element of no function", file(sec(9, "\x01\x01\x00\x01\x00")), "element", RuleIndex},
		{"element of an unknown kind", file(sec(9, "\x01\x01\x01\x00")), "element", RuleType},
		{"data flags", file(sec(11, "\x01\x03\x00")), "data", RuleType},
		{"data without a memory", file(sec(11, "\x01\x00\x41\x00\x0b\x00")), "data", RuleIndex},
		{"data of another count", file(sec(12, "\x02"), sec(11, "\x01\x01\x00")), "data count", RuleCount},

		{"functions without code", file(oneFunction), "code", RuleCount},
		{"code without functions", file(withType, sec(10, "\x01\x02\x00\x0b")), "code", RuleCount},
		{"empty body", body(""), "code", RuleCount},
		{"body without end", body("\x00\x01"), "code", RuleNesting},
		{"body beyond its end", body("\x00\x0b\x0b"), "code", RuleNesting},
		{"body beyond the section", file(oneFunction, sec(10, "\x01\x09\x00\x0b\x00")), "code", RuleTruncated},
		{"block without end", body("\x00\x02\x40\x0b"), "code", RuleNesting},
		{"else without if", function("\x05"), "code", RuleNesting},
		{"else of a block", function("\x02\x40\x05\x0b"), "code", RuleNesting},
		{"else twice", function("\x41\x00\x04\x40\x05\x05\x0b"), "code", RuleNesting},
		{"block of an unknown type", function("\x02\x01\x0b"), "code", RuleIndex},
		{"block of an unknown value", function("\x02\x69\x0b"), "code", RuleType},
		{"block type too long", function("\x02\xc0\x7f\x0b"), "code", RuleType},
		{"label", function("\x0c\x01"), "code", RuleIndex},
		{"label of br_if", function("\x0d\x01"), "code", RuleIndex},
		{"label of br_table", function("\x0e\x01\x00\x01"), "code", RuleIndex},
		{"call", function("\x10\x01"), "code", RuleIndex},
		{"ref.func", function("\xd2\x01"), "code", RuleIndex},
		{"call_indirect's type", function("\x11\x01\x00"), "code", RuleIndex},
		{"call_indirect's table", function("\x11\x00\x01"), "code", RuleIndex},
		{"local", function("\x20\x00"), "code", RuleIndex},
		{"global.get", function("\x23\x01"), "code", RuleIndex},
		{"global.set", function("\x24\x01"), "code", RuleIndex},
		{"table.get", function("\x25\x01"), "code", RuleIndex},
		{"table.copy", function("\xfc\x0e\x00\x01"), "code", RuleIndex},
		{"table.init of no segment", function("\xfc\x0c\x01\x00"), "code", RuleIndex},
		{"elem.drop", function("\xfc\x0d\x01"), "code", RuleIndex},
		{"memory.init of no segment", function("\xfc\x08\x01\x00"), "code", RuleIndex},
		{"data.drop", function("\xfc\x09\x01"), "code", RuleIndex},
		{"data.drop without a count", body("\x00\xfc\x09\x00\x0b"), "code", RuleCount},
		{"memory 1", function("\x3f\x01"), "code", RuleIndex},
		{"memory 0, long", function("\x3f\x80\x00"), "code", RuleIndex},
		{"no memory", body("\x00\x3f\x00\x0b"), "code", RuleIndex},
		{"no memory to load from", body("\x00\x28\x02\x00\x0b"), "code", RuleIndex},
		{"alignment", function("\x28\x42\x00\x00"), "code", RuleType},
		{"i32.const of 6 bytes", function("\x41\x80\x80\x80\x80\x80\x00"), "code", RuleLEB128},
		{"i32.const of 33 bits", function("\x41\xff\xff\xff\xff\x0f"), "code", RuleLEB128},
		{"i64.const of 65 bits", function("\x42\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "code", RuleLEB128},
		{"f64.const cut", function("\x44\x00"), "code", RuleTruncated},
		{"tail call", function("\x12\x00"), "code", RuleOpcode},
		{"exception", function("\x08\x00"), "code", RuleOpcode},
		{"atomic", function("\xfe\x10\x00\x00"), "code", RuleOpcode},
		{"instruction 0xc5", function("\xc5"), "code", RuleOpcode},
		{"misc 18", function("\xfc\x12"), "code", RuleOpcode},
		{"vector 0x9a", function("\xfd\x9a\x01"), "code", RuleOpcode},
		{"relaxed vector", function("\xfd\x80\x02"), "code", RuleOpcode},
	}
}

func TestFaults(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			m, err := Decode([]byte(f.binary), Options{})
			var fault *Error
			if !errors.As(err, &fault) || m != nil {
				t.Fatalf("got %v, %v", m, err)
			}
			if fault.Section != f.section || fault.Rule != f.rule || fault.Offset < 0 || fault.Offset > len(f.binary) {
				t.Errorf("%v\nwant section %s, rule %s", err, f.section, f.rule)
			}
		})
	}
}

// TestBudgets takes a module as it is and refuses it with one less.
func TestBudgets(t *testing.T) {
	code := strings.Repeat("\x03\x40", 7) + strings.Repeat("\x0b", 7) + "\x02\x00\x10\x00\x10\x02\x41\x00\x11\x00\x00\x0c\x00\x0b\x41\x00\x0d\x00\x41\x00\x0e\x02\x00\x00\x00"
	bin := file(sec(1, "\x02\x60\x00\x00\x60\x03\x7f\x7f\x7f\x00"), sec(2, "\x01\x01e\x01f\x00\x00"), sec(3, "\x02\x01\x00"), sec(4, "\x02\x70\x00\x01\x70\x00\x01"),
		sec(6, "\x02\x7f\x01\x41\x00\x0b\x7f\x01\x41\x00\x0b"), sec(7, "\x02\x01a\x00\x00\x01b\x00\x00"), sec(9, "\x02\x01\x00\x01\x00\x01\x00\x02\x00\x00"),
		sec(10, "\x02"+sized("\x01\x02\x7f"+code+"\x0b")+sized("\x00\x0b")), sec(11, "\x02\x01\x00\x01\x00"), sec(0, "\x01x"), sec(0, "\x01y"))
	exact := Options{
		Bytes: len(bin), Types: 2, Imports: 1, Functions: 3, Tables: 2, Globals: 2, Exports: 2, Elements: 2, Data: 2, Customs: 2,
		Values: 3, Items: 3, Body: len(code) + 4, Locals: 5, AllLocals: 5, Blocks: 13, Loops: 7, Depth: 8, Moves: 4, LoopLocals: 35, Targets: 3,
	}
	if _, err := Decode([]byte(bin), exact); err != nil {
		t.Fatal(err)
	}
	for name, field := range map[string]func(*Options) *int{
		"Bytes": func(o *Options) *int { return &o.Bytes }, "Types": func(o *Options) *int { return &o.Types },
		"Functions": func(o *Options) *int { return &o.Functions }, "Tables": func(o *Options) *int { return &o.Tables },
		"Globals": func(o *Options) *int { return &o.Globals }, "Exports": func(o *Options) *int { return &o.Exports },
		"Elements": func(o *Options) *int { return &o.Elements }, "Data": func(o *Options) *int { return &o.Data },
		"Customs": func(o *Options) *int { return &o.Customs }, "Values": func(o *Options) *int { return &o.Values },
		"Items": func(o *Options) *int { return &o.Items }, "Body": func(o *Options) *int { return &o.Body },
		"Locals": func(o *Options) *int { return &o.Locals }, "Blocks": func(o *Options) *int { return &o.Blocks },
		"Loops": func(o *Options) *int { return &o.Loops }, "Moves": func(o *Options) *int { return &o.Moves },
		"Depth": func(o *Options) *int { return &o.Depth }, "LoopLocals": func(o *Options) *int { return &o.LoopLocals },
		"Targets": func(o *Options) *int { return &o.Targets }, "AllLocals": func(o *Options) *int { return &o.AllLocals },
	} {
		less := exact
		*field(&less)--
		var fault *Error
		if _, err := Decode([]byte(bin), less); !errors.As(err, &fault) || fault.Rule != RuleBudget {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReserved reads names that only the host may give.
func TestReserved(t *testing.T) {
	bin := []byte(file(sec(5, "\x01\x00\x01"), sec(7, "\x01\x0d__chhost_fuel\x02\x00")))
	if m, err := Decode(bin, Options{Reserved: true}); err != nil || m.Text(m.Exports[0].Name) != "__chhost_fuel" {
		t.Errorf("%v", err)
	}
}

// TestContents reads one of everything.
func TestContents(t *testing.T) {
	m, err := Decode([]byte(function("\x03\x40\x0b\x41\x7f\xfd\x0c0123456789abcdef\x1a\x1a\x10\x80\x80\x80\x80\x00")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if m.FunctionCount() != 1 || m.TableCount() != 1 || m.MemoryCount() != 1 || m.GlobalCount() != 1 || len(m.Elements) != 1 || len(m.Data) != 1 || m.Bodies[0].Loops != 1 {
		t.Errorf("%+v", m)
	}
	var ops []Op
	for w := m.Walk(m.Bodies[0].Code); w.More(); {
		w.Next()
		ops = append(ops, w.Op)
		if w.Op == OpI32Const && w.A != 1<<32-1 {
			t.Errorf("-1 was read as %d", w.A)
		}
	}
	want := []Op{OpLoop, OpEnd, OpI32Const, OpVector<<8 | opV128Const, 0x1a, 0x1a, OpCall, OpEnd}
	if len(ops) != len(want) {
		t.Fatalf("%#x", ops)
	}
	for i := range want {
		if ops[i] != want[i] {
			t.Errorf("instruction %d is %#x, want %#x", i, ops[i], want[i])
		}
	}
}

// TestSigned reads numbers at the ends of their types.
func TestSigned(t *testing.T) {
	for _, c := range []struct {
		bits int
		text string
		want int64
	}{
		{32, "\x00", 0}, {32, "\x7f", -1}, {32, "\x3f", 63}, {32, "\x40", -64}, {32, "\xff\x00", 127}, {32, "\x80\x7f", -128},
		{32, "\xff\xff\xff\xff\x07", 1<<31 - 1}, {32, "\x80\x80\x80\x80\x78", -1 << 31}, {32, "\xff\xff\xff\xff\x7f", -1},
		{33, "\xff\xff\xff\xff\x0f", 1<<32 - 1}, {33, "\x80\x80\x80\x80\x70", -1 << 32},
		{64, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00", 1<<63 - 1}, {64, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f", -1 << 63},
	} {
		r := reader{bin: []byte(c.text), end: len(c.text)}
		if got := r.signed(c.bits); got != c.want || r.left() != 0 {
			t.Errorf("%d bits of %x: %d, want %d", c.bits, c.text, got, c.want)
		}
	}
}

// guests reads the modules that the repository keeps.
func guests(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("../../../testdata/guests/*/*.wasm")
	if err != nil || len(paths) < 100 {
		t.Fatalf("%d guests, %v", len(paths), err)
	}
	modules := map[string][]byte{}
	for _, p := range paths {
		if modules[filepath.Base(p)], err = os.ReadFile(p); err != nil {
			t.Fatal(err)
		}
	}
	return modules
}

// TestTruncated cuts good modules at every byte: what is left is refused, or it
// ends with a section.
func TestTruncated(t *testing.T) {
	for name, bin := range guests(t) {
		ends := map[int]bool{8: true}
		m, err := Decode(bin, Options{Reserved: true, Tables: 2})
		if err != nil {
			continue // of the refused ones, some are not even decoded
		}
		for _, s := range m.Sections {
			ends[int(s.Body.End)] = true
		}
		for n := range bin {
			_, err := Decode(bin[:n], Options{Reserved: true, Tables: 2})
			var fault *Error
			if err == nil && !ends[n] || err != nil && (!errors.As(err, &fault) || fault.Offset > n) {
				t.Errorf("%s, %d bytes: %v", name, n, err)
			}
		}
	}
}

// allocated is how many bytes a call allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestAllocations: at most 16 times the input and 64 KiB, whatever the input says.
func TestAllocations(t *testing.T) {
	inputs := map[string][]byte{}
	for _, f := range faults() {
		inputs[f.name] = []byte(f.binary)
	}
	for name, bin := range guests(t) {
		inputs[name] = bin
	}
	many := func(n int, s string) string {
		return string(binary.AppendUvarint(nil, uint64(n))) + strings.Repeat(s, n)
	}
	inputs["10,000 types"] = []byte(file(sec(1, many(10_000, "\x60\x00\x00"))))
	inputs["1,000 imports"] = []byte(file(sec(2, many(1_000, "\x00\x00\x03\x7f\x00"))))
	inputs["100,000 functions"] = []byte(file(sec(1, "\x01\x60\x00\x00"), sec(3, many(100_000, "\x00")), sec(10, many(100_000, "\x02\x00\x0b"))))
	inputs["100,000 globals"] = []byte(file(sec(6, many(100_000, "\x7f\x00\x41\x00\x0b"))))
	inputs["10,000 exports"] = []byte(file(sec(5, "\x01\x00\x01"), sec(7, many(10_000, "\x00\x02\x00"))))
	inputs["10,000 elements"] = []byte(file(sec(9, many(10_000, "\x01\x00\x00"))))
	inputs["100,000 data segments"] = []byte(file(sec(11, many(100_000, "\x01\x00"))))
	inputs["1,000 custom sections"] = []byte(file(strings.Repeat("\x00\x01\x00", 1_000)))
	for name, bin := range inputs {
		n := allocated(func() { _, _ = Decode(bin, Options{}) })
		if most := uint64(16*len(bin) + 64<<10); n > most {
			t.Errorf("%s: %d bytes allocated for %d, %d are allowed", name, n, len(bin), most)
		}
	}
}

// tight are budgets that small modules exceed.
func tight() Options {
	return Options{Reserved: true, Tables: 2, Locals: 9, Blocks: 12, Loops: 3, Depth: 5, Moves: 9, LoopLocals: 6, Targets: 3}
}

// decodeTwice decodes by the short way and by the walker alone, and wants the same.
func decodeTwice(t *testing.T, name string, bin []byte, options Options) (*Module, error) {
	t.Helper()
	m, err := Decode(bin, options)
	thorough, want := decode(bin, options, true)
	if !reflect.DeepEqual(m, thorough) || !reflect.DeepEqual(err, want) {
		t.Errorf("%s: %v, by the walker %v", name, err, want)
	}
	return m, err
}

// TestOrdinary: most instructions are checked by a short way, which must find what
// the walker finds.
func TestOrdinary(t *testing.T) {
	modules := guests(t)
	for _, f := range faults() {
		modules[f.name] = []byte(f.binary)
	}
	for name, bin := range modules {
		for _, options := range []Options{{Reserved: true, Tables: 2}, tight()} {
			decodeTwice(t, name, bin, options)
		}
	}
}

// TestOrdinaryBudget: the short way takes as many of each as the walker does, and not
// one more.
func TestOrdinaryBudget(t *testing.T) {
	behind := strings.Repeat("\x01", 2*window)
	for name, one := range map[string]string{"blocks": "\x02\x40\x0b", "branches": "\x41\x00\x0d\x00", "tables": "\x41\x00\x0e\x00\x00", "loops": "\x03\x40\x0b", "calls": "\x10\x00", "indirect": "\x41\x00\x11\x00\x00"} {
		for n := range 8 {
			options := Options{Blocks: 5, Loops: 4, Moves: 5}
			_, err := decodeTwice(t, fmt.Sprint(n, " ", name), []byte(function(strings.Repeat(one, n)+behind)), options)
			if most := map[bool]int{true: 4, false: 5}[name == "loops"]; (err == nil) != (n <= most) {
				t.Errorf("%d %s: %v", n, name, err)
			}
		}
	}
}

// TestOrdinaryInstructions tries every instruction with numbers of every length,
// before and behind others, cut and not.
func TestOrdinaryInstructions(t *testing.T) {
	var heads []string
	for op := range 256 {
		seconds := []byte{0, 1, 4, 0x40, 0x7f, 0x80, 0xff}
		switch {
		case op >= 0x45 && op <= 0xc4: // numeric
			seconds = []byte{0, 0xff}
		case op == OpMisc || op == OpVector:
			for second := 0; second < 256; second += 1 + second/96*2 {
				seconds = append(seconds, byte(second))
			}
		}
		for _, second := range seconds {
			heads = append(heads, string([]byte{byte(op), second}))
		}
	}
	tails := []string{"", "\x00\x00", "\x01", "\x01\x00\x00", "\x01\x02\x00", "\x02", "\x05\x00", "\x00\x00\x02", "\xff\xff\xff\xff\x0f", "\xff\xff\xff\xff\x1f", "\x7f", "\x80\x00", "\xff\x7f", "\x80\x80\x80\x08", "\x80\x80\x80\x10", "\xff\xff\xff\x07",
		"\xff\xff\xff\x70", "\x80\x80\x80\x80\x00", strings.Repeat("\xff", 8) + "\x7f", strings.Repeat("\xff", 8) + "\x01", strings.Repeat("\x00", 17)}
	behind, taken := strings.Repeat("\x01", 2*window), 0
	for _, head := range heads {
		for _, tail := range tails {
			code := head + tail
			for _, c := range []string{code, "\x02\x40\x41\x00" + code + "\x0b" + behind, code + behind} {
				if _, err := decodeTwice(t, fmt.Sprintf("%x", c), []byte(function(c)), tight()); err == nil {
					taken++
				}
			}
			alone := file(sec(1, "\x01\x60\x00\x00"), sec(3, "\x01\x00"), sec(10, "\x01"+sized("\x00"+code+"\x0b")), sec(0, "\x01x"+behind))
			decodeTwice(t, fmt.Sprintf("%x, alone", code), []byte(alone), tight())
		}
	}
	deep := strings.Repeat("\x02\x40", 300) + "\x41\x00\x0e\x02\x00\x7f\x2b" + strings.Repeat("\x0b", 300) + behind
	decodeTwice(t, "deep", []byte(function(deep)), Options{})
	decodeTwice(t, "deep", []byte(function(strings.Replace(deep, "\x41\x00", strings.Repeat("\x0b", 257)+"\x41\x00", 1))), Options{})                      // 44 are open
	decodeTwice(t, "deep", []byte(function(strings.Repeat("\x02\x40", 200)+"\x41\x00\x0e\x01\x81\x01\x02"+strings.Repeat("\x0b", 200)+behind)), Options{}) // label 129
	if taken < 3_000 {
		t.Errorf("%d of the modules are good", taken)
	}
}

// FuzzDecode: no panic, bounded allocations, the same answer twice and by the walker
// alone.
func FuzzDecode(f *testing.F) {
	for _, c := range faults() {
		f.Add([]byte(c.binary))
	}
	for _, bin := range guests(f) {
		f.Add(bin)
	}
	f.Fuzz(func(t *testing.T, bin []byte) {
		kept := bytes.Clone(bin)
		options := Options{Reserved: true, Tables: 10}
		var m *Module
		var err error
		n := allocated(func() { m, err = Decode(bin, options) })
		for try := 0; try < 9 && n > uint64(16*len(bin)+64<<10); try++ { // others allocate at the same time
			n = allocated(func() { m, err = Decode(bin, options) })
		}
		if n > uint64(16*len(bin)+64<<10) {
			t.Errorf("%d bytes allocated for %d", n, len(bin))
		}
		if again, fault := decodeTwice(t, "fuzzed", kept, options); (again == nil) != (m == nil) || !reflect.DeepEqual(fault, err) {
			t.Errorf("%v, and then %v", err, fault)
		}
		decodeTwice(t, "fuzzed", kept, tight())
		var fault *Error
		if err != nil && (!errors.As(err, &fault) || fault.Offset < 0 || fault.Offset > len(bin) || m != nil) {
			t.Errorf("%v, %v", m, err)
		}
		if !bytes.Equal(kept, bin) {
			t.Error("the input was changed")
		}
	})
}
