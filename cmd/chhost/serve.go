package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/host"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "serve plugins",
		UsageText: "chhost serve --route 'PATTERN=FILE.wasm' [--route ...] [FLAGS]",
		Description: "Each --route sends the topics that match PATTERN to the plugin in FILE. A pattern\n" +
			"is a topic, or a prefix that ends in *. The first match wins. Quote it, or the\n" +
			"shell takes the * for itself.\n\n" +
			"Examples:\n\n" +
			"   chhost serve --route 'foods:*=food.wasm'\n" +
			"   chhost serve --addr 0.0.0.0:4000 --route rooms:lobby=lobby.wasm --route 'rooms:*=room.wasm'\n\n" +
			"Phoenix clients connect to ws://HOST:PORT/socket.",
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "route", Usage: "send topics that match to a plugin, `PATTERN=FILE`; repeatable"},
		}, commonFlags()...),
		Action: serve,
	}
}

func serve(c *cli.Context) error {
	if err := arguments(c); err != nil {
		return err
	}
	checkOrigin, err := origins(c)
	if err != nil {
		return err
	}
	routes, err := parseRoutes(c.StringSlice("route"))
	if err != nil {
		return err
	}
	l, err := listen(c)
	if err != nil {
		return err
	}
	defer l.Close()
	h, err := host.New(host.Config{
		Listener:    l,
		Routes:      routes,
		CheckOrigin: checkOrigin,
		CacheDir:    c.String("cache"),
		Logger:      newLogger(c, c.App.ErrWriter),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "listening on http://%s\nclients connect to ws://%s%s\n", hostPort(l), hostPort(l), host.DefaultMount)
	return h.Run(c.Context)
}

// parseRoutes reads PATTERN=FILE; a pattern may contain =, a file name may not.
// Routes that name the same file share one plugin.
func parseRoutes(specs []string) ([]host.Route, error) {
	if len(specs) == 0 {
		return nil, &usageError{"serve", "serve needs at least one --route, such as --route 'foods:*=food.wasm'"}
	}
	plugins := make(map[string]*host.Plugin)
	var patterns []string
	var routes []host.Route
	for _, spec := range specs {
		i := strings.LastIndexByte(spec, '=')
		if i <= 0 || i == len(spec)-1 {
			return nil, &usageError{"serve", fmt.Sprintf("--route %q is not of the form PATTERN=FILE, such as 'foods:*=food.wasm'", spec)}
		}
		pattern, file := spec[:i], spec[i+1:]
		patterns = append(patterns, pattern)
		if plugins[file] == nil {
			module, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("--route %s: %w", spec, err)
			}
			name := strings.TrimSuffix(filepath.Base(file), ".wasm")
			plugins[file] = &host.Plugin{Name: name, Module: module}
		}
		routes = append(routes, host.Route{Pattern: pattern, Plugin: plugins[file]})
	}
	if err := host.CheckPatterns(patterns...); err != nil {
		return nil, &usageError{"serve", "--route: " + err.Error()}
	}
	return routes, nil
}
