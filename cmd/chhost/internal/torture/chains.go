package torture

import "bytes"

// chains are long lists of one instruction or two, in one function, within every budget.
// What a compiler makes of them may take it long, and then it says so.
func chains() []Kind {
	chain := func(name, fault string, code func() []byte) Kind {
		k := servedAs(name, fault, pushing(func() []byte { return join(code(), []byte{0x1a}) }))
		k.costly = true
		return k
	}
	return []Kind{
		chain("chain_of_selects", "100,000 selects, each of the one before.", func() []byte {
			return join(i32(0), repeat(100_000, 0x41, 1, 0x20, 0, 0x1b))
		}),
		chain("chain_of_operands", "30,000 loads that all wait on the stack, and the additions that take them.", func() []byte {
			return join(repeat(30_000, 0x41, 0, 0x28, 2, 0), repeat(29_999, 0x6a))
		}),
		chain("chain_of_references", "5,000 references to functions, each asked whether it is null.", func() []byte {
			return join(i32(0), repeat(5_000, 0xd2, 0, 0xd1, 0x6a))
		}),
		chain("chain_of_sizes", "100,000 questions about the memory's size, added up.", func() []byte {
			return join(i32(0), repeat(100_000, 0x3f, 0, 0x6a))
		}),
		chain("chain_of_tees", "100,000 values that are put into a local and left on the stack.", func() []byte {
			return join(i32(1), repeat(100_000, 0x22, 0, 0x20, 0, 0x6a))
		}),
		chain("chain_of_choices", "900 ifs within each other, each with a value and an else.", func() []byte {
			return join(repeat(900, 0x20, 0, 0x04, 0x7f), i32(1), repeat(900, 0x05, 0x41, 0, 0x0b))
		}),
		{Name: "values_of_blocks", Fault: "99 blocks within each other that take and leave 500 values.", Verdict: Served, Words: []string{noAnswer}, costly: true, module: func() []byte {
			types := counted(typeCount+1, join(typeSection()[1:], []byte{0x60}, uleb(500), repeat(500, 0x7f), uleb(500), repeat(500, 0x7f)))
			g := guest{sections: map[byte][]byte{1: types}}
			g.push = join(repeat(500, 0x20, 0), repeat(99, 0x02, typeCount), repeat(99, 0x0b), repeat(500, 0x1a), i32(0))
			return g.bytes()
		}},
		{Name: "recurses_with_values", Fault: "A function with 1,000 parameters and 1,000 results that calls itself without an end.", Verdict: failsIn + "handle_in",
			Words: []string{"stack overflow"}, module: func() []byte {
				types := counted(typeCount+1, join(typeSection()[1:], []byte{0x60}, uleb(1000), repeat(1000, 0x7f), uleb(1000), repeat(1000, 0x7f)))
				var all []byte
				for n := range 1000 {
					all = join(all, []byte{0x20}, uleb(n))
				}
				body := join([]byte{0}, all, []byte{0x10, 4, 0x0b})
				g := guest{sections: map[byte][]byte{1: types}, more: 1, moreBody: append(uleb(len(body)), body...)}
				g.sections[3] = []byte{5, typeVersion, typeCall, typeCall, typeCall, typeCount}
				g.push = join(bytes.Repeat(i32(7), 1000), []byte{0x10, 4}, repeat(1000, 0x1a), i32(0))
				return g.bytes()
			}},
	}
}

// oddNames are exports whose names are long, or many of which look the same.
func oddNames() []Kind {
	exporting := func(names ...string) func() []byte {
		return with(7, func() []byte {
			all := (&guest{}).exports()[1:]
			for _, n := range names {
				all = join(all, name(n), []byte{0, 0})
			}
			return counted(5+len(names), all)
		})
	}
	return []Kind{
		servedAs("export_of_100_kilobytes", "An export with a name of 100 KB.", exporting(string(repeat(50_000, 0xc3, 0xa9)))),
		servedAs("exports_alike", "Exports whose names look like those of callbacks.", exporting("ｊoin", "Join", "han\u200ddle_in", "ϲh_init", "\u202eni_eldnah")),
		refusedFor("export_with_nothing_behind", "An export with the name of a callback and a space of no width.", exporting("join\u200b"), `export "join\u200b" is not part of the contract`),
		refusedFor("export_reserved_of_100_kilobytes", "An export with a name of 100 KB that begins as the host's do.",
			exporting("__chhost_"+string(repeat(100_000, 'x'))), "__chhost_xxx", "reserved"),
	}
}
