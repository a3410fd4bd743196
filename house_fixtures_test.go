package chhost_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// The fixtures prove that every rule of the house can fail: each is the smallest
// source that breaks one rule, beside one that is close and keeps it.

// expect compares the faults of a judge with fragments of the messages that are
// wanted, in order.
func expect(t *testing.T, faults []string, want ...string) {
	t.Helper()
	for i, f := range faults {
		if i >= len(want) {
			t.Errorf("unexpected fault: %s", f)
		} else if !strings.Contains(f, want[i]) {
			t.Errorf("fault %d:\n got %s\nwant something with %q", i, f, want[i])
		}
	}
	for _, w := range want[min(len(faults), len(want)):] {
		t.Errorf("the rule did not find %q", w)
	}
}

// fixture parses one file into a package; name is its path in the repository.
func fixture(t *testing.T, name, source string) *sourcePackage {
	t.Helper()
	p := &sourcePackage{dir: path.Dir(name), module: ".", fset: token.NewFileSet()}
	if err := p.add(path.Base(name), []byte(source)); err != nil {
		t.Fatal(err)
	}
	return p
}

var fixturePlan = []room{
	{"host/internal/*", 0, "", "", ""},
	{"host/low", 0, "Keeps the low things", "", ""},
	{"host/lowtest", 1, "", "host/low", ""},
	{"host/lowtest/script", 1, "", "host/low", ""},
	{"host/engine", 1, "Runs the engine", "host/low", "example.com/engine"},
	{"host", 2, "The house", "host/...", ""},
	{"cmd/house", 3, "The command", "host", ""},
}

func TestRulePlan(t *testing.T) {
	fence := map[string]string{"example.com/engine": "host/engine"}
	expect(t, judgePlan(fixturePlan, nil, nil, fence))

	with := func(r room) []room { return append([]room{r}, fixturePlan...) }
	expect(t, judgePlan(with(room{"host/up", 0, "", "host/engine", ""}), nil, nil, fence), "arrows point down only")
	expect(t, judgePlan(with(room{"host/flat", 1, "", "host/engine", ""}), nil, nil, fence), "of its own level")
	expect(t, judgePlan(with(room{"host/flat", 1, "", "host/engine", ""}), []arrow{{"host/flat", "host/engine"}}, nil, fence))
	expect(t, judgePlan(with(room{"host/x", 1, "", "host/none", ""}), nil, nil, fence), "which has no row")
	expect(t, judgePlan(with(room{"host/x", 2, "", "host/lowtest", ""}), nil, nil, fence), "only tests and kits")
	shipped := map[string]string{"host/lowtest/script": "the command's users write scripts"}
	expect(t, judgePlan(with(room{"cmd/house/internal/x", 3, "", "host/lowtest/script", ""}), nil, shipped, fence))
	expect(t, judgePlan(with(room{"cmd/house/internal/x", 3, "", "host/lowtest", ""}), nil, shipped, fence), "only tests and kits", "no longer there")
	expect(t, judgePlan(with(room{"host/x", 2, "", "host/lowtest/script", ""}), nil, shipped, fence), "only tests and kits")
	expect(t, judgePlan(with(room{"host/x", 2, "", "", "example.com/engine/v2"}), nil, nil, fence), "quarantined in host/engine")
	expect(t, judgePlan(with(room{"host", 2, "", "", ""}), nil, nil, fence), "two rows")
}

