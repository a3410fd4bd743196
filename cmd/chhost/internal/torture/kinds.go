package torture

import (
	"fmt"
	"strings"

	"github.com/chhost/chhost/testdata/hostile"
)

// What can become of a module: it is refused when it is uploaded, fails in a
// callback, or is served.
const (
	Refused  = "refused"
	InJoin   = "join fails"
	InPush   = "push fails"
	Later    = "fails later"
	IsServed = "served"
)

// A Kind is one way of being hostile, with what is to become of it.
type Kind struct {
	Name    string
	Verdict string
	// Words are part of the error, which the upload returns or the log tells.
	Words  []string
	module func() []byte
}

// Module returns the module, new with each call.
func (k Kind) Module() []byte { return k.module() }

func made(name, verdict, words string, g guest) Kind {
	return Kind{name, verdict, split(words), g.bytes}
}

// raw is one that is refused for what these words say.
func raw(name, words string, b []byte) Kind {
	return Kind{name, Refused, split(words), func() []byte { return b }}
}

// split returns the words, which stand between semicolons.
func split(words string) []string {
	if words == "" {
		return nil
	}
	return strings.Split(words, "; ")
}

var (
	huge  = []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	reply = []imported{{"chhost_v1", "reply", typeFour}}
)

// Kinds returns all of them: those in testdata/hostile, and those that are made here,
// since they are too large for a file or cannot be written as text. Names are unique.
func Kinds() ([]Kind, error) {
	files, err := hostile.Kinds()
	if err != nil {
		return nil, err
	}
	verdicts := map[string]string{"refused": Refused, "join": InJoin, "push": InPush, "later": Later, "served": IsServed}
	var all []Kind
	for _, f := range files {
		all = append(all, Kind{f.Name, verdicts[f.Verdict], f.Words, func() []byte { return f.Module }})
	}
	for _, part := range [][]Kind{bytesKinds(), countBombs(), declarations(), large()} {
		all = append(all, part...)
	}
	return all, nil
}

func bytesKinds() []Kind {
	honest := (&guest{}).bytes()
	return []Kind{
		made("honest", IsServed, "", guest{}),
		raw("empty", "does not start with", nil), raw("text", "does not start with", []byte("(module)")), raw("gzip", "does not start with", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00")),
		raw("component", "component", []byte("\x00asm\x0d\x00\x01\x00")), raw("header_only", `"memory" is missing; "join" is missing`, []byte(header)),
		raw("version_2", "the version of the binary format is 0x2", []byte("\x00asm\x02\x00\x00\x00")), raw("noise", "does not start with", []byte(strings.Repeat("\xa5\x5a", 4096))),
		raw("section_unknown", "there is no section 99", join(honest, section(99, nil))), raw("section_twice", "out of order or repeated", join(honest, section(10, []byte{0}))),
		raw("section_too_long", "the section has 16383 bytes, and 0 are left", join(honest, []byte{0, 0xff, 0x7f})), raw("leb_overlong", "more than 32 bits", join(honest, []byte{0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00})),
		raw("leb_endless", "there is no section 128", join([]byte(header), []byte(strings.Repeat("\x80", 1<<16)))),
		raw("custom_name_not_utf8", "not UTF-8", join(honest, section(0, []byte{1, 0xff}))),
	}
}

// countBombs state counts of 2^32-1 that nothing follows.
func countBombs() []Kind {
	var all []Kind
	for _, s := range []struct {
		id   byte
		name string
	}{{1, "types"}, {2, "imports"}, {3, "functions"}, {4, "tables"}, {5, "memories"}, {6, "globals"}, {7, "exports"}, {9, "elements"}, {10, "codes"}, {11, "data"}, {12, "data_count"}} {
		g := guest{sections: map[byte][]byte{s.id: huge}}
		all = append(all, made("count_"+s.name, Refused, "4294967295 ; (count)", g), raw("count_alone_"+s.name, "4294967295 ; (count)", join([]byte(header), section(s.id, huge))))
	}
	locals := join([]byte{1}, huge, []byte{0x7f, 0x0b})
	code := counted(5, join(append(uleb(len(locals)), locals...), body(i32(0)), body(i32(0)), body(i32(0)), body(i32(0))))
	return append(all, made("count_locals", Refused, "4294967295 locals of one function", guest{sections: map[byte][]byte{10: code}}))
}

// declarations are what no assembler writes.
func declarations() []Kind {
	return []Kind{
		made("memory_min_above_max", Refused, "not valid; the minimum of a memory, 4, is above its maximum, 2", guest{memory: []byte{1, 4, 2}}),
		made("memory_flags", Refused, "flags 0x9", guest{memory: []byte{9, 1}}),
		made("table_min_above_max", Refused, "not valid; the minimum of a table, 4, is above its maximum, 2", guest{table: []byte{1, 4, 2}}),
		made("global_type_unknown", Refused, "0x11 is no type", guest{sections: map[byte][]byte{6: {1, 0x11, 0, 0x41, 0, 0x0b}}}),
		made("global_init_calls", Refused, "stands in a constant expression", guest{sections: map[byte][]byte{6: {1, 0x7f, 0, 0x10, 0, 0x0b}}}),
		made("import_no_type", Refused, "type 77 does not exist", guest{imports: []imported{{"chhost_v1", "reply", 77}}}),
		made("export_twice", Refused, "exported twice", guest{sections: map[byte][]byte{7: counted(6, join((&guest{}).exports()[1:], name("join"), []byte{0, 2}))}}),
		made("export_no_function", Refused, "function 99 does not exist", guest{sections: map[byte][]byte{7: counted(6, join((&guest{}).exports()[1:], name("x"), []byte{0, 0x63}))}}),
		made("br_table_count", Refused, "4294967295 labels cannot fit", guest{push: join([]byte{0x41, 0, 0x0e}, huge)}),
		made("opcode_unknown", Refused, "instruction 0xff", guest{push: []byte{0xff, 0x41, 0}}),
		made("gc_struct", Refused, "instruction 0xfb", guest{push: []byte{0xfb, 0x00, 0, 0x1a, 0x41, 0}}),
		made("code_after_its_end", Refused, "after its end", guest{push: []byte{0x41, 0, 0x0b, 0x41, 0}}),
		made("function_without_code", Refused, "6 functions are declared and 5 have code", guest{sections: map[byte][]byte{3: {6, typeVersion, typeCall, typeCall, typeCall, typeCall, typeCall}}}),
	}
}

// truncated are the beginnings of a module that keeps the contract: all are refused.
func truncated() []Kind {
	honest := (&guest{}).bytes()
	all := make([]Kind, 0, len(honest))
	for n := range honest {
		all = append(all, raw(fmt.Sprintf("truncated_%d", n), "", honest[:n]))
	}
	return all
}
