package meter

import "github.com/chhost/chhost/host/wasm/module"

// Instructions that are inserted.
const (
	opLocalTee     = 0x22
	opI32Eqz       = 0x45
	opI32LeU       = 0x4d
	opI32LtS       = 0x48
	opI64LtS       = 0x53
	opI64GtU       = 0x56
	opI64LeU       = 0x58
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI64Add       = 0x7c
	opI64Sub       = 0x7d
	opI64Shl       = 0x86
	opI64ShrU      = 0x88
	opI64ExtendI32 = 0xad // unsigned

	emptyBlock = 0x40
)

// code is a sequence of instructions that is being written.
type code []byte

func (c *code) op(ops ...byte) { *c = append(*c, ops...) }

// with writes an instruction that names something.
func (c *code) with(op byte, index uint32) { *c = appendU32(append(*c, op), index) }

func (c *code) i32(n uint32) { *c = appendS64(append(*c, module.OpI32Const), int64(int32(n))) }

func (c *code) i64(n uint64) { *c = appendS64(append(*c, module.OpI64Const), int64(n)) }

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendS64(b []byte, v int64) []byte {
	for v < -0x40 || v > 0x3f {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v)&0x7f)
}

// charge writes the subtraction of a constant.
func (r *rewriter) charge(c *code, cost uint64) {
	c.with(module.OpGlobalGet, r.fuel())
	c.i64(cost)
	c.op(opI64Sub)
	c.with(module.OpGlobalSet, r.fuel())
}

// ask writes the question whether fuel is left.
func (r *rewriter) ask(c *code) {
	c.with(module.OpGlobalGet, r.fuel())
	c.i64(0)
	c.op(opI64LtS, module.OpIf, emptyBlock)
	c.i32(ReasonFuel)
	c.with(module.OpCall, r.refill())
	c.op(module.OpEnd)
}

// enter writes what a function that is counted does at first.
func (r *rewriter) enter(c *code, weight uint32) {
	c.with(module.OpGlobalGet, r.stack())
	c.i32(weight)
	c.op(opI32Sub)
	c.with(module.OpGlobalSet, r.stack())
	c.with(module.OpGlobalGet, r.stack())
	c.i32(0)
	c.op(opI32LtS, module.OpIf, emptyBlock)
	c.i32(ReasonStack)
	c.with(module.OpCall, r.refill())
	c.op(module.OpUnreachable, module.OpEnd)
}

// leave writes what such a function does at last.
func (r *rewriter) leave(c *code, weight uint32) {
	c.with(module.OpGlobalGet, r.stack())
	c.i32(weight)
	c.op(opI32Add)
	c.with(module.OpGlobalSet, r.stack())
}

// label is an open block while a body is rewritten: what may have been charged
// since it was last asked whether fuel is left, on the ways that
type label struct {
	end    uint64 // lead to the block's end
	before uint64 // led to it, and lead to the else of an if
	loop   bool
	choice bool // an if without an else so far
}

// rewrite appends the body of a defined function, with its locals.
func (r *rewriter) rewrite(out code, index int) code {
	body, f := &r.m.Bodies[index], &r.functions[index]
	bin := r.m.Binary
	out = append(out, bin[body.All.Start:body.Code.Start]...)
	if f.counted {
		r.enter(&out, f.weight)
		out = r.blockOf(append(out, module.OpBlock), r.m.Types[r.m.Functions[index]].Results)
	}
	e := emitter{rewriter: r, code: out, charges: r.charges[f.charges.start:f.charges.end], labels: append(r.labels[:0], label{}), copied: int(body.Code.Start), counted: f.counted}
	for w := r.m.Walk(body.Code); w.More(); {
		e.chargeBefore(w.End())
		w.Next()
		r.pause(w.End())
		e.flow(&w)
		e.replace(&w)
	}
	out = append(e.code, bin[e.copied:body.Code.End]...)
	if f.counted {
		r.leave(&out, f.weight)
		out.op(module.OpEnd)
	}
	r.labels = e.labels
	return out
}

