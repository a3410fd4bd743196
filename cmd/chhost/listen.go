package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/host"
)

const defaultAddr = "127.0.0.1:4000"

// commonFlags are those of every command that serves. hostUsage says what --host
// means to it.
func commonFlags(hostUsage string) []cli.Flag {
	return append(pluginFlags(),
		&cli.StringFlag{Name: "addr", Value: defaultAddr, Usage: "listen on `HOST:PORT`; port 0 takes a free one"},
		&cli.StringSliceFlag{Name: "origin", Usage: "let pages of `ORIGIN` connect besides those of this host, such as https://example.com or //*.example.com (repeatable)"},
		&cli.StringSliceFlag{Name: "host", Usage: hostUsage},
		cacheFlag(),
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log more"},
	)
}

func cacheFlag() cli.Flag {
	return &cli.StringFlag{Name: "cache", Usage: "keep compiled plugins in `DIR`", Value: defaultCache(), DefaultText: "the user's cache directory"}
}

func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "chhost")
}

func newLogger(c *cli.Context, w io.Writer) *slog.Logger {
	level := slog.LevelInfo
	if c.Bool("verbose") {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// origins reads --origin.
func origins(c *cli.Context) (func(*http.Request) bool, error) {
	check, err := host.Origins(c.StringSlice("origin"))
	if err != nil {
		return nil, &usageError{c.Command.Name, "--origin: " + err.Error()}
	}
	return check, nil
}

// listen opens the address, or says how to choose another one.
func listen(c *cli.Context) (net.Listener, error) {
	addr := c.String("addr")
	l, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program: stop that one, or choose another address with --addr, such as --addr 127.0.0.1:0 for a free port", addr)
	case err != nil && !strings.Contains(addr, ":"):
		return nil, &usageError{c.Command.Name, fmt.Sprintf("--addr %s has no host and port: use --addr %s", addr, suggestAddr(addr))}
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s (see --addr): %w", addr, err)
	}
	return l, nil
}

// namesOf is the name in an address to listen on, if it is one.
func namesOf(addr string) []string {
	name, _, err := net.SplitHostPort(addr)
	if err != nil || name == "" || net.ParseIP(name) != nil {
		return nil
	}
	return []string{name}
}

// suggestAddr makes an address of a host, or of a port.
func suggestAddr(part string) string {
	if _, err := strconv.ParseUint(part, 10, 16); err == nil {
		return "127.0.0.1:" + part
	}
	return part + ":4000"
}

// hostPort is the listener's address as a browser on this machine reaches it.
func hostPort(l net.Listener) string {
	name, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return l.Addr().String()
	}
	if ip := net.ParseIP(name); ip != nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		name = "localhost"
	}
	return net.JoinHostPort(name, port)
}
