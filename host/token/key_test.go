package token_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/token"
)

// TestParseKeys shows each way of writing a key: what it is taken for, and that a token
// of it is accepted.
func TestParseKeys(t *testing.T) {
	k := keys()
	block := func(kind string, der []byte, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkcs8 := func(key any) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		return block("PRIVATE KEY", der, err)
	}
	sec1, err := x509.MarshalECPrivateKey(k.p256)
	ec := block("EC PRIVATE KEY", sec1, err)
	cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: noon}, &x509.Certificate{}, half(k.rsa), k.rsa)
	certificate := block("CERTIFICATE", cert, err)

	for _, c := range []struct {
		name, text string
		id         string
		alg        token.Algorithm
		signs      bool
		private    any
	}{
		{"a secret", jwk("a", token.HS512, k.secret), "a", token.HS512, true, k.secret},
		{"a secret that names no algorithm", jwk("", "", k.secret), "", token.HS256, true, k.secret},
		{"a set", jwks(jwk("a", token.PS384, half(k.rsa))), "a", token.PS384, false, k.rsa},
		{"a set with something behind", " " + jwks(jwk("a", "", half(k.rsa))) + "\n", "a", token.RS256, false, k.rsa},
		{"a private RSA key", jwk("a", "", k.rsa), "a", token.RS256, true, k.rsa},
		{"P-256", jwk("a", "", half(k.p256)), "a", token.ES256, false, k.p256},
		{"P-384", jwk("a", "", half(k.p384)), "a", token.ES384, false, k.p384},
		{"private P-521", jwk("a", token.ES512, k.p521), "a", token.ES512, true, k.p521},
		{"Ed25519", jwk("a", "", half(k.ed)), "a", token.EdDSA, false, k.ed},
		{"private Ed25519", jwk("a", "", k.ed), "a", token.EdDSA, true, k.ed},
		{"for verifying", strings.Replace(jwk("a", "", half(k.ed)), `"use":"sig"`, `"key_ops":["verify"]`, 1), "a", token.EdDSA, false, k.ed},
		{"PEM, RSA", string(publicPEM(t, half(k.rsa))), "", token.RS256, false, k.rsa},
		{"PEM, RSA of old", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey), nil), "", token.RS256, false, k.rsa},
		{"PEM, private RSA of old", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k.rsa), nil), "", token.RS256, true, k.rsa},
		{"PEM, private RSA", pkcs8(k.rsa), "", token.RS256, true, k.rsa},
		{"PEM, a certificate", "Subject: somebody\n" + certificate, "", token.RS256, false, k.rsa},
		{"PEM, P-384", string(publicPEM(t, half(k.p384))), "", token.ES384, false, k.p384},
		{"PEM, private P-256 with parameters", block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}, nil) + ec, "", token.ES256, true, k.p256},
		{"PEM, Ed25519", string(publicPEM(t, half(k.ed))), "", token.EdDSA, false, k.ed},
		{"PEM, private Ed25519", pkcs8(k.ed), "", token.EdDSA, true, k.ed},
	} {
		t.Run(c.name, func(t *testing.T) {
			made, err := token.ParseKeys([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if len(made) != 1 || made[0].ID != c.id || made[0].Algorithm != c.alg || made[0].Signs() != c.signs {
				t.Fatalf("got %v, signs %v", made, made[0].Signs())
			}
			if _, secret := c.private.([]byte); made[0].Shared() != secret {
				t.Errorf("shared: got %v", made[0].Shared())
			}
			v := verifier(t, token.Config{Issuers: []token.Issuer{{Issuer: ours, Audience: []string{"chhost"}, Keys: made}}})
			wantAccepted(t, v, compact(fmt.Sprintf(`{"alg":%q}`, c.alg), good(), c.alg, c.private))
		})
	}

	both := string(publicPEM(t, half(k.ed))) + "\n# the old one\n" + string(publicPEM(t, half(k.p256)))
	if made, err := token.ParseKeys([]byte(both)); err != nil || len(made) != 2 {
		t.Errorf("two PEM blocks: got %v, %v", made, err)
	}
}

// TestKeysAtFault: what is no key is refused, and the error says why, and not what it is.
func TestKeysAtFault(t *testing.T) {
	k := keys()
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ofModulus := func(n *big.Int) string { return jwk("a", "", &rsa.PublicKey{N: n, E: 65537}) }
	broken := *k.rsa
	broken.D = new(big.Int).Add(k.rsa.D, big.NewInt(2))
	encrypted := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: []byte{1}}))
	large := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 4999), E: 65537})}))
	many := strings.Repeat(jwk("", "", half(k.ed))+",", token.MaxKeys)
	for name, c := range map[string]struct{ text, says string }{
		"nothing":                  {"", "neither PEM nor a JWK"},
		"a word":                   {"correct horse battery staple", "neither PEM nor a JWK"},
		"another object":           {`{"key":"x"}`, `without "keys" and without "kty"`},
		"half an object":           {`{"kty":"oct"`, "not a JSON object"},
		"an empty set":             {`{"keys":[]}`, "no key in it"},
		"a set that is no list":    {`{"keys":7}`, "no list"},
		"too many":                 {`{"keys":[` + many + `{}]}`, "101 keys, at most 100"},
		"too long":                 {strings.Repeat(" ", 1<<19), "at most 262144"},
		"two of one name":          {jwks(jwk("a", "", half(k.ed)), jwk("a", "", half(k.otherEd))), `two keys for EdDSA have the ID "a"`},
		"a key with two values":    {`{"kty":"oct","k":"AAAA","k":"BBBB"}`, "two members of one name"},
		"an ID that is a number":   {`{"kty":"oct","kid":1}`, `its "kid" is no text`},
		"the second of a set":      {jwks(jwk("a", "", half(k.ed)), `{"kty":"oct","kid":"b"}`), `key 2: "b": `},
		"a short secret":           {jwk("a", token.HS256, k.secret[:31]), "31 bytes, HS256 needs at least 32"},
		"a short secret for HS512": {jwk("a", token.HS512, k.secret[:32]), "32 bytes, HS512 needs at least 64"},
		"an empty secret":          {`{"kty":"oct","k":""}`, "0 bytes"},
		"no secret":                {`{"kty":"oct"}`, "missing k value"},
		"a long secret":            {jwk("a", "", bytes.Repeat([]byte{1}, 1025)), "at most 1024"},
		"a public key as a secret": {jwk("a", token.HS256, publicPEM(t, half(k.rsa))), "everybody knows"},
		"a secret for RS256":       {jwk("a", token.RS256, k.secret), "used with HS256, HS384 or HS512, not with RS256"},
		"RSA for HS256":            {jwk("a", token.HS256, half(k.rsa)), "not with HS256"},
		"RSA for something else":   {jwk("a", "RSA-OAEP", half(k.rsa)), "not with something else"},
		"P-256 for ES384":          {jwk("a", token.ES384, half(k.p256)), "used with ES256, not with ES384"},
		"Ed25519 for ES256":        {jwk("a", token.ES256, half(k.ed)), "used with EdDSA"},
		"RSA of 2047 bits":         {ofModulus(new(big.Int).Rsh(k.rsa.N, 1)), "2047 bits, at least 2048"},
		"RSA of 5000 bits":         {ofModulus(new(big.Int).Lsh(big.NewInt(1), 4999)), "RSA modulus size"},
		"PEM, RSA of 5000 bits":    {large, "5000 bits, at most 4096"},
		"RSA of an even number":    {ofModulus(new(big.Int).Lsh(k.rsa.N, 1)), "none of a key"},
		"RSA with the exponent 1":  {jwk("a", "", &rsa.PublicKey{N: k.rsa.N, E: 1}), "bad e value"},
		"RSA with the exponent 4":  {jwk("a", "", &rsa.PublicKey{N: k.rsa.N, E: 4}), "none of a key"},
		"RSA that does not fit":    {string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(&broken)})), "cannot be read"},
		"a JWK that does not fit":  {jwk("a", "", &broken), "rsa"},
		"a point beside the curve": {`{"kty":"EC","crv":"P-256","x":"` + b64(make([]byte, 31)) + `AQ","y":"` + b64(make([]byte, 31)) + `AQ"}`, "EC"},
		"P-224":                    {string(publicPEM(t, &p224.PublicKey)), "P-224, which is not used here"},
		"an unknown curve":         {`{"kty":"OKP","crv":"X25519","x":"AAAA"}`, "unsupported"},
		"for encryption":           {strings.Replace(jwk("a", "", half(k.rsa)), "sig", "enc", 1), "not for signatures"},
		"for wrapping":             {`{"kty":"oct","key_ops":["wrapKey"]}`, "not for signatures"},
		"encrypted PEM":            {encrypted, "is encrypted"},
		"encrypted PKCS 8":         {string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}})), "is encrypted"},
		"a request in PEM":         {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte{1}})), "no key and no certificate"},
		"garbage in PEM":           {string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("garbage")})), "cannot be read"},
		"PEM that is cut short":    {string(publicPEM(t, half(k.rsa))[:200]), "cut short"},
		"the second PEM cut short": {string(publicPEM(t, half(k.ed))) + "-----BEGIN PUBLIC KEY-----\nAAAA", "block 2"},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := token.ParseKeys([]byte(c.text))
			if err == nil || made != nil {
				t.Fatalf("got %v, want an error", made)
			}
			if !strings.HasPrefix(err.Error(), "token: ") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, want that it says %q", err, c.says)
			}
			wantNoSecret(t, err.Error())
		})
	}
}

