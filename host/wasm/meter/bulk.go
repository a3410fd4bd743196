package meter

import "github.com/chhost/chhost/host/wasm/module"

// addition is a function that is added to the module.
type addition struct {
	signature uint32
	body      []byte
	name      string
}

// operation names a bulk operation with what it names itself.
type operation struct {
	op   module.Op
	a, b uint32
}

// substitute returns the index of the function that does a bulk operation.
func (r *rewriter) substitute(w *module.Walker) uint32 {
	key := operation{w.Op, w.A, w.B}
	if index, ok := r.known[key]; ok {
		return index
	}
	index := uint32(r.m.FunctionCount()) + 1 + uint32(len(r.added))
	if r.known == nil {
		r.known = make(map[operation]uint32)
	}
	r.known[key] = index
	b := bulk{rewriter: r, key: key, op: r.shorten(nil, w), middle: module.I32, piece: bytePiece, shift: byteShift}
	switch w.Op {
	case module.OpMemoryGrow:
		r.added = append(r.added, b.growMemory())
	case module.OpTableGrow:
		r.added = append(r.added, b.growTable())
	default:
		if w.Op >= module.OpTableInit {
			b.piece, b.shift = elementPiece, 0
		}
		if w.Op == module.OpTableFill {
			b.middle = r.m.TableType(w.A).Type
		}
		r.added = append(r.added, b.pieces())
	}
	return index
}

// bulk writes one addition. The parameters of what is done in pieces are the
// operation's operands: destination, source or value, size.
type bulk struct {
	*rewriter
	key    operation
	op     []byte // the operation as the original has it
	middle module.ValueType
	piece  uint32
	shift  uint64
	code   code
}

const (
	localTo   = 0
	localFrom = 1
	localSize = 2
)

func (b *bulk) get(local uint32) { b.code.with(module.OpLocalGet, local) }

// wide puts a local on the stack, with 64 bits.
func (b *bulk) wide(local uint32) {
	b.get(local)
	b.code.op(opI64ExtendI32)
}

// pay charges 64 bits on the stack, above which nothing lies: fuel stands below.
func (b *bulk) pay(cost func()) {
	b.code.with(module.OpGlobalGet, b.fuel())
	cost()
	b.code.op(opI64Sub)
	b.code.with(module.OpGlobalSet, b.fuel())
	b.ask(&b.code)
}

func (b *bulk) paySize(local uint32) {
	b.pay(func() {
		b.wide(local)
		if b.shift > 0 {
			b.code.i64(b.shift)
			b.code.op(opI64ShrU)
		}
	})
}

// whole does what is left in one piece.
func (b *bulk) whole() {
	b.get(localTo)
	b.get(localFrom)
	b.get(localSize)
	b.code.op(b.op...)
}

// pieces is a fill, copy or init.
func (b *bulk) pieces() addition {
	c := &b.code
	b.get(localSize)
	c.i32(b.piece)
	c.op(opI32LeU, module.OpIf, emptyBlock)
	b.paySize(localSize)
	b.whole()
	c.op(module.OpReturn, module.OpEnd)

	b.outside(localTo, b.destination)
	switch b.key.op {
	case module.OpMemoryCopy, module.OpTableCopy:
		b.outside(localFrom, b.source)
		b.get(localTo)
		b.get(localFrom)
		c.op(opI32LeU, module.OpIf, emptyBlock)
		b.upwards(true)
		c.op(module.OpElse)
		b.downwards()
		c.op(module.OpEnd)
	case module.OpMemoryInit, module.OpTableInit:
		b.outside(localFrom, b.source)
		b.upwards(true)
	default:
		b.upwards(false)
	}
	b.paySize(localSize)
	b.whole()
	c.op(module.OpEnd)
	return addition{
		signature: b.signature([]byte{byte(module.I32), byte(b.middle), byte(module.I32)}, nil),
		body:      append([]byte{0}, b.code...), // no locals
		name:      b.name(),
	}
}

// outside lets the engine trap, as it does in the original, if a range reaches
// beyond a size.
func (b *bulk) outside(local uint32, size func()) {
	b.wide(local)
	b.wide(localSize)
	b.code.op(opI64Add)
	size()
	b.code.op(opI64GtU, module.OpIf, emptyBlock)
	b.whole()
	b.code.op(module.OpUnreachable, module.OpEnd)
}

// upwards does all pieces but the last, from the lowest address.
func (b *bulk) upwards(moving bool) {
	c := &b.code
	c.op(module.OpLoop, emptyBlock)
	b.pay(func() { c.i64(uint64(b.piece) >> b.shift) })
	b.get(localTo)
	b.get(localFrom)
	c.i32(b.piece)
	c.op(b.op...)
	b.step(localTo, opI32Add)
	if moving {
		b.step(localFrom, opI32Add)
	}
	b.step(localSize, opI32Sub)
	b.again()
}

