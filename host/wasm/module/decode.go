package module

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// decoder reads a whole module.
type decoder struct {
	reader
	m       *Module
	budgets Options
	customs int
	items   int    // of all element segments so far
	locals  int64  // of all functions so far
	nesting []byte // of the body that is read: what each open block is
	effort  effort // and what it makes a compiler do

	thorough bool // see decode
	paused   int  // where Options.Pause was called last
}

// Decode reads a module. The error is an [*Error]; with the same input and
// options it is always the same one.
func Decode(bin []byte, options Options) (m *Module, err error) {
	return decode(bin, options, false)
}

// decode is Decode; thorough reads every instruction by the walker, which comes to
// the same, for tests.
func decode(bin []byte, options Options, thorough bool) (m *Module, err error) {
	var shallow [64]byte
	d := &decoder{reader: reader{bin: bin, end: len(bin), section: "header"}, budgets: options.withDefaults(), m: &Module{Binary: bin}, nesting: shallow[:0], thorough: thorough}
	defer func() {
		if r := recover(); r != nil {
			fault, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			m, err = nil, fault
		}
	}()
	d.header()
	d.sections()
	d.totals()
	return d.m, nil
}

func (d *decoder) header() {
	d.budget(0, "bytes", int64(len(d.bin)), d.budgets.Bytes)
	if len(d.bin) < 8 || string(d.bin[:4]) != "\x00asm" {
		d.fail(0, RuleHeader, "this is no WebAssembly module")
	}
	if v := binary.LittleEndian.Uint32(d.bin[4:]); v != 1 {
		d.fail(4, RuleHeader, "the version is %#x: 1 is known", v)
	}
	d.pos = 8
}

// place is where a section has to stand: the data count comes before the code.
func place(id byte) int {
	if id == SectionDataCount {
		return 2*SectionCode - 1
	}
	return 2 * int(id)
}

func (d *decoder) sections() {
	last := 0
	d.m.Sections = make([]Section, 0, 12) // as many as most modules have
	for d.pos < len(d.bin) {
		at := d.pos
		d.end = len(d.bin)
		d.section = "header"
		id := d.byte()
		d.section = sectionName(id)
		if id > SectionDataCount {
			d.fail(at, RuleOrder, "there is no section %d", id)
		}
		body := d.take(d.u32(), "the section")
		if id == SectionCustom {
			d.customs++
			d.budget(at, "custom sections", int64(d.customs), d.budgets.Customs)
		} else if p := place(id); p <= last {
			d.fail(at, RuleOrder, "the section is out of order or repeated")
		} else {
			last = p
		}
		d.pos, d.end = int(body.Start), int(body.End)
		s := Section{ID: id, Body: body}
		d.read(&s)
		if d.pos != d.end {
			d.fail(d.pos, RuleSize, "the section goes on for %d bytes after its contents", d.left())
		}
		d.m.Sections = append(d.m.Sections, s)
	}
}

func (d *decoder) read(s *Section) {
	switch s.ID {
	case SectionCustom:
		s.Name = d.name()
		d.pos = d.end
	case SectionType:
		d.types()
	case SectionImport:
		d.imports()
	case SectionFunction:
		d.functions()
	case SectionTable:
		d.tables()
	case SectionMemory:
		d.memories()
	case SectionGlobal:
		d.globals()
	case SectionExport:
		d.exports()
	case SectionStart:
		d.m.Start = d.index("function", d.m.FunctionCount())
		d.m.HasStart = true
	case SectionElement:
		d.elements()
	case SectionDataCount:
		d.m.dataCount, d.m.hasDataCount = d.u32(), true
	case SectionCode:
		d.code()
	case SectionData:
		d.data()
	}
}

// totals checks what two sections say about the same number.
func (d *decoder) totals() {
	d.section = sectionName(SectionCode)
	if len(d.m.Bodies) != len(d.m.Functions) {
		d.fail(len(d.bin), RuleCount, "%d functions are declared and %d have code", len(d.m.Functions), len(d.m.Bodies))
	}
	if d.m.hasDataCount && int64(d.m.dataCount) != int64(len(d.m.Data)) {
		d.section = sectionName(SectionDataCount)
		d.fail(len(d.bin), RuleCount, "%d data segments are announced and %d are there", d.m.dataCount, len(d.m.Data))
	}
}

func (d *decoder) types() {
	n := d.count("types", 3, d.budgets.Types)
	d.m.Types = make([]FuncType, 0, n)
	for range n {
		at := d.pos
		if form := d.byte(); form != 0x60 {
			d.fail(at, RuleType, "%#x is no type of functions", form)
		}
		d.m.Types = append(d.m.Types, FuncType{Params: d.values("parameters"), Results: d.values("results")})
	}
}

func (d *decoder) values(what string) Span {
	n := d.count(what, 1, d.budgets.Values)
	start := d.pos
	for range n {
		d.valueType()
	}
	return Span{uint32(start), uint32(d.pos)}
}

