package wasm

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
)

func TestMain(m *testing.M) {
	pretend() // to be a child that the tests have started
	goleak.VerifyTestMain(m)
}

// guests is where the fixtures are, see testdata/guests in the repository's root.
const guests = "../../testdata/guests"

// guest reads a fixture, such as "served/echo".
func guest(t testing.TB, name string) []byte {
	t.Helper()
	bin, err := os.ReadFile(filepath.Join(guests, filepath.FromSlash(name)+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// fixtures lists the names of the fixtures in one directory.
func fixtures(t testing.TB, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(guests, dir, "*.wat"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures in %s: %v", dir, err)
	}
	var names []string
	for _, p := range paths {
		names = append(names, dir+"/"+strings.TrimSuffix(filepath.Base(p), ".wat"))
	}
	return names
}

// comments returns the lines of a fixture's comment that start with prefix, without it.
func comments(t testing.TB, name, prefix string) []string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(guests, filepath.FromSlash(name)+".wat"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(source)) {
		if text, ok := strings.CutPrefix(line, ";; "+prefix); ok {
			lines = append(lines, strings.TrimSpace(text))
		}
	}
	return lines
}

// start is the time at which the tests' events happen.
func start() time.Time { return time.UnixMilli(1_767_225_600_123) }

func newTestEngine(t testing.TB, cfg Config) *Engine {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = start
	}
	e, err := NewEngine(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Errorf("closing the engine: %v", err)
		}
	})
	return e
}

// compile makes a plugin of a fixture.
func compile(t testing.TB, e *Engine, name string, limits Limits) *Plugin {
	t.Helper()
	p, err := e.Compile(context.Background(), Module{Name: name, Binary: guest(t, name), Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// served makes a plugin of a fixture in an engine of its own.
func served(t testing.TB, name string, limits Limits) *Plugin {
	t.Helper()
	return compile(t, newTestEngine(t, Config{}), "served/"+name, limits)
}

// event is one that a client may send.
func event(payload string) *channel.Event {
	return &channel.Event{
		Topic: "rooms:lobby", Event: "new:msg", Payload: channeltest.Object(payload), SocketAssigns: []byte("{}"),
		Now: start(), Channel: 4711, WantsReply: true, Ref: 7,
	}
}

// waiting returns the instances that wait in the pool.
func (p *Plugin) waiting() []*instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*instance(nil), p.idle...)
}

// wantPool checks that no slot is taken, and how many instances wait.
func wantPool(t *testing.T, p *Plugin, idle int) {
	t.Helper()
	if n := p.slots.taken(); n != 0 {
		t.Errorf("%d slots are taken after all calls", n)
	}
	if n := len(p.waiting()); n != idle {
		t.Errorf("%d instances wait in the pool, want %d", n, idle)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy != 0 {
		t.Errorf("%d instances count as busy after all calls", p.busy)
	}
}
