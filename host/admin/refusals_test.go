package admin_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/admin"
	"github.com/chhost/chhost/host/registry"
)

// siege is an API with two tenants: acme, whose people know nothing of what is tried,
// and mallory, who has a deploy token of its own and knows all names.
type siege struct {
	*rig
	acme, mallory            minted
	expired, revoked, remade minted
	clock                    time.Time
	secrets                  []string
}

func laySiege(t *testing.T) *siege {
	s := &siege{clock: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	s.rig = newRig(t, func(cfg *admin.Config) { cfg.Now = func() time.Time { return s.clock } })
	s.found(t, "gone")
	s.remade = s.mint(t, "gone", `{}`)
	s.want(t, http.StatusNoContent, s.operator("DELETE", "/v1/tenants/gone", ""))
	for _, name := range []string{"acme", "mallory", "gone"} {
		s.found(t, name)
	}
	s.acme, s.mallory = s.mint(t, "acme", `{"note":"ci"}`), s.mint(t, "mallory", `{}`)
	s.expired = s.mint(t, "acme", `{"expires":"2030-01-03T00:00:00Z"}`)
	s.want(t, http.StatusOK, call{token: s.expired.Token, method: "GET", path: "/v1/tenants/acme"})
	s.clock = s.clock.Add(48 * time.Hour)
	s.revoked = s.mint(t, "acme", `{}`)
	s.want(t, http.StatusOK, call{token: s.revoked.Token, method: "GET", path: "/v1/tenants/acme"})
	s.want(t, http.StatusNoContent, s.operator("DELETE", "/v1/tenants/acme/tokens/"+s.revoked.ID, ""))
	s.secrets = []string{s.token, s.acme.Token, s.mallory.Token, s.expired.Token, s.revoked.Token, s.remade.Token, secretOf(s.acme.Token), secretOf(s.mallory.Token), "a-payload-of-acme"}
	return s
}

// secretOf is the part of a deploy token that nobody can guess.
func secretOf(token string) string { return token[strings.LastIndexByte(token, '.')+1:] }

// hashOf is what the store has of acme's token: what a thief of the store knows.
func (s *siege) hashOf(t *testing.T) string {
	t.Helper()
	tn, _ := s.Tenant("acme")
	for _, token := range tn.Record().DeployTokens {
		if token.ID == s.acme.ID {
			return token.Hash.String()
		}
	}
	t.Fatal("the token is not stored")
	return ""
}

// attack is what is tried, and how it is refused.
type attack struct {
	name   string
	call   call
	status int
	code   string
}

const (
	acmePath    = "/v1/tenants/acme"
	malloryPath = "/v1/tenants/mallory"
)

// byToken are those of people who have no token, another's, or too little of one.
func (s *siege) byToken(t *testing.T) []attack {
	get := func(token string) call { return call{token: token, method: "GET", path: acmePath} }
	_, rest, _ := strings.Cut(s.mallory.Token, ".")
	prefix := s.mallory.Token[:strings.IndexByte(s.mallory.Token, '_')+1]
	renamed := prefix + base64.RawURLEncoding.EncodeToString([]byte("acme")) + "." + rest
	two := get("")
	two.header = http.Header{"Authorization": {"Bearer " + s.mallory.Token, "Bearer " + s.token}}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("operator:"+s.token))
	return []attack{
		{"no token", get(""), 401, "unauthorized"},
		{"a token of nobody's", get(strings.Repeat("a", len(s.token))), 401, "unauthorized"},
		{"the operator's token without its last character", get(s.token[:len(s.token)-1]), 401, "unauthorized"},
		{"the operator's token and something behind it", get(s.token + "x"), 401, "unauthorized"},
		{"the token in the address", call{method: "GET", path: acmePath + "?token=" + s.token + "&access_token=" + s.token}, 401, "unauthorized"},
		{"the token as a password", get("").with("Authorization", basic), 401, "unauthorized"},
		{"the token as a cookie", get("").with("Cookie", "token="+s.token), 401, "unauthorized"},
		{"two tokens", two, 401, "unauthorized"},
		{"the digest of a token, from a stolen store", get(s.hashOf(t)), 401, "unauthorized"},
		{"its own token with another tenant's name", get(renamed), 401, "unauthorized"},
		{"a token that has expired", get(s.expired.Token), 401, "unauthorized"},
		{"a token that was revoked", get(s.revoked.Token), 401, "unauthorized"},
		{"a token of the tenant that had the name before", call{token: s.remade.Token, method: "GET", path: "/v1/tenants/gone"}, 401, "unauthorized"},
		{"a token of half a megabyte", get(strings.Repeat("a", 1<<19)), 401, "unauthorized"},
	}
}

