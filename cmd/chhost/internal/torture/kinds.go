package torture

import (
	"fmt"
	"strings"
)

// What can become of a module: it is refused when it is uploaded, fails in a
// callback, or is served.
const (
	Refused  = "refused"
	InJoin   = "join fails"
	InPush   = "push fails"
	IsServed = "served"
)

// A Kind is one way of being hostile, with what is to become of it.
type Kind struct {
	Name    string
	Verdict string
	// Text is part of the error, which the upload returns or the log tells.
	Text   string
	module func() []byte
}

// Module returns the module, new with each call.
func (k Kind) Module() []byte { return k.module() }

func made(name, verdict, text string, g guest) Kind {
	return Kind{name, verdict, text, g.bytes}
}

func raw(name string, b []byte) Kind {
	return Kind{name, Refused, "", func() []byte { return b }}
}

var (
	huge        = []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	reply       = []imported{{"chhost_v1", "reply", typeFour}}
	broadcast   = []imported{{"chhost_v1", "broadcast", typeFive}}
	assign      = []imported{{"chhost_v1", "assign", typeTwo}}
	sendAfter   = []imported{{"chhost_v1", "send_after", typeSeven}}
	subscribe   = []imported{{"chhost_v1", "subscribe", typeTwo}}
	unreachable = []byte{0x00}
	forever     = []byte{0x03, 0x40, 0x0c, 0, 0x0b, 0x41, 0} // loop br 0 end
)

// Kinds returns all of them. Those of one name would hide each other in the
// report: names are unique.
func Kinds() []Kind {
	var all []Kind
	for _, part := range [][]Kind{bytesKinds(), countBombs(), declarations(), faults("join", InJoin), faults("handle_in", InPush), inits(), calls(), floods()} {
		all = append(all, part...)
	}
	return all
}

