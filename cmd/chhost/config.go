package main

import (
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/config"
)

func configCommand() *cli.Command {
	return &cli.Command{
		Name:      "config",
		Usage:     "show and check the configuration file of serve",
		UsageText: "chhost config doc | chhost config check FILE",
		Description: "doc writes a file with every key, its default and what it does, all commented out.\n" +
			"check says what is wrong with a file, as serve would find it, and reads the plugins\n" +
			"that it names; it serves nothing, and flags and environment do not count.\n\n" +
			"Examples:\n\n" +
			"   chhost config doc > chhost.toml\n" +
			"   chhost config check chhost.toml && chhost serve --config chhost.toml",
		Action: runConfig,
	}
}

func runConfig(c *cli.Context) error {
	switch c.Args().First() {
	case "doc":
		if err := arguments(c, ""); err != nil {
			return err
		}
		return config.Serve().Document(c.App.Writer)
	case "check":
		if err := arguments(c, "", "the name of a file, such as chhost config check chhost.toml"); err != nil {
			return err
		}
		return checkConfig(c, c.Args().Get(1))
	}
	return &usageError{"config", "config needs one of doc and check FILE"}
}

// checkConfig has serve read a file, and no more.
func checkConfig(c *cli.Context, file string) error {
	serve := serveCommand()
	set := flag.NewFlagSet(serve.Name, flag.ContinueOnError)
	for _, f := range serve.Flags {
		if err := f.Apply(set); err != nil {
			return err
		}
	}
	inner := cli.NewContext(c.App, set, c)
	inner.Command = serve
	if err := inner.Set("config", file); err != nil {
		return err
	}
	cfg, err := serveConfig(inner, nil)
	if err != nil {
		return errors.New(asKeys(err.Error()))
	}
	what := number(len(cfg.Routes), "route")
	if dir := inner.String("data"); dir != "" {
		what += ", and the tenants in " + dir
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s holds: %s\n", file, what)
	return err
}

// asKeys says of keys what serve says of flags.
func asKeys(text string) string {
	for _, row := range config.Serve() {
		text = strings.ReplaceAll(text, "--"+row.Name, row.Name)
	}
	return text
}
