package torture

import (
	"bytes"
	"fmt"
)

// repeat is code many times over.
func repeat(n int, code ...byte) []byte { return bytes.Repeat(code, n) }

// with is a guest with a section of its own.
func with(id byte, section func() []byte) func() []byte {
	return func() []byte { return (&guest{sections: map[byte][]byte{id: section()}}).bytes() }
}

// pushing is a guest whose handle_in has this code before its status.
func pushing(code func() []byte) func() []byte {
	return func() []byte { return (&guest{push: join(code(), i32(0))}).bytes() }
}

// behind is a guest with further sections behind its own.
func behind(n int, id byte, section []byte) func() []byte {
	return func() []byte {
		more := join([]byte{id}, uleb(len(section)), section)
		return join((&guest{}).bytes(), bytes.Repeat(more, n))
	}
}

// floods are many things within the rules: they are served.
func floods() []Kind {
	return []Kind{
		servedAs("flood_customs", "1,000 custom sections of 8 KiB.", behind(1000, 0, append([]byte{1, 'x'}, make([]byte, 8<<10)...))),
		{Name: "names_escaped", Fault: "A trap in a function whose name would clear a terminal.", Verdict: failsIn + "handle_in",
			Words: []string{"wasm: trap in handle_in: wasm error: unreachable", `\\x1b[2J`}, module: func() []byte {
				named := counted(1, join([]byte{3}, name("\x1b[2J\n"))) // handle_in
				return join((&guest{push: []byte{0}}).bytes(), section(0, join(name("name"), section(1, named))))
			}},
		servedAs("flood_names", "A function's name of 1 MiB, all control characters.", func() []byte {
			names := counted(1, join([]byte{0}, name(string(repeat(1<<20, 0x1b)))))
			return join((&guest{}).bytes(), section(0, join(name("name"), section(1, names))))
		}),
		servedAs("flood_data", "100,000 passive data segments of no bytes.", with(11, func() []byte { return counted(100_000, repeat(100_000, 1, 0)) })),
		servedAs("flood_active_data", "100,000 data segments that are all copied to the same place.", with(11, func() []byte {
			return counted(100_000, bytes.Repeat(join([]byte{0}, i32(16), []byte{0x0b, 1, 7}), 100_000))
		})),
		servedAs("flood_elements", "10,000 passive element segments of no functions.", with(9, func() []byte { return counted(10_000, repeat(10_000, 1, 0, 0)) })),
		servedAs("flood_globals", "90,000 globals.", with(6, func() []byte { return counted(90_000, repeat(90_000, 0x7f, 1, 0x41, 0, 0x0b)) })),
		servedAs("flood_types", "9,000 types.", with(1, func() []byte {
			return counted(typeCount+9_000, join(typeSection()[1:], repeat(9_000, 0x60, 0, 0)))
		})),
		servedAs("flood_functions", "20,000 functions that do nothing.", func() []byte {
			return (&guest{more: 20_000, moreBody: []byte{2, 0, 0x0b}}).bytes()
		}),
		servedAs("flood_exports", "9,000 exports of one function.", with(7, func() []byte {
			all := (&guest{}).exports()[1:]
			for n := range 9_000 {
				all = join(all, name(fmt.Sprintf("x%d", n)), []byte{0, 0})
			}
			return counted(9_005, all)
		})),
		servedAs("flood_blocks", "10,000 blocks one behind the other in one function.", pushing(func() []byte { return repeat(10_000, 0x02, 0x40, 0x0b) })),
		servedAs("flood_nesting", "900 blocks within each other.", pushing(func() []byte { return join(repeat(900, 0x02, 0x40), repeat(900, 0x0b)) })),
		servedAs("flood_labels", "A br_table of 9,000 labels.", pushing(func() []byte {
			return join([]byte{0x02, 0x40, 0x41, 0, 0x0e}, uleb(9_000), repeat(9_001, 0), []byte{0x0b})
		})),
		servedAs("flood_locals", "9,000 locals in one function.", func() []byte {
			return (&guest{more: 1, moreBody: declares(9_000)}).bytes()
		}),
		servedAs("flood_all_locals", "20,000 functions of 90 locals.", func() []byte {
			return (&guest{more: 20_000, moreBody: declares(90)}).bytes()
		}),
	}
}

