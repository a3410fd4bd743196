// Package gobuild builds a plugin written in Go with the Go toolchain.
//
// The build is the same wherever it runs: target, flags and workspace are set
// here and not taken from the user's environment or `go env -w`. It does not
// change the plugin's go.mod and needs no network if all modules are replaced
// by directories (or are in the module cache). See "WASI" in
// https://go.dev/doc/go1.24 for what the toolchain makes.
package gobuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Options say what to build.
type Options struct {
	// Dir is the directory of the plugin: a Go module whose root is the main
	// package. Empty is the current directory.
	Dir string
	// Output is the file to write, such as "food.wasm". It has to be given, and
	// its directory has to exist.
	Output string
}

var (
	// ErrNoToolchain is returned when there is no go command.
	ErrNoToolchain = errors.New(`there is no "go" command in PATH: ` +
		"install Go (https://go.dev/dl), or build the plugin elsewhere and serve the module")
	// ErrNoModule is returned when the directory is not the root of a Go module.
	ErrNoModule = errors.New("no go.mod there: " +
		`name the directory of a plugin, or run "go mod init NAME" in it`)
)

// missingDir is the error for a directory that does not exist.
type missingDir string

func (d missingDir) Error() string { return "there is no directory " + string(d) }

func (missingDir) Unwrap() error { return fs.ErrNotExist }

// BuildError is returned when the toolchain refused to build the plugin.
type BuildError struct {
	// Dir is the directory that was built.
	Dir string
	// Text is exactly what the toolchain wrote.
	Text string
	// Err says how the go command ended.
	Err error
}

func (e *BuildError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("%s does not build: go build: %v", e.Dir, e.Err)
	}
	return fmt.Sprintf("%s does not build; the Go toolchain says:\n%s", e.Dir, e.Text)
}

func (e *BuildError) Unwrap() error { return e.Err }

// orphanWait is how long the output of a killed go command is awaited, which
// its children, compilers and the linker, keep open until they end.
const orphanWait = 2 * time.Second

// Build builds the plugin. Output is replaced as a whole when the build has
// succeeded, and not touched otherwise. Meanwhile a directory whose name starts
// with ".gobuild-" stands beside it. If ctx ends, the go command is killed.
//
// The error is [ErrNoToolchain], [ErrNoModule], a [*BuildError], ctx's, or that
// of a file.
func Build(ctx context.Context, o Options) error {
	if o.Output == "" {
		return errors.New("gobuild: Options.Output is empty: name the file to write")
	}
	t, err := newToolchain(o.Dir)
	if err != nil {
		return err
	}
	return t.build(ctx, o.Output, func() error { return nil })
}

// BuildModule builds the plugin in dir and returns the module. The errors are
// those of [Build], and of a temporary file.
func BuildModule(ctx context.Context, dir string) ([]byte, error) {
	temp, err := os.MkdirTemp("", "chhost-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	out := filepath.Join(temp, "plugin.wasm")
	if err := Build(ctx, Options{Dir: dir, Output: out}); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}

// toolchain is the go command, to be run in one directory.
type toolchain struct {
	path string
	dir  string
}

func newToolchain(dir string) (*toolchain, error) {
	if dir == "" {
		dir = "."
	}
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, missingDir(dir)
	case err != nil:
		return nil, fmt.Errorf("gobuild: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is a file: give the directory of a plugin's Go source", dir)
	}
	switch _, err := os.Stat(filepath.Join(dir, "go.mod")); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", dir, ErrNoModule)
	case err != nil:
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	path, err := exec.LookPath("go")
	if errors.Is(err, exec.ErrNotFound) {
		return nil, ErrNoToolchain
	}
	if err != nil {
		return nil, fmt.Errorf("gobuild: %w", err)
	}
	return &toolchain{path: path, dir: dir}, nil
}

// build writes a module to output. It calls check between building and
// replacing output; an error of check leaves output as it is and is returned.
func (t *toolchain) build(ctx context.Context, output string, check func() error) (err error) {
	if output, err = filepath.Abs(output); err != nil {
		return fmt.Errorf("gobuild: %w", err)
	}
	// A directory, so that whatever a killed toolchain leaves behind goes with
	// it; and beside output, so that renaming does not leave the file system.
	temp, err := os.MkdirTemp(filepath.Dir(output), tempPrefix)
	if err != nil {
		return fmt.Errorf("gobuild: %w", err)
	}
	defer os.RemoveAll(temp)
	built := filepath.Join(temp, filepath.Base(output))
	_, err = t.run(ctx, []string{"GOTMPDIR=" + temp},
		"build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-o", built, ".")
	if err != nil {
		return err
	}
	if err := check(); err != nil {
		return err
	}
	if err := os.Rename(built, output); err != nil {
		return fmt.Errorf("gobuild: %w", err)
	}
	return nil
}

// tempPrefix starts with a dot, so that the go command does not look inside.
const tempPrefix = ".gobuild-"

// run runs the go command and returns what it wrote to its standard output.
func (t *toolchain) run(ctx context.Context, env []string, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, t.path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.dir, &stdout, &stderr
	cmd.Env = append(environ(cmd.Environ()), env...)
	cmd.WaitDelay = orphanWait
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return stdout.Bytes(), nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("gobuild: %s: stopped: %w", t.dir, ctx.Err())
	case errors.As(err, &exit):
		return nil, &BuildError{Dir: t.dir, Text: stderr.String(), Err: err}
	default:
		return nil, fmt.Errorf("gobuild: %w", err)
	}
}

// environ is the user's environment with all that decides what is built set.
func environ(user []string) []string {
	return append(user, // the last of two entries counts
		"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOWORK=off", "GO111MODULE=on",
		// An empty GOFLAGS would mean the one that "go env -w" wrote, so it gets
		// a flag that is given anyway. Without -mod the toolchain neither changes
		// go.mod nor ignores a vendor directory.
		"GOFLAGS=-trimpath",
	)
}
