package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/author"
	"github.com/chhost/chhost/cmd/chhost/internal/config"
	"github.com/chhost/chhost/cmd/chhost/internal/console"
	"github.com/chhost/chhost/host"
)

func consoleCommand() *cli.Command {
	return &cli.Command{
		Name:      "console",
		Usage:     "play with topics and plugins at a prompt, as the Phoenix guide does in iex",
		UsageText: "chhost console [--route 'PATTERN=FILE.wasm|DIR' ...] [FLAGS]",
		Description: "A host without a listener, and its one client is the console: dispatch sends join,\n" +
			"leave and events through router, channel and plugin, and inbox shows what came back.\n" +
			"\"help\" lists the commands. FILE.wasm is a module, DIR the Go source of a plugin, which\n" +
			"is built; reload reads or builds it again, and the joined channels follow.\n\n" +
			"   chhost> socket new foods:all\n" +
			"   chhost> dispatch foods:all join {}\n" +
			"   chhost> dispatch foods:all new:msg {\"say\":\"Success!\"}\n" +
			"   chhost> inbox\n\n" +
			"dispatch prints ok, error (refused, or the channel failed), ignore (the plugin's join\n" +
			"gave no answer) or leave (the channel ended), the reply if it says anything, and the\n" +
			"socket. authorize makes the socket a member of a topic without asking the plugin's\n" +
			"join, and deauthorize ends that, as only an operator may: membership is all that being\n" +
			"authorized is here, and leave is told in both cases.\n\n" +
			"Lines that come from a file or a pipe are shown as they are carried out. If one of\n" +
			"them failed, the exit code is 1 after the last one; that a plugin refuses or ignores\n" +
			"something is an answer, and no failure. At a terminal Ctrl-C drops the line, and ends\n" +
			"the console while a command is running; what is typed is kept for the next time in the\n" +
			"cache directory, except lines that begin with a space.\n\n" +
			"Examples:\n\n" +
			"   chhost console\n" +
			"   chhost console --route 'foods:*=plugins/food'\n" +
			"   chhost console --route 'foods:*=food.wasm' < session.txt",
		Flags:  flagsOf(config.Serve().Only("route", "cache", "verbose", "set", "limit")),
		Action: runConsole,
	}
}

func runConsole(c *cli.Context) error {
	if err := arguments(c); err != nil {
		return err
	}
	settings, limits, err := pluginOptions(c)
	if err != nil {
		return err
	}
	cfg := console.Config{In: c.App.Reader, Out: c.App.Writer, Err: c.App.ErrWriter, CacheDir: c.String("cache"), Compiler: compilerOf(c)}
	if cfg.CacheDir != "" {
		cfg.History = filepath.Join(cfg.CacheDir, "console-history")
	}
	if c.Bool("verbose") {
		cfg.Level = slog.LevelDebug
	}
	cfg.Routes, err = parseRoutes(c, func(path string) (*host.Plugin, error) {
		path = filepath.Clean(path) // ./food.wasm and food.wasm are one plugin
		for _, p := range cfg.Plugins {
			if p.Path == path {
				return p.Plugin, nil
			}
		}
		m, err := author.Load(c.Context, path, c.App.ErrWriter)
		if err != nil {
			return nil, err
		}
		p := &host.Plugin{Name: m.Name, Module: m.Binary, Settings: settings, Limits: limits}
		cfg.Plugins = append(cfg.Plugins, console.Plugin{Plugin: p, Path: path, Load: loader(c, path)})
		return p, nil
	})
	if err != nil {
		return err
	}
	return console.Run(c.Context, cfg)
}

// loader makes the module of a path anew.
func loader(c *cli.Context, path string) func(ctx context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		m, err := author.Load(ctx, path, c.App.ErrWriter)
		if err != nil {
			return nil, fmt.Errorf("the served version stays: %w", err)
		}
		return m.Binary, nil
	}
}
