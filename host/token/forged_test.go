package token_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/token"
)

const (
	ours    = "https://id.example.com"
	partner = "https://partner.example.net"
)

// desk is the verifier that the forged tokens are shown: two issuers, several keys of
// each kind, two tenants, one user and one token that are revoked.
func desk(t testing.TB) *token.Verifier {
	k := keys()
	revoked := token.NewRevocations(0, atNoon)
	for _, r := range []token.Revocation{
		{ID: "stolen", Expires: noon.Add(time.Hour)},
		{Subject: "users:dismissed", Before: noon.Add(-time.Minute), Expires: noon.Add(time.Hour)},
	} {
		if err := revoked.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	return verifier(t, token.Config{
		Revoked: revoked, Leeway: 10 * time.Second, MaxLifetime: 24 * time.Hour,
		Issuers: []token.Issuer{{
			Issuer: ours, Audience: []string{"chhost", "https://rt.example.com"}, TenantClaim: "tenant", Tenants: []string{"acme", "globex"},
			Keys: parsed(t,
				jwk("rs", token.RS256, half(k.rsa)), jwk("es", token.ES256, half(k.p256)),
				jwk("ed", token.EdDSA, half(k.ed)), jwk("hs", token.HS256, k.secret)),
		}, {
			Issuer: partner, Audience: []string{"chhost"},
			Keys: parsed(t, jwk("theirs", token.HS256, k.theirs)),
		}},
	})
}

// edit returns JSON with members changed: name, value, name, value; a value of "" takes
// the member out.
func edit(text string, changes ...string) string {
	m := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		panic(err)
	}
	for i := 0; i < len(changes); i += 2 {
		if m[changes[i]] = json.RawMessage(changes[i+1]); changes[i+1] == "" {
			delete(m, changes[i])
		}
	}
	out, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(out)
}

func seconds(at time.Time) string { return fmt.Sprint(at.Unix()) }

// good are claims that every key of ours may sign.
func good(changes ...string) string {
	claims := fmt.Sprintf(`{"iss":%q,"sub":"users:7","aud":"chhost","tenant":"acme","jti":"one","iat":%s,"nbf":%s,"exp":%s}`,
		ours, seconds(noon.Add(-time.Hour)), seconds(noon.Add(-time.Hour)), seconds(noon.Add(time.Hour)))
	return edit(claims, changes...)
}

// rs, hs, es and ed sign as their keys should, with a header that says so, and more.
func rs(claims string, more ...string) string {
	return compact(edit(`{"typ":"JWT","alg":"RS256","kid":"rs"}`, more...), claims, token.RS256, keys().rsa)
}

func hs(claims string, more ...string) string {
	return compact(edit(`{"typ":"JWT","alg":"HS256","kid":"hs"}`, more...), claims, token.HS256, keys().secret)
}

func es(claims string, more ...string) string {
	return compact(edit(`{"alg":"ES256","kid":"es"}`, more...), claims, token.ES256, keys().p256)
}

func ed(claims string, more ...string) string {
	return compact(edit(`{"alg":"EdDSA","kid":"ed"}`, more...), claims, token.EdDSA, keys().ed)
}

// part replaces the part of a token with this number.
func part(raw string, n int, with func(string) string) string {
	parts := strings.Split(raw, ".")
	parts[n] = with(parts[n])
	return strings.Join(parts, ".")
}

// flip changes one bit of what a part stands for.
func flip(encoded string) string {
	data, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(data) == 0 {
		panic("nothing to flip")
	}
	data[len(data)/2] ^= 1
	return b64(data)
}

// respell changes bits of the last letter that stand for nothing.
func respell(encoded string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(encoded)%4 == 0 {
		panic("no bits are left over")
	}
	last := strings.IndexByte(letters, encoded[len(encoded)-1])
	out := encoded[:len(encoded)-1] + string(letters[last+1])
	before, _ := base64.RawURLEncoding.DecodeString(encoded)
	after, err := base64.RawURLEncoding.DecodeString(out)
	if err != nil || !slices.Equal(before, after) {
		panic("it stands for something else")
	}
	return out
}

