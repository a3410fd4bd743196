package module

// Op is an instruction: its byte, or OpMisc or OpVector times 256 plus the number
// behind that byte.
type Op uint16

// The instructions that somebody asks for by name.
const (
	OpUnreachable  = 0x00
	OpNop          = 0x01
	OpBlock        = 0x02
	OpLoop         = 0x03
	OpIf           = 0x04
	OpElse         = 0x05
	OpEnd          = 0x0b
	OpBr           = 0x0c
	OpBrIf         = 0x0d
	OpBrTable      = 0x0e
	OpReturn       = 0x0f
	OpCall         = 0x10
	OpCallIndirect = 0x11
	OpLocalGet     = 0x20
	OpLocalSet     = 0x21
	OpGlobalGet    = 0x23
	OpGlobalSet    = 0x24
	OpMemorySize   = 0x3f
	OpMemoryGrow   = 0x40
	OpI32Const     = 0x41
	OpI64Const     = 0x42
	OpF32Const     = 0x43
	OpF64Const     = 0x44
	OpRefNull      = 0xd0
	OpRefFunc      = 0xd2
	OpMisc         = 0xfc
	OpVector       = 0xfd

	OpMemoryInit = OpMisc<<8 | 8
	OpDataDrop   = OpMisc<<8 | 9
	OpMemoryCopy = OpMisc<<8 | 10
	OpMemoryFill = OpMisc<<8 | 11
	OpTableInit  = OpMisc<<8 | 12
	OpElemDrop   = OpMisc<<8 | 13
	OpTableCopy  = OpMisc<<8 | 14
	OpTableGrow  = OpMisc<<8 | 15
	OpTableSize  = OpMisc<<8 | 16
	OpTableFill  = OpMisc<<8 | 17

	opV128Const = 12

	emptyBlock = 0x40
)

// form is what stands behind an instruction.
type form uint8

const (
	formPlain form = iota // nothing, or numbers that name nothing
	formBlock
	formLabel
	formLabels
	formFunction
	formIndirect
	formLocal
	formGlobal
	formTable
	formTables
	formMemory
	formTableInit
	formElement
	formMemoryInit
	formData
)

// Walker reads the instructions of one body, one by one.
type Walker struct {
	reader
	// Op is the instruction that was read, and Start its offset.
	Op    Op
	Start int
	// A and B are what it names, in the order of the binary format; the largest
	// label and the number of the others for br_table; an i32.const's number. What an
	// instruction does not name is 0.
	A, B uint32
	// Block is a block's type: an index, or negative.
	Block int64
	// Padded is 0, or the offset behind the number of an instruction with a prefix
	// whose number is longer than it needs to be. Engines differ in how they read
	// that, so whoever copies it should shorten it.
	Padded int

	form   form
	labels int // offset of br_table's labels
}

// Walk returns a walker of a body that [Decode] has checked.
func (m *Module) Walk(code Span) Walker {
	return Walker{reader: reader{bin: m.Binary, pos: int(code.Start), end: int(code.End), section: "code"}}
}

// More tells whether there is another instruction.
func (w *Walker) More() bool { return w.pos < w.end }

// End is the offset behind the instruction that was read.
func (w *Walker) End() int { return w.pos }

// Labels calls f with each label of the br_table that was read.
func (w *Walker) Labels(f func(label uint32)) {
	r := w.reader
	r.pos = w.labels
	for range w.B + 1 {
		f(r.u32())
	}
}

// Next reads one instruction (core specification 2.0, section 5.4).
func (w *Walker) Next() {
	w.Start = w.pos
	op := w.byte()
	w.Op, w.form, w.Padded = Op(op), formPlain, 0
	w.A, w.B = 0, 0
	switch {
	case op == OpLocalGet, op == OpLocalSet, op == 0x22: // and tee; these are half of all
		w.A, w.form = w.u32(), formLocal
	case op >= 0x45 && op <= 0xc4: // numeric
	case op >= 0x28 && op <= 0x3e:
		w.memory(3)
	default:
		w.other(op)
	}
}

