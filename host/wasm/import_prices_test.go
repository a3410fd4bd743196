package wasm

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
)

// What the host does for a guest takes as long as the fuel that it costs lasts in a guest:
// else a guest could hold a processor for longer than others by calling the host.

// importCall is a call of one import that is as dear as can be for its price.
type importCall struct {
	module, name string
	what         string // about its arguments
	args         []uint64
	data         []byte // at importData
	more         int64  // fuel that it has to cost beside what entering the host does
}

// once tells whether it can be called once in a callback only.
func (c *importCall) once() bool { return c.name == "reply" }

// What a byte has to cost at least of what the host reads: of a name, which is held against
// the rules for names, and of a line of the log, whose characters are looked at twice.
const aName, aLine = 4, 16

const importData = 64 << 10 // where a caller's data is, in the second page of its memory

// importCalls are the dearest calls of all imports, one or several of each, but of those in
// endingImports.
func importCalls() []importCall {
	return slices.Concat(effectCalls(), otherCalls(), assemblyScriptCalls(), wasiCalls())
}

// endingImports are those that a guest can call once, or a few times, when it starts, and
// those that end it.
func endingImports() []string { return []string{"intercept", "accept_binary", "abort", "proc_exit"} }

func longName() string { return strings.Repeat("é", 127) }

// dearTexts are of JSON that takes a checker long.
func dearTexts() map[string]string {
	const n = 20_000
	many := func(text string) string { return strings.Repeat(text, n/len(text)) }
	deep := strings.Repeat("[", 180) + strings.Repeat("]", 180)
	return map[string]string{
		"one-digit numbers": `{"":[` + many("1,") + "1]}", "empty texts": `{"":[` + many(`"",`) + "1]}", "empty objects": `{"":[` + many("{},") + "1]}",
		"keys": "{" + many(`"":1,`) + `"":1}`, "escapes": `{"":"` + many(`\n`) + `"}`, "escapes of code points": `{"":"` + many(`\u12ab`) + `"}`,
		"two-byte characters": `{"":"` + many("é") + `"}`, "four-byte characters": `{"":"` + many("😀") + `"}`, "plain text": `{"":"` + many("x") + `"}`,
		"blanks": `{"":` + many(" ") + "1}", "digits": `{"":` + many("1") + "}", "exponents": `{"":[` + many("1e1,") + "1]}",
		"nesting": `{"":[` + many(deep+",") + "1]}", "lines": `{"":` + many("\n ") + "1}", "mixed text": `{"":"` + many(`é\"x`) + `"}`,
	}
}

func effectCalls() (list []importCall) {
	const at = importData
	event := longName()
	n := uint64(len(event))
	one := aName * int64(len(event))
	add := func(name, what string, more int64, data string, args ...uint64) {
		list = append(list, importCall{abi.Module, name, what, args, []byte(data), more})
	}
	add("push", "a long event", one, event, at, n, 0, 0, 0)
	add("broadcast", "a long event", one, event, at, n, 0, 0, 0)
	add("broadcast_from", "a long event", one, event, at, n, 0, 0, 0)
	add("broadcast_to", "a long topic and event", 2*one, event, at, n, at, n, 0, 0, 0)
	add("send_after", "a long event", one, event, 1, 1000, at, n, 0, 0, 0)
	add("subscribe", "a long topic", one, event, at, n)
	add("unsubscribe", "a long topic", one, event, at, n)
	add("cancel", "", 0, "", 1)
	add("reply_to", "no payload", 0, "", 1, 0, 0, 0, 0)
	add("push", "4 KiB of bytes", aName+copyByte*4096, "x"+strings.Repeat("\xff", 4096), at, 1, at+1, 4096, 1)
	add("assign", "4 KiB", copyByte*4096, strings.Repeat("\xff", 4096), at, 4096)
	for what, text := range dearTexts() {
		add("reply", what, copyByte*int64(len(text))+jsonPrice([]byte(text)), text, 0, at, uint64(len(text)), 0)
	}
	return list
}