// TestHonest shows that the desk takes what the forged tokens are made from, so that
// each of them is refused for what was changed and nothing else.
func TestHonest(t *testing.T) {
	v := desk(t)
	for name, raw := range map[string]string{
		"RS256": rs(good()), "HS256": hs(good()), "ES256": es(good()), "EdDSA": ed(good()),
		"without kid":             rs(good(), "kid", ""),
		"an access token":         rs(good(), "typ", `"at+jwt"`),
		"with a whole media type": rs(good(), "typ", `"application/JWT"`),
		"a certificate's hash":    rs(good(), "x5t", `"abc"`, "nonce", `"1"`),
		"several audiences":       rs(good("aud", `["elsewhere","https://rt.example.com"]`)),
		"another tenant":          rs(good("tenant", `"globex"`)),
		"partner":                 compact(`{"alg":"HS256"}`, good("iss", `"`+partner+`"`, "tenant", ""), token.HS256, keys().theirs),
		"expires within leeway":   rs(good("exp", seconds(noon.Add(-9*time.Second)))),
		"begins within leeway":    rs(good("nbf", seconds(noon.Add(9*time.Second)), "iat", seconds(noon.Add(9*time.Second)))),
		"fractions":               rs(good("exp", seconds(noon)+".5")),
		"issued after dismissal":  rs(good("sub", `"users:dismissed"`, "iat", seconds(noon.Add(-30*time.Second)))),
		"nested claims":           rs(good("app", `{"roles":["a",{"b":[1,2]}],"empty":{},"none":[]}`)),
		"names with escapes":      rs(`{"\u0061pp":1,` + good()[1:]),
		"a large one":             rs(good("app", `"`+strings.Repeat("a", 5000)+`"`)),
	} {
		claims, err := verify(v, raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if claims.Subject == "" || claims.Expires.IsZero() || !json.Valid(claims.Raw) {
			t.Errorf("%s: got %+v", name, claims)
		}
	}
}

// forged is a token that is refused, and the code that it is refused with.
type forged struct {
	name string
	code token.Code
	raw  string
}

// TestForged is the table of forged, expired and confused tokens: all are refused.
func TestForged(t *testing.T) {
	v := desk(t)
	all := slices.Concat(unreadable(), confused(t), signedByOthers(), misused(), ambiguous(), untimely())
	names := map[string]bool{}
	for _, f := range all {
		if names[f.name] {
			t.Errorf("two are called %q", f.name)
		}
		names[f.name] = true
		t.Run(f.name, func(t *testing.T) {
			claims, err := verify(v, f.raw)
			if claims != nil {
				t.Errorf("claims were returned: %+v", claims)
			}
			wantCode(t, err, f.code, f.raw)
		})
	}
	if len(all) < 40 {
		t.Errorf("%d tokens, at least 40 are promised", len(all))
	}
	t.Logf("%d forged, expired or confused tokens: all refused", len(all))
}

// unreadable are no tokens.
func unreadable() []forged {
	raw := rs(good())
	head, rest, _ := strings.Cut(raw, ".")
	padded := func(s string) string { return s + strings.Repeat("=", (4-len(s)%4)%4) }
	jsonForm := fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, head, strings.Split(rest, ".")[0], strings.Split(rest, ".")[1])
	return []forged{
		{"nothing", token.CodeMissing, ""},
		{"a word", token.CodeMalformed, "let-me-in"},
		{"dots", token.CodeMalformed, ".."},
		{"without a signature's dot", token.CodeMalformed, raw[:strings.LastIndexByte(raw, '.')]},
		{"four parts", token.CodeMalformed, raw + ".AAAA"},
		{"encrypted", token.CodeMalformed, "eyJhbGciOiJkaXIifQ.AAAA.AAAA.AAAA.AAAA"},
		{"the JSON form", token.CodeMalformed, jsonForm},
		{"too large", token.CodeTooLarge, rs(good("app", `"`+strings.Repeat("a", 8000)+`"`))},
		{"too large by one letter", token.CodeTooLarge, strings.Repeat("A", token.MaxToken+1)},
		{"padded signature", token.CodeMalformed, part(raw, 2, padded)},
		{"padded header", token.CodeMalformed, part(rs(good(), "x", `"1"`), 0, func(s string) string { return s + "=" })},
		{"base64 of the standard alphabet", token.CodeMalformed, part(raw, 1, func(s string) string { return s[:8] + "+/" + s[10:] })},
		{"a line end within", token.CodeMalformed, part(raw, 1, func(s string) string { return s[:4] + "\n" + s[4:] })},
		{"a line end behind", token.CodeMalformed, raw + "\r\n"},
		{"a space before", token.CodeMalformed, " " + raw},
		{"a zero byte behind", token.CodeMalformed, raw + "\x00"},
		{"Bearer before", token.CodeMalformed, "Bearer " + raw},
		{"header is no JSON", token.CodeMalformed, compact("alg=RS256", good(), token.RS256, keys().rsa)},
		{"header is a list", token.CodeMalformed, compact(`["RS256"]`, good(), token.RS256, keys().rsa)},
		{"header is null", token.CodeMalformed, compact(`null`, good(), token.RS256, keys().rsa)},
		{"header with something behind", token.CodeMalformed, compact(`{"alg":"RS256"}{}`, good(), token.RS256, keys().rsa)},
		{"claims are a list", token.CodeMalformed, rs(`[` + good() + `]`)},
		{"claims are null", token.CodeMalformed, rs(`null`)},
		{"claims are empty text", token.CodeMalformed, rs(``)},
		{"claims with something behind", token.CodeMalformed, rs(good() + `,{}`)},
		{"claims are not UTF-8", token.CodeMalformed, rs(`{"app":"` + "\xff" + `",` + good()[1:])},
		{"claims begin with a byte order mark", token.CodeMalformed, rs("\uFEFF" + good())},
		{"claims are too deep", token.CodeMalformed, rs(good("app", strings.Repeat("[", 100)+strings.Repeat("]", 100)))},
	}
}

