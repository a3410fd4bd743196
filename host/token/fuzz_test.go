package token_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/token"
)

// Keys that do not change from run to run, so that inputs keep their signatures.
const fuzzSecret = "a secret that only fuzzing knows of."

func fuzzEd() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte("the seed of a key for fuzz tests"))
}

func fuzzDesk(t testing.TB) *token.Verifier {
	return verifier(t, token.Config{Issuers: []token.Issuer{{
		Issuer: ours, Audience: []string{"chhost"}, TenantClaim: "tenant",
		Keys: parsed(t, jwk("hs", "", []byte(fuzzSecret)), jwk("ed", "", half(fuzzEd()))),
	}}})
}

// FuzzVerify: whatever a client sends, it is verified or refused with a code that is
// known, and what was not signed is refused.
func FuzzVerify(f *testing.F) {
	signed := []string{
		compact(`{"alg":"HS256"}`, good(), token.HS256, []byte(fuzzSecret)),
		compact(`{"alg":"EdDSA","kid":"ed","typ":"at+jwt"}`, good("tenant", ""), token.EdDSA, fuzzEd()),
	}
	for _, raw := range signed {
		f.Add(raw)
		f.Add(part(raw, 2, flip))
		f.Add(raw[:len(raw)-1])
	}
	f.Add(`{"protected":"e30","payload":"e30","signature":""}`)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	v := fuzzDesk(f)
	f.Fuzz(func(t *testing.T, raw string) {
		claims, err := verify(v, raw)
		if err == nil {
			if !slices.Contains(signed, raw) {
				t.Fatalf("nobody has signed %q, which says %s", raw, claims.Raw)
			}
			return
		}
		wantRefusal(t, claims, err)
	})
}

func wantRefusal(t *testing.T, claims *token.Claims, err error) {
	t.Helper()
	var refused *token.Error
	if claims != nil || !errors.As(err, &refused) || !strings.HasPrefix(string(refused.Code), "token_") || refused.Detail == "" {
		t.Fatalf("got %v and %v, want no claims and a refusal", claims, err)
	}
}

// FuzzSigned lets an issuer sign any header and claims: what is accepted is what another
// reader of JSON takes for a token of ours.
func FuzzSigned(f *testing.F) {
	f.Add(`{"alg":"HS256"}`, good())
	f.Add(`{"alg":"HS256","kid":"hs","typ":"JWT"}`, good("aud", `["a","chhost"]`, "exp", "1.8e9"))
	f.Add(`{"alg":"HS256","crit":["exp"]}`, `{"a":[{"b":{"c":null}}]}`)
	f.Add(`{"\u0061lg":"none"}`, `{"exp":1,"exp":2}`)
	v := fuzzDesk(f)
	f.Fuzz(func(t *testing.T, head, claims string) {
		got, err := verify(v, compact(head, claims, token.HS256, []byte(fuzzSecret)))
		if err != nil {
			wantRefusal(t, got, err)
			return
		}
		var h map[string]any
		if err := json.Unmarshal([]byte(head), &h); err != nil || h["alg"] != "HS256" || h["crit"] != nil || h["jwk"] != nil {
			t.Fatalf("a token with the header %s was accepted: %v", head, err)
		}
		var said struct {
			Iss, Sub, Jti, Tenant string
			Aud                   any
			Exp                   float64
		}
		var exact map[string]json.RawMessage
		if err := errors.Join(json.Unmarshal([]byte(claims), &exact), json.Unmarshal(only(exact, "iss", "sub", "jti", "tenant", "aud", "exp"), &said)); err != nil {
			t.Fatalf("claims %s were accepted: %v", claims, err)
		}
		if said.Iss != ours || said.Sub != got.Subject || said.Jti != got.ID || said.Tenant != got.Tenant || !bytes.Equal(got.Raw, []byte(claims)) {
			t.Errorf("got %+v from %s", got, claims)
		}
		if list, ok := said.Aud.([]any); said.Aud != "chhost" && !(ok && slices.Contains(list, any("chhost"))) {
			t.Errorf("the audience of %s was accepted", claims)
		}
		if limit := noon.Add(-token.DefaultLeeway - time.Second); said.Exp < float64(limit.Unix()) {
			t.Errorf("%s has expired, and was accepted", claims)
		}
	})
}

// only returns an object of the members that have these names, exactly.
func only(m map[string]json.RawMessage, names ...string) []byte {
	out := map[string]json.RawMessage{}
	for _, name := range names {
		if v, ok := m[name]; ok {
			out[name] = v
		}
	}
	text, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return text
}

// FuzzParseKeys: what is taken for keys can be used as such, and no error shows them.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(jwks(jwk("hs", "", []byte(fuzzSecret)), jwk("ed", "", fuzzEd()))))
	f.Add(publicPEM(f, half(fuzzEd())))
	f.Add([]byte(jwk("a", "", half(keys().p384))))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		made, err := token.ParseKeys(data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "token: ") || made != nil {
				t.Fatalf("got %v and %v", made, err)
			}
			return
		}
		v, err := token.NewVerifier(token.Config{Now: atNoon, Issuers: []token.Issuer{{Issuer: ours, Audience: []string{"chhost"}, Keys: made}}})
		if err != nil {
			t.Fatalf("keys that were read are refused: %v", err)
		}
		defer v.Close()
		if len(made) > 1 || !made[0].Signs() {
			return
		}
		raw, err := token.Mint(made[0], []byte(good()))
		if err != nil {
			t.Fatalf("a key that was read does not sign: %v", err)
		}
		wantAccepted(t, v, raw)
	})
}
