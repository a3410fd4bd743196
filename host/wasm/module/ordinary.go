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
	open, e := d.nesting, d.effort // here, where they need not go through memory
	functions, globals, memory := uint32(d.m.FunctionCount()), uint32(d.m.GlobalCount()), d.m.MemoryCount() > 0
	most := int64(d.budgets.Moves)
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
				if t := ValueType(in[1]); (t == emptyBlock || t.known()) && pos+2 <= end && d.opens(e, op, len(open), locals) {
					if e.blocks++; op == OpLoop {
						e.loops++
					}
					kind := byte(openBlock)
					if op == OpIf {
						kind = openIf
					}
					open, n = append(open, kind), 2
				}
			case OpBr, OpBrIf:
				if i, size := short(in, 1); size > 0 && int(i) < len(open) && pos+1+size <= end && e.blocks < int64(d.budgets.Blocks) {
					e.blocks++
					n = 1 + size
				}
			case OpBrTable:
				if size, labels := d.labels(pos, end, len(open)); e.blocks+labels <= int64(d.budgets.Blocks) {
					e.blocks += labels
					n = size
				}
			case OpCall:
				if i, size := short(in, 1); size > 0 && i < functions && pos+1+size <= end {
					if moves := e.moves + values(d.m.TypeOf(i)); moves <= most {
						e.moves, n = moves, 1+size
					}
				}
			case OpCallIndirect:
				size, t := d.indirect(in)
				if size > 0 && size <= end-pos {
					if moves := e.moves + values(t); moves <= most {
						e.moves, n = moves, size
					}
				}
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
	w.pos, d.nesting, d.effort = pos, open, e
}

// opens tells whether one more block is within the budgets.
func (d *decoder) opens(e effort, op byte, depth int, locals uint32) bool {
	most := &d.budgets
	if op == OpLoop && (e.loops >= int64(most.Loops) || (e.loops+1)*int64(locals) > int64(most.LoopLocals)) {
		return false
	}
	return e.blocks < int64(most.Blocks) && depth < most.Depth
}

// values is how many moves a call counts.
func values(t *FuncType) int64 { return 1 + int64(t.Params.Len()) + int64(t.Results.Len()) }

// indirect is the length of a call_indirect, and its type; 0 if it is not ordinary.
func (d *decoder) indirect(in *[window]byte) (int, *FuncType) {
	i, n := short(in, 1)
	if n == 0 || int(i) >= len(d.m.Types) {
		return 0, nil
	}
	table, size := short(in, 1+n)
	if size == 0 || int(table) >= d.m.TableCount() {
		return 0, nil
	}
	return 1 + n + size, &d.m.Types[i]
}

// labels is the length of a br_table whose labels have a byte each, and how many
// they are; 0 if it is not ordinary.
func (d *decoder) labels(pos, end, depth int) (length int, count int64) {
	n, size := short((*[window]byte)(d.bin[pos:]), 1)
	start := pos + 1 + size
	if size == 0 || int64(start)+int64(n)+1 > int64(end) || int(n) >= d.budgets.Targets {
		return 0, 0
	}
	most := byte(min(depth, 0x80))
	for _, l := range d.bin[start : start+int(n)+1] {
		if l >= most {
			return 0, 0
		}
	}
	return 2 + size + int(n), int64(n) + 1
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
