package main

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/scaffold"
)

func newCommand() *cli.Command {
	return &cli.Command{
		Name:      "new",
		Usage:     "make a plugin to start from",
		UsageText: "chhost new NAME [FLAGS]",
		Description: "A directory NAME is made, with a small channel for the topics NAME:*, its unit tests,\n" +
			"conversations for \"chhost test\" and a page for \"chhost dev\". Nothing is overwritten.\n\n" +
			"The SDK is that of a checkout of chhost, so that the plugin builds without a network:\n" +
			"of the one in or beside which the current directory is, or of the one that --sdk names.\n\n" +
			"Examples:\n\n" +
			"   chhost new foods\n" +
			"   chhost new foods --sdk ~/src/chhost",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "sdk", Usage: "take the SDK from `PATH`, a checkout of chhost", DefaultText: "the checkout in or beside which you are"},
			&cli.StringFlag{Name: "lang", Value: "go", Usage: "the `LANGUAGE`: " + strings.Join(scaffold.Languages(), ", ")},
		},
		Action: runNew,
	}
}

func runNew(c *cli.Context) error {
	if err := arguments(c, "a name, such as foods"); err != nil {
		return err
	}
	name := c.Args().First()
	made, err := scaffold.Make(scaffold.Config{Name: name, Lang: c.String("lang"), SDK: c.String("sdk")})
	switch {
	case errors.Is(err, scaffold.ErrName), errors.Is(err, scaffold.ErrLang):
		return &usageError{c.Command.Name, err.Error()}
	case err != nil:
		return err
	}
	fmt.Fprintf(c.App.Writer, "made %s, with the SDK in %s (see go.mod):\n\n", name, made.SDK)
	for _, file := range made.Files {
		fmt.Fprintf(c.App.Writer, "  %s\n", path.Join(name, file))
	}
	_, err = fmt.Fprintf(c.App.Writer, "\nGo on with\n\n"+
		"  go -C %[1]s test .   # the functions of the channel\n"+
		"  chhost test %[1]s    # the plugin as clients see it\n"+
		"  chhost dev %[1]s     # serve it with its page\n", name)
	return err
}
