package wasm

import (
	"bytes"
	"context"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
)

// cached compiles a fixture in a new engine with the directory, and uses it.
func cached(t *testing.T, dir, name string) (log string) {
	t.Helper()
	return cachedBy(t, nil, dir, name)
}

// cachedBy is cached with a compiler.
func cachedBy(t *testing.T, compiler *Compiler, dir, name string) (log string) {
	t.Helper()
	var buf channeltest.Log
	e, err := NewEngine(Config{CacheDir: dir, Compiler: compiler, Logger: buf.Logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	p := compile(t, e, name, Limits{})
	res, err := p.HandleIn(t.Context(), event(`{"body":"hi"}`))
	if err != nil || name == "served/echo" && (len(res.Do) != 1 || res.Reply.Status == "") {
		t.Errorf("the plugin answers %+v, %v", res, err)
	}
	return buf.String()
}

// entries lists the files of compiled code below a directory.
func entries(t *testing.T, dir string) (code, sealed []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || d.IsDir():
		case strings.HasSuffix(path, sealSuffix):
			sealed = append(sealed, path)
		default:
			code = append(code, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return code, sealed
}

// entry is the only one below a directory, and it is sealed.
func entry(t *testing.T, dir string) string {
	t.Helper()
	code, sealed := entries(t, dir)
	if len(code) != 1 || len(sealed) != 1 || sealed[0] != code[0]+sealSuffix {
		t.Fatalf("the directory holds %q, %q: want one entry and its seal", code, sealed)
	}
	return code[0]
}

// sealAll seals what has no seal.
func sealAll(s seals) error {
	_, err := s.add()
	return err
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCacheIsUsed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if log := cached(t, dir, "served/echo"); log != "" {
		t.Errorf("the log is %s", log)
	}
	first := entry(t, dir)
	before, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	if log := cached(t, dir, "served/echo"); log != "" {
		t.Errorf("the log is %s", log)
	}
	if after, err := os.Stat(entry(t, dir)); err != nil || !os.SameFile(before, after) {
		t.Errorf("the entry was written again: %v", err)
	}
	cached(t, dir, "served/counter")
	if code, sealed := entries(t, dir); len(code) != 2 || len(sealed) != 2 {
		t.Errorf("two modules have the entries %q and the seals %q", code, sealed)
	}
}

// TestCacheIsRead guards the tests of damaged entries: they prove nothing if the
// entry is not read at all. The code of another module, sealed for this one, is
// the code of this one.
func TestCacheIsRead(t *testing.T) {
	echo := guest(t, "served/echo") // ends with: i32.const 0, end
	stops := bytes.Clone(echo)
	if !bytes.HasSuffix(stops, []byte{0x41, 0, 0x0b}) {
		t.Fatal("echo does not end as it did")
	}
	stops[len(stops)-2] = byte(abi.StatusStop)
	compileIn := func(dir string, bin []byte) *Plugin {
		p, err := newTestEngine(t, Config{CacheDir: dir}).Compile(t.Context(), Module{Name: "echo", Binary: bin})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	dir, other := t.TempDir(), t.TempDir()
	compileIn(dir, echo)
	compileIn(other, stops)
	path := entry(t, dir)
	writeFile(t, path, readFile(t, entry(t, other)))
	if err := os.Remove(path + sealSuffix); err != nil {
		t.Fatal(err)
	}
	if err := sealAll(seals{dir}); err != nil {
		t.Fatal(err)
	}
	res, err := compileIn(dir, echo).HandleIn(t.Context(), event("{}"))
	if err != nil || res.Status != channel.StatusStop {
		t.Errorf("the entry was not read: %+v, %v", res, err)
	}
}

func TestCacheDirIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	root := filepath.Join(t.TempDir(), "cache")
	cached(t, root, "served/echo")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestDamagedCache damages an entry in every way that an accident may find. The
// engine alone would run some of these, which ends the process.
func TestDamagedCache(t *testing.T) {
	other := t.TempDir()
	cached(t, other, "served/puppet")
	foreign := entry(t, other)

	// An entry: magic, length of the version, version, number of functions (4
	// bytes), their offsets (8 bytes each), length of the code (8 bytes), code.
	const magic = len("WAZEVO")
	functions := func(code []byte) int { return magic + 1 + int(code[magic]) }
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, path string, code []byte)
	}{
		{"empty", func(t *testing.T, path string, _ []byte) { writeFile(t, path, nil) }},
		{"garbage", func(t *testing.T, path string, _ []byte) { writeFile(t, path, []byte(strings.Repeat("garbage", 100))) }},
		{"cut", func(t *testing.T, path string, code []byte) { writeFile(t, path, code[:len(code)/2]) }},
		{"cut after the magic", func(t *testing.T, path string, code []byte) { writeFile(t, path, code[:magic]) }},
		{"grown", func(t *testing.T, path string, code []byte) { writeFile(t, path, append(code, 0)) }},
		{"zeros", func(t *testing.T, path string, code []byte) { writeFile(t, path, make([]byte, len(code))) }},
		{"four billion functions", func(t *testing.T, path string, code []byte) {
			binary.LittleEndian.PutUint32(code[functions(code):], 0xffffffff)
			writeFile(t, path, code)
		}},
		{"an offset outside of the code", func(t *testing.T, path string, code []byte) {
			for i := range 16 {
				binary.LittleEndian.PutUint64(code[functions(code)+4+8*(i%4):], 1<<40)
			}
			writeFile(t, path, code)
		}},
		{"another offset", func(t *testing.T, path string, code []byte) {
			code[functions(code)+4]++
			writeFile(t, path, code)
		}},
		{"a bit in the middle", func(t *testing.T, path string, code []byte) {
			code[len(code)/2] ^= 1
			writeFile(t, path, code)
		}},
		{"no seal", func(t *testing.T, path string, _ []byte) {
			if err := os.Remove(path + sealSuffix); err != nil {
				t.Fatal(err)
			}
		}},
		{"an empty seal", func(t *testing.T, path string, _ []byte) { writeFile(t, path+sealSuffix, nil) }},
		{"a seal without an entry", func(t *testing.T, path string, _ []byte) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}},
		{"another module's entry", func(t *testing.T, path string, _ []byte) { writeFile(t, path, readFile(t, foreign)) }},
		{"another module's entry and seal", func(t *testing.T, path string, _ []byte) {
			writeFile(t, path, readFile(t, foreign))
			writeFile(t, path+sealSuffix, readFile(t, foreign+sealSuffix))
		}},
		{"a stray file", func(t *testing.T, path string, _ []byte) {
			writeFile(t, filepath.Join(filepath.Dir(path), "stray"), []byte("x"))
		}},
	} {
		for by, compiler := range map[string]*Compiler{"process": nil, "child": CompilerMain()} {
			t.Run(c.name+"/"+by, func(t *testing.T) {
				dir := t.TempDir()
				cachedBy(t, compiler, dir, "served/echo")
				path := entry(t, dir)
				good := readFile(t, path)
				c.damage(t, path, bytes.Clone(good))
				for range 2 {
					if log := cachedBy(t, compiler, dir, "served/echo"); log != "" {
						t.Errorf("the log is %s", log)
					}
					if got := readFile(t, entry(t, dir)); !bytes.Equal(got, good) {
						t.Errorf("the entry was not made anew: %d bytes, want %d", len(got), len(good))
					}
				}
			})
		}
	}
}

// TestUnusableCache: what stands in the way is said, and the plugin is served.
func TestUnusableCache(t *testing.T) {
	dir := t.TempDir()
	cached(t, dir, "served/echo")
	path := entry(t, dir)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if log := cached(t, dir, "served/echo"); !strings.Contains(log, "the directory for compiled plugins cannot be used") || !strings.Contains(log, "plugin=served/echo@1") {
		t.Errorf("the log is %q", log)
	}

	// The directory vanishes between two plugins.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if log := cached(t, dir, "served/echo"); log != "" {
		t.Errorf("the log is %s", log)
	}
	entry(t, dir)

	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, nil)
	if _, err := NewEngine(Config{CacheDir: file}); err == nil || !strings.Contains(err.Error(), "the directory for compiled plugins") {
		t.Errorf("a file as the directory: %v", err)
	}
}

