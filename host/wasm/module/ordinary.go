package module

import (
	"encoding/binary"
	"math/bits"
)

// window is how many bytes ordinary looks at: no instruction that it takes is longer
// but a br_table, of which it looks at more than one window.
const window = 18

// ordinary checks instructions from the walker's place on, for as long as they are
// what nearly all code consists of and nothing is wrong with them, and leaves the
// walker at the first that is not. It finds no fault: what it does not take it has
// not counted either, and the walker reads it and says what is wrong. It takes
// nothing in the last bytes of the file. A walker of its own took 15 ns for each
// instruction; this takes 3.
func (d *decoder) ordinary(w *Walker, locals uint32) {
	bin, pos, end, last := d.bin, w.pos, w.end, len(d.bin)-window
	open := d.nesting
	functions, globals, memory := uint32(d.m.FunctionCount()), uint32(d.m.GlobalCount()), d.m.MemoryCount() > 0
walk:
	for pos < end && pos <= last {
		in := (*[window]byte)(bin[pos:])
		op, next := in[0], pos+1
		switch {
		case op >= OpLocalGet && op <= 0x22: // these are half of all
			i, n := short(in, 1)
			if n == 0 || i >= locals {
				break walk
			}
			next += n
		case op >= 0x45 && op <= 0xc4: // numeric
		case op >= 0x28 && op <= 0x3e: // of the memory
			_, n := short(in, 2)
			if in[1] > 3 || n == 0 || !memory {
				break walk
			}
			next += 1 + n
		default:
			n := 0
			switch op {
			case OpUnreachable, OpNop, OpReturn, 0x1a, 0x1b: // drop, select
				n = 1
			case OpI32Const:
				n = 1 + length(in, 1)
				if n > 6 || n == 6 && above(in[5]) != 0 && above(in[5]) != -1 {
					break walk
				}
			case OpI64Const:
				n = 1 + length(in, 1)
				if n > 9 { // of 9 or 10 bytes
					if n = 10; in[9] >= 0x80 {
						if n = 11; in[10] != 0 && in[10] != 0x7f {
							break walk
						}
					}
				}
			case OpF32Const:
				n = 5
			case OpF64Const:
				n = 9
			case OpGlobalGet, OpGlobalSet:
				i, size := short(in, 1)
				if size == 0 || i >= globals {
					break walk
				}
				n = 1 + size
			case OpElse:
				if k := len(open) - 1; open[k] == openIf {
					open[k], n = openBlock, 1
				}
			case OpEnd:
				if k := len(open) - 1; k > 0 { // else it is the body's own
					open, n = open[:k], 1
				}
			case OpBlock, OpLoop, OpIf:
				if t := ValueType(in[1]); (t == emptyBlock || t.known()) && pos+2 <= end && d.opens(op, len(open), locals) {
					kind := byte(openBlock)
					if op == OpIf {
						kind = openIf
					}
					open, n = append(open, kind), 2
				}
			case OpBr, OpBrIf:
				if i, size := short(in, 1); size > 0 && int(i) < len(open) && pos+1+size <= end && d.branch(1) {
					n = 1 + size
				}
			case OpBrTable:
				n = d.labels(pos, end, len(open))
			case OpCall:
				if i, size := short(in, 1); size > 0 && i < functions && pos+1+size <= end && d.call(d.m.TypeOf(i)) {
					n = 1 + size
				}
			case OpCallIndirect:
				n = d.indirect(in, end-pos)
			case OpMisc:
				n = ordinaryMisc(in, memory)
			case OpVector:
				n = ordinaryVector(in, memory)
			}
			if n == 0 {
				break walk
			}
			next = pos + n
		}
		if next > end {
			break
		}
		pos = next
	}
	w.pos, d.nesting = pos, open
}

// opens counts a block if it is within the budgets.
func (d *decoder) opens(op byte, depth int, locals uint32) bool {
	e, most := &d.effort, &d.budgets
	if e.blocks >= int64(most.Blocks) || depth >= most.Depth {
		return false
	}
	if op == OpLoop {
		if e.loops >= int64(most.Loops) || (e.loops+1)*int64(locals) > int64(most.LoopLocals) {
			return false
		}
		e.loops++
	}
	e.blocks++
	return true
}

