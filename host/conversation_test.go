package host_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/hosttest/conversation"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/wasm"
)

// guest returns the module of a conversation's plugin: one that is built from
// its Go source, or one of the assembled guests.
func guest(t *testing.T, name string) []byte {
	t.Helper()
	for _, dir := range []string{"plugins/" + name, "testdata/plugins/" + name} {
		if _, err := os.Stat(filepath.Join(hosttest.Root(t), dir, "go.mod")); err == nil {
			return hosttest.Guest(t, dir)
		}
	}
	return assembled(t, "served/"+name)
}

// module returns the plugin's module of the kind: "c", or any other.
func module(t *testing.T, kind, name string) []byte {
	t.Helper()
	if kind == "c" {
		return hosttest.GuestC(t, guestC(name))
	}
	return guest(t, name)
}

// kinds are those of a file's handlers: native, Wasm from Go or WAT, and Wasm
// from C if every plugin of the file is written in C too.
func kinds(t *testing.T, file *conversation.File) []string {
	t.Helper()
	for _, r := range file.Routes {
		if _, err := os.Stat(filepath.Join(hosttest.Root(t), guestC(r.Plugin))); err != nil {
			return []string{"native", "wasm"}
		}
	}
	return []string{"native", "wasm", "c"}
}

// guestC is where the plugin is in C, if it is.
func guestC(name string) string { return "testdata/plugins/" + name + "-c" }

// transports are those of every dialogue.
func transports() []string { return []string{"websocket", "longpoll"} }

// TestConversations runs every golden dialogue through every version of the
// protocol and every transport, against the native handler and against the plugins. Each dialogue has
// a host of its own, so none can disturb another, and each host must end cleanly.
// A plugin is compiled once for all of them, which takes most of the time.
func TestConversations(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(hosttest.Root(t), "testdata/conversations/*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := conversation.Parse(f)
		_ = f.Close()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, kind := range kinds(t, file) {
			t.Run(name+"/"+kind, func(t *testing.T) {
				cfg := hostConfig(t, file, kind)
				for _, version := range conversation.Versions() {
					for _, transport := range transports() {
						t.Run(version+"/"+transport, func(t *testing.T) { runDialogues(t, cfg, file, version, transport) })
					}
				}
			})
		}
	}
}

func runDialogues(t *testing.T, cfg host.Config, file *conversation.File, version, transport string) {
	for _, d := range file.Dialogues {
		if !d.In(version) {
			continue
		}
		t.Run(d.Title, func(t *testing.T) {
			cfg, clock := cfg, file.Clock()
			cfg.Now, cfg.AfterFunc = clock.Now, clock.AfterFunc
			store, err := file.Registry()
			if err != nil {
				t.Fatal(err)
			}
			cfg.Registry = store
			target := serve(t, cfg, file.Nodes)
			target.LongPoll, target.Clock = transport == "longpoll", clock
			if err := d.Run(t.Context(), target, version); err != nil {
				t.Error(err)
			}
		})
	}
}

// serve starts the server of a dialogue, with that many nodes.
func serve(t *testing.T, cfg host.Config, nodes int) conversation.Target {
	t.Helper()
	if nodes == 1 {
		server := hosttest.Start(t, cfg)
		return conversation.Target{URL: server.Socket, Busy: server.Busy}
	}
	c := hosttest.StartCluster(t, nodes, cfg)
	return conversation.Target{Busy: c.Busy, Cluster: &conversation.Cluster{
		URL:   func(node int) string { return c.Node(node).Socket },
		Stop:  func(node int) { c.Stop(t, node) },
		Start: func(node int) { c.Start(t, node) },
		Cut:   c.Link.Cut,
		Mend:  c.Link.Mend,
	}}
}

func hostConfig(t *testing.T, file *conversation.File, kind string) host.Config {
	t.Helper()
	cfg := host.Config{Limits: tenant.Limits{Channels: file.Channels}}
	handlers := natives()
	if kind != "native" {
		handlers = plugins(t, file, kind)
	}
	for _, r := range file.Routes {
		handler := handlers[r.Plugin]
		if handler == nil {
			t.Fatalf("there is no native handler %q", r.Plugin)
		}
		cfg.Routes = append(cfg.Routes, host.Route{Pattern: r.Pattern, Handler: handler})
	}
	return cfg
}

// plugins compiles a file's plugins, which are closed when the test ends.
func plugins(t *testing.T, file *conversation.File, kind string) map[string]channel.Handler {
	t.Helper()
	engine, err := wasm.NewEngine(wasm.Config{
		CacheDir: hosttest.CacheDir(t, "compiled"), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: file.Clock().Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	handlers := make(map[string]channel.Handler)
	for _, r := range file.Routes {
		if handlers[r.Plugin] == nil {
			handlers[r.Plugin], err = engine.Compile(t.Context(), wasm.Module{Name: r.Plugin, Binary: module(t, kind, r.Plugin)})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return handlers
}