// byRight are those of a tenant that wants what is another's or the operator's.
func (s *siege) byRight(t *testing.T) []attack {
	as := func(method, path, body string) call {
		return call{token: s.mallory.Token, method: method, path: path, body: body}
	}
	var attacks []attack
	for name, c := range map[string]call{
		"read another tenant":             as("GET", acmePath, ""),
		"read a tenant that there is not": as("GET", "/v1/tenants/nobody", ""),
		"upload to another tenant":        upload(s.mallory.Token, "acme", "it", admin.Fixture(t, "served/echo", 7)),
		"deploy another's plugin":         as("POST", acmePath+"/plugins/it/deploy", `{}`),
		"roll another's plugin back":      as("POST", acmePath+"/plugins/it/rollback", ""),
		"change another's routes":         as("PUT", acmePath+"/routes", `{"routes":[]}`),
		"change another's settings":       as("PUT", acmePath+"/plugins/it/settings", `{"a":"b"}`),
		"publish to another's topics":     as("POST", acmePath+"/publish", `{"topic":"a","event":"b","payload":{}}`),
		"read another's logs":             as("GET", acmePath+"/plugins/it/logs", ""),
		"follow another's logs":           as("GET", acmePath+"/plugins/it/logs?follow=1", ""),
		"see another's sockets":           as("GET", acmePath+"/sockets", ""),
		"see another's topics":            as("GET", acmePath+"/topics", ""),
		"close another's socket":          as("POST", acmePath+"/sockets/1/disconnect", ""),
		"revoke another's clients":        as("POST", acmePath+"/revocations", `{"subject":"7"}`),
		"see another's revocations":       as("GET", acmePath+"/revocations", ""),
		"mint a token of another":         as("POST", acmePath+"/tokens", `{}`),
		"raise its own limits":            as("PUT", malloryPath, `{"limits":{"connections":1000000}}`),
		"take a host name":                as("PUT", malloryPath, `{"hosts":["bank.example.com"]}`),
		"mint itself a token for ever":    as("POST", malloryPath+"/tokens", `{}`),
		"revoke what its owner minted":    as("DELETE", malloryPath+"/tokens/"+s.mallory.ID, ""),
		"resume itself":                   as("POST", malloryPath+"/resume", ""),
		"suspend itself":                  as("POST", malloryPath+"/suspend", ""),
		"delete itself":                   as("DELETE", malloryPath, ""),
		"make a tenant":                   as("PUT", "/v1/tenants/another", `{}`),
		"list all tenants":                as("GET", "/v1/tenants", ""),
		"take a copy of everything":       as("GET", "/v1/backup", ""),
		"read the host's metrics":         as("GET", "/metrics", ""),
	} {
		attacks = append(attacks, attack{name, c, 403, "forbidden"})
	}
	return attacks
}

