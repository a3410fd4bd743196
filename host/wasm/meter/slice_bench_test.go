package meter_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/chhost/chhost/host/wasm/meter"
)

// mix is a few instructions that take one value and leave one of the same type, so
// that a chain of them cannot be left out by a compiler, nor run ahead of itself.
type mix struct {
	name string
	of   byte // the type
	code string
}

// The locals of a chain: the number of rounds, and a second operand for each type.
// They come from outside, so that nothing is known of them.
const (
	secondI32 = "\x20\x01"
	secondI64 = "\x20\x02"
	secondF32 = "\x20\x03"
	secondF64 = "\x20\x04"
	second128 = "\x20\x05"
)

const (
	i32, i64, f32, f64, v128 = 0x7f, 0x7e, 0x7d, 0x7c, 0x7b
)

// operators are the instructions from one number to another: those whose number is
// at most last have these operands and this result, and the second operand.
func operators() (list []struct {
	last     byte
	of, to   byte
	two      bool
	comeback string // from the result's type to the operand's, as cheaply as can be
}) {
	type row = struct {
		last     byte
		of, to   byte
		two      bool
		comeback string
	}
	const toF32, toI64, toF64, toI32 = "\xbe", "\xad", "\xad\xbf", "\xa7"
	return append(list, []row{
		{0x45, i32, i32, false, ""}, {0x4f, i32, i32, true, ""}, {0x50, i64, i32, false, toI64}, {0x5a, i64, i32, true, toI64},
		{0x60, f32, i32, true, toF32}, {0x66, f64, i32, true, toF64}, {0x69, i32, i32, false, ""}, {0x78, i32, i32, true, ""},
		{0x7b, i64, i64, false, ""}, {0x8a, i64, i64, true, ""}, {0x91, f32, f32, false, ""}, {0x98, f32, f32, true, ""},
		{0x9f, f64, f64, false, ""}, {0xa6, f64, f64, true, ""}, {0xa7, i64, i32, false, toI64}, {0xa9, f32, i32, false, toF32},
		{0xab, f64, i32, false, toF64}, {0xad, i32, i64, false, toI32}, {0xaf, f32, i64, false, toI32 + toF32}, {0xb1, f64, i64, false, "\xbf"},
		{0xb3, i32, f32, false, "\xbc"}, {0xb5, i64, f32, false, "\xbc" + toI64}, {0xb6, f64, f32, false, "\xbb"}, {0xb8, i32, f64, false, "\xbd" + toI32},
		{0xba, i64, f64, false, "\xbd"}, {0xbb, f32, f64, false, "\xb6"}, {0xbc, f32, i32, false, toF32}, {0xbd, f64, i64, false, "\xbf"},
		{0xbe, i32, f32, false, "\xbc"}, {0xbf, i64, f64, false, "\xbd"}, {0xc1, i32, i32, false, ""}, {0xc4, i64, i64, false, ""},
	}...)
}

