package meter

import "github.com/chhost/chhost/host/wasm/module"

// assemble writes the module anew. The code comes first, since it decides which
// types and functions are added.
func (r *rewriter) assemble() []byte {
	refill := r.signature([]byte{byte(module.I32)}, nil)
	bodies := r.bodies()
	sections := make(map[byte][]byte, len(r.m.Sections))
	for _, s := range r.m.Sections {
		sections[s.ID] = s.Body.Of(r.m.Binary)
	}
	out := append(make([]byte, 0, len(bodies)+len(r.m.Binary)), r.m.Binary[:8]...)
	for _, id := range []byte{
		module.SectionType, module.SectionImport, module.SectionFunction, module.SectionTable, module.SectionMemory, module.SectionGlobal, module.SectionExport,
		module.SectionStart, module.SectionElement, module.SectionDataCount, module.SectionCode, module.SectionData,
	} {
		if contents := r.contents(id, sections[id], refill, bodies); contents != nil {
			out = appendSection(out, id, contents)
		}
	}
	for _, s := range r.m.Sections {
		if s.ID == module.SectionCustom && r.m.Text(s.Name) == "name" {
			old := module.Span{Start: s.Name.End, End: s.Body.End}
			if names := r.names(old.Of(r.m.Binary)); names != nil {
				return appendSection(out, module.SectionCustom, names)
			}
		}
	}
	return out
}

func appendSection(out []byte, id byte, contents []byte) []byte {
	out = appendU32(append(out, id), uint32(len(contents)))
	return append(out, contents...)
}

// contents is what stands in a section, nil if there is nothing to say in it.
func (r *rewriter) contents(id byte, old []byte, refill uint32, bodies []byte) []byte {
	switch id {
	case module.SectionType:
		return append(recount(old, len(r.m.Types), r.typeSum), r.types...)
	case module.SectionImport:
		out := recount(old, len(r.m.Imports), uint32(len(r.m.Imports))+1)
		out = appendName(appendName(out, RefillModule), RefillName)
		return appendU32(append(out, byte(module.KindFunction)), refill)
	case module.SectionFunction:
		if len(r.m.Functions)+len(r.added) == 0 {
			return old
		}
		out := recount(old, len(r.m.Functions), uint32(len(r.m.Functions)+len(r.added)))
		for _, h := range r.added {
			out = appendU32(out, h.signature)
		}
		return out
	case module.SectionTable:
		return r.tables(old)
	case module.SectionMemory:
		return r.memories(old)
	case module.SectionGlobal:
		return r.globals()
	case module.SectionExport:
		return r.exports()
	case module.SectionStart:
		if r.m.HasStart {
			return appendU32(nil, r.renumber(r.m.Start))
		}
	case module.SectionElement:
		return r.elements(old)
	case module.SectionCode:
		return bodies
	default: // data and its count stay
		return old
	}
	return nil
}

// recount is a vector with another count.
func recount(old []byte, n int, count uint32) []byte {
	out := appendU32(make([]byte, 0, len(old)+64), count)
	if n > 0 {
		out = append(out, old[width(old):]...)
	}
	return out
}

// width is how long the number is that a slice begins with.
func width(b []byte) int {
	n := 0
	for b[n] >= 0x80 {
		n++
	}
	return n + 1
}

func appendName(out []byte, name string) []byte {
	return append(appendU32(out, uint32(len(name))), name...)
}

// bodies writes the contents of the code section.
func (r *rewriter) bodies() []byte {
	total := 0
	for _, b := range r.m.Bodies {
		total += int(b.All.End - b.All.Start)
	}
	code := make([]byte, 0, total*2)
	r.paused = r.codeStart()
	for i := range r.m.Bodies {
		r.scratch = r.rewrite(r.scratch[:0], i)
		code = append(appendU32(code, uint32(len(r.scratch))), r.scratch...)
	}
	r.dispatcher()
	for _, h := range r.added {
		code = append(appendU32(code, uint32(len(h.body))), h.body...)
	}
	if len(code) == 0 {
		return nil
	}
	out := appendU32(make([]byte, 0, len(code)+5), uint32(len(r.m.Bodies)+len(r.added)))
	return append(out, code...)
}

