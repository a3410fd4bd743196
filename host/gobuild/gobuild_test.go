package gobuild_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/gobuild"
)

// patience bounds every wait in these tests; it passes only when one fails. A
// first build compiles the standard library.
const patience = 5 * time.Minute

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// write makes a directory with the given files, by name.
func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// plugin makes a tiny plugin in dir/plugin, with its SDK beside it.
func plugin(t *testing.T) (dir string) {
	root := write(t, t.TempDir(), map[string]string{
		"plugin/go.mod": "module example.com/tiny\n\ngo 1.24\n\nrequire example.com/sdk v0.0.0\n\n" +
			"replace example.com/sdk => ../sdk\n",
		"plugin/main.go": "package main\n\nimport \"example.com/sdk\"\n\n" +
			"//go:wasmexport join\nfunc join(ev int32) int32 { return sdk.Answer }\n\nfunc main() {}\n",
		"sdk/go.mod": "module example.com/sdk\n\ngo 1.24\n",
		"sdk/sdk.go": "package sdk\n\nconst Answer = 42\n",
	})
	return filepath.Join(root, "plugin")
}

func checkModule(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(data, []byte("\x00asm\x01\x00\x00\x00")) {
		t.Fatalf("%s is not a Wasm module: it starts with %q", path, data[:min(len(data), 16)])
	}
	// A reactor: initialized once, called through its exports, without main.
	for _, export := range []string{"\x0b_initialize\x00", "\x04join\x00"} {
		if !bytes.Contains(data, []byte(export)) {
			t.Errorf("%s has no export %q", path, export)
		}
	}
	if bytes.Contains(data, []byte("\x06_start\x00")) {
		t.Errorf("%s is a command, not a reactor", path)
	}
}

// checkOnly expects dir to hold exactly the named files.
func checkOnly(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

// TestBuild also sets everything in the user's surroundings that could get in
// the way, among it what "go env -w" writes, and forbids the network.
func TestBuild(t *testing.T) {
	surroundings := write(t, t.TempDir(), map[string]string{
		"go.work": "go 1.24\n\nuse ./nowhere\n",
		"env":     "GOFLAGS=-mod=vendor -tags=user\nGOOS=plan9\nGOPROXY=off\n",
	})
	for name, value := range map[string]string{
		"GOENV":       filepath.Join(surroundings, "env"),
		"GOWORK":      filepath.Join(surroundings, "go.work"),
		"GOFLAGS":     "-buildmode=archive -n",
		"GOOS":        "windows",
		"GOARCH":      "386",
		"CGO_ENABLED": "1",
		"GO111MODULE": "off",
		"GOPROXY":     "off",
	} {
		t.Setenv(name, value)
	}
	dir, out := plugin(t), filepath.Join(write(t, t.TempDir(), map[string]string{"tiny.wasm": "old"}), "tiny.wasm")
	modBefore, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if err := gobuild.Build(testContext(t), gobuild.Options{Dir: dir, Output: out}); err != nil {
		t.Fatal(err)
	}
	checkModule(t, out)
	checkOnly(t, filepath.Dir(out), "tiny.wasm")
	checkOnly(t, dir, "go.mod", "main.go")
	if modAfter, err := os.ReadFile(filepath.Join(dir, "go.mod")); err != nil || !bytes.Equal(modBefore, modAfter) {
		t.Errorf("go.mod was changed to %q (error %v)", modAfter, err)
	}
}

// BuildModule returns what Build writes, and leaves nothing behind.
func TestBuildModule(t *testing.T) {
	temp := t.TempDir()
	dir, out := plugin(t), filepath.Join(t.TempDir(), "tiny.wasm")
	if err := gobuild.Build(testContext(t), gobuild.Options{Dir: dir, Output: out}); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp)
	got, err := gobuild.BuildModule(testContext(t), dir)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v; want the %d that Build writes", len(got), err, len(want))
	}
	if _, err := gobuild.BuildModule(testContext(t), t.TempDir()); !errors.Is(err, gobuild.ErrNoModule) {
		t.Errorf("a directory without a module: %v", err)
	}
	checkOnly(t, temp)
}

func TestRelativePaths(t *testing.T) {
	t.Chdir(plugin(t))
	if err := gobuild.Build(testContext(t), gobuild.Options{Output: "tiny.wasm"}); err != nil {
		t.Fatal(err)
	}
	checkModule(t, "tiny.wasm")
	t.Chdir("..")
	if err := gobuild.Build(testContext(t), gobuild.Options{Dir: "plugin", Output: "other.wasm"}); err != nil {
		t.Fatal(err)
	}
	checkModule(t, "other.wasm")
}

