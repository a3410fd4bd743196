// Package config is the one table of what chhost serve can be told: flags, environment, file and their documentation are made from it.
//
// A [Row] has one name everywhere: drain-delay is the flag --drain-delay, the
// variable CHHOST_DRAIN_DELAY and the key drain-delay of the file, and each takes the
// same values. Flags win over the environment, and that over the file; a list is
// replaced as a whole.
package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind is the type of a row's value.
type Kind int

// The kinds of values.
const (
	Text   Kind = iota // a string
	Texts              // a list of strings; the flag is repeatable
	Switch             // true or false
	Number             // a whole number
	Time               // a duration with its unit
	Size               // a number of bytes, or a string with its unit
)

// Path tells what of a row's value names a file: one that the configuration file
// names is sought from the directory that it lies in.
type Path int

// Where a file's name stands in a value.
const (
	NoPath      Path = iota
	WholePath        // the value
	PathAtEqual      // what follows its last =
	PathInKeys       // what follows keys= in one of its words
)

// Row is one thing that can be told. The zero values of its fields but Name, Group
// and Usage are sensible.
type Row struct {
	// Name is that of the flag and of the key in the file: lower case and hyphens.
	Name string
	// Alias is another name of the flag, of one letter.
	Alias string
	// Group is the heading of the documentation that the row stands under.
	Group string
	Kind  Kind
	// Default is the value if nothing is told, as a flag takes it; of a list, its only
	// element. Default none, which is what the kind's zero value is.
	Default string
	// DefaultText says what the default is where Default cannot.
	DefaultText string
	// Example is a value for the documentation, where there is no Default.
	Example []string
	// Usage says what the row does; a word in backquotes stands for the value.
	Usage string
	Path  Path
	// FlagOnly is for what the file cannot say, which is where it is.
	FlagOnly bool
}

// Env is the name of the row's environment variable.
func (r Row) Env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(r.Name, "-", "_"))
}

// Expects says what values the row takes.
func (r Row) Expects() string {
	switch r.Kind {
	case Texts:
		return `a list of strings, such as ["a", "b"]`
	case Switch:
		return "true or false"
	case Number:
		return "a whole number"
	case Time:
		return "a time with its unit, such as 500ms, 5s or 2m"
	case Size:
		return "a number of bytes, or a string such as 512KiB or 1MiB"
	}
	return "a string"
}

// accepts tells whether text is a value of the row's kind, an element if it is a list.
// What a size is, who reads it knows.
func (r Row) accepts(text string) bool {
	var err error
	switch r.Kind {
	case Switch:
		_, err = strconv.ParseBool(text)
	case Number:
		_, err = strconv.ParseInt(text, 10, 64)
	case Time:
		_, err = time.ParseDuration(text)
	}
	return err == nil
}

// Table is a set of rows, in the order of the documentation.
type Table []Row

// Find returns the row of a name.
func (t Table) Find(name string) (Row, bool) {
	for _, r := range t {
		if r.Name == name {
			return r, true
		}
	}
	return Row{}, false
}

// Only returns the rows of these names, in their order. A name that has none is a bug.
func (t Table) Only(names ...string) Table {
	rows := make(Table, 0, len(names))
	for _, name := range names {
		r, ok := t.Find(name)
		if !ok {
			panic(fmt.Sprintf("BUG: there is no row %q", name))
		}
		rows = append(rows, r)
	}
	return rows
}

// names are those of the rows that keep admits.
func (t Table) names(keep func(Row) bool, name func(Row) string) []string {
	var names []string
	for _, r := range t {
		if keep(r) {
			names = append(names, name(r))
		}
	}
	return names
}

// Value is what one source says of one row.
type Value struct {
	// Texts are what a flag would be given: several only if the row is a list.
	Texts []string
	// Source is where it stands, such as "chhost.toml:3" or "CHHOST_GRACE".
	Source string
}

// Values are what a source says, by the names of the rows.
type Values map[string]Value

// Over returns the values with those of a weaker source below them.
func (v Values) Over(weaker Values) Values {
	all := make(Values, len(v)+len(weaker))
	for _, from := range []Values{weaker, v} {
		for name, value := range from {
			all[name] = value
		}
	}
	return all
}

// Faults are all that is wrong with a source, each with its place.
type Faults []string

func (f Faults) Error() string { return strings.Join(f, "\n") }

// orNil is the faults as an error, if there are any.
func (f Faults) orNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