func otherCalls() []importCall {
	const at = importData
	line := func(what, text string) importCall {
		return importCall{abi.Module, "log", what, []uint64{3, at, uint64(len(text))}, []byte(text), hostCall + aLine*int64(min(len(text), 1<<10))}
	}
	return []importCall{
		line("nothing", ""), line("1 KiB of ASCII", strings.Repeat("x", 1<<10)), line("1 KiB of control characters", strings.Repeat("\x1b", 1<<10)),
		line("1 KiB of two-byte characters", strings.Repeat("é", 1<<9)), line("1 KiB of direction marks", strings.Repeat("\u202e", 1<<10/3)),
		line("1 KiB of no UTF-8", strings.Repeat("\xff", 1<<10)), line("64 KiB", strings.Repeat("é", 1<<15)),
		{abi.Module, "config_get", "a long key that is not there", []uint64{at, 254, at, 1024}, []byte(longName()), aName * 254},
		{abi.Module, "config_get", "4 KiB", []uint64{at, 4, at + 8, 8192}, []byte("long"), aName*4 + 4096},
	}
}

func assemblyScriptCalls() []importCall {
	text := func(units int) []byte {
		b := binary.LittleEndian.AppendUint32(nil, uint32(2*units))
		for n := range units {
			b = binary.LittleEndian.AppendUint16(b, uint16(0xd800+n%2*0x400)) // pairs of surrogates
		}
		return b
	}
	number := math.Float64bits(2.2250738585072011e-308)
	const module = abi.AssemblyScriptModule
	return []importCall{
		{module, "seed", "", nil, nil, 0},
		{module, "Date.now", "", nil, nil, 0},
		{module, "trace", "five long numbers", []uint64{importData + 4, 5, number, number, number, number, number}, text(0), hostCall + aLine*5*22},
		{module, "console.log", "1 KiB", []uint64{importData + 4}, text(1 << 10), hostCall + (8+aLine)*1<<10},
		{module, "console.log", "64 KiB", []uint64{importData + 4}, text(1 << 15), hostCall + (8+aLine)*1<<10},
	}
}

func wasiCalls() (list []importCall) {
	const at = importData
	add := func(name, what string, more int64, data []byte, args ...uint64) {
		list = append(list, importCall{abi.WASIModule, name, what, args, data, more})
	}
	for _, f := range abi.WASI() {
		if !slices.Contains([]string{"proc_exit", "random_get", "fd_write", "fd_read", "poll_oneoff"}, f.Name) {
			args := make([]uint64, len(f.Params))
			for i, p := range f.Params {
				if p.Name != "fd" && p.Name != "id" {
					args[i] = at
				}
			}
			add(f.Name, "", 0, nil, args...)
		}
	}
	add("fd_prestat_dir_name", "no directory", 0, nil, 9, at, 1<<16)
	add("random_get", "nothing", 0, nil, at, 0)
	add("random_get", "1 byte", 1, nil, at, 1)
	add("random_get", "64 KiB", 1<<16, nil, at, 1<<16)
	buffers := func(n, size int) []byte {
		var b []byte
		for range n {
			b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, at+16<<10), uint32(size))
		}
		return append(append(b, make([]byte, 16<<10-len(b))...), strings.Repeat("\n", 1<<10)...)
	}
	add("fd_write", "1,024 buffers of nothing", 32<<10, buffers(1024, 0), 1, at, 1024, 8)
	add("fd_write", "1,024 buffers of a line", (32+hostCall)<<10, buffers(1024, 1), 1, at, 1024, 8)
	add("fd_write", "16 buffers of 64 lines", 16*32+hostCall<<10, buffers(16, 64), 1, at, 16, 8)
	add("fd_write", "one of nothing", 32, buffers(1, 0), 1, at, 1, 8)
	add("fd_write", "a descriptor that is not there", 32<<10, buffers(1024, 1), 9, at, 1024, 8)
	add("fd_read", "1,024 buffers of nothing", 32<<10, buffers(1024, 0), 0, at, 1024, 8)
	add("fd_read", "1,024 buffers", 32<<10, buffers(1024, 1), 0, at, 1024, 8)
	subscriptions := func(n int, kind byte) []byte {
		one := make([]byte, 48)
		one[8] = kind
		return append(make([]byte, 48), strings.Repeat(string(one), n-1)...) // a clock first, which is due
	}
	for kind, what := range []string{"clocks", "reads", "writes", "nothing"} {
		add("poll_oneoff", "1,000 "+what, 128*1000, subscriptions(1000, byte(kind)), at, at+64<<10, 1000, 8)
	}
	add("poll_oneoff", "one", 128, subscriptions(1, 0), at, at+64<<10, 1, 8)
	return list
}

