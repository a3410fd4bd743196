package meter

import (
	"bytes"
	"fmt"

	"github.com/chhost/chhost/host/wasm/module"
)

// Version is another one whenever [Rewrite] makes something else of a module than
// before: what was rewritten once is kept under it.
const Version = 1

// The names of what is added to a module.
const (
	// RefillModule and RefillName are the function that the host has to provide:
	// it takes an i32, which is one of the reasons, and returns nothing.
	RefillModule = module.ReservedPrefix
	RefillName   = "refill"
	// FuelExport and StackExport are mutable globals, an i64 and an i32.
	FuelExport  = module.ReservedPrefix + "_fuel"
	StackExport = module.ReservedPrefix + "_stack"
	// CallExport is a function (which i32, argument i32) -> i32 that calls one of
	// Options.Entries by its number. An engine keeps a stack for each function that
	// it was asked for, and so one for an instance. It returns 0 for a function that
	// returns nothing, and traps if which is none of those that the module has.
	CallExport = module.ReservedPrefix + "_call"
)

// The reasons for which a module calls the refill function.
const (
	ReasonFuel   = 0 // fuel is below zero: add to it, or panic
	ReasonStack  = 1 // the stack is used up: panic
	ReasonMemory = 2 // memory.grow is about to fail, since it is beyond the most pages
)

// Options are what a module may use. The zero value of a field is its default.
type Options struct {
	// Module are the decoder's budgets.
	Module module.Options
	// Pages is the most that a memory can grow to, in pages of 64 KiB. Default
	// 1,024, which is 64 MiB.
	Pages uint32
	// Elements is the most that a table can grow to. Default 65,536.
	Elements uint32
	// Stack is the size of the call stack in slots, see the package's comment; at
	// most 1<<30. Default 1<<20.
	Stack uint32
	// Linked lets memories, tables and globals be imported: for modules that were
	// made for each other. Who defines them bounds them.
	Linked bool
	// Entries are the names of exported functions that CallExport calls; it is left
	// out if there are none. One that the module does not export, or that takes or
	// returns something else than one i32 or nothing, keeps its number.
	Entries []string
}

func (o Options) withDefaults() Options {
	set := func(field *uint32, value uint32) {
		if *field == 0 {
			*field = value
		}
	}
	set(&o.Pages, 1<<10)
	set(&o.Elements, 1<<16)
	set(&o.Stack, 1<<20)
	o.Pages = min(o.Pages, 1<<16)
	o.Stack = min(o.Stack, mostSlots)
	return o
}

// Rewrite returns the metered module. The error is a [*module.Error] if the module
// cannot be rewritten. With the same input and options the result is the same.
func Rewrite(bin []byte, options Options) ([]byte, error) {
	m, err := module.Decode(bin, options.Module)
	if err != nil {
		return nil, err
	}
	return RewriteModule(m, options)
}

// RewriteModule is [Rewrite] for a module that has been decoded already. What it
// was decoded with has to bound it as options.Module would, but for Reserved.
func RewriteModule(m *module.Module, options Options) ([]byte, error) {
	r := &rewriter{m: m, options: options.withDefaults()}
	if err := r.refuse(); err != nil {
		return nil, err
	}
	r.measure()
	r.count()
	return r.assemble(), nil
}

// rewriter rewrites one module.
type rewriter struct {
	m       *module.Module
	options Options

	functions []function // what is known of each defined function
	charges   []charge   // of all functions, in the order of their code
	callees   []uint32   // of all functions: defined functions that are called directly

	added       []addition // functions that are added
	dispatching bool       // the last of them is that of CallExport
	known       map[operation]uint32
	types       []byte            // types that are added, encoded
	typeSum     uint32            // how many there are, with the module's own
	typeOf      map[string]uint32 // by their encoding
	frames      []frame
	labels      []label
	scratch     []byte
	paused      int // where Options.Module.Pause was called last
}

// codeStart is where the first body begins.
func (r *rewriter) codeStart() int {
	if len(r.m.Bodies) == 0 {
		return 0
	}
	return int(r.m.Bodies[0].All.Start)
}

// pause lets others go on, if it is time.
func (r *rewriter) pause(at int) {
	if at-r.paused >= module.Pace && r.options.Module.Pause != nil {
		r.options.Module.Pause(at - r.paused)
		r.paused = at
	}
}

// function is what is known of a defined function.
type function struct {
	charges, callees part
	weight           uint32 // slots of the stack
	indirect         bool   // calls through a table
	counted          bool   // its stack is counted
}

// part is a part of one of the rewriter's lists.
type part struct{ start, end uint32 }

// refuse finds what cannot be bounded.
func (r *rewriter) refuse() error {
	fault := func(section string, rule module.Rule, format string, args ...any) error {
		return &module.Error{Section: section, Rule: rule, Detail: fmt.Sprintf(format, args...), Offset: r.offset(section)}
	}
	for _, i := range r.m.Imports {
		if i.Kind != module.KindFunction && !r.options.Linked {
			return fault("import", module.RuleUnsupported, "%.100q %.100q is a %s: only functions can be imported", i.Module.Of(r.m.Binary), i.Name.Of(r.m.Binary), i.Kind)
		}
	}
	if !r.options.Module.Reserved {
		for _, e := range r.m.Exports {
			if bytes.HasPrefix(e.Name.Of(r.m.Binary), []byte(module.ReservedPrefix)) {
				return fault("export", module.RuleReserved, "names that begin with %s belong to the host", module.ReservedPrefix)
			}
		}
		for _, i := range r.m.Imports {
			if bytes.HasPrefix(i.Module.Of(r.m.Binary), []byte(module.ReservedPrefix)) || bytes.HasPrefix(i.Name.Of(r.m.Binary), []byte(module.ReservedPrefix)) {
				return fault("import", module.RuleReserved, "names that begin with %s belong to the host", module.ReservedPrefix)
			}
		}
	}
	for _, b := range r.m.Memories {
		if b.Min > r.options.Pages {
			return fault("memory", module.RuleBudget, "the memory begins with %d pages of 64 KiB: %d are allowed", b.Min, r.options.Pages)
		}
	}
	for _, t := range r.m.Tables {
		if t.Min > r.options.Elements {
			return fault("table", module.RuleBudget, "a table begins with %d elements: %d are allowed", t.Min, r.options.Elements)
		}
	}
	return nil
}

// offset is where a section begins.
func (r *rewriter) offset(section string) int {
	ids := map[string]byte{"import": module.SectionImport, "export": module.SectionExport, "memory": module.SectionMemory, "table": module.SectionTable}
	for _, s := range r.m.Sections {
		if s.ID == ids[section] {
			return int(s.Body.Start)
		}
	}
	return 0
}

// The indices of what is added.

func (r *rewriter) refill() uint32 { return uint32(r.m.ImportedFunctions) }

// renumber is the index that a function has in the result.
func (r *rewriter) renumber(function uint32) uint32 {
	if function >= uint32(r.m.ImportedFunctions) {
		return function + 1
	}
	return function
}

func (r *rewriter) fuel() uint32 { return uint32(r.m.GlobalCount()) }

func (r *rewriter) stack() uint32 { return uint32(r.m.GlobalCount()) + 1 }