// wantNoSecret fails if a text shows a part of one of the keys, in any usual spelling.
func wantNoSecret(t *testing.T, text string) {
	t.Helper()
	k := keys()
	for _, s := range [][]byte{k.secret[:12], k.secret[12:24], k.ed.Seed(), k.rsa.D.Bytes()[:12], k.rsa.N.Bytes()[:12]} {
		for _, spelt := range []string{string(s), b64(s), hex.EncodeToString(s), strings.ToUpper(hex.EncodeToString(s)), strings.Trim(fmt.Sprint(s), "[]")} {
			if strings.Contains(text, spelt[:min(len(spelt), 12)]) {
				t.Errorf("a key is shown: %.200s", text)
			}
		}
	}
}

// TestKeysAreNotPrinted: no verb and no encoder shows what a key is, wherever it stands.
func TestKeysAreNotPrinted(t *testing.T) {
	k := keys()
	for _, key := range parsed(t, jwk("hs", "", k.secret), jwk("ed", "", k.ed), jwk("rs", "", k.rsa)) {
		within := struct {
			Key token.Key
			key token.Key
			ptr *token.Key
		}{key, key, &key}
		issuer := token.Issuer{Keys: []token.Key{key}}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			for _, value := range []any{key, &key, within, &within, issuer, token.Config{Issuers: []token.Issuer{issuer}}} {
				wantNoSecret(t, fmt.Sprintf(verb, value))
			}
		}
		text, err := json.Marshal(issuer)
		if err != nil {
			t.Fatal(err)
		}
		wantNoSecret(t, string(text))
		if got := key.String(); !strings.Contains(got, key.ID) || !strings.Contains(got, string(key.Algorithm)) {
			t.Errorf("String: got %q", got)
		}
	}
}

