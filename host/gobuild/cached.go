package gobuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Cached builds the plugin in dir once for each [Digest] and returns the
// module's file in cacheDir, which it makes if need be. It is meant for tests.
//
// It may run in several goroutines and processes at once: then some may build
// the same module, and each gets a whole file. Nothing is ever removed from
// cacheDir; it may be deleted at any time between calls. The errors are those
// of [Build].
func Cached(ctx context.Context, dir, cacheDir string) (path string, err error) {
	t, err := newToolchain(dir)
	if err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", fmt.Errorf("gobuild: %w", err)
	}
	if cacheDir, err = filepath.Abs(cacheDir); err != nil {
		return "", fmt.Errorf("gobuild: %w", err)
	}
	if err := os.MkdirAll(cacheDir, 0o777); err != nil {
		return "", fmt.Errorf("gobuild: %w", err)
	}
	const attempts = 3 // somebody may save a file while it is being built
	for range attempts {
		before, err := t.digest(ctx, cacheDir)
		if err != nil {
			return "", err
		}
		path := filepath.Join(cacheDir, filepath.Base(dir)+"-"+before[:32]+".wasm")
		if info, err := os.Stat(path); err == nil && info.Size() > 0 {
			return path, nil
		}
		err = t.build(ctx, path, func() error {
			after, err := t.digest(ctx, cacheDir)
			if err == nil && after != before {
				return errChanged
			}
			return err
		})
		if !errors.Is(err, errChanged) {
			return path, err
		}
	}
	return "", fmt.Errorf("%s: %w", dir, errChanged)
}

var errChanged = errors.New("gobuild: the source changed while it was being built; try again")

// Digest returns a hexadecimal digest of what a build of dir depends on: the
// version of the toolchain, and the names and contents of all files in dir and
// in the directories that replace modules in its go.mod. It leaves out .git,
// node_modules, and whatever is in the directories of except.
//
// Files that have nothing to do with the build are not told apart: a change to
// one changes the digest. The errors are those of [Build].
func Digest(ctx context.Context, dir string, except ...string) (string, error) {
	t, err := newToolchain(dir)
	if err != nil {
		return "", err
	}
	return t.digest(ctx, except...)
}

func (t *toolchain) digest(ctx context.Context, except ...string) (string, error) {
	version, err := t.run(ctx, nil, "env", "GOVERSION", "GOEXPERIMENT", "GOWASM")
	if err != nil {
		return "", err
	}
	roots, err := t.replacements(ctx)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "gobuild 1\n%q\n", version) // raise the number when Build changes
	for _, root := range append([]string{"."}, roots...) {
		fmt.Fprintf(h, "%q\n", filepath.ToSlash(root))
		if !filepath.IsAbs(root) {
			root = filepath.Join(t.dir, root)
		}
		if err := hashTree(h, root, except); err != nil {
			return "", fmt.Errorf("gobuild: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// replacements returns the directories that stand for modules in go.mod, as
// they are written there. Only the main module's count for the go command.
func (t *toolchain) replacements(ctx context.Context) ([]string, error) {
	out, err := t.run(ctx, nil, "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var mod struct {
		Replace []struct {
			New struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return nil, fmt.Errorf("gobuild: go mod edit -json: %w", err)
	}
	var dirs []string
	for _, r := range mod.Replace {
		if r.New.Version == "" {
			dirs = append(dirs, r.New.Path)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), nil
}

// hashTree adds the files below root. A file that vanishes meanwhile counts as
// not there.
func hashTree(h hash.Hash, root string, except []string) error {
	if _, err := os.Stat(root); err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case path == root, !d.IsDir() && d.Name() == ".git": // a file, in a worktree
			return nil
		case d.IsDir():
			return skip(path, except)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return hashFile(h, filepath.ToSlash(name), path)
	})
}

func skip(dir string, except []string) error {
	name := filepath.Base(dir)
	if name == ".git" || name == "node_modules" || strings.HasPrefix(name, tempPrefix) {
		return fs.SkipDir
	}
	for _, e := range except {
		if sameFile(e, dir) {
			return fs.SkipDir
		}
	}
	return nil
}

func sameFile(a, b string) bool {
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}

// hashFile adds a regular file, or the one that a symbolic link leads to; the go
// command does not follow links to directories.
func hashFile(h hash.Hash, name, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	content := sha256.New()
	if _, err := io.Copy(content, f); err != nil {
		return err
	}
	fmt.Fprintf(h, "%q %x\n", name, content.Sum(nil))
	return nil
}
