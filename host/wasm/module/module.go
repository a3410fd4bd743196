package module

// Module is a decoded module. It is not changed after [Decode] and may be read
// concurrently; it keeps the binary it was made of.
type Module struct {
	// Binary is what was decoded. Spans are offsets in it.
	Binary   []byte
	Sections []Section
	Types    []FuncType
	Imports  []Import
	// Functions are the types of the defined functions, by index in Types.
	Functions []uint32
	Tables    []Table
	Memories  []Bounds
	Globals   []Global
	Exports   []Export
	Start     uint32 // a function's index, if HasStart
	HasStart  bool
	Elements  []Element
	Bodies    []Body // of Functions, one by one
	Data      []Data

	// ImportedFunctions and the others are how many of Imports are of each kind;
	// the module's own have the indices after them.
	ImportedFunctions, ImportedTables, ImportedMemories, ImportedGlobals int

	dataCount    uint32
	hasDataCount bool
	imported     importedKinds
}

// importedKinds are what the indices of imports lead to.
type importedKinds struct {
	functions []uint32 // types
	tables    []Table
	globals   []Global
}

// Span is a part of the binary.
type Span struct{ Start, End uint32 }

// Of returns the bytes of the span.
func (s Span) Of(bin []byte) []byte { return bin[s.Start:s.End] }

// Len is its length in bytes.
func (s Span) Len() uint32 { return s.End - s.Start }

// Section is one section: its number and its contents, without number and size.
type Section struct {
	ID   byte
	Body Span
	// Name is a custom section's name; it lies at the beginning of Body.
	Name Span
}

// The sections' numbers (core specification 2.0, section 5.5.2).
const (
	SectionCustom    = 0
	SectionType      = 1
	SectionImport    = 2
	SectionFunction  = 3
	SectionTable     = 4
	SectionMemory    = 5
	SectionGlobal    = 6
	SectionExport    = 7
	SectionStart     = 8
	SectionElement   = 9
	SectionCode      = 10
	SectionData      = 11
	SectionDataCount = 12
)

func sectionName(id byte) string {
	switch id { // no array of names, which would be made anew for each section
	case SectionCustom:
		return "custom"
	case SectionType:
		return "type"
	case SectionImport:
		return "import"
	case SectionFunction:
		return "function"
	case SectionTable:
		return "table"
	case SectionMemory:
		return "memory"
	case SectionGlobal:
		return "global"
	case SectionExport:
		return "export"
	case SectionStart:
		return "start"
	case SectionElement:
		return "element"
	case SectionCode:
		return "code"
	case SectionData:
		return "data"
	case SectionDataCount:
		return "data count"
	}
	return "unknown"
}

// Kind is what an import or export is.
type Kind byte

// The kinds.
const (
	KindFunction Kind = iota
	KindTable
	KindMemory
	KindGlobal
)

func (k Kind) String() string {
	names := [...]string{"func", "table", "memory", "global"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// ValueType is a type of values, as the binary format writes it.
type ValueType byte

// The value types.
const (
	I32       ValueType = 0x7f
	I64       ValueType = 0x7e
	F32       ValueType = 0x7d
	F64       ValueType = 0x7c
	V128      ValueType = 0x7b
	FuncRef   ValueType = 0x70
	ExternRef ValueType = 0x6f
)

func (t ValueType) known() bool { return t >= V128 && t <= I32 || t.reference() }

func (t ValueType) reference() bool { return t == FuncRef || t == ExternRef }

// FuncType is the type of a function; a byte of each span is a [ValueType].
type FuncType struct{ Params, Results Span }

// Import is one import. Index is the type's index if it is a function, else the
// index among the imports of its kind.
type Import struct {
	Module, Name Span
	Index        uint32
	Kind         Kind
}

// Bounds are those of a memory in pages of 64 KiB or of a table in elements.
type Bounds struct {
	Min, Max uint32
	Bounded  bool // there is a Max
}

// Table is one table.
type Table struct {
	Bounds
	Type ValueType
}

// Global is one global; Init is its expression, without the end.
type Global struct {
	Init    Span
	Type    ValueType
	Mutable bool
}

// Export is one export.
type Export struct {
	Name  Span
	Index uint32
	Kind  Kind
}

// Element is one element segment.
type Element struct {
	// Items are its items, without their number: indices of functions, or
	// expressions with their end if Expressions.
	Items Span
	// Offset is an active segment's expression, without the end.
	Offset      Span
	Count       uint32
	Table       uint32
	Flags       byte // as the binary format writes them: 0 to 7
	Type        ValueType
	Expressions bool
}

// Active tells whether the segment is copied into a table at the start.
func (e *Element) Active() bool { return e.Flags&1 == 0 }

// Data is one data segment.
type Data struct {
	Bytes Span
	// Offset is an active segment's expression, without the end.
	Offset Span
	Flags  byte // 0 active, 1 passive, 2 active with a memory's index
}

// Body is the code of a defined function.
type Body struct {
	// All is the body from the number of local groups to the last end, and Code
	// what follows the locals.
	All, Code Span
	// Locals is how many there are beside the parameters.
	Locals uint32
	// Loops is how many loops there are.
	Loops uint32
}

// TypeOf returns the type of a function by its index, imports first.
func (m *Module) TypeOf(function uint32) *FuncType {
	return &m.Types[m.typeIndex(function)]
}

func (m *Module) typeIndex(function uint32) uint32 {
	if n := uint32(m.ImportedFunctions); function >= n {
		return m.Functions[function-n]
	}
	return m.imported.functions[function]
}

// TableType returns a table by its index, imports first.
func (m *Module) TableType(table uint32) Table {
	if n := uint32(m.ImportedTables); table >= n {
		return m.Tables[table-n]
	}
	return m.imported.tables[table]
}

// FunctionCount is how many functions there are, imports included.
func (m *Module) FunctionCount() int { return m.ImportedFunctions + len(m.Functions) }

// TableCount is how many tables there are, imports included.
func (m *Module) TableCount() int { return m.ImportedTables + len(m.Tables) }

// MemoryCount is how many memories there are, imports included.
func (m *Module) MemoryCount() int { return m.ImportedMemories + len(m.Memories) }

// GlobalCount is how many globals there are, imports included.
func (m *Module) GlobalCount() int { return m.ImportedGlobals + len(m.Globals) }

// Text returns a name of the binary.
func (m *Module) Text(s Span) string { return string(s.Of(m.Binary)) }
