// Package meter rewrites WebAssembly modules so that what they use can be
// counted and ended from outside, by whatever engine runs them.
//
// # Fuel
//
// The rewritten module has a mutable i64 global, exported as [FuelExport]. Each
// instruction costs what [Cost] says. A stretch of code that is executed as a
// whole is charged at its beginning, in one subtraction: the global is below what
// was executed at no time, and equal to it whenever a function returns; only
// where a trap cuts a stretch short, the rest of it has been charged too.
// Stretches are long: code behind a block, an if or a loop belongs to the stretch
// before it, unless a branch inside leads further out or the stretch has cost more
// than 1,024. Fuel is the same on every run, on every engine and machine.
//
// Whether fuel is below zero is asked at the entry of each function, at each
// loop's header and, in long functions, wherever more than 1,024 have been
// charged on some path since it was asked. If it is, the module calls the one
// function that it imports beyond its own imports: [RefillModule] [RefillName] with
// [ReasonFuel]. The host adds fuel until the global is not negative, or panics,
// which ends the call. Between two questions there is straight code only; a guest
// that unwinds a deep stack is asked at the latest after 1,024 times that depth.
//
// # Bulk operations
//
// memory.fill, copy and init cost one more for each 8 bytes, table.fill, copy, init
// and grow one for each element, memory.grow 8,192 for each page. But for copy and
// init of a small constant size they become calls of functions that are added to
// the module, which charge before they act and do what is larger than 64 KiB (8,192
// elements) piece by piece with a question before each. A copy whose ranges overlap goes
// from the end that keeps it correct. What reaches out of bounds is left to the
// engine as it was, in one piece and without its size being charged: it traps as
// the original does, before anything is written. memory.grow and table.grow
// remain one piece, since a part of it could be seen; memory.grow that fails
// costs nothing for its pages, and calls the refill function with [ReasonMemory] before.
//
// # The stack
//
// A second global, exported as [StackExport], holds what is left of the call stack in
// slots of roughly 8 bytes. A function takes 8, its parameters, results and locals,
// a quarter of its instructions and what these make beyond one value each, and
// gives them back on every way out. Below zero the module calls the refill function with [ReasonStack], which must not return.
// A function needs no counting if all that it calls, directly and indirectly, is
// known, without a cycle, and takes less than 4,096 slots together. After a trap
// the global is not restored: an instance that trapped must not be used again,
// or has to be given its stack back.
//
// # The rest
//
// One more function, exported as [CallExport], stands for all of Options.Entries, so
// that the host needs one handle for an instance. The maxima of Options are written
// into memories and tables. The injected import
// stands behind the module's own imports, so that functions which the module
// defines have indices higher by one: code, elements, exports, the start function
// and the names of functions, of which the first 256 bytes are kept, follow; the
// names of locals, which nobody shows, and all other custom sections, which speak
// of offsets, are left out. Globals and functions are added at the
// end, where no instruction of the guest names them: package module has checked
// every index against what there was, and no name of the guest begins like those
// of the host.
//
// # What is refused
//
// Whatever package module refuses; a memory or table whose minimum is above the
// maximum of Options; and, unless Options.Linked, imported memories, tables and
// globals, whose bounds others would have to keep.
package meter
