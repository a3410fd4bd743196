package main

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/author"
)

// What the commands for authors of plugins have in common.

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "write JSON, for programs"}
}

func setFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "set", Usage: "a setting that the plugin reads, `KEY=VALUE`; repeatable"}
}

// asUsage makes a usage error of what a room says of what it was given.
func asUsage(c *cli.Context, err error) error {
	var input *author.InputError
	if errors.As(err, &input) {
		return &usageError{c.Command.Name, input.Text}
	}
	return err
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
