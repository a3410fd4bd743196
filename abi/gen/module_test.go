package main

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/chhost/chhost/abi"
)

// moduleTypes is what the tests want to know of a module that the linker made:
// the types of imports (by "module name") and exports, and the number of
// functions that it defines.
type moduleTypes struct {
	imports, exports map[string]string
	functions        int
}

// readTypes reads sections 1, 2, 3 and 7 (WebAssembly core specification 2.0,
// 5.5). It trusts the module: it comes from this test's own compiler.
func readTypes(t *testing.T, module []byte) moduleTypes {
	t.Helper()
	if !bytes.HasPrefix(module, []byte("\x00asm\x01\x00\x00\x00")) {
		t.Fatal("the linker made no module")
	}
	m := moduleTypes{imports: map[string]string{}, exports: map[string]string{}}
	var types, functions []string
	for r := (reader{module[8:]}); len(r.rest) > 0; {
		id := r.byte()
		section := reader{r.bytes(r.number())}
		switch id {
		case 1:
			section.list(func(s *reader) {
				s.byte() // 0x60
				types = append(types, abi.FormatSignature(s.valueTypes(), s.valueTypes()))
			})
		case 2:
			section.list(func(s *reader) {
				name := s.name() + " " + s.name()
				if s.byte() != 0 {
					t.Fatalf("%s is no function", name)
				}
				functions = append(functions, types[s.number()])
				m.imports[name] = functions[len(functions)-1]
			})
		case 3:
			section.list(func(s *reader) {
				functions = append(functions, types[s.number()])
				m.functions++
			})
		case 7:
			section.list(func(s *reader) {
				name, kind, index := s.name(), s.byte(), s.number()
				m.exports[name] = map[byte]string{1: "table", 2: "memory", 3: "global"}[kind]
				if kind == 0 {
					m.exports[name] = functions[index]
				}
			})
		}
	}
	return m
}

// reader takes values of the binary format from the front of its bytes.
type reader struct{ rest []byte }

func (r *reader) bytes(n int) []byte {
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte { return r.bytes(1)[0] }

func (r *reader) number() int {
	v, n := binary.Uvarint(r.rest)
	r.rest = r.rest[n:]
	return int(v)
}

func (r *reader) name() string { return string(r.bytes(r.number())) }

func (r *reader) valueTypes() []abi.ValueType {
	var list []abi.ValueType
	r.list(func(r *reader) { list = append(list, abi.ValueType(r.byte())) })
	return list
}

func (r *reader) list(entry func(*reader)) {
	for n := r.number(); n > 0; n-- {
		entry(r)
	}
}