// byBrowser are those of pages that an operator looks at while the API is near.
func (s *siege) byBrowser() []attack {
	suspend := s.operator("POST", acmePath+"/suspend", "")
	form := s.operator("PUT", acmePath+"/routes", `routes[]=`).with("Content-Type", "application/x-www-form-urlencoded")
	return []attack{
		{"a name that was made to lead here", suspend.with("Host", "evil.example.com"), 403, "host_not_allowed"},
		{"a name that begins as an address", suspend.with("Host", "127.0.0.1.evil.example.com"), 403, "host_not_allowed"},
		{"a name that begins as localhost", suspend.with("Host", "localhost.evil.example.com"), 403, "host_not_allowed"},
		{"a name that ends as one of ours", suspend.with("Host", "evil-admin.example.com"), 403, "host_not_allowed"},
		{"a name with a user before it", suspend.with("Host", "127.0.0.1@evil.example.com"), 403, "host_not_allowed"},
		{"our name in another field", suspend.with("Host", "evil.example.com").with("X-Forwarded-Host", "localhost"), 403, "host_not_allowed"},
		{"a page of another site", suspend.with("Origin", "https://evil.example.com"), 403, "cross_site"},
		{"a page without an origin", suspend.with("Origin", "null"), 403, "cross_site"},
		{"a page of this machine", suspend.with("Origin", s.server.URL), 403, "cross_site"},
		{"a page of another port", suspend.with("Sec-Fetch-Site", "same-site"), 403, "cross_site"},
		{"a picture of another site", s.operator("GET", acmePath, "").with("Sec-Fetch-Site", "cross-site"), 403, "cross_site"},
		{"a question before a page asks", s.operator("OPTIONS", acmePath, "").with("Origin", "https://evil.example.com").with("Access-Control-Request-Method", "PUT"), 403, "cross_site"},
		{"a form", form, 415, "unsupported_media_type"},
		{"a form that looks like JSON", s.operator("PUT", acmePath+"/routes", `{"routes":[]}`).with("Content-Type", "text/plain"), 415, "unsupported_media_type"},
		{"a method within another", s.operator("GET", acmePath+"/suspend", "").with("X-HTTP-Method-Override", "POST"), 405, "method_not_allowed"},
	}
}