// mixes are chains of every instruction that there is more than one way to do.
func mixes() (list []mix) {
	second := map[byte]string{i32: secondI32, i64: secondI64, f32: secondF32, f64: secondF64}
	op := 0x45
	for _, row := range operators() {
		for ; op <= int(row.last); op++ {
			code := string([]byte{byte(op)}) + row.comeback
			if row.two {
				code = second[row.of] + code
			}
			list = append(list, mix{fmt.Sprintf("%#x", op), row.of, code})
		}
	}
	for sub, row := range []mix{{"", f32, "\xbe"}, {"", f32, "\xbe"}, {"", f64, "\xad\xbf"}, {"", f64, "\xad\xbf"}, {"", f32, "\xa7\xbe"}, {"", f32, "\xa7\xbe"}, {"", f64, "\xbf"}, {"", f64, "\xbf"}} {
		list = append(list, mix{fmt.Sprintf("0xfc %d", sub), row.of, "\xfc" + string([]byte{byte(sub)}) + row.code})
	}
	for sub := range 256 {
		if code := vectorMix(sub); code != "" {
			list = append(list, mix{fmt.Sprintf("0xfd %#x", sub), v128, code})
		}
	}
	const bulk = "\x41\x00\x41\x00\x41"
	return append(list, []mix{
		{"select", i32, secondI32 + secondI32 + "\x1b"}, {"global.get", i32, "\x23\x00\x6a"}, {"global.set", i32, "\x24\x00\x23\x00"},
		{"i32.load", i32, "\x28\x02\x00"}, {"i64.load32_u", i32, "\x35\x02\x00\xa7"}, {"i32.store", i32, "\x41\x00" + secondI32 + "\x36\x02\x00"}, {"v128.load", i32, "\xfd\x00\x04\x00\xfd\x1b\x00"},
		{"memory.size", i32, "\x3f\x00\x6a"}, {"memory.grow", i32, "\x41\x00\x40\x00\x6a"}, {"br_table", i32, "\x02\x40" + secondI32 + "\x0e\x01\x00\x00\x0b"}, {"br_if", i32, "\x02\x40" + secondI32 + "\x0d\x00\x0b"},
		{"call", i32, "\x10\x00"}, {"call with 1 of 16 results", i32, "\x10\x02" + strings.Repeat("\x1a", 15)}, {"call_indirect", i32, secondI32 + "\x11\x00\x00"},
		{"table.get", i32, "\x41\x00\x25\x00\xd1\x6a"}, {"table.set", i32, "\x41\x00\xd0\x70\x26\x01"}, {"table.size", i32, "\xfc\x10\x00\x6a"},
		{"ref.null", i32, "\xd0\x70\xd1\x6a"}, {"ref.func", i32, "\xd2\x00\xd1\x6a"}, {"table.grow", i32, "\xd0\x70\x41\x00\xfc\x0f\x01\x6a"},
		{"memory.fill of 0", i32, bulk + "\x00\xfc\x0b\x00"}, {"memory.fill of 7", i32, bulk + "\x07\xfc\x0b\x00"}, {"memory.fill of 4096", i32, bulk + "\x80\x20\xfc\x0b\x00"},
		{"memory.copy of 0", i32, bulk + "\x00\xfc\x0a\x00\x00"}, {"memory.copy of 7", i32, bulk + "\x07\xfc\x0a\x00\x00"}, {"memory.copy of 4096", i32, bulk + "\x80\x20\xfc\x0a\x00\x00"},
		{"memory.copy of n", i32, "\x41\x00\x41\x00" + secondI32 + "\xfc\x0a\x00\x00"}, {"memory.init of 0", i32, bulk + "\x00\xfc\x08\x00\x00"}, {"memory.init of 7", i32, bulk + "\x07\xfc\x08\x00\x00"},
		{"table.fill of 0", i32, "\x41\x00\xd0\x70\x41\x00\xfc\x11\x01"}, {"table.fill of 7", i32, "\x41\x00\xd0\x70\x41\x07\xfc\x11\x01"},
		{"table.copy of 0", i32, bulk + "\x00\xfc\x0e\x00\x00"}, {"table.copy of 7", i32, bulk + "\x07\xfc\x0e\x00\x00"}, {"table.init of 0", i32, bulk + "\x00\xfc\x0c\x01\x00"}, {"table.init of 4", i32, bulk + "\x04\xfc\x0c\x01\x00"},
		{"data.drop", i32, "\xfc\x09\x01"}, {"elem.drop", i32, "\xfc\x0d\x01"},
	}...)
}

// vectorMix is the chain of a vector instruction, "" if there is none.
func vectorMix(sub int) string {
	op := "\xfd" + string(binary.AppendUvarint(nil, uint64(sub)))
	in := func(ranges ...int) bool {
		for i := 0; i < len(ranges); i += 2 {
			if sub >= ranges[i] && sub <= ranges[i+1] {
				return true
			}
		}
		return false
	}
	const splat = "\xfd\x11" // of an i32
	switch {
	case in(0x9a, 0x9a, 0xa2, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb4, 0xbb, 0xbb, 0xc2, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd4, 0xe2, 0xe2, 0xee, 0xee): // none
	case sub == 0x0d:
		return second128 + op + "\x00\x10\x01\x11\x02\x12\x03\x13\x04\x14\x05\x15\x06\x16\x07\x17"
	case sub == 0x15 || sub == 0x16 || sub == 0x18 || sub == 0x19 || sub == 0x1b:
		return op + "\x01" + splat
	case sub == 0x17 || sub == 0x1a || sub == 0x1c:
		return secondI32 + op + "\x01"
	case sub == 0x1d:
		return op + "\x01\xfd\x12"
	case sub == 0x52:
		return second128 + second128 + op
	case in(0x53, 0x53, 0x63, 0x64, 0x83, 0x84, 0xa3, 0xa4, 0xc3, 0xc4): // to an i32
		return op + splat
	case in(0x6b, 0x6d, 0x8b, 0x8d, 0xab, 0xad, 0xcb, 0xcd): // shifts
		return secondI32 + op
	case in(0x4d, 0x4d, 0x5e, 0x5f, 0x60, 0x62, 0x67, 0x6a, 0x74, 0x75, 0x7a, 0x7a, 0x7c, 0x81, 0x87, 0x8a, 0x94, 0x94, 0xa0, 0xa1, 0xa7, 0xaa, 0xc0, 0xc1, 0xc7, 0xca, 0xe0, 0xe3, 0xec, 0xef, 0xf8, 0xff):
		return op
	case sub == 0x0e || sub >= 0x23 && sub <= 0x51 || sub >= 0x65:
		return second128 + op
	}
	return ""
}

