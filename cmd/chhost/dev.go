package main

import (
	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/dev"
	"github.com/chhost/chhost/host"
)

func devCommand() *cli.Command {
	return &cli.Command{
		Name:      "dev",
		Usage:     "build a plugin from source and serve it with its page",
		UsageText: "chhost dev DIR [FLAGS]",
		Description: "DIR holds a plugin written in Go. It is built with the Go toolchain and serves the\n" +
			"topics that match --topic (all, by default). The files in DIR/web, if there are\n" +
			"any, are served at /, and a small client for pages at /chhost.js.\n\n" +
			"Examples:\n\n" +
			"   chhost dev plugins/chat\n" +
			"   chhost dev plugins/food --topic 'foods:*' --addr 127.0.0.1:4001",
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "topic", Value: cli.NewStringSlice("*"), Usage: "serve the topics that match `PATTERN`; repeatable"},
		}, commonFlags()...),
		Action: runDev,
	}
}

func runDev(c *cli.Context) error {
	if err := arguments(c, "the directory of a plugin, such as plugins/chat"); err != nil {
		return err
	}
	checkOrigin, err := origins(c)
	if err != nil {
		return err
	}
	if err := host.CheckPatterns(c.StringSlice("topic")...); err != nil {
		return &usageError{c.Command.Name, "--topic: " + err.Error()}
	}
	l, err := listen(c)
	if err != nil {
		return err
	}
	defer l.Close()
	return dev.Run(c.Context, dev.Config{
		Dir:         c.Args().First(),
		Topics:      c.StringSlice("topic"),
		Listener:    l,
		Address:     hostPort(l),
		CheckOrigin: checkOrigin,
		CacheDir:    c.String("cache"),
		Logger:      newLogger(c, c.App.ErrWriter),
		Out:         c.App.Writer,
	})
}
