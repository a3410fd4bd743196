package main

import (
	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/config"
	"github.com/chhost/chhost/cmd/chhost/internal/dev"
	"github.com/chhost/chhost/host"
)

func devCommand() *cli.Command {
	return &cli.Command{
		Name:      "dev",
		Usage:     "serve a plugin while you write it: build, serve, swap in every change",
		UsageText: "chhost dev DIR|FILE.wasm [FLAGS]",
		Description: "DIR holds a plugin written in Go, which is built with the Go toolchain. FILE.wasm is a\n" +
			"module that something else builds. The plugin serves the topics that match --topic\n" +
			"(all, by default).\n\n" +
			"When a source file changes, or the modules beside it that go.mod names, the plugin is\n" +
			"built again and the new version swapped in: no client is disconnected, and what a\n" +
			"channel has assigned is kept. What does not build, or breaks the contract, is told, and\n" +
			"the old version keeps serving. So it is with FILE.wasm, when it is replaced.\n\n" +
			"Events take turns on two instances of the plugin, so that state which is kept in the\n" +
			"plugin's own variables, and not assigned, is found out at once.\n\n" +
			"If the plugin has a connect callback, it decides about every new socket, as it does\n" +
			"under chhost serve --connect.\n\n" +
			"The files in DIR/web, if there are any, are served at /, and a small client for pages at\n" +
			"/chhost.js. At /dev/ is a page to join topics, push events and watch the frames.\n\n" +
			"Examples:\n\n" +
			"   chhost dev plugins/chat\n" +
			"   chhost dev plugins/food --topic 'foods:*' --addr 127.0.0.1:4001\n" +
			"   chhost dev build/food.wasm",
		Flags:  devFlags(),
		Action: runDev,
	}
}

func devFlags() []cli.Flag {
	table := config.Serve().Only("set", "limit", "addr", "origin", "host", "cache", "log-format", "log-level", "verbose")
	for i := range table {
		switch table[i].Name {
		case "host": // which is open to everybody there, and to nobody here
			table[i].Usage = "answer to `NAME` too, besides localhost and addresses, such as mybox.local"
			table[i].DefaultText = ""
		case "log-format": // no program is about to read it
			table[i].Default = "text"
		}
	}
	topic := &cli.StringSliceFlag{Name: "topic", Value: cli.NewStringSlice("*"), Usage: "serve the topics that match `PATTERN`; repeatable"}
	return append([]cli.Flag{topic}, flagsOf(table)...)
}

func runDev(c *cli.Context) error {
	if err := arguments(c, "the directory of a plugin, such as plugins/chat, or a module, such as food.wasm"); err != nil {
		return err
	}
	checkOrigin, err := origins(c)
	if err != nil {
		return err
	}
	if err := host.CheckPatterns(c.StringSlice("topic")...); err != nil {
		return &usageError{c.Command.Name, "--topic: " + err.Error()}
	}
	settings, limits, err := pluginOptions(c)
	if err != nil {
		return err
	}
	logger, err := newLogger(c, c.App.ErrWriter)
	if err != nil {
		return err
	}
	l, err := listen(c)
	if err != nil {
		return err
	}
	defer l.Close()
	return dev.Run(c.Context, dev.Config{
		Plugin:      c.Args().First(),
		Topics:      c.StringSlice("topic"),
		Settings:    settings,
		Limits:      limits,
		Listener:    l,
		Address:     hostPort(l),
		Hosts:       append(c.StringSlice("host"), namesOf(c.String("addr"))...),
		CheckOrigin: checkOrigin,
		CacheDir:    c.String("cache"),
		Compiler:    compilerOf(c),
		Logger:      logger,
		Out:         c.App.Writer,
	})
}
