// Package module reads untrusted WebAssembly modules, strictly and within
// budgets, before anything else looks at them.
//
// [Decode] takes the binary format of the core specification 2.0 with SIMD and
// nothing beyond it. A module that it returns has this shape:
//
//   - Every count was compared with the bytes that were left before anything was
//     allocated for it, and every budget of [Options] was kept. Decoding takes
//     time linear in the input (a sort of the exports' names apart) and
//     allocates at most 16 times the input and 64 KiB.
//   - Sections are in order, each once, and filled to the byte; numbers are LEB128
//     as the specification wants it; names are UTF-8 and exports are unique.
//   - Every index of a type, function, table, memory, global, element, data
//     segment, local and label exists in the module as it was handed in. Whoever
//     adds something behind what is there (package meter) can rely on that no
//     instruction names it.
//   - Every body is a properly nested sequence of known instructions that ends
//     with its last byte.
//   - No import or export has a name that begins with [ReservedPrefix], unless
//     the options let it.
//
// What is not checked is the types of operands: the engine does that, and code
// that was inserted with a balanced stack changes nothing about it.
//
// A fault is an [*Error] with its section, its offset in the file and its rule.
// The results point into the binary, which must not change afterwards.
package module
