package token_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/token"
)

// TestConfigAtFault: what could not work, or lets in more than is meant, is no verifier.
func TestConfigAtFault(t *testing.T) {
	ed := parsed(t, jwk("ed", "", half(keys().ed)))
	changed := parsed(t, jwk("ed", "", half(keys().rsa)))
	changed[0].Algorithm = token.HS256
	long := parsed(t, jwk("ed", "", half(keys().ed)))
	long[0].ID = strings.Repeat("k", 256)
	for name, c := range map[string]struct {
		cfg  token.Config
		says string
	}{
		"no issuers":           {token.Config{}, "0 issuers"},
		"too many issuers":     {token.Config{Issuers: make([]token.Issuer, 33)}, "33 issuers"},
		"no keys":              {one(token.Issuer{Issuer: "a"}), "neither Keys nor JWKS"},
		"an empty key":         {one(token.Issuer{Keys: []token.Key{{}}}), "the key is empty"},
		"a changed key":        {one(token.Issuer{Keys: changed}), "not with HS256"},
		"a long ID of a key":   {one(token.Issuer{Keys: long}), "256 bytes"},
		"two keys of one ID":   {one(token.Issuer{Keys: append(ed, ed...)}), "two keys"},
		"too many keys":        {one(token.Issuer{Keys: make([]token.Key, 101)}), "101 keys"},
		"two of one name":      {token.Config{Issuers: []token.Issuer{{Issuer: "a", Keys: ed}, {Issuer: "a", Keys: ed}}}, "another one has the same name"},
		"a long name":          {one(token.Issuer{Issuer: strings.Repeat("i", 256), Keys: ed}), "255 bytes"},
		"an empty audience":    {one(token.Issuer{Keys: ed, Audience: []string{""}}), "is empty"},
		"an empty tenant":      {one(token.Issuer{Keys: ed, TenantClaim: "t", Tenants: []string{""}}), "is empty"},
		"tenants, no claim":    {one(token.Issuer{Keys: ed, Tenants: []string{"acme"}}), "no TenantClaim"},
		"http":                 {one(token.Issuer{JWKS: "http://id.example.com/jwks.json"}), "not an https URL"},
		"a file":               {one(token.Issuer{JWKS: "file:///etc/jwks.json"}), "is no URL"},
		"a path":               {one(token.Issuer{JWKS: "/jwks.json"}), "is no URL"},
		"a password":           {one(token.Issuer{JWKS: "https://me:hunter2@id.example.com/"}), "a password"},
		"no URL at all":        {one(token.Issuer{JWKS: "https://%zz"}), "is no URL"},
		"a large leeway":       {token.Config{Leeway: time.Hour, Issuers: []token.Issuer{{Keys: ed}}}, "1h0m0s is more than 5m0s"},
		"a time less than 0":   {token.Config{MaxAge: -1, Issuers: []token.Issuer{{Keys: ed}}}, "less than 0"},
		"a lifetime of nobody": {token.Config{MaxLifetime: -1, Issuers: []token.Issuer{{Keys: ed}}}, "less than 0"},
	} {
		v, err := token.NewVerifier(c.cfg)
		if err == nil || v != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want that it says %q", name, err, c.says)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows a password: %v", name, err)
		}
	}
}

func one(from token.Issuer) token.Config { return token.Config{Issuers: []token.Issuer{from}} }

// TestDefaults: who configures nothing but a key takes tokens that name no issuer and no
// audience, and no others.
func TestDefaults(t *testing.T) {
	v := verifier(t, one(token.Issuer{Keys: parsed(t, jwk("", "", keys().secret))}))
	sign := func(claims string) string {
		return compact(`{"alg":"HS256"}`, claims, token.HS256, keys().secret)
	}
	plain := good("iss", "", "aud", "")
	c, err := verify(v, sign(plain))
	if err != nil || c.Tenant != "" || c.Subject != "users:7" {
		t.Errorf("got %+v, %v", c, err)
	}
	for claims, code := range map[string]token.Code{
		good():          token.CodeWrongIssuer,
		good("iss", ""): token.CodeWrongAudience,
		edit(plain, "exp", seconds(noon.Add(-31*time.Second))): token.CodeExpired,
		edit(plain, "exp", ""):                                 token.CodeLifetime,
	} {
		wantRefused(t, v, sign(claims), code)
	}
	wantAccepted(t, v, sign(edit(plain, "exp", seconds(noon.Add(-29*time.Second)))))
	wantAccepted(t, v, sign(edit(plain, "exp", seconds(noon.AddDate(100, 0, 0)))))
}

