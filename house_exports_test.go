package chhost_test

import (
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"testing"
)

// exportData answers the types of the packages that the patterns name, from the
// export data that the compiler wrote: exact, and nothing is checked twice.
func exportData(t *testing.T, patterns ...string) []*types.Package {
	t.Helper()
	listed := goList(t, append([]string{"-export", "-deps"}, patterns...)...)
	read := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		p, ok := listed[path]
		if !ok || p.Export == "" {
			return nil, fmt.Errorf("no export data for %s: does `go build ./...` succeed?", path)
		}
		return os.Open(p.Export)
	})
	var packages []*types.Package
	for path, p := range listed {
		if p.DepOnly || p.Name == "main" {
			continue
		}
		pkg, err := read.Import(path)
		if err != nil {
			t.Errorf("reading the types of %s: %v", path, err)
			continue
		}
		packages = append(packages, pkg)
	}
	if len(packages) == 0 {
		t.Fatalf("go list %v names no package: the rule would judge nothing", patterns)
	}
	return packages
}

// judgeExports finds types of other modules in what a package exports: in
// signatures, exported fields, variables, embedded types and type arguments. A
// type that is mentioned could not be replaced without breaking importers.
func judgeExports(p *types.Package) []string {
	m := mentions{from: p, seen: map[types.Type]bool{}}
	scope := p.Scope()
	for _, name := range scope.Names() {
		if obj := scope.Lookup(name); obj.Exported() {
			m.where = name
			m.object(obj)
		}
	}
	return m.faults
}

// mentions walks the types that the exported objects of a package lead to.
type mentions struct {
	from   *types.Package
	where  string
	seen   map[types.Type]bool
	faults []string
}

func (m *mentions) object(obj types.Object) {
	if name, ok := obj.(*types.TypeName); ok && !name.IsAlias() {
		m.declared(obj.Type())
		return
	}
	m.walk(obj.Type())
}

// declared walks what a type of this package shows: its exported fields and its
// method set, promoted methods included.
func (m *mentions) declared(t types.Type) {
	if m.seen[t] {
		return
	}
	m.seen[t] = true
	if named, ok := t.(*types.Named); ok {
		m.parameters(named.TypeParams())
	}
	m.walk(t.Underlying())
	receiver := t
	if !types.IsInterface(t) {
		receiver = types.NewPointer(t)
	}
	methods := types.NewMethodSet(receiver)
	for i := range methods.Len() {
		if method := methods.At(i).Obj(); method.Exported() {
			m.walk(method.Type())
		}
	}
}

func (m *mentions) parameters(list *types.TypeParamList) {
	for i := range list.Len() {
		m.walk(list.At(i).Constraint())
	}
}

func (m *mentions) name(obj *types.TypeName, args *types.TypeList) {
	for i := range args.Len() {
		m.walk(args.At(i))
	}
	if obj.Pkg() == nil || isStandard(obj.Pkg().Path()) {
		return
	}
	if _, ours := isOurs(obj.Pkg().Path()); !ours {
		m.faults = append(m.faults, fmt.Sprintf("%s: the exported %s mentions %s.%s: give it a type of our own, so that the module can be replaced in one room",
			m.from.Path(), m.where, obj.Pkg().Path(), obj.Name()))
	}
}

func (m *mentions) walk(t types.Type) {
	switch t := t.(type) {
	case *types.Named:
		m.name(t.Obj(), t.TypeArgs())
		// An unexported type of this package is seen through whatever returns it.
		if t.Obj().Pkg() == m.from && !t.Obj().Exported() {
			m.declared(t.Origin())
		}
	case *types.Alias:
		m.name(t.Obj(), t.TypeArgs())
		m.walk(t.Rhs())
	case *types.Pointer:
		m.walk(t.Elem())
	case *types.Slice:
		m.walk(t.Elem())
	case *types.Array:
		m.walk(t.Elem())
	case *types.Chan:
		m.walk(t.Elem())
	case *types.Map:
		m.walk(t.Key())
		m.walk(t.Elem())
	case *types.Tuple:
		for i := range t.Len() {
			m.walk(t.At(i).Type())
		}
	case *types.Signature:
		m.parameters(t.TypeParams())
		m.walk(t.Params())
		m.walk(t.Results())
	case *types.Struct:
		for i := range t.NumFields() {
			if t.Field(i).Exported() || t.Field(i).Embedded() {
				m.walk(t.Field(i).Type())
			}
		}
	case *types.Interface:
		for i := range t.NumEmbeddeds() {
			m.walk(t.EmbeddedType(i))
		}
		for i := range t.NumExplicitMethods() {
			if method := t.ExplicitMethod(i); method.Exported() {
				m.walk(method.Type())
			}
		}
	case *types.Union:
		for i := range t.Len() {
			m.walk(t.Term(i).Type())
		}
	}
}
