package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesAreFresh fails while a generated file is not what the table says.
func TestFilesAreFresh(t *testing.T) {
	files, err := render()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, err := findRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if fault := f.stale(root); fault != "" {
			t.Error(fault)
		}
	}
}

// stale says where the file below root first differs from what it should be, or
// "" if it does not.
func (f file) stale(root string) string {
	const remedy = ": run `go generate ./abi` and look at what changed"
	have, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f.path)))
	if err != nil {
		return f.path + " cannot be read (" + err.Error() + ")" + remedy
	}
	// A checkout may have turned line ends into those of Windows.
	have = bytes.ReplaceAll(have, []byte("\r\n"), []byte("\n"))
	if bytes.Equal(have, f.text) {
		return ""
	}
	got, want := strings.Split(string(have), "\n"), strings.Split(string(f.text), "\n")
	for i := range got {
		if i >= len(want) || got[i] != want[i] {
			wanted := "the end"
			if i < len(want) {
				wanted = want[i]
			}
			return f.path + " is stale" + remedy + "\n\thas   " + got[i] + "\n\twants " + wanted
		}
	}
	return f.path + " is stale" + remedy + "\n\tit lacks " + want[len(got)]
}

// TestStaleFilesAreFound holds the golden test itself to what it promises, and
// the generator to writing only what changed.
func TestStaleFilesAreFound(t *testing.T) {
	root := t.TempDir()
	files, err := render()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 4 {
		t.Errorf("%d files are generated, want 4", len(files))
	}
	for _, f := range files {
		if f.stale(root) == "" {
			t.Errorf("%s is missing and passes for fresh", f.path)
		}
		for _, want := range []bool{true, false} {
			changed, err := f.write(root)
			if err != nil || changed != want {
				t.Fatalf("%s: written %v, want %v (%v)", f.path, changed, want, err)
			}
		}
		if fault := f.stale(root); fault != "" {
			t.Error(fault)
		}
		name := filepath.Join(root, filepath.FromSlash(f.path))
		for _, spoilt := range [][]byte{
			bytes.Replace(f.text, []byte("72"), []byte("73"), 1),
			f.text[:len(f.text)/2],
			append(bytes.Clone(f.text), "more\n"...),
			nil,
		} {
			if err := os.WriteFile(name, spoilt, 0o644); err != nil {
				t.Fatal(err)
			}
			fault := f.stale(root)
			if !strings.Contains(fault, f.path) || !strings.Contains(fault, "go generate ./abi") {
				t.Errorf("%s was spoilt, the test says %q", f.path, fault)
			}
		}
	}
}

func TestFindRoot(t *testing.T) {
	root := t.TempDir()
	sdk := filepath.Join(root, "guest-sdk", "go", "chhost")
	if err := os.MkdirAll(sdk, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := findRoot(sdk); err == nil {
		t.Error("found a root where there is none")
	}
	for dir, text := range map[string]string{
		root:              module + "\r\n\ngo 1.25\n",
		filepath.Dir(sdk): module + "/guest-sdk/go\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{root, sdk} {
		if got, err := findRoot(dir); err != nil || got != root {
			t.Errorf("from %s: %q, %v", dir, got, err)
		}
	}
}