// caller is a plugin whose handle_in makes a call as often as the event's ref says.
func (c *importCall) caller() []byte {
	uleb := func(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }
	sized := func(s string) string { return uleb(len(s)) + s }
	var params, results, args string
	for _, f := range slices.Concat(abi.Imports(), abi.AssemblyScript(), abi.WASI()) {
		if f.Name != c.name {
			continue
		}
		for i, p := range f.Params {
			params += string([]byte{byte(p.Type)})
			switch p.Type {
			case abi.I32:
				args += "\x41" + sleb(int64(int32(c.args[i])))
			case abi.I64:
				args += "\x42" + sleb(int64(c.args[i]))
			default:
				args += "\x44" + string(binary.LittleEndian.AppendUint64(nil, c.args[i]))
			}
		}
		for _, r := range f.Results {
			results += string([]byte{byte(r)})
		}
	}
	call := args + "\x10\x00" + strings.Repeat("\x1a", len(results))
	handle := "\x01\x01\x7f" + "\x20\x00\x28\x02\x44\x22\x01\x04\x40\x03\x40" + call + "\x20\x01\x41\x01\x6b\x22\x01\x0d\x00\x0b\x0b\x41\x00\x0b"
	exports := "\x05" + sized("memory") + "\x02\x00"
	for i, name := range []string{"ch_abi_version", "ch_buffer", "join", "handle_in"} {
		exports += sized(name) + "\x00" + string([]byte{byte(i + 1)})
	}
	sections := []struct {
		id   byte
		body string
	}{
		{1, "\x03\x60" + uleb(len(params)) + params + uleb(len(results)) + results + "\x60\x00\x01\x7f" + "\x60\x01\x7f\x01\x7f"},
		{2, "\x01" + sized(c.module) + sized(c.name) + "\x00\x00"},
		{3, "\x04\x01\x02\x02\x02"}, {5, "\x01\x00\x05"}, {7, exports},
		{10, "\x04" + sized("\x00\x41\x80\x80\x04\x0b") + sized("\x00\x41\x80\x08\x0b") + sized("\x00\x41\x00\x0b") + sized(handle)},
		{11, "\x01\x00\x41" + sleb(importData) + "\x0b" + sized(string(c.data))},
	}
	bin := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range sections {
		bin = append(bin, section(s.id, []byte(s.body))...)
	}
	return bin
}

func sleb(n int64) (b string) {
	for n < -0x40 || n > 0x3f {
		b += string([]byte{byte(n)&0x7f | 0x80})
		n >>= 7
	}
	return b + string([]byte{byte(n) & 0x7f})
}

// plugin compiles the caller.
func (c *importCall) plugin(t testing.TB, e *Engine) *Plugin {
	t.Helper()
	limits := Limits{Effects: 1 << 20, EffectBytes: 1 << 30, LogLines: 1 << 30, Fuel: 1 << 40, Payload: 1 << 20}
	limits.callbackTime = time.Hour
	p, err := e.Compile(t.Context(), Module{Name: "caller", Binary: c.caller(), Limits: limits, Settings: map[string]string{"long": strings.Repeat("x", 4096)}})
	if err != nil {
		t.Fatalf("%s, %s: %v", c.name, c.what, err)
	}
	return p
}

