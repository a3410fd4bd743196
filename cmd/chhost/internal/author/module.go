// Package author checks, calls and tests a plugin without a server: what its
// author does all day.
package author

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/gobuild"
)

// InputError is returned for what the command was given and cannot use.
type InputError struct{ Text string }

func (e *InputError) Error() string { return e.Text }

func inputFault(format string, args ...any) error { return &InputError{fmt.Sprintf(format, args...)} }

// ParseSettings reads settings, each in the form "key=value". The error is an
// [*InputError].
func ParseSettings(list []string) (map[string]string, error) {
	settings := make(map[string]string)
	for _, s := range list {
		key, value, ok := strings.Cut(s, "=")
		switch {
		case !ok || key == "":
			return nil, inputFault("--set %q is not of the form KEY=VALUE", s)
		case abi.IsReservedConfig(key):
			return nil, inputFault("--set %s: keys that start with %q are the host's", s, abi.ReservedConfigPrefix)
		}
		settings[key] = value
	}
	return settings, nil
}

// Module is a plugin's module, ready to be compiled.
type Module struct {
	// Name is what the plugin is called.
	Name string
	// Path is the file or directory that was named.
	Path string
	// Binary is the module in the binary format.
	Binary []byte
}

// Load returns the module that path names: a file, or a directory that holds the
// Go source of a plugin, which is built, or one .wasm file. What takes longer is
// announced to progress. The errors are those of [gobuild.Build] and of files.
func Load(ctx context.Context, path string, progress io.Writer) (*Module, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file or directory %s", path)
	case err != nil:
		return nil, err
	case !info.IsDir():
		return read(path, path)
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return build(ctx, path, progress)
	}
	files, err := wasmFiles(path)
	switch {
	case err != nil:
		return nil, err
	case len(files) == 0:
		return nil, fmt.Errorf("%s holds neither the Go source of a plugin (there is no go.mod) nor a .wasm file", path)
	case len(files) > 1:
		return nil, fmt.Errorf("%s holds several modules: name one of %s", path, strings.Join(files, ", "))
	}
	return read(path, files[0])
}

func wasmFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".wasm") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}

// read reads a module. Of a file that is none only the start is read, enough to
// tell what it is.
func read(path, file string) (*Module, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, sniffed)
	n, err := io.ReadFull(f, head)
	m := &Module{
		Name: strings.TrimSuffix(filepath.Base(file), ".wasm"),
		Path: path, Binary: head[:n],
	}
	if err == nil && isWasm(head) {
		var rest []byte
		rest, err = io.ReadAll(f)
		m.Binary = append(m.Binary, rest...)
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return m, nil
}

// build builds a plugin from its Go source.
func build(ctx context.Context, dir string, progress io.Writer) (*Module, error) {
	abs, err := filepath.Abs(dir) // a name for "." too
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "building %s\n", dir)
	binary, err := gobuild.BuildModule(ctx, dir)
	if err != nil {
		return nil, err
	}
	return &Module{Name: filepath.Base(abs), Path: dir, Binary: binary}, nil
}
