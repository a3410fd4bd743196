package torture

import (
	"bytes"
	"fmt"
	"strings"
)

// large are kinds whose modules take too much room for a file.
func large() []Kind {
	honest := (&guest{}).bytes()
	code := func(push []byte) []byte { return join(push, i32(0)) }
	nested := func(open string, n int) []byte {
		return code([]byte(strings.Repeat(open, n) + strings.Repeat("\x0b", n)))
	}
	// Functions that nobody calls, of type () -> i32, in addition to the guest's own.
	functions := func(n int, each []byte) guest {
		own := join(body(i32(0x10000)), body(i32(1024)), body(i32(0)), body(i32(0)), body([]byte{0x20, 0}))
		return guest{sections: map[byte][]byte{
			3:  counted(5+n, join([]byte{typeVersion, typeCall, typeCall, typeCall, typeCall}, make([]byte, n))),
			10: counted(5+n, join(own, bytes.Repeat(each, n))),
		}}
	}
	targets := func(n int) []byte {
		return code(join([]byte{0x02, 0x40, 0x41, 0, 0x0e}, uleb(n), make([]byte, n+1), []byte{0x0b}))
	}
	var names, exports []byte
	for n := range 20_000 {
		names = join(names, uleb(n), name(strings.Repeat("n", 40)))
		exports = join(exports, name(fmt.Sprintf("x%d", n)), []byte{0, 0})
	}
	empty := join(i32(0), []byte{0x0b})
	segment := join([]byte{0}, i32(16), []byte{0x0b, 0})
	return []Kind{
		raw("too_large", "more than the 16777216 that are taken", join(honest, section(0, make([]byte, 17<<20)))),
		made("nested_blocks", Refused, "1001 nested blocks", guest{push: nested("\x02\x40", 20_000)}),
		made("nested_loops", Refused, "1001 nested blocks", guest{push: nested("\x03\x40", 20_000)}),
		made("nested_within_bounds", IsServed, "", guest{push: nested("\x02\x40", 900)}),
		made("blocks", Refused, "20001 blocks and branches", guest{push: code([]byte(strings.Repeat("\x02\x40\x0b", 30_000)))}),
		made("targets", Refused, "50001 labels in one br_table", guest{push: targets(50_000)}),
		made("targets_within_bounds", IsServed, "", guest{push: targets(9_000)}),
		made("body", Refused, "bytes of code in one function", guest{push: code(bytes.Repeat([]byte{0x01}, 2<<20))}),
		made("locals", Refused, "20000 locals of one function", guest{sections: map[byte][]byte{10: counted(5, join(
			locals(20_000), body(i32(1024)), body(i32(0)), body(i32(0)), body([]byte{0x20, 0})))}}),
		made("functions", Refused, "150005 functions", functions(150_000, append(uleb(1+len(empty)), append([]byte{0}, empty...)...))),
		made("functions_within_bounds", IsServed, "", functions(5_000, append(uleb(1+len(empty)), append([]byte{0}, empty...)...))),
		made("data_segments", Refused, "150000 data segments", guest{sections: map[byte][]byte{11: counted(150_000, bytes.Repeat(segment, 150_000))}}),
		made("data_within_bounds", IsServed, "", guest{sections: map[byte][]byte{11: counted(90_000, bytes.Repeat(segment, 90_000))}}),
		made("elements", Refused, "20000 element segments", guest{table: []byte{0, 1}, sections: map[byte][]byte{9: counted(20_000, bytes.Repeat(join([]byte{0}, i32(0), []byte{0x0b, 0}), 20_000))}}),
		made("items", Refused, "2000000 items", guest{table: []byte{0, 1}, sections: map[byte][]byte{9: join([]byte{1, 1, 0}, counted(2_000_000, make([]byte, 2_000_000)))}}),
		made("types", Refused, "20010 types", guest{sections: map[byte][]byte{1: counted(20_010, join(types()[1:], bytes.Repeat([]byte{0x60, 0, 0}, 20_000)))}}),
		made("parameters", Refused, "5000 parameters", guest{sections: map[byte][]byte{1: counted(11, join(types()[1:], []byte{0x60}, counted(5_000, bytes.Repeat([]byte{0x7f}, 5_000)), []byte{0}))}}),
		made("exports", Refused, "20005 exports", guest{sections: map[byte][]byte{7: counted(20_005, join((&guest{}).exports()[1:], exports))}}),
		raw("customs", "1001 custom sections", join(honest, bytes.Repeat(section(0, name("x")), 2_000))),
		made("names", InPush, "unreachable", guest{push: []byte{0}, sections: map[byte][]byte{0: join(name("name"), section(1, counted(20_000, names)))}}),
		made("names_that_write", InPush, `\x1b[2J`, guest{push: []byte{0}, sections: map[byte][]byte{0: join(name("name"), section(1, counted(1, join(uleb(3), name("\x1b[2J\nlevel=ERROR")))))}}),
	}
}

// bombs are within the bounds of the decoder, and keep a compiler busy for long; they
// are for hosts that compile in a child.
func bombs() []Kind {
	bomb := func(functions, loops, locals int) guest {
		own := join(body(i32(0x10000)), body(i32(1024)), body(i32(0)), body(i32(0)), body([]byte{0x20, 0}))
		return guest{sections: map[byte][]byte{
			3:  counted(5+functions, join([]byte{typeVersion, typeCall, typeCall, typeCall, typeCall}, make([]byte, functions))),
			10: counted(5+functions, join(own, bytes.Repeat(bombBody(loops, locals), functions))),
		}}
	}
	return []Kind{
		made("compiles_for_long", Refused, "compiling takes more than", bomb(60, 300, 300)),
		made("compiles_into_much", Refused, "compiling takes more than", bomb(4, 990, 100)),
	}
}

// bombBody is a function whose loops are nested in each other and whose locals live in
// all of them: compilers keep a value for each local in each loop.
func bombBody(loops, locals int) []byte {
	b := join([]byte{1}, uleb(locals), []byte{0x7f}, bytes.Repeat([]byte{0x03, 0x40}, loops))
	for i := range locals {
		b = join(b, []byte{0x20}, uleb(i), []byte{0x41, 1, 0x6a, 0x21}, uleb(i))
	}
	b = join(b, bytes.Repeat([]byte{0x20, 0, 0x0d, 0, 0x0b}, loops), []byte{0, 0x0b})
	return append(uleb(len(b)), b...)
}

// locals is the body of a function with as many of them.
func locals(n int) []byte {
	b := join([]byte{1}, uleb(n), []byte{0x7f}, i32(0x10000), []byte{0x0b})
	return append(uleb(len(b)), b...)
}
