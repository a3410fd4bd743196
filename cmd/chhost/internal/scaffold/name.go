package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// nameForm is what can be a directory, a module and the start of a topic
// everywhere.
var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

func checkName(name string) error {
	switch {
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("%q: %w: it is a path; change to the directory in which the plugin's is to be made, and give its name only", name, ErrName)
	case !nameForm.MatchString(name):
		return fmt.Errorf("%q: %w: one has up to 64 of the characters a-z, 0-9, _ and -, and begins with a letter", name, ErrName)
	case slices.Contains(standardPackages(), name):
		return fmt.Errorf("%q: %w: a package of Go's standard library is called so, and the module would hide it: choose another, such as %s-channel", name, ErrName, name)
	case slices.Contains(reservedNames(), name):
		return fmt.Errorf("%q: %w: the go command or Windows means something else by it: choose another, such as %s-channel", name, ErrName, name)
	}
	return nil
}

// standardPackages are the packages of the standard library whose path has one
// element. A module of such a name makes every import of it ambiguous.
func standardPackages() []string {
	return strings.Fields("bufio bytes cmp context crypto embed encoding errors expvar flag fmt hash html image io iter log maps math mime " +
		"net os path plugin reflect regexp runtime slices sort strconv strings structs sync syscall testing time unicode unique unsafe weak")
}

// reservedNames are patterns of the go command, the path main, which nothing can
// import (not even its own test), and Windows' devices.
func reservedNames() []string {
	return strings.Fields("all cmd main std tool work vendor testdata con prn aux nul " +
		"com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9")
}
