package gobuild_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chhost/chhost/host/gobuild"
)

func cached(t *testing.T, dir, cache string) string {
	t.Helper()
	path, err := gobuild.Cached(testContext(t), dir, cache)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCached(t *testing.T) {
	// The cache may lie in the plugin and still not count as its source.
	dir := plugin(t)
	cache := filepath.Join(dir, ".cache", "guests")
	first := cached(t, dir, cache)
	checkModule(t, first)
	checkOnly(t, cache, filepath.Base(first))
	if !filepath.IsAbs(first) || !strings.HasPrefix(filepath.Base(first), "plugin-") {
		t.Errorf("got %s", first)
	}

	// A mark in the file shows whether it was built again.
	if err := os.WriteFile(first, []byte("mark"), 0o666); err != nil {
		t.Fatal(err)
	}
	if again := cached(t, dir, cache); again != first {
		t.Errorf("nothing changed, but got %s after %s", again, first)
	}
	if data, err := os.ReadFile(first); err != nil || string(data) != "mark" {
		t.Errorf("it was built again (%v)", err)
	}

	// An empty file, as a crash of the machine may leave it, does not count.
	if err := os.Truncate(first, 0); err != nil {
		t.Fatal(err)
	}
	checkModule(t, cached(t, dir, cache))

	write(t, dir, map[string]string{"../sdk/sdk.go": "package sdk\n\nconst Answer = 43\n"})
	second := cached(t, dir, cache)
	if second == first {
		t.Error("a change in a replaced module went unnoticed")
	}
	checkModule(t, second)
}

func TestDigest(t *testing.T) {
	dir := plugin(t)
	digest := func() string {
		t.Helper()
		d, err := gobuild.Digest(testContext(t), dir, filepath.Join(dir, "out"))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	last := digest()
	if digest() != last {
		t.Error("the digest of the same files differs")
	}
	for _, change := range []struct {
		file, text string
		counts     bool
	}{
		{"main_test.go", "package main\n", true},
		{"web/index.html", "hello", true},
		{"web/index.html", "hello!", true},
		{"../sdk/deep/er/x.go", "package er\n", true},
		{"go.sum", "", true},
		{".git/HEAD", "x", false},
		{"web/.git", "gitdir: elsewhere", false},
		{"node_modules/x/index.js", "x", false},
		{"web/node_modules/x/index.js", "x", false},
		{".gobuild-123/x.wasm", "x", false},
		{"out/x.wasm", "x", false},
		{"../elsewhere/x.go", "package x\n", false},
	} {
		write(t, dir, map[string]string{change.file: change.text})
		now := digest()
		if (now != last) != change.counts {
			t.Errorf("%s: the digest changed: %v, want %v", change.file, now != last, change.counts)
		}
		last = now
	}
	if err := os.Rename(filepath.Join(dir, "web", "index.html"), filepath.Join(dir, "web", "main.html")); err != nil {
		t.Fatal(err)
	}
	if now := digest(); now == last {
		t.Error("a new name went unnoticed")
	}
}

func TestDigestFollowsLinksToFiles(t *testing.T) {
	dir := plugin(t)
	target := filepath.Join(write(t, t.TempDir(), map[string]string{"x.txt": "one"}), "x.txt")
	if err := os.Symlink(target, filepath.Join(dir, "x.txt")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	for _, dangling := range []string{"nowhere", filepath.Dir(target)} { // and a directory
		if err := os.Symlink(dangling, filepath.Join(dir, "to"+filepath.Base(dangling))); err != nil {
			t.Fatal(err)
		}
	}
	before, err := gobuild.Digest(testContext(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(target, []byte("two"), 0o666); err != nil {
		t.Fatal(err)
	}
	if after, err := gobuild.Digest(testContext(t), dir); err != nil || after == before {
		t.Errorf("a change behind a link went unnoticed (error %v)", err)
	}
}

// TestCachedAtOnce: nothing is shared in memory, so goroutines stand for
// processes here.
func TestCachedAtOnce(t *testing.T) {
	dir, cache := plugin(t), t.TempDir()
	var paths [4]string
	var running sync.WaitGroup
	for i := range paths {
		running.Go(func() {
			path, err := gobuild.Cached(testContext(t), dir, cache)
			if err != nil {
				t.Error(err)
				return
			}
			checkModule(t, path)
			paths[i] = path
		})
	}
	running.Wait()
	checkOnly(t, cache, filepath.Base(paths[0]))
	for _, path := range paths {
		if path != paths[0] {
			t.Errorf("got %s and %s", path, paths[0])
		}
	}
}

// TestChangedMeanwhile: a file that is saved during the build must not end up
// under the digest of what it was before.
func TestChangedMeanwhile(t *testing.T) {
	dir, cache := plugin(t), t.TempDir()
	t.Setenv("EDITED", filepath.Join(dir, "edited.go"))
	fakeGo(t, `if [ "$1" = build ] && [ ! -e "$EDITED" ]; then echo "package main" >"$EDITED"; fi
exec "$REAL" "$@"
`)
	path := cached(t, dir, cache)
	checkModule(t, path)
	digest, err := gobuild.Digest(testContext(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(path, digest[:32]) {
		t.Errorf("got %s, but the digest is %s", path, digest)
	}
	checkOnly(t, cache, filepath.Base(path))
}

func TestChangesAllTheTime(t *testing.T) {
	dir, cache := plugin(t), t.TempDir()
	t.Setenv("EDITED", filepath.Join(dir, "edited.go"))
	fakeGo(t, `if [ "$1" = build ]; then echo "package main // $$" >"$EDITED"; fi
exec "$REAL" "$@"
`)
	if path, err := gobuild.Cached(testContext(t), dir, cache); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("got %s, error %v", path, err)
	}
	checkOnly(t, cache)
}

func TestCachedErrors(t *testing.T) {
	cache := t.TempDir()
	if _, err := gobuild.Cached(testContext(t), t.TempDir(), cache); !errors.Is(err, gobuild.ErrNoModule) {
		t.Errorf("no go.mod: got %v", err)
	}
	dir := plugin(t)
	write(t, dir, map[string]string{"broken.go": "package main\n\nbroken\n"})
	var be *gobuild.BuildError
	if _, err := gobuild.Cached(testContext(t), dir, cache); !errors.As(err, &be) {
		t.Errorf("broken source: got %v", err)
	}
	write(t, dir, map[string]string{"go.mod": "no such directive\n"})
	if _, err := gobuild.Cached(testContext(t), dir, cache); !errors.As(err, &be) || !strings.Contains(be.Text, "go.mod:1") {
		t.Errorf("broken go.mod: got %v", err)
	}
	write(t, dir, map[string]string{"go.mod": "module example.com/tiny\n\ngo 1.24\n\nreplace example.com/sdk => ../gone\n"})
	if _, err := gobuild.Cached(testContext(t), dir, cache); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a replacement that is not there: got %v", err)
	}
	checkOnly(t, cache)
}
