package admin

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host/registry"
)

// keysFor are keys of a tenant's own, as JSON.
func keysFor(name string) string {
	return fmt.Sprintf(`{"kty":"oct","alg":"HS256","k":%q}`, base64.RawURLEncoding.EncodeToString([]byte("the keys of "+name+strings.Repeat("-", 32))))
}

// settle makes two tenants with a plugin each, and returns their deploy tokens.
func (o *office) settle() (acme, other mintedBody) {
	o.t.Helper()
	for name, minted := range map[string]*mintedBody{"acme": &acme, "other": &other} {
		o.must(201, "PUT", "/v1/tenants/"+name, settingsBody{Issuers: []issuerBody{{Issuer: "us", Keys: keysFor(name)}}}, nil)
		o.must(201, "POST", "/v1/tenants/"+name+"/plugins/echo/versions", Fixture(o.t, "served/echo", 0), nil)
		o.must(200, "POST", "/v1/tenants/"+name+"/plugins/echo/deploy", nil, nil)
		o.must(201, "POST", "/v1/tenants/"+name+"/tokens", nil, minted)
	}
	return acme, other
}

// TestAttacks: who has no right gets nothing done, and nothing that is secret shows in
// the log.
func TestAttacks(t *testing.T) {
	o := newOffice(t, nil)
	acme, other := o.settle()
	expired := mintedBody{}
	o.must(201, "POST", "/v1/tenants/acme/tokens", mintBody{Expires: time.Now().Add(time.Hour)}, &expired)
	o.api.cfg.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	bomb.Write(bytes.Repeat(bomb.Bytes(), 99)) // members follow one another, RFC 1952 2.2
	const deploy, record = "/v1/tenants/acme/plugins/echo/deploy", "/v1/tenants/acme"
	forged := acme.Token[:len(acme.Token)-1] + "A"
	if forged == acme.Token {
		forged = acme.Token[:len(acme.Token)-1] + "B"
	}
	ofOther := strings.Split(other.Token, ".")
	mixed := strings.Split(acme.Token, ".")
	attacks := []struct {
		name, method, path, token string
		body                      any
		headers                   []string
		want                      Code
	}{
		{"no token", "POST", deploy, "", `{}`, nil, codeToken},
		{"an empty token", "POST", deploy, " ", `{}`, nil, codeToken},
		{"an unknown token", "POST", deploy, "cho_" + strings.Repeat("x", 43), `{}`, nil, codeToken},
		{"a beginning of the operator's token", "POST", deploy, operator[:len(operator)-1], `{}`, nil, codeToken},
		{"a token that is changed in its last place", "POST", deploy, forged, `{}`, nil, codeToken},
		{"a token that has expired", "POST", deploy, expired.Token, `{}`, nil, codeToken},
		{"the secret of another tenant's token", "POST", deploy, mixed[0] + "." + mixed[1] + "." + ofOther[2], `{}`, nil, codeToken},
		{"a token whose tenant is written anew", "POST", deploy, mixed[0] + "." + ofOther[1] + "." + ofOther[2], `{}`, nil, codeToken},
		{"a token of ten thousand bytes", "POST", deploy, strings.Repeat("a", 10_000), `{}`, nil, codeToken},
		{"a token by another scheme", "POST", deploy, "", `{}`, []string{"Authorization", "Basic " + operator}, codeToken},
		{"another tenant's token", "POST", deploy, other.Token, `{}`, nil, codeForbidden},
		{"another tenant's token, of a tenant that there is not", "GET", "/v1/tenants/nobody", other.Token, nil, nil, codeForbidden},
		{"a deploy token that sets limits", "PUT", record, acme.Token, `{}`, nil, codeForbidden},
		{"a deploy token that makes tokens", "POST", record + "/tokens", acme.Token, `{}`, nil, codeForbidden},
		{"a deploy token that ends a suspension", "POST", record + "/resume", acme.Token, nil, nil, codeForbidden},
		{"a deploy token that reads all tenants", "GET", "/v1/tenants", acme.Token, nil, nil, codeForbidden},
		{"a deploy token that saves everything", "GET", "/v1/backup", acme.Token, nil, nil, codeForbidden},
		{"a name that was made to lead here", "POST", deploy, operator, `{}`, []string{"Host", "evil.example.com"}, codeHost},
		{"a page of another origin", "POST", deploy, operator, `{}`, []string{"Origin", "https://evil.example.com"}, codeBrowser},
		{"a page of no origin", "POST", deploy, operator, `{}`, []string{"Origin", "null"}, codeBrowser},
		{"a page's request without an origin", "GET", record, operator, nil, []string{"Sec-Fetch-Site", "cross-site"}, codeBrowser},
		{"a form", "POST", deploy, operator, `version=1`, []string{"Content-Type", "application/x-www-form-urlencoded"}, codeType},
		{"a form of text", "POST", deploy, operator, `{"version":1}`, []string{"Content-Type", "text/plain"}, codeType},
		{"a compressed body", "POST", "/v1/tenants/acme/plugins/echo/versions", operator, bomb.Bytes(), []string{"Content-Encoding", "gzip"}, codeType},
		{"a bomb as a module", "POST", "/v1/tenants/acme/plugins/echo/versions", operator, bomb.Bytes(), nil, codeModule},
		{"a module that is too large", "POST", "/v1/tenants/acme/plugins/echo/versions", operator, make([]byte, maxModule+1), nil, codeTooLarge},
		{"JSON that is too large", "PUT", "/v1/tenants/acme/routes", operator, `{"routes":[` + strings.Repeat(" ", maxJSON) + `]}`, nil, codeTooLarge},
		{"JSON of a million brackets", "PUT", "/v1/tenants/acme/routes", operator, strings.Repeat("[", maxJSON-1), nil, codeBody},
		{"a member that comes twice", "PUT", record, operator, `{"connect":"a","connect":"b"}`, nil, codeBody},
		{"a member that there is not", "PUT", record, operator, `{"admin":true}`, nil, codeBody},
		{"two values", "PUT", record, operator, `{} {"connect":"b"}`, nil, codeBody},
		{"a revision that is none", "POST", deploy, operator, `{}`, []string{"If-Match", `W/"1"`}, codeBody},
		{"a revision that is over", "POST", deploy, operator, `{}`, []string{"If-Match", `"1"`}, codeRevision},
		{"a parameter that there is not", "POST", deploy + "?dryrun=1", operator, `{}`, nil, codeBody},
		{"a parameter that is there twice", "POST", deploy + "?dry_run=1&dry_run=0", operator, `{}`, nil, codeBody},
		{"a tenant's name that is a path", "PUT", "/v1/tenants/%2e%2e%2f%2e%2e%2fetc", operator, `{}`, nil, codeInvalid},
		{"a plugin's name that is a path", "POST", "/v1/tenants/acme/plugins/..%2fecho/versions", operator, Fixture(t, "served/echo", 0), nil, codeInvalid},
		{"another method", "PATCH", record, operator, `{}`, nil, codeMethod},
		{"a path that there is not", "GET", "/v1/secrets", operator, nil, nil, codeUnknown},
		{"a key of a thousand characters", "POST", deploy, operator, `{}`, []string{"Idempotency-Key", strings.Repeat("k", 1000)}, codeBody},
		{"an event of the protocol", "POST", record + "/publish", operator, `{"topic":"a","event":"phx_close"}`, nil, codeInvalid},
	}
	before := o.must(200, "GET", "/v1/tenants/acme", nil, nil).body
	for _, a := range attacks {
		if got := o.ask(a.method, a.path, a.token, a.body, a.headers...); got.code() != a.want {
			t.Errorf("%s: %d %.200s, want %s", a.name, got.status, got.body, a.want)
		}
	}
	if after := o.must(200, "GET", "/v1/tenants/acme", nil, nil).body; !bytes.Equal(before, after) {
		t.Errorf("something has changed: %s, was %s", after, before)
	}
	fmt.Printf("%d attacks on the admin API: all refused\n", len(attacks))
	for _, secret := range []string{operator, acme.Token, other.Token, expired.Token, forged, keysFor("acme")} {
		if o.log.Count(secret) > 0 || bytes.Contains(before, []byte(secret)) {
			t.Errorf("a secret shows: %.12s...", secret)
		}
	}
}

