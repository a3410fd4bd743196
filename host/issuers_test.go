package host_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/token"
)

// operators starts a host whose operator's issuer signs with the key of us.
func operators(t *testing.T, us issuer) *hosttest.Server {
	t.Helper()
	return hosttest.Start(t, host.Config{
		Registry: registry.NewMemory(registry.Config{}),
		Issuers:  []token.Issuer{{Issuer: "us", Audience: []string{"chat"}, Keys: []token.Key{us.key}, TenantClaim: "tenant"}},
	})
}

// A token of the operator's issuer names the tenant, contradicts neither the host name
// nor the path, and lets its client in whatever issuers the tenant has; one that names
// nobody, or is of somebody else, is left to the tenant.
func TestAnOperatorsIssuerNamesTheTenant(t *testing.T) {
	us, them := newIssuer(t, "ours"), newIssuer(t, "theirs")
	server := operators(t, us)
	settle(t, server, "open", assembled(t, "served/relay"))
	own := private(t, server, "own", them)
	s := tenant.SettingsOf(own.Record())
	s.Issuers[0].Issuer = "them"
	if _, err := own.Set(t.Context(), s, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	named := func(name string) string { return us.mint(t, time.Hour, `,"tenant":"`+name+`"`) }
	theirs, err := token.Mint(them.key, []byte(`{"iss":"them","aud":"chat","sub":"9","tenant":"open","exp":99999999999}`))
	if err != nil {
		t.Fatal(err)
	}
	forged := them.mint(t, time.Hour, `,"tenant":"open"`)
	for name, tt := range map[string]struct{ url, token, want string }{
		"by the claim alone":              {server.Socket, named("open"), "7"},
		"with issuers of its own":         {server.Socket, named("own"), "7"},
		"beside the path":                 {atTenant(server, "open"), named("open"), "7"},
		"against the path":                {atTenant(server, "own"), named("open"), "tenant_mismatch"},
		"of a tenant that there is not":   {server.Socket, named("nobody"), "unknown_tenant"},
		"forged":                          {server.Socket, forged, "token_bad_signature"},
		"forged, at the tenant's path":    {atTenant(server, "open"), forged, "token_bad_signature"},
		"expired":                         {server.Socket, us.mint(t, -time.Hour, `,"tenant":"open"`), "token_expired"},
		"a claim that is no text":         {server.Socket, us.mint(t, time.Hour, `,"tenant":5`), "token_malformed"},
		"the tenant's own names nobody":   {atTenant(server, "own"), theirs, "9"},
		"without the claim, at the path":  {atTenant(server, "own"), us.mint(t, time.Hour, ""), "token_wrong_issuer"},
		"no token, where none is needed":  {atTenant(server, "open"), "", ""},
		"another one, where none is":      {atTenant(server, "open"), "opaque", ""},
		"no token, where the tenant asks": {atTenant(server, "own"), "", "token_missing"},
	} {
		for _, longPoll := range []bool{false, true} {
			for _, version := range []string{"1.0.0", "2.0.0"} {
				o := phxclient.Options{Params: url.Values{"token": {tt.token}}, LongPoll: longPoll, Version: version}
				if got := whoIs(t, tt.url, o); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
					t.Errorf("%s, version %s, polling %v: %q, want %q", name, version, longPoll, got, tt.want)
				}
			}
		}
	}
}

// whoIs is the subject that a channel knows of a client, or why there is none.
func whoIs(t *testing.T, at string, o phxclient.Options) string {
	t.Helper()
	c, err := phxclient.Connect(t.Context(), at, phxclient.ClientOptions{Options: o})
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	ch, _, err := c.Join(t.Context(), "relay:1", phx.Payload{})
	if err != nil {
		return err.Error()
	}
	reply, err := ch.Push(t.Context(), "whoami", phx.Payload{})
	if err != nil {
		return err.Error()
	}
	var claims struct{ Sub string }
	if err := json.Unmarshal(reply.Payload.Data(), &claims); err != nil {
		t.Fatal(err)
	}
	return claims.Sub
}