func bytesKinds() []Kind {
	honest := (&guest{}).bytes()
	return []Kind{
		made("honest", IsServed, "", guest{}),
		raw("empty", nil), raw("text", []byte("(module)")), raw("gzip", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00")),
		raw("component", []byte("\x00asm\x0d\x00\x01\x00")), raw("header_only", []byte(header)),
		raw("version_2", []byte("\x00asm\x02\x00\x00\x00")), raw("noise", []byte(strings.Repeat("\xa5\x5a", 4096))),
		raw("section_unknown", join(honest, section(99, nil))), raw("section_twice", join(honest, section(10, []byte{0}))),
		raw("section_too_long", join(honest, []byte{0, 0xff, 0x7f})), raw("leb_overlong", join(honest, []byte{0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00})),
		raw("custom_name_not_utf8", join(honest, section(0, []byte{1, 0xff}))),
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
		all = append(all, made("count_"+s.name, Refused, "", g), raw("count_alone_"+s.name, join([]byte(header), section(s.id, huge))))
	}
	locals := join([]byte{1}, huge, []byte{0x7f, 0x0b})
	code := counted(5, join(append(uleb(len(locals)), locals...), body(i32(0)), body(i32(0)), body(i32(0)), body(i32(0))))
	return append(all, made("count_locals", Refused, "", guest{sections: map[byte][]byte{10: code}}))
}

func declarations() []Kind {
	return []Kind{
		made("memory_4_gib", Refused, "", guest{memory: join([]byte{0}, uleb(65536))}),
		made("memory_min_above_max", Refused, "", guest{memory: []byte{1, 4, 2}}),
		made("memory_shared", Refused, "", guest{memory: []byte{3, 1, 2}}),
		made("memory_64_bit", Refused, "", guest{memory: []byte{4, 1}}),
		made("memory_two", Refused, "", guest{sections: map[byte][]byte{5: {2, 0, 1, 0, 1}}}),
		made("table_bomb", Refused, "", guest{table: append([]byte{0}, huge...)}),
		made("table_two", Refused, "", guest{sections: map[byte][]byte{4: {2, 0x70, 0, 1, 0x70, 0, 1}}}),
		made("start", Refused, "start", guest{sections: map[byte][]byte{8: {0}}}),
		made("global_type_unknown", Refused, "", guest{sections: map[byte][]byte{6: {1, 0x11, 0, 0x41, 0, 0x0b}}}),
		made("exception_tag", Refused, "", guest{sections: map[byte][]byte{13: {1, 0, 9}}, memory: []byte{7, 1}}),
		made("import_unknown_module", Refused, "", guest{imports: []imported{{"host", "exec", typeOne}}}),
		made("import_unknown_name", Refused, "", guest{imports: []imported{{"chhost_v1", "exec", typeOne}}}),
		made("import_wrong_type", Refused, "", guest{imports: []imported{{"chhost_v1", "reply", typeOne}}}),
		made("import_no_type", Refused, "", guest{imports: []imported{{"chhost_v1", "reply", 77}}}),
		made("export_reserved", Refused, "__chhost_", guest{sections: map[byte][]byte{7: counted(6, join((&guest{}).exports()[1:], name("__chhost_call"), []byte{0, 0}))}}),
		made("export_twice", Refused, "", guest{sections: map[byte][]byte{7: counted(6, join((&guest{}).exports()[1:], name("join"), []byte{0, 2}))}}),
		made("export_no_function", Refused, "", guest{sections: map[byte][]byte{7: counted(6, join((&guest{}).exports()[1:], name("x"), []byte{0, 0x63}))}}),
		made("data_outside", Refused, "", guest{sections: map[byte][]byte{11: join([]byte{1, 0}, i32(1<<20), []byte{0x0b, 1, 0})}}),
		made("call_no_function", Refused, "", guest{push: []byte{0x10, 0x63, 0x41, 0}}),
		made("stack_underflow", Refused, "", guest{push: []byte{0x6a}}),
		made("local_unknown", Refused, "", guest{push: []byte{0x20, 0x63}}),
		made("global_unknown", Refused, "", guest{push: []byte{0x23, 0}}),
		made("branch_too_deep", Refused, "", guest{push: []byte{0x0c, 0x63}}),
		made("br_table_bomb", Refused, "", guest{push: join([]byte{0x41, 0, 0x0e}, huge)}),
		made("opcode_unknown", Refused, "", guest{push: []byte{0xff, 0x41, 0}}),
		made("tail_call", Refused, "", guest{push: []byte{0x20, 0, 0x12, 4}}),
		made("atomics", Refused, "", guest{push: []byte{0xfe, 0x03, 0, 0x41, 0}}),
		made("gc_struct", Refused, "", guest{push: []byte{0xfb, 0x00, 0, 0x1a, 0x41, 0}}),
		made("nesting_bomb", Refused, "", guest{push: join([]byte(strings.Repeat("\x02\x40", 20000)), []byte(strings.Repeat("\x0b", 20000)), i32(0))}),
		made("loops_bomb", Refused, "", guest{push: join([]byte(strings.Repeat("\x03\x40", 20000)), []byte(strings.Repeat("\x0b", 20000)), i32(0))}),
	}
}

// faults are those of a callback that need no import.
func faults(where, verdict string) []Kind {
	at := func(name, text string, code []byte, g guest) Kind {
		if where == "join" {
			g.join = code
		} else {
			g.push = code
		}
		return made(where+"_"+name, verdict, text, g)
	}
	recursion := []byte{0x20, 0, 0x10, 4}
	fill := join(i32(0), i32(0), i32(64<<16), []byte{0xfc, 0x0b, 0})
	var chain []byte
	for range 400 { // 8 bytes cost 1: 210 million, a join has 200
		chain = append(chain, fill...)
	}
	return []Kind{
		at("unreachable", "unreachable", unreachable, guest{}),
		at("divides_by_zero", "divide by zero", []byte{0x41, 1, 0x41, 0, 0x6d}, guest{}),
		at("overflows", "overflow", join(i32(-1<<31), i32(-1), []byte{0x6d}), guest{}),
		at("reads_outside", "out of bounds", join(i32(-1), []byte{0x28, 2, 0}), guest{}),
		at("writes_outside", "out of bounds", join(i32(-1), i32(1), []byte{0x36, 2, 0}, i32(0)), guest{}),
		at("table_outside", "", join(i32(0), i32(9), []byte{0x11, typeCall, 0}), guest{table: []byte{0, 1}}),
		at("table_null", "", join(i32(0), i32(0), []byte{0x11, typeCall, 0}), guest{table: []byte{0, 1}}),
		at("loops", "out_of_fuel", forever, guest{}),
		at("recurses", "", recursion, guest{extra: recursion}),
		at("fills_in_a_chain", "out_of_fuel", join(chain, i32(0)), guest{memory: []byte{0, 64}}),
		at("status_unknown", "", i32(77), guest{}),
		at("status_negative", "", i32(-1), guest{}),
	}
}

func inits() []Kind {
	return []Kind{
		made("version_traps", Refused, "", guest{version: unreachable}),
		made("version_loops", Refused, "out_of_fuel", guest{version: forever}),
		made("version_wrong", Refused, "", guest{version: i32(0x70000)}),
		made("version_negative", Refused, "", guest{version: i32(-1)}),
		made("buffer_traps", Refused, "", guest{buffer: unreachable}),
		made("buffer_loops", Refused, "out_of_fuel", guest{buffer: forever}),
		made("buffer_outside", Refused, "", guest{buffer: i32(2<<16 - 1)}),
		made("buffer_negative", Refused, "", guest{buffer: i32(-1)}),
	}
}

// calls hand the host one wrong thing.
func calls() []Kind {
	at := func(name, text string, imports []imported, code []byte, data string) Kind {
		return made(name, InPush, text, guest{imports: imports, push: append(code, 0x41, 0), data: []byte(data)})
	}
	return []Kind{
		at("reply_outside", "", reply, call(0, -16, 8, 0), ""), at("reply_length_huge", "", reply, call(0, 16, -1, 0), ""),
		at("reply_not_json", "", reply, call(0, 16, 4, 0), "{no}"), at("reply_not_utf8", "", reply, call(0, 16, 3, 0), "\"\xff\""),
		at("reply_status", "", reply, call(9, 16, 2, 0), "{}"), at("reply_flags", "", reply, call(0, 16, 2, 64), "{}"),
		at("reply_twice", "", reply, join(call(0, 16, 2, 0), call(0, 16, 2, 0)), "{}"),
		at("event_reserved", "", broadcast, call(16, 9, 0, 0, 0), "phx_close"), at("event_empty", "", broadcast, call(16, 0, 0, 0, 0), ""),
		at("event_outside", "", broadcast, call(-1, 4, 0, 0, 0), ""), at("assigns_too_large", "assigns_too_large", assign, call(0, 16385), ""),
		at("timer_too_late", "send_after", sendAfter, call(1, 86400001, 16, 1, 0, 0, 0), "t"),
		// A short delay is raised to the shortest one.
		made("timer_too_soon", IsServed, "", guest{imports: sendAfter, push: join(call(1, 1, 16, 1, 0, 0, 0), i32(0)), data: []byte("t")}),
		at("subscribe_empty", "", subscribe, call(16, 0), ""),
		at("exits", "", []imported{{"wasi_snapshot_preview1", "proc_exit", typeOne}}, call(1), ""),
	}
}

// floods ask for more of a thing than there may be.
func floods() []Kind {
	var timers []byte
	for key := range 17 {
		timers = append(timers, call(key, 1000, 16, 1, 0, 0, 0)...)
	}
	again := func(code []byte) []byte { return join([]byte{0x03, 0x40}, code, []byte{0x0c, 0, 0x0b, 0x41, 0}) }
	return []Kind{
		made("flood_broadcasts", InPush, "too_many_effects", guest{imports: broadcast, push: again(call(16, 1, 0, 0, 0)), data: []byte("t")}),
		made("flood_timers", InPush, "too_many_timers", guest{imports: sendAfter, push: join(timers, i32(0)), data: []byte("t")}),
		// What makes the host work is ended by its time where the machine is slow.
		made("flood_log", InPush, "out_of_", guest{imports: []imported{{"chhost_v1", "log", typeThree}}, push: again(call(1, 16, 1)), data: []byte("l")}),
		made("flood_growth", InPush, "out_of_", guest{push: again(join(i32(1), []byte{0x40, 0, 0x1a}))}),
	}
}

// truncated are the beginnings of a module that keeps the contract: all are refused.
func truncated() []Kind {
	honest := (&guest{}).bytes()
	all := make([]Kind, 0, len(honest))
	for n := range honest {
		all = append(all, raw(fmt.Sprintf("truncated_%d", n), honest[:n]))
	}
	return all
}
