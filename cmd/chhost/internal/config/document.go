package config

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

const introduction = `# What chhost serve can be told, with all defaults: chhost serve --config FILE.
#
# Each key is a flag and an environment variable, too. A flag wins over the
# variable, and that over this file; a list is replaced as a whole. A variable takes
# one element of a list as it is, or all as they stand here: ["a", "b"]. Files are
# sought from the directory that this file lies in.
`

// Document writes the file with every key, commented out.
func (t Table) Document(w io.Writer) error {
	var b strings.Builder
	b.WriteString(introduction)
	group := ""
	for _, r := range t {
		if r.FlagOnly {
			continue
		}
		if r.Group != group {
			group = r.Group
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		b.WriteByte('\n')
		writeFolded(&b, strings.ReplaceAll(r.Usage, "`", ""))
		if r.Kind == Time {
			writeFolded(&b, "Its unit is part of it: 500ms, 5s, 2m.")
		}
		if text := r.DefaultText; text != "" {
			writeFolded(&b, "Default: "+text+".")
		} else if r.Default == "" && r.Kind != Switch && r.Kind != Number {
			writeFolded(&b, "Default: none.")
		}
		fmt.Fprintf(&b, "# --%s, %s\n#%s = %s\n", r.Name, r.Env(), r.Name, r.written())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// written is the default, or else the example, as the file has it.
func (r Row) written() string {
	texts := r.Example
	if r.Default != "" && r.DefaultText == "" || len(texts) == 0 {
		texts = []string{r.Default}
	}
	switch r.Kind {
	case Texts:
		quoted := make([]string, len(texts))
		for i, text := range texts {
			quoted[i] = strconv.Quote(text)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case Switch:
		return strconv.FormatBool(texts[0] == "true")
	case Number:
		return texts[0]
	}
	return strconv.Quote(texts[0])
}

// writeFolded writes a comment in lines of at most 80 bytes, where words allow it.
func writeFolded(b *strings.Builder, text string) {
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > 80 {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
