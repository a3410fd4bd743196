package admin_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// changes are the endpoints that read JSON.
func changes() []string {
	return []string{
		"PUT /v1/tenants/acme", "PUT /v1/tenants/acme?dry_run=1", "PUT /v1/tenants/acme/routes", "POST /v1/tenants/acme/publish",
		"POST /v1/tenants/acme/drain", "POST /v1/tenants/acme/revocations", "POST /v1/tenants/acme/tokens?dry_run=1", "PUT /v1/tenants/acme/plugins/it/versions/1/pin",
		"POST /v1/tenants/acme/plugins/it/deploy", "PUT /v1/tenants/acme/plugins/it/settings", "PUT /v1/tenants/made",
	}
}

// FuzzBodies sends bodies to what reads JSON: none is the host's fault, each answer is as
// the document says, and what is refused has changed nothing.
func FuzzBodies(f *testing.F) {
	r := newRig(f, nil)
	r.found(f, "acme")
	for _, body := range []string{
		``, ` `, `{}`, `[]`, `null`, `0`, `"a"`, `{"a":`, `{}{}`, "\x00", `{"":""}`, "{\"a\xff\":\"\xfe\"}",
		`{"hosts":["a.example.com"],"origins":["https://a.example.com"],"limits":{"connections":5},"issuers":[{"issuer":"i","audience":["a"],"keys":"k","jwks":"https://a/b"}],"connect":"it"}`,
		`{"hosts":[""]}`, `{"hosts":null,"limits":null}`, `{"limits":{"connections":-1}}`, `{"limits":{"connections":9223372036854775807}}`, `{"limits":{"connections":1e400}}`, `{"limits":{"nothing":1}}`,
		`{"issuers":[{"keys_digest":"00000000"}]}`, `{"connect":"nobody"}`, `{"connect":"it"}`, `{"origins":["*"]}`, `{"origins":["://"]}`,
		`{"routes":[{"pattern":"*","plugin":"it"}]}`, `{"routes":[{"pattern":"**","plugin":"it"}]}`, `{"routes":[{}]}`, `{"routes":[null]}`,
		`{"topic":"a","event":"b","payload":{"c":1}}`, `{"topic":"a","event":"b","payload":[]}`, `{"topic":"a","event":"phx_join","payload":{}}`, `{"messages":[]}`, `{"messages":[{"topic":"a","event":"b"}]}`, `{"topic":"","messages":[null]}`,
		`{"window":"1ms"}`, `{"window":"-1s"}`, `{"window":"1000h"}`, `{"note":"n","expires":"2999-01-01T00:00:00Z"}`, `{"expires":"0000-01-01T00:00:00Z"}`, `{"expires":"9999-12-31T23:59:59Z"}`, `{"expires":"9999-12-31T23:59:59-23:59"}`, `{"subject":"a","before":"9999-12-31T23:59:59-23:59","expires":"9999-12-31T23:59:59-23:59"}`, `{"id":"a","before":"0000-01-01T00:00:00+23:59"}`,
		`{"pinned":true}`, `{"version":1,"strategy":"canary","percent":5}`, `{"version":-1}`, `{"version":1e9}`, `{"strategy":"x"}`, `{"a":"b","A":"c"}`, `{"a":1}`,
		`{"a":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`,
	} {
		for n := range changes() {
			f.Add(n, body)
		}
	}
	f.Fuzz(func(t *testing.T, n int, body string) {
		all := changes()
		method, path, _ := strings.Cut(all[uint(n)%uint(len(all))], " ")
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		before := r.records(t)
		req := httptest.NewRequestWithContext(ctx, method, "http://localhost"+path, strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+r.token)
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		r.api.ServeHTTP(w, req)
		a := answer{w.Code, w.Result().Header, w.Body.Bytes()}
		if a.status >= http.StatusInternalServerError {
			t.Errorf("%s %s %q: %s", method, path, body, a)
		}
		if where, err := r.document.check(req, a); err != nil || where == "" {
			t.Errorf("%s %s %q: %v", method, path, body, err)
		}
		if after := r.records(t); a.status >= 400 && after != before {
			t.Errorf("%s %s %q was refused with %s, and changed\n%s\ninto\n%s", method, path, body, a, before, after)
		}
	})
}

// FuzzHeads sends requests whose addresses and header fields may be anything: none is the
// host's fault, and without a token nothing changes.
func FuzzHeads(f *testing.F) {
	r := newRig(f, nil)
	r.found(f, "acme")
	token := r.mint(f, "acme", `{}`).Token
	methods := []string{"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", ""}
	for operation := range r.document.operations() {
		method, path, _ := strings.Cut(operation, " ")
		path = strings.NewReplacer("{tenant}", "acme", "{plugin}", "it", "{seq}", "1", "{socket}", "1", "{token}", "x").Replace(path)
		n := uint8(slices.Index(methods, method))
		f.Add(n, path, "", "localhost", "", `"1"`, "")
		f.Add(n, path, "dry_run=1", "localhost:80", "Bearer deploy", `*`, "key")
		f.Add(n, path, "dry_run=1&after=x&limit=-1&lines=9999999999&follow=2", "127.0.0.1", "Bearer "+strings.Repeat("x", 43), `W/"1"`, "\x00")
	}
	for _, path := range []string{"/", "//", "/v1/../v1/tenants", "/v1/tenants/", "/v1/tenants/%2e%2e", "/v1/tenants/%00", "/v1/tenants/acme/plugins/%2f/logs", "*"} {
		f.Add(uint8(0), path, "%zz", "[::1]:1", "Bearer deploy", "", "")
	}
	f.Fuzz(func(t *testing.T, n uint8, path, query, host, authorization, match, key string) {
		if strings.Contains(query, "follow") {
			query = "follow=0"
		}
		address, err := url.Parse("http://localhost" + path)
		if err != nil {
			return
		}
		address.RawQuery = query
		allowed := authorization == "Bearer deploy"
		if allowed {
			authorization = "Bearer " + token
		}
		req := (&http.Request{
			Method: methods[int(n)%len(methods)], URL: address, Host: host, Body: http.NoBody, RemoteAddr: "127.0.0.1:1",
			Header: http.Header{"Authorization": {authorization}, "If-Match": {match}, "Idempotency-Key": {key}, "Content-Type": {"application/json"}},
		}).WithContext(t.Context())
		before := ""
		if !allowed {
			before = r.records(t)
		}
		w := httptest.NewRecorder()
		r.api.ServeHTTP(w, req)
		a := answer{w.Code, w.Result().Header, w.Body.Bytes()}
		if a.status >= http.StatusInternalServerError {
			t.Errorf("%s %s: %s", req.Method, address, a)
		}
		if req.Method == http.MethodHead {
			return // its body is not sent
		}
		if _, err := r.document.check(req, a); err != nil {
			t.Errorf("%s %s: %v", req.Method, address, err)
		}
		if !allowed && r.records(t) != before {
			t.Errorf("%s %s has changed something", req.Method, address)
		}
	})
}