// byBody are those with bodies and names that are no such thing.
func (s *siege) byBody(t *testing.T) []attack {
	put := func(body string) call { return s.operator("PUT", acmePath, body) }
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	if _, err := io.CopyN(w, zeros{}, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	bomb.Write(bytes.Repeat(bomb.Bytes(), 63)) // members follow one another, RFC 1952 2.2
	packed := upload(s.token, "acme", "it", bomb.Bytes())
	endless := upload(s.token, "acme", "it", nil)
	endless.reader = io.LimitReader(zeros{}, 1<<30)
	words := put("")
	words.reader = io.LimitReader(zeros{}, 1<<30)
	return []attack{
		{"a path within a tenant's name", s.operator("PUT", "/v1/tenants/..%2f..%2fetc", `{}`), 422, "invalid"},
		{"a path within a plugin's name", upload(s.token, "acme", "..%2f..%2fit", admin.Fixture(t, "served/echo", 8)), 422, "invalid"},
		{"an end within a tenant's name", s.operator("PUT", "/v1/tenants/a%00b", `{}`), 422, "invalid"},
		{"a line within a plugin's name", upload(s.token, "acme", "it%0alevel=INFO", admin.Fixture(t, "served/echo", 8)), 422, "invalid"},
		{"a name of ten thousand letters", s.operator("PUT", "/v1/tenants/"+strings.Repeat("a", 10000), `{}`), 422, "invalid"},
		{"a packed module that fills the memory", packed.with("Content-Encoding", "gzip"), 415, "unsupported_media_type"},
		{"a packed module that says nothing of it", packed, 422, "module_refused"},
		{"packed JSON", put("{}").with("Content-Encoding", "gzip"), 415, "unsupported_media_type"},
		{"a module that does not end", endless, 413, "too_large"},
		{"JSON that does not end", words, 413, "too_large"},
		{"a module as something else", upload(s.token, "acme", "it", admin.Fixture(t, "served/echo", 8)).with("Content-Type", "text/html"), 415, "unsupported_media_type"},
		{"a body where there is none", s.operator("POST", acmePath+"/suspend", "{}"), 400, "bad_request"},
		{"a member twice", put(`{"limits":{},"limits":{"connections":1}}`), 400, "bad_request"},
		{"a member twice, in other letters", put(`{"limits":{},"LIMITS":{"connections":1}}`), 400, "bad_request"},
		{"a revocation of nothing", s.operator("POST", acmePath+"/revocations", `{}`), 422, "invalid"},
		{"a revocation of all and one", s.operator("POST", acmePath+"/revocations", `{"id":"a","subject":"b"}`), 422, "invalid"},
		{"keys that are none", put(`{"issuers":[{"issuer":"i","keys":"secret"}]}`), 422, "invalid"},
		{"a member that there is not", put(`{"suspended":false}`), 400, "bad_request"},
		{"two values", put(`{}{}`), 400, "bad_request"},
		{"nothing instead of settings", put(`null`), 400, "bad_request"},
		{"nothing instead of routes", s.operator("PUT", acmePath+"/routes", `null`), 400, "bad_request"},
		{"no routes named", s.operator("PUT", acmePath+"/routes", `{}`), 400, "bad_request"},
		{"a deep value", put(`{"limits":` + strings.Repeat(`{"a":`, 100000) + `1` + strings.Repeat("}", 100000) + `}`), 400, "bad_request"},
		{"a value that only opens", put(strings.Repeat(`[`, 1<<19)), 400, "bad_request"},
		{"an event of the host's", s.operator("POST", acmePath+"/publish", `{"topic":"a","event":"phx_close","payload":{}}`), 422, "invalid"},
		{"a key of a megabyte", s.operator("POST", acmePath+"/publish", `{"topic":"a","event":"b","payload":{}}`).with("Idempotency-Key", strings.Repeat("k", 1<<18)), 400, "bad_request"},
	}
}

// byCondition are those that want a change to happen that its conditions forbid.
func (s *siege) byCondition(t *testing.T) []attack {
	put := s.operator("PUT", acmePath+"/routes", `{"routes":[]}`)
	twice := put.with("If-Match", s.revision(t, "acme"))
	twice.header["If-Match"] = append(twice.header["If-Match"], `"1"`)
	query := func(q string) call { return s.operator("PUT", acmePath+"/routes?"+q, `{"routes":[]}`) }
	return []attack{
		{"an old revision", put.with("If-Match", `"1"`), 412, "revision_conflict"},
		{"a revision to come", put.with("If-Match", `"999"`), 412, "revision_conflict"},
		{"no revision", put.with("If-Match", `"0"`), 400, "bad_request"},
		{"a revision that is no number", put.with("If-Match", `"1 or 1=1"`), 400, "bad_request"},
		{"a revision without quotes", put.with("If-Match", `1`), 400, "bad_request"},
		{"a weak revision", put.with("If-Match", `W/`+s.revision(t, "acme")), 400, "bad_request"},
		{"two revisions", twice, 400, "bad_request"},
		{"a revision of what is not there", s.operator("PUT", "/v1/tenants/another", `{}`).with("If-Match", `"1"`), 404, "unknown"},
		{"a tenant that is there already", s.operator("PUT", acmePath, `{}`).with("If-None-Match", "*"), 409, "exists"},
		{"a dry run that is none", query("dry_run=yes"), 400, "bad_request"},
		{"a dry run twice", query("dry_run=1&dry_run=0"), 400, "bad_request"},
		{"a dry run that cannot be read", query("dry_run=1;x=2"), 400, "bad_request"},
		{"a dry run that cannot be read either", query("dry_run=%zz1"), 400, "bad_request"},
		{"a dry run in other letters", query("Dry_Run=1"), 400, "bad_request"},
	}
}

// zeros is a body that does not end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Whatever is tried is refused with its own word, changes nothing, leaves no line of
// audit, tells a page nothing, and no secret gets into a log or an answer.
func TestAttacks(t *testing.T) {
	s := laySiege(t)
	records, audited := s.records(t), len(s.audited(t, ""))
	attacks := s.byToken(t)
	for _, more := range [][]attack{s.byRight(t), s.byBrowser(), s.byBody(t), s.byCondition(t)} {
		attacks = append(attacks, more...)
	}
	for _, tt := range attacks {
		t.Run(tt.name, func(t *testing.T) {
			a := s.ask(t, tt.call)
			if a.status != tt.status || a.code() != tt.code {
				t.Errorf("answered %.300s, want %d %s", a, tt.status, tt.code)
			}
			for name := range a.header {
				if strings.HasPrefix(name, "Access-Control-") || name == "Set-Cookie" {
					t.Errorf("the answer has %s", name)
				}
			}
			for _, secret := range s.secrets {
				if bytes.Contains(a.body, []byte(secret)) {
					t.Errorf("the answer has a secret: %s", a)
				}
			}
			now, entries := s.records(t), s.audited(t, "")
			if now != records {
				t.Errorf("it changed\n%s\ninto\n%s", records, now)
			}
			if len(entries) != audited {
				t.Errorf("the audit log has new entries: %+v", entries[audited:])
			}
			records, audited = now, len(entries)
		})
	}
	if !t.Failed() {
		t.Logf("%d attacks, all refused", len(attacks))
	}
	s.keepsSecrets(t, s.secrets...)
}

// A tenant that there is not is refused as one that there is: the answer tells a stranger
// nothing of who is a customer.
func TestStrangersLearnNoNames(t *testing.T) {
	s := laySiege(t)
	for _, path := range []string{"", "/topics", "/plugins/it/versions", "/audit"} {
		there := s.ask(t, call{token: s.mallory.Token, method: "GET", path: acmePath + path})
		nowhere := s.ask(t, call{token: s.mallory.Token, method: "GET", path: "/v1/tenants/nobody" + path})
		if there.String() != nowhere.String() {
			t.Errorf("%s\n%s\n%s", path, there, nowhere)
		}
	}
}

// What a deploy token is for, it is good for.
func TestWhatDeployTokensAreFor(t *testing.T) {
	s := laySiege(t)
	as := func(method, path, body string) call {
		return call{token: s.acme.Token, method: method, path: acmePath + path, body: body}
	}
	s.want(t, 201, upload(s.acme.Token, "acme", "it", admin.Fixture(t, "served/echo", 2)))
	s.want(t, 200, as("POST", "/plugins/it/deploy", `{"version":2}`))
	s.want(t, 200, as("POST", "/plugins/it/rollback", ""))
	s.want(t, 200, as("PUT", "/routes", `{"routes":[{"pattern":"b:*","plugin":"it"}]}`))
	s.want(t, 200, as("POST", "/publish", `{"topic":"b:1","event":"x","payload":{"say":"a-payload-of-acme"}}`))
	forged := s.want(t, 201, as("POST", "/revocations", `{"subject":"7","by":"operator"}`))
	if want := `"by":"token ` + s.acme.ID + `"`; !bytes.Contains(forged.body, []byte(want)) {
		t.Errorf("who has revoked is %s, want %s", forged, want)
	}
	for _, path := range []string{"", "/plugins/it/versions", "/plugins/it/logs", "/routes", "/topics", "/sockets", "/usage"} {
		s.want(t, 200, as("GET", path, ""))
	}
	for _, path := range []string{"/v1/whoami", "/v1/limits"} {
		s.want(t, 200, call{token: s.acme.Token, method: "GET", path: path})
	}
	var by []string
	for _, e := range s.audited(t, "acme") {
		if e.By == "token "+s.acme.ID {
			by = append(by, e.Action)
		}
	}
	if got := strings.Join(by, " "); got != "upload deploy rollback routes revoke" {
		t.Errorf("the audit log has of the token: %s", got)
	}
	if body := s.ask(t, as("GET", "", "")).body; bytes.Contains(body, []byte(s.hashOf(t))) {
		t.Errorf("the record shows what is kept of tokens: %s", body)
	}
	s.keepsSecrets(t, s.secrets...)
}

// The same key means nothing to another tenant, for another path, or with another token.
func TestIdempotencyKeysAreApart(t *testing.T) {
	s := laySiege(t)
	const body = `{"topic":"a","event":"b","payload":{}}`
	publish := func(token, tenantName, body string) call {
		return call{token: token, method: "POST", path: "/v1/tenants/" + tenantName + "/publish", body: body}.with("Idempotency-Key", "one")
	}
	replayed := func(c call) bool { return s.want(t, 200, c).header.Get("Idempotent-Replayed") != "" }
	if replayed(publish(s.acme.Token, "acme", body)) {
		t.Error("the first one was not carried out")
	}
	if !replayed(publish(s.acme.Token, "acme", body)) {
		t.Error("the same again was carried out again")
	}
	if replayed(publish(s.mallory.Token, "mallory", body)) || replayed(publish(s.token, "acme", body)) || replayed(publish(s.token, "mallory", body)) {
		t.Error("another's key was answered for")
	}
	if a := s.ask(t, publish(s.acme.Token, "acme", `{"topic":"a","event":"c","payload":{}}`)); a.status != 422 || a.code() != "idempotency_mismatch" {
		t.Errorf("another body is answered %s", a)
	}
	if a := s.ask(t, publish(s.mallory.Token, "acme", body)); a.status != 403 {
		t.Errorf("another's path is answered %s", a)
	}
}

// On a developer's machine no token is needed, and pages and other machines are refused
// all the same.
func TestOpenIsForThisMachine(t *testing.T) {
	r := newRig(t, func(cfg *admin.Config) { cfg.Open = true })
	c := call{method: "GET", path: "/v1/tenants"}
	r.want(t, 200, c)
	r.want(t, 403, c.with("Host", "evil.example.com"))
	r.want(t, 403, c.with("Origin", "http://evil.example.com"))
	r.want(t, 403, c.with("Sec-Fetch-Site", "cross-site"))
	r.want(t, 401, c.with("Authorization", "Bearer wrong"))
	// A proxy on this machine brings requests of other machines.
	for _, field := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"} {
		r.want(t, 401, c.with(field, "203.0.113.9"))
	}
	closed := newRig(t, nil)
	closed.want(t, 401, c)
	if _, err := admin.New(admin.Config{Tenants: r.Directory, Store: r.store}); err == nil {
		t.Error("an API without a token and not open")
	}
}

