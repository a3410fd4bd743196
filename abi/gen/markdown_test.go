package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chhost/chhost/abi"
)

// rendered is a file's text as it should be.
func rendered(t *testing.T, f func() ([]byte, error)) string {
	t.Helper()
	text, err := f()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLinksLeadSomewhere follows every link within the document, by the rule
// that GitHub uses for the names of headings.
func TestLinksLeadSomewhere(t *testing.T) {
	text := rendered(t, markdown)
	headings := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		anchor := strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")
		anchor = regexp.MustCompile(`[^a-z0-9_-]`).ReplaceAllString(anchor, "")
		if headings[anchor] {
			t.Errorf("two headings have the anchor #%s", anchor)
		}
		headings[anchor] = true
	}
	links := regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(text, -1)
	if len(links) < 20 {
		t.Errorf("only %d links found", len(links))
	}
	for _, m := range links {
		if !headings[m[1]] {
			t.Errorf("the link to #%s leads nowhere", m[1])
		}
	}
}

// TestTablesAreWhole finds rows with more or fewer cells than their head, such
// as by a | in a text.
func TestTablesAreWhole(t *testing.T) {
	cells := func(line string) int { return strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") }
	head, rows := 0, 0
	for line := range strings.SplitSeq(rendered(t, markdown), "\n") {
		switch {
		case !strings.HasPrefix(line, "|"):
			head = 0
		case head == 0:
			head = cells(line)
		case cells(line) != head:
			t.Errorf("%d cells instead of %d: %s", cells(line)-1, head-1, line)
		default:
			rows++
		}
	}
	if rows < 100 {
		t.Errorf("only %d rows found", rows)
	}
}

// TestDocumentIsComplete looks for every entry of the table, and for what a
// template leaves behind when it goes wrong.
func TestDocumentIsComplete(t *testing.T) {
	text := rendered(t, markdown)
	has := func(want string) {
		t.Helper()
		if !strings.Contains(text, want) {
			t.Errorf("ABI.md does not contain %q", want)
		}
	}
	for _, list := range [][]abi.Func{abi.Exports(), abi.Imports()} {
		for _, f := range list {
			has("\n### " + f.Name + "\n\n`" + call(f) + "`")
			has("```c\n" + f.Example + "\n```")
		}
	}
	for _, f := range slices.Concat(abi.WASI(), abi.AssemblyScript()) {
		has("| `" + f.Name + "` | `" + call(f) + "` | " + cell(f.Doc) + " |")
	}
	for _, k := range abi.ConnectKeys() {
		has("| `" + k.Name + "` | " + k.Type + " | " + cell(k.Doc) + " |")
	}
	for _, p := range abi.Phases() {
		for _, e := range abi.Row(p).Effects {
			has("| " + e.Status.String() + " | " + cell(e.Doc) + " |")
		}
	}
	for _, g := range abi.Groups() {
		for _, c := range g.Constants {
			has("`" + cName(g, c) + "` | " + cell(c.Doc))
		}
	}
	for _, name := range slices.Concat(abi.ReservedEvents(), abi.LaterExports(), abi.LaterImports()) {
		has("`" + name + "`")
	}
	for _, left := range []string{"<no value>", "%!", "{{", "\n\n\n", "unknown`"} {
		if strings.Contains(text, left) {
			t.Errorf("ABI.md contains %q", left)
		}
	}
}

// TestDraftIsSaid makes sure that nobody takes a draft for the final version.
func TestDraftIsSaid(t *testing.T) {
	for name, text := range map[string]string{"ABI.md": rendered(t, markdown), "chhost.h": rendered(t, header), "v1.txt": rendered(t, listing)} {
		if strings.Contains(text, "draft") != abi.Draft {
			t.Errorf("%s: says draft %v, the table says %v", name, !abi.Draft, abi.Draft)
		}
	}
}
