package token_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/chhost/chhost/host/token"
)

func Example() {
	key, err := token.NewSecret("2026-11", token.HS256, []byte("made with `openssl rand -base64 32`, and kept"))
	if err != nil {
		panic(err)
	}
	verifier, err := token.NewVerifier(token.Config{Now: atNoon, Issuers: []token.Issuer{{
		Issuer:   "https://shop.example.com",
		Audience: []string{"chhost"},
		Keys:     []token.Key{key},
	}}})
	if err != nil {
		panic(err)
	}
	defer verifier.Close()

	// What the shop does when somebody signs in:
	raw, err := token.Mint(key, []byte(`{"iss":"https://shop.example.com","aud":"chhost","sub":"users:7","exp":1795698000}`))
	if err != nil {
		panic(err)
	}
	// And what the host does when that client connects:
	claims, err := verifier.Verify(context.Background(), raw)
	fmt.Println(claims.Subject, err)

	_, err = verifier.Verify(context.Background(), raw+"A")
	var refused *token.Error
	fmt.Println(errors.As(err, &refused), refused.Code)
	// Output:
	// users:7 <nil>
	// true token_bad_signature
}
