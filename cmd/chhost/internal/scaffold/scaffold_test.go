package scaffold

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// checkout makes a directory that looks like a checkout of chhost.
func checkout(t *testing.T, dir string) {
	t.Helper()
	write(t, filepath.Join(dir, "guest-sdk/go/go.mod"), "module "+sdkModule+"\n\ngo 1.24\n")
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

// tempDir is a directory without symbolic links on the way to it.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// entries lists what is in a directory.
func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestMake(t *testing.T) {
	dir := tempDir(t)
	checkout(t, dir)
	made, err := Make(Config{Name: "soups", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".gitignore", "README.md", "go.mod", "main.go", "main_test.go", "conversations/lobby.txt", "web/index.html", "web/app.js", "web/style.css"} {
		if !slices.Contains(made.Files, name) {
			t.Errorf("%s is not listed in %v", name, made.Files)
		}
	}
	for _, name := range made.Files {
		content, err := os.ReadFile(filepath.Join(dir, "soups", filepath.FromSlash(name)))
		if err != nil || len(content) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(content), err)
		}
		if strings.Contains(string(content), "{{") {
			t.Errorf("%s is a template still:\n%s", name, content)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "soups")); err != nil || info.Mode().Perm()&0o055 == 0 {
		t.Errorf("others cannot read the directory: %v, %v", info.Mode(), err)
	}
	if got := entries(t, dir); !slices.Equal(got, []string{"guest-sdk", "soups"}) {
		t.Errorf("beside it are %v", got)
	}
}