// budgets go beyond what the decoder takes of one thing, which is counted and there.
func budgets() []Kind {
	const budget = "(budget)"
	return []Kind{
		refusedFor("empty", "No byte at all.", func() []byte { return nil }, "this is not a WebAssembly module"),
		refusedFor("noise", "8 KiB of what is no module.", func() []byte { return repeat(4096, 0xa5, 0x5a) }, "this is not a WebAssembly module"),
		refusedFor("beyond_bytes", "A module of more than 16 MiB.", behind(1, 0, append([]byte{1, 'x'}, make([]byte, 16<<20)...)), "more than the 16777216 that are taken"),
		refusedFor("beyond_customs", "1,001 custom sections.", behind(1001, 0, []byte{1, 'x'}), "custom sections", budget),
		refusedFor("beyond_types", "10,001 types.", with(1, func() []byte { return counted(10_001, repeat(10_001, 0x60, 0, 0)) }), "section type", budget),
		refusedFor("beyond_imports", "1,001 imports of one function.", func() []byte {
			g := guest{}
			for range 1001 {
				g.imports = append(g.imports, imported{"chhost_v1", "assign", typeTwo})
			}
			return g.bytes()
		}, "section import", budget),
		refusedFor("beyond_functions", "100,001 functions.", with(3, func() []byte { return counted(100_001, make([]byte, 100_001)) }), "section function", budget),
		refusedFor("beyond_globals", "100,001 globals.", with(6, func() []byte { return counted(100_001, repeat(100_001, 0x7f, 1, 0x41, 0, 0x0b)) }), "section global", budget),
		refusedFor("beyond_exports", "10,001 exports.", with(7, func() []byte {
			var all []byte
			for n := range 10_001 {
				all = join(all, name(fmt.Sprintf("x%d", n)), []byte{0, 0})
			}
			return counted(10_001, all)
		}), "section export", budget),
		refusedFor("beyond_elements", "10,001 element segments.", with(9, func() []byte { return counted(10_001, repeat(10_001, 1, 0, 0)) }), "section element", budget),
		refusedFor("beyond_items", "Element segments of 1,000,001 functions together.", with(9, func() []byte {
			return counted(1, join([]byte{1, 0}, uleb(1_000_001), make([]byte, 1_000_001)))
		}), "section element", budget),
		refusedFor("beyond_data", "100,001 data segments.", with(11, func() []byte { return counted(100_001, repeat(100_001, 1, 0)) }), "section data", budget),
		refusedFor("beyond_values", "A type of 1,001 parameters.", with(1, func() []byte {
			return counted(typeCount+1, join(typeSection()[1:], []byte{0x60}, uleb(1001), repeat(1001, 0x7f), []byte{0}))
		}), "section type", budget),
		refusedFor("beyond_locals", "A function of 10,001 locals.", func() []byte {
			return (&guest{more: 1, moreBody: declares(10_001)}).bytes()
		}, "locals of one function", budget),
		refusedFor("beyond_all_locals", "2,000 functions of 9,000 locals: 14 KB, and 144 MB of compiled code.", func() []byte {
			return (&guest{more: 2000, moreBody: declares(9_000)}).bytes()
		}, "locals of all functions", budget),
		refusedFor("beyond_body", "A function of more than 1 MiB.", pushing(func() []byte { return repeat(1<<20, 1) }), "bytes of code in one function", budget),
		refusedFor("beyond_blocks", "20,001 blocks in one function.", pushing(func() []byte { return repeat(20_001, 0x02, 0x40, 0x0b) }), "blocks and branches in one function", budget),
		refusedFor("beyond_nesting", "1,001 blocks within each other.", pushing(func() []byte { return join(repeat(1001, 0x02, 0x40), repeat(1001, 0x0b)) }), "nested blocks", budget),
		refusedFor("beyond_loops", "1,001 loops in one function.", pushing(func() []byte { return repeat(1001, 0x03, 0x40, 0x0b) }), "loops in one function", budget),
		refusedFor("beyond_labels", "A br_table of 10,001 labels.", pushing(func() []byte {
			return join([]byte{0x02, 0x40, 0x41, 0, 0x0e}, uleb(10_001), repeat(10_002, 0), []byte{0x0b})
		}), "labels in one br_table", budget),
		refusedFor("beyond_loops_times_locals", "500 loops in a function of 500 locals, 2 KB in all.", func() []byte {
			return (&guest{more: 1, moreBody: loopsAndLocals(500, 500)}).bytes()
		}, "loops times locals in one function", budget),
		refusedFor("beyond_moves", "101,000 values on their way into one function's blocks.", func() []byte {
			g := guest{sections: map[byte][]byte{1: counted(typeCount+1, join(typeSection()[1:], []byte{0x60}, uleb(1000), repeat(1000, 0x7f), []byte{0}))}}
			call := join(bytes.Repeat(i32(0), 1000), []byte{0x02, typeCount}, repeat(1000, 0x1a), []byte{0x0b})
			g.push = join(bytes.Repeat(call, 101), i32(0))
			return g.bytes()
		}, "values of calls and blocks in one function", budget),
	}
}

