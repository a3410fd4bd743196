package dev

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/gobuild"
)

// deadline bounds every wait; it passes only when a test fails.
const deadline = time.Minute

// watched is a watch of a directory, and a way to know that all that was done in
// it so far has been noticed: a last file, which counts, is moved in.
type watched struct {
	*watch
	t     *testing.T
	dir   string
	marks int
}

func watchDir(t *testing.T, dir string, in inputs) *watched {
	w, err := openWatch(slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		w.run()
		close(ended)
	}()
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	if err := w.follow(in); err != nil {
		t.Fatal(err)
	}
	return &watched{watch: w, t: t, dir: dir}
}

// mark moves a file in, which is one event, and returns its name.
func (w *watched) mark() string {
	w.t.Helper()
	w.marks++
	from := filepath.Join(w.t.TempDir(), "mark.go")
	to := filepath.Join(w.dir, fmt.Sprintf("mark_%d.go", w.marks))
	put(w.t, from, "")
	must(w.t, os.Rename(from, to))
	return to
}

func (w *watched) next() string {
	w.t.Helper()
	select {
	case name := <-w.changes:
		return name
	case <-time.After(deadline):
		w.t.Fatal("no change was told")
		return ""
	}
}

// first returns what is told first of a deed, relative to the directory, or
// nothing; and leaves nothing of it behind.
func (w *watched) first(deed func()) string {
	w.t.Helper()
	deed()
	mark := w.mark()
	name := w.next()
	for last := name; last != mark; last = w.next() {
		mark = w.mark() // the one before was not added to what was waiting
	}
	if strings.HasPrefix(filepath.Base(name), "mark_") {
		return ""
	}
	rel, err := filepath.Rel(w.dir, name)
	must(w.t, err)
	return filepath.ToSlash(rel)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, name, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(name), 0o777))
	must(t, os.WriteFile(name, []byte(content), 0o666))
}

// TestWatchTellsOfInputs does what editors and people do, in one directory after
// the other.
func TestWatchTellsOfInputs(t *testing.T) {
	root := t.TempDir()
	dir, sdk := filepath.Join(root, "food"), filepath.Join(root, "sdk")
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	for _, name := range []string{"go.mod", "main.go", "web/index.html", "words/words.go", "data/old.txt", "data/.list.swp", "logo.svg"} {
		put(t, at(name), "")
	}
	put(t, filepath.Join(sdk, "sdk.go"), "")
	w := watchDir(t, dir, inputs{
		packages: []string{dir, at("words"), at("later"), sdk},
		files:    []string{at("go.mod"), at("go.sum")},
		embedded: []gobuild.Embedded{{Dir: dir, Pattern: filepath.FromSlash("data/*.txt")}, {Dir: dir, Pattern: filepath.FromSlash("data/*/x.txt")},
			{Dir: dir, Pattern: "logo.svg"}, {Dir: at("words"), Pattern: "lists"}},
	})
	write := func(name string) func() { return func() { put(t, at(name), "changed") } }
	replace := func(name string) func() {
		return func() { // as vim does: the old file becomes the backup
			must(t, os.WriteFile(at("4913"), nil, 0o666))
			must(t, os.Remove(at("4913")))
			must(t, os.Rename(at(name), at(name+"~")))
			put(t, at(name), "replaced")
			must(t, os.Remove(at(name+"~")))
		}
	}
	for _, c := range []struct {
		what string
		deed func()
		want string
	}{
		{"a file is written", write("main.go"), "main.go"},
		{"a file is replaced", replace("main.go"), "main.go"},
		{"and written again", write("main.go"), "main.go"},
		{"a file is moved over another", func() { must(t, os.Rename(at("words/words.go"), at("main.go"))) }, "words/words.go"},
		{"a file appears", write("second.go"), "second.go"},
		{"a file goes", func() { must(t, os.Remove(at("second.go"))) }, "second.go"},
		{"another package", write("words/more.go"), "words/more.go"},
		{"another module", func() { put(t, filepath.Join(sdk, "sdk.go"), "changed") }, "../sdk/sdk.go"},
		{"go.mod", write("go.mod"), "go.mod"},
		{"go.sum appears", write("go.sum"), "go.sum"},
		{"an embedded file", write("logo.svg"), "logo.svg"},
		{"a file that a pattern names appears", write("data/new.txt"), "data/new.txt"},
		{"a directory that a pattern goes through appears", func() { must(t, os.Mkdir(at("data/more"), 0o777)) }, "data/more"},
		{"an embedded directory appears", func() { must(t, os.Mkdir(at("words/lists"), 0o777)) }, "words/lists"},
		{"an imported package appears", func() { must(t, os.Mkdir(at("later"), 0o777)) }, "later"},
		{"a package goes", func() { must(t, os.RemoveAll(at("words"))) }, "words/more.go"},

		{"a test", write("main_test.go"), ""},
		{"a page", write("web/index.html"), ""},
		{"a module", write("food.wasm"), ""},
		{"prose", write("README.md"), ""},
		{"vim's swap file", write(".main.go.swp"), ""},
		{"emacs' lock", func() { must(t, os.Symlink("nowhere", at(".#main.go"))) }, ""},
		{"emacs' copy", write("#main.go#"), ""},
		{"a backup", write("main.go~"), ""},
		{"a file that the go command ignores", write("_scratch.go"), ""},
		{"a swap file beside embedded files", write("data/.list.txt"), ""},
		{"a file beside embedded files", write("data/list.csv"), ""},
		{"a file where a directory would count", write("data/README"), ""},
		{"a file is read", func() { _, _ = os.ReadFile(at("main.go")) }, ""},
		{"its mode changes", func() { must(t, os.Chmod(at("main.go"), 0o600)) }, ""},
		{"a directory appears", func() { must(t, os.Mkdir(at("notes"), 0o777)) }, ""},
	} {
		if got := w.first(c.deed); got != c.want {
			t.Errorf("%s: told of %q, want %q", c.what, got, c.want)
		}
	}
}