// mostPages is the maximum that is written into the memory.
func (r *rewriter) mostPages() uint32 {
	most := r.options.Pages
	for _, b := range r.m.Memories {
		if b.Bounded {
			most = min(most, b.Max)
		}
	}
	return most
}

// mostElements is the maximum that is written into a table; another module has
// bounded an imported one.
func (r *rewriter) mostElements(table uint32) uint32 {
	most := r.options.Elements
	if t := r.m.TableType(table); t.Bounded {
		most = min(most, t.Max)
	}
	return most
}

func (r *rewriter) memories(old []byte) []byte {
	if len(r.m.Memories) == 0 {
		return old
	}
	out := []byte{1, 1} // one, with a maximum
	return appendU32(appendU32(out, r.m.Memories[0].Min), r.mostPages())
}

func (r *rewriter) tables(old []byte) []byte {
	if len(r.m.Tables) == 0 {
		return old
	}
	out := appendU32(nil, uint32(len(r.m.Tables)))
	for i, t := range r.m.Tables {
		out = append(out, byte(t.Type), 1)
		out = appendU32(appendU32(out, t.Min), r.mostElements(uint32(r.m.ImportedTables+i)))
	}
	return out
}

func (r *rewriter) globals() []byte {
	out := appendU32(nil, uint32(len(r.m.Globals))+2)
	for _, g := range r.m.Globals {
		mutable := byte(0)
		if g.Mutable {
			mutable = 1
		}
		out = append(out, byte(g.Type), mutable)
		out = append(r.expression(out, g.Init), module.OpEnd)
	}
	fuel, stack := code{byte(module.I64), 1}, code{byte(module.I32), 1}
	fuel.i64(0)
	stack.i32(r.options.Stack)
	out = append(append(out, fuel...), module.OpEnd)
	return append(append(out, stack...), module.OpEnd)
}

// expression writes a constant expression without its end.
func (r *rewriter) expression(out []byte, init module.Span) []byte {
	w := r.m.Walk(init)
	if w.Next(); w.Op == module.OpRefFunc {
		return appendU32(append(out, module.OpRefFunc), r.renumber(w.A))
	}
	return append(out, init.Of(r.m.Binary)...)
}

func (r *rewriter) exports() []byte {
	count := uint32(len(r.m.Exports)) + 2
	if r.dispatching {
		count++
	}
	out := appendU32(nil, count)
	for _, e := range r.m.Exports {
		index := e.Index
		if e.Kind == module.KindFunction {
			index = r.renumber(index)
		}
		out = appendName(out, r.m.Text(e.Name))
		out = appendU32(append(out, byte(e.Kind)), index)
	}
	if r.dispatching {
		index := uint32(r.m.FunctionCount() + len(r.added)) // the last
		out = appendU32(append(appendName(out, CallExport), byte(module.KindFunction)), index)
	}
	out = appendU32(append(appendName(out, FuelExport), byte(module.KindGlobal)), r.fuel())
	return appendU32(append(appendName(out, StackExport), byte(module.KindGlobal)), r.stack())
}

func (r *rewriter) elements(old []byte) []byte {
	if len(r.m.Elements) == 0 {
		return old
	}
	out := appendU32(make([]byte, 0, len(old)+len(old)/2), uint32(len(r.m.Elements)))
	for i := range r.m.Elements {
		out = r.element(out, &r.m.Elements[i])
	}
	return out
}

func (r *rewriter) element(out []byte, e *module.Element) []byte {
	out = append(out, e.Flags)
	if e.Active() {
		if e.Flags&2 != 0 {
			out = appendU32(out, e.Table)
		}
		out = append(r.expression(out, e.Offset), module.OpEnd)
	}
	if e.Flags&3 != 0 {
		kind := byte(0) // of functions
		if e.Expressions {
			kind = byte(e.Type)
		}
		out = append(out, kind)
	}
	out = appendU32(out, e.Count)
	if e.Expressions {
		for w := r.m.Walk(e.Items); w.More(); {
			start := uint32(w.End())
			w.Next()
			out = append(r.expression(out, module.Span{Start: start, End: uint32(w.End())}), module.OpEnd)
			w.Next() // the end
		}
		return out
	}
	for items := e.Items.Of(r.m.Binary); len(items) > 0; {
		var index uint32
		index, items, _ = readU32(items)
		out = appendU32(out, r.renumber(index))
	}
	return out
}