func (w *Walker) other(op byte) {
	switch op {
	case OpUnreachable, OpNop, OpElse, OpEnd, OpReturn, 0x1a, 0x1b, 0xd1: // drop, select, ref.is_null
	case OpBlock, OpLoop, OpIf:
		w.Block, w.form = w.signed(33), formBlock
		if w.Block < 0 && w.pos != w.Start+2 {
			w.fail(w.Start, RuleType, "the type of a block takes more than one byte")
		}
	case OpBr, OpBrIf:
		w.A, w.form = w.u32(), formLabel
	case OpBrTable:
		w.table()
	case OpCall, OpRefFunc:
		w.A, w.form = w.u32(), formFunction
	case OpCallIndirect:
		w.A, w.B, w.form = w.u32(), w.u32(), formIndirect
	case 0x1c: // select with types
		for range w.count("types of a select", 1, 1) {
			w.valueType()
		}
	case OpGlobalGet, OpGlobalSet:
		w.A, w.form = w.u32(), formGlobal
	case 0x25, 0x26: // table.get, table.set
		w.A, w.form = w.u32(), formTable
	case OpMemorySize, OpMemoryGrow:
		w.zero()
		w.form = formMemory
	case OpI32Const:
		w.A = uint32(w.signed(32))
	case OpI64Const:
		w.signed(64)
	case OpF32Const:
		w.take(4, "a number")
	case OpF64Const:
		w.take(8, "a number")
	case OpRefNull:
		w.referenceType()
	case OpMisc:
		w.misc()
	case OpVector:
		w.vector()
	default:
		w.fail(w.Start, RuleOpcode, "instruction %#x is not part of WebAssembly 2.0", op)
	}
}

// zero reads the index of the only memory.
func (w *Walker) zero() {
	if at := w.pos; w.byte() != 0 {
		w.fail(at, RuleIndex, "there is no memory but 0")
	}
}

// memory reads alignment and offset of a load or store.
func (w *Walker) memory(most uint32) {
	at := w.pos
	if align := w.u32(); align > most {
		w.fail(at, RuleType, "an alignment of 2^%d is larger than any access", align)
	}
	w.u32()
	w.form = formMemory
}

// table reads the labels of a br_table.
func (w *Walker) table() {
	w.B = uint32(w.count("labels", 1, maxBytes))
	w.labels, w.A = w.pos, 0
	for range w.B + 1 {
		w.A = max(w.A, w.u32())
	}
	w.form = formLabels
}

// number reads the number behind a prefix.
func (w *Walker) number() uint32 {
	at := w.pos
	sub := w.u32()
	if n := w.pos - at; n > 1 && sub>>(7*(n-1)) == 0 {
		w.Padded = w.pos
	}
	return sub
}

func (w *Walker) misc() {
	sub := w.number()
	if sub > 17 {
		w.fail(w.Start, RuleOpcode, "instruction 0xfc %#x is not part of WebAssembly 2.0", sub)
	}
	w.Op = OpMisc<<8 | Op(sub)
	switch w.Op {
	case OpMemoryInit:
		w.A, w.form = w.u32(), formMemoryInit
		w.zero()
	case OpDataDrop:
		w.A, w.form = w.u32(), formData
	case OpMemoryCopy:
		w.zero()
		w.zero()
		w.form = formMemory
	case OpMemoryFill:
		w.zero()
		w.form = formMemory
	case OpTableInit:
		w.A, w.B, w.form = w.u32(), w.u32(), formTableInit
	case OpElemDrop:
		w.A, w.form = w.u32(), formElement
	case OpTableCopy:
		w.A, w.B, w.form = w.u32(), w.u32(), formTables
	case OpTableGrow, OpTableSize, OpTableFill:
		w.A, w.form = w.u32(), formTable
	} // others convert numbers
}

func (w *Walker) vector() {
	sub := w.number()
	if sub > 0xff || !vectorOp(byte(sub)) {
		w.fail(w.Start, RuleOpcode, "instruction 0xfd %#x is not part of WebAssembly 2.0", sub)
	}
	w.Op = OpVector<<8 | Op(sub)
	switch vectorForm(byte(sub)) {
	case vectorMemory:
		w.memory(4)
	case vectorNumber:
		w.take(16, "a number")
	case vectorLane:
		w.byte()
	case vectorMemoryLane:
		w.memory(4)
		w.byte()
	}
}

// What stands behind a vector instruction.
const (
	vectorPlain = iota
	vectorMemory
	vectorNumber
	vectorLane
	vectorMemoryLane
)

func vectorForm(sub byte) int {
	switch {
	case sub <= 11, sub == 0x5c, sub == 0x5d: // loads and the store
		return vectorMemory
	case sub == opV128Const, sub == 13: // and i8x16.shuffle
		return vectorNumber
	case sub >= 0x15 && sub <= 0x22: // lanes
		return vectorLane
	case sub >= 0x54 && sub <= 0x5b: // lanes of the memory
		return vectorMemoryLane
	}
	return vectorPlain
}

// vectorOp tells whether there is such a vector instruction (section 5.4.9).
func vectorOp(sub byte) bool {
	switch sub {
	case 0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4, 0xe2, 0xee:
		return false
	}
	return true
}
