package module

// expression reads a constant expression, which is one instruction and an end,
// and returns the instruction. It may read the first globals.
func (d *decoder) expression(globals int) Span {
	start := d.pos
	switch op := d.byte(); op {
	case OpI32Const:
		d.signed(32)
	case OpI64Const:
		d.signed(64)
	case OpF32Const:
		d.take(4, "a number")
	case OpF64Const:
		d.take(8, "a number")
	case OpGlobalGet:
		at := d.pos
		if i := d.index("global", globals); d.mutable(i) {
			d.fail(at, RuleOpcode, "a constant expression reads the mutable global %d", i)
		}
	case OpRefNull:
		d.referenceType()
	case OpRefFunc:
		d.index("function", d.m.FunctionCount())
	case OpVector:
		at := d.pos
		if sub := d.byte(); sub != opV128Const { // a longer form of the number is refused, too
			d.fail(at, RuleOpcode, "vector instruction %#x stands in a constant expression", sub)
		}
		d.take(16, "a number")
	default:
		d.fail(start, RuleOpcode, "instruction %#x stands in a constant expression", op)
	}
	s := Span{uint32(start), uint32(d.pos)}
	at := d.pos
	if d.byte() != OpEnd {
		d.fail(at, RuleOpcode, "a constant expression has more than one instruction")
	}
	return s
}

func (d *decoder) mutable(global uint32) bool {
	if n := uint32(d.m.ImportedGlobals); global >= n {
		return d.m.Globals[global-n].Mutable
	}
	return d.m.imported.globals[global].Mutable
}

// elements reads the element section (section 5.5.12).
func (d *decoder) elements() {
	n := d.count("element segments", 3, d.budgets.Elements)
	d.m.Elements = make([]Element, 0, n)
	for range n {
		d.m.Elements = append(d.m.Elements, d.element())
	}
}

func (d *decoder) element() Element {
	at := d.pos
	flags := d.u32()
	if flags > 7 {
		d.fail(at, RuleType, "an element segment has the flags %#x: 0 to 7 are known", flags)
	}
	e := Element{Flags: byte(flags), Type: FuncRef, Expressions: flags&4 != 0}
	if e.Active() {
		at := d.pos
		if flags&2 != 0 {
			e.Table = d.index("table", d.m.TableCount())
		} else if d.m.TableCount() == 0 {
			d.fail(at, RuleIndex, "table 0 does not exist: there are 0")
		}
		e.Offset = d.expression(d.m.GlobalCount())
	}
	if flags&3 != 0 { // the type is written
		at := d.pos
		if e.Expressions {
			e.Type = d.referenceType()
		} else if kind := d.byte(); kind != 0 {
			d.fail(at, RuleType, "an element segment has the kind %#x: 0 is known", kind)
		}
	}
	least := 1
	if e.Expressions {
		least = 3
	}
	at = d.pos
	e.Count = uint32(d.count("items of an element segment", least, d.budgets.Items))
	d.items += int(e.Count)
	d.budget(at, "items of element segments", int64(d.items), d.budgets.Items)
	start := d.pos
	for range e.Count {
		if e.Expressions {
			d.expression(d.m.GlobalCount())
		} else {
			d.index("function", d.m.FunctionCount())
		}
	}
	e.Items = Span{uint32(start), uint32(d.pos)}
	return e
}

// data reads the data section (section 5.5.14).
func (d *decoder) data() {
	n := d.count("data segments", 2, d.budgets.Data)
	d.m.Data = make([]Data, 0, n)
	for range n {
		at := d.pos
		flags := d.u32()
		if flags > 2 {
			d.fail(at, RuleType, "a data segment has the flags %#x: 0 to 2 are known", flags)
		}
		s := Data{Flags: byte(flags)}
		if flags != 1 {
			at := d.pos
			if flags == 2 {
				d.index("memory", d.m.MemoryCount())
			} else if d.m.MemoryCount() == 0 {
				d.fail(at, RuleIndex, "memory 0 does not exist: there are 0")
			}
			s.Offset = d.expression(d.m.GlobalCount())
		}
		s.Bytes = d.take(d.u32(), "a data segment")
		d.m.Data = append(d.m.Data, s)
	}
}