// TestSlowBody: a body that does not end is given up by its time, whatever it says of
// its size, and a header that does not end too; others are answered meanwhile.
func TestSlowBody(t *testing.T) {
	o := newOffice(t, nil)
	o.must(201, "PUT", "/v1/tenants/acme", settingsBody{}, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(o.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /v1/tenants/acme/routes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", operator)
	var sending sync.WaitGroup
	sending.Go(func() {
		chunk := strings.Repeat(" ", 1<<10)
		for {
			if _, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(chunk), chunk); err != nil {
				return
			}
		}
	})
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("an endless body: %d", resp.StatusCode)
	}
	o.must(200, "GET", "/v1/tenants/acme", nil, nil)
	resp.Body.Close()
	conn.Close()
	sending.Wait()
}

// TestKeysAreKept: who sends an issuer back as it was told keeps its keys.
func TestKeysAreKept(t *testing.T) {
	o := newOffice(t, nil)
	o.settle()
	var b recordBody
	o.must(200, "GET", "/v1/tenants/acme", nil, &b)
	if len(b.Issuers) != 1 || b.Issuers[0].Keys != "" || b.Issuers[0].KeysDigest == "" {
		t.Fatalf("the issuers are %+v", b.Issuers)
	}
	o.must(200, "PUT", "/v1/tenants/acme", b.settingsBody, nil)
	r, err := o.store.Tenant(t.Context(), "acme")
	if err != nil || r.Issuers[0].Keys != keysFor("acme") {
		t.Errorf("the keys are %q: %v", r.Issuers[0].Keys, err)
	}
	b.Issuers[0].KeysDigest = keysDigest(keysFor("other"))
	if got := o.ask("PUT", "/v1/tenants/acme", operator, b.settingsBody); got.code() != codeInvalid {
		t.Errorf("another tenant's keys: %d %s", got.status, got.body)
	}
}

