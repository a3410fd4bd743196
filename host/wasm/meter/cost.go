package meter

import "github.com/chhost/chhost/host/wasm/module"

// Cost is what an instruction costs, without what a bulk operation costs for its
// size. What leaves no trace in machine code is free.
func Cost(op module.Op) uint64 {
	switch op {
	case module.OpBlock, module.OpLoop, module.OpElse, module.OpEnd:
		return 0
	}
	return 1
}

const (
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

	// A function takes frameSlots of the stack and one more for each parameter and
	// local and for each instructionsPerSlot.
	frameSlots          = 8
	instructionsPerSlot = 4
	// smallTree is the most that a function may take, with all that it calls, if it
	// is not counted.
	smallTree = 4096
)

// fixed tells whether a bulk operation whose last operand is the constant n is
// left as it is, and what its size costs then.
func fixed(op module.Op, n uint32) (uint64, bool) {
	switch op {
	case module.OpMemoryFill, module.OpMemoryCopy, module.OpMemoryInit:
		return uint64(n) >> byteShift, n <= bytePiece
	case module.OpTableFill, module.OpTableCopy, module.OpTableInit:
		return uint64(n), n <= elementPiece
	}
	return 0, false
}
