package dev

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/chhost/chhost/host/gobuild"
)

const separator = string(filepath.Separator)

// inputs say which files a module is made from. All paths are absolute. They are
// not changed once they are made.
type inputs struct {
	// packages are directories whose Go files count.
	packages []string
	// files are single files.
	files []string
	// embedded are files by pattern.
	embedded []gobuild.Embedded
}

// count reports whether a change of the file can change the module.
func (in inputs) count(file string) bool {
	if slices.Contains(in.files, file) {
		return true
	}
	name := filepath.Base(file)
	if isGoSource(name) && slices.Contains(in.packages, filepath.Dir(file)) {
		return true
	}
	return slices.ContainsFunc(in.embedded, func(e gobuild.Embedded) bool {
		within, ok := below(e.Dir, file)
		return ok && (within == e.Pattern || !isTemporary(name) &&
			depth(within) >= depth(e.Pattern) && agree(e.Pattern, within))
	})
}

// countDir reports whether the coming or going of a directory can change the
// module: an input lies in it, or would lie in it.
func (in inputs) countDir(dir string) bool {
	holds := func(path string) bool { return path == dir || strings.HasPrefix(path, dir+separator) }
	return slices.ContainsFunc(in.packages, holds) || slices.ContainsFunc(in.files, holds) ||
		slices.ContainsFunc(in.embedded, func(e gobuild.Embedded) bool {
			within, ok := below(e.Dir, dir)
			return ok && agree(e.Pattern, within)
		})
}

// below returns path relative to dir, if it lies below it.
func below(dir, path string) (string, bool) { return strings.CutPrefix(path, dir+separator) }

func depth(path string) int { return strings.Count(path, separator) }

// agree reports whether a pattern and a path have the same beginning, as far as
// the shorter one goes.
func agree(pattern, path string) bool {
	want, have := strings.Split(pattern, separator), strings.Split(path, separator)
	for i := range min(len(want), len(have)) {
		if ok, err := filepath.Match(want[i], have[i]); !ok || err != nil {
			return false
		}
	}
	return true
}

// isGoSource reports whether the go command would compile the file.
func isGoSource(name string) bool {
	switch filepath.Ext(name) {
	case ".go", ".s", ".h":
		return name[0] != '.' && name[0] != '_' && !strings.HasSuffix(name, "_test.go")
	}
	return false
}

// isTemporary knows the files by which editors and other programs keep their own
// affairs. Among Go files none has to be known: they have other endings.
func isTemporary(name string) bool {
	switch filepath.Ext(name) {
	case ".swp", ".swo", ".swx", ".tmp":
		return true
	}
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") || strings.HasSuffix(name, "~") ||
		strings.Contains(name, "___jb_") || name == "4913" // so vim finds out whether it may write
}

// places lists the directories in which inputs lie or would lie; some may not
// exist.
func (in inputs) places() []string {
	dirs := slices.Clone(in.packages)
	for _, file := range in.files {
		dirs = append(dirs, filepath.Dir(file))
	}
	for _, e := range in.embedded {
		dirs = appendEmbedded(dirs, e)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// appendEmbedded appends the directories where embedded files come and go: those
// that a beginning of the pattern matches, and all below a match.
func appendEmbedded(dirs []string, e gobuild.Embedded) []string {
	matches, _ := fs.Glob(os.DirFS(e.Dir), filepath.ToSlash(e.Pattern)) // the go command reports a bad pattern
	for _, match := range matches {
		_ = filepath.WalkDir(filepath.Join(e.Dir, match), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil // what cannot be read cannot be embedded either
		})
	}
	for at := filepath.Dir(e.Pattern); at != "."; at = filepath.Dir(at) {
		matches, _ := fs.Glob(os.DirFS(e.Dir), filepath.ToSlash(at))
		for _, match := range matches {
			if path := filepath.Join(e.Dir, match); isDir(path) {
				dirs = append(dirs, path)
			}
		}
	}
	return dirs
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