// TestSentAgain: a change whose answer was lost is carried out once.
func TestSentAgain(t *testing.T) {
	o := newOffice(t, nil)
	acme, _ := o.settle()
	const path = "/v1/tenants/acme/publish"
	body := `{"topic":"a","event":"e"}`
	send := func(token, path, body, key string) reply {
		t.Helper()
		return o.ask("POST", path, token, body, "Idempotency-Key", key)
	}
	first := send(operator, path, body, "1")
	again := send(operator, path, body, "1")
	if first.status != 200 || again.status != 200 || !bytes.Equal(first.body, again.body) || first.header.Get("Idempotent-Replayed") != "" || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %s, and again %d %s", first.status, first.body, again.status, again.body)
	}
	if got := send(operator, path, `{"topic":"b","event":"e"}`, "1"); got.code() != codeKeyMismatch {
		t.Errorf("another body: %d %s", got.status, got.body)
	}
	if got := send(acme.Token, path, body, "1"); got.status != 200 || got.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("another token: %d, replayed %q", got.status, got.header.Get("Idempotent-Replayed"))
	}
	if got := send(operator, "/v1/tenants/other/publish", body, "1"); got.status != 200 || got.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("another path: %d", got.status)
	}
	if got := send(operator, "/v1/tenants/acme/plugins/echo/rollback", "", "2"); got.status < 400 {
		t.Errorf("a roll back to nothing: %d", got.status)
	}
	o.must(201, "POST", "/v1/tenants/acme/plugins/echo/versions", Fixture(t, "served/echo", 2), nil)
	o.must(200, "POST", "/v1/tenants/acme/plugins/echo/deploy", nil, nil)
	if got := o.ask("POST", "/v1/tenants/acme/plugins/echo/rollback", operator, nil, "Idempotency-Key", "2"); got.status != 200 {
		t.Errorf("what failed before is not carried out: %d %s", got.status, got.body)
	}
	var one, two mintedBody
	o.must(201, "POST", "/v1/tenants/acme/tokens", nil, &one, "Idempotency-Key", "3")
	o.must(201, "POST", "/v1/tenants/acme/tokens", nil, &two, "Idempotency-Key", "3")
	if one.Token == two.Token {
		t.Error("a token is kept to be shown again")
	}
	for n := range 2 * keptAnswers {
		r, err := http.NewRequest("POST", path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Host, r.Header = "localhost", http.Header{"Authorization": {"Bearer " + operator}, "Content-Type": {"application/json"}, "Idempotency-Key": {fmt.Sprint("many", n)}}
		w := &recorder{header: make(http.Header)}
		if o.api.ServeHTTP(w, r); w.status != 200 {
			t.Fatalf("request %d: %d %s", n, w.status, w.body.Bytes())
		}
	}
	if n := len(o.api.kept.kept); n > keptAnswers {
		t.Errorf("%d answers are kept", n)
	}
}

