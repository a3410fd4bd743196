package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chhost/chhost/abi"
)

// tool returns the path of a program. Without it the test is skipped, except
// where nothing may be skipped.
func tool(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing(t, program)
	}
	return path
}

func missing(t *testing.T, program string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, and CI=true skips nothing", program)
	}
	t.Skipf("%s is not installed", program)
}

// workshop is a directory with the header, in which C is compiled.
type workshop struct {
	*testing.T
	clang, dir string
}

func newWorkshop(t *testing.T) workshop {
	t.Helper()
	w := workshop{t, tool(t, "clang"), t.TempDir()}
	w.write("chhost.h", rendered(t, header))
	w.write("empty.c", "int none;\n")
	if out, err := w.run("-c", "empty.c"); err != nil {
		t.Log(out)
		missing(t, "clang with the target wasm32") // Apple's clang has none
	}
	return w
}

func (w workshop) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
}

// run calls clang with every warning an error.
func (w workshop) run(args ...string) (string, error) {
	strict := []string{"--target=wasm32", "-ffreestanding", "-nostdlib", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"}
	cmd := exec.Command(w.clang, append(strict, args...)...)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w workshop) mustRun(args ...string) {
	w.Helper()
	if out, err := w.run(args...); err != nil {
		w.Fatalf("clang %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// link makes a module of C or C++ files and returns its imports and exports.
func (w workshop) link(sources ...string) moduleTypes {
	w.Helper()
	tool(w.T, "wasm-ld")
	w.mustRun(append(sources, "-Wl,--no-entry", "-Wl,-z,stack-size=65536", "-Wl,--stack-first", "-o", "out.wasm")...)
	return w.types()
}

// types reads the module that was linked.
func (w workshop) types() moduleTypes {
	w.Helper()
	module, err := os.ReadFile(filepath.Join(w.dir, "out.wasm"))
	if err != nil {
		w.Fatal(err)
	}
	return readTypes(w.T, module)
}

func TestHeaderCompiles(t *testing.T) {
	w := newWorkshop(t)
	w.write("guest.c", "#include \"chhost.h\"\n#include \"chhost.h\"\nCH_STATIC_BUFFER(65536)\n")
	w.write("guest.cc", "#include \"chhost.h\"\nCH_STATIC_BUFFER(65536)\n")
	for _, std := range []string{"c99", "c11", "c17"} {
		if std == "c99" {
			w.mustRun("-c", "-std="+std, "-Wno-c11-extensions", "guest.c") // _Static_assert is younger than C99
			continue
		}
		w.mustRun("-c", "-std="+std, "guest.c")
	}
	for _, std := range []string{"c++11", "c++17", "c++20"} {
		w.mustRun("-c", "-std="+std, "guest.cc")
	}
}

// TestHeaderRefuses checks that the header's own checks work: a moved field, a
// buffer that is too small, and a compiler for something else.
func TestHeaderRefuses(t *testing.T) {
	w := newWorkshop(t)
	w.write("guest.c", "#include \"chhost.h\"\nCH_STATIC_BUFFER(100)\n")
	if out, err := w.run("-c", "guest.c"); err == nil || !strings.Contains(out, "too small") {
		t.Errorf("a buffer of 100 bytes: %v\n%s", err, out)
	}
	w.write("guest.c", "#include \"chhost.h\"\n")
	if out, err := w.run("-c", "--target=x86_64-unknown-none", "guest.c"); err == nil || !strings.Contains(out, "--target=wasm32") {
		t.Errorf("compiled for x86_64: %v\n%s", err, out)
	}
	text := rendered(t, header)
	for _, f := range abi.Fields() {
		moved := strings.Replace(text, fmt.Sprintf("ch_event, %s) == %d", f.Name, f.Offset), fmt.Sprintf("ch_event, %s) == %d", f.Name, f.Offset+4), 1)
		w.write("chhost.h", moved)
		if out, err := w.run("-c", "guest.c"); err == nil || !strings.Contains(out, "ch_event."+f.Name) {
			t.Errorf("%s was moved, and the header compiles: %v\n%s", f.Name, err, out)
		}
	}
}

// TestLayoutInC compares the struct that C sees with the table, by types as well
// as offsets.
func TestLayoutInC(t *testing.T) {
	w := newWorkshop(t)
	var b strings.Builder
	b.WriteString("#include \"chhost.h\"\n")
	for _, f := range abi.Fields() {
		fmt.Fprintf(&b, "_Static_assert(offsetof(ch_event, %s) == %d && sizeof(((ch_event *)0)->%s) == %d, \"%s\");\n",
			f.Name, f.Offset, f.Name, f.Type.Size(), f.Name)
	}
	fmt.Fprintf(&b, "_Static_assert(sizeof(ch_event) == %d && _Alignof(ch_event) == %d, \"whole\");\n", abi.EventSize, abi.EventAlign)
	w.write("layout.c", b.String())
	w.mustRun("-c", "layout.c")
}

// TestExamplesCompile compiles every example of the table as a file of its own.
func TestExamplesCompile(t *testing.T) {
	w := newWorkshop(t)
	var files []string
	add := func(name, text string) {
		files = append(files, name)
		w.write(name, "#include \"chhost.h\"\n"+text+"\n")
	}
	for _, f := range abi.Exports() {
		add("export_"+f.Name+".c", f.Example)
	}
	for _, f := range abi.Imports() {
		add("import_"+f.Name+".c", f.Example)
	}
	for i, g := range abi.Groups() {
		// An expression or a statement, in a function with what it names.
		add(fmt.Sprintf("group_%d.c", i), "int32_t use(const ch_event *ev, const char tile[4]) { (void)ev; (void)tile; "+
			strings.ReplaceAll(strings.TrimSuffix(g.Example, ";"), "sizeof tile", "4")+"; return 0; }")
	}
	w.mustRun(append(files, "-fsyntax-only", "-Wno-unused-value", "-Wno-unused-variable")...)
}

// TestHeaderSpeaksTheABI links a guest that calls every import and exports
// everything, and compares names and types in the module with the table.
func TestHeaderSpeaksTheABI(t *testing.T) {
	w := newWorkshop(t)
	var b strings.Builder
	b.WriteString("#include \"chhost.h\"\nCH_STATIC_BUFFER(65536)\n")
	for _, f := range abi.Exports() {
		switch f.Name {
		case "_initialize", "ch_abi_version", "ch_buffer": // by the header
		case "ch_init":
			b.WriteString("CH_EXPORT(ch_init) int32_t init(void)\n{\n")
			for _, i := range abi.Imports() {
				zeros := strings.TrimSuffix(strings.Repeat("0, ", len(i.Params)), ", ")
				fmt.Fprintf(&b, "\tch_%s(%s);\n", i.Name, zeros)
			}
			b.WriteString("\treturn CH_OK;\n}\n")
		default:
			param := "void"
			if len(f.Params) == 1 {
				param = "const ch_event *ev"
			}
			fmt.Fprintf(&b, "CH_EXPORT(%s) int32_t guest_%s(%s) { return CH_OK; }\n", f.Name, f.Name, param)
		}
	}
	w.write("guest.c", b.String())
	got := w.link("guest.c", "-Wno-unused-parameter")
	want := moduleTypes{imports: map[string]string{}, exports: map[string]string{abi.MemoryExport: "memory"}}
	for _, f := range abi.Imports() {
		want.imports[abi.Module+" "+f.Name] = f.Signature()
	}
	for _, f := range abi.Exports() {
		want.exports[f.Name] = f.Signature()
	}
	sameTypes(t, "import", got.imports, want.imports)
	sameTypes(t, "export", got.exports, want.exports)
}

func sameTypes(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name, signature := range want {
		if got[name] != signature {
			t.Errorf("%s %s has the type %q in the module, %q in the table", what, name, got[name], signature)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("the module has the %s %s, which the table does not know", what, name)
		}
	}
}

// TestGuestOfSeveralFiles links two files and C++ constructors: the weak
// definitions meet without a clash, and the constructors run in _initialize
// alone. If the linker ran them at every call of an export, it would add a
// function that calls the constructors to each.
func TestGuestOfSeveralFiles(t *testing.T) {
	w := newWorkshop(t)
	w.write("a.cc", `#include "chhost.h"
CH_STATIC_BUFFER(65536)
struct Table { int32_t v; Table() { ch_log(CH_LOG_INFO, CH_LIT("constructed")); v = CH_OK; } };
static Table table;
CH_EXPORT(join) int32_t on_join(const ch_event *) { return table.v; }
`)
	w.write("b.c", `#include "chhost.h"
CH_EXPORT(leave) int32_t on_leave(const ch_event *ev) { return ev->kind == CH_LEAVE_LEFT ? CH_OK : CH_ERROR; }
`)
	// Not by clang, which calls wasm-opt where that is installed: it would put
	// the constructors into their only caller, and the count would tell nothing.
	w.mustRun("-c", "a.cc", "b.c")
	ld := exec.Command(tool(t, "wasm-ld"), "--no-entry", "a.o", "b.o", "-o", "out.wasm")
	ld.Dir = w.dir
	if out, err := ld.CombinedOutput(); err != nil {
		t.Fatalf("wasm-ld: %v\n%s", err, out)
	}
	got := w.types()
	for _, name := range []string{"_initialize", "ch_abi_version", "ch_buffer", "join", "leave"} {
		if got.exports[name] == "" {
			t.Errorf("the module lacks the export %s", name)
		}
	}
	if len(got.imports) != 1 {
		t.Errorf("the module imports %v, want only log", got.imports)
	}
	// The exports, the constructor of a.cc, and the function that calls all of those.
	if want := 5 + 2; got.functions != want {
		t.Errorf("the module has %d functions, want %d: the linker has wrapped the exports to run constructors", got.functions, want)
	}
}

// TestWholeGuest builds the guest that ABI.md shows.
func TestWholeGuest(t *testing.T) {
	w := newWorkshop(t)
	text, err := example("food.c")
	if err != nil {
		t.Fatal(err)
	}
	w.write("food.c", text+"\n")
	got := w.link("food.c")
	for name, signature := range got.imports {
		if !slices.ContainsFunc(abi.Imports(), func(f abi.Func) bool {
			return name == abi.Module+" "+f.Name && signature == f.Signature()
		}) {
			t.Errorf("it imports %s %s, which the table does not know", name, signature)
		}
	}
	for _, f := range abi.Exports() {
		if have := got.exports[f.Name]; have != f.Signature() && (have != "" || f.Required) {
			t.Errorf("it exports %s as %q, want %q", f.Name, have, f.Signature())
		}
	}
}