// chain is a module with a function that does n rounds of a mix, many times each.
func chain(m mix) []byte {
	const copies = 100
	first := map[byte]string{i32: secondI32, i64: secondI64, f32: secondF32, f64: secondF64, v128: second128}[m.of]
	body := "\x01\x01\x7b" + "\x41\x07\xfd\x11\x21\x05" + first + "\x03" + string([]byte{4 + 0x7f - m.of}) + strings.Repeat(m.code, copies) +
		"\x20\x00\x41\x01\x6b\x22\x00\x0d\x00\x0b\x1a\x0b"
	i := "\x01\x7f"
	types := "\x09\x60" + i + i + "\x60\x05\x7f\x7f\x7e\x7d\x7c\x00" + "\x60" + i + "\x10" + strings.Repeat("\x7f", 16) + "\x60\x00\x00"
	for _, t := range []byte{i32, i64, f32, f64, v128} {
		types += "\x60\x01" + string([]byte{t}) + "\x01" + string([]byte{t})
	}
	many := "\x00" + strings.Repeat("\x20\x00", 16) + "\x0b"
	return []byte("\x00asm\x01\x00\x00\x00" + section(1, types) + section(3, "\x03\x00\x01\x02") + section(4, "\x02\x70\x00\x08\x70\x00\x08") + section(5, "\x01\x00\x01") +
		section(6, "\x01\x7f\x01\x41\x00\x0b") + section(7, "\x01"+sized("run")+"\x00\x01") + section(9, "\x02\x00\x41\x00\x0b\x08"+strings.Repeat("\x00", 8)+"\x01\x00\x04\x00\x00\x00\x00") +
		section(12, "\x02") + section(10, "\x03"+sized("\x00\x20\x00\x0b")+sized(body)+sized(many)) + section(11, "\x02\x01\x08datadata\x01\x04data"))
}

// BenchmarkSlice is how long a slice of fuel lasts, for each instruction with as
// little beside it as can be and everything in the first cache.
func BenchmarkSlice(b *testing.B) {
	type length struct {
		name string
		ms   float64
	}
	list := mixes()
	least := make([]length, len(list))
	runs := make([]func() float64, len(list))
	for i, m := range list {
		bin := rewrite(b, chain(m), meter.Options{Module: relaxed().Module})
		g := start(b, wazero.NewRuntimeConfigCompiler(), bin, math.MaxInt64)
		f := g.ExportedFunction("run")
		least[i] = length{m.name, math.MaxFloat64}
		runs[i] = func() float64 {
			before, begin := g.used(), time.Now()
			if _, err := f.Call(context.Background(), 40, 1, math.MaxInt64, uint64(math.Float32bits(3)), math.Float64bits(3)); err != nil {
				b.Fatalf("%s: %v", m.name, err)
			}
			return float64(time.Since(begin).Nanoseconds()) / float64(g.used()-before) * slice / 1e6
		}
	}
	for b.Loop() {
		for i, run := range runs {
			for range 5 {
				least[i].ms = min(least[i].ms, run())
			}
		}
	}
	slices.SortFunc(least, func(x, y length) int { return cmp.Compare(y.ms, x.ms) })
	var table strings.Builder
	for i, l := range least[:60] {
		if i%6 == 0 {
			table.WriteByte('\n')
		}
		fmt.Fprintf(&table, "%s %.3f, ", l.name, l.ms)
	}
	b.Logf("ms a slice:%s", &table)
	b.ReportMetric(missing(b), "missing-ms/slice")
	b.ReportMetric(least[0].ms, "worst-ms/slice")
	b.ReportMetric(least[len(least)/2].ms, "median-ms/slice")
	b.ReportMetric(0, "ns/op")
}

// missing is how long a slice lasts of loads that each miss the caches and tell where
// the next one is, all over a memory of 64 MiB.
func missing(b *testing.B) float64 {
	const size, line = 64 << 20, 64
	bin := bytes.Replace(chain(mix{"", i32, "\x28\x02\x00"}), []byte("\x05\x03\x01\x00\x01"), []byte("\x05\x04\x01\x00\x80\x08"), 1)
	g := start(b, wazero.NewRuntimeConfigCompiler(), rewrite(b, bin, meter.Options{Module: relaxed().Module}), math.MaxInt64)
	order := make([]uint32, size/line)
	for i := range order {
		order[i] = uint32(i) * line
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := len(order) - 1; i > 0; i-- { // one circle
		j := rng.IntN(i)
		order[i], order[j] = order[j], order[i]
	}
	for i, next := range order {
		g.Memory().WriteUint32Le(uint32(i)*line, next)
	}
	least := math.MaxFloat64
	for range 20 {
		before, begin := g.used(), time.Now()
		if _, err := g.ExportedFunction("run").Call(context.Background(), 40, uint64(rng.IntN(size/line))*line, 0, 0, 0); err != nil {
			b.Fatal(err)
		}
		least = min(least, float64(time.Since(begin).Nanoseconds())/float64(g.used()-before)*slice/1e6)
	}
	return least
}