func TestRuleImports(t *testing.T) {
	ours := func(dir string) string { return fmt.Sprintf("%s/%s", modulePath, dir) }
	for _, c := range []struct {
		file, imported string
		want           []string
	}{
		{"host/low/a.go", "net/http", nil},
		{"host/low/a.go", ours("host/internal/ring"), nil},
		{"host/low/a.go", ours("host/engine"), []string{"host/low imports host/engine"}},
		{"host/low/a.go", "example.com/engine", []string{"use the room that fences it in"}},
		{"host/low/a.go", "C", []string{"cgo"}},
		{"host/engine/a.go", "example.com/engine/api", nil},
		{"host/engine/a.go", "example.com/engineering", []string{"use the room that fences it in"}},
		{"host/engine/a.go", ours("host/low"), nil},
		{"host/engine/a.go", ours("host/lowtest"), []string{"host/engine imports host/lowtest"}},
		{"host/engine/a.go", ours("host/lowtest/script"), []string{"host/engine imports host/lowtest/script"}},
		{"host/engine/a_test.go", ours("host/lowtest"), nil},
		{"host/internal/ring/a.go", ours("host/internal/heap"), []string{"imports host/internal/heap"}},
		{"host/a.go", ours("host/engine"), nil},
		{"host/a.go", ours("host/lowtest/script"), []string{"host imports host/lowtest/script"}},
		{"host/a.go", ours("host/lowtest"), []string{"host imports host/lowtest"}},
		{"host/a.go", ours("cmd/house"), []string{"host imports cmd/house"}},
		{"cmd/house/a.go", ours("host/low"), []string{"cmd/house imports host/low"}},
		{"cmd/house/a.go", ours("host/internal/ring"), []string{"cmd/house imports host/internal/ring"}},
		{"host/low/a_test.go", "go.uber.org/goleak", nil},
		{"host/low/a_test.go", "example.com/engine", []string{"a test imports example.com/engine"}},
		{"host/new/a.go", "net/http", []string{"add one to rooms in house_test.go"}},
	} {
		p := fixture(t, c.file, fmt.Sprintf("package x\nimport _ %q\n", c.imported))
		if strings.HasSuffix(c.file, "_test.go") {
			// Tests are judged by their package's row, so give them a package.
			if err := p.add("doc.go", []byte("package x")); err != nil {
				t.Fatal(err)
			}
		}
		t.Run(p.dir+"->"+c.imported, func(t *testing.T) { expect(t, judgeImports(fixturePlan, p), c.want...) })
	}
}

func TestRuleQuarantine(t *testing.T) {
	fence := map[string]string{"example.com/engine": "host/engine"}
	const source = "package x\nimport _ \"example.com/engine/api\"\n"
	expect(t, judgeQuarantine(fence, fixture(t, "host/engine/a.go", source)))
	expect(t, judgeQuarantine(fence, fixture(t, "host/low/a.go", source)), "quarantined in host/engine")
	expect(t, judgeQuarantine(fence, fixture(t, "host/low/a_test.go", source)), "quarantined in host/engine")
}

func TestRuleComment(t *testing.T) {
	judge := func(name, source string) []string { return judgeComment(fixturePlan, fixture(t, name, source)) }
	expect(t, judge("host/low/a.go", "// Package low keeps the\n// low things.\npackage low"))
	expect(t, judge("host/low/a.go", "// Keeps the low things.\npackage low"))
	expect(t, judge("host/low/a.go", "package low"), "no package comment")
	expect(t, judge("host/low/a.go", "// Package low.\npackage low"), `want "Package low keeps the low things"`)
	expect(t, judge("host/a.go", "// Package host is the house: all of it.\npackage host"))
	expect(t, judge("host/lowtest/a.go", "// Package lowtest tests.\npackage lowtest"))
	expect(t, judge("host/lowtest/a.go", "// Tests.\npackage lowtest"), `want "Package lowtest "`)
	expect(t, judge("cmd/house/a.go", "// Command house is the command.\npackage main"))
	expect(t, judge("cmd/house/a.go", "// Runs.\npackage main"), `want "Command house is the command"`)
	expect(t, judge("plugins/soup/a.go", "// Command soup is a plugin.\npackage main"))
	expect(t, judge("plugins/soup/a.go", "// Tasty.\npackage main"), `want "Command soup"`)

	twice := fixture(t, "host/low/a.go", "// Package low keeps the low things.\npackage low")
	if err := twice.add("b.go", []byte("// Copyright.\npackage low")); err != nil {
		t.Fatal(err)
	}
	expect(t, judgeComment(fixturePlan, twice), "2 package comments")
}