// run makes this many calls and returns what they cost and how long they took.
func (c *importCall) run(t testing.TB, p *Plugin, calls int) (fuel int64, took time.Duration) {
	ev := event("{}")
	ev.Ref = uint32(calls)
	before, begin := p.tenant.Used(), time.Now()
	_, err := p.HandleIn(t.Context(), ev)
	took = time.Since(begin)
	if err != nil {
		t.Fatalf("%s, %s: %v", c.name, c.what, err)
	}
	return p.tenant.Used() - before, took
}

// TestImportPricesAreWhole: there is a call of every import.
func TestImportPricesAreWhole(t *testing.T) {
	var called []string
	for _, c := range importCalls() {
		called = append(called, c.name)
	}
	for _, f := range slices.Concat(abi.Imports(), abi.AssemblyScript(), abi.WASI()) {
		if slices.Contains(called, f.Name) == slices.Contains(endingImports(), f.Name) {
			t.Errorf("%s has no call, or one although it ends the guest", f.Name)
		}
	}
}

// TestImportsCostFuel: each import costs what it costs to enter the host, and for each byte
// that the host looks at more: whatever the machine, and each time the same.
func TestImportsCostFuel(t *testing.T) {
	e := newTestEngine(t, Config{})
	for _, c := range importCalls() {
		p := c.plugin(t, e)
		calls := 3
		if c.once() {
			calls = 1
		}
		without, _ := c.run(t, p, 0)
		with, _ := c.run(t, p, calls)
		again, _ := c.run(t, p, calls)
		if with != again {
			t.Errorf("%s, %s: %d calls cost %d, and then %d", c.name, c.what, calls, with, again)
		}
		least := hostCall + c.more
		if fuel := (with - without) / int64(calls); fuel < least || fuel > least+least/4 {
			t.Errorf("%s, %s: a call costs %d, want at least %d and not much more", c.name, c.what, fuel, least)
		}
	}
}

// BenchmarkImportPrices is how long a slice's fuel lasts that is used for one import alone.
// Lines of the log count with the time in which they are written when the callback has ended.
func BenchmarkImportPrices(b *testing.B) {
	type price struct {
		name     string
		ns, fuel float64 // of a call
		ms       float64 // of a slice
	}
	e := newTestEngine(b, Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	calls := importCalls()
	prices := make([]price, len(calls))
	plugins := make([]*Plugin, len(calls))
	for i := range calls {
		plugins[i] = calls[i].plugin(b, e)
		prices[i] = price{name: calls[i].name + " " + calls[i].what, ns: math.MaxFloat64}
	}
	for b.Loop() {
		for i := range calls {
			c, p, n := &calls[i], plugins[i], 200
			if c.once() {
				n = 1
			}
			if c.name == "fd_write" {
				n = 20
			}
			idle, busy := time.Hour, time.Hour
			var without, with int64
			for range 20 {
				fuel, took := c.run(b, p, 0)
				idle, without = min(idle, took), fuel
				fuel, took = c.run(b, p, n)
				busy, with = min(busy, took), fuel
			}
			prices[i].fuel = float64(with-without) / float64(n)
			prices[i].ns = min(prices[i].ns, float64(busy-idle)/float64(n))
		}
	}
	for i := range prices {
		prices[i].ms = prices[i].ns / prices[i].fuel * float64(slice) / 1e6
	}
	slices.SortFunc(prices, func(x, y price) int { return cmp.Compare(y.ms, x.ms) })
	var table strings.Builder
	for i, p := range prices {
		if i%((len(prices)+8)/9) == 0 { // a log has ten lines
			table.WriteByte('\n')
		}
		fmt.Fprintf(&table, "%s %.0f/%.0f %.3f; ", p.name, p.ns, p.fuel, p.ms)
	}
	b.Logf("ns/fuel of a call, ms a slice:%s", &table)
	b.ReportMetric(prices[0].ms, "worst-ms/slice")
	b.ReportMetric(prices[len(prices)/2].ms, "median-ms/slice")
	b.ReportMetric(0, "ns/op")
}