func (d *decoder) imports() {
	n := d.count("imports", 4, d.budgets.Imports)
	d.m.Imports = make([]Import, 0, n)
	for range n {
		i := Import{Module: d.unreserved(), Name: d.unreserved()}
		at := d.pos
		i.Kind = Kind(d.byte())
		known := &d.m.imported
		switch i.Kind {
		case KindFunction:
			i.Index = d.index("type", len(d.m.Types))
			known.functions = append(known.functions, i.Index)
			d.m.ImportedFunctions++
		case KindTable:
			i.Index = uint32(d.m.ImportedTables)
			known.tables = append(known.tables, d.table())
			d.m.ImportedTables++
		case KindMemory:
			i.Index = uint32(d.m.ImportedMemories)
			d.memory()
			d.m.ImportedMemories++
		case KindGlobal:
			i.Index = uint32(d.m.ImportedGlobals)
			known.globals = append(known.globals, d.globalType())
			d.m.ImportedGlobals++
		default:
			d.fail(at, RuleType, "%#x is nothing that can be imported", byte(i.Kind))
		}
		d.m.Imports = append(d.m.Imports, i)
	}
	d.together()
}

// together checks the budgets that imports and the module's own share.
func (d *decoder) together() {
	m := d.m
	d.budget(d.pos, "functions", int64(m.FunctionCount()), d.budgets.Functions)
	d.budget(d.pos, "tables", int64(m.TableCount()), d.budgets.Tables)
	d.budget(d.pos, "globals", int64(m.GlobalCount()), d.budgets.Globals)
	d.budget(d.pos, "memories", int64(m.MemoryCount()), 1)
}

// unreserved reads the name of an import or export.
func (d *decoder) unreserved() Span {
	at := d.pos
	s := d.name()
	if !d.budgets.Reserved && bytes.HasPrefix(s.Of(d.bin), []byte(ReservedPrefix)) {
		d.fail(at, RuleReserved, "names that begin with %s belong to the host", ReservedPrefix)
	}
	return s
}

func (d *decoder) functions() {
	n := d.count("functions", 1, d.budgets.Functions)
	d.m.Functions = make([]uint32, 0, n)
	for range n {
		d.m.Functions = append(d.m.Functions, d.index("type", len(d.m.Types)))
	}
	d.together()
}

func (d *decoder) table() Table {
	t := d.referenceType()
	return Table{Type: t, Bounds: d.bounds("table", 1<<32-1)}
}

func (d *decoder) tables() {
	n := d.count("tables", 3, d.budgets.Tables)
	d.m.Tables = make([]Table, 0, n)
	for range n {
		d.m.Tables = append(d.m.Tables, d.table())
	}
	d.together()
}

func (d *decoder) memory() Bounds { return d.bounds("memory", 1<<16) }

func (d *decoder) memories() {
	n := d.count("memories", 2, 1)
	d.m.Memories = make([]Bounds, 0, n)
	for range n {
		d.m.Memories = append(d.m.Memories, d.memory())
	}
	d.together()
}

func (d *decoder) globalType() Global {
	g := Global{Type: d.valueType()}
	at := d.pos
	switch m := d.byte(); m {
	case 0:
	case 1:
		g.Mutable = true
	default:
		d.fail(at, RuleType, "%#x says neither constant nor mutable", m)
	}
	return g
}

func (d *decoder) globals() {
	n := d.count("globals", 4, d.budgets.Globals)
	d.m.Globals = make([]Global, 0, n)
	for range n {
		g := d.globalType()
		g.Init = d.expression(d.m.ImportedGlobals)
		d.m.Globals = append(d.m.Globals, g)
	}
	d.together()
}

func (d *decoder) exports() {
	n := d.count("exports", 3, d.budgets.Exports)
	d.m.Exports = make([]Export, 0, n)
	for range n {
		e := Export{Name: d.unreserved()}
		at := d.pos
		e.Kind = Kind(d.byte())
		switch e.Kind {
		case KindFunction:
			e.Index = d.index("function", d.m.FunctionCount())
		case KindTable:
			e.Index = d.index("table", d.m.TableCount())
		case KindMemory:
			e.Index = d.index("memory", d.m.MemoryCount())
		case KindGlobal:
			e.Index = d.index("global", d.m.GlobalCount())
		default:
			d.fail(at, RuleType, "%#x is nothing that can be exported", byte(e.Kind))
		}
		d.m.Exports = append(d.m.Exports, e)
	}
	d.unique()
}

// unique finds names that are exported twice.
func (d *decoder) unique() {
	if len(d.m.Exports) < 2 {
		return
	}
	order := make([]uint32, len(d.m.Exports))
	for i := range order {
		order[i] = uint32(i)
	}
	name := func(i uint32) []byte { return d.m.Exports[i].Name.Of(d.bin) }
	slices.SortFunc(order, func(a, b uint32) int { return bytes.Compare(name(a), name(b)) })
	for i := 1; i < len(order); i++ {
		if bytes.Equal(name(order[i-1]), name(order[i])) {
			at := d.m.Exports[max(order[i-1], order[i])].Name.Start
			d.fail(int(at), RuleDuplicate, "%.100q is exported twice", name(order[i]))
		}
	}
}