func TestRuleCensus(t *testing.T) {
	three := []*sourcePackage{fixture(t, "host/low/a.go", `package low
import ("sync"; "time")
func run(wg *sync.WaitGroup) {
	go func() {}()
	wg.Go(func() {})
	time.AfterFunc(0, func() {})
}`)}
	none := []*sourcePackage{fixture(t, "host/low/a.go", "package low\nfunc Go() { Go() }"), fixture(t, "host/b/a_test.go", "package b\nfunc f() { go f() }")}
	expect(t, judgeCensus(map[string]start{"host/low": {3, "the owner"}}, three))
	expect(t, judgeCensus(map[string]start{}, none))
	expect(t, judgeCensus(map[string]start{"host/low": {2, "the owner"}}, three), "host/low/a.go:4, host/low/a.go:5, host/low/a.go:6")
	expect(t, judgeCensus(map[string]start{"host/low": {3, ""}}, three), "put this row into goroutines")
	expect(t, judgeCensus(map[string]start{"host/low": {1, "the owner"}}, none), "0 places, the census has 1")
	expect(t, judgeCensus(map[string]start{"host/gone": {1, "the owner"}}, none), "no longer there")
}

func TestRuleModules(t *testing.T) {
	judge := func(dir, source string, workspace bool) []string {
		t.Helper()
		name := filepath.Join(t.TempDir(), "go.mod")
		if err := os.WriteFile(name, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		m := readModule(t, filepath.Dir(name))
		m.workspace = workspace
		return judgeModule(dir, m)
	}
	const (
		root    = "module example.com/m\ngo 1.25.0\n"
		require = "require example.com/sdk v0.0.0\n"
		replace = "replace example.com/sdk => "
	)
	expect(t, judge(".", root+require, false))
	expect(t, judge(".", root+require+replace+"../sdk\n", false), "replace directive")
	expect(t, judge(".", root, true), "go.work")
	expect(t, judge(".", "module example.com/m\ngo 1.24\n", false), `want at least 1.25`)
	expect(t, judge(".", "module example.com/m\n", false), `want at least 1.25`)
	expect(t, judge("guest-sdk/go", "module example.com/sdk\ngo 1.24\n", false))
	expect(t, judge("guest-sdk/go", root+require, false), "no dependencies")
	expect(t, judge("plugins/soup", root+require+replace+"../../sdk\n", false))
	expect(t, judge("plugins/soup", root+require, false), "plugins build offline")
	expect(t, judge("plugins/soup", root+require+replace+"example.com/fork v1.0.0\n", false), "plugins build offline")
}

func TestRuleFileNames(t *testing.T) {
	judge := func(name string) []string {
		return judgeFileNames(map[string]string{"host/low/terminal_linux.go": "reads /proc"}, fixture(t, name, "package x"))
	}
	expect(t, judge("host/low/wasm.go"))
	expect(t, judge("host/low/wasm_engine.go"))
	expect(t, judge("host/low/terminal_linux.go"))
	expect(t, judge("guest-sdk/go/chhost/imports_wasip1.go"))
	expect(t, judge("host/low/call_wasm.go"), "_wasm is a build constraint")
	expect(t, judge("host/low/client_js.go"), "_js is a build constraint")
	expect(t, judge("host/low/call_linux_arm64.go"), "_arm64 is a build constraint")
	expect(t, judge("cmd/house/dev_windows_test.go"), "_windows is a build constraint")
}

func TestRuleState(t *testing.T) {
	p := []*sourcePackage{fixture(t, "host/low/a.go", `package low
import ("embed"; "errors"; re "regexp")
var ErrX, errY = errors.New("x"), errors.New("y")
var _ error = (*fault)(nil)
var word = re.MustCompile("a")
//go:embed page.html
var page []byte
var (
	//go:embed web
	web embed.FS
)
const limit = 3
var hex = "0123456789abcdef"
func (fault) init() {}
func f() { var local int; _ = local }
`)}
	allowed := map[string]string{"host/low.hex": "is never written to"}
	expect(t, judgeState(allowed, p))
	expect(t, judgeState(nil, p), "host/low/a.go:13: package-level variable hex")

	expect(t, judgeState(nil, []*sourcePackage{fixture(t, "host/low/a.go", `package low
var count int
var cache = map[string]int{}
var a, b = f()
var made = errors.New("from a value, not the package")
func init() {}
`)}), "variable count", "variable cache", "variable a:", "variable b:", "variable made", "an init function")
	expect(t, judgeState(map[string]string{"host/low.gone": "why"}, p[:0]), "host/low.gone, which is no longer there")
}

func TestRuleNames(t *testing.T) {
	judge := func(source string) []string {
		return judgeNames(map[string]string{"host/low.CloseServiceRestart": "a standard"}, []*sourcePackage{fixture(t, "host/low/a.go", source)})
	}
	const allowed = "const CloseServiceRestart = 1012\n"
	expect(t, judge("package low\n"+allowed+"type Database struct{ Base64 string; based int }\nfunc serviceOf() {}\nvar Baseline, Utility int"))
	expect(t, judge("package low\n"+allowed+`
type PoolManager struct{ BaseURL string }
type helper struct{ Do func(TheImpl int) }
func UtilHTTP() {}
func (helper) HTTPService() {}
var URLHelpers, Impl int
type I interface{ ServiceName() }
`), "PoolManager", "BaseURL", "helper", "TheImpl", "UtilHTTP", "HTTPService", "URLHelpers", "Impl", "ServiceName")
	expect(t, judge("package util\n"+allowed), "the package is named after util")
	expect(t, judge("package low"), "CloseServiceRestart, which is no longer there")
}

// importMap is an importer over packages that were checked before.
type importMap map[string]*types.Package

func (m importMap) Import(path string) (*types.Package, error) {
	if p := m[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no package %s", path)
}

func TestRuleExports(t *testing.T) {
	known := importMap{}
	check := func(path, source string) *types.Package {
		t.Helper()
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, "a.go", source, 0)
		if err != nil {
			t.Fatal(err)
		}
		p, err := (&types.Config{Importer: known}).Check(path, fset, []*ast.File{tree}, nil)
		if err != nil {
			t.Fatal(err)
		}
		known[path] = p
		return p
	}
	check("io", "package io\ntype Reader interface{ Read([]byte) (int, error) }")
	check("example.com/ws", "package ws\ntype Conn struct{}\nfunc (*Conn) Close() error { return nil }\nfunc (*Conn) Peer() *Conn { return nil }\ntype Box[T any] struct{}")
	check(modulePath+"/host/low", "package low\ntype Thing struct{ Next *Thing }")
	const head = "package x\nimport (\"example.com/ws\"; \"io\"; \"" + modulePath + "/host/low\")\nvar _ io.Reader; var _ low.Thing; var _ ws.Conn\n"

	for _, c := range []struct{ source, want string }{
		{"type T struct{ conn *ws.Conn; Low low.Thing; R io.Reader; Next *T }", ""},
		{"func f() *ws.Conn { return nil }", ""},
		{"type T struct{}\nfunc (T) hidden(*ws.Conn) {}", ""},
		{"type List[T any] struct{ next *List[T] }\nfunc (l *List[T]) Next() *List[T] { return l.next }", ""},
		{"func F() *ws.Conn { return nil }", "F mentions example.com/ws.Conn"},
		{"func F(...[]map[string]chan ws.Conn) {}", "F mentions"},
		{"func F(func(ws.Conn)) {}", "F mentions"},
		{"func F[T interface{ *ws.Conn }](T) {}", "F mentions"},
		{"var V = new(ws.Conn)", "V mentions"},
		{"type T struct{ Conn *ws.Conn }", "T mentions"},
		{"type T = ws.Conn", "T mentions"},
		{"type T struct{}\nfunc (*T) M(ws.Conn) {}", "T mentions"},
		{"type T interface{ M(*ws.Conn) }", "T mentions"},
		{"type T struct{ L List[ws.Conn] }\ntype List[E any] struct{}", "T mentions"},
		{"type T struct{ hidden }\ntype hidden struct{ Conn *ws.Conn }", "T mentions"},
		{"func F() hidden { return hidden{} }\ntype hidden struct{}\nfunc (hidden) M(ws.Conn) {}", "F mentions"},
		{"type conn = ws.Conn\nfunc F(conn) {}", "F mentions"},
		{"type T struct{ B ws.Box[int] }", "T mentions example.com/ws.Box"},
		{"type T struct{ c }\ntype c struct{ *ws.Conn }", "T mentions"},
	} {
		faults := judgeExports(check(modulePath+"/host/x", head+c.source))
		if c.want == "" && len(faults) > 0 || c.want != "" && (len(faults) == 0 || !strings.Contains(faults[0], c.want)) {
			t.Errorf("%s\n got %q\nwant %q", c.source, faults, c.want)
		}
	}
}
