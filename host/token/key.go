package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Algorithm is how a signature is made, by its name in RFC 7518 and RFC 8037.
type Algorithm string

const (
	HS256 Algorithm = "HS256"
	HS384 Algorithm = "HS384"
	HS512 Algorithm = "HS512"
	RS256 Algorithm = "RS256"
	RS384 Algorithm = "RS384"
	RS512 Algorithm = "RS512"
	PS256 Algorithm = "PS256"
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
	ES256 Algorithm = "ES256"
	ES384 Algorithm = "ES384"
	ES512 Algorithm = "ES512"
	EdDSA Algorithm = "EdDSA"
)

// What a key may be, in bits and bytes.
const (
	minRSA = 2048
	// What is larger makes each signature slower, and the library reads none in JWKs.
	maxRSA    = 4096
	maxSecret = 1024
	maxKeyID  = 255
)

// Key is a key and the one algorithm that it is used with. It may be copied and
// used by several goroutines. The key itself is never printed.
type Key struct {
	// ID is what tokens call the key (kid), at most 255 bytes. A key without one is
	// tried for every token of its algorithm.
	ID string
	// Algorithm is the only one that tokens of this key may have.
	Algorithm Algorithm

	secret *secret
}

// secret is what a key is made of: of a struct with a Key in it, fmt would follow a
// pointer for some verbs, and show what is there. It does not call functions.
type secret struct {
	open func() halves
}

type halves struct {
	verify any // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	sign   any // []byte, *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey; nil if only the public half is known
}

func conceal(h halves) *secret { return &secret{func() halves { return h }} }

// NewSecret returns a key that both sides know. It has at least as many bytes as a
// signature of the algorithm: 32 for HS256, 48 for HS384, 64 for HS512.
func NewSecret(id string, a Algorithm, shared []byte) (Key, error) {
	own := bytes.Clone(shared)
	k := Key{id, a, conceal(halves{own, own})}
	if err := k.check(); err != nil {
		return Key{}, fmt.Errorf("token: %w", err)
	}
	return k, nil
}

// Shared tells whether whoever can verify with the key can sign with it too.
func (k Key) Shared() bool {
	if k.secret == nil {
		return false
	}
	_, ok := k.secret.open().verify.([]byte)
	return ok
}

// Signs tells whether [Mint] can use the key.
func (k Key) Signs() bool { return k.secret != nil && k.secret.open().sign != nil }

// String is the key's ID and algorithm.
func (k Key) String() string { return fmt.Sprintf("%s key %q", k.Algorithm, k.ID) }

// GoString is String.
func (k Key) GoString() string { return k.String() }

// check tells what is wrong with a key and its algorithm.
func (k Key) check() error {
	if k.secret == nil {
		return errors.New("the key is empty: it comes from NewSecret or ParseKeys")
	}
	if len(k.ID) > maxKeyID {
		return fmt.Errorf("the key's ID has %d bytes, at most %d are allowed", len(k.ID), maxKeyID)
	}
	switch key := k.secret.open().verify.(type) {
	case []byte:
		return checkSecret(k.Algorithm, key)
	case *rsa.PublicKey:
		return checkRSA(k.Algorithm, key)
	case *ecdsa.PublicKey:
		want := ofCurve(key)
		if want == "" {
			return fmt.Errorf("the key's curve is %s, which is not used here: use P-256, P-384 or P-521", key.Curve.Params().Name)
		}
		if k.Algorithm != want {
			return fmt.Errorf("a key of the curve %s is used with %s, not with %s", key.Curve.Params().Name, want, known(k.Algorithm))
		}
		if _, err := key.ECDH(); err != nil {
			return errors.New("the key is no point of its curve")
		}
	case ed25519.PublicKey:
		if k.Algorithm != EdDSA {
			return fmt.Errorf("an Ed25519 key is used with EdDSA, not with %s", known(k.Algorithm))
		}
	}
	return nil
}

func checkSecret(a Algorithm, key []byte) error {
	least := 0
	switch a {
	case HS256:
		least = 32
	case HS384:
		least = 48
	case HS512:
		least = 64
	default:
		return fmt.Errorf("a shared secret is used with HS256, HS384 or HS512, not with %s", known(a))
	}
	switch {
	case len(key) < least:
		return fmt.Errorf("the secret has %d bytes, %s needs at least %d: make one with `openssl rand -base64 %d`", len(key), a, least, least)
	case len(key) > maxSecret:
		return fmt.Errorf("the secret has %d bytes, at most %d are allowed", len(key), maxSecret)
	case public(key):
		return errors.New("the secret is a public key or a certificate, which everybody knows: give it as PEM, without HS256, HS384 or HS512")
	}
	return nil
}

// public tells whether a secret is what is meant to be published.
func public(key []byte) bool {
	if bytes.Contains(key, []byte("-----BEGIN")) || bytes.Contains(key, []byte(`"kty"`)) {
		return true
	}
	encoded, err := base64.StdEncoding.DecodeString(string(key)) // PEM without its first and last line
	return publicDER(key) || err == nil && publicDER(encoded)
}

func publicDER(key []byte) bool {
	_, pkix := x509.ParsePKIXPublicKey(key)
	_, pkcs1 := x509.ParsePKCS1PublicKey(key)
	_, cert := x509.ParseCertificate(key)
	return pkix == nil || pkcs1 == nil || cert == nil
}

func checkRSA(a Algorithm, key *rsa.PublicKey) error {
	switch a {
	case RS256, RS384, RS512, PS256, PS384, PS512:
	default:
		return fmt.Errorf("an RSA key is used with RS256, PS256 or one of their kind, not with %s", known(a))
	}
	switch bits := key.N.BitLen(); {
	case bits < minRSA:
		return fmt.Errorf("the RSA key has %d bits, at least %d are needed", bits, minRSA)
	case bits > maxRSA:
		return fmt.Errorf("the RSA key has %d bits, at most %d are allowed", bits, maxRSA)
	case key.E < 3 || key.E%2 == 0 || key.E > 1<<31-1 || key.N.Bit(0) == 0:
		return errors.New("the RSA key's numbers are none of a key")
	}
	return nil
}

// ofCurve returns the one algorithm of a curve, "" if it has none.
func ofCurve(key *ecdsa.PublicKey) Algorithm {
	switch key.Curve.Params().BitSize {
	case 256:
		return ES256
	case 384:
		return ES384
	case 521:
		return ES512
	}
	return ""
}

// usual is the algorithm of a key that does not name one: of RSA, which has six, the
// one that every issuer supports.
func usual(key any) Algorithm {
	switch key := key.(type) {
	case []byte:
		return HS256
	case *rsa.PublicKey:
		return RS256
	case *ecdsa.PublicKey:
		return ofCurve(key)
	case ed25519.PublicKey:
		return EdDSA
	}
	return ""
}

// supported tells whether there is such an algorithm here.
func supported(a Algorithm) bool {
	switch a {
	case HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA:
		return true
	}
	return false
}

// known is the algorithm's name if it has one: an error does not repeat anything else.
func known(a Algorithm) Algorithm {
	if supported(a) {
		return a
	}
	return "something else"
}

// verify tells whether the token was signed with the key, and returns what was.
func (k Key) verify(token string) (payload []byte, ok bool) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.Algorithm)})
	if err != nil {
		return nil, false
	}
	payload, err = signed.Verify(k.secret.open().verify)
	return payload, err == nil
}
