package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"

	"github.com/chhost/chhost/abi"
)

// golang renders the constants of the Go SDK, unexported: what of them authors
// see is the SDK's own choice.
func golang() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\npackage chhost\n\n", notice)
	fmt.Fprintf(&b, "// abiVersion is what ch_abi_version returns: %s.\n", versionText())
	fmt.Fprintf(&b, "const abiVersion = %#08x\n", abi.Version)
	for _, g := range abi.Groups() {
		fmt.Fprintf(&b, "\n// %s%s: %s\nconst (\n", strings.ToUpper(g.Name[:1]), g.Name[1:], plain(g.Doc))
		for _, c := range g.Constants {
			fmt.Fprintf(&b, "\t%s = %d // %s\n", unexported(goName(g, c)), c.Value, plain(c.Doc))
		}
		b.WriteString(")\n")
	}
	b.WriteString("\n// Offsets of the event struct's fields, in bytes.\nconst (\n")
	for _, f := range abi.Fields() {
		fmt.Fprintf(&b, "\toffset%s = %d // %s\n", camel(f.Name), f.Offset, f.Type)
	}
	b.WriteString(")\n\n// Keys of the settings that the host defines.\nconst (\n")
	for _, k := range abi.ConfigKeys() {
		name := strings.TrimPrefix(k.Name, abi.ReservedConfigPrefix)
		fmt.Fprintf(&b, "\tconfig%s = %q // %s\n", camel(name), k.Name, plain(k.Doc))
	}
	b.WriteString(")\n")
	return format.Source(b.Bytes())
}

// plain removes the Markdown that documentation texts contain.
func plain(doc string) string { return strings.ReplaceAll(doc, "`", "") }
