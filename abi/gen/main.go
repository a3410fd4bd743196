// Command gen renders abi for the guest SDKs and for ABI.md.
//
// It rewrites every file that is made from the table, wherever in the repository
// it is called:
//
//	go generate ./abi
//	go run ./abi/gen
//
// The tests of this package fail while one of those files is stale.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// module is the first line of the go.mod that marks the repository's root; the
// modules inside the repository have longer names.
const module = "module github.com/chhost/chhost"

func main() {
	os.Exit(doMain(os.Stdout, os.Stderr))
}

func doMain(stdout, stderr io.Writer) int {
	if err := run(stdout); err != nil {
		fmt.Fprintln(stderr, "abi/gen:", err)
		return 1
	}
	return 0
}

// run renders everything before it writes anything, and writes only what
// changed.
func run(stdout io.Writer) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	root, err := findRoot(dir)
	if err != nil {
		return err
	}
	files, err := render()
	if err != nil {
		return err
	}
	for _, f := range files {
		changed, err := f.write(root)
		if err != nil {
			return err
		}
		if changed {
			fmt.Fprintln(stdout, f.path)
		}
	}
	return nil
}

// findRoot returns the nearest directory above that is the repository's root.
func findRoot(dir string) (string, error) {
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		first, _, _ := bytes.Cut(text, []byte("\n"))
		if string(bytes.TrimSpace(first)) == module {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("run it inside the repository: no go.mod above says " + module)
		}
		dir = parent
	}
}

// write replaces the file below root and reports whether that changed it.
func (f file) write(root string) (bool, error) {
	name := filepath.Join(root, filepath.FromSlash(f.path))
	old, err := os.ReadFile(name)
	if err == nil && bytes.Equal(old, f.text) {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return false, err
	}
	return true, os.WriteFile(name, f.text, 0o644)
}