// declares is a function that has locals and does nothing.
func declares(locals int) []byte {
	code := join([]byte{1}, uleb(locals), []byte{0x7e, 0x0b})
	return append(uleb(len(code)), code...)
}

// loopsAndLocals is a function whose loops are within each other and whose locals are
// all alive in them.
func loopsAndLocals(loops, locals int) []byte {
	code := join([]byte{1}, uleb(locals), []byte{0x7f}, repeat(loops, 0x03, 0x40))
	for n := range locals {
		local := uleb(n)
		code = join(code, []byte{0x20}, local, []byte{0x41, 1, 0x6a, 0x21}, local)
	}
	code = join(code, repeat(loops, 0x0b), []byte{0x0b})
	return append(uleb(len(code)), code...)
}

// bombs are within every budget, and too much for a compiler: the process that
// compiles is ended.
func bombs() []Kind {
	// Its time or its memory ends first, which depends on the machine.
	bomb := func(name, fault string, module func() []byte) Kind {
		k := refusedFor(name, fault, module, "compiling takes more than ", "split its largest functions")
		k.costly, k.apart = true, true
		return k
	}
	return []Kind{
		bomb("compile_bomb", "300 functions, each with 99 loops and 1,000 locals.", func() []byte {
			return (&guest{more: 300, moreBody: loopsAndLocals(99, 1000)}).bytes()
		}),
		bomb("compile_bomb_of_labels", "600 functions, each with a br_table of 9,000 labels that leads out of 900 blocks.", func() []byte {
			return (&guest{more: 600, moreBody: labelsAndBlocks(9000, 900)}).bytes()
		}),
		bomb("compile_bomb_of_nesting", "5,000 functions of 900 blocks within each other.", func() []byte {
			code := join([]byte{0}, repeat(900, 0x02, 0x40), repeat(900, 0x0b), []byte{0x0b})
			return (&guest{more: 5000, moreBody: append(uleb(len(code)), code...)}).bytes()
		}),
		bomb("compile_bomb_of_references", "A function of 1 MB that is nothing but references to functions.", pushing(func() []byte {
			return join(i32(0), repeat(250_000, 0xd2, 0, 0xd1, 0x6a), []byte{0x1a})
		})),
		bomb("compile_bomb_of_operands", "Two functions of 170,000 loads that all wait on the stack.", func() []byte {
			code := join([]byte{0}, repeat(170_000, 0x41, 0, 0x28, 2, 0), repeat(170_000, 0x1a), []byte{0x0b})
			return (&guest{more: 2, moreBody: append(uleb(len(code)), code...)}).bytes()
		}),
		bomb("compile_bomb_of_code", "15 functions of 1 MiB of code, all of it reads and writes of the memory.", func() []byte {
			code := join([]byte{0}, repeat(95_000, 0x41, 0, 0x41, 0, 0x28, 2, 0, 0x36, 2, 0), []byte{0x0b})
			return (&guest{more: 15, moreBody: append(uleb(len(code)), code...)}).bytes()
		}),
	}
}

// labelsAndBlocks is a function whose br_table leads out of each of its blocks in turn.
func labelsAndBlocks(labels, blocks int) []byte {
	code := join([]byte{0}, repeat(blocks, 0x02, 0x40), []byte{0x41, 0, 0x0e}, uleb(labels))
	for n := range labels + 1 {
		code = join(code, uleb(n%blocks))
	}
	code = join(code, repeat(blocks, 0x0b), []byte{0x0b})
	return append(uleb(len(code)), code...)
}
