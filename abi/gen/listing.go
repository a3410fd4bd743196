package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/chhost/chhost/abi"
)

// listing renders every fact of the contract as a line of its own and leaves all
// prose out, so that a changed line is a changed contract.
func listing() ([]byte, error) {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# %s", notice)
	line("version %s", versionText())
	line("module %s", abi.Module)
	line("export memory %s required", abi.MemoryExport)
	for _, f := range abi.Exports() {
		need := "optional"
		if f.Required {
			need = "required"
		}
		line("export func %s %s %s", f.Name, f.Signature(), need)
	}
	for _, f := range abi.Imports() {
		line("import %s %s", f.Name, f.Signature())
	}
	for _, p := range abi.Phases() {
		r := abi.Row(p)
		line("row %s returns [%s] calls [%s]", p, join(r.Statuses.List()), join(r.Imports.List()))
	}
	for _, f := range abi.Fields() {
		line("field %d %s %s", f.Offset, f.Name, f.Type)
	}
	for _, g := range abi.Groups() {
		for _, c := range g.Constants {
			line("%s %s %d", g.Name, c.Name, c.Value)
		}
	}
	for _, k := range abi.ConnectKeys() {
		line("connect key %s %s", k.Name, k.Type)
	}
	for _, k := range abi.ConfigKeys() {
		line("setting %s", k.Name)
	}
	line("reserved setting %s*", abi.ReservedConfigPrefix)
	line("reserved event %s*", abi.ReservedEventPrefix)
	for _, name := range abi.ReservedEvents() {
		line("reserved event %s", name)
	}
	for _, prefix := range abi.ReservedExportPrefixes() {
		line("reserved export %s*", prefix)
	}
	for _, name := range abi.LaterExports() {
		line("later export %s", name)
	}
	for _, name := range abi.LaterImports() {
		line("later import %s", name)
	}
	for _, f := range abi.WASI() {
		line("wasi %s %s", f.Name, f.Signature())
	}
	for _, f := range abi.AssemblyScript() {
		line("assemblyscript %s %s", f.Name, f.Signature())
	}
	return b.Bytes(), nil
}

func join[T fmt.Stringer](list []T) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = v.String()
	}
	return strings.Join(words, " ")
}