// confused are signed with something that is no key, or as it is not used.
func confused(t *testing.T) []forged {
	k := keys()
	public := publicPEM(t, half(k.rsa))
	der, err := x509.MarshalPKIXPublicKey(half(k.rsa))
	if err != nil {
		t.Fatal(err)
	}
	asHS := func(id string, key []byte) string {
		return compact(`{"alg":"HS256","kid":"`+id+`"}`, good(), token.HS256, key)
	}
	unsigned := func(alg, signature string) string {
		return b64([]byte(`{"alg":`+alg+`,"typ":"JWT"}`)) + "." + b64([]byte(good())) + "." + signature
	}
	asRSA := func(id string, alg token.Algorithm) string {
		return compact(fmt.Sprintf(`{"alg":%q,"kid":%q}`, alg, id), good(), alg, k.rsa)
	}
	return []forged{
		{"none", token.CodeAlgorithm, unsigned(`"none"`, "")},
		{"none with a signature", token.CodeAlgorithm, unsigned(`"none"`, strings.Split(rs(good()), ".")[2])},
		{"None", token.CodeAlgorithm, unsigned(`"None"`, "")},
		{"nOnE", token.CodeAlgorithm, unsigned(`"nOnE"`, "")},
		{"none spelt with an escape", token.CodeAlgorithm, unsigned(`"n\u006fne"`, "")},
		{"no algorithm", token.CodeMalformed, rs(good(), "alg", "")},
		{"an empty algorithm", token.CodeMalformed, rs(good(), "alg", `""`)},
		{"an algorithm that is null", token.CodeMalformed, rs(good(), "alg", `null`)},
		{"an algorithm that is a list", token.CodeMalformed, rs(good(), "alg", `["RS256","none"]`)},
		{"an algorithm in lower case", token.CodeAlgorithm, rs(good(), "alg", `"rs256"`)},
		{"an algorithm with a space", token.CodeAlgorithm, rs(good(), "alg", `"RS256 "`)},
		{"an algorithm for encryption", token.CodeAlgorithm, rs(good(), "alg", `"RSA-OAEP"`)},
		{"HS256 with the public key as PEM", token.CodeAlgorithm, asHS("rs", public)},
		{"HS256 with the public key as PEM, without the line end", token.CodeAlgorithm, asHS("rs", public[:len(public)-1])},
		{"HS256 with the public key as DER", token.CodeAlgorithm, asHS("rs", der)},
		{"HS256 with the public key as JWK", token.CodeAlgorithm, asHS("rs", []byte(jwk("rs", token.RS256, half(k.rsa))))},
		{"HS256 with the modulus", token.CodeAlgorithm, asHS("rs", k.rsa.N.Bytes())},
		{"HS256 with the public key and no key's ID", token.CodeBadSignature, compact(`{"alg":"HS256"}`, good(), token.HS256, public)},
		{"HS256 with an empty secret", token.CodeBadSignature, asHS("hs", []byte{})},
		{"HS256 with Ed25519's public key", token.CodeAlgorithm, asHS("ed", []byte(half(k.ed).(ed25519.PublicKey)))},
		{"HS384 with the secret of HS256", token.CodeAlgorithm, compact(`{"alg":"HS384","kid":"hs"}`, good(), token.HS384, k.secret)},
		{"PS256 with the key of RS256", token.CodeAlgorithm, asRSA("rs", token.PS256)},
		{"RS512 with the key of RS256", token.CodeAlgorithm, asRSA("rs", token.RS512)},
		{"RS256 with the ID of ES256's key", token.CodeAlgorithm, asRSA("es", token.RS256)},
		{"RS256 with the ID of the secret", token.CodeAlgorithm, asRSA("hs", token.RS256)},
		{"a signature of PS256 that says RS256", token.CodeBadSignature, compact(`{"alg":"RS256","kid":"rs"}`, good(), token.PS256, k.rsa)},
		{"ES384 with the key of ES256", token.CodeAlgorithm, compact(`{"alg":"ES384","kid":"es"}`, good(), token.ES384, k.p256)},
		{"EdDSA with the ID of ES256's key", token.CodeAlgorithm, compact(`{"alg":"EdDSA","kid":"es"}`, good(), token.EdDSA, k.ed)},
	}
}