func TestOptions(t *testing.T) {
	known := parsed(t, jwk("", "", keys().secret))
	sign := func(changes ...string) string {
		return compact(`{"alg":"HS256"}`, good(append([]string{"iss", "", "aud", ""}, changes...)...), token.HS256, keys().secret)
	}
	forever := verifier(t, token.Config{WithoutExpiry: true, Issuers: []token.Issuer{{Keys: known}}})
	wantAccepted(t, forever, sign("exp", ""))
	wantRefused(t, forever, sign("exp", "1"), token.CodeExpired)

	exact := verifier(t, token.Config{Leeway: -1, Issuers: []token.Issuer{{Keys: known}}})
	wantRefused(t, exact, sign("exp", seconds(noon)), token.CodeExpired)
	wantAccepted(t, exact, sign("exp", seconds(noon.Add(time.Second))))
	wantRefused(t, exact, sign("nbf", seconds(noon.Add(time.Second))), token.CodeNotYetValid)

	bounded := verifier(t, token.Config{WithoutExpiry: true, MaxLifetime: time.Hour, Issuers: []token.Issuer{{Keys: known}}})
	wantRefused(t, bounded, sign("exp", ""), token.CodeLifetime)
	wantRefused(t, bounded, sign(), token.CodeLifetime) // two hours
	wantAccepted(t, bounded, sign("iat", seconds(noon)))

	tenants := verifier(t, one(token.Issuer{Keys: known, TenantClaim: "https://rt.example.com/tenant"}))
	for changes, want := range map[[2]string]string{
		{"https://rt.example.com/tenant", `"acme"`}: "acme",
		{"other", `1`}: "",
	} {
		if c, err := verify(tenants, sign(changes[:]...)); err != nil || c.Tenant != want {
			t.Errorf("%v: got %+v, %v", changes, c, err)
		}
	}
	wantRefused(t, tenants, sign("https://rt.example.com/tenant", `""`), token.CodeMalformed)
}

// TestManyKeysWithoutID: one token does not make the host compute signatures without end.
func TestManyKeysWithoutID(t *testing.T) {
	secrets := make([]string, 5)
	for i := range secrets {
		secrets[i] = jwk("", "", []byte(strings.Repeat("secret "+string(rune('a'+i)), 8)))
	}
	secrets[3] = jwk("", "", keys().secret)
	raw := compact(`{"alg":"HS256"}`, good("iss", "", "aud", ""), token.HS256, keys().secret)
	wantAccepted(t, verifier(t, one(token.Issuer{Keys: parsed(t, secrets[:4]...)})), raw)
	wantRefused(t, verifier(t, one(token.Issuer{Keys: parsed(t, secrets...)})), raw, token.CodeUnknownKey)
}

// TestConfigIsCopied: what the caller changes afterwards lets nobody in.
func TestConfigIsCopied(t *testing.T) {
	from := []token.Issuer{{Issuer: ours, Audience: []string{"chhost"}, Keys: parsed(t, publicRSA("rs")), TenantClaim: "tenant", Tenants: []string{"acme"}}}
	v := verifier(t, token.Config{Issuers: from})
	from[0].Audience[0], from[0].Tenants[0], from[0].Keys[0] = "billing", "initech", parsed(t, publicOther("rs"))[0]
	from[0].Issuer = partner
	wantAccepted(t, v, ofRSA("rs"))
}

// TestGivenKeysNeedNoContext: a client that hangs up is no reason.
func TestGivenKeysNeedNoContext(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := desk(t).Verify(gone, rs(good())); err != nil {
		t.Error(err)
	}
}

func TestErrorText(t *testing.T) {
	_, err := verify(desk(t), "")
	if got, want := err.Error(), "token_missing: there is no token"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if errors.Unwrap(err) != nil {
		t.Errorf("got a cause: %v", errors.Unwrap(err))
	}
}

// TestRenew: nobody becomes somebody else while connected.
func TestRenew(t *testing.T) {
	v := desk(t)
	old, err := verify(v, rs(good()))
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Renew(t.Context(), old, es(good("jti", `"two"`, "exp", seconds(noon.Add(2*time.Hour)))))
	if err != nil || got.ID != "two" || !got.Expires.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("got %+v, %v", got, err)
	}
	byPartner := compact(`{"alg":"HS256"}`, good("iss", `"`+partner+`"`, "tenant", ""), token.HS256, keys().theirs)
	withTenant := *old
	withTenant.Issuer, withTenant.Tenant = partner, ""
	if _, err := v.Renew(t.Context(), &withTenant, byPartner); err != nil {
		t.Errorf("the partner's: %v", err)
	}
	sameTenant := *old
	sameTenant.Tenant = ""
	for name, c := range map[string]struct {
		old *token.Claims
		raw string
	}{
		"another user":   {old, rs(good("sub", `"users:8"`))},
		"nobody":         {old, rs(good("sub", ""))},
		"another tenant": {old, rs(good("tenant", `"globex"`))},
		"another issuer": {&sameTenant, byPartner},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Renew(t.Context(), c.old, c.raw)
			wantCode(t, err, token.CodeWrongSubject, c.raw)
		})
	}
	_, err = v.Renew(t.Context(), old, rs(good("exp", "1")))
	wantCode(t, err, token.CodeExpired, "")
}
