package torture

// A guest is a module that keeps the contract, but for what a kind changes.
type guest struct {
	// imports are functions beside each other in chhost_v1, or in the module before a dot.
	imports []imported
	// The code of the callbacks, without locals and the final end.
	version, buffer, join, push []byte
	// extra are the body of a sixth function of type (i32) -> i32, its index is
	// len(imports) + 4. Default: returns its argument.
	extra []byte
	// memory is the limits of the memory, table those of a table if there are any.
	memory, table []byte
	// sections are added behind the section of the same number; number 0 ends the module.
	sections map[byte][]byte
	data     []byte // of the segment at address 16
}

type imported struct {
	module, name string
	typ          byte
}

// Types that every guest has, by index.
const (
	typeVersion = 0 // () -> i32
	typeCall    = 1 // (i32) -> i32
	typeTwo     = 2 // (i32 i32)
	typeThree   = 3
	typeFour    = 4
	typeFive    = 5
	typeSeven   = 6
	typePoll    = 7 // (i32 i32 i32 i32) -> i32
	typeOne     = 8 // (i32)
	typeNone    = 9 // ()
)

const header = "\x00asm\x01\x00\x00\x00"

func uleb(n int) []byte {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// i32 is the instruction i32.const.
func i32(n int) []byte {
	b := []byte{0x41}
	for {
		last := n>>6 == 0 || n>>6 == -1
		if last {
			return append(b, byte(n&0x7f))
		}
		b = append(b, byte(n&0x7f)|0x80)
		n >>= 7
	}
}

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func name(s string) []byte { return append(uleb(len(s)), s...) }

func section(id byte, body []byte) []byte {
	return join([]byte{id}, uleb(len(body)), body)
}

func counted(n int, body []byte) []byte { return append(uleb(n), body...) }

// call is an instruction that calls import 0 with constants.
func call(args ...int) []byte {
	var b []byte
	for _, a := range args {
		b = append(b, i32(a)...)
	}
	return append(b, 0x10, 0)
}

// body is a function's, with two locals of type i32.
func body(code []byte) []byte {
	b := join([]byte{1, 2, 0x7f}, code, []byte{0x0b})
	return append(uleb(len(b)), b...)
}

func or(code, otherwise []byte) []byte {
	if code == nil {
		return otherwise
	}
	return code
}

func types() []byte {
	b := []byte{10, 0x60, 0, 1, 0x7f, 0x60, 1, 0x7f, 1, 0x7f}
	params := func(n int, result ...byte) {
		b = append(b, 0x60, byte(n))
		for range n {
			b = append(b, 0x7f)
		}
		b = append(append(b, byte(len(result))), result...)
	}
	for _, n := range []int{2, 3, 4, 5, 7} {
		params(n)
	}
	params(4, 0x7f)
	params(1)
	params(0)
	return b
}

func (g *guest) exports() []byte {
	first := byte(len(g.imports))
	b := join(name("memory"), []byte{2, 0})
	for i, n := range []string{"ch_abi_version", "ch_buffer", "join", "handle_in"} {
		b = join(b, name(n), []byte{0, first + byte(i)})
	}
	return counted(5, b)
}

// bytes writes the module.
func (g *guest) bytes() []byte {
	zero := i32(0)
	var imports []byte
	for _, im := range g.imports {
		imports = join(imports, name(im.module), name(im.name), []byte{0, im.typ})
	}
	code := counted(5, join(body(or(g.version, i32(0x10000))), body(or(g.buffer, i32(1024))),
		body(or(g.join, zero)), body(or(g.push, zero)), body(or(g.extra, []byte{0x20, 0}))))
	sections := map[byte][]byte{
		1: types(), 2: counted(len(g.imports), imports),
		3: {5, typeVersion, typeCall, typeCall, typeCall, typeCall},
		5: counted(1, or(g.memory, []byte{0, 2})), 7: g.exports(), 10: code,
	}
	if g.table != nil {
		sections[4] = counted(1, append([]byte{0x70}, g.table...))
	}
	if g.data != nil {
		sections[11] = join([]byte{1, 0}, i32(16), []byte{0x0b}, counted(len(g.data), g.data))
	}
	b := []byte(header)
	for _, id := range []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11, 0} {
		if s, ok := g.sections[id]; ok {
			b = append(b, section(id, s)...)
		} else if s, ok := sections[id]; ok {
			b = append(b, section(id, s)...)
		}
	}
	return b
}
