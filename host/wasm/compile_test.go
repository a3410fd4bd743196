package wasm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/wasm/module"
)

// apartEngine is an engine with a directory and a compiler, and its log.
func apartEngine(t testing.TB, compiler *Compiler, limits CompileLimits) (e *Engine, dir string, log *channeltest.Log) {
	t.Helper()
	dir, log = t.TempDir(), new(channeltest.Log)
	return newTestEngine(t, Config{CacheDir: dir, Compiler: compiler, Compiling: limits, Logger: log.Logger()}), dir, log
}

// wantNothingLeft checks that a directory of compiled code is empty.
func wantNothingLeft(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestCompileInChild compiles in a child what then serves, and keeps it.
func TestCompileInChild(t *testing.T) {
	e, dir, log := apartEngine(t, CompilerMain(), CompileLimits{})
	for range 2 {
		p := compile(t, e, "served/echo", Limits{})
		if res, err := p.HandleIn(t.Context(), event(`{"body":"hi"}`)); err != nil || len(res.Do) != 1 {
			t.Errorf("the plugin answers %+v, %v", res, err)
		}
		entry(t, dir)
		if left, _ := filepath.Glob(filepath.Join(dir, privatePrefix+"*")); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
	if log.String() != "" {
		t.Errorf("the log is %s", log.String())
	}
}

// TestCompileInChildWithoutCache: nothing is kept, and no directory is left.
func TestCompileInChildWithoutCache(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("TMP", tmp) // Windows
	p := compile(t, newTestEngine(t, Config{Compiler: CompilerMain()}), "served/echo", Limits{})
	if _, err := p.HandleIn(t.Context(), event(`{}`)); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, tmp)
}

// TestSealedNeedsNoChild: a child cannot even be started, and what is in the
// cache is served.
func TestSealedNeedsNoChild(t *testing.T) {
	e, dir, _ := apartEngine(t, CompilerMain(), CompileLimits{})
	compile(t, e, "served/echo", Limits{})
	none := &Compiler{path: filepath.Join(dir, "none"), name: compilerName}
	e = newTestEngine(t, Config{CacheDir: dir, Compiler: none})
	compile(t, e, "served/echo", Limits{})

	_, err := e.Compile(t.Context(), Module{Name: "counter", Binary: guest(t, "served/counter")})
	if fault := (*ModuleError)(nil); err == nil || errors.As(err, &fault) || !strings.Contains(err.Error(), "starting the compiler") {
		t.Errorf("what is not in the cache: %v; want the host's error", err)
	}
	entry(t, dir)
}

// TestHostNeverCompiles: with a compiler, the engine of this process takes what was
// compiled and nothing else. It depends on the order in which the engine looks.
func TestHostNeverCompiles(t *testing.T) {
	m := Module{Name: "echo", Binary: guest(t, "served/echo")}
	limits := Limits{}.withDefaults()
	if _, err := new(Engine).prepare(&m, limits); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := loadOnly(t.Context(), dir, m.Binary, limits.pages()); !errors.Is(err, errNotCached) {
		t.Errorf("the module was loaded from nowhere: %v", err)
	}
	if code, _ := entries(t, dir); len(code) > 0 {
		t.Errorf("it was compiled: %q", code)
	}

	// An entry that another processor or version of the engine has left is none.
	e, dir, _ := apartEngine(t, CompilerMain(), CompileLimits{})
	compile(t, e, "served/echo", Limits{})
	path := entry(t, dir)
	foreign := filepath.Join(filepath.Dir(path), strings.Repeat("0", 64))
	if err := errors.Join(os.Rename(path, foreign), os.Remove(path+sealSuffix), sealAll(sealsOf(dir, m))); err != nil {
		t.Fatal(err)
	}
	if _, err := e.loadSealed(t.Context(), m, limits); !errors.Is(err, errNotCached) {
		t.Errorf("the entry is of another name: %v", err)
	}
	compile(t, e, "served/echo", Limits{})
	if code, sealed := entries(t, dir); len(code) != 2 || len(sealed) != 2 {
		t.Errorf("the directory holds %q, %q: want the foreign entry and the one that was made", code, sealed)
	}
}

// TestUselessChildren: whatever a child leaves or says, the module is refused and
// nothing is kept.
func TestUselessChildren(t *testing.T) {
	const nothing = "the compiler left nothing that can be used: "
	for name, want := range map[string]string{
		"idler":     nothing + "there is no file",
		"remover":   nothing + "there is no file",
		"collector": nothing + "there is more than the one file",
		"empty":     nothing,
		"garbage":   nothing,
		"half":      nothing,
		"shorter":   nothing,
		"longer":    nothing + "the file does not end",
		"counter":   nothing + "the file has 4294967295 functions",
		"jumper":    nothing + "the file has functions outside of its code",
		"grower":    nothing + "the file has functions outside of its code",
		"thrower":   nothing + "the file has more than code",
		"flipper":   nothing,
		"renamer":   nothing,
		"crasher":   "the engine's compiler crashed (exit status 2): what it said is in the host's log",
		"refuser":   `the module is not valid WebAssembly: no\x1b[31m\nway`,
		"exhausted": "compiling takes more than 512 MiB of memory: split its largest functions",
	} {
		t.Run(name, func(t *testing.T) {
			e, dir, log := apartEngine(t, pretending(name), CompileLimits{})
			wantFaults(t, refusal(t, e, Module{Name: name, Tenant: "acme", Binary: guest(t, "served/echo")}), []string{want})
			wantNothingLeft(t, dir)
			text := log.String()
			if logs := name == "crasher" || name == "exhausted"; logs != strings.Contains(text, "a plugin could not be compiled") || logs && !strings.Contains(text, "tenant=acme") {
				t.Errorf("the log is %.300q", text)
			}
			if len(text) > 3*maxExcerpt || strings.ContainsAny(text, "\x1b\x00") || !utf8.ValidString(text) {
				t.Errorf("the log has %d bytes, or control characters: %.300q", len(text), text)
			}
		})
	}
}

// bombBody is a function whose loops are nested in each other and whose locals
// live in all of them: compilers keep a value for each local in each loop.
func bombBody(loops, locals int) []byte {
	uleb := func(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }
	var b strings.Builder
	b.WriteString("\x01" + uleb(locals) + "\x7f") // one group of i32
	b.WriteString(strings.Repeat("\x03\x40", loops))
	for i := range locals {
		b.WriteString("\x20" + uleb(i) + "\x41\x01\x6a\x21" + uleb(i)) // local.get, i32.const 1, i32.add, local.set
	}
	b.WriteString(strings.Repeat("\x20\x00\x0d\x00\x0b", loops)) // local.get 0, br_if 0, end
	b.WriteString("\x00\x0b")                                    // unreachable, so that any type will do
	return append(binary.AppendUvarint(nil, uint64(b.Len())), b.String()...)
}

// bomb is the echo plugin with further functions of that kind, which nothing calls.
func bomb(t *testing.T, functions, loops, locals int) []byte {
	t.Helper()
	m, err := module.Decode(guest(t, "served/echo"), module.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bin := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range m.Sections {
		body := s.Body.Of(m.Binary)
		count := binary.AppendUvarint(nil, uint64(len(m.Functions)+functions))
		switch s.ID {
		case module.SectionFunction:
			body = append(append(count, body[1:]...), make([]byte, functions)...)
		case module.SectionCode:
			body = append(append(count, body[1:]...), bytes.Repeat(bombBody(loops, locals), functions)...)
		}
		bin = append(bin, section(s.ID, body)...)
	}
	return bin
}

// TestCompileBombs: modules that the decoder lets through, and that would compile
// for long or into much memory, are refused within the child's limits. Nothing of
// it is left in this process.
func TestCompileBombs(t *testing.T) {
	for _, c := range []struct {
		name   string
		bin    []byte
		limits CompileLimits
		want   string
	}{
		{"within the budgets", bomb(t, 100, 99, 1000), CompileLimits{CPU: time.Second, Time: time.Minute}, "compiling takes more than 1s of processor time: split its largest functions"},
		{"much memory", bomb(t, 100, 99, 1000), CompileLimits{CPU: time.Minute, Time: time.Minute, Memory: 4 << 20}, "compiling takes more than 4 MiB of memory: "},
		{"late", bomb(t, 100, 99, 1000), CompileLimits{CPU: time.Minute, Time: 100 * time.Millisecond}, "compiling takes more than 100ms: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, dir, _ := apartEngine(t, CompilerMain(), c.limits)
			wantHostUnharmed(t, func() {
				wantFaults(t, refusal(t, e, Module{Name: "bomb", Binary: c.bin}), []string{c.want})
			})
			wantNothingLeft(t, dir)
		})
	}
}

// wantHostUnharmed checks that nothing of what f does is left in the heap or runs
// on.
func wantHostUnharmed(t *testing.T, f func()) {
	t.Helper()
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // what finalizers have let go
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, goroutines := heap(), runtime.NumGoroutine()
	f()
	if after := heap(); after > before+4<<20 {
		t.Errorf("the heap has grown from %d to %d KiB", before>>10, after>>10)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, before it were %d", n, goroutines)
	}
}

// TestSmallBomb: eight kilobytes that no budget of ours lets through, but that
// somebody's might.
func TestSmallBomb(t *testing.T) {
	body := bombBody(500, 500)
	bin := append([]byte("\x00asm\x01\x00\x00\x00"), section(1, []byte("\x01\x60\x00\x00"))...)
	bin = append(append(bin, section(3, []byte("\x01\x00"))...), section(10, append([]byte{1}, body...))...)
	if len(bin) > 8<<10 {
		t.Fatalf("the bomb has %d bytes", len(bin))
	}
	relaxed := module.Options{LoopLocals: 1 << 30, Loops: 1 << 30}
	if _, err := module.Decode(bin, relaxed); err != nil {
		t.Fatal(err)
	}
	limits := CompileLimits{CPU: time.Second, Time: time.Minute}.withDefaults(1)
	err := CompilerMain().run(t.Context(), nil, &compilation{limits: limits, pages: 1, bin: bin, dir: t.TempDir()})
	if fault := (*compileFault)(nil); !errors.As(err, &fault) || !strings.Contains(fault.text, "compiling takes more than ") {
		t.Errorf("the bomb is compiled: %v", err)
	}
}

// awaitChild waits until a child works below a directory.
func awaitChild(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if paths, _ := filepath.Glob(filepath.Join(dir, privatePrefix+"*", "waiting")); len(paths) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no child has started")
		}
	}
}

