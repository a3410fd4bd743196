package module

// Options are the budgets of one module. The zero value of a field is its
// default. The defaults are far above what compilers write (the largest numbers
// in optimised modules of megabytes: bodies of 200 KB, 11,000 blocks and branches,
// 130 loops, 550 levels, 54 locals, 1,000 targets, 6,500 moves, 36,000 data
// segments) and keep one function from taking an engine's compiler for minutes or
// gigabytes. A module of many functions can still take long.
type Options struct {
	// Bytes is the size of the binary. Default 16 MiB; never more than 1 GiB.
	Bytes int
	// Types, Imports, Functions (imported and defined), Tables, Globals, Exports,
	// Elements and Data (segments), Customs (sections) are how many there may be.
	// Defaults 10,000, 1,000, 100,000, 1, 100,000, 10,000, 10,000, 100,000 and 1,000.
	Types, Imports, Functions, Tables, Globals, Exports, Elements, Data, Customs int
	// Values is how many parameters, and how many results, a type may have.
	// Default 1,000.
	Values int
	// Items is how many items all element segments have together. Default 1,000,000.
	Items int
	// Body is the size of one function's code in bytes. Default 1 MiB.
	Body int
	// Locals is how many locals one function may have, its parameters included.
	// Default 10,000.
	Locals int
	// AllLocals is how many locals all functions may have together. A compiler writes
	// an instruction for each, so that a module of 14 KB without it would be 144 MB of
	// code. Default 2,000,000.
	AllLocals int
	// Blocks is how many blocks, loops, ifs and branches one function may have, with
	// each label of a br_table, Loops how many of them may be loops, and Depth how
	// far they may be nested: the time that compilers take grows with the square of
	// the first two. Defaults 20,000, 1,000 and 1,000.
	Blocks, Loops, Depth int
	// Moves is how many values the calls of one function take and return and its
	// blocks take and leave, and one more for each: compilers keep a record of each.
	// Default 100,000.
	Moves int
	// LoopLocals is the number of loops of one function times the number of its
	// locals: the time that compilers take grows with it, and is half a second for
	// one function at the default, 100,000.
	LoopLocals int
	// Targets is how many labels one br_table may name. Default 10,000.
	Targets int
	// Reserved lets imports and exports have names that begin with ReservedPrefix:
	// for reading a module that will not be rewritten.
	Reserved bool
	// Pause is called from time to time while code is read, with how many bytes of it were
	// since the last call: reading the largest module takes a tenth of a second, and
	// rewriting it seconds. It may panic, which ends the reading. Default: nothing is called.
	Pause func(bytes int)
}

// Pace is after how many bytes of code Options.Pause is called.
const Pace = 4 << 10

// ReservedPrefix is how the names begin that only the host gives.
const ReservedPrefix = "__chhost"

const maxBytes = 1 << 30 // offsets are kept in 32 bits

func (o Options) withDefaults() Options {
	set := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&o.Bytes, 16<<20)
	o.Bytes = min(o.Bytes, maxBytes)
	set(&o.Types, 10_000)
	set(&o.Imports, 1_000)
	set(&o.Functions, 100_000)
	set(&o.Tables, 1)
	set(&o.Globals, 100_000)
	set(&o.Exports, 10_000)
	set(&o.Elements, 10_000)
	set(&o.Data, 100_000)
	set(&o.Customs, 1_000)
	set(&o.Values, 1_000)
	set(&o.Items, 1_000_000)
	set(&o.Body, 1<<20)
	set(&o.Locals, 10_000)
	set(&o.AllLocals, 2_000_000)
	set(&o.Blocks, 20_000)
	set(&o.Loops, 1_000)
	set(&o.Depth, 1_000)
	set(&o.Moves, 100_000)
	set(&o.LoopLocals, 100_000)
	set(&o.Targets, 10_000)
	return o
}
