package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/host/token"
)

// tenantClaim is the claim that names the tenant if --issuer says none.
const tenantClaim = "tenant"

// issuers reads --issuer, of the operator's own issuers.
func issuers(c *cli.Context) ([]token.Issuer, error) {
	texts := c.StringSlice("issuer")
	if len(texts) > 0 && c.String("data") == "" {
		return nil, &usageError{c.Command.Name, "--issuer names tenants, which only a host with --data DIR has"}
	}
	var list []token.Issuer
	for _, text := range texts {
		made, err := issuerOf(c, text)
		if err != nil {
			return nil, err
		}
		list = append(list, made)
	}
	return list, nil
}

// issuerOf reads one, in words of the form NAME=VALUE.
func issuerOf(c *cli.Context, text string) (token.Issuer, error) {
	fault := func(format string, args ...any) (token.Issuer, error) {
		return token.Issuer{}, &usageError{c.Command.Name, "--issuer: " + fmt.Sprintf(format, args...)}
	}
	made, keys := token.Issuer{}, ""
	once := map[string]*string{"iss": &made.Issuer, "jwks": &made.JWKS, "keys": &keys, "claim": &made.TenantClaim}
	for _, word := range strings.Fields(text) {
		name, value, ok := strings.Cut(word, "=")
		into := once[name]
		switch {
		case !ok || value == "" || into == nil && name != "aud" && name != "tenants":
			return fault("%.80q is none of iss=TEXT, jwks=URL, keys=FILE, aud=TEXT, claim=NAME and tenants=NAME,NAME", word)
		case name == "aud":
			made.Audience = append(made.Audience, value)
		case name == "tenants":
			made.Tenants = append(made.Tenants, strings.Split(value, ",")...)
		case *into != "":
			return fault("%s= is there twice: give each issuer an --issuer of its own", name)
		default:
			*into = value
		}
	}
	made.TenantClaim = either(made.TenantClaim, tenantClaim)
	switch {
	case made.Issuer == "":
		return fault("it needs iss=TEXT, which its tokens have as iss, such as iss=https://id.example.com")
	case keys == "" && made.JWKS == "":
		return fault("%s needs jwks=URL or keys=FILE, or nobody could verify its tokens", made.Issuer)
	}
	if keys == "" {
		return made, nil
	}
	var err error
	if made.Keys, err = issuerKeys(keys); err != nil {
		return token.Issuer{}, fmt.Errorf("--issuer: keys=%s %w", keys, err)
	}
	return made, nil
}

// isPrivate tells whether a key signs what its other half, which anybody may have, verifies.
func isPrivate(k token.Key) bool { return k.Signs() && !k.Shared() }

var errPrivate = errors.New("is a private key, which the host does not need: give it the public half (openssl pkey -in key.pem -pubout)")

// issuerKeys reads the keys in a file.
func issuerKeys(file string) ([]token.Key, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	keys, err := token.ParseKeys(data)
	if err != nil {
		return nil, fmt.Errorf("holds none: %w", err)
	}
	if slices.ContainsFunc(keys, isPrivate) {
		return nil, errPrivate
	}
	return keys, nil
}
