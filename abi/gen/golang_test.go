package main

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"strings"
	"testing"

	"github.com/chhost/chhost/abi"
)

// constants type-checks one file that imports nothing and returns its numbers
// and texts by name. Without src it reads the file.
func constants(t *testing.T, name string, src any) map[string]constant.Value {
	t.Helper()
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := new(types.Config).Check(tree.Name.Name, fset, []*ast.File{tree}, nil)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]constant.Value{}
	for _, id := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(id).(*types.Const); ok {
			values[id] = c.Val()
		}
	}
	return values
}

// tableConstants are the constants that package abi must have, and no others,
// for what the table lists.
func tableConstants() map[string]constant.Value {
	want := map[string]constant.Value{}
	for _, g := range abi.Groups() {
		for _, c := range g.Constants {
			want[goName(g, c)] = constant.MakeInt64(c.Value)
		}
	}
	for _, f := range abi.Fields() {
		want["Offset"+camel(f.Name)] = constant.MakeInt64(int64(f.Offset))
	}
	for _, k := range abi.ConfigKeys() {
		want["Config"+camel(strings.TrimPrefix(k.Name, abi.ReservedConfigPrefix))] = constant.MakeString(k.Name)
	}
	for _, f := range abi.Imports() {
		want["Import"+camel(f.Name)] = constant.MakeInt64(int64(f.ID))
	}
	for _, p := range abi.Phases() {
		want["Phase"+camel(strings.TrimPrefix(p.String(), "ch_"))] = constant.MakeInt64(int64(p))
	}
	return want
}

func compare(t *testing.T, where string, got, want map[string]constant.Value) {
	t.Helper()
	for name, value := range want {
		switch have, ok := got[name]; {
		case !ok:
			t.Errorf("%s lacks %s = %s", where, name, value)
		case !constant.Compare(have, token.EQL, value):
			t.Errorf("%s: %s is %s, want %s", where, name, have, value)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s has %s, which the table does not list", where, name)
		}
	}
}

// TestEveryConstantIsListed finds a constant of package abi that somebody forgot
// to enter in the table, and one whose name and row disagree.
func TestEveryConstantIsListed(t *testing.T) {
	got := constants(t, "../constants.go", nil)
	want := tableConstants()
	for name, value := range map[string]constant.Value{
		"Major": constant.MakeInt64(abi.Major), "Minor": constant.MakeInt64(abi.Minor), "Version": constant.MakeInt64(abi.Version),
		"Draft": constant.MakeBool(abi.Draft), "Module": constant.MakeString(abi.Module), "WASIModule": constant.MakeString(abi.WASIModule),
		"MemoryExport":         constant.MakeString(abi.MemoryExport),
		"ReservedConfigPrefix": constant.MakeString(abi.ReservedConfigPrefix),
		"ReservedEventPrefix":  constant.MakeString(abi.ReservedEventPrefix),
		"HostExportPrefix":     constant.MakeString(abi.HostExportPrefix),
		"LaterImportPrefix":    constant.MakeString(abi.LaterImportPrefix),
		"AssemblyScriptModule": constant.MakeString(abi.AssemblyScriptModule),
	} {
		want[name] = value
	}
	compare(t, "constants.go", got, want)
}

// TestGoSDKConstants compiles what is generated for the Go SDK.
func TestGoSDKConstants(t *testing.T) {
	text, err := golang()
	if err != nil {
		t.Fatal(err)
	}
	got := constants(t, "abi_gen.go", text)
	want := map[string]constant.Value{"abiVersion": constant.MakeInt64(abi.Version)}
	for name, value := range tableConstants() {
		if !strings.HasPrefix(name, "Import") && !strings.HasPrefix(name, "Phase") {
			want[unexported(name)] = value
		}
	}
	compare(t, "abi_gen.go", got, want)
	for name := range maps.Keys(got) {
		if token.IsExported(name) {
			t.Errorf("%s is exported: what authors see is the SDK's choice", name)
		}
	}
}

func TestIdentifiers(t *testing.T) {
	for name, want := range map[string]string{"OK": "OK", "WANTS_REPLY": "WantsReply", "now_ms": "NowMS", "socket_assigns_len": "SocketAssignsLen"} {
		if got := camel(name); got != want {
			t.Errorf("camel(%q) = %q, want %q", name, got, want)
		}
	}
}