// TestOpen: on a developer's machine no token is needed, and only there.
func TestOpen(t *testing.T) {
	o := newOffice(t, func(c *Config) { c.Open, c.Token = true, "" })
	if got := o.ask("GET", "/v1/tenants", "", nil); got.status != 200 {
		t.Errorf("from here: %d %s", got.status, got.body)
	}
	if got := o.ask("GET", "/v1/tenants", "cho_"+strings.Repeat("x", 43), nil); got.code() != codeToken {
		t.Errorf("with a wrong token: %d %s", got.status, got.body)
	}
	if got := o.ask("GET", "/v1/tenants", "", nil, "Origin", "http://localhost:8080"); got.code() != codeBrowser {
		t.Errorf("from a page of this machine: %d %s", got.status, got.body)
	}
	r, err := http.NewRequest("GET", "/v1/tenants", nil)
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "10.0.0.1:1": false, "": false} {
		if r.RemoteAddr = addr; fromHere(r) != want {
			t.Errorf("%s: %v", addr, !want)
		}
	}
}

// TestToken: the operator's token is made once, for its owner's eyes.
func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "operator-token")
	token, made, err := Token(file)
	if err != nil || !made || len(token) < minToken {
		t.Fatalf("%q, made %v: %v", token, made, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	if again, made, err := Token(file); err != nil || made || again != token {
		t.Errorf("read again: made %v, %v", made, err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Token(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
	if err := os.WriteFile(file, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Token(file); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("a file without a token: %v", err)
	}
	if _, err := New(Config{Tenants: newOffice(t, nil).api.cfg.Tenants, Store: registry.NewMemory(registry.Config{})}); err == nil {
		t.Error("an API that is open to everybody")
	}
}

// TestLogs: lines of a plugin are there for its tenant, those that were missed too, and
// those of others are not.
func TestLogs(t *testing.T) {
	o := newOffice(t, nil)
	acme, _ := o.settle()
	logger := o.api.log
	logger.Info("one", "plugin", "echo@1", "tenant", "acme")
	logger.With("plugin", "echo@1", "tenant", "other").Info("not yours")
	logger.Info("no plugin's", "tenant", "acme")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", o.url+"/v1/tenants/acme/plugins/echo/logs?follow=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+acme.Token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	events := bufio.NewScanner(resp.Body)
	var id string
	next := func() string {
		t.Helper()
		for events.Scan() {
			if text, ok := strings.CutPrefix(events.Text(), "id: "); ok {
				id = text
			}
			if text, ok := strings.CutPrefix(events.Text(), "data: "); ok {
				var line struct{ Msg, Level, Plugin string }
				if err := json.Unmarshal([]byte(text), &line); err != nil || line.Plugin != "echo@1" {
					t.Errorf("the line %s: %v", text, err)
				}
				return line.Msg
			}
		}
		t.Fatal("the events have ended")
		return ""
	}
	for got := next(); got != "one"; got = next() { // those of the deploy
		if got == "two" || got == "not yours" {
			t.Fatalf("the line %q comes first", got)
		}
	}
	seen := id
	logger.Warn("two", "plugin", "echo@1", "tenant", "acme")
	if got := next(); got != "two" {
		t.Errorf("then %q", got)
	}
	if got := o.ask("GET", "/v1/tenants/acme/plugins/echo/logs", acme.Token, nil, "Last-Event-ID", seen); strings.Count(string(got.body), "data: ") != 1 || !bytes.Contains(got.body, []byte("two")) {
		t.Errorf("what was missed: %s", got.body)
	}
	for n := range 2 * keptLines {
		logger.Info(fmt.Sprint("line ", n), "plugin", "echo@1", "tenant", "acme")
	}
	if got := o.ask("GET", "/v1/tenants/acme/plugins/echo/logs?lines=2", acme.Token, nil); strings.Count(string(got.body), "data: ") != 2 || !bytes.Contains(got.body, []byte(fmt.Sprint("line ", 2*keptLines-1))) {
		t.Errorf("the last two: %s", got.body)
	}
	if n := len(o.api.cfg.Logs.store.plugins[pluginKey{"acme", "echo"}].kept); n > keptLines {
		t.Errorf("%d lines are kept", n)
	}
	if got := o.ask("GET", "/v1/tenants/acme/plugins/nothing/logs", acme.Token, nil); got.code() != codeUnknown {
		t.Errorf("a plugin that there is not: %d", got.status)
	}
	for n := range keptPlugins + 10 {
		logger.Info("hello", "plugin", fmt.Sprintf("p%d@1", n), "tenant", "many")
	}
	if n := len(o.api.cfg.Logs.store.plugins); n > keptPlugins {
		t.Errorf("the lines of %d plugins are kept", n)
	}
}

// TestRaces: uploads and deploys at once leave one active version, each number given
// once, and a history that is a line.
func TestRaces(t *testing.T) {
	o := newOffice(t, nil)
	o.must(201, "PUT", "/v1/tenants/acme", settingsBody{Limits: map[string]int64{"versions": 200}}, nil)
	const uploads = 40
	var all sync.WaitGroup
	seqs := make(chan int, uploads)
	for n := range uploads {
		all.Go(func() {
			var v versionBody
			got := o.ask("POST", "/v1/tenants/acme/plugins/echo/versions", operator, Fixture(t, "served/echo", n+1))
			if err := json.Unmarshal(got.body, &v); err != nil || got.status != 201 {
				t.Errorf("an upload: %d %s", got.status, got.body)
			}
			seqs <- v.Seq
			// Another one may have taken its place among those that are kept.
			if got := o.ask("POST", "/v1/tenants/acme/plugins/echo/deploy", operator, deployBody{Version: v.Seq}); got.status != 200 && got.code() != codeUnknown {
				t.Errorf("a deploy: %d %s", got.status, got.body)
			}
		})
	}
	all.Wait()
	close(seqs)
	given := map[int]bool{}
	for seq := range seqs {
		if given[seq] {
			t.Errorf("the number %d was given twice", seq)
		}
		given[seq] = true
	}
	r, err := o.store.Tenant(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	p := r.Plugins[0]
	if last := p.Deploys[len(p.Deploys)-1]; last.Seq != p.Active {
		t.Errorf("the active version is %d, and the last deploy was of %d", p.Active, last.Seq)
	}
	for i, d := range p.Deploys[1:] {
		if d.Previous != p.Deploys[i].Seq {
			t.Errorf("the deploy of %d says that %d was there, and it was %d", d.Seq, d.Previous, p.Deploys[i].Seq)
		}
	}
	var versions versionsBody
	o.must(200, "GET", "/v1/tenants/acme/plugins/echo/versions", nil, &versions)
	active := 0
	for _, v := range versions.Versions {
		if v.Active {
			active++
		}
	}
	if active != 1 {
		t.Errorf("%d versions are active", active)
	}
}

// TestBackup: what is stored on disk can be saved, what is not cannot.
func TestBackup(t *testing.T) {
	o := newOffice(t, nil)
	if got := o.ask("GET", "/v1/backup", operator, nil); got.code() != codeInvalid {
		t.Errorf("of memory: %d %s", got.status, got.body)
	}
	disk, err := registry.Open(filepath.Join(t.TempDir(), "registry"), registry.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	o.api.cfg.Store = disk
	if got := o.ask("GET", "/v1/backup", operator, nil); got.status != 200 || len(got.body) < 1024 {
		t.Errorf("of a disk: %d, %d bytes", got.status, len(got.body))
	}
	o.api.cfg.Store = lacking{disk}
	if got := o.ask("GET", "/v1/backup", operator, nil); got.status != 200 || string(got.body) != "all but one" {
		t.Errorf("that lacks a module: %d %s", got.status, got.body)
	}
	o.api.cfg.Store = failing{disk}
	if got := o.ask("GET", "/v1/backup", operator, nil); got.code() != codeStore {
		t.Errorf("that fails: %d %s", got.status, got.body)
	}
}

// failing cannot be saved.
type failing struct{ *registry.Disk }

func (failing) Backup(context.Context, io.Writer) error { return io.ErrShortWrite }

// lacking has lost a module, and saves all others.
type lacking struct{ *registry.Disk }

func (lacking) Backup(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "all but one")
	return errors.Join(err, registry.ErrIncomplete)
}

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}
func (w *recorder) Write(b []byte) (int, error) { w.WriteHeader(200); return w.body.Write(b) }
