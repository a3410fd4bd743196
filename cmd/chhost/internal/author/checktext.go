package author

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// WriteText writes the report for people, without its faults, which are those
// of [Report.Err].
func (r *Report) WriteText(w io.Writer) error {
	if r.Code == 0 && r.refused != nil {
		return nil // of what is no module there is nothing to tell
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(table, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("plugin", "%s, of %s", r.Plugin, r.Path)
	row("size", "%s: code %s, data %s, names and other extras %s", size(r.Size), size(r.Code), size(r.Data), size(r.Custom))
	row("sha256", "%s", r.SHA256)
	for _, module := range slices.Sorted(maps.Keys(r.Imports)) {
		row("imports", "%s: %s", printable(module), names(r.Imports[module]))
	}
	row("memory", "%s", r.Memory)
	if r.Running != nil {
		row("contract", "version %s", r.Running.Contract)
		row("callbacks", "%s", strings.Join(r.Running.Callbacks, ", "))
		row("intercepts", "%s", r.Running.intercepted())
		row("binary", "%s", r.Running.binary())
		row("compiled", "in %v, with the start of an instance", time.Duration(r.Running.CompileMS)*time.Millisecond)
		row("ok", "a host serves it")
	}
	return table.Flush()
}

// String tells the memory in one line.
func (m Memory) String() string {
	parts := []string{size(int(m.Min)) + " at first"}
	if m.Started > 0 {
		parts = append(parts, size(m.Started)+" after the start")
	}
	if m.Max > 0 {
		parts = append(parts, "at most "+size(int(m.Max)))
	}
	return strings.Join(append(parts, "a host gives "+size(m.Limit)), ", ")
}

func (r *Running) intercepted() string {
	switch {
	case r.InterceptsAll:
		return "every broadcast (ch_init names no event)"
	case len(r.Intercepts) == 0:
		return "no broadcast"
	}
	return names(r.Intercepts)
}

func (r *Running) binary() string {
	if r.AcceptsBinary {
		return "bytes of clients are taken"
	}
	return "bytes of clients are refused (ch_init does not accept them)"
}

// maxNames is how many names are listed in one line. A module that is refused
// has room for millions.
const maxNames = 100

func names(list []string) string {
	more := len(list) - maxNames
	var b strings.Builder
	for i, name := range list[:min(len(list), maxNames)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(printable(name))
	}
	if more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

// printable quotes a text that would do more to a terminal than to fill a line.
func printable(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && r != '\t' }) {
		return strconv.Quote(text)
	}
	return text
}

// size writes a number of bytes for people.
func size(bytes int) string {
	switch {
	case bytes < 1<<10:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}