// branch counts labels if they are within the budget.
func (d *decoder) branch(n int64) bool {
	if d.effort.blocks+n > int64(d.budgets.Blocks) {
		return false
	}
	d.effort.blocks += n
	return true
}

// call counts a call if it is within the budget.
func (d *decoder) call(t *FuncType) bool {
	moves := d.effort.moves + 1 + int64(t.Params.Len()) + int64(t.Results.Len())
	if moves > int64(d.budgets.Moves) {
		return false
	}
	d.effort.moves = moves
	return true
}

// indirect is a call_indirect in what is left of a body; the length is 0 if it is not
// ordinary.
func (d *decoder) indirect(in *[window]byte, left int) int {
	i, n := short(in, 1)
	if n == 0 || int(i) >= len(d.m.Types) {
		return 0
	}
	table, size := short(in, 1+n)
	if n += 1 + size; size == 0 || int(table) >= d.m.TableCount() || n > left || !d.call(&d.m.Types[i]) {
		return 0
	}
	return n
}

// labels is a br_table, whose labels have a byte each.
func (d *decoder) labels(pos, end, depth int) int {
	n, size := short((*[window]byte)(d.bin[pos:]), 1)
	start := pos + 1 + size
	if size == 0 || int64(start)+int64(n)+1 > int64(end) || int(n) >= d.budgets.Targets {
		return 0
	}
	most := byte(min(depth, 0x80))
	for _, l := range d.bin[start : start+int(n)+1] {
		if l >= most {
			return 0
		}
	}
	if !d.branch(int64(n) + 1) {
		return 0
	}
	return 2 + size + int(n)
}

// ordinaryMisc is an instruction of the first prefix: a conversion or a bulk
// operation on the memory alone.
func ordinaryMisc(in *[window]byte, memory bool) int {
	switch sub := in[1]; {
	case sub <= 7:
		return 2
	case sub == OpMemoryCopy&0xff && memory && in[2] == 0 && in[3] == 0:
		return 4
	case sub == OpMemoryFill&0xff && memory && in[2] == 0:
		return 3
	}
	return 0
}

// ordinaryVector is one of the second prefix.
func ordinaryVector(in *[window]byte, memory bool) int {
	sub, n := in[1], 2
	if sub >= 0x80 {
		sub, n = sub&0x7f|0x80, 3
		if in[2] != 1 || !vectorOp(sub) {
			return 0
		}
	}
	switch form := vectorForm(sub); form {
	case vectorMemory, vectorMemoryLane:
		_, size := short(in, n+1)
		if in[n] > 4 || size == 0 || !memory {
			return 0
		}
		n += 1 + size
		if form == vectorMemoryLane {
			n++
		}
	case vectorNumber:
		n += 16
	case vectorLane:
		n++
	}
	return n
}

// length is how many bytes the number at a place of the window has, 9 if more than 8.
func length(in *[window]byte, at int) int {
	const more = 0x8080808080808080 // the bits that say that a number goes on
	return bits.TrailingZeros64(^binary.LittleEndian.Uint64(in[at:])&more)/8 + 1
}

// above are the bits of a signed number's fifth byte that repeat its sign, and the
// sign; with all of the byte's bits if it is not the last.
func above(b byte) int8 { return int8(b<<1) >> 4 }

// short reads an unsigned number at a place of the window. Its length is 0 if it is
// no number of 32 bits.
func short(in *[window]byte, at int) (v uint32, n int) {
	if in[at] >= 0x80 {
		return longer(in, at)
	}
	return uint32(in[at]), 1
}

func longer(in *[window]byte, at int) (v uint32, n int) {
	n = length(in, at)
	if n > 5 || n == 5 && in[at+4] > 0x0f {
		return 0, 0
	}
	x := binary.LittleEndian.Uint64(in[at:]) & (1<<(8*n) - 1)
	return uint32(x&0x7f | x>>1&(0x7f<<7) | x>>2&(0x7f<<14) | x>>3&(0x7f<<21) | x>>4&(0x0f<<28)), n
}
