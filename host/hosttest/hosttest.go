// Package hosttest is a running host and a client on loopback, for tests.
package hosttest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/gobuild"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/wasm"
)

// Server is a host that runs until the test ends.
type Server struct {
	*host.Host
	// URL is the server's, such as "http://127.0.0.1:40123".
	URL string
	// Socket is where clients connect, such as "ws://127.0.0.1:40123/socket".
	Socket string

	ended chan struct{}
	err   error // of Run; to be read after ended
}

// Start runs a host on a free port of 127.0.0.1 until the test ends, and fails
// the test if it does not end cleanly. A logger that is not set logs to the
// test; compiled plugins are kept between runs, see [CacheDir], where the test is
// one of the repository's.
func Start(t testing.TB, cfg host.Config) *Server {
	t.Helper()
	return StartOn(t, func(l net.Listener) net.Listener { return l }, cfg)
}

// StartOn is [Start] on what listen makes of the listener.
func StartOn(t testing.TB, listen func(net.Listener) net.Listener, cfg host.Config) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listener = listen(l)
	if cfg.CacheDir == "" {
		cfg.CacheDir = compiled(t)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	h, err := host.New(cfg)
	if err != nil {
		_ = l.Close()
		t.Fatal(err)
	}
	mount := cfg.Mount
	if mount == "" {
		mount = host.DefaultMount
	}
	// Connections wait in the listener's backlog until Run takes them.
	secure := ""
	if cfg.CertFile != "" || cfg.TLS != nil {
		secure = "s"
	}
	s := &Server{
		Host: h, URL: "http" + secure + "://" + l.Addr().String(), Socket: "ws" + secure + "://" + l.Addr().String() + mount, ended: make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		s.err = h.Run(context.Background())
	}()
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Stop shuts the host down and waits for its end, which has to be a clean one.
// It may be called again.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	<-s.ended
	// A test that ends at once may shut the host down before it began to run.
	if s.err != nil && !errors.Is(s.err, host.ErrRan) {
		t.Errorf("run: %v", s.err)
	}
}

// Connect returns a client of the server that is closed when the test ends.
func (s *Server) Connect(t testing.TB, opts phxclient.ClientOptions) *phxclient.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := phxclient.Connect(ctx, s.Socket, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Guest builds the plugin whose Go source is in dir, a path below the
// repository's root such as "plugins/food", and returns the module. It is built
// once for each state of its source.
func Guest(t testing.TB, dir string) []byte {
	t.Helper()
	path, err := gobuild.Cached(t.Context(), filepath.Join(Root(t), dir), CacheDir(t, "guests-by-digest"))
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// Plugin compiles a module for as long as the test runs, in an engine of its own
// whose limits are the defaults. It can be the handler of a channel; the test
// must not leave one that is joined with it.
func Plugin(t testing.TB, name string, module []byte) *wasm.Plugin {
	t.Helper()
	e, err := wasm.NewEngine(wasm.Config{CacheDir: compiled(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Errorf("closing the engine: %v", err)
		}
	})
	p, err := e.Compile(context.Background(), wasm.Module{Name: name, Binary: module})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// compiled is where compiled plugins are kept; nowhere for the tests of others, who
// import this package.
func compiled(t testing.TB) string {
	t.Helper()
	if root(t) == "" {
		return ""
	}
	return CacheDir(t, "compiled")
}

// CacheDir is a directory below the repository's ignored .cache.
func CacheDir(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(Root(t), ".cache", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Root is the repository's root: the directory above the test that holds
// house_test.go.
func Root(t testing.TB) string {
	t.Helper()
	dir := root(t)
	if dir == "" {
		t.Fatal("this test does not run within the repository: no house_test.go above it")
	}
	return dir
}

// root is Root, or "" outside of the repository.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "house_test.go")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}
