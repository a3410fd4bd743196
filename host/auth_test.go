package host_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/token"
)

// issuer signs tokens with a shared key.
type issuer struct {
	key  token.Key
	keys string // as a record has them
}

func newIssuer(t testing.TB, secret string) issuer {
	t.Helper()
	secret += strings.Repeat("-", 32)
	key, err := token.NewSecret("k", token.HS256, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return issuer{key, fmt.Sprintf(`{"keys":[{"kty":"oct","kid":"k","alg":"HS256","k":%q}]}`, base64.RawURLEncoding.EncodeToString([]byte(secret)))}
}

// mint is a token of user 7 that lives for so long; more are members of its claims.
func (i issuer) mint(t testing.TB, lives time.Duration, more string) string {
	t.Helper()
	text, err := token.Mint(i.key, fmt.Appendf(nil, `{"iss":"us","aud":"chat","sub":"7","exp":%d%s}`, time.Now().Add(lives).Unix(), more))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// private makes a tenant whose clients need tokens of this issuer.
func private(t testing.TB, server *hosttest.Server, name string, from issuer) *tenant.Tenant {
	t.Helper()
	tn := settle(t, server, name, assembled(t, "served/relay"))
	s := tenant.SettingsOf(tn.Record())
	s.Issuers = []registry.Issuer{{Issuer: "us", Audience: []string{"chat"}, Keys: from.keys}}
	if _, err := tn.Set(t.Context(), s, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	return tn
}

// Clients of a tenant with issuers need a token, in one of the three places where
// clients put it; its claims are what channels know of them. What is wrong with a token
// is said by a word, and no token is in the log.
func TestClientsProveWhoTheyAre(t *testing.T) {
	var log channeltest.Log
	server := hosttest.Start(t, host.Config{Registry: registry.NewMemory(registry.Config{}), Logger: log.Logger()})
	us, them := newIssuer(t, "ours"), newIssuer(t, "theirs")
	private(t, server, "acme", us)
	private(t, server, "other", them)
	good := us.mint(t, time.Hour, "")
	byParam := func(text string) phxclient.Options { return phxclient.Options{Params: url.Values{"token": {text}}} }
	tokens := map[string]string{ // and the reason why they are refused
		"":                          "token_missing",
		"no token":                  "token_malformed",
		good[:len(good)-2] + "AA":   "token_bad_signature",
		them.mint(t, time.Hour, ""): "token_bad_signature",
		us.mint(t, -time.Hour, ""):  "token_expired",
		us.mint(t, time.Hour, `,"nbf":99999999999`): "token_not_yet_valid",
		strings.Repeat("a", 8<<10-100):              "token_malformed",
	}
	wrong, err := token.Mint(us.key, []byte(`{"iss":"us","aud":"mail","sub":"7","exp":99999999999}`))
	if err != nil {
		t.Fatal(err)
	}
	tokens[wrong] = "token_wrong_audience"
	for _, longPoll := range []bool{false, true} {
		for _, version := range []string{"1.0.0", "2.0.0"} {
			for text, reason := range tokens {
				o := byParam(text)
				o.LongPoll, o.Version = longPoll, version
				conn, err := phxclient.Dial(t.Context(), atTenant(server, "acme"), o)
				if err == nil {
					conn.Abort()
				}
				status := map[bool]string{false: "401", true: "403"}[longPoll] // see RATIONALE, "Why is the status of a refused connection in the reply?"
				if err == nil || !strings.Contains(err.Error(), status) || !strings.Contains(err.Error(), reason) {
					t.Errorf("%.20q, version %s, polling %v: %v, want %s", text, version, longPoll, err, reason)
				}
			}
			for place, o := range map[string]phxclient.Options{
				"param":       byParam(good),
				"subprotocol": {Header: http.Header{"Sec-Websocket-Protocol": {"phoenix, base64url.bearer.phx." + base64.RawURLEncoding.EncodeToString([]byte(good))}}},
				"header":      {Header: http.Header{"X-Phoenix-Authtoken": {good}}},
			} {
				if longPoll && place == "subprotocol" || !longPoll && place == "header" {
					continue
				}
				o.LongPoll, o.Version = longPoll, version
				c, err := phxclient.Connect(t.Context(), atTenant(server, "acme"), phxclient.ClientOptions{Options: o})
				if err != nil {
					t.Errorf("%s, version %s, polling %v: %v", place, version, longPoll, err)
					continue
				}
				ch, _, err := c.Join(t.Context(), "relay:1", phx.Payload{})
				if err != nil {
					t.Errorf("%s: the join: %v", place, err)
					continue
				}
				reply, err := ch.Push(t.Context(), "whoami", phx.Payload{})
				var claims struct{ Sub string }
				if err != nil || json.Unmarshal(reply.Payload.Data(), &claims) != nil || claims.Sub != "7" {
					t.Errorf("%s: the channel knows %s: %v", place, reply.Payload.Data(), err)
				}
				c.Close()
			}
		}
	}
	for text := range tokens {
		if len(text) > 20 && log.Count(text) > 0 {
			t.Errorf("the token %.20q is in the log", text)
		}
	}
	if log.Count(good) > 0 {
		t.Error("a good token is in the log")
	}
}

// A socket's token can be renewed, by one of the same user.
func TestTokensAreRenewed(t *testing.T) {
	server := hosttest.Start(t, host.Config{Registry: registry.NewMemory(registry.Config{})})
	us := newIssuer(t, "ours")
	acme := private(t, server, "acme", us)
	conn, err := phxclient.Dial(t.Context(), atTenant(server, "acme"), phxclient.Options{Params: url.Values{"token": {us.mint(t, time.Hour, "")}}})
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{conn, t}
	defer w.Abort()
	later := us.mint(t, 2*time.Hour, "")
	w.send(`[null,"1","phoenix","access_token",{"token":%q}]`, later)
	if got := w.next(); !strings.Contains(got, `"status":"ok"`) || !strings.Contains(got, `"expires":`) {
		t.Errorf("a later token: %s", got)
	}
	another, err := token.Mint(us.key, []byte(`{"iss":"us","aud":"chat","sub":"8","exp":99999999999}`))
	if err != nil {
		t.Fatal(err)
	}
	w.send(`[null,"2","phoenix","access_token",{"token":%q}]`, another)
	if got := w.next(); !strings.Contains(got, "token_wrong_subject") {
		t.Errorf("a token of somebody else: %s", got)
	}
	s := tenant.SettingsOf(acme.Record())
	s.Issuers[0].Keys = newIssuer(t, "new").keys
	if _, err := acme.Set(t.Context(), s, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	w.send(`[null,"3","phoenix","access_token",{"token":%q}]`, later)
	if got := w.next(); !strings.Contains(got, "token_bad_signature") {
		t.Errorf("a token of keys that are not trusted any more: %s", got)
	}
	s.Issuers[0].Keys = "no keys"
	if _, err := acme.Set(t.Context(), s, tenant.Request{}); err == nil {
		t.Error("an issuer without keys that can be read is taken")
	}
}

// A client whose token is revoked, or whose user's are, is gone at its next frame, and
// comes back with a newer token only; after a restart, too.
func TestTokensAreRevoked(t *testing.T) {
	store := registry.NewMemory(registry.Config{})
	server := hosttest.Start(t, host.Config{Registry: store})
	us := newIssuer(t, "ours")
	acme := private(t, server, "acme", us)
	issued := func(ago time.Duration, id string) string {
		return us.mint(t, time.Hour, fmt.Sprintf(`,"iat":%d,"jti":%q`, time.Now().Add(-ago).Unix(), id))
	}
	dial := func(server *hosttest.Server, text string) (*wire, error) {
		conn, err := phxclient.Dial(t.Context(), atTenant(server, "acme"), phxclient.Options{Params: url.Values{"token": {text}}})
		return &wire{conn, t}, err
	}
	one, two := issued(time.Minute, "one"), issued(time.Minute, "two")
	first, err := dial(server, one)
	if err != nil {
		t.Fatal(err)
	}
	second, err := dial(server, two)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Abort()
	if _, err := acme.Revoke(t.Context(), registry.Revocation{ID: "one"}, tenant.Request{By: "test"}); err != nil {
		t.Fatal(err)
	}
	first.send(`[null,"1","phoenix","heartbeat",{}]`)
	if code := first.code(); code != 1008 {
		t.Errorf("the socket of a revoked token: code %d", code)
	}
	second.send(`[null,"1","phoenix","heartbeat",{}]`)
	if got := second.next(); !strings.Contains(got, `"ok"`) {
		t.Errorf("another token of the same user: %s", got)
	}
	if _, err := dial(server, one); err == nil || !strings.Contains(err.Error(), "token_revoked") {
		t.Errorf("the revoked token again: %v", err)
	}
	if _, err := acme.Revoke(t.Context(), registry.Revocation{Subject: "7", Before: time.Now().Add(-30 * time.Second)}, tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	second.send(`[null,"2","phoenix","heartbeat",{}]`)
	if code := second.code(); code != 1008 {
		t.Errorf("the socket of a revoked user: code %d", code)
	}
	if newer, err := dial(server, issued(0, "three")); err != nil {
		t.Errorf("a newer token: %v", err)
	} else {
		newer.Abort()
	}
	// A revocation of less takes nothing of it back.
	r, err := acme.Revoke(t.Context(), registry.Revocation{Subject: "7", Before: time.Now().Add(-time.Hour), Expires: time.Now().Add(time.Hour)}, tenant.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if v := r.Revocations[len(r.Revocations)-1]; time.Since(v.Before) > time.Minute || time.Until(v.Expires) < 24*time.Hour {
		t.Errorf("the revocation became %+v", v)
	}
	server.Stop(t)
	again := hosttest.Start(t, host.Config{Registry: store})
	for _, text := range []string{one, two} {
		if _, err := dial(again, text); err == nil || !strings.Contains(err.Error(), "token_revoked") {
			t.Errorf("after a restart: %v", err)
		}
	}
	for _, bad := range []registry.Revocation{{}, {ID: "a", Subject: "b"}, {ID: "a", Expires: time.Now().Add(-time.Hour)}, {ID: strings.Repeat("a", 256)}} {
		if _, err := acme.Revoke(t.Context(), bad, tenant.Request{}); err == nil {
			t.Errorf("%+v is carried out", bad)
		}
	}
}
