package meter

import "github.com/chhost/chhost/host/wasm/module"

// dispatcher adds the function of [CallExport], if there are Entries. It charges
// nothing: what it calls does.
func (r *rewriter) dispatcher() {
	if len(r.options.Entries) == 0 {
		return
	}
	exported := make(map[string]*module.Export, len(r.m.Exports))
	for i := range r.m.Exports {
		e := &r.m.Exports[i]
		exported[r.m.Text(e.Name)] = e
	}
	var cases []uint32 // the functions that there are
	labels := make([]uint32, len(r.options.Entries))
	for i, name := range r.options.Entries {
		labels[i] = 1 << 31 // none
		if e := exported[name]; e != nil && e.Kind == module.KindFunction && r.simple(r.m.TypeOf(e.Index)) {
			labels[i] = uint32(len(cases))
			cases = append(cases, e.Index)
		}
	}
	i32 := []byte{byte(module.I32)}
	r.added = append(r.added, addition{
		signature: r.signature([]byte{byte(module.I32), byte(module.I32)}, i32),
		body:      append([]byte{0}, r.dispatch(cases, labels)...), // no locals
		name:      CallExport,
	})
	r.dispatching = true
}

// simple tells whether a function takes an i32 at most, and returns one at most.
func (r *rewriter) simple(t *module.FuncType) bool {
	for _, types := range [][]byte{t.Params.Of(r.m.Binary), t.Results.Of(r.m.Binary)} {
		if len(types) > 1 || len(types) == 1 && module.ValueType(types[0]) != module.I32 {
			return false
		}
	}
	return true
}

// dispatch writes the code: a block around the code of each case, which goes on behind
// the block's end, and one around all for what there is not.
func (r *rewriter) dispatch(cases, labels []uint32) code {
	var c code
	none := uint32(len(cases))
	for range none + 1 {
		c.op(module.OpBlock, emptyBlock)
	}
	c.with(module.OpLocalGet, 0)
	c.with(module.OpBrTable, uint32(len(labels)))
	for _, label := range append(labels, none) {
		c = appendU32(c, min(label, none))
	}
	for _, function := range cases {
		c.op(module.OpEnd)
		t := r.m.TypeOf(function)
		if t.Params.Len() > 0 {
			c.with(module.OpLocalGet, 1)
		}
		c.with(module.OpCall, r.renumber(function))
		if t.Results.Len() == 0 {
			c.i32(0)
		}
		c.op(module.OpReturn)
	}
	c.op(module.OpEnd, module.OpUnreachable, module.OpEnd)
	return c
}