// TestUnfinishedEntries: what another process is writing is not touched.
func TestUnfinishedEntries(t *testing.T) {
	dir := t.TempDir()
	cached(t, dir, "served/echo")
	unfinished := entry(t, dir) + ".123.tmp"
	writeFile(t, unfinished, []byte("half"))
	cached(t, dir, "served/echo")
	if got := string(readFile(t, unfinished)); got != "half" {
		t.Errorf("the other's file is %q", got)
	}
}

// TestSharedCache: several engines, as several processes would, use one directory
// at once.
func TestSharedCache(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				cached(t, dir, "served/echo")
			}
		})
	}
	wg.Wait()
	cached(t, dir, "served/echo")
	entry(t, dir)
}

// TestInvalidModuleWithCache: the cache changes nothing about what is refused.
func TestInvalidModuleWithCache(t *testing.T) {
	dir := t.TempDir()
	var log channeltest.Log
	e := newTestEngine(t, Config{CacheDir: dir, Logger: log.Logger()})
	whole := guest(t, "served/echo")
	wantFaults(t, refusal(t, e, Module{Name: "cut", Binary: whole[:len(whole)-1]}), []string{"the module is not valid WebAssembly: "})
	wantFaults(t, refusal(t, e, Module{Name: "init", Binary: guest(t, "refused/init_error")}), []string{"the trial instance failed: "})
	if log.String() != "" {
		t.Errorf("the log is %s", log.String())
	}
}