// signedByOthers were changed, or signed with another key.
func signedByOthers() []forged {
	k := keys()
	raw := rs(good())
	cut := func(s string) string { return b64(decode(s)[:100]) }
	return []forged{
		{"claims that were changed", token.CodeBadSignature, part(raw, 1, func(string) string { return b64([]byte(good("sub", `"users:1"`))) })},
		{"a header that was changed", token.CodeBadSignature, part(raw, 0, func(string) string { return b64([]byte(`{"alg":"RS256","kid":"rs","v":1}`)) })},
		{"a bit of an RSA signature", token.CodeBadSignature, part(raw, 2, flip)},
		{"a bit of a MAC", token.CodeBadSignature, part(hs(good()), 2, flip)},
		{"a bit of a signature of P-256", token.CodeBadSignature, part(es(good()), 2, flip)},
		{"a bit of a signature of Ed25519", token.CodeBadSignature, part(ed(good()), 2, flip)},
		{"an empty signature", token.CodeBadSignature, part(raw, 2, func(string) string { return "" })},
		{"an empty MAC", token.CodeBadSignature, part(hs(good()), 2, func(string) string { return "" })},
		{"half a MAC", token.CodeBadSignature, part(hs(good()), 2, func(s string) string { return b64(decode(s)[:16]) })},
		{"a short RSA signature", token.CodeBadSignature, part(raw, 2, cut)},
		{"an RSA signature with a zero before", token.CodeBadSignature, part(raw, 2, func(s string) string { return b64(append([]byte{0}, decode(s)...)) })},
		{"the signature of another token", token.CodeBadSignature, part(raw, 2, func(string) string { return strings.Split(rs(good("jti", `"two"`)), ".")[2] })},
		{"another RSA key with our ID", token.CodeBadSignature, compact(`{"alg":"RS256","kid":"rs"}`, good(), token.RS256, k.otherRSA)},
		{"another key of P-256 with our ID", token.CodeBadSignature, compact(`{"alg":"ES256","kid":"es"}`, good(), token.ES256, k.otherEC)},
		{"another Ed25519 key without an ID", token.CodeBadSignature, compact(`{"alg":"EdDSA"}`, good(), token.EdDSA, k.otherEd)},
		{"another secret", token.CodeBadSignature, compact(`{"alg":"HS256","kid":"hs"}`, good(), token.HS256, []byte(strings.Repeat("password", 8)))},
		{"a signature of P-256 in DER", token.CodeBadSignature, part(es(good()), 2, inDER)},
		{"a signature of P-256 of zeros", token.CodeBadSignature, part(es(good()), 2, func(string) string { return b64(make([]byte, 64)) })},
		{"a signature of Ed25519 that was moved by the order", token.CodeBadSignature, part(ed(good()), 2, byOrder)},
		{"an unknown ID", token.CodeUnknownKey, rs(good(), "kid", `"rs2"`)},
		{"an ID that is a path", token.CodeUnknownKey, rs(good(), "kid", `"../../../dev/null"`)},
		{"an ID that is a query", token.CodeUnknownKey, rs(good(), "kid", `"' OR 1=1 --"`)},
		{"an ID that is an address", token.CodeUnknownKey, rs(good(), "kid", `"https://evil.example.org/jwks.json"`)},
		{"an ID that is a number", token.CodeMalformed, rs(good(), "kid", `7`)},
		{"an ID that is too long", token.CodeMalformed, rs(good(), "kid", `"`+strings.Repeat("k", 256)+`"`)},
		{"the partner's key in our name", token.CodeUnknownKey, compact(`{"alg":"HS256","kid":"theirs"}`, good(), token.HS256, k.theirs)},
		{"the partner's key in our name, without an ID", token.CodeBadSignature, compact(`{"alg":"HS256"}`, good(), token.HS256, k.theirs)},
		{"our key in the partner's name", token.CodeUnknownKey, hs(good("iss", `"`+partner+`"`))},
	}
}

