package dev

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chhost/chhost/host/gobuild"
)

// source is what the module comes from: the source of a plugin, or a file that
// somebody else writes. It is safe for concurrent use.
type source interface {
	// name is the plugin's.
	name() string
	// inputs says what to watch.
	inputs(ctx context.Context) (inputs, error)
	// module builds or reads the module. It gives up when ctx is done.
	module(ctx context.Context) ([]byte, error)
	// patience is how long an error is kept back because it may be that of a file
	// which is being written.
	patience() time.Duration
	// begins is what to tell people when a change of the file has settled, if
	// anything. The file is empty if it is not known.
	begins(file string) string
}

// open finds out what the path leads to.
func open(path string) (source, error) {
	info, err := os.Stat(path)
	switch ext := filepath.Ext(path); {
	case errors.Is(err, fs.ErrNotExist) && ext == ".wasm":
		return nil, fmt.Errorf("there is no file %s", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no directory %s", path)
	case err != nil:
		return nil, err
	case info.IsDir():
		if err := checkDirectory(path); err != nil {
			return nil, err
		}
	case ext == ".go":
		return nil, fmt.Errorf("%s is a single Go file: give the directory of the plugin, %s", path, filepath.Dir(path))
	case ext == ".wat":
		return nil, fmt.Errorf("%s is the text of a module: assemble it (wat2wasm %[1]s) and give the .wasm file", path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return directory{path: path, abs: abs}, nil
	}
	return moduleFile{path: path, abs: abs}, nil
}

// checkDirectory finds a directory that holds modules and no Go: somebody named
// the place and meant the file.
func checkDirectory(dir string) error {
	for _, pattern := range []string{"go.mod", "*.go"} {
		if found, _ := fs.Glob(os.DirFS(dir), pattern); len(found) > 0 {
			return nil
		}
	}
	modules, _ := fs.Glob(os.DirFS(dir), "*.wasm")
	switch len(modules) {
	case 0:
		return nil // the builder says what it misses
	case 1:
		return fmt.Errorf("%s holds no Go source, but a module: serve that with chhost dev %s", dir, filepath.Join(dir, modules[0]))
	}
	return fmt.Errorf("%s holds no Go source, but %d modules: choose one, such as chhost dev %s", dir, len(modules), filepath.Join(dir, modules[0]))
}

// directory is a plugin's source in Go.
type directory struct{ path, abs string }

func (d directory) name() string { return filepath.Base(d.abs) }

func (d directory) inputs(ctx context.Context) (inputs, error) {
	s, err := gobuild.FindSources(ctx, d.path)
	in := inputs{packages: s.Packages, embedded: s.Embedded}
	for _, module := range s.Modules {
		in.files = append(in.files, filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum"))
	}
	return in, err
}

func (d directory) module(ctx context.Context) ([]byte, error) {
	return gobuild.BuildModule(ctx, d.path)
}

// patience is none: whoever builds knows when it is done.
func (directory) patience() time.Duration { return 0 }

func (d directory) begins(file string) string {
	if file == "" {
		return "building " + d.path
	}
	if name, err := filepath.Rel(d.abs, file); err == nil {
		file = name
	}
	return fmt.Sprintf("%s changed: building %s", file, d.path)
}

// moduleFile is a module that somebody else makes.
type moduleFile struct{ path, abs string }

func (m moduleFile) name() string { return strings.TrimSuffix(filepath.Base(m.abs), ".wasm") }

func (m moduleFile) inputs(context.Context) (inputs, error) {
	in := inputs{files: []string{m.abs}}
	if target, err := filepath.EvalSymlinks(m.abs); err == nil && target != m.abs {
		in.files = append(in.files, target) // a compiler that writes elsewhere, and a link to it
	}
	return in, nil
}

// errIncomplete is returned for a file that is not a whole module.
var errIncomplete = errors.New("this is not a complete WebAssembly module")

func (m moduleFile) module(context.Context) ([]byte, error) {
	module, err := os.ReadFile(m.path)
	if err == nil && !isComplete(module) {
		err = fmt.Errorf("%s: %w", m.path, errIncomplete)
	}
	return module, err
}

// patience is longer than what passes between two writes of a compiler.
func (moduleFile) patience() time.Duration { return 500 * time.Millisecond }

func (moduleFile) begins(string) string { return "" }

// isComplete reports whether a module ends where its last section ends: a half of
// one would be refused for reasons that help nobody.
func isComplete(module []byte) bool {
	const magic = "\x00asm"
	if len(module) < len(magic)+4 || string(module[:len(magic)]) != magic {
		return false
	}
	for left := module[len(magic)+4:]; len(left) > 0; {
		size, n := binary.Uvarint(left[1:])
		if n <= 0 || size > uint64(len(left)-1-n) {
			return false
		}
		left = left[1+n+int(size):]
	}
	return true
}