// TestCompileCancelled: the end of the context ends the child, and Compile returns
// when it has ended.
func TestCompileCancelled(t *testing.T) {
	e, dir, _ := apartEngine(t, pretending("waiter"), CompileLimits{Time: time.Hour})
	why := errors.New("the test is tired of waiting")
	ctx, cancel := context.WithCancelCause(t.Context())
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { _, err = e.Compile(ctx, Module{Name: "echo", Binary: guest(t, "served/echo")}) })
	awaitChild(t, dir)
	cancel(why)
	wg.Wait()
	if !errors.Is(err, why) || errors.As(err, new(*ModuleError)) {
		t.Errorf("the error is %v, want %v", err, why)
	}
	wantNothingLeft(t, dir)
}

// TestCloseEndsCompiling: so does the end of the engine, also for those who wait
// for their turn.
func TestCloseEndsCompiling(t *testing.T) {
	e, dir, _ := apartEngine(t, pretending("waiter"), CompileLimits{Time: time.Hour})
	errs := make(chan error, 3)
	for _, tenant := range []string{"a", "a", "b"} {
		go func() {
			_, err := e.Compile(context.Background(), Module{Name: "echo", Tenant: tenant, Binary: guest(t, "served/echo")})
			errs <- err
		}()
	}
	awaitChild(t, dir)
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, ErrClosed) {
			t.Errorf("the error is %v, want %v", err, ErrClosed)
		}
	}
	wantNothingLeft(t, dir)
}

