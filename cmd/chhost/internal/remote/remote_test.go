package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

const secret = "chh_a-secret-that-nobody-repeats"

// serve is a client of a host that answers with f.
func serve(t *testing.T, f http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	c, err := New(Config{Server: server.URL, Token: secret, Agent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// What is sent says who asks, which revision is meant, and what the body is; names are
// never a part of the path's form.
func TestDo(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got := fmt.Sprint(r.Method, " ", r.RequestURI, " ", string(body))
		if want := `PUT /v1/tenants/a%2F..%2Fb?dry_run=1 {"hosts":["x"]}`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		for name, want := range map[string]string{
			"Authorization": "Bearer " + secret, "If-Match": `"7"`, "If-None-Match": "*", "Content-Type": "application/json", "Idempotency-Key": "once", "User-Agent": "test",
		} {
			if r.Header.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, r.Header.Get(name), want)
			}
		}
		w.Header().Set("ETag", `"8"`)
		_, _ = io.WriteString(w, " {\"revision\":8}\n")
	})
	answer, err := c.Do(t.Context(), Call{
		Method: http.MethodPut, Path: Path("v1", "tenants", "a/../b"), Query: map[string][]string{"dry_run": {"1"}},
		JSON: map[string]any{"hosts": []string{"x"}}, IfRevision: 7, IfMissing: true, Key: "once",
	})
	if err != nil || answer.Revision != 8 || string(answer.JSON) != `{"revision":8}` {
		t.Fatalf("%+v, %v", answer, err)
	}
	var list []string
	if err := answer.Into(&list); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("what is not expected: %v", err)
	}
}

// A refusal tells its code, all faults and what to do, and neither the token nor what a
// terminal would obey.
func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		want   []string
	}{
		"faults":   {422, `{"error":{"code":"invalid_module","message":"the module is refused","detail":{"faults":["one","two"]}}}`, []string{"the module is refused (invalid_module)\n  one\n  two"}},
		"a list":   {422, `{"error":{"code":"x","message":"m","detail":["one"]}}`, []string{"m (x)\n  one"}},
		"token":    {401, `{"error":{"code":"unauthorized","message":"no such token"}}`, []string{"no such token", "chhost login"}},
		"unknown":  {404, `{"error":{"code":"unknown","message":"no plugin \"foods\""}}`, []string{`no plugin "foods" (unknown)`, "chhost push", "chhost contexts"}},
		"revision": {412, `{"error":{"code":"revision_conflict","message":"it is 8"}}`, []string{"it is 8", "tenant show"}},
		"name":     {403, `{"error":{"code":"host_not_allowed","message":"not this name"}}`, []string{"not this name (host_not_allowed)", "--admin-host"}},
		"control":  {400, `{"error":{"code":"c\u001b[2J","message":"a\u001b]0;b\nc"}}`, []string{"a\ufffd]0;b\n  c (c\ufffd[2J)"}},
		"a page":   {502, `<html>bad gateway</html>`, []string{"502 Bad Gateway", "admin API"}},
		"empty":    {500, ``, []string{"500"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			_, err := c.Do(t.Context(), Call{Method: http.MethodGet, Path: "/v1"})
			var refused *Error
			if !errors.As(err, &refused) || refused.Status != test.status {
				t.Fatalf("%v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not contain %q", err, want)
				}
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error repeats the token: %v", err)
			}
		})
	}
}

// A host that sends its clients elsewhere does not get the token there.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	if _, err := c.Do(t.Context(), Call{Method: http.MethodGet, Path: "/"}); err == nil || !strings.Contains(err.Error(), "307") {
		t.Errorf("%v", err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	c, err := New(Config{Server: server.URL, Token: secret})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(t.Context(), Call{Method: http.MethodGet, Path: "/v1/tenants"})
	if err == nil || !strings.Contains(err.Error(), "does chhost serve --data run there") || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Do(ctx, Call{Method: http.MethodGet, Path: "/"}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestServers(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:4001": "http://127.0.0.1:4001", "http://[::1]:4001/": "http://[::1]:4001", "https://a.example.com/x/": "https://a.example.com/x",
		"": "", "ftp://a": "", "http://user:pass@a": "", "http://": "", "http://a?b": "",
	} {
		u, err := ParseServer(text)
		if (err == nil) != (want != "") || (err == nil && u.String() != want) {
			t.Errorf("%q: %v, %v, want %q", text, u, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "pass") {
			t.Errorf("the error repeats a password: %v", err)
		}
	}
	for server, ok := range map[string]bool{
		"http://10.0.0.1:4001": false, "http://chhost:4001": false, "http://127.0.0.1": true, "http://localhost:4001": true, "http://[::1]:1": true, "https://10.0.0.1": true,
	} {
		if _, err := New(Config{Server: server, Token: secret}); (err == nil) != ok {
			t.Errorf("%s with a token: %v", server, err)
		}
		if _, err := New(Config{Server: server, Token: secret, Plain: true}); err != nil {
			t.Errorf("%s, as was wanted: %v", server, err)
		}
		if _, err := New(Config{Server: server}); err != nil {
			t.Errorf("%s without a token: %v", server, err)
		}
	}
}

func TestEvents(t *testing.T) {
	stream := ": hello\nid: 1\ndata: {\"a\":1}\n\n\nevent: dropped\r\ndata: one\r\ndata:two\r\n\r\nid: 2\n\ndata: cut"
	var got []Event
	err := Events(strings.NewReader(stream), func(e Event) error { got = append(got, e); return nil })
	want := []Event{{"1", "message", `{"a":1}`}, {"1", "dropped", "one\ntwo"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	stop := errors.New("stop")
	if err := Events(strings.NewReader("data: a\n\n"), func(Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	// An event without an end does not fill the memory.
	endless := io.MultiReader(strings.NewReader("data: "), endlessLines{})
	if err := Events(endless, func(Event) error { return nil }); err == nil {
		t.Error("an endless event was read")
	}
}

type endlessLines struct{}

func (endlessLines) Read(p []byte) (int, error) { return copy(p, "x\ndata: "), nil }

func TestContexts(t *testing.T) {
	dir := t.TempDir()
	file, err := ContextsFile(func(string) string { return dir })
	if err != nil || file != filepath.Join(dir, "chhost", "contexts.json") {
		t.Fatal(file, err)
	}
	all, err := ReadContexts(file)
	if _, found, findErr := all.Find(""); err != nil || findErr != nil || found {
		t.Fatalf("none yet: %v, %v", err, findErr)
	}
	all.Put("default", Context{Server: "http://127.0.0.1:4001", Token: secret})
	all.Put("prod", Context{Server: "https://a.example.com", Tenant: "acme", Token: secret})
	if err := all.Write(file); err != nil {
		t.Fatal(err)
	}
	again, err := ReadContexts(file)
	if err != nil || !reflect.DeepEqual(again, all) || again.Current != "prod" {
		t.Fatalf("%+v, %v", again, err)
	}
	if _, _, err := again.Find("pord"); err == nil || !strings.Contains(err.Error(), `did you mean "prod"`) || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
	if again.Remove("nobody") || !again.Remove("prod") || again.Current != "default" {
		t.Errorf("the one that is left is not the current one: %q", again.Current)
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the file there is more: %v, %v", left, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadContexts(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others may read: %v", err)
	}
}

// What a file holds that is no list of contexts is an error that does not show it.
func TestContextsDamaged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "contexts.json")
	if err := os.WriteFile(file, []byte(`{"contexts":{"a":"`+secret+`"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadContexts(file); err == nil || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
}