func TestNewSecret(t *testing.T) {
	k := keys()
	shared := bytes.Clone(k.secret)
	key, err := token.NewSecret("a", token.HS384, shared)
	if err != nil {
		t.Fatal(err)
	}
	clear(shared) // it is the caller's
	v := verifier(t, token.Config{Issuers: []token.Issuer{{Issuer: ours, Audience: []string{"chhost"}, Keys: []token.Key{key}}}})
	wantAccepted(t, v, compact(`{"alg":"HS384"}`, good(), token.HS384, k.secret))

	der := publicPEM(t, half(k.rsa))
	block, _ := pem.Decode(der)
	body := strings.ReplaceAll(strings.Join(strings.Split(strings.TrimSpace(string(der)), "\n")[1:8], "\n"), "\n", "")
	for name, secret := range map[string][]byte{
		"short": k.secret[:47], "PEM": der, "DER": block.Bytes, "PEM without its lines": []byte(body),
		"a JWK": []byte(jwk("a", "", half(k.rsa))), "PKCS 1": x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey),
	} {
		if key, err := token.NewSecret("a", token.HS384, secret); err == nil || key != (token.Key{}) {
			t.Errorf("%s: it was taken for a secret", name)
		}
	}
	if _, err := token.NewSecret("a", token.RS256, k.secret); err == nil {
		t.Error("a secret for RS256 was made")
	}
}

