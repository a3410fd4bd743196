// Package dev builds a plugin from source and serves it with its page.
package dev

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/client"
	"github.com/chhost/chhost/host/gobuild"
)

// Config says what to build and where to serve it. All fields but CheckOrigin,
// CacheDir and Logger are needed.
type Config struct {
	// Dir holds the plugin's Go source, and its page in Dir/web if it has one.
	Dir string
	// Topics are the patterns of the topics that the plugin serves.
	Topics []string
	// Listener is what to serve on. Run closes it.
	Listener net.Listener
	// Address is the listener's host and port as a browser reaches it.
	Address string
	// CheckOrigin is [host.Config.CheckOrigin].
	CheckOrigin func(*http.Request) bool
	// CacheDir is [host.Config.CacheDir].
	CacheDir string
	// Logger receives what the host and the plugin log.
	Logger *slog.Logger
	// Out receives what a developer wants to read.
	Out io.Writer
}

// Run builds the plugin and serves it until ctx is done. The error of a build
// that failed is a [*gobuild.BuildError], which is what the compiler wrote.
func Run(ctx context.Context, cfg Config) error {
	module, err := build(ctx, cfg)
	if err != nil {
		return err
	}
	name := pluginName(cfg.Dir)
	plugin := &host.Plugin{Name: name, Module: module}
	var routes []host.Route
	for _, topic := range cfg.Topics {
		routes = append(routes, host.Route{Pattern: topic, Plugin: plugin})
	}
	web := filepath.Join(cfg.Dir, "web")
	hasPage := isDir(web)
	started := time.Now()
	h, err := host.New(host.Config{
		Listener:    cfg.Listener,
		Routes:      routes,
		Fallback:    pages(web, hasPage),
		CheckOrigin: cfg.CheckOrigin,
		CacheDir:    cfg.CacheDir,
		Logger:      cfg.Logger,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(cfg.Out, "%s is ready (%s, compiled in %s)\n\n", name, size(len(module)), time.Since(started).Round(time.Millisecond))
	if hasPage {
		fmt.Fprintf(cfg.Out, "  page    http://%s/\n", cfg.Address)
	}
	fmt.Fprintf(cfg.Out, "  socket  ws://%s%s\n\nPress Ctrl+C to stop.\n", cfg.Address, host.DefaultMount)
	return h.Run(ctx)
}

// build compiles the source into a module. What it takes depends on the Go
// toolchain's cache, so it says that it has begun.
func build(ctx context.Context, cfg Config) ([]byte, error) {
	tmp, err := os.MkdirTemp("", "chhost-dev-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	fmt.Fprintf(cfg.Out, "building %s\n", cfg.Dir)
	out := filepath.Join(tmp, "plugin.wasm")
	if err := gobuild.Build(ctx, gobuild.Options{Dir: cfg.Dir, Output: out}); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}

// pages serves the plugin's page and the client that it uses. Files are read at
// each request and never cached, so that an edit shows at once.
func pages(dir string, hasPage bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /chhost.js", client.Handler())
	if hasPage {
		files := http.FileServer(http.Dir(dir))
		mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			files.ServeHTTP(w, r)
		})
	}
	return mux
}

// pluginName is the directory's own name, also for "." and "..".
func pluginName(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.Base(dir)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func size(bytes int) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%.1f KB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20))
}