// A socket of the operator's issuer is renewed by a token for the same tenant only, and
// what the tenant revokes ends it.
func TestAnOperatorsTokenIsRenewedAndRevoked(t *testing.T) {
	us := newIssuer(t, "ours")
	server := operators(t, us)
	acme := settle(t, server, "acme", assembled(t, "served/relay"))
	settle(t, server, "other", assembled(t, "served/relay"))
	id := func(name, id string) string {
		return us.mint(t, time.Hour, `,"tenant":"`+name+`","jti":"`+id+`"`)
	}
	first := phxclient.Options{Params: url.Values{"token": {id("acme", "one")}}}
	conn, err := phxclient.Dial(t.Context(), server.Socket, first)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{conn, t}
	defer w.Abort()
	w.send(`[null,"1","phoenix","access_token",{"token":%q}]`, id("other", "two"))
	if got := w.next(); !strings.Contains(got, "token_wrong_subject") {
		t.Errorf("a token that names another tenant: %s", got)
	}
	if _, err := acme.Revoke(t.Context(), registry.Revocation{ID: "three"}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	w.send(`[null,"2","phoenix","access_token",{"token":%q}]`, id("acme", "three"))
	if got := w.next(); !strings.Contains(got, "token_revoked") {
		t.Errorf("a revoked token: %s", got)
	}
	w.send(`[null,"3","phoenix","access_token",{"token":%q}]`, id("acme", "four"))
	if got := w.next(); !strings.Contains(got, `"status":"ok"`) {
		t.Errorf("a good one: %s", got)
	}
	if _, err := acme.Revoke(t.Context(), registry.Revocation{ID: "four"}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	w.send(`[null,"4","phoenix","heartbeat",{}]`)
	if code := w.code(); code != 1008 {
		t.Errorf("the socket of a revoked token: code %d", code)
	}
	if _, err := acme.Revoke(t.Context(), registry.Revocation{ID: "one"}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	if again, err := phxclient.Dial(t.Context(), server.Socket, first); err == nil || !strings.Contains(err.Error(), "token_revoked") {
		if err == nil {
			again.Abort()
		}
		t.Errorf("with the revoked token again: %v", err)
	}
}

// The origins of a tenant that only a token names are that tenant's, for pages that poll
// in every request: in the preflight, which has no token, and in those behind the first,
// which have none either. A forged claim is let no further than the token's refusal.
func TestTheOriginsOfATenantThatATokenNames(t *testing.T) {
	us, them := newIssuer(t, "ours"), newIssuer(t, "theirs")
	server := operators(t, us)
	acme := settle(t, server, "acme", assembled(t, "served/relay"))
	s := tenant.SettingsOf(acme.Record())
	s.Origins = []string{"https://www.acme.example"}
	if _, err := acme.Set(t.Context(), s, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	const page, strange = "https://www.acme.example", "https://evil.example"
	good, forged := us.mint(t, time.Hour, `,"tenant":"acme"`), them.mint(t, time.Hour, `,"tenant":"acme"`)
	for _, tt := range []struct {
		origin, token string
		want          int
	}{{page, good, 101}, {strange, good, 403}, {page, forged, 401}, {page, "", 403}} {
		if res := shake(t, server, "vsn=2.0.0&token="+tt.token, http.Header{"Origin": {tt.origin}}); res.StatusCode != tt.want {
			t.Errorf("a WebSocket of %s: status %d, want %d", tt.origin, res.StatusCode, tt.want)
		}
	}
	poll := func(method, origin, header, session, body string) (answer, allowed string) {
		t.Helper()
		address := server.URL + host.DefaultMount + "/longpoll?vsn=2.0.0&token=" + session
		r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", origin)
		if header != "" {
			r.Header.Set("X-Phoenix-AuthToken", header)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(data), res.Header.Get("Access-Control-Allow-Origin")
	}
	if _, allowed := poll(http.MethodOptions, page, "", "", ""); allowed != page {
		t.Errorf("the preflight allows %q", allowed)
	}
	for _, tt := range []struct{ origin, token, want string }{{strange, good, `{"status":403}`}, {page, forged, "token_bad_signature"}, {page, "", `{"status":403}`}} {
		if answer, _ := poll(http.MethodGet, tt.origin, tt.token, "", ""); !strings.Contains(answer, tt.want) {
			t.Errorf("a poll of %s: %s, want %s", tt.origin, answer, tt.want)
		}
	}
	answer, allowed := poll(http.MethodGet, page, good, "", "")
	var opened struct {
		Status int
		Token  string
	}
	if err := json.Unmarshal([]byte(answer), &opened); err != nil || opened.Status != 410 || allowed != page {
		t.Fatalf("the session: %s, allowed %q, %v", answer, allowed, err)
	}
	const join = `["1","1","relay:1","phx_join",{}]`
	if answer, _ := poll(http.MethodPost, strange, "", opened.Token, join); !strings.Contains(answer, "403") {
		t.Errorf("a push of another page with the session's token: %s", answer)
	}
	if answer, allowed := poll(http.MethodPost, page, "", opened.Token, join); !strings.Contains(answer, "200") || allowed != page {
		t.Errorf("a push without the token: %s, allowed %q", answer, allowed)
	}
	if answer, allowed := poll(http.MethodGet, page, "", opened.Token, ""); !strings.Contains(answer, "phx_reply") || allowed != page {
		t.Errorf("a poll without the token: %s, allowed %q", answer, allowed)
	}
}

// What could name no tenant, or anybody's, is refused when the host is made.
func TestIssuersThatNameNoTenant(t *testing.T) {
	us := newIssuer(t, "ours")
	good := token.Issuer{Issuer: "us", Keys: []token.Key{us.key}, TenantClaim: "tenant"}
	store := func() registry.Store { return registry.NewMemory(registry.Config{}) }
	for want, cfg := range map[string]host.Config{
		"a host with a Registry": {Issuers: []token.Issuer{good}, RoutesOptional: true},
		"both set":               {Registry: store(), Issuers: []token.Issuer{good}, TenantClaim: func(*http.Request, string) (string, error) { return "", nil }},
		"no name":                {Registry: store(), Issuers: []token.Issuer{{Keys: good.Keys, TenantClaim: "tenant"}}},
		"no claim":               {Registry: store(), Issuers: []token.Issuer{{Issuer: "us", Keys: good.Keys}}},
		"JWKS":                   {Registry: store(), Issuers: []token.Issuer{{Issuer: "us", TenantClaim: "tenant"}}},
	} {
		if _, err := host.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