// TestTenantsCompileAtOnce: the children of two tenants meet.
func TestTenantsCompileAtOnce(t *testing.T) {
	e, dir, _ := apartEngine(t, pretending("meeter"), CompileLimits{AtOnce: 2, Time: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for _, tenant := range []string{"a", "b"} {
		wg.Go(func() {
			_, err := e.Compile(ctx, Module{Name: "echo", Tenant: tenant, Binary: guest(t, "served/echo")})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("tenant %s: %v", tenant, err)
			}
		})
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if paths, _ := filepath.Glob(filepath.Join(dir, privatePrefix+"*", "waiting")); len(paths) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Error("the two were not compiled at once")
			break
		}
	}
	cancel()
	wg.Wait()
}

// TestTurns: one at a time for each tenant, some in all, and nothing is kept of
// tenants that are done.
func TestTurns(t *testing.T) {
	turns := newTurns(2)
	dead, cancel := context.WithCancel(t.Context())
	cancel()
	refused := func(tenant string) bool {
		leave, err := turns.take(dead, nil, tenant)
		if err == nil {
			leave()
		}
		return err != nil
	}
	take := func(tenant string) (leave func()) {
		leave, err := turns.take(t.Context(), nil, tenant)
		if err != nil {
			t.Fatal(err)
		}
		return leave
	}
	a := take("a")
	for range 20 { // a dead context may get what is free
		if !refused("a") {
			t.Fatal("a tenant has two turns")
		}
	}
	b := take("b")
	for range 20 {
		if !refused("c") {
			t.Fatal("there are three turns")
		}
	}
	a()
	take("c")()
	b()
	if len(turns.tenants) != 0 {
		t.Errorf("%d tenants are remembered", len(turns.tenants))
	}
}

