package dev

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chhost/chhost/host"
)

func get(t *testing.T, h http.Handler, path string) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	body, err := io.ReadAll(w.Result().Body)
	must(t, err)
	return w.Result(), string(body)
}

// TestPages: a page of the plugin's own is served as it is at that moment, and
// the built-in one beside it, under a strict policy.
func TestPages(t *testing.T) {
	web := filepath.Join(t.TempDir(), "web")
	h := pages(&journal{out: io.Discard, web: web})
	if r, _ := get(t, h, "/"); r.StatusCode != http.StatusFound || r.Header.Get("Location") != "/dev/" {
		t.Errorf("without a page of its own, / is answered %d to %q, want the built-in page", r.StatusCode, r.Header.Get("Location"))
	}
	if r, _ := get(t, h, "/chat.css"); r.StatusCode != http.StatusNotFound {
		t.Errorf("a file that is not there: %d", r.StatusCode)
	}
	for _, edit := range []string{"first", "second"} {
		put(t, filepath.Join(web, "index.html"), edit)
		if r, body := get(t, h, "/"); body != edit || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("its own page: %q, %v; want %q, and not from a cache", body, r.Header, edit)
		}
	}
	served := 0
	must(t, fs.WalkDir(builtIn, "page", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		served++
		name := strings.TrimPrefix(path, "page/")
		r, _ := get(t, h, "/dev/"+name)
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") == "" ||
			!strings.HasPrefix(r.Header.Get("Content-Security-Policy"), "default-src 'self';") || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("/dev/%s: %d, %v", name, r.StatusCode, r.Header)
		}
		return nil
	}))
	if r, body := get(t, h, "/dev/"); served < 3 || r.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(body, "/chhost.js") {
		t.Errorf("/dev/: %v\n%s", r.Header, body)
	}
	for _, path := range []string{"/dev/absent.js", "/dev/page/", "/dev/../dev.go"} {
		if r, _ := get(t, h, path); r.StatusCode == http.StatusOK {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if r, body := get(t, h, "/chhost.js"); r.StatusCode != http.StatusOK || !strings.Contains(body, "phx_join") {
		t.Errorf("/chhost.js: %d", r.StatusCode)
	}
}

// TestState: the page learns what the terminal was told.
func TestState(t *testing.T) {
	j := &journal{out: io.Discard, state: state{Plugin: "food", Topics: []string{"foods:*"}, Mount: "/socket", Version: "food@1"}}
	h := pages(j)
	expect := func(want map[string]any) {
		t.Helper()
		r, body := get(t, h, "/dev/state")
		got := map[string]any{}
		must(t, json.Unmarshal([]byte(body), &got))
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%s is %v, want %v", key, got[key], value)
			}
		}
		if r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("the answer may be kept: %v", r.Header)
		}
	}
	expect(map[string]any{"plugin": "food", "mount": "/socket", "version": "food@1", "building": false, "page": false, "error": nil})
	j.began(moduleFile{}, "")
	expect(map[string]any{"building": true})
	j.failed(errors.New("main.go:1:1: no\n"))
	expect(map[string]any{"building": false, "error": "main.go:1:1: no", "version": "food@1"})
	j.began(moduleFile{}, "")
	expect(map[string]any{"building": true, "error": "main.go:1:1: no"})
	j.serving(host.Deployment{Version: "food@2", Previous: "food@1", Moved: 3, Stayed: 1}, 0)
	expect(map[string]any{"building": false, "error": nil, "version": "food@2", "note": "food@2 is serving: 3 channels moved, 1 stayed on food@1"})
	j.failed(errors.New("no"))
	j.unchanged(0)
	expect(map[string]any{"building": false, "error": nil, "version": "food@2"})
}

// TestWatchingIsToldOnce: a place that cannot be watched is named once, not at
// every build.
func TestWatchingIsToldOnce(t *testing.T) {
	var out strings.Builder
	j := &journal{out: &out}
	for _, err := range []error{errors.New("a"), errors.New("a"), nil, errors.New("b")} {
		j.watching(err)
	}
	const hint = "\nChanges there will not be seen.\n"
	if out.String() != "a"+hint+"b"+hint {
		t.Errorf("told:\n%s", &out)
	}
}
