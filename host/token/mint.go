package token

import (
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Mint returns a token with these claims, a JSON object, signed with the key. The header
// names the key's ID, if it has one. Claims that no verifier could read, such as times
// that are no numbers, are an error; claims that none would accept are not.
func Mint(k Key, claims []byte) (string, error) {
	if err := k.check(); err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	if !k.Signs() {
		return "", errors.New("token: the key is public: only its private half signs")
	}
	if _, fault := readClaims(claims, func(string) string { return "" }); fault != nil {
		return "", fmt.Errorf("token: %s", fault.Detail)
	}
	header := new(jose.SignerOptions).WithType("JWT")
	if k.ID != "" {
		header = header.WithHeader("kid", k.ID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: k.secret.open().sign}, header)
	if err != nil {
		return "", errors.New("token: the key cannot sign")
	}
	signature, err := signer.Sign(claims)
	if err != nil {
		return "", errors.New("token: signing has failed")
	}
	token, err := signature.CompactSerialize()
	if err != nil {
		return "", errors.New("token: signing has failed")
	}
	if len(token) > MaxToken {
		return "", fmt.Errorf("token: it has %d bytes, at most %d are read", len(token), MaxToken)
	}
	return token, nil
}