func decode(encoded string) []byte {
	data, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		panic(err)
	}
	return data
}

// inDER is how most libraries return a signature of an elliptic curve.
func inDER(encoded string) string {
	raw := decode(encoded)
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
	if err != nil {
		panic(err)
	}
	return b64(der)
}

// byOrder adds the group's order to S, which lenient verifiers take for the same.
func byOrder(encoded string) string {
	raw := decode(encoded)
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(raw[32:])
	slices.Reverse(s)
	moved := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(moved)
	return b64(append(raw[:32:32], moved...))
}

// misused were signed by the right key, and are meant for something or somebody else.
func misused() []forged {
	evil := jwk("rs", token.RS256, half(keys().otherRSA))
	withEvil := compact(`{"alg":"RS256","jwk":`+evil+`}`, good(), token.RS256, keys().otherRSA)
	return []forged{
		{"its own key along", token.CodeHeader, withEvil},
		{"our own key along", token.CodeHeader, rs(good(), "jwk", jwk("rs", token.RS256, half(keys().rsa)))},
		{"where its keys are", token.CodeHeader, rs(good(), "jku", `"https://evil.example.org/jwks.json"`)},
		{"where its certificate is", token.CodeHeader, rs(good(), "x5u", `"https://evil.example.org/cert.pem"`)},
		{"its certificate along", token.CodeHeader, rs(good(), "x5c", `["MIIB"]`)},
		{"something critical", token.CodeHeader, rs(good(), "crit", `["exp"]`, "exp", `1`)},
		{"nothing critical", token.CodeHeader, rs(good(), "crit", `[]`)},
		{"claims that are not encoded", token.CodeHeader, rs(good(), "crit", `["b64"]`, "b64", `false`)},
		{"claims that are not encoded, which is not critical", token.CodeHeader, rs(good(), "b64", `false`)},
		{"compressed", token.CodeHeader, rs(good(), "zip", `"DEF"`)},
		{"signed and encrypted", token.CodeHeader, rs(good(), "enc", `"A256GCM"`)},
		{"a token within", token.CodeHeader, rs(good(), "cty", `"JWT"`)},
		{"an order to log out", token.CodeHeader, rs(good(), "typ", `"logout+jwt"`)},
		{"a proof of possession", token.CodeHeader, rs(good(), "typ", `"dpop+jwt"`)},
		{"a security event", token.CodeHeader, rs(good(), "typ", `"application/secevent+jwt"`)},
		{"a type that is a number", token.CodeHeader, rs(good(), "typ", `1`)},
		{"another issuer", token.CodeWrongIssuer, rs(good("iss", `"https://evil.example.org"`))},
		{"our issuer with a slash", token.CodeWrongIssuer, rs(good("iss", `"`+ours+`/"`))},
		{"our issuer in capitals", token.CodeWrongIssuer, rs(good("iss", `"`+strings.ToUpper(ours)+`"`))},
		{"no issuer", token.CodeWrongIssuer, rs(good("iss", ""))},
		{"an issuer that is a list", token.CodeMalformed, rs(good("iss", `["`+ours+`"]`))},
		{"another audience", token.CodeWrongAudience, rs(good("aud", `"billing"`))},
		{"other audiences", token.CodeWrongAudience, rs(good("aud", `["billing","chhost2","CHHOST"]`))},
		{"no audience", token.CodeWrongAudience, rs(good("aud", ""))},
		{"a list of no audience", token.CodeMalformed, rs(good("aud", `[]`))},
		{"an empty audience", token.CodeMalformed, rs(good("aud", `""`))},
		{"an audience that is an object", token.CodeMalformed, rs(good("aud", `{"chhost":true}`))},
		{"audiences of which one is a number", token.CodeMalformed, rs(good("aud", `["chhost",1]`))},
		{"too many audiences", token.CodeMalformed, rs(good("aud", `["chhost"`+strings.Repeat(`,"a"`, 32)+`]`))},
		{"another tenant's", token.CodeWrongTenant, rs(good("tenant", `"initech"`))},
		{"no tenant's", token.CodeWrongTenant, rs(good("tenant", ""))},
		{"several tenants'", token.CodeMalformed, rs(good("tenant", `["acme","initech"]`))},
		{"a tenant that is null", token.CodeMalformed, rs(good("tenant", `null`))},
		{"a tenant in capitals", token.CodeWrongTenant, rs(good("tenant", `"ACME"`))},
	}
}

