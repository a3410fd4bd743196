package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unfinished is how the names of files end that are not whole yet.
const unfinished = ".part"

// files is the part of a file system that modules are kept in; tests let it fail.
type files interface {
	// Create makes a file of mode 0600 that ends with unfinished, in the directory.
	Create(dir string) (file, error)
	Open(path string) (file, error)
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir makes what was renamed in a directory last.
	SyncDir(dir string) error
}

type file interface {
	io.ReadWriteCloser
	Name() string
	Sync() error
}

// osFiles are the operating system's.
type osFiles struct{}

func (osFiles) Create(dir string) (file, error) { return os.CreateTemp(dir, "*"+unfinished) }

// Open opens a file for both, since some systems sync only what can be written to.
func (osFiles) Open(path string) (file, error) { return os.OpenFile(path, os.O_RDWR, 0) }
func (osFiles) Rename(from, to string) error   { return os.Rename(from, to) }
func (osFiles) Remove(path string) error       { return os.Remove(path) }
func (osFiles) SyncDir(dir string) (err error) {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return ignoreUnsynced(d.Sync())
}

// writeWhole makes a file that a crash at any moment leaves either whole or not there
// at all. place puts the finished file in its place.
func writeWhole(f files, dir string, fill func(w io.Writer) error, place func(from string) error) error {
	part, err := f.Create(dir)
	if err != nil {
		return failed("making a file", err)
	}
	err = fill(part)
	if err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err == nil {
		err = place(part.Name())
	}
	if err != nil {
		_ = f.Remove(part.Name()) // or it is swept when the store is opened
		return failed("writing a file", err)
	}
	return failed("syncing a directory", f.SyncDir(dir))
}

// failed says what the disk has failed at, and whether it is full.
func failed(at string, err error) error {
	switch {
	case err == nil:
		return nil
	case strings.HasPrefix(err.Error(), "registry: "):
		return err // it says enough
	case isFull(err) && !errors.Is(err, ErrFull):
		return fmt.Errorf("%w: %s: %w", ErrFull, at, err)
	}
	return fmt.Errorf("registry: %s: %w", at, err)
}

// readAll returns a file's bytes, of which there may be so many.
func readAll(f files, path string, most int64) ([]byte, error) {
	opened, err := f.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(opened, most+1))
	return data, errors.Join(err, opened.Close())
}

// removeUnfinished takes away what a crash has left.
func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), unfinished) && !e.IsDir() {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
