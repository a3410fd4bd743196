package chhost_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/chhost/chhost"

// sourcePackage is one directory of Go files, whatever their build constraints.
type sourcePackage struct {
	dir    string // slash-separated, from the repository's root
	module string // the directory of its go.mod
	fset   *token.FileSet
	files  []sourceFile
	tests  []sourceFile
}

type sourceFile struct {
	name string
	tree *ast.File
}

func (p *sourcePackage) importPath() string { return path.Join(modulePath, p.dir) }

// name is the package's name; a main file that is ignored by the build beside a
// package of another name does not count.
func (p *sourcePackage) name() string {
	for _, f := range p.files {
		if f.tree.Name.Name != "main" {
			return f.tree.Name.Name
		}
	}
	return "main"
}

func (p *sourcePackage) at(f sourceFile, n ast.Node) string {
	return fmt.Sprintf("%s:%d", path.Join(p.dir, f.name), p.fset.Position(n.Pos()).Line)
}

// add parses a file into the package.
func (p *sourcePackage) add(name string, source []byte) error {
	tree, err := parser.ParseFile(p.fset, path.Join(p.dir, name), source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if strings.HasSuffix(name, "_test.go") {
		p.tests = append(p.tests, sourceFile{name, tree})
	} else {
		p.files = append(p.files, sourceFile{name, tree})
	}
	return nil
}

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(err) // the parser accepted it
	}
	return p
}

// imports lists what the files import, sorted, each once.
func imports(files []sourceFile) []string {
	var list []string
	for _, f := range files {
		for _, spec := range f.tree.Imports {
			list = append(list, importPath(spec))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// tree reads every Go package of the repository: the root module, the guest SDK,
// the plugins. Files that build constraints hide are read as well.
func tree(t *testing.T) []*sourcePackage {
	t.Helper()
	packages := map[string]*sourcePackage{}
	for _, module := range moduleDirs(t) {
		err := walkModule(module, func(name string) error {
			dir, base := path.Split(name)
			dir = path.Clean(dir)
			if packages[dir] == nil {
				packages[dir] = &sourcePackage{dir: dir, module: module, fset: token.NewFileSet()}
			}
			source, err := os.ReadFile(filepath.FromSlash(name))
			if err != nil {
				return err
			}
			return packages[dir].add(base, source)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	sorted := slices.Collect(maps.Values(packages))
	slices.SortFunc(sorted, func(a, b *sourcePackage) int { return strings.Compare(a.dir, b.dir) })
	return sorted
}

// rootPackages reads the packages of the root module.
func rootPackages(t *testing.T) []*sourcePackage {
	t.Helper()
	return slices.DeleteFunc(tree(t), func(p *sourcePackage) bool { return p.module != "." })
}

// walkModule visits the Go files below a module's directory, without those of
// the modules inside it and of the directories that the go command ignores.
func walkModule(module string, visit func(name string) error) error {
	return filepath.WalkDir(filepath.FromSlash(module), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if !d.IsDir() {
			if strings.HasSuffix(name, ".go") {
				return visit(name)
			}
			return nil
		}
		if name == module {
			return nil
		}
		base := d.Name()
		if base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || isModule(name) {
			return fs.SkipDir
		}
		return nil
	})
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(filepath.FromSlash(dir), "go.mod"))
	return err == nil
}

// moduleDirs lists the directories of the repository's modules: the root, the
// guest SDK, the plugins, and the plugins that only tests use.
func moduleDirs(t *testing.T) []string {
	t.Helper()
	dirs := []string{"."}
	for _, pattern := range []string{"guest-sdk/*/go.mod", "plugins/*/go.mod", "testdata/plugins/*/go.mod"} {
		found, err := filepath.Glob(filepath.FromSlash(pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			dirs = append(dirs, path.Dir(filepath.ToSlash(name)))
		}
	}
	return dirs
}

// goModule is what `go mod edit -json` says of a go.mod.
type goModule struct {
	Go      string
	Require []moduleVersion
	Replace []replacement

	workspace bool // a go.work stands beside it
}

type replacement struct{ Old, New moduleVersion }

type moduleVersion struct{ Path, Version string }

func readModule(t *testing.T, dir string) goModule {
	t.Helper()
	var m goModule
	out := goCommand(t, "mod", "edit", "-json", filepath.Join(filepath.FromSlash(dir), "go.mod"))
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	_, err := os.Stat(filepath.Join(filepath.FromSlash(dir), "go.work"))
	m.workspace = err == nil
	return m
}

// listedPackage is what `go list -json` says of a package.
type listedPackage struct {
	ImportPath string
	Name       string
	Export     string
	DepOnly    bool
}

// goList runs go list and answers the packages by import path.
func goList(t *testing.T, args ...string) map[string]listedPackage {
	t.Helper()
	out := goCommand(t, append([]string{"list", "-buildvcs=false", "-json=ImportPath,Name,Export,DepOnly"}, args...)...)
	packages := map[string]listedPackage{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages[p.ImportPath] = p
	}
}

// goCommand runs the go command in the root module and answers what it printed.
func goCommand(t *testing.T, args ...string) []byte {
	t.Helper()
	var complaint bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, complaint.Bytes())
	}
	return out
}
