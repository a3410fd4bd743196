package chhost_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A plugin's module imports what the plugin calls, and nothing else. The host
// goes by that: it keeps the refs of events only for modules that import
// reply_to.
func TestModulesImportWhatTheyCall(t *testing.T) {
	imports, exports := contract(t)
	for name, want := range map[string][]string{
		"join":  {"log"},
		"timer": {"log", "push", "reply", "send_after"},
		"all":   slices.Sorted(maps.Keys(imports)),
	} {
		t.Run(name, func(t *testing.T) {
			m := build(t, name)
			if got := slices.Sorted(maps.Keys(m.imports)); !slices.Equal(got, want) {
				t.Errorf("the module imports %q, want %q", got, want)
			}
			for name, signature := range m.imports {
				if signature != imports[name] {
					t.Errorf("import %s is %s, the contract says %s", name, signature, imports[name])
				}
			}
			// All are always exported; ch_callbacks says which mean something.
			if !maps.Equal(m.exports, exports) {
				t.Errorf("the module exports %v\nthe contract has  %v", m.exports, exports)
			}
			if m.size > 2_300_000 {
				t.Errorf("the module has %d bytes; it was 2.1 MB", m.size)
			}
		})
	}
}

// contract reads the functions of the contract from its listing.
func contract(t *testing.T) (imports, exports map[string]string) {
	t.Helper()
	listing, err := os.ReadFile(filepath.FromSlash("../../../abi/testdata/v1.txt"))
	if err != nil {
		t.Fatal(err)
	}
	imports, exports = map[string]string{}, map[string]string{}
	for line := range strings.Lines(string(listing)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "import "); ok {
			name, signature, _ := strings.Cut(rest, " ")
			imports[name] = signature
		}
		if rest, ok := strings.CutPrefix(line, "export func "); ok {
			name, signature, _ := strings.Cut(rest, " ")
			exports[name] = strings.TrimSuffix(strings.TrimSuffix(signature, " required"), " optional")
		}
	}
	if len(imports) < 15 || len(exports) < 13 {
		t.Fatalf("the listing has %d imports and %d exports: that cannot be all", len(imports), len(exports))
	}
	return imports, exports
}

// module is what the tests want to know of a module: the types of what it
// imports from the host, and of its exported functions.
type module struct {
	imports, exports map[string]string
	size             int
}

// build makes the module of a plugin in testdata/modules, as its author would.
func build(t *testing.T, name string) module {
	t.Helper()
	out := filepath.Join(t.TempDir(), name+".wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-o", out, "./testdata/modules/"+name)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, text)
	}
	code, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return readModule(t, code)
}

// readModule reads sections 1, 2, 3 and 7 (WebAssembly core specification 2.0,
// 5.5). It trusts the module: it comes from this test's own compiler.
func readModule(t *testing.T, code []byte) module {
	t.Helper()
	if !bytes.HasPrefix(code, []byte("\x00asm\x01\x00\x00\x00")) {
		t.Fatal("the compiler made no module")
	}
	m := module{imports: map[string]string{}, exports: map[string]string{}, size: len(code)}
	var types, functions []string
	for r := (reader{code[8:]}); len(r.rest) > 0; {
		id := r.byte()
		section := reader{r.bytes(r.number())}
		switch id {
		case 1:
			section.list(func(s *reader) {
				s.byte() // 0x60
				types = append(types, signature(s.types(), s.types()))
			})
		case 2:
			section.list(func(s *reader) {
				module, name := s.name(), s.name()
				if s.byte() != 0 {
					t.Fatalf("the import %s is no function", name)
				}
				functions = append(functions, types[s.number()])
				if module == "chhost_v1" {
					m.imports[name] = functions[len(functions)-1]
				}
			})
		case 3:
			section.list(func(s *reader) { functions = append(functions, types[s.number()]) })
		case 7:
			section.list(func(s *reader) {
				name, kind, index := s.name(), s.byte(), s.number()
				if kind == 0 {
					m.exports[name] = functions[index]
				}
			})
		}
	}
	return m
}

// signature writes a type as the contract's listing does.
func signature(params, results []string) string {
	if len(results) == 1 {
		return fmt.Sprintf("(%s) -> %s", strings.Join(params, ", "), results[0])
	}
	return fmt.Sprintf("(%s) -> (%s)", strings.Join(params, ", "), strings.Join(results, ", "))
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

func (r *reader) types() []string {
	names := map[byte]string{0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64"}
	var list []string
	r.list(func(r *reader) { list = append(list, names[r.byte()]) })
	return list
}

func (r *reader) list(entry func(*reader)) {
	for n := r.number(); n > 0; n-- {
		entry(r)
	}
}