// blockOf writes the type of a block with these results.
func (r *rewriter) blockOf(out code, results module.Span) code {
	switch types := results.Of(r.m.Binary); len(types) {
	case 0:
		return append(out, emptyBlock)
	case 1:
		return append(out, types[0])
	default:
		return appendS64(out, int64(r.signature(nil, types)))
	}
}

// emitter rewrites one body.
type emitter struct {
	*rewriter
	code     code
	charges  []charge // those that are still to come
	labels   []label
	copied   int // how far the original has been copied
	counted  bool
	pending  uint64 // what may have been charged since the last question
	constant constant
}

// copy copies the original up to an offset.
func (e *emitter) copy(to int) {
	e.code = append(e.code, e.m.Binary[e.copied:to]...)
	e.copied = to
}

func (e *emitter) chargeBefore(at int) {
	if len(e.charges) == 0 || int(e.charges[0].at) != at {
		return
	}
	c := e.charges[0]
	e.charges = e.charges[1:]
	if c.cost == 0 {
		return // no way leads from here back to a loop without an instruction that costs
	}
	e.copy(at)
	e.rewriter.charge(&e.code, c.cost)
	if e.pending += c.cost; c.ask || e.pending > patience {
		e.ask(&e.code)
		e.pending = 0
	}
}

// flow follows the ways through the code.
func (e *emitter) flow(w *module.Walker) {
	top := &e.labels[len(e.labels)-1]
	switch w.Op {
	case module.OpBlock, module.OpLoop, module.OpIf:
		e.labels = append(e.labels, label{before: e.pending, loop: w.Op == module.OpLoop, choice: w.Op == module.OpIf})
	case module.OpElse:
		top.end, top.choice = max(top.end, e.pending), false
		e.pending = top.before
	case module.OpEnd:
		e.pending = max(e.pending, top.end)
		if top.choice {
			e.pending = max(e.pending, top.before)
		}
		e.labels = e.labels[:len(e.labels)-1]
	case module.OpBr, module.OpBrIf:
		e.leads(w.A)
	case module.OpBrTable:
		w.Labels(e.leads)
	}
}

// leads notes a branch. At a loop's header it is asked in any case.
func (e *emitter) leads(depth uint32) {
	if l := &e.labels[len(e.labels)-1-int(depth)]; !l.loop {
		l.end = max(l.end, e.pending)
	}
}

// replace writes what an instruction becomes, if not itself.
func (e *emitter) replace(w *module.Walker) {
	_, fixed := e.constant.of(w)
	switch w.Op {
	case module.OpCall, module.OpRefFunc:
		if index := e.renumber(w.A); index != w.A {
			e.copy(w.Start)
			e.code.with(byte(w.Op), index)
			e.copied = w.End()
		}
	case module.OpReturn:
		if e.counted {
			e.copy(w.Start)
			e.code.with(module.OpBr, uint32(len(e.labels)-1))
			e.copied = w.End()
		}
	case module.OpMemoryFill, module.OpMemoryCopy, module.OpMemoryInit, module.OpMemoryGrow,
		module.OpTableFill, module.OpTableCopy, module.OpTableInit, module.OpTableGrow:
		e.copy(w.Start)
		if fixed {
			e.code = e.shorten(e.code, w)
		} else {
			e.code.with(module.OpCall, e.substitute(w))
		}
		e.copied = w.End()
	default:
		if w.Padded > 0 {
			e.copy(w.Start)
			e.code = e.shorten(e.code, w)
			e.copied = w.End()
		}
	}
}

// shorten appends the instruction that was read, its number as short as can be.
func (r *rewriter) shorten(out code, w *module.Walker) code {
	if w.Padded == 0 {
		return append(out, r.m.Binary[w.Start:w.End()]...)
	}
	out.with(byte(w.Op>>8), uint32(w.Op&0xff))
	return append(out, r.m.Binary[w.Padded:w.End()]...)
}
