package meter_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/chhost/chhost/host/wasm/meter"
	"github.com/chhost/chhost/host/wasm/module"
)

// dispatched is a module that exports a function of each simple type, two of others,
// and a memory.
func dispatched() []byte {
	i32 := "\x01\x7f"
	export := func(name string, kind, index byte) string { return sized(name) + string([]byte{kind, index}) }
	return []byte("\x00asm\x01\x00\x00\x00" + section(1, "\x06\x60\x00\x00\x60\x00"+i32+"\x60"+i32+"\x00\x60"+i32+i32+"\x60\x02\x7f\x7f"+i32+"\x60\x01\x7e"+i32) +
		section(3, "\x06\x00\x01\x02\x03\x04\x05") + section(5, "\x01\x00\x01") + section(6, "\x01\x7f\x01\x41\x00\x0b") +
		section(7, "\x08"+export("nothing", 0, 0)+export("gives", 0, 1)+export("takes", 0, 2)+export("both", 0, 3)+export("two", 0, 4)+export("wide", 0, 5)+export("memory", 2, 0)+export("last", 3, 0)) +
		section(10, "\x06"+sized("\x00\x41\x07\x24\x00\x0b")+sized("\x00\x41\x7f\x0b")+sized("\x00\x20\x00\x24\x00\x0b")+sized("\x00\x20\x00\x41\x01\x6a\x0b")+
			sized("\x00\x20\x00\x0b")+sized("\x00\x41\x00\x0b")))
}

// TestDispatch calls every function by its number, and what there is not.
func TestDispatch(t *testing.T) {
	names := []string{"missing", "both", "nothing", "gives", "takes", "two", "wide", "memory", ""}
	bin := rewrite(t, dispatched(), meter.Options{Entries: names})
	if m := decode(t, bin); len(m.Functions) != 7 {
		t.Errorf("%d functions", len(m.Functions))
	}
	for engine, config := range configs() {
		g := start(t, config, bin, 1<<20)
		last := g.ExportedGlobal("last")
		for _, c := range []struct {
			name           string
			argument, want uint64
			last           uint64
		}{{"both", 41, 42, 0}, {"nothing", 5, 0, 7}, {"gives", 5, 1<<32 - 1, 7}, {"takes", 9, 0, 9}, {"both", 1<<32 - 1, 0, 9}} {
			got, err := g.call(meter.CallExport, uint64(slices.Index(names, c.name)), c.argument)
			if err != nil || api.DecodeU32(got[0]) != uint32(c.want) || last.Get() != c.last {
				t.Errorf("%s: %s(%d) is %v, %v; the last is %d", engine, c.name, c.argument, got, err, last.Get())
			}
		}
		for _, which := range []uint64{0, 5, 6, 7, 8, 9, 1 << 31, 1<<32 - 1} {
			if _, err := g.call(meter.CallExport, which, 1); err == nil || !strings.Contains(err.Error(), "unreachable") {
				t.Errorf("%s: number %d: %v", engine, which, err)
			}
		}
		if used := g.used(); used != 2+3+1+2+3 {
			t.Errorf("%s: %d fuel was used, want what the functions cost", engine, used)
		}
	}
}

// TestNoDispatch: without entries nothing is added; with entries that a module has not,
// there is a function that traps.
func TestNoDispatch(t *testing.T) {
	for _, e := range decode(t, rewrite(t, dispatched(), meter.Options{})).Exports {
		if string(e.Name.Of(rewrite(t, dispatched(), meter.Options{}))) == meter.CallExport {
			t.Error("there is a function without entries")
		}
	}
	empty := rewrite(t, []byte("\x00asm\x01\x00\x00\x00"), meter.Options{Entries: []string{"a"}})
	for engine, config := range configs() {
		if _, err := start(t, config, empty, 1).call(meter.CallExport, 0, 0); err == nil || !strings.Contains(err.Error(), "unreachable") {
			t.Errorf("%s: %v", engine, err)
		}
	}
	if m, err := module.Decode(empty, module.Options{Reserved: true}); err != nil || len(m.Bodies) != 1 {
		t.Errorf("%v", err)
	}
}
