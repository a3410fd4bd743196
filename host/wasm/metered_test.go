package wasm

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// bulky is a fixture with a custom section that makes it large enough for the cache.
func bulky(t *testing.T, name string) []byte {
	t.Helper()
	section := binary.AppendUvarint([]byte{0}, keptMetered+4)
	section = append(section, "\x03pad"...)
	return append(bytes.Clone(guest(t, name)), append(section, make([]byte, keptMetered)...)...)
}

// meteredFiles are the metered modules in a directory.
func meteredFiles(t *testing.T, dir string) (paths []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*", meteredPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if filepath.Ext(path) == "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// TestMeteredIsKept: a large module is rewritten once, for each size of its memory, and
// what is kept of it is used only if it is whole and its own.
func TestMeteredIsKept(t *testing.T) {
	dir := t.TempDir()
	e := newTestEngine(t, Config{CacheDir: dir})
	rewritten := func(bin []byte, limits Limits) (again bool, metered []byte) {
		t.Helper()
		m := Module{Name: "echo", Binary: bin}
		r, err := e.prepare(&m, limits.withDefaults())
		if err != nil {
			t.Fatal(err)
		}
		return r.made != nil, m.Binary
	}
	deploy := func(bin []byte, limits Limits) {
		t.Helper()
		if _, err := e.Compile(t.Context(), Module{Name: "echo", Binary: bin, Limits: limits}); err != nil {
			t.Fatal(err)
		}
	}
	echo := bulky(t, "served/echo")
	again, want := rewritten(echo, Limits{})
	if !again || len(meteredFiles(t, dir)) != 0 {
		t.Errorf("rewritten: %t; kept before the module was found to be of use: %q", again, meteredFiles(t, dir))
	}
	deploy(echo, Limits{})
	kept := meteredFiles(t, dir)
	if again, got := rewritten(echo, Limits{}); again || !bytes.Equal(got, want) || len(kept) != 1 {
		t.Errorf("rewritten again: %t; %d bytes, want %d; kept %q", again, len(got), len(want), kept)
	}
	if again, _ := rewritten(echo, Limits{Memory: 32 << 20}); !again {
		t.Error("what was made for a memory of 64 MiB is used for one of 32 MiB")
	}
	deploy(echo, Limits{Memory: 32 << 20})
	for _, path := range meteredFiles(t, dir) {
		if path != kept[0] { // what was made of the same module with other options
			writeFile(t, kept[0], readFile(t, path))
			writeFile(t, kept[0]+sealSuffix, readFile(t, path+sealSuffix))
		}
	}
	if again, got := rewritten(echo, Limits{}); !again || !bytes.Equal(got, want) {
		t.Error("another one's is used")
	}
	deploy(echo, Limits{}) // puts it right
	damaged := bytes.Clone(want)
	damaged[len(damaged)/2] ^= 1
	writeFile(t, kept[0], damaged)
	if again, got := rewritten(echo, Limits{}); !again || !bytes.Equal(got, want) {
		t.Error("a damaged one is used")
	}
	if err := os.Remove(kept[0] + sealSuffix); err != nil {
		t.Fatal(err)
	}
	writeFile(t, kept[0], want)
	if again, _ := rewritten(echo, Limits{}); !again {
		t.Error("one without a seal is used")
	}
}

// TestMeteredOfNoUse: modules that are refused, and small ones, take no room.
func TestMeteredOfNoUse(t *testing.T) {
	dir := t.TempDir()
	e := newTestEngine(t, Config{CacheDir: dir})
	if _, err := e.Compile(t.Context(), Module{Name: "init", Binary: bulky(t, "refused/init_traps")}); err == nil {
		t.Error("a plugin that does not start is served")
	}
	compile(t, e, "served/echo", Limits{})
	if kept := meteredFiles(t, dir); len(kept) != 0 {
		t.Errorf("kept: %q", kept)
	}
}