// TestNothingIsOverwritten: whatever there is stays, and nothing half made is
// left beside it.
func TestNothingIsOverwritten(t *testing.T) {
	for name, occupy := range map[string]func(target string) error{
		"a directory": func(target string) error { return os.Mkdir(target, 0o777) },
		"a file":      func(target string) error { return os.WriteFile(target, []byte("mine"), 0o666) },
		"a link":      func(target string) error { return os.Symlink("nowhere", target) },
	} {
		dir := tempDir(t)
		checkout(t, dir)
		if err := occupy(filepath.Join(dir, "soups")); err != nil {
			t.Fatal(err)
		}
		before, err := os.Lstat(filepath.Join(dir, "soups"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Make(Config{Name: "soups", Dir: dir}); !errors.Is(err, ErrExists) {
			t.Errorf("%s: err = %v, want ErrExists", name, err)
		}
		if after, err := os.Lstat(filepath.Join(dir, "soups")); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s is another one: %v, %v", name, after, err)
		}
		if got := entries(t, dir); !slices.Equal(got, []string{"guest-sdk", "soups"}) {
			t.Errorf("%s: beside it are %v", name, got)
		}
	}
}

// TestNothingHalfMade: an error on the way leaves nothing, and a name that was
// taken meanwhile is not overwritten.
func TestNothingHalfMade(t *testing.T) {
	dir := tempDir(t)
	full := errors.New("the disk is full")
	err := whole(filepath.Join(dir, "soups"), func(dir string) error {
		write(t, filepath.Join(dir, "main.go"), "package main")
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("err = %v", err)
	}
	if got := entries(t, dir); len(got) > 0 {
		t.Errorf("left behind: %v", got)
	}
	err = whole(filepath.Join(dir, "soups"), func(string) error {
		write(t, filepath.Join(dir, "soups/mine"), "mine")
		return nil
	})
	if err == nil {
		t.Error("a directory that was made meanwhile is replaced")
	}
	if got := entries(t, filepath.Join(dir, "soups")); !slices.Equal(got, []string{"mine"}) {
		t.Errorf("the other's directory holds %v", got)
	}
	if got := entries(t, dir); !slices.Equal(got, []string{"soups"}) {
		t.Errorf("left behind: %v", got)
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"foods", "f", "my-room_2", strings.Repeat("a", 64)} {
		if err := checkName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "Foods", "7up", "-x", "a b", "é", "a.b", "a*", "log", "testing", "main", "con", "all", strings.Repeat("a", 65)} {
		if err := checkName(name); !errors.Is(err, ErrName) {
			t.Errorf("%q: err = %v, want ErrName", name, err)
		}
	}
}

// TestStandardPackages holds the list against the toolchain's.
func TestStandardPackages(t *testing.T) {
	out, err := exec.Command("go", "list", "std").Output()
	if err != nil {
		t.Fatal(err)
	}
	known := standardPackages()
	for _, name := range strings.Fields(string(out)) {
		if !strings.Contains(name, "/") && !slices.Contains(known, name) {
			t.Errorf("%s is missing in standardPackages", name)
		}
	}
}

func TestLanguages(t *testing.T) {
	if got := Languages(); !slices.Equal(got, []string{"go"}) {
		t.Errorf("got %v", got)
	}
	for _, lang := range []string{"rust", "..", "go/web", "GO"} {
		if _, err := Make(Config{Name: "soups", Lang: lang, Dir: t.TempDir()}); !errors.Is(err, ErrLang) || !strings.Contains(err.Error(), "there are some for go") {
			t.Errorf("%s: err = %v, want ErrLang", lang, err)
		}
	}
}

// TestSDK: where the SDK is looked for, and how go.mod names it. The go command
// has to read the same.
func TestSDK(t *testing.T) {
	root := tempDir(t)
	at := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	checkout(t, at("inside"))
	checkout(t, at("beside/chhost"))
	checkout(t, at("odd name, (1)"))
	for _, dir := range []string{"inside/deep/er", "beside/work", "alone/work"} {
		if err := os.MkdirAll(at(dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(at("alone"))
	for name, c := range map[string]struct{ dir, sdk, want string }{
		"in a checkout":           {at("inside"), "", "../guest-sdk/go"},
		"deep in a checkout":      {at("inside/deep/er"), "", "../../../guest-sdk/go"},
		"above a checkout":        {at("beside"), "", "../chhost/guest-sdk/go"},
		"beside a checkout":       {at("beside/work"), "", "../../chhost/guest-sdk/go"},
		"given, a checkout":       {at("alone"), at("inside"), filepath.ToSlash(at("inside/guest-sdk/go"))},
		"given, the SDK":          {at("alone"), at("inside/guest-sdk/go"), filepath.ToSlash(at("inside/guest-sdk/go"))},
		"given, relative":         {"work", "../inside", "../../../inside/guest-sdk/go"},
		"given, with odd letters": {at("alone"), at("odd name, (1)"), filepath.ToSlash(at("odd name, (1)/guest-sdk/go"))},
	} {
		made, err := Make(Config{Name: "soups", Dir: c.dir, SDK: c.sdk})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if made.SDK != c.want {
			t.Errorf("%s: the SDK is %s, want %s", name, made.SDK, c.want)
		}
		plugin := filepath.Join(c.dir, "soups")
		if got := replaced(t, plugin); got != c.want {
			t.Errorf("%s: go.mod says %s, want %s", name, got, c.want)
		}
		path := filepath.FromSlash(made.SDK)
		if !filepath.IsAbs(path) {
			path = filepath.Join(plugin, path)
		}
		if !isSDK(path) {
			t.Errorf("%s: the SDK is not in %s", name, path)
		}
		if err := os.RemoveAll(plugin); err != nil {
			t.Fatal(err)
		}
	}
	for _, sdk := range []string{"", "nowhere", at("alone")} {
		_, err := Make(Config{Name: "soups", Dir: at("alone"), SDK: sdk})
		if err == nil || !strings.Contains(err.Error(), "--sdk") {
			t.Errorf("--sdk %q: err = %v, want one that names --sdk", sdk, err)
		}
		if _, err := os.Stat(at("alone/soups")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("--sdk %q: something was made: %v", sdk, err)
		}
	}
}

// replaced is what the go command reads as the SDK's directory.
func replaced(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Replace []struct{ New struct{ Path string } }
	}
	if err := json.Unmarshal(out, &mod); err != nil || len(mod.Replace) != 1 {
		t.Fatalf("%s: %v", out, err)
	}
	return mod.Replace[0].New.Path
}

// TestPhysicalPath: a plugin that is made in a directory behind a symbolic link
// finds the SDK all the same.
func TestPhysicalPath(t *testing.T) {
	root := tempDir(t)
	checkout(t, filepath.Join(root, "real"))
	if err := os.MkdirAll(filepath.Join(root, "real/work"), 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(root, "link")
	if err := os.Symlink(filepath.Join(root, "real/work"), link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	made, err := Make(Config{Name: "soups", Dir: link})
	if err != nil || made.SDK != "../../guest-sdk/go" {
		t.Errorf("got %+v, %v", made, err)
	}
}
