package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
)

func settingsCommand() *cli.Command {
	return group(&cli.Command{
		Name:      "settings",
		Category:  remoteCategory,
		Usage:     "show and set what a plugin reads of its configuration",
		UsageText: "chhost settings get PLUGIN\nchhost settings set PLUGIN KEY=VALUE|KEY=@FILE ...",
	}, &cli.Command{
		Name: "get", Usage: "list the keys, and with --json the values", UsageText: "chhost settings get PLUGIN [FLAGS]",
		Description: "A value may be a secret, such as a key for another service: without --json only its length\nis shown.\n\n" +
			"Example:\n\n" +
			"   chhost settings get chat",
		Flags: tenantFlags(), Action: getSettings,
	}, &cli.Command{
		Name: "set", Usage: "change some of them", UsageText: "chhost settings set PLUGIN KEY=VALUE|KEY=@FILE ... [--clear KEY] [FLAGS]",
		Description: "What is not named stays as it is. KEY=@FILE takes the value from FILE without the line's\n" +
			"end, so that a secret is no argument; @- is the standard input. The version that is served\n" +
			"is tried with the new ones before they count.\n\n" +
			"Example:\n\n" +
			"   chhost settings set chat greeting=hello api_key=@key",
		Flags: tenantFlags(append(changeFlags(),
			&cli.StringSliceFlag{Name: "clear", Usage: "take `KEY` out (repeatable)"})...),
		Action: setSettings,
	})
}

const whichPlugin = "the name of a plugin, such as chat (chhost tenant show lists them)"

func getSettings(c *cli.Context) error {
	plugin, err := pluginAlone(c, whichPlugin)
	if err != nil {
		return err
	}
	a, err := connectTo(c)
	if err != nil {
		return err
	}
	defer a.Close()
	var values map[string]string
	answer, err := a.ask(c, remote.Call{Method: http.MethodGet, Path: a.of("plugins", plugin, "settings")}, &values)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error { return writeSettings(w, values) })
}

func writeSettings(w io.Writer, values map[string]string) error {
	rows := [][]string{{"KEY", "VALUE"}}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		rows = append(rows, []string{key, number(len(values[key]), "byte")})
	}
	return table(w, rows)
}

func setSettings(c *cli.Context) error {
	args := c.Args().Slice()
	if len(args) == 0 {
		return arguments(c, whichPlugin)
	}
	if err := checkAlone(c, args[0]); err != nil {
		return err
	}
	given, err := settingsOf(c, args[1:])
	if err != nil {
		return err
	}
	if len(given) == 0 && len(c.StringSlice("clear")) == 0 {
		return &usageError{nameOf(c.Command), "settings set needs what to change, such as greeting=hello or --clear greeting"}
	}
	a, err := connectTo(c)
	if err != nil {
		return err
	}
	defer a.Close()
	path, values := a.of("plugins", args[0], "settings"), map[string]string{}
	before, err := a.ask(c, remote.Call{Method: http.MethodGet, Path: path}, &values)
	if err != nil {
		return err
	}
	for _, key := range c.StringSlice("clear") {
		if _, ok := values[key]; !ok {
			return fmt.Errorf("%s has no setting %q to clear%s (chhost settings get %s lists them)", remote.Printable(args[0]), key, perhaps(key, slices.Sorted(maps.Keys(values))), remote.Printable(args[0]))
		}
	}
	for _, key := range c.StringSlice("clear") {
		delete(values, key)
	}
	maps.Copy(values, given)
	call := change(c, remote.Call{Method: http.MethodPut, Path: path, JSON: values})
	if call.IfRevision == 0 {
		call.IfRevision = before.Revision
	}
	answer, err := a.ask(c, call, nil)
	if err != nil {
		return err
	}
	return report(c, answer, func(w io.Writer) error { return errors.Join(writeSettings(w, values), noteDryRun(c, w)) })
}

// settingsOf reads KEY=VALUE and KEY=@FILE.
func settingsOf(c *cli.Context, texts []string) (map[string]string, error) {
	values := make(map[string]string)
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if ok && key == "" {
			return nil, &usageError{nameOf(c.Command), "there is no KEY before a ="}
		}
		if !ok {
			return nil, &usageError{nameOf(c.Command), fmt.Sprintf("%.80q is not of the form KEY=VALUE or KEY=@FILE", key)}
		}
		if file, ok := strings.CutPrefix(value, "@"); ok {
			data, err := readInput(c, file, 64<<10)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			value = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
		}
		values[key] = value
	}
	return values, nil
}