// What is no HTTP, or too much of it, does not reach the API.
func TestRawRequests(t *testing.T) {
	s := laySiege(t)
	head := "POST " + acmePath + "/plugins/it/versions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + s.token + "\r\nContent-Type: application/wasm\r\n"
	for _, tt := range []struct {
		name, text string
		status     int
	}{
		{"a header of two megabytes", "GET /v1/tenants HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", 431},
		{"a length of a terabyte", head + "Content-Length: 1099511627776\r\n\r\n", 413},
		{"two lengths", head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		{"a length below zero", head + "Content-Length: -1\r\n\r\n", 400},
		{"two hosts", "GET /v1/tenants HTTP/1.1\r\nHost: localhost\r\nHost: evil.example.com\r\n\r\n", 400},
		{"no host", "GET /v1/tenants HTTP/1.0\r\nAuthorization: Bearer " + s.token + "\r\n\r\n", 403},
		{"another host within the address", "GET http://evil.example.com/v1/tenants HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + s.token + "\r\n\r\n", 403},
		{"a promise of a body, without a token", "PUT " + acmePath + " HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", 401},
		{"a line within a field", "GET /v1/tenants HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer\x00" + s.token + "\r\n\r\n", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.WriteString(conn, tt.text) }() // the server may stop reading
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.status {
				t.Errorf("answered %s, want %d", resp.Status, tt.status)
			}
		})
	}
	s.keepsSecrets(t, s.secrets...)
}

