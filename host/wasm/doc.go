// Package wasm runs plugins: it checks, compiles, limits and calls them. It is
// the only room that knows the engine.
//
// An [Engine] compiles a module into a [Plugin], which is a [channel.Handler].
// A plugin keeps a pool of instances; a call takes one, writes the event into
// the guest's memory, enters the callback and collects what the guest asks for.
// Nothing of that is carried out here: the effects are returned, and only if
// the callback returned as the contract says (package abi). After a trap, a
// broken rule or an exceeded limit the instance is destroyed, since its memory
// may be half changed; guests keep nothing between calls, so the next event is
// served by another one.
//
// The engine's compiler is not trusted with strangers' modules either: it cannot be
// stopped, and takes what memory it likes. A program that begins with
// [CompilerMain] lets a child process with limits run it, and loads what that made.
//
// What a guest hands over is not trusted: pointers, names, JSON, flags, statuses
// and amounts are checked at the import that receives them, and the error names
// the import, the argument and the rule.
package wasm