// ambiguous can be read in two ways, or are one token with another name.
func ambiguous() []forged {
	twice := func(member string) string { return rs(good()[:len(good())-1] + "," + member + "}") }
	long := `"` + strings.Repeat("u", 256) + `"`
	return []forged{
		{"two algorithms", token.CodeMalformed, compact(`{"alg":"none","kid":"rs","alg":"RS256"}`, good(), token.RS256, keys().rsa)},
		{"two algorithms, one with an escape", token.CodeMalformed, compact(`{"\u0061lg":"none","alg":"RS256","kid":"rs"}`, good(), token.RS256, keys().rsa)},
		{"two subjects", token.CodeMalformed, twice(`"sub":"users:1"`)},
		{"two times of expiry", token.CodeMalformed, twice(`"exp":9999999999`)},
		{"two tenants, one with an escape", token.CodeMalformed, twice(`"\u0074enant":"globex"`)},
		{"two names deep within", token.CodeMalformed, rs(good("app", `[{"a":{"role":"user","role":"admin"}}]`))},
		{"two names of which no encoder knows", token.CodeMalformed, twice(`"\ud800":1,"\udfff":2`)},
		{"a signature spelt otherwise", token.CodeMalformed, part(hs(good()), 2, respell)},
		{"claims spelt otherwise", token.CodeMalformed, part(hs(pad(good())), 1, respell)},
		{"a subject that is a number", token.CodeMalformed, rs(good("sub", `7`))},
		{"a subject that is empty", token.CodeMalformed, rs(good("sub", `""`))},
		{"a subject that is too long", token.CodeMalformed, rs(good("sub", long))},
		{"an ID of the token that is an object", token.CodeMalformed, rs(good("jti", `{}`))},
	}
}

