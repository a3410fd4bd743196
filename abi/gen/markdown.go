package main

import (
	"embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/chhost/chhost/abi"
)

//go:embed example
var examples embed.FS

// markdown renders the normative text. Its prose is in ABI.md.tmpl; everything
// that is a row of the table comes from there.
func markdown() ([]byte, error) {
	return execute("ABI.md.tmpl", template.FuncMap{
		"draft":        func() bool { return abi.Draft },
		"code":         code,
		"codes":        codes,
		"cell":         cell,
		"cname":        cName,
		"call":         call,
		"need":         need,
		"purpose":      purpose,
		"wrap":         func(doc string) string { return strings.Join(fill(doc, 150), "\n") },
		"callers":      callers,
		"rules":        rules,
		"inNumbers":    inNumbers,
		"title":        title,
		"example":      example,
		"laterExports": abi.LaterExports,
		"laterImports": abi.LaterImports,
		"connectKeys":  abi.ConnectKeys,
		"eventNames":   abi.ReservedEvents,
		"exportStarts": authorExportPrefixes,
		"group":        group,
		"importNames":  importNames,
		"setup":        func() abi.Rule { return abi.Row(abi.PhaseSetup) },
		"setupNames":   setupNames,
		"functions":    functions,
		"asFunctions":  abi.AssemblyScript,
		"asModule":     func() string { return abi.AssemblyScriptModule },
	})
}

func code(text string) string { return "`" + text + "`" }

func codes(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = code(name)
	}
	return strings.Join(quoted, ", ")
}

// cell makes text fit for a table.
func cell(text string) string {
	if text == "" {
		return " "
	}
	return strings.ReplaceAll(text, "|", `\|`)
}

func title(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// call is a function's type with the names of its parameters.
func call(f abi.Func) string {
	params := make([]string, len(f.Params))
	for i, p := range f.Params {
		params[i] = p.Name + " " + p.Type.String()
	}
	result := "()"
	if len(f.Results) == 1 {
		result = f.Results[0].String()
	}
	return "(" + strings.Join(params, ", ") + ") -> " + result
}

func need(f abi.Func) string {
	if f.Required {
		return "yes"
	}
	return "no"
}

// purpose is the last column of the table of exports.
func purpose(f abi.Func) string {
	switch {
	case f.Callback != 0:
		return "a callback"
	case f.Phase == abi.PhaseInit:
		return "settings"
	}
	return "start and memory"
}

// callers lists where an import may be called.
func callers(f abi.Func) string {
	var names []string
	for _, p := range abi.Phases() {
		switch {
		case !abi.Row(p).Imports.Has(f.ID):
		case p == abi.PhaseSetup:
			names = append(names, setupNames()...)
		default:
			names = append(names, p.String())
		}
	}
	return codes(names)
}

// importNames lists the members of a set in the order of the document.
func importNames(set abi.ImportSet) []string {
	var names []string
	for _, f := range abi.Imports() {
		if set.Has(f.ID) {
			names = append(names, f.Name)
		}
	}
	return names
}

// setupNames lists the exports that return no status.
func setupNames() []string {
	var names []string
	for _, f := range abi.Exports() {
		if f.Phase == abi.PhaseSetup {
			names = append(names, f.Name)
		}
	}
	return names
}

// rules lists the rows whose exports return a status.
func rules() []abi.Rule {
	var list []abi.Rule
	for _, p := range abi.Phases() {
		if r := abi.Row(p); r.Statuses != 0 {
			list = append(list, r)
		}
	}
	return list
}

// group finds a group by its name.
func group(name string) (abi.Group, error) {
	for _, g := range abi.Groups() {
		if g.Name == name {
			return g, nil
		}
	}
	return abi.Group{}, fmt.Errorf("there is no group %q", name)
}

// inNumbers lists the groups that the text does not show elsewhere.
func inNumbers() []abi.Group {
	var list []abi.Group
	for _, g := range abi.Groups() {
		switch g.Name {
		case "status", "event flag", "leave kind", "info kind":
		default:
			list = append(list, g)
		}
	}
	return list
}

// authorExportPrefixes lists the reserved prefixes without the host's own.
func authorExportPrefixes() []string {
	var list []string
	for _, prefix := range abi.ReservedExportPrefixes() {
		if prefix != abi.HostExportPrefix {
			list = append(list, prefix)
		}
	}
	return list
}

// functions are the rows of a table of what runtimes import.
func functions(list []abi.Func) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", f.Name, call(f), cell(f.Doc))
	}
	return b.String()
}

// example is the text of a complete guest, which the tests build.
func example(name string) (string, error) {
	text, err := examples.ReadFile("example/" + name)
	return strings.TrimSpace(string(text)), err
}
