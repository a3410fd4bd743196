package meter

import "github.com/chhost/chhost/host/wasm/module"

// Cost is what an instruction costs, without what a bulk operation costs for its
// size. What leaves no trace in machine code is free; what the engine does in Go
// costs what the way there and back takes; what takes more than about four times as
// long as most instructions do, when nothing but it is done, costs more than they do,
// so that no mix of instructions makes a slice last longer than about four times the
// usual. BenchmarkSlice measures each. Memory that is in no cache is not counted.
func Cost(op module.Op) uint64 {
	switch op {
	case module.OpBlock, module.OpLoop, module.OpElse, module.OpEnd:
		return 0
	case module.OpRefFunc, module.OpMemoryGrow, module.OpTableGrow:
		return outside
	case module.OpMemoryFill:
		return 16
	case module.OpMemoryCopy, module.OpMemoryInit, module.OpTableFill, module.OpTableCopy, module.OpTableInit:
		return 8
	case 0x6d, 0x6e, 0x6f, 0x70, 0x7f, 0x80, 0x81, 0x82, // integers' div and rem
		0x91, 0x95, 0x9f, 0xa3: // sqrt and div
		return 4
	}
	if op>>8 == module.OpVector {
		return vectorCost(byte(op))
	}
	return 1
}

// vectorCost is the cost of a vector instruction: the machine has no single one for
// some, and those of amd64 that take long for numbers do so for vectors.
func vectorCost(sub byte) uint64 {
	switch sub {
	case 0xe3, 0xe7, 0xef, 0xf3, // sqrt and div
		0xcc,                                           // i64x2.shr_s
		0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff: // between integers and floats
		return 4
	case 0x53, 0x63, 0x64, 0x83, 0x84, 0xa3, 0xa4, 0xc3, 0xc4: // any_true, all_true and bitmask
		return 2
	}
	return 1
}

const (
	// outside is what an instruction costs that leaves the compiled code.
	outside = 256
	// byteShift: filling and copying 1<<byteShift bytes cost 1.
	byteShift = 3
	// pageShift: growing a memory by a page costs 1<<pageShift, as filling it does.
	pageShift = 16 - byteShift
	// bytePiece and elementPiece are the most that is done in one piece.
	bytePiece    = 64 << 10
	elementPiece = 8 << 10

	// patience is the most that is charged on a path before it is asked whether
	// fuel is left.
	patience = 1024

	// A function takes frameSlots of the stack and one more for each parameter,
	// result and local, for each value that an instruction makes beyond the first,
	// and for each instructionsPerSlot; a vector takes a slot wherever it is made.
	frameSlots          = 8
	instructionsPerSlot = 4
	// mostSlots is the largest stack that there can be, and what a function takes
	// that could take more.
	mostSlots = 1 << 30
	// smallTree is the most that a function may take, with all that it calls, if it
	// is not counted.
	smallTree = 4096
)

// fixed tells whether a bulk operation whose last operand is the constant n is
// left as it is, and what its size costs then. A fill never is: engines write a
// loop for each, and compiling many of them in one function takes minutes.
func fixed(op module.Op, n uint32) (uint64, bool) {
	switch op {
	case module.OpMemoryCopy, module.OpMemoryInit:
		return uint64(n) >> byteShift, n <= bytePiece
	case module.OpTableCopy, module.OpTableInit:
		return uint64(n), n <= elementPiece
	}
	return 0, false
}
