package main

import (
	"fmt"
	"strings"
	"text/template"

	"github.com/chhost/chhost/abi"
)

// header renders the C header.
func header() ([]byte, error) {
	return execute("chhost.h.tmpl", template.FuncMap{
		"comment":   func(doc string) string { return comment(doc, "") },
		"constants": cConstants,
		"member":    cMember,
		"prototype": cPrototype,
	})
}

// comment renders Markdown as a C comment, every line of it indented.
func comment(doc, indent string) string {
	lines := fill(plain(doc), 92-len(indent))
	return indent + "/* " + strings.Join(lines, "\n"+indent+" * ") + " */"
}

// cConstants renders a group's numbers as enumerators, which are ints, so that
// nothing depends on the preprocessor.
func cConstants(g abi.Group) string {
	var b strings.Builder
	for _, c := range g.Constants {
		fmt.Fprintf(&b, "\t%s = %d, /* %s */\n", cName(g, c), c.Value, plain(c.Doc))
	}
	return b.String()
}

// cMember renders one field of the event struct below its comment.
func cMember(f abi.Field) string {
	types := map[abi.FieldType]string{
		abi.FieldU32: "uint32_t ", abi.FieldLength: "uint32_t ", abi.FieldAddress: "const char *",
		abi.FieldI64: "int64_t ", abi.FieldU64: "uint64_t ",
	}
	member := "\t" + types[f.Type] + f.Name + ";\n"
	if f.Doc == "" {
		return member
	}
	return comment(f.Doc, "\t") + "\n" + member
}

// cPrototype renders an import's declaration. C identifiers begin with ch_: a
// function called log would be taken for the one of the C library, and its
// import would vanish.
func cPrototype(f abi.Func) string {
	result := "void"
	if len(f.Results) == 1 {
		result = "int32_t"
	}
	params := make([]string, len(f.Params))
	for i, p := range f.Params {
		params[i] = cParam(p)
	}
	if len(params) == 0 {
		params = []string{"void"}
	}
	return fmt.Sprintf("CH_IMPORT(%s) %s ch_%s(%s);", f.Name, result, f.Name, strings.Join(params, ", "))
}

// cParam renders one parameter. An address loses the suffix that tells it from
// its length.
func cParam(p abi.Param) string {
	switch p.Role {
	case abi.RoleText:
		return "const char *" + strings.TrimSuffix(p.Name, "_ptr")
	case abi.RoleBytes:
		return "const void *" + p.Name
	case abi.RoleRoom:
		return "void *" + p.Name
	case abi.RoleEvent:
		return "const ch_event *" + p.Name
	case abi.RoleLength, abi.RoleFlags, abi.RoleUnsigned:
		return "uint32_t " + p.Name
	}
	return "int32_t " + p.Name
}
