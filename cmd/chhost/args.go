package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/abi"
)

// usageError is an error in how the command was called.
type usageError struct {
	command string
	text    string
}

func (e *usageError) Error() string { return e.text }

// of is the command's name with a space before it, or nothing.
func (e *usageError) of() string {
	if e.command == "" {
		return ""
	}
	return " " + e.command
}

// arrange puts a command's flags before its arguments, because the library
// stops looking for flags at the first argument, and finds what it would not
// say well: unknown commands and flags, by name and with the nearest known one.
// Everything after "--" is an argument.
func arrange(app *cli.App, args []string) ([]string, error) {
	args = slices.Clone(args)
	if len(args) >= 2 && args[1] == "help" { // chhost help dev
		args = append(append([]string{args[0]}, args[2:]...), "--help")
	}
	if len(args) == 2 && args[1] == "version" {
		return []string{args[0], "--version"}, nil
	}
	if len(args) < 2 || isHelp(args[1]) || args[1] == "--version" || args[1] == "-v" {
		return args, nil
	}
	if strings.HasPrefix(args[1], "-") {
		return nil, &usageError{"", fmt.Sprintf("there is no option %s before a command; options of a command follow its name", args[1])}
	}
	i := slices.IndexFunc(app.Commands, func(c *cli.Command) bool { return c.HasName(args[1]) })
	if i < 0 {
		return nil, unknownCommand(app, args[1])
	}
	command, at, err := descend(app.Commands[i], args)
	if err != nil || at == len(args) {
		return args, err
	}
	flags, rest, err := sortFlags(command, args[at:])
	if err != nil {
		return nil, err
	}
	out := append(slices.Clone(args[:at]), flags...)
	if len(flags) == 1 && isHelp(flags[0]) {
		return out, nil
	}
	return append(append(out, "--"), rest...), nil
}

