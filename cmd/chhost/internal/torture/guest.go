package torture

import "bytes"

// A guest is a module that keeps the contract, but for what a kind changes.
type guest struct {
	imports []imported
	// push is the code of handle_in, without locals and the final end. Default: OK.
	push []byte
	// sections stand instead of the guest's own of these numbers, or beside them.
	sections map[byte][]byte
	// more is a number of further functions of type () -> (), each with the code
	// moreBody, which begins with its size.
	more     int
	moreBody []byte
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
	typeFour    = 3 // (i32 i32 i32 i32)
	typeNone    = 4 // ()
	typeCount   = 5
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

// body is a function's, with two locals of type i32.
func body(code []byte) []byte {
	b := join([]byte{1, 2, 0x7f}, code, []byte{0x0b})
	return append(uleb(len(b)), b...)
}

func typeSection() []byte {
	b := []byte{typeCount, 0x60, 0, 1, 0x7f, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 2, 0x7f, 0x7f, 0}
	return append(b, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 0, 0x60, 0, 0)
}

func (g *guest) exports() []byte {
	first := byte(len(g.imports))
	b := join(name("memory"), []byte{2, 0})
	for i, n := range []string{"ch_abi_version", "ch_buffer", "join", "handle_in"} {
		b = join(b, name(n), []byte{0, first + byte(i)})
	}
	return counted(5, b)
}

// sectionOrder is the order in which a module has its sections, by number.
var sectionOrder = []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11, 0}

// bytes writes the module.
func (g *guest) bytes() []byte {
	var imports []byte
	for _, im := range g.imports {
		imports = join(imports, name(im.module), name(im.name), []byte{0, im.typ})
	}
	push := g.push
	if push == nil {
		push = i32(0)
	}
	code := join(body(i32(0x10000)), body(i32(1024)), body(i32(0)), body(push), bytes.Repeat(g.moreBody, g.more))
	types := join([]byte{typeVersion, typeCall, typeCall, typeCall}, bytes.Repeat([]byte{typeNone}, g.more))
	own := map[byte][]byte{
		1: typeSection(), 2: counted(len(g.imports), imports), 3: counted(4+g.more, types),
		5: {1, 0, 2}, 7: g.exports(), 10: counted(4+g.more, code),
	}
	b := []byte(header)
	for _, id := range sectionOrder {
		if s, ok := g.sections[id]; ok {
			b = append(b, section(id, s)...)
		} else if s, ok := own[id]; ok {
			b = append(b, section(id, s)...)
		}
	}
	return b
}

// honest keeps every rule, and answers each event.
func honest() []byte {
	g := guest{imports: []imported{{"chhost_v1", "reply", typeFour}}}
	g.push = join(i32(0), i32(0), i32(0), i32(0), []byte{0x10, 0}, i32(0))
	return g.bytes()
}
