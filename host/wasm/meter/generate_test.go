package meter_test

import (
	"encoding/binary"
	"math/rand/v2"
)

// generator writes a random program: four functions (i32) -> i32 that call each
// other, with blocks, loops and branches wherever they may stand. A counter of
// the module ends them all.
type generator struct {
	rng  *rand.Rand
	code []byte
	open []bool // the blocks around: whether each is a loop
	size int
}

const generated = 4

func generate(rng *rand.Rand) []byte {
	bodies := []byte{generated}
	for range generated {
		g := &generator{rng: rng, open: []bool{false}, size: 30 + rng.IntN(100)}
		g.tick()
		g.statements(0)
		g.op(0x20, 0, 0x23, 1, 0x6a, 0x0b) // the parameter and the sum
		body := append([]byte{0}, g.code...)
		bodies = append(binary.AppendUvarint(bodies, uint64(len(body))), body...)
	}
	out := []byte("\x00asm\x01\x00\x00\x00\x01\x06\x01\x60\x01\x7f\x01\x7f\x03\x05\x04\x00\x00\x00\x00\x04\x04\x01\x70\x00\x04\x05\x03\x01\x00\x03")
	out = append(out, "\x06\x0c\x02\x7f\x01\x41\xe4\x00\x0b\x7f\x01\x41\x00\x0b\x07\x11\x02\x04main\x00\x00\x06memory\x02\x00\x09\x0a\x01\x00\x41\x00\x0b\x04\x00\x01\x02\x03"...)
	out = append(out, 12, 1, 1) // the number of data segments
	out = append(binary.AppendUvarint(append(out, 10), uint64(len(bodies))), bodies...)
	return append(out, "\x0b\x13\x01\x01\x10a data segment ."...)
}

func (g *generator) op(ops ...byte) { g.code = append(g.code, ops...) }

// tick counts down, and returns at the end.
func (g *generator) tick() {
	g.op(0x23, 0, 0x45, 0x04, 0x40, 0x20, 0, 0x0f, 0x0b) // if it is zero, return the parameter
	g.op(0x23, 0, 0x41, 1, 0x6b, 0x24, 0)
}

func (g *generator) number() {
	switch g.rng.IntN(5) {
	case 0:
		g.op(0x20, 0)
	case 1:
		g.op(0x23, 1)
	case 2:
		g.op(0x41, byte(g.rng.IntN(64)))
	case 3:
		g.op(0x20, 0, 0x23, 0, 0x73) // xor
	case 4:
		g.op(0x20, 0, 0x41, byte(g.rng.IntN(4)), 0x71) // and
	}
}

func (g *generator) statements(depth int) {
	for n := g.rng.IntN(6); n >= 0 && len(g.code) < g.size*8; n-- {
		g.statement(depth)
	}
}

func (g *generator) block(depth int, op byte) {
	g.op(op, 0x40)
	g.open = append(g.open, op == 0x03)
	if op == 0x03 {
		g.tick()
	}
	g.statements(depth + 1)
	if op == 0x04 && g.rng.IntN(2) == 0 {
		g.op(0x05)
		g.statements(depth + 1)
	}
	g.open = g.open[:len(g.open)-1]
	g.op(0x0b)
}

// label picks a block around; the function itself wants a value.
func (g *generator) label() byte {
	if len(g.open) == 1 {
		return 0
	}
	return byte(g.rng.IntN(len(g.open) - 1))
}

func (g *generator) statement(depth int) {
	kind := g.rng.IntN(26)
	if depth > 6 && kind < 4 || len(g.open) == 1 && kind >= 4 && kind < 7 {
		kind = 7
	}
	switch kind {
	case 0:
		g.block(depth, 0x02)
	case 1:
		g.block(depth, 0x03)
	case 2, 3:
		g.number()
		g.block(depth, 0x04)
	case 4:
		g.op(0x0c, g.label())
	case 5:
		g.number()
		g.op(0x0d, g.label())
	case 6:
		g.number()
		g.op(0x0e, 3, g.label(), g.label(), g.label(), g.label())
	case 8:
		if g.rng.IntN(4) == 0 {
			g.number()
			g.op(0x0f)
		}
	case 9:
		g.number()
		g.op(0x10, byte(g.rng.IntN(generated)), 0x24, 1)
	case 10:
		g.number()
		g.number()
		g.op(0x11, 0, 0, 0x24, 1) // may trap
	case 11:
		g.number()
		g.number()
		g.number()
		g.op(0xfc, 11, 0)
	case 12: // a large copy, that may overlap or trap
		g.number()
		g.number()
		g.op(0x41)
		g.code = append(g.code, leb(int32(g.rng.IntN(140_000)))...)
		if g.rng.IntN(2) == 0 {
			g.op(0x23, 1, 0x6a)
		}
		g.op(0xfc, 10, 0, 0)
	case 13:
		g.number()
		g.op(0x41, 1, 0x71, 0x40, 0, 0x24, 1)
	case 14:
		g.number()
		g.number()
		g.op(0x36, 0, 0) // a store, that may trap
	default:
		g.rarer(kind)
	}
}

// rarer writes what has a cost, a type or a bulk operation of its own. No result of
// floats depends on which NaN an engine makes.
func (g *generator) rarer(kind int) {
	g.number()
	switch kind {
	case 17: // i32.div_u, i32.rem_s: may trap
		g.number()
		g.op(byte(0x6e+g.rng.IntN(2)), 0x24, 1)
	case 18: // i32x4.splat, add or mul, extract_lane
		g.op(0xfd, 0x11)
		g.number()
		g.op(0xfd, 0x11, 0xfd, []byte{0xae, 0xb5}[g.rng.IntN(2)], 1, 0xfd, 0x1b, byte(g.rng.IntN(4)), 0x24, 1)
	case 19: // f64: convert, sqrt, nearest, trunc_sat
		g.op(0xb8, 0x9f, 0x9e, 0xfc, 3, 0x24, 1)
	case 20: // i64: extend, mul, popcnt, wrap
		g.op(0xad)
		g.number()
		g.op(0xad, 0x7e, 0x7b, 0xa7, 0x24, 1)
	case 21: // table.set
		g.op(0x41, 3, 0x71, 0xd2, byte(g.rng.IntN(generated)), 0x26, 0)
	case 22: // table.grow
		g.op(0x1a, 0xd2, 0, 0x41, byte(g.rng.IntN(3)), 0xfc, 15, 0, 0x24, 1)
	case 23: // memory.init, may trap
		g.number()
		g.op(0x41, 7, 0x71, 0x41, byte(g.rng.IntN(12)), 0xfc, 8, 0, 0)
	case 24: // select, table.get, ref.is_null
		g.number()
		g.op(0x41, 3, 0x71, 0x25, 0, 0xd1, 0x23, 0, 0x1b, 0x24, 1)
	case 25: // v128.load, all_true; may trap
		g.op(0xfd, 0, 4, 0, 0xfd, 0xa3, 1, 0x24, 1)
	default:
		g.op(0x23, 1, 0x6a, 0x24, 1)
	}
}

// leb writes a signed number.
func leb(n int32) (out []byte) {
	for n > 63 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(out, byte(n))
}
