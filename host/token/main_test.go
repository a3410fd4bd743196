package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is what the clock says in tests that do not move it.
var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

// pairs are private keys, made once: RSA takes a while.
type pairs struct {
	rsa, otherRSA  *rsa.PrivateKey
	p256, otherEC  *ecdsa.PrivateKey
	p384, p521     *ecdsa.PrivateKey
	ed, otherEd    ed25519.PrivateKey
	secret, theirs []byte
}

var keys = sync.OnceValue(func() *pairs {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	var p pairs
	var err error
	p.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	p.otherRSA, err = rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	p.p256, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	p.otherEC, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	p.p384, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(err)
	p.p521, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	must(err)
	_, p.ed, err = ed25519.GenerateKey(rand.Reader)
	must(err)
	_, p.otherEd, err = ed25519.GenerateKey(rand.Reader)
	must(err)
	p.secret = []byte(strings.Repeat("between us. ", 8))
	p.theirs = []byte(strings.Repeat("between them.", 8))
	return &p
})

// private returns the private half of the pair that an algorithm is tested with.
func (p *pairs) private(alg token.Algorithm) any {
	switch alg {
	case token.HS256, token.HS384, token.HS512:
		return p.secret
	case token.ES256:
		return p.p256
	case token.ES384:
		return p.p384
	case token.ES512:
		return p.p521
	case token.EdDSA:
		return p.ed
	}
	return p.rsa
}

var algorithms = []token.Algorithm{
	token.HS256, token.HS384, token.HS512, token.RS256, token.RS384, token.RS512, token.PS256, token.PS384, token.PS512,
	token.ES256, token.ES384, token.ES512, token.EdDSA,
}

// jwk is a key as JSON, of which nothing here came from the code under test.
func jwk(id string, alg token.Algorithm, key any) string {
	m := map[string]any{"use": "sig"}
	if id != "" {
		m["kid"] = id
	}
	if alg != "" {
		m["alg"] = string(alg)
	}
	point := func(k *ecdsa.PublicKey) {
		raw, err := k.Bytes()
		if err != nil {
			panic(err)
		}
		half := (len(raw) - 1) / 2
		m["kty"], m["crv"], m["x"], m["y"] = "EC", k.Params().Name, b64(raw[1:1+half]), b64(raw[1+half:])
	}
	public := func(k *rsa.PublicKey) {
		m["kty"], m["n"], m["e"] = "RSA", b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes())
	}
	switch k := key.(type) {
	case []byte:
		m["kty"], m["k"] = "oct", b64(k)
	case *rsa.PublicKey:
		public(k)
	case *rsa.PrivateKey:
		public(&k.PublicKey)
		m["d"], m["p"], m["q"] = b64(k.D.Bytes()), b64(k.Primes[0].Bytes()), b64(k.Primes[1].Bytes())
	case *ecdsa.PublicKey:
		point(k)
	case *ecdsa.PrivateKey:
		point(&k.PublicKey)
		d, err := k.Bytes()
		if err != nil {
			panic(err)
		}
		m["d"] = b64(d)
	case ed25519.PublicKey:
		m["kty"], m["crv"], m["x"] = "OKP", "Ed25519", b64(k)
	case ed25519.PrivateKey:
		m["kty"], m["crv"], m["x"], m["d"] = "OKP", "Ed25519", b64(k.Public().(ed25519.PublicKey)), b64(k.Seed())
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// half is the half of a key that is published, of a secret the secret.
func half(key any) any {
	if signer, ok := key.(crypto.Signer); ok {
		switch public := signer.Public().(type) {
		case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
			return public
		}
	}
	return key
}

func jwks(list ...string) string { return `{"keys":[` + strings.Join(list, ",") + `]}` }

// parsed is what ParseKeys makes of JWKs.
func parsed(t testing.TB, list ...string) []token.Key {
	t.Helper()
	made, err := token.ParseKeys([]byte(jwks(list...)))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func publicPEM(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// compact signs a header and claims, whatever they say, as alg has it.
func compact(head, claims string, alg token.Algorithm, key any) string {
	input := b64([]byte(head)) + "." + b64([]byte(claims))
	return input + "." + b64(signature(input, alg, key))
}

func signature(input string, alg token.Algorithm, key any) []byte {
	id, fresh := crypto.SHA256, sha256.New
	switch alg[len(alg)-3:] {
	case "384":
		id, fresh = crypto.SHA384, sha512.New384
	case "512":
		id, fresh = crypto.SHA512, sha512.New
	}
	digest := sum(fresh(), input)
	var out []byte
	var err error
	switch key := key.(type) {
	case []byte:
		out = sum(hmac.New(fresh, key), input)
	case *rsa.PrivateKey:
		if strings.HasPrefix(string(alg), "PS") {
			out, err = rsa.SignPSS(rand.Reader, key, id, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			out, err = rsa.SignPKCS1v15(rand.Reader, key, id, digest)
		}
	case *ecdsa.PrivateKey:
		var r, s *big.Int
		r, s, err = ecdsa.Sign(rand.Reader, key, digest)
		size := (key.Params().BitSize + 7) / 8
		out = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	case ed25519.PrivateKey:
		out = ed25519.Sign(key, []byte(input))
	default:
		panic(fmt.Sprintf("no way to sign with a %T", key))
	}
	if err != nil {
		panic(err)
	}
	return out
}

func sum(h hash.Hash, input string) []byte {
	h.Write([]byte(input))
	return h.Sum(nil)
}

// wantCode fails unless err is a refusal with that code whose text repeats nothing of
// the token.
func wantCode(t *testing.T, err error, code token.Code, raw string) {
	t.Helper()
	var refused *token.Error
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a refusal with %s", err, code)
	}
	if refused.Code != code {
		t.Fatalf("got %s (%s), want %s", refused.Code, refused.Detail, code)
	}
	if refused.Detail == "" {
		t.Errorf("%s has no detail", code)
	}
	for _, part := range strings.FieldsFunc(raw, func(r rune) bool { return r == '.' || r == '\n' || r == ' ' }) {
		if len(part) > 3 && strings.Contains(err.Error(), part) {
			t.Errorf("the error repeats a part of the token: %v", err)
		}
	}
}

func verifier(t testing.TB, cfg token.Config) *token.Verifier {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = atNoon
	}
	v, err := token.NewVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func verify(v *token.Verifier, raw string) (*token.Claims, error) {
	return v.Verify(context.Background(), raw)
}