// downwards does all pieces but the last, which is the lowest, from the highest
// address.
func (b *bulk) downwards() {
	c := &b.code
	c.op(module.OpLoop, emptyBlock)
	b.pay(func() { c.i64(uint64(b.piece) >> b.shift) })
	b.step(localSize, opI32Sub)
	b.get(localTo)
	b.get(localSize)
	c.op(opI32Add)
	b.get(localFrom)
	b.get(localSize)
	c.op(opI32Add)
	c.i32(b.piece)
	c.op(b.op...)
	b.again()
}

func (b *bulk) step(local uint32, op byte) {
	b.get(local)
	b.code.i32(b.piece)
	b.code.op(op)
	b.code.with(module.OpLocalSet, local)
}

// again goes back to the loop's header while more than a piece is left.
func (b *bulk) again() {
	b.get(localSize)
	b.code.i32(b.piece)
	b.code.op(opI32LeU, opI32Eqz)
	b.code.with(module.OpBrIf, 0)
	b.code.op(module.OpEnd)
}

// destination puts the size of what is written to on the stack, with 64 bits.
func (b *bulk) destination() {
	switch b.key.op {
	case module.OpMemoryFill, module.OpMemoryCopy, module.OpMemoryInit:
		b.memorySize()
	case module.OpTableInit:
		b.tableSize(b.key.b)
	default:
		b.tableSize(b.key.a)
	}
}

// source puts the size of what is read from on the stack. A segment has the size
// that the module states: if it was dropped, the first piece traps.
func (b *bulk) source() {
	switch b.key.op {
	case module.OpMemoryCopy:
		b.memorySize()
	case module.OpTableCopy:
		b.tableSize(b.key.b)
	case module.OpMemoryInit:
		data := b.m.Data[b.key.a].Bytes
		b.code.i64(uint64(data.End - data.Start))
	case module.OpTableInit:
		b.code.i64(uint64(b.m.Elements[b.key.a].Count))
	}
}

func (b *bulk) memorySize() {
	b.code.op(module.OpMemorySize, 0, opI64ExtendI32)
	b.code.i64(16)
	b.code.op(opI64Shl)
}

func (b *bulk) tableSize(table uint32) {
	b.code.with(module.OpMisc, module.OpTableSize&0xff)
	b.code = appendU32(b.code, table)
	b.code.op(opI64ExtendI32)
}

// growMemory is memory.grow: its pages are charged if it can succeed, and the host
// is told if it cannot.
func (b *bulk) growMemory() addition {
	c := &b.code
	b.wide(0)
	c.op(module.OpMemorySize, 0, opI64ExtendI32, opI64Add)
	c.i64(uint64(b.mostPages()))
	c.op(opI64LeU, module.OpIf, emptyBlock)
	b.pay(func() {
		b.wide(0)
		c.i64(pageShift)
		c.op(opI64Shl)
	})
	c.op(module.OpElse)
	c.i32(ReasonMemory)
	c.with(module.OpCall, b.refill())
	c.op(module.OpEnd)
	b.get(0)
	c.op(b.op...)
	c.op(module.OpEnd)
	i32 := []byte{byte(module.I32)}
	return addition{signature: b.signature(i32, i32), body: append([]byte{0}, b.code...), name: b.name()}
}

// growTable is table.grow: its elements are charged if it can succeed.
func (b *bulk) growTable() addition {
	c := &b.code
	b.wide(1)
	b.tableSize(b.key.a)
	c.op(opI64Add)
	c.i64(uint64(b.mostElements(b.key.a)))
	c.op(opI64LeU, module.OpIf, emptyBlock)
	b.pay(func() { b.wide(1) })
	c.op(module.OpEnd)
	b.get(0)
	b.get(1)
	c.op(b.op...)
	c.op(module.OpEnd)
	params := []byte{byte(b.m.TableType(b.key.a).Type), byte(module.I32)}
	return addition{signature: b.signature(params, []byte{byte(module.I32)}), body: append([]byte{0}, b.code...), name: b.name()}
}

// name is what a stack trace calls the added function.
func (b *bulk) name() string {
	names := map[module.Op]string{
		module.OpMemoryFill: "memory.fill", module.OpMemoryCopy: "memory.copy", module.OpMemoryInit: "memory.init", module.OpMemoryGrow: "memory.grow",
		module.OpTableFill: "table.fill", module.OpTableCopy: "table.copy", module.OpTableInit: "table.init", module.OpTableGrow: "table.grow",
	}
	return module.ReservedPrefix + "." + names[b.key.op]
}

// signature returns the index of a function type, which it adds if need be.
func (r *rewriter) signature(params, results []byte) uint32 {
	encoded := appendU32([]byte{0x60}, uint32(len(params)))
	encoded = append(encoded, params...)
	encoded = append(appendU32(encoded, uint32(len(results))), results...)
	if index, ok := r.typeOf[string(encoded)]; ok {
		return index
	}
	if r.typeOf == nil {
		r.typeOf, r.typeSum = make(map[string]uint32), uint32(len(r.m.Types))
	}
	index := r.typeSum
	r.typeOf[string(encoded)] = index
	r.types = append(r.types, encoded...)
	r.typeSum++
	return index
}
