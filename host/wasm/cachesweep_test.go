package wasm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel/channeltest"
)

// numbered is a guest of which there are as many as one likes, each another module.
func numbered(t testing.TB, n int) Module {
	t.Helper()
	name := fmt.Sprintf("number %d", n)
	bin := append(slices.Clone(guest(t, "served/echo")), 0, byte(len(name)+1), byte(len(name)))
	return Module{Name: "echo", Binary: append(bin, name...)}
}

// serves compiles a module and uses it.
func serves(t testing.TB, e *Engine, m Module) *Plugin {
	t.Helper()
	p, err := e.Compile(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := p.HandleIn(t.Context(), event(`{"body":"hi"}`)); err != nil || len(res.Do) != 1 {
		t.Fatalf("the plugin answers %+v, %v", res, err)
	}
	return p
}

// keptOf is serves for a plugin that is closed again; it is where it is kept.
func keptOf(t testing.TB, e *Engine, m Module) (dir string) {
	t.Helper()
	p := serves(t, e, m)
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p.kept
}

// aged lets what is kept of a module be unused for so long.
func aged(t testing.TB, path string, age time.Duration) {
	t.Helper()
	then := time.Now().Add(-age)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// held is how many bytes lie in a directory.
func held(t testing.TB, dir string) (size int64) {
	t.Helper()
	there, err := (&larder{dir: dir}).list(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range there {
		size += k.size
	}
	return size
}

// sizeOfOne is how many bytes are kept of a numbered guest.
func sizeOfOne(t testing.TB) int64 {
	t.Helper()
	dir := t.TempDir()
	keptOf(t, newTestEngine(t, Config{CacheDir: dir}), numbered(t, 0))
	return held(t, dir)
}

// TestCacheIsBounded: what nobody has used for longest is removed, and compiled again by
// who needs it, in a child if there is one.
func TestCacheIsBounded(t *testing.T) {
	one := sizeOfOne(t)
	for by, compiler := range map[string]*Compiler{"process": nil, "child": CompilerMain()} {
		t.Run(by, func(t *testing.T) {
			dir, log := t.TempDir(), new(channeltest.Log)
			e := newTestEngine(t, Config{CacheDir: dir, Compiler: compiler, CacheLimit: 5*one + one/2, Logger: log.Logger()})
			var dirs []string
			for n := range 5 {
				dirs = append(dirs, keptOf(t, e, numbered(t, n)))
				aged(t, dirs[n], time.Hour-time.Duration(n)*time.Minute)
			}
			if used := keptOf(t, e, numbered(t, 0)); used != dirs[0] { // by which it is the one that was used last
				t.Fatalf("it is kept in %s, and not in %s", used, dirs[0])
			}
			keptOf(t, e, numbered(t, 5)) // one too many
			if !there(dirs[0]) || there(dirs[1]) || !there(dirs[4]) {
				t.Errorf("kept: %t %t %t, want the one that was used, and not the one that was not used for longest", there(dirs[0]), there(dirs[1]), there(dirs[4]))
			}
			if got := held(t, dir); got > 5*one+one/2 {
				t.Errorf("%d bytes are kept, of at most %d", got, 5*one+one/2)
			}
			if keptOf(t, e, numbered(t, 1)); !there(dirs[1]) {
				t.Error("what was removed was not compiled again")
			}
			for n := 6; n < 40; n++ {
				keptOf(t, e, numbered(t, n))
				if got := held(t, dir); got > 5*one+one/2 {
					t.Fatalf("after %d modules %d bytes are kept, of at most %d", n, got, 5*one+one/2)
				}
			}
			if log.Count("were removed") == 0 || log.Count("level=WARN") != 0 {
				t.Errorf("the log is %s", log)
			}
		})
	}
}

// TestWhatIsServedIsKept: code of plugins that are served is removed last, however long ago
// it was loaded; and what is smaller than nothing at all can be kept of is served all the same.
func TestWhatIsServedIsKept(t *testing.T) {
	one := sizeOfOne(t)
	e := newTestEngine(t, Config{CacheDir: t.TempDir(), CacheLimit: 3*one + one/2})
	p := serves(t, e, numbered(t, 0))
	aged(t, p.kept, 1000*time.Hour)
	for n := 1; n < 10; n++ {
		keptOf(t, e, numbered(t, n))
	}
	if !there(p.kept) {
		t.Error("what is served was removed")
	}
	tiny := newTestEngine(t, Config{CacheDir: t.TempDir(), CacheLimit: 1, Compiler: CompilerMain()})
	for n := range 3 {
		if dir := keptOf(t, tiny, numbered(t, n)); there(dir) {
			t.Errorf("%s is kept, of at most one byte", dir)
		}
	}
}

// TestLeftOversAreRemoved: what a crash or another version has left is removed when the
// engine begins to run, and what somebody may be at, or is not ours, is not.
func TestLeftOversAreRemoved(t *testing.T) {
	dir := t.TempDir()
	module := keptOf(t, newTestEngine(t, Config{CacheDir: dir}), numbered(t, 0))
	made, err := filepath.Glob(filepath.Join(module, enginePrefix+"*"))
	if err != nil || len(made) != 1 || filepath.Base(made[0]) != (&larder{dir: dir}).engine() {
		t.Fatalf("the engine's directory is %q, %v, and should be %q", made, err, (&larder{dir: dir}).engine())
	}
	const old, young = 2 * time.Hour, 10 * time.Minute
	key := func(digit string) string { return digit + filepath.Base(module)[1:] }
	for _, c := range []struct {
		path  string // a file, or a directory with one in it if it ends with /
		age   time.Duration
		stays bool
	}{
		{"compiling-1/", old, false},
		{"compiling-2/", young, true},
		{"removing-1/", 0, false},
		{key("x") + "/", 10 * foreignTime, true}, // no name of ours
		{"console-history", 10 * foreignTime, true},
		{"a/", 10 * foreignTime, true},
		{filepath.Base(module) + "/wazero-v0.0.1-amd64-linux/", foreignTime + time.Hour, false},
		{filepath.Base(module) + "/wazero-v0.0.2-amd64-linux/", old, true},
		{filepath.Base(module) + "/metered-1.tmp", old, false},
		{filepath.Base(module) + "/metered-2.tmp", young, true},
		{filepath.Base(made[0]) + "-is-another-directory", old, true},
		{filepath.Join(filepath.Base(module), filepath.Base(made[0]), "1.2.tmp"), old, false},
		{filepath.Join(filepath.Base(module), filepath.Base(made[0]), "3.4.tmp"), young, true},
	} {
		path := filepath.Join(dir, filepath.FromSlash(c.path))
		file := path
		if c.path[len(c.path)-1] == '/' {
			file = filepath.Join(path, "file")
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, file, []byte("x"))
		aged(t, file, c.age)
		aged(t, path, c.age)
		defer func() {
			if there(path) != c.stays {
				t.Errorf("%s, %v old: it is there: %t, want %t", c.path, c.age, there(path), c.stays)
			}
		}()
	}
	empty := filepath.Join(dir, "00000000000000000000000000000000")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	aged(t, empty, old)
	aged(t, module, old)
	used, err := os.Lstat(module)
	if err != nil {
		t.Fatal(err)
	}
	var log channeltest.Log
	e := newTestEngine(t, Config{CacheDir: dir, Logger: log.Logger()})
	run(t, e, func() { channeltest.Eventually(t, "the engine has looked", func() bool { return looked(e) }) })
	if there(empty) {
		t.Error("an empty directory was left")
	}
	if now, err := os.Lstat(module); err != nil || !now.ModTime().Equal(used.ModTime()) {
		t.Errorf("to look at it was a use: %v, %v", now, err)
	}
	if log.String() != "" {
		t.Errorf("the log is %s", &log)
	}
	keptOf(t, e, numbered(t, 0))
}

// TestUsedMeanwhile: what somebody uses between the look and the removal stays.
func TestUsedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	e := newTestEngine(t, Config{CacheDir: dir})
	first, second := keptOf(t, e, numbered(t, 0)), keptOf(t, e, numbered(t, 1))
	aged(t, first, 2*time.Hour)
	aged(t, second, time.Hour)
	l := &larder{dir: dir, limit: 1}
	found, err := l.list(t.Context(), time.Now())
	if err != nil || len(found) != 2 {
		t.Fatalf("found %+v, %v", found, err)
	}
	keptOf(t, e, numbered(t, 0))
	if left, removed, err := l.evict(t.Context(), found); removed != 1 || left == 0 || err != nil || !there(first) || there(second) {
		t.Errorf("%d were removed, %d bytes are left, %v; kept: %t %t", removed, left, err, there(first), there(second))
	}
}

// TestWhereEarlierVersionsKept: metered modules lay beside the directories, and go when there
// is too much.
func TestWhereEarlierVersionsKept(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, meteredPrefix+"0123")
	writeFile(t, old, make([]byte, 1000))
	writeFile(t, old+sealSuffix, []byte("seal"))
	aged(t, old, time.Hour)
	if left, removed, err := (&larder{dir: dir, limit: 1004}).sweep(t.Context(), time.Now()); left != 1004 || removed != 0 || err != nil {
		t.Errorf("%d bytes are left, %d removed, %v", left, removed, err)
	}
	if left, removed, err := (&larder{dir: dir, limit: 1003}).sweep(t.Context(), time.Now()); left != 4 || removed != 1 || err != nil || there(old) {
		t.Errorf("%d bytes are left, %d removed, %v", left, removed, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("there are %v", left)
	}
}

func looked(e *Engine) bool {
	e.larder.mu.Lock()
	defer e.larder.mu.Unlock()
	return e.larder.looked && !e.larder.busy
}

// run lets an engine keep house while f runs.
func run(t *testing.T, e *Engine, f func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { e.Run(ctx) })
	f()
	cancel()
	running.Wait()
}

// TestRunKeepsTheCacheBounded: where there is a Run, no compilation looks at the directory.
func TestRunKeepsTheCacheBounded(t *testing.T) {
	one := sizeOfOne(t)
	dir := t.TempDir()
	e := newTestEngine(t, Config{CacheDir: dir, CacheLimit: 2*one + one/2})
	run(t, e, func() {
		channeltest.Eventually(t, "the engine has looked", func() bool { return looked(e) })
		for n := range 5 {
			keptOf(t, e, numbered(t, n))
		}
		channeltest.Eventually(t, "it is within its bound", func() bool { return held(t, dir) <= 2*one+one/2 })
	})
}

// TestSweepsAmidCompilations: processes that remove everything all the time cost others a
// compilation, and nothing else, with a compiler and without.
func TestSweepsAmidCompilations(t *testing.T) {
	for by, compiler := range map[string]*Compiler{"process": nil, "child": CompilerMain()} {
		t.Run(by, func(t *testing.T) {
			dir := t.TempDir()
			var over atomic.Bool
			var sweepers, users sync.WaitGroup
			for range 2 {
				sweepers.Go(func() {
					l := &larder{dir: dir, limit: 1}
					for !over.Load() {
						if _, _, err := l.sweep(context.Background(), time.Now()); err != nil {
							t.Errorf("a sweep: %v", err)
						}
					}
				})
			}
			for n := range 3 {
				e := newTestEngine(t, Config{CacheDir: dir, Compiler: compiler})
				users.Go(func() {
					for i := range 15 {
						p, err := e.Compile(t.Context(), numbered(t, (n+i)%3))
						if err == nil {
							err = p.Close(t.Context())
						}
						if err != nil {
							t.Errorf("compiling: %v", err)
							return
						}
					}
				})
			}
			users.Wait()
			over.Store(true)
			sweepers.Wait()
		})
	}
}

// TestRemovalThatWasInterrupted: whatever part of a module's directory a crash has left, the
// module is compiled anew and served, and the next look removes the rest.
func TestRemovalThatWasInterrupted(t *testing.T) {
	for what, interrupt := range map[string]func(dir, entry string) error{
		"renamed": func(dir, _ string) error {
			place := filepath.Join(filepath.Dir(dir), removingPrefix+"1")
			return errors.Join(os.Mkdir(place, 0o700), os.Rename(dir, filepath.Join(place, filepath.Base(dir))))
		},
		"nothing moved yet": func(dir, _ string) error {
			return os.Mkdir(filepath.Join(filepath.Dir(dir), removingPrefix+"1"), 0o700)
		},
		"an entry without a seal": func(_, entry string) error { return os.Remove(entry + sealSuffix) },
		"a seal without an entry": func(_, entry string) error { return os.Remove(entry) },
		"an empty directory":      func(dir, entry string) error { return os.RemoveAll(filepath.Dir(entry)) },
	} {
		for by, compiler := range map[string]*Compiler{"process": nil, "child": CompilerMain()} {
			t.Run(what+"/"+by, func(t *testing.T) {
				dir, log := t.TempDir(), new(channeltest.Log)
				first := newTestEngine(t, Config{CacheDir: dir, Compiler: compiler})
				module := keptOf(t, first, numbered(t, 0))
				if err := interrupt(module, entry(t, dir)); err != nil {
					t.Fatal(err)
				}
				e := newTestEngine(t, Config{CacheDir: dir, Compiler: compiler, Logger: log.Logger()})
				keptOf(t, e, numbered(t, 0))
				entry(t, dir)
				e.tidy(t.Context(), true)
				if left, _ := filepath.Glob(filepath.Join(dir, removingPrefix+"*")); len(left) > 0 {
					t.Errorf("left: %q", left)
				}
				if log.String() != "" {
					t.Errorf("the log is %s", log)
				}
			})
		}
	}
}

// TestForget: what is kept of a module can be removed while it is served, all of it and
// nothing else.
func TestForget(t *testing.T) {
	dir := t.TempDir()
	e := newTestEngine(t, Config{CacheDir: dir})
	echo := Module{Name: "echo", Binary: bulky(t, "served/echo")}
	p := serves(t, e, echo)
	small := echo
	small.Limits.Memory = 32 << 20
	serves(t, e, small)
	other := keptOf(t, e, numbered(t, 0))
	if len(meteredFiles(t, dir)) != 2 {
		t.Fatalf("kept: %q", meteredFiles(t, dir))
	}
	digest := sha256.Sum256(echo.Binary)
	for range 2 { // the second time there is nothing
		if err := e.Forget(digest); err != nil {
			t.Fatal(err)
		}
	}
	if there(p.kept) || len(meteredFiles(t, dir)) != 0 || !there(other) {
		t.Errorf("kept of it: %t, of the other one: %t", there(p.kept), there(other))
	}
	if res, err := p.HandleIn(t.Context(), event(`{"body":"hi"}`)); err != nil || len(res.Do) != 1 {
		t.Errorf("the plugin answers %+v, %v", res, err)
	}
	serves(t, e, echo)
	if !there(p.kept) {
		t.Error("compiled again, it is not kept")
	}
	if err := newTestEngine(t, Config{}).Forget(digest); err != nil {
		t.Errorf("without a directory: %v", err)
	}
}

// TestRefusedTakesNoRoom: a module that compiles and does not start is not kept, unless
// somebody else serves it.
func TestRefusedTakesNoRoom(t *testing.T) {
	for by, compiler := range map[string]*Compiler{"process": nil, "child": CompilerMain()} {
		t.Run(by, func(t *testing.T) {
			dir := t.TempDir()
			e := newTestEngine(t, Config{CacheDir: dir, Compiler: compiler})
			refusal(t, e, Module{Name: "init", Binary: guest(t, "refused/init_traps")})
			wantNothingLeft(t, dir)
		})
	}
}