// sortFlags separates what is a command's flag, with its value, from what is none. If it
// is help that is asked for, that is all.
func sortFlags(command *cli.Command, args []string) (flags, rest []string, err error) {
	takesValue := make(map[string]bool)
	for _, f := range command.Flags {
		_, isBool := f.(*cli.BoolFlag)
		for _, name := range f.Names() {
			takesValue[name] = !isBool
		}
	}
	for todo := args; len(todo) > 0; todo = todo[1:] {
		arg := todo[0]
		if arg == "--" {
			rest = append(rest, todo[1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			rest = append(rest, arg)
			continue
		}
		if isHelp(arg) { // of the command, whatever else is there: load echo --help
			return []string{arg}, nil, nil
		}
		name, given, assigned := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		value, known := takesValue[name]
		if !known {
			return nil, nil, unknownFlag(command, name, takesValue)
		}
		flags = append(flags, arg)
		if value && !assigned {
			if len(todo) == 1 {
				return nil, nil, &usageError{nameOf(command), fmt.Sprintf("--%s needs a value", name)}
			}
			todo = todo[1:]
			given = todo[0]
			flags = append(flags, given)
		}
		if value && given == "" && !mayBeEmpty(name) {
			return nil, nil, &usageError{nameOf(command), fmt.Sprintf("--%s is empty: name what is meant, or leave it out", name)}
		}
	}
	return flags, rest, nil
}

// mayBeEmpty tells whether a flag may have an empty value. Of most that is a variable
// which nobody has set, and serve with an empty --connect would let everybody in.
func mayBeEmpty(flag string) bool {
	switch flag {
	case "assigns", "note": // any text
		return true
	case "cache": // none
		return true
	case "event", "mount", "only", "params", "payload", "topic": // which say more of it themselves
		return true
	}
	return false
}

// descend follows the arguments to the command that they name, which is within others:
// tenant create. at is where its own begin, or all of them if they ask for help.
func descend(command *cli.Command, args []string) (found *cli.Command, at int, err error) {
	for at = 2; len(command.Subcommands) > 0; at++ {
		var names []string
		for _, sub := range command.Subcommands {
			names = append(names, sub.Name)
		}
		if at < len(args) && isHelp(args[at]) {
			return command, len(args), nil
		}
		if at == len(args)-1 && args[at] == "help" { // chhost tenant help
			args[at] = "--help"
			return command, len(args), nil
		}
		if at == len(args) || strings.HasPrefix(args[at], "-") {
			return nil, 0, &usageError{nameOf(command), fmt.Sprintf("%s needs one of %s behind it", nameOf(command), strings.Join(names, ", "))}
		}
		i := slices.Index(names, args[at])
		if i < 0 {
			return nil, 0, &usageError{nameOf(command), fmt.Sprintf("there is no command %q of %s%s", args[at], nameOf(command), perhaps(args[at], names))}
		}
		command = command.Subcommands[i]
	}
	return command, at, nil
}

// nameOf is what is typed for a command behind "chhost".
func nameOf(command *cli.Command) string {
	if name, ok := strings.CutPrefix(command.HelpName, "chhost "); ok {
		return name
	}
	return command.Name
}

// group is a command that consists of others.
func group(command *cli.Command, parts ...*cli.Command) *cli.Command {
	command.HideHelpCommand = true
	for _, part := range parts {
		part.HelpName = "chhost " + command.Name + " " + part.Name
		part.HideHelpCommand = true
	}
	command.Subcommands = parts
	return command
}

func isHelp(arg string) bool { return arg == "-h" || arg == "--help" || arg == "-help" }

func unknownCommand(app *cli.App, name string) error {
	var names []string
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	return &usageError{"", fmt.Sprintf("there is no command %q%s", name, perhaps(name, names))}
}

// perhaps asks whether the nearest of some names was meant, for the end of an error.
func perhaps(name string, among []string) string {
	if near := abi.Nearest(name, among); near != "" {
		return fmt.Sprintf(": did you mean %q?", near)
	}
	return ""
}

func unknownFlag(command *cli.Command, name string, known map[string]bool) error {
	names := make([]string, 0, len(known))
	for n := range known {
		names = append(names, n)
	}
	slices.Sort(names)
	text := fmt.Sprintf("%s has no flag --%s", nameOf(command), name)
	if near := abi.Nearest(name, names); near != "" {
		text += fmt.Sprintf(": did you mean --%s?", near)
	}
	return &usageError{nameOf(command), text}
}

// valueError is what the library says of a value that a flag does not take, which ends
// in "parse error", with what it takes.
func valueError(command *cli.Command, err error) error {
	text := strings.Replace(err.Error(), "for flag -", "for -", 1) // of which it writes both
	for _, f := range command.Flags {
		rest, ok := strings.CutSuffix(text, " for -"+f.Names()[0]+": parse error")
		if !ok {
			continue
		}
		want := "expected a number"
		switch f.(type) {
		case *cli.DurationFlag:
			want = "expected a time with its unit, such as 500ms, 5s or 2m"
		case *cli.BoolFlag:
			want = "expected true or false, or the flag alone"
		}
		text = fmt.Sprintf("%s for --%s: %s", rest, f.Names()[0], want)
	}
	return &usageError{nameOf(command), text}
}

// arguments checks how many arguments a command was given, and that none of those that
// it has to have is empty: in a script that is a variable which nobody has set.
func arguments(c *cli.Context, want ...string) error {
	for i, text := range want {
		if text != "" && i < c.NArg() && c.Args().Get(i) == "" {
			return &usageError{nameOf(c.Command), fmt.Sprintf("%s needs %s, and was given an empty argument", nameOf(c.Command), text)}
		}
	}
	switch n := c.NArg(); {
	case n < len(want):
		return &usageError{nameOf(c.Command), fmt.Sprintf("%s needs %s", nameOf(c.Command), want[n])}
	case n > len(want):
		return &usageError{nameOf(c.Command), fmt.Sprintf("%s does not know what to do with %q", nameOf(c.Command), c.Args().Get(len(want)))}
	}
	return nil
}

// optional checks the arguments of a command that takes at most most of them, and goes
// without: one that is empty is not as if it were not there, or a command whose variable
// nobody has set would be carried out on what is meant without it.
func optional(c *cli.Context, most int) error {
	if c.NArg() > most {
		return &usageError{nameOf(c.Command), fmt.Sprintf("%s does not know what to do with %q", nameOf(c.Command), c.Args().Get(most))}
	}
	if c.NArg() > 0 && c.Args().First() == "" {
		return &usageError{nameOf(c.Command), nameOf(c.Command) + " was given an empty argument: name what is meant, or leave it out"}
	}
	return nil
}
