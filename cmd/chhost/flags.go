package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/config"
)

// flagsOf are the flags that the rows of a table are on the command line.
func flagsOf(table config.Table) []cli.Flag {
	flags := make([]cli.Flag, len(table))
	for i, row := range table {
		flags[i] = flagOf(row)
	}
	return flags
}

// flagOf panics where a default is not of the row's kind, which a test would see.
func flagOf(row config.Row) cli.Flag {
	var aliases []string
	if row.Alias != "" {
		aliases = []string{row.Alias}
	}
	switch row.Kind {
	case config.Texts:
		f := &cli.StringSliceFlag{Name: row.Name, Aliases: aliases, Usage: row.Usage + " (repeatable)", DefaultText: row.DefaultText}
		if row.Default != "" {
			f.Value = cli.NewStringSlice(row.Default)
		}
		return f
	case config.Switch:
		return &cli.BoolFlag{Name: row.Name, Aliases: aliases, Usage: row.Usage, Value: row.Default == "true"}
	case config.Number:
		return &cli.Int64Flag{Name: row.Name, Aliases: aliases, Usage: row.Usage, DefaultText: row.DefaultText, Value: must(strconv.ParseInt("0"+row.Default, 10, 64))}
	case config.Time:
		return &cli.DurationFlag{Name: row.Name, Aliases: aliases, Usage: row.Usage, DefaultText: row.DefaultText, Value: must(time.ParseDuration(row.Default))}
	}
	return &cli.StringFlag{Name: row.Name, Aliases: aliases, Usage: row.Usage, DefaultText: row.DefaultText, Value: row.Default}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic("BUG: a row's default: " + err.Error())
	}
	return value
}

// used is where what counts in a command's context stands, by the names of flags:
// of those that it was not given on the command line.
type used config.Values

// settle gives a context what its flags do not say and the environment or the file
// does. The file is named by --config, or by the environment.
func settle(c *cli.Context, table config.Table, environ []string) (used, error) {
	values, err := table.Environment(environ)
	if err != nil {
		return nil, err
	}
	file := c.String("config")
	if named, ok := values["config"]; ok && !c.IsSet("config") {
		file = named.Texts[0]
	}
	delete(values, "config")
	if file != "" {
		inFile, err := table.Read(file)
		if err != nil {
			return nil, fmt.Errorf("the configuration does not hold:\n%w", err)
		}
		values = values.Over(inFile)
	}
	for name, value := range values {
		if c.IsSet(name) {
			delete(values, name)
			continue
		}
		for _, text := range value.Texts {
			if err := c.Set(name, text); err != nil {
				return nil, fmt.Errorf("%s: %w", value.Source, err)
			}
		}
	}
	return used(values), nil
}

// blame says of a fault of usage where the values stand that it is about, if they
// are not on the command line.
func (u used) blame(err error) error {
	fault, ok := err.(*usageError)
	if !ok {
		return err
	}
	var sources []string
	for name, value := range u {
		words := strings.FieldsFunc(fault.text, func(r rune) bool { return strings.ContainsRune(" :,;", r) })
		if slices.Contains(words, "--"+name) {
			sources = append(sources, name+" is what "+value.Source+" says")
		}
	}
	if len(sources) == 0 {
		return err
	}
	slices.Sort(sources)
	return &usageError{fault.command, fault.text + " (" + strings.Join(sources, "; ") + ")"}
}

func cacheFlag() cli.Flag { return flagsOf(config.Serve().Only("cache"))[0] }