// pad makes claims so long that a bit is left over in their base64.
func pad(claims string) string {
	for len(claims)%3 == 0 {
		claims += " "
	}
	return claims
}

// untimely are too old, too young, or revoked.
func untimely() []forged {
	return []forged{
		{"expired", token.CodeExpired, rs(good("exp", seconds(noon.Add(-time.Minute))))},
		{"expired at the leeway's end", token.CodeExpired, rs(good("exp", seconds(noon.Add(-10*time.Second))))},
		{"expired in 1970", token.CodeExpired, rs(good("exp", `0`))},
		{"expired, with another key", token.CodeBadSignature, compact(`{"alg":"RS256","kid":"rs"}`, good("exp", `1`), token.RS256, keys().otherRSA)},
		{"no expiry", token.CodeLifetime, rs(good("exp", ""))},
		{"expiry in capitals", token.CodeLifetime, rs(good("exp", "", "EXP", seconds(noon.Add(time.Hour))))},
		{"expiry that is text", token.CodeMalformed, rs(good("exp", `"`+seconds(noon.Add(time.Hour))+`"`))},
		{"expiry that is null", token.CodeMalformed, rs(good("exp", `null`))},
		{"expiry that is true", token.CodeMalformed, rs(good("exp", `true`))},
		{"expiry before 1970", token.CodeMalformed, rs(good("exp", `-1`))},
		{"expiry beyond every number", token.CodeMalformed, rs(good("exp", `1e400`))},
		{"expiry beyond every date", token.CodeMalformed, rs(good("exp", `1e18`))},
		{"expiry in milliseconds", token.CodeMalformed, rs(good("exp", seconds(noon.Add(time.Hour))+"000"))},
		{"lives for too long", token.CodeLifetime, rs(good("exp", seconds(noon.Add(24*time.Hour))))},
		{"lives for too long, and does not say since when", token.CodeLifetime, rs(good("iat", "", "exp", seconds(noon.Add(25*time.Hour))))},
		{"not valid yet", token.CodeNotYetValid, rs(good("nbf", seconds(noon.Add(11*time.Second))))},
		{"issued in the future", token.CodeNotYetValid, rs(good("iat", seconds(noon.Add(11*time.Second))))},
		{"not before something that is text", token.CodeMalformed, rs(good("nbf", `"now"`))},
		{"revoked by its ID", token.CodeRevoked, rs(good("jti", `"stolen"`))},
		{"revoked by its subject", token.CodeRevoked, rs(good("sub", `"users:dismissed"`))},
		{"revoked by its subject, issued at that moment", token.CodeRevoked, rs(good("sub", `"users:dismissed"`, "iat", seconds(noon.Add(-time.Minute))))},
		{"revoked by its subject, issued nobody knows when", token.CodeRevoked, rs(good("sub", `"users:dismissed"`, "iat", ""))},
	}
}
