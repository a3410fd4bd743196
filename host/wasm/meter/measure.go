package meter

import "github.com/chhost/chhost/host/wasm/module"

// charge is one subtraction: before the instruction at an offset of the original.
type charge struct {
	cost uint64
	at   uint32
	ask  bool // whether fuel is left is asked here in any case
}

// frame is an open block while costs are measured.
type frame struct {
	active  uint32 // the charge that the code which follows belongs to
	outmost int    // the outermost frame that a branch inside leads to
}

// measure finds the charges of all functions and what they call.
func (r *rewriter) measure() {
	r.functions = make([]function, len(r.m.Bodies))
	r.paused = r.codeStart()
	for i := range r.m.Bodies {
		f := &r.functions[i]
		f.charges.start, f.callees.start = uint32(len(r.charges)), uint32(len(r.callees))
		instructions, extra := r.measureBody(&r.m.Bodies[i], f)
		f.charges.end, f.callees.end = uint32(len(r.charges)), uint32(len(r.callees))
		t := r.m.Types[r.m.Functions[i]]
		f.weight = min(mostSlots, frameSlots+t.Params.Len()+t.Results.Len()+r.m.Bodies[i].Locals+instructions/instructionsPerSlot+extra)
	}
}

func (r *rewriter) begin(at int, ask bool) uint32 {
	r.charges = append(r.charges, charge{at: uint32(at), ask: ask})
	return uint32(len(r.charges) - 1)
}

// measureBody returns the number of instructions, and the slots that the values
// take which they make beyond one each.
func (r *rewriter) measureBody(body *module.Body, f *function) (instructions, extra uint32) {
	const none = 1 << 30
	open := append(r.frames[:0], frame{active: r.begin(int(body.Code.Start), true), outmost: none})
	constant := constant{}
	for w := r.m.Walk(body.Code); w.More(); {
		w.Next()
		r.pause(w.End())
		instructions++
		extra += r.extra(&w)
		top := &open[len(open)-1]
		r.charges[top.active].cost += Cost(w.Op) + constant.cost(&w)
		exit := none
		switch w.Op {
		case module.OpBlock:
			open = append(open, frame{active: top.active, outmost: none})
		case module.OpLoop:
			open = append(open, frame{active: r.begin(w.End(), true), outmost: none})
		case module.OpIf:
			open = append(open, frame{active: r.begin(w.End(), false), outmost: none})
		case module.OpElse:
			top.active = r.begin(w.End(), false)
		case module.OpEnd:
			closed, k := *top, len(open)-1
			if open = open[:k]; k == 0 {
				break
			}
			top = &open[k-1]
			top.outmost = min(top.outmost, closed.outmost)
			if closed.outmost < k { // some ways lead past what follows
				top.active = r.begin(w.End(), false)
			}
		case module.OpBr, module.OpBrIf, module.OpBrTable:
			exit = len(open) - 1 - int(w.A)
		case module.OpReturn:
			exit = 0
		case module.OpCall:
			if own := int(w.A) - r.m.ImportedFunctions; own >= 0 {
				r.callees = append(r.callees, uint32(own))
			}
		case module.OpCallIndirect:
			f.indirect = true
		}
		if exit != none {
			top.outmost = min(top.outmost, exit)
			top.active = r.begin(w.End(), false)
		}
		if n := len(open); n > 0 && r.charges[open[n-1].active].cost > patience {
			open[n-1].active = r.begin(w.End(), false)
		}
	}
	r.frames = open
	return instructions, extra
}

// extra is how many slots an instruction's values take beyond its own share: one
// instruction can make a thousand.
func (r *rewriter) extra(w *module.Walker) uint32 {
	var t *module.FuncType
	switch {
	case w.Op == module.OpCall:
		t = r.m.TypeOf(w.A)
	case w.Op == module.OpCallIndirect:
		t = &r.m.Types[w.A]
	case (w.Op == module.OpBlock || w.Op == module.OpLoop || w.Op == module.OpIf) && w.Block >= 0:
		t = &r.m.Types[w.Block]
		return t.Params.Len() + t.Results.Len()
	case w.Op>>8 == module.OpVector:
		return 1
	default:
		return 0
	}
	return max(t.Results.Len(), 1) - 1
}

// constant remembers the number that the instruction before has put on the stack.
type constant struct {
	n  uint32
	is bool
}

// of tells whether the walker stands at a bulk operation that is left as it is.
func (c *constant) of(w *module.Walker) (cost uint64, ok bool) {
	if c.is {
		cost, ok = fixed(w.Op, c.n)
	}
	c.n, c.is = w.A, w.Op == module.OpI32Const
	return cost, ok
}

func (c *constant) cost(w *module.Walker) uint64 {
	cost, ok := c.of(w)
	if !ok {
		return 0
	}
	return cost
}
