package main

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/author"
	"github.com/chhost/chhost/cmd/chhost/internal/config"
	"github.com/chhost/chhost/host"
)

// What the commands for authors of plugins have in common.

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "write JSON, for programs"}
}

// pluginFlags say how a plugin is run; pluginOptions reads them.
func pluginFlags() []cli.Flag {
	return flagsOf(config.Serve().Only("set", "limit"))
}

func pluginOptions(c *cli.Context) (map[string]string, host.PluginLimits, error) {
	limits, err := author.ParseLimits(c.StringSlice("limit"))
	if err != nil {
		return nil, limits, asUsage(c, err)
	}
	set, err := author.ParseSettings(c.StringSlice("set"))
	return set, limits, asUsage(c, err)
}

// asUsage makes a usage error of what a room says of what it was given.
func asUsage(c *cli.Context, err error) error {
	var input *author.InputError
	if errors.As(err, &input) {
		return &usageError{c.Command.Name, input.Text}
	}
	return err
}

// show writes what a command found out, for people or, with --json, for programs.
func show(c *cli.Context, found interface{ WriteText(io.Writer) error }) error {
	if c.Bool("json") {
		return writeJSON(c.App.Writer, found)
	}
	return found.WriteText(c.App.Writer)
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