// TestWatchOfComingAndGoing: directories are removed, renamed, and come back with
// other files.
func TestWatchOfComingAndGoing(t *testing.T) {
	root := t.TempDir()
	dir, plugin := filepath.Join(root, "here"), filepath.Join(root, "a", "b", "plugin")
	put(t, filepath.Join(dir, "x.go"), "")
	put(t, filepath.Join(plugin, "main.go"), "")
	put(t, filepath.Join(plugin, "data", "deep", "x.txt"), "")
	in := inputs{packages: []string{dir, plugin}, embedded: []gobuild.Embedded{{Dir: plugin, Pattern: "data"}}}
	w := watchDir(t, dir, in)
	tells := func(what string, deed func()) {
		t.Helper()
		if w.first(deed) == "" {
			t.Errorf("%s: nothing was told", what)
		}
		must(t, w.follow(in)) // as before every build
	}
	save := func(name string) func() { return func() { put(t, filepath.Join(plugin, name), "changed") } }

	tells("a file below an embedded directory", save("data/deep/y.txt"))
	tells("a new directory there", save("data/deep/er/z.txt"))
	tells("a file in that", save("data/deep/er/z.txt"))
	tells("the plugin is removed", func() { must(t, os.RemoveAll(plugin)) })
	tells("and comes back", save("main.go"))
	tells("and is changed", save("main.go"))
	tells("it is renamed", func() { must(t, os.Rename(plugin, plugin+".old")) })
	tells("another takes its place", save("main.go"))
	tells("and is changed", save("main.go"))
	tells("all above it is removed", func() { must(t, os.RemoveAll(filepath.Join(root, "a"))) })
	tells("a part comes back", func() { must(t, os.Mkdir(filepath.Join(root, "a"), 0o777)) })
	tells("the rest comes back", save("main.go"))
	tells("and is changed", save("main.go"))
	tells("it is replaced at once", func() {
		put(t, filepath.Join(root, "new", "main.go"), "")
		must(t, os.Rename(plugin, plugin+".old"))
		must(t, os.Rename(filepath.Join(root, "new"), plugin))
	})
	tells("and is changed", save("main.go"))

	if got := w.first(func() { put(t, filepath.Join(plugin+".old", "main.go"), "changed") }); got != "" {
		t.Errorf("told of %q in the directory that was moved away", got)
	}
	must(t, w.follow(inputs{packages: []string{dir}}))
	if got := w.first(save("main.go")); got != "" {
		t.Errorf("told of %q, which is no input any more", got)
	}
	if list := w.files.WatchList(); !slices.Equal(list, []string{dir}) {
		t.Errorf("watched at the end: %v, want %s alone", list, dir)
	}
}

// TestWatchOfModuleFile: the directory is not there yet, the file is a link, and
// compilers write it in their ways.
func TestWatchOfModuleFile(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "target", "release")
	put(t, filepath.Join(out, "food.wasm"), "1")
	link := filepath.Join(dir, "food.wasm")
	must(t, os.Symlink(filepath.Join(out, "food.wasm"), link))
	source, err := open(link)
	must(t, err)
	in, err := source.inputs(t.Context())
	must(t, err)
	in.packages = []string{dir} // for the marks
	w := watchDir(t, dir, in)
	for _, c := range []struct {
		what string
		deed func()
		told bool
	}{
		{"written where it is built", func() { put(t, filepath.Join(out, "food.wasm"), "2") }, true},
		{"moved over it there", func() {
			put(t, filepath.Join(out, "food.wasm.tmp"), "3")
			must(t, os.Rename(filepath.Join(out, "food.wasm.tmp"), filepath.Join(out, "food.wasm")))
		}, true},
		{"another file there", func() { put(t, filepath.Join(out, "food.d"), "") }, false},
		{"the link goes", func() { must(t, os.Remove(link)) }, true},
		{"a file takes its place", func() { put(t, link, "4") }, true},
		{"another module", func() { put(t, filepath.Join(dir, "other.wasm"), "") }, false},
		{"the directory where it is built goes", func() { must(t, os.RemoveAll(filepath.Dir(out))) }, true},
		{"and comes back", func() { must(t, w.follow(in)); must(t, os.Mkdir(filepath.Dir(out), 0o777)) }, true},
	} {
		if told := w.first(c.deed) != ""; told != c.told {
			t.Errorf("%s: told %v, want %v", c.what, told, c.told)
		}
	}
}
