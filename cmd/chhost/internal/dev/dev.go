// Package dev builds a plugin from source, watches it, and swaps it in.
package dev

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/chhost/chhost/host"
)

// Config says what to serve and where. All fields but Settings, Limits, Hosts,
// CheckOrigin, CacheDir, Compiler and Logger are needed.
type Config struct {
	// Plugin is the directory of a plugin's Go source, whose page is in its web
	// directory if it has one; or the file of a module.
	Plugin string
	// Topics are the patterns of the topics that the plugin serves.
	Topics []string
	// Settings are what the plugin reads by config_get. Default none.
	Settings map[string]string
	// Limits are what the plugin is held to.
	Limits host.PluginLimits
	// Listener is what to serve on. Run closes it.
	Listener net.Listener
	// Address is the listener's host and port as a browser reaches it.
	Address string
	// Hosts are names by which browsers may ask for the host besides localhost, see
	// [host.Config.Hosts]. Default none.
	Hosts []string
	// CheckOrigin is [host.Config.CheckOrigin].
	CheckOrigin func(*http.Request) bool
	// CacheDir is [host.Config.CacheDir].
	CacheDir string
	// Compiler is [host.Config.Compiler].
	Compiler *host.Compiler
	// Logger receives what the host and the plugin log. Default none.
	Logger *slog.Logger
	// Out receives what a developer wants to read.
	Out io.Writer
}

// Run builds the plugin and serves it until ctx is done. Whenever the source
// changes it builds again and swaps the new version in under the clients; what
// does not build, or cannot be served, is told, and the old version keeps serving.
//
// A first build that fails ends it: there is nothing to serve, the name may be a
// wrong one, and what starts the command may wait for its exit code. The error is
// then a [*gobuild.BuildError], which is what the compiler wrote.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	source, err := open(cfg.Plugin)
	if err != nil {
		return err
	}
	journal := &journal{out: cfg.Out, state: state{
		Plugin: source.name(), Topics: cfg.Topics, Mount: host.DefaultMount, Version: source.name() + "@1",
	}}
	if isDir(cfg.Plugin) {
		journal.web = filepath.Join(cfg.Plugin, "web")
	}
	watch, err := openWatch(cfg.Logger)
	if err != nil {
		return fmt.Errorf("cannot watch files: %w (chhost serve does without)", err)
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer watch.close()
	running.Go(watch.run)

	if in, err := source.inputs(ctx); err == nil { // else the build says more
		journal.watching(watch.follow(in))
	}
	if text := source.begins(""); text != "" {
		fmt.Fprintln(cfg.Out, text)
	}
	module, err := source.module(ctx)
	if err != nil && !errors.Is(err, errIncomplete) { // of which the check of the module says more
		return err
	}
	return serve(ctx, cfg, source, module, watch, journal)
}

// serve serves the module and what takes its place.
func serve(ctx context.Context, cfg Config, source source, module []byte, watch *watch, journal *journal) error {
	started := time.Now()
	current := &host.Plugin{Name: source.name(), Module: module, Settings: cfg.Settings, Limits: cfg.Limits, Rotate: true}
	routes := make([]host.Route, len(cfg.Topics))
	for i, topic := range cfg.Topics {
		routes[i] = host.Route{Pattern: topic, Plugin: current}
	}
	h, err := host.New(host.Config{
		Listener:        cfg.Listener,
		Routes:          routes,
		Connect:         current,
		ConnectOptional: true, // the plugin may get a connect callback, or lose it, with any save
		Fallback:        pages(journal),
		Hosts:           append([]string{"*.localhost"}, cfg.Hosts...),
		CheckOrigin:     cfg.CheckOrigin,
		CacheDir:        cfg.CacheDir,
		Compiler:        cfg.Compiler,
		Logger:          cfg.Logger,
	})
	if err != nil {
		return err
	}
	announce(cfg, journal, size(len(module)), time.Since(started))

	r := &rebuilder{
		source: source, changes: watch.changes, follow: watch.follow, journal: journal, served: sha256.Sum256(module),
		swap: func(ctx context.Context, module []byte) (host.Deployment, error) {
			next := &host.Plugin{Name: current.Name, Module: module, Settings: cfg.Settings, Limits: cfg.Limits, Rotate: true}
			d, err := h.Deploy(ctx, current, next)
			if err == nil {
				current = next
			}
			return d, err
		},
	}
	rebuilding, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { r.run(rebuilding) })
	err = h.Run(ctx)
	stop()
	running.Wait()
	return err
}

// announce says what is served, and where.
func announce(cfg Config, journal *journal, size string, took time.Duration) {
	fmt.Fprintf(cfg.Out, "%s is ready (%s, compiled in %s)\n\n", journal.version(), size, took.Round(time.Millisecond))
	if isDir(journal.web) {
		fmt.Fprintf(cfg.Out, "  page    http://%s/\n", cfg.Address)
	}
	fmt.Fprintf(cfg.Out, "  try it  http://%s/dev/\n  socket  ws://%s%s\n\n", cfg.Address, cfg.Address, host.DefaultMount)
	fmt.Fprintf(cfg.Out, "A new version is swapped in when its source changes. Press Ctrl+C to stop.\n")
}

func size(bytes int) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}
