package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
	"github.com/chhost/chhost/host/hosttest"
)

// seen is what a host was asked.
type seen struct {
	mu       sync.Mutex
	requests []string // method, path and body
	tokens   []string
}

// fakeHost answers every request with f, and notes it.
func fakeHost(t *testing.T, f func(w http.ResponseWriter, r *http.Request)) (url string, s *seen) {
	t.Helper()
	s = &seen{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
		s.tokens = append(s.tokens, r.Header.Get("Authorization"))
		s.mu.Unlock()
		f(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, s
}

func answers(text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// command runs a command with a directory of its own for contexts.
func command(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = doMain(t.Context(), nil, append([]string{"chhost"}, args...), strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// clean takes what the test's own environment says away.
func clean(t *testing.T) (contexts string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	for _, name := range []string{"CHHOST_CONTEXT", "CHHOST_SERVER", "CHHOST_TOKEN", "CHHOST_TOKEN_FILE", "CHHOST_TENANT", "CHHOST_CA"} {
		t.Setenv(name, "")
	}
	return filepath.Join(dir, "chhost", "contexts.json")
}

// The token of a context goes to the host of that context, whatever else is named, and
// what is given for this command goes where the command says.
func TestTokenStaysWithItsHost(t *testing.T) {
	file := clean(t)
	ours, atOurs := fakeHost(t, answers(`{"tenants":[]}`))
	other, atOther := fakeHost(t, answers(`{"tenants":[]}`))
	all := remote.Contexts{}
	all.Put("ours", remote.Context{Server: ours, Token: "ours", Tenant: "acme"})
	if err := all.Write(file); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		if code, _, errs := command(t, "given\n", append([]string{"tenant", "list"}, args...)...); code != exitOK {
			t.Fatalf("exit code %d: %s", code, errs)
		}
	}
	run()
	run("--server", ours)
	run("--server", other)
	run("--server", other, "--token-file", "-")
	t.Setenv("CHHOST_TOKEN", "environment")
	run()
	t.Setenv("CHHOST_SERVER", other)
	run("--token-file", "-")
	if got := fmt.Sprint(atOurs.tokens); got != "[Bearer ours Bearer ours Bearer environment]" {
		t.Errorf("the context's host got %s", got)
	}
	if got := fmt.Sprintf("%q", atOther.tokens); got != `["" "Bearer given" "Bearer given"]` {
		t.Errorf("the other host got %s", got)
	}
}

// overTLS is a host whose certificate no authority has signed.
func overTLS(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(answers(`{"operator":true,"tenants":[]}`)))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// The authorities of a context are its host's, and of no other that is named; the
// environment's are for https:// only, and a login that names none keeps what there is.
func TestAuthoritiesStayWithTheirHost(t *testing.T) {
	file := clean(t)
	cert, _ := hosttest.MakeCertificate(t, 1, time.Now().Add(time.Hour)).Write(t, t.TempDir())
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := fakeHost(t, answers(`{"operator":true,"tenants":[]}`))
	secure, other := overTLS(t), overTLS(t)
	all := remote.Contexts{}
	all.Put("default", remote.Context{Server: secure.URL, CA: string(text)})
	if err := all.Write(file); err != nil {
		t.Fatal(err)
	}
	authorities := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authorities, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	try := func(want string, args ...string) {
		t.Helper()
		code, _, errs := command(t, "token\n", args...)
		if (code == exitOK) != (want == "") || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d: %s, want %q", args, code, errs, want)
		}
	}
	const ours, machines = "that --ca names, or the context", "that this machine does not know"
	try(ours, "tenant", "list")
	try(ours, "tenant", "list", "--server", secure.URL)
	try("", "tenant", "list", "--server", plain)
	try(machines, "tenant", "list", "--server", other.URL)
	try("", "tenant", "list", "--ca", authorities)
	try("leave --ca out", "tenant", "list", "--server", plain, "--ca", authorities)
	t.Setenv("CHHOST_CA", authorities)
	try("", "tenant", "list")
	try("", "tenant", "list", "--server", plain)
	try("", "login")
	t.Setenv("CHHOST_CA", "")
	try("", "tenant", "list")
	try("", "login")
	try("", "tenant", "list")
	try("", "login", "--server", plain)
	try("", "tenant", "list")
	try(machines, "login", "--server", secure.URL)
}

// Exit codes and what programs read do not change: a refusal is 1, and with --json it
// is written as it came; a wrong call is 2, and asks nobody.
func TestRefusalsForPrograms(t *testing.T) {
	clean(t)
	url, s := fakeHost(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"error":{"code":"invalid_module","message":"refused","detail":{"faults":["no join"]}}}`)
	})
	t.Setenv("CHHOST_SERVER", url)
	code, out, errs := command(t, "", "deploy", "chat", "--json")
	var refusal struct{ Error struct{ Code string } }
	if err := json.Unmarshal([]byte(out), &refusal); err != nil || refusal.Error.Code != "invalid_module" {
		t.Errorf("%q: %v", out, err)
	}
	if code != exitFailed || errs != "chhost: refused (invalid_module)\n  no join\n" {
		t.Errorf("exit code %d, %q", code, errs)
	}
	code, out, _ = command(t, "", "deploy", "chat")
	if code != exitFailed || out != "" {
		t.Errorf("exit code %d, %q", code, out)
	}
	if asked := len(s.requests); asked != 2 {
		t.Errorf("the host was asked %d times", asked)
	}
	for _, wrong := range [][]string{
		{"deploy"}, {"deploy", "chat@x"}, {"deploy", "chat@0"}, {"deploy", "chat@1", "--version", "2"}, {"deploy", "chat", "--strategy", "fast"},
		{"deploy", "chat", "--percent", "3"}, {"deploy", "chat", "--window", "3s"}, {"deploy", "chat", "--strategy", "canary", "--percent", "100"}, {"tenant"}, {"tenant", "make"},
		{"tenant", "create"}, {"tenant", "delete", "acme"}, {"tenant", "set", "--limit", "none=1"}, {"tenant", "set", "--clear", "all"}, {"tenant", "create", "a", "--limit", "topics=many"},
		{"routes", "set"}, {"routes", "set", "rooms:*"}, {"publish", "a"}, {"publish", "a", "b", "[1]"}, {"publish", "a", "b", "{}", "c"}, {"contexts", "drop"},
		{"login", "a", "b"}, {"login", "--server", "ftp://x"}, {"push"}, {"logs"}, {"versions"}, {"rollback"}, {"backup"}, {"deploy-token", "create", "--expires", "-1h"}, {"pin"}, {"pin", "a"}, {"unpin", "a@b"}, {"tenant", "disconnect"}, {"tenant", "disconnect", ""}, {"token", "revoke"}, {"token", "revoke", "--id", "a", "--subject", "b"},
	} {
		if code, _, errs := command(t, "", wrong...); code != exitUsage {
			t.Errorf("chhost %s: exit code %d: %s", strings.Join(wrong, " "), code, errs)
		}
	}
	if asked := len(s.requests); asked != 2 {
		t.Errorf("a wrong call has asked the host: %q", s.requests[2:])
	}
}

// What a tenant has is kept but for what a flag names, and meant for the revision that
// was read.
func TestTenantSetKeepsTheRest(t *testing.T) {
	clean(t)
	var match string
	url, s := fakeHost(t, func(w http.ResponseWriter, r *http.Request) {
		match = r.Header.Get("If-Match")
		w.Header().Set("ETag", `"7"`)
		_, _ = io.WriteString(w, `{"name":"acme","revision":7,"hosts":["a.example.com"],"origins":["https://x"],"limits":{"topics":5,"connections":6},"issuers":[{"issuer":"i"}],"connect":"auth"}`)
	})
	t.Setenv("CHHOST_SERVER", url)
	code, _, errs := command(t, "", "tenant", "set", "acme", "--limit", "topics=default", "--limit", "channels=9", "--clear", "origins")
	if code != exitOK {
		t.Fatal(errs)
	}
	want := `PUT /v1/tenants/acme {"hosts":["a.example.com"],"origins":null,"limits":{"channels":9,"connections":6},"issuers":[{"issuer":"i"}],"connect":"auth"}`
	if len(s.requests) != 2 || s.requests[1] != want || match != `"7"` {
		t.Errorf("%q, If-Match %s", s.requests, match)
	}
}

// Lines of a log have been chosen by somebody else: a terminal gets nothing of them that
// it would obey, and a program gets them as they are.
func TestLogLines(t *testing.T) {
	clean(t)
	line := `{"time":"2026-01-02T03:04:05.678Z","level":"warn","plugin":"chat@3","msg":"a\u001b[2Jb","topic":"rooms:1","stack":"one\ntwo","n":12345678901234567890,"err":"it \"broke\"","previous":""}`
	url, s := fakeHost(t, answers("id: 1\ndata: "+line+"\n\n: still here\n\n"))
	t.Setenv("CHHOST_SERVER", url)
	t.Setenv("TZ", "UTC")
	code, out, errs := command(t, "", "logs", "chat", "--tenant", "acme")
	if code != exitOK || !strings.Contains(out, "WARN  chat@3 a\ufffd[2Jb err=\"it \\\"broke\\\"\" n=12345678901234567890 stack=one\n    two topic=rooms:1\n") {
		t.Errorf("exit code %d, %q, %s", code, out, errs)
	}
	code, out, _ = command(t, "", "logs", "chat", "--tenant", "acme", "--json")
	if code != exitOK || out != line+"\n" {
		t.Errorf("exit code %d, %q", code, out)
	}
	// A stream that was to be followed has no end.
	code, _, errs = command(t, "", "logs", "chat", "--tenant", "acme", "-f")
	if code != exitFailed || !strings.Contains(errs, "the host has ended the stream") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	if want := "GET /v1/tenants/acme/plugins/chat/logs?follow=1"; s.requests[2] != want {
		t.Errorf("%q, want %q", s.requests[2], want)
	}
}

// What a backup lacks leaves the file that was there as it was, and nothing beside it.
func TestBackupIsWholeOrNot(t *testing.T) {
	clean(t)
	url, _ := fakeHost(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5000")
		_, _ = w.Write(make([]byte, 1000))
	})
	t.Setenv("CHHOST_SERVER", url)
	dir := t.TempDir()
	file := filepath.Join(dir, "saved.tar")
	if err := os.WriteFile(file, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs := command(t, "", "backup", file)
	if code != exitFailed || !strings.Contains(errs, "there is no backup") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "before" {
		t.Errorf("%q, %v", text, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// A payload may come from the standard input, and a key makes a request of it that can
// be sent again.
func TestPublish(t *testing.T) {
	clean(t)
	var key string
	url, s := fakeHost(t, func(w http.ResponseWriter, r *http.Request) {
		key = r.Header.Get("Idempotency-Key")
		_, _ = io.WriteString(w, `{"published":1}`)
	})
	t.Setenv("CHHOST_SERVER", url)
	t.Setenv("CHHOST_TENANT", "acme")
	code, out, errs := command(t, `{"a": 1}`, "publish", "rooms:1", "tick", "-", "--key", "k1")
	if code != exitOK || key != "k1" || out != "published tick to rooms:1\n" {
		t.Errorf("exit code %d, key %q, %q, %s", code, key, out, errs)
	}
	if want := `POST /v1/tenants/acme/publish {"event":"tick","payload":{"a":1},"topic":"rooms:1"}`; s.requests[0] != want {
		t.Errorf("%q, want %q", s.requests[0], want)
	}
}

// The log of changes is longer than what a host answers at once: the newest are shown.
func TestAuditShowsTheNewest(t *testing.T) {
	clean(t)
	const all = 2345
	url, s := fakeHost(t, func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.Atoi(r.URL.Query().Get("after"))
		entries, page := []auditEntry{}, map[string]any{}
		for n := after + 1; n <= min(all, after+900); n++ { // fewer than were asked for
			entries = append(entries, auditEntry{Number: uint64(n), Action: "deploy"})
		}
		if page["entries"] = entries; after+900 < all {
			page["next"] = strconv.Itoa(after + 900)
		}
		_ = json.NewEncoder(w).Encode(page)
	})
	t.Setenv("CHHOST_SERVER", url)
	code, out, errs := command(t, "", "tenant", "audit", "acme", "--json")
	var page struct{ Entries []auditEntry }
	if err := json.Unmarshal([]byte(out), &page); err != nil || code != exitOK {
		t.Fatalf("exit code %d: %v, %s", code, err, errs)
	}
	if n := len(page.Entries); n != auditLines || page.Entries[0].Number != all-auditLines+1 || page.Entries[n-1].Number != all {
		t.Errorf("%d entries, of %d requests", n, len(s.requests))
	}
}

// Following a log goes on until it is interrupted, and that is how it ends well.
func TestLogsFollow(t *testing.T) {
	clean(t)
	gone := make(chan struct{})
	url, _ := fakeHost(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "data: {\"msg\":\"first\"}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
	})
	t.Setenv("CHHOST_SERVER", url)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- doMain(ctx, nil, []string{"chhost", "logs", "chat", "-f"}, strings.NewReader(""), w, io.Discard)
		_ = w.Close()
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "first" {
		t.Errorf("%q, %v", line, err)
	}
	interrupt()
	if got := <-code; got != exitOK {
		t.Errorf("the exit code is %d", got)
	}
	<-gone
}

// A client's token is sent where Phoenix 1.8 clients have it, and not in the address.
func TestTailBringsAToken(t *testing.T) {
	clean(t)
	var offered string
	url, s := fakeHost(t, func(w http.ResponseWriter, r *http.Request) {
		offered = r.Header.Get("Sec-Websocket-Protocol")
		w.WriteHeader(http.StatusForbidden)
	})
	code, _, errs := command(t, "a.client.token\n", "tail", strings.Replace(url, "http", "ws", 1)+"/socket", "rooms:1", "--client-token", "-")
	if code != exitFailed || !strings.Contains(errs, "403") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	_, encoded, _ := strings.Cut(offered, "phoenix, base64url.bearer.phx.")
	if token, err := base64.RawURLEncoding.DecodeString(encoded); err != nil || string(token) != "a.client.token" {
		t.Errorf("%q: %q, %v", offered, token, err)
	}
	if len(s.requests) != 1 || strings.Contains(s.requests[0], "token") {
		t.Errorf("the address has it: %q", s.requests)
	}
}