// The tokens that are made cannot be guessed, are all different, and only their digests
// are kept.
func TestTokensAreRandom(t *testing.T) {
	r := newRig(t, nil)
	r.found(t, "acme")
	seen := make(map[string]bool)
	for i := range 100 {
		m := r.mint(t, "acme", fmt.Sprintf(`{"note":"number %d"}`, i))
		secret, err := base64.RawURLEncoding.DecodeString(secretOf(m.Token))
		if err != nil || len(secret) < 32 || seen[m.Token] || seen[m.ID] || seen[secretOf(m.Token)] {
			t.Fatalf("%+v: %d bytes, %v", m, len(secret), err)
		}
		seen[m.Token], seen[m.ID], seen[secretOf(m.Token)] = true, true, true
	}
	if a := r.ask(t, r.operator("POST", acmePath+"/tokens", `{}`)); a.status != 403 || a.code() != "quota" {
		t.Errorf("one too many is answered %s", a)
	}
	tn, _ := r.Tenant("acme")
	for _, token := range tn.Record().DeployTokens {
		if token.Hash == (registry.Digest{}) || token.Created.IsZero() {
			t.Errorf("stored %+v", token)
		}
	}
	for secret := range seen {
		if len(secret) > 30 {
			r.keepsSecrets(t, secret)
		}
	}
}
