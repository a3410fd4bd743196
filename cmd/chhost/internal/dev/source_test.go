package dev

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/hosttest"
)

// TestOpen: a path that leads to nothing that can be served says what to give
// instead.
func TestOpen(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{
		"plugin/go.mod", "plugin/main.go", "plugin/plugin.wasm", "built/food.wasm", "several/a.wasm", "several/b.wasm",
		"nothing/README.md", "food.wat",
	} {
		put(t, filepath.FromSlash(name), "")
	}
	for _, c := range []struct{ path, name, fault string }{
		{"plugin", "plugin", ""},
		{"plugin/.", "plugin", ""},
		{"built/food.wasm", "food", ""},
		{"nothing", "nothing", ""}, // the builder knows what it misses
		{"built", "", "built holds no Go source, but a module: serve that with chhost dev built/food.wasm"},
		{"several", "", "several holds no Go source, but 2 modules: choose one, such as chhost dev several/a.wasm"},
		{"absent", "", "there is no directory absent"},
		{"absent.wasm", "", "there is no file absent.wasm"},
		{"plugin/main.go", "", "plugin/main.go is a single Go file: give the directory of the plugin, plugin"},
		{"food.wat", "", "food.wat is the text of a module: assemble it (wat2wasm food.wat) and give the .wasm file"},
	} {
		s, err := open(filepath.FromSlash(c.path))
		switch {
		case c.fault == "" && err != nil:
			t.Errorf("%s: %v", c.path, err)
		case c.fault == "" && s.name() != c.name:
			t.Errorf("%s: the plugin is called %q, want %q", c.path, s.name(), c.name)
		case c.fault != "" && (err == nil || filepath.ToSlash(err.Error()) != c.fault):
			t.Errorf("%s: %v, want %s", c.path, err, c.fault)
		}
	}
}

// TestIncompleteModules: no beginning of a module is taken for a whole one unless
// it ends between two sections.
func TestIncompleteModules(t *testing.T) {
	name := filepath.Join(hosttest.Root(t), "testdata", "guests", "served", "echo.wasm")
	whole, err := os.ReadFile(name)
	must(t, err)
	if !isComplete(whole) {
		t.Fatalf("%s is not complete", name)
	}
	ends := 0
	for n := range whole {
		if isComplete(whole[:n]) {
			ends++
		}
	}
	const sections = 6 // of echo.wasm: types, imports, functions, memory, exports, code
	if ends != sections {
		t.Errorf("%d beginnings of it count as complete, want the %d that end where a section begins", ends, sections)
	}
	for _, text := range []string{"", "\x00asm", "not a module", "\x00asm\x01\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"} {
		if isComplete([]byte(text)) {
			t.Errorf("%q counts as complete", text)
		}
	}
	half := filepath.Join(t.TempDir(), "half.wasm")
	put(t, half, string(whole[:len(whole)-1]))
	s, err := open(half)
	must(t, err)
	if _, err := s.module(t.Context()); !errors.Is(err, errIncomplete) || !strings.HasPrefix(err.Error(), half) {
		t.Errorf("of a half module: %v", err)
	}
}