// TestConcurrentCompiles: many at once, the same and different ones, with one cache.
func TestConcurrentCompiles(t *testing.T) {
	e, dir, log := apartEngine(t, CompilerMain(), CompileLimits{AtOnce: 2, Time: time.Minute, CPU: time.Minute})
	var wg sync.WaitGroup
	for i := range 8 {
		name, tenant := []string{"served/echo", "served/counter"}[i%2], string(rune('a'+i/2))
		wg.Go(func() {
			p, err := e.Compile(t.Context(), Module{Name: name, Tenant: tenant, Binary: guest(t, name)})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			if _, err := p.HandleIn(t.Context(), event("{}")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	wg.Wait()
	if code, sealed := entries(t, dir); len(code) != 2 || len(sealed) != 2 || log.String() != "" {
		t.Errorf("the directory holds %q, %q; the log is %s", code, sealed, log.String())
	}
}

// TestUnusableCacheWithChild: where the directory cannot be compiled into, another
// one is, and it is said; where there is none, that is the host's fault, and the
// module is not compiled in this process.
func TestUnusableCacheWithChild(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("TMP", tmp)
	e, dir, log := apartEngine(t, CompilerMain(), CompileLimits{})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, nil)
	compile(t, e, "served/echo", Limits{})
	if !strings.Contains(log.String(), "the directory for compiled plugins cannot be used") || !strings.Contains(log.String(), "plugin=served/echo@1") {
		t.Errorf("the log is %q", log.String())
	}
	wantNothingLeft(t, tmp)
	if err := os.RemoveAll(tmp); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Compile(t.Context(), Module{Name: "echo", Binary: guest(t, "served/echo")}); err == nil || errors.As(err, new(*ModuleError)) {
		t.Errorf("with no directory at all: %v", err)
	}

	e, _, _ = apartEngine(t, pretending("failure"), CompileLimits{})
	if _, err := e.Compile(t.Context(), Module{Name: "echo", Binary: guest(t, "served/echo")}); err == nil || errors.As(err, new(*ModuleError)) {
		t.Errorf("a child that cannot write: %v", err)
	}
}

// TestAbandonedDirectories: what a killed host has left is removed, what another
// one uses is not.
func TestAbandonedDirectories(t *testing.T) {
	e, dir, _ := apartEngine(t, CompilerMain(), CompileLimits{})
	old, fresh := filepath.Join(dir, privatePrefix+"1"), filepath.Join(dir, privatePrefix+"2")
	if err := errors.Join(os.Mkdir(old, 0o700), os.Mkdir(fresh, 0o700), os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour))); err != nil {
		t.Fatal(err)
	}
	compile(t, e, "served/echo", Limits{})
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old directory: %v", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error(err)
	}
}

// TestChildEndsWithItsParent: a child whose pipe ends does not go on, on any system.
func TestChildEndsWithItsParent(t *testing.T) {
	bin := bomb(t, 100, 99, 1000)
	cmd := &exec.Cmd{Path: executable(), Args: []string{compilerName, "60", "1000000000", "1000000000", "1000"}, Dir: t.TempDir(), Env: []string{}}
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(bin)))
	if _, err := io.Copy(stdin, io.MultiReader(bytes.NewReader(size[:]), bytes.NewReader(bin))); err != nil {
		t.Error(err)
	}
	_ = stdin.Close()
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != childLeft {
		t.Errorf("the child ends with %v", err)
	}
}

// TestCheckEntry: of a sound entry, nothing can be missing.
func TestCheckEntry(t *testing.T) {
	m := Module{Name: "echo", Binary: guest(t, "served/echo")}
	if _, err := new(Engine).prepare(&m, Limits{}.withDefaults()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	e := newTestEngine(t, Config{CacheDir: dir})
	compile(t, e, "served/echo", Limits{})
	path := entry(t, dir)
	whole := readFile(t, path)
	if err := checkEntry(path, m.Binary); err != nil {
		t.Fatalf("what the engine has written itself: %v", err)
	}
	for n := range whole {
		writeFile(t, path, whole[:n])
		if checkEntry(path, m.Binary) == nil {
			t.Errorf("the first %d bytes are good enough", n)
		}
	}
}

// TestSoleEntry: a link could lead anywhere.
func TestSoleEntry(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(os.Args[0], filepath.Join(dir, "link")); err != nil {
		t.Skipf("no links here: %v", err)
	}
	if path, err := soleEntry(dir); err == nil {
		t.Errorf("%s is taken", path)
	}
}

// TestCompileLimitsDefaults: what the design says.
func TestCompileLimitsDefaults(t *testing.T) {
	want := CompileLimits{CPU: 5 * time.Second, Time: time.Minute, Memory: 512 << 20, AtOnce: 1}
	if got := (CompileLimits{}).withDefaults(2); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if n := (CompileLimits{CPU: 1100 * time.Millisecond}).seconds(); n != 2 {
		t.Errorf("1.1 s are %d s", n)
	}
}
