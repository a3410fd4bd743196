package module

// code reads the code section (section 5.5.13).
func (d *decoder) code() {
	at := d.pos
	n := d.count("bodies", 3, d.budgets.Functions)
	if n != len(d.m.Functions) {
		d.fail(at, RuleCount, "%d functions are declared and %d have code", len(d.m.Functions), n)
	}
	d.m.Bodies = make([]Body, 0, n)
	end := d.end
	d.paused = d.pos
	for i := range n {
		at := d.pos
		size := d.u32()
		d.budget(at, "bytes of code in one function", int64(size), d.budgets.Body)
		all := d.take(size, "a body")
		d.pos, d.end = int(all.Start), int(all.End)
		d.m.Bodies = append(d.m.Bodies, d.body(all, &d.m.Types[d.m.Functions[i]]))
		d.pos, d.end = int(all.End), end
	}
}

func (d *decoder) body(all Span, t *FuncType) Body {
	b := Body{All: all}
	params := int64(t.Params.End - t.Params.Start)
	locals := params
	for range d.count("groups of locals", 2, d.budgets.Locals) {
		at := d.pos
		locals += int64(d.u32())
		d.budget(at, "locals of one function", locals, d.budgets.Locals)
		d.valueType()
	}
	d.locals += locals
	d.budget(int(all.Start), "locals of all functions", d.locals, d.budgets.AllLocals)
	b.Locals = uint32(locals - params)
	b.Code = Span{uint32(d.pos), all.End}
	b.Loops = d.instructions(b.Code, uint32(locals))
	return b
}

// What an open block is.
const (
	openBlock = iota // or a loop, or the else of an if
	openIf
)

// instructions checks the code of one body and counts its loops.
func (d *decoder) instructions(code Span, locals uint32) uint32 {
	w := Walker{reader: d.reader}
	w.pos, w.end = int(code.Start), int(code.End)
	d.nesting = append(d.nesting[:0], openBlock)
	d.effort = effort{}
	for w.pos < w.end {
		if len(d.nesting) > 0 && !d.thorough {
			d.ordinary(&w, locals)
		}
		if w.pos < w.end {
			d.instruction(&w, locals)
		}
		if w.pos-d.paused >= Pace && d.budgets.Pause != nil {
			d.budgets.Pause(w.pos - d.paused)
			d.paused = w.pos
		}
	}
	if n := len(d.nesting); n != 0 {
		d.fail(w.pos, RuleNesting, "%d blocks have no end", n)
	}
	return uint32(d.effort.loops)
}

// instruction checks one instruction.
func (d *decoder) instruction(w *Walker, locals uint32) {
	open := d.nesting
	w.Next()
	switch w.Op {
	case OpBlock, OpLoop, OpIf:
		kind := byte(openBlock)
		if w.Op == OpIf {
			kind = openIf
		}
		d.nesting = append(open, kind)
		d.budget(w.Start, "nested blocks", int64(len(d.nesting)), d.budgets.Depth)
		d.block(w, locals)
	case OpElse:
		if open[len(open)-1] != openIf {
			d.fail(w.Start, RuleNesting, "an else has no if")
		}
		open[len(open)-1] = openBlock
	case OpEnd:
		d.nesting = open[:len(open)-1]
		if len(d.nesting) == 0 && w.pos != w.end {
			d.fail(w.pos, RuleNesting, "a body goes on for %d bytes after its end", w.end-w.pos)
		}
	default:
		d.operands(w, len(open), locals)
	}
}

// effort is what the code of one body makes a compiler do.
type effort struct{ blocks, loops, moves int64 }

// branches counts blocks, or the labels of a branch.
func (d *decoder) branches(w *Walker, n int64) {
	d.effort.blocks += n
	d.budget(w.Start, "blocks and branches in one function", d.effort.blocks, d.budgets.Blocks)
}

// moves counts the values of a call or block.
func (d *decoder) moves(w *Walker, t *FuncType) {
	d.effort.moves += 1 + int64(t.Params.Len()) + int64(t.Results.Len())
	d.budget(w.Start, "values of calls and blocks in one function", d.effort.moves, d.budgets.Moves)
}

func (d *decoder) block(w *Walker, locals uint32) {
	d.branches(w, 1)
	if w.Op == OpLoop {
		d.effort.loops++
		d.budget(w.Start, "loops in one function", d.effort.loops, d.budgets.Loops)
		d.budget(w.Start, "loops times locals in one function", d.effort.loops*int64(locals), d.budgets.LoopLocals)
	}
	if w.Block >= 0 {
		d.exists(w, "type", w.Block, len(d.m.Types))
		d.moves(w, &d.m.Types[w.Block])
	} else if t := ValueType(w.Block & 0x7f); t != emptyBlock && !t.known() {
		d.fail(w.Start, RuleType, "%#x is no type of a block", byte(t))
	}
}

// exists checks an operand of an instruction.
func (d *decoder) exists(w *Walker, what string, i int64, count int) {
	if i >= int64(count) {
		d.fail(w.Start, RuleIndex, "%s %d does not exist: there are %d", what, i, count)
	}
}

// operands checks that what an instruction names is there.
func (d *decoder) operands(w *Walker, labels int, locals uint32) {
	m := d.m
	a, b := int64(w.A), int64(w.B)
	switch w.form {
	case formPlain:
	case formLabel:
		d.branches(w, 1)
		d.exists(w, "label", a, labels)
	case formLabels:
		d.budget(w.Start, "labels in one br_table", int64(w.B)+1, d.budgets.Targets)
		d.branches(w, int64(w.B)+1)
		d.exists(w, "label", a, labels) // the largest of them
	case formFunction:
		d.exists(w, "function", a, m.FunctionCount())
		if w.Op == OpCall {
			d.moves(w, m.TypeOf(w.A))
		}
	case formIndirect:
		d.exists(w, "type", a, len(m.Types))
		d.exists(w, "table", b, m.TableCount())
		d.moves(w, &m.Types[w.A])
	case formLocal:
		d.exists(w, "local", a, int(locals))
	case formGlobal:
		d.exists(w, "global", a, m.GlobalCount())
	case formTable:
		d.exists(w, "table", a, m.TableCount())
	case formTables:
		d.exists(w, "table", a, m.TableCount())
		d.exists(w, "table", b, m.TableCount())
	case formMemory:
		d.exists(w, "memory", 0, m.MemoryCount())
	case formTableInit:
		d.exists(w, "element segment", a, len(m.Elements))
		d.exists(w, "table", b, m.TableCount())
	case formElement:
		d.exists(w, "element segment", a, len(m.Elements))
	case formMemoryInit, formData:
		if !m.hasDataCount {
			d.fail(w.Start, RuleCount, "an instruction names a data segment, and there is no data count section")
		}
		d.exists(w, "data segment", a, int(m.dataCount))
		if w.form == formMemoryInit {
			d.exists(w, "memory", 0, m.MemoryCount())
		}
	}
}