// TestMint: what is minted is accepted, with every algorithm, and says what it was told
// to say.
func TestMint(t *testing.T) {
	for _, alg := range algorithms {
		t.Run(string(alg), func(t *testing.T) {
			key := parsed(t, jwk("key 1", alg, keys().private(alg)))[0]
			raw, err := token.Mint(key, []byte(good()))
			if err != nil {
				t.Fatal(err)
			}
			public := parsed(t, jwk("key 1", alg, half(keys().private(alg))))
			v := verifier(t, token.Config{Issuers: []token.Issuer{{Issuer: ours, Audience: []string{"chhost"}, Keys: public, TenantClaim: "tenant"}}})
			c, err := verify(v, raw)
			if err != nil {
				t.Fatal(err)
			}
			if c.Issuer != ours || c.KeyID != "key 1" || c.Subject != "users:7" || c.ID != "one" || c.Tenant != "acme" ||
				fmt.Sprint(c.Audience) != "[chhost]" || string(c.Raw) != good() ||
				!c.Issued.Equal(noon.Add(-time.Hour)) || !c.NotBefore.Equal(noon.Add(-time.Hour)) || !c.Expires.Equal(noon.Add(time.Hour)) {
				t.Errorf("got %+v", c)
			}
			var head map[string]string
			if err := json.Unmarshal(decode(strings.Split(raw, ".")[0]), &head); err != nil || head["typ"] != "JWT" || head["alg"] != string(alg) || head["kid"] != "key 1" || len(head) != 3 {
				t.Errorf("header: got %v, %v", head, err)
			}
		})
	}
}

func TestMintRefuses(t *testing.T) {
	k := keys()
	private, public := parsed(t, jwk("a", "", k.ed))[0], parsed(t, jwk("a", "", half(k.ed)))[0]
	other := private
	other.Algorithm = token.HS256
	for name, c := range map[string]struct {
		key          token.Key
		claims, says string
	}{
		"a public key":     {public, good(), "only its private half signs"},
		"no key":           {token.Key{}, good(), "the key is empty"},
		"a changed key":    {other, good(), "used with EdDSA, not with HS256"},
		"no object":        {private, `[]`, "not a JSON object"},
		"two of one name":  {private, `{"a":1,"a":2}`, "two members"},
		"a time as text":   {private, `{"exp":"soon"}`, `"exp" is no number`},
		"a large token":    {private, `{"a":"` + strings.Repeat("a", token.MaxToken) + `"}`, "at most 8192"},
		"a user as number": {private, `{"sub":7}`, `"sub" is no text`},
	} {
		raw, err := token.Mint(c.key, []byte(c.claims))
		if err == nil || raw != "" || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want that it says %q", name, err, c.says)
		}
	}
}