func TestCompilerErrors(t *testing.T) {
	dir := plugin(t)
	write(t, dir, map[string]string{"more.go": "package main\n\nfunc more() {\n\tnonsense()\n\tvar x int = \"\"\n}\n"})
	out := filepath.Join(write(t, t.TempDir(), map[string]string{"tiny.wasm": "old"}), "tiny.wasm")
	err := gobuild.Build(testContext(t), gobuild.Options{Dir: dir, Output: out})
	var be *gobuild.BuildError
	if !errors.As(err, &be) {
		t.Fatalf("got %v", err)
	}
	text := strings.ReplaceAll(be.Text, `\`, "/")
	for _, want := range []string{"# example.com/tiny\n", "\n./more.go:4:2: undefined: nonsense\n", "\n./more.go:5:"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	if want := dir + " does not build; the Go toolchain says:\n" + be.Text; err.Error() != want || be.Dir != dir {
		t.Errorf("got  %q\nwant %q", err, want)
	}
	if old, err := os.ReadFile(out); err != nil || string(old) != "old" {
		t.Errorf("the output was touched: %q, %v", old, err)
	}
	checkOnly(t, filepath.Dir(out), "tiny.wasm")
}

// TestNotAProgram: what the go command says by itself is passed on too.
func TestNotAProgram(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{"go.mod": "module example.com/library\n\ngo 1.24\n", "lib.go": "package library\n"})
	err := gobuild.Build(testContext(t), gobuild.Options{Dir: dir, Output: filepath.Join(t.TempDir(), "x.wasm")})
	var be *gobuild.BuildError
	if !errors.As(err, &be) || !strings.Contains(be.Text, "main package") {
		t.Errorf("got %v", err)
	}
}

func TestBadOptions(t *testing.T) {
	empty, ctx := t.TempDir(), testContext(t)
	err := gobuild.Build(ctx, gobuild.Options{Dir: empty, Output: "x.wasm"})
	if !errors.Is(err, gobuild.ErrNoModule) || !strings.HasPrefix(err.Error(), empty+": ") {
		t.Errorf("no go.mod: got %v", err)
	}
	err = gobuild.Build(ctx, gobuild.Options{Dir: filepath.Join(empty, "nowhere"), Output: "x.wasm"})
	if !errors.Is(err, os.ErrNotExist) || errors.Is(err, gobuild.ErrNoModule) {
		t.Errorf("no directory: got %v", err)
	}
	dir := plugin(t)
	if err := gobuild.Build(ctx, gobuild.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "Output") {
		t.Errorf("no output: got %v", err)
	}
	err = gobuild.Build(ctx, gobuild.Options{Dir: dir, Output: filepath.Join(empty, "nowhere", "x.wasm")})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory for the output: got %v", err)
	}
	t.Setenv("PATH", empty)
	err = gobuild.Build(ctx, gobuild.Options{Dir: dir, Output: "x.wasm"})
	if !errors.Is(err, gobuild.ErrNoToolchain) || !strings.Contains(err.Error(), "https://go.dev/dl") {
		t.Errorf("no toolchain: got %v", err)
	}
}

// fakeGo puts a shell script named go in front of the toolchain. It gets the
// path of the real one in $REAL.
func fakeGo(t *testing.T, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	real, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte("#!/bin/sh\n"+script), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REAL", real)
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// TestCancel: Build ends with the context, also when a child of the toolchain
// lives on and keeps its output open. What was begun is removed.
func TestCancel(t *testing.T) {
	for name, script := range map[string]string{
		"alone": `mkdir "$GOTMPDIR/work" && echo $$ >"$STARTED" && exec sleep 1000`,
		"child": `mkdir "$GOTMPDIR/work" && sleep 10 & echo $$ >"$STARTED" && wait`,
	} {
		t.Run(name, func(t *testing.T) {
			started := filepath.Join(t.TempDir(), "started")
			t.Setenv("STARTED", started)
			fakeGo(t, script)
			dir, out := plugin(t), filepath.Join(t.TempDir(), "tiny.wasm")
			ctx, cancel := context.WithCancel(testContext(t))
			result := make(chan error)
			go func() { result <- gobuild.Build(ctx, gobuild.Options{Dir: dir, Output: out}) }()
			for ctx.Err() == nil {
				if info, err := os.Stat(started); err == nil && info.Size() > 0 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			cancel()
			if err := <-result; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			checkOnly(t, filepath.Dir(out))
		})
	}
}

func TestCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	out := filepath.Join(t.TempDir(), "tiny.wasm")
	if err := gobuild.Build(ctx, gobuild.Options{Dir: plugin(t), Output: out}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	checkOnly(t, filepath.Dir(out))
}
