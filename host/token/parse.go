package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// MaxKeys is how many keys a document may have.
const MaxKeys = 100

// maxKeysText is how long a document may be, in bytes.
const maxKeysText = 256 << 10

// ParseKeys reads a JWK, a JWK set (RFC 7517) or PEM: public and private keys, and
// certificates, of which only the key counts. A JWK that names no algorithm has
// the usual one: HS256, RS256, that of its curve, or EdDSA; in PEM none is named. The
// error says which key is at fault and why; it repeats nothing of it but its ID.
func ParseKeys(data []byte) ([]Key, error) {
	if len(data) > maxKeysText {
		return nil, fmt.Errorf("token: the keys take %d bytes, at most %d are allowed", len(data), maxKeysText)
	}
	var keys []Key
	var err error
	switch trimmed := bytes.TrimSpace(data); {
	case bytes.HasPrefix(trimmed, []byte("{")):
		keys, err = parseDocument(trimmed, func(err error) error { return err })
	case bytes.Contains(trimmed, []byte("-----BEGIN ")):
		keys, err = parsePEM(trimmed)
	default:
		err = errors.New("this is neither PEM nor a JWK nor a JWK set; a shared secret is given as a JWK, such as {\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":BASE64URL}")
	}
	if err == nil && len(keys) == 0 {
		err = errors.New("there is no key in it")
	}
	if err == nil {
		err = distinct(keys)
	}
	if err != nil {
		return nil, fmt.Errorf("token: keys: %w", err)
	}
	return keys, nil
}

// distinct fails if a token could mean two of the keys by one ID.
func distinct(keys []Key) error {
	for i, k := range keys {
		if k.ID != "" && slices.ContainsFunc(keys[:i], func(o Key) bool { return o.ID == k.ID && o.Algorithm == k.Algorithm }) {
			return fmt.Errorf("two keys for %s have the ID %q", k.Algorithm, k.ID)
		}
	}
	return nil
}

// parseDocument reads a JWK or a JWK set. A key that is of no use is passed to
// useless, which tells whether to go on: those who publish keys may have others too.
func parseDocument(data []byte, useless func(error) error) ([]Key, error) {
	top, err := readObject(string(data))
	if err != nil {
		return nil, err
	}
	if top.get("keys") == "" {
		if top.get("kty") == "" {
			return nil, errors.New(`an object without "keys" and without "kty": neither a JWK set nor a JWK`)
		}
		k, err := parseJWK(string(data))
		if err != nil {
			return nil, useless(err)
		}
		return []Key{k}, nil
	}
	var list []json.RawMessage
	if json.Unmarshal([]byte(top.get("keys")), &list) != nil {
		return nil, errors.New(`"keys" is no list`)
	}
	if len(list) > MaxKeys {
		return nil, fmt.Errorf("there are %d keys, at most %d are allowed", len(list), MaxKeys)
	}
	var keys []Key
	for i, raw := range list {
		k, err := parseJWK(string(raw))
		if err != nil {
			if err = useless(fmt.Errorf("key %d: %w", i+1, err)); err != nil {
				return nil, err
			}
			continue
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func parseJWK(raw string) (Key, error) {
	jwk, err := readObject(raw)
	if err != nil {
		return Key{}, err
	}
	id, err := jwk.text("kid", maxKeyID)
	if err != nil {
		return Key{}, fmt.Errorf(`its "kid" is no text of 1 to %d bytes`, maxKeyID)
	}
	named := func(err error) (Key, error) {
		if id != "" {
			err = fmt.Errorf("%q: %w", id, err)
		}
		return Key{}, err
	}
	if err := forSignatures(jwk); err != nil {
		return named(err)
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON([]byte(raw)); err != nil {
		return named(errors.New(strings.TrimPrefix(err.Error(), "go-jose/go-jose: ")))
	}
	k, err := newKey(id, Algorithm(parsed.Algorithm), parsed.Key)
	if err != nil {
		return named(err)
	}
	return k, nil
}

// forSignatures tells what a JWK is for if that is something else.
func forSignatures(jwk members) error {
	if use := jwk.get("use"); use != "" && use != `"sig"` {
		return errors.New(`it is not for signatures (its "use" is not "sig")`)
	}
	if ops := jwk.get("key_ops"); ops != "" {
		var list []string
		if json.Unmarshal([]byte(ops), &list) != nil || !slices.Contains(list, "verify") && !slices.Contains(list, "sign") {
			return errors.New(`it is not for signatures (its "key_ops" have neither "verify" nor "sign")`)
		}
	}
	return nil
}

// newKey returns the key of a parsed one, public, private or shared.
func newKey(id string, a Algorithm, key any) (Key, error) {
	h := halves{verify: key}
	switch private := key.(type) {
	case []byte:
		h.sign = private
	case *rsa.PrivateKey:
		h.verify, h.sign = &private.PublicKey, private
	case *ecdsa.PrivateKey:
		h.verify, h.sign = &private.PublicKey, private
	case ed25519.PrivateKey:
		h.verify, h.sign = private.Public(), private
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return Key{}, errors.New("it is of a kind that is not used here: use RSA, P-256, P-384, P-521 or Ed25519")
	}
	if a == "" {
		a = usual(h.verify)
	}
	k := Key{id, a, conceal(h)}
	return k, k.check()
}

func parsePEM(data []byte) ([]Key, error) {
	var keys []Key
	for n := 1; ; n++ {
		block, rest := pem.Decode(data)
		if block == nil {
			if bytes.Contains(data, []byte("-----BEGIN ")) {
				return nil, fmt.Errorf("PEM block %d cannot be read: it is cut short, or not base64", n)
			}
			return keys, nil
		}
		if n > MaxKeys {
			return nil, fmt.Errorf("there are more than %d PEM blocks", MaxKeys)
		}
		data = rest
		if block.Type == "EC PARAMETERS" {
			continue // openssl writes them before a key that names its curve too
		}
		key, err := parseBlock(block)
		if err == nil {
			var k Key
			if k, err = newKey("", "", key); err == nil {
				keys = append(keys, k)
				continue
			}
		}
		return nil, fmt.Errorf("PEM block %d: %w", n, err)
	}
}

// parseBlock returns the key of a PEM block, as the standard library has it.
func parseBlock(block *pem.Block) (key any, err error) {
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = cert.PublicKey
		}
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("the key is encrypted: decrypt it first, such as with `openssl pkey`")
	default:
		return nil, errors.New("it is no key and no certificate")
	}
	if block.Headers["DEK-Info"] != "" {
		return nil, errors.New("the key is encrypted: decrypt it first, such as with `openssl pkey`")
	}
	if err != nil {
		return nil, errors.New("the key in it cannot be read")
	}
	return key, nil
}
