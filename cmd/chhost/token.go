package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/host/token"
)

func tokenCommand() *cli.Command {
	return group(&cli.Command{
		Name:     "token",
		Category: remoteCategory,
		Usage:    "mint, check and revoke the tokens that clients connect with (not those for deploys: chhost deploy-token)",
		UsageText: "chhost token key\n" +
			"chhost token mint --key FILE --subject NAME [FLAGS]\n" +
			"chhost token check --key FILE [FLAGS]\n" +
			"chhost token revoke --id TEXT | --subject NAME [FLAGS]\n" +
			"chhost token revoked",
		Description: "Clients of a tenant with issuers bring a JSON Web Token, which your application signs\n" +
			"when a user logs in there. key, mint and check make one for a try, and tell what is\n" +
			"wrong with one that is refused: they ask no host. revoke has a running host refuse it.",
	}, tokenKeyCommand(), tokenMintCommand(), tokenCheckCommand(), tokenRevokeCommand(), tokenRevokedCommand())
}

func tokenKeyCommand() *cli.Command {
	return &cli.Command{
		Name: "key", Usage: "make a secret that signs tokens and verifies them", UsageText: "chhost token key [--id NAME]",
		Description: "Writes a new secret for HS256 as a JSON Web Key: for the application that signs, and for\n" +
			"the host as the keys of an issuer. If the host is not to be able to sign, give it the\n" +
			"public half of a key pair instead:\n\n" +
			"   openssl genpkey -algorithm ed25519 -out key.pem && openssl pkey -in key.pem -pubout -out public.pem\n\n" +
			"Example:\n\n" +
			"   (umask 077; chhost token key > key.json)",
		Flags:  []cli.Flag{&cli.StringFlag{Name: "id", Usage: "the key's `NAME`, which tokens tell", DefaultText: "a random one"}},
		Action: makeKey,
	}
}

func makeKey(c *cli.Context) error {
	if err := arguments(c); err != nil {
		return err
	}
	secret, id := make([]byte, 32), make([]byte, 4)
	_, _ = rand.Read(secret) // never fails
	_, _ = rand.Read(id)
	return writeJSON(c.App.Writer, map[string]string{
		"kty": "oct", "alg": "HS256", "use": "sig", "kid": either(c.String("id"), hex.EncodeToString(id)), "k": base64.RawURLEncoding.EncodeToString(secret),
	})
}

func tokenMintCommand() *cli.Command {
	return &cli.Command{
		Name: "mint", Usage: "sign a client's token", UsageText: "chhost token mint --key FILE [--subject NAME] [FLAGS]",
		Description: "The token is all that goes to the standard output. --claim NAME=VALUE adds a claim:\n" +
			"VALUE is JSON, or a text if it is none.\n\n" +
			"Examples:\n\n" +
			"   chhost token mint --key key.json --subject ada --issuer https://example.com --audience chhost\n" +
			"   chhost token mint --key key.pem --subject ada --claim 'roles=[\"admin\"]' --expires 5m",
		Flags: append(keyFlags(),
			&cli.StringFlag{Name: "subject", Usage: "whom it is about (sub): the user's `NAME`"},
			&cli.StringFlag{Name: "id", Usage: "its own name (jti), `TEXT`, by which it can be revoked", DefaultText: "a random one"},
			&cli.DurationFlag{Name: "expires", Value: time.Hour, Usage: "it holds for this `TIME`"},
			&cli.StringSliceFlag{Name: "claim", Usage: "a claim, `NAME=VALUE` (repeatable)"},
		),
		Action: mintToken,
	}
}

// keyFlags are about the issuer that a token is of.
func keyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "key", Usage: "the key, or the keys, are in `FILE`: a JSON Web Key, a set of them, or PEM; - is the standard input"},
		&cli.StringFlag{Name: "key-id", Usage: "with the key of the `NAME`, if there are several"},
		&cli.StringFlag{Name: "issuer", Usage: "who issues it (iss), `TEXT`"},
		&cli.StringSliceFlag{Name: "audience", Usage: "whom it is for (aud), `TEXT` (repeatable)"},
	}
}

// keys reads those that --key names.
func keys(c *cli.Context) ([]token.Key, error) {
	file := c.String("key")
	if file == "" {
		return nil, &usageError{nameOf(c.Command), nameOf(c.Command) + " needs --key FILE (chhost token key makes one)"}
	}
	data, err := readInput(c, file, 1<<20)
	if err != nil {
		return nil, err
	}
	list, err := token.ParseKeys(data)
	if err != nil {
		return nil, fmt.Errorf("--key %s: %w", file, err)
	}
	if id := c.String("key-id"); id != "" {
		for _, k := range list {
			if k.ID == id {
				return []token.Key{k}, nil
			}
		}
		return nil, fmt.Errorf("--key %s: there is no key %q", file, id)
	}
	return list, nil
}

func mintToken(c *cli.Context) error {
	if err := arguments(c); err != nil {
		return err
	}
	list, err := keys(c)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return &usageError{nameOf(c.Command), fmt.Sprintf("--key %s has %d keys: choose one with --key-id", c.String("key"), len(list))}
	}
	if !list[0].Signs() {
		return fmt.Errorf("--key %s is a public key, which verifies: mint needs the private one", c.String("key"))
	}
	claims, err := mintClaims(c, time.Now())
	if err != nil {
		return err
	}
	data, err := json.Marshal(claims)
	if err != nil {
		return err
	}
	text, err := token.Mint(list[0], data)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.App.Writer, text)
	return err
}

// mintClaims are what the flags say; --claim wins.
func mintClaims(c *cli.Context, now time.Time) (map[string]any, error) {
	if c.Duration("expires") <= 0 {
		return nil, &usageError{nameOf(c.Command), "--expires is how long it holds, such as 1h"}
	}
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails
	claims := map[string]any{"iat": now.Unix(), "exp": now.Add(c.Duration("expires")).Unix(), "jti": either(c.String("id"), hex.EncodeToString(id))}
	for name, value := range map[string]string{"sub": c.String("subject"), "iss": c.String("issuer")} {
		if value != "" {
			claims[name] = value
		}
	}
	switch audience := c.StringSlice("audience"); len(audience) {
	case 0:
	case 1:
		claims["aud"] = audience[0]
	default:
		claims["aud"] = audience
	}
	for _, text := range c.StringSlice("claim") {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, &usageError{nameOf(c.Command), fmt.Sprintf("--claim %q is not of the form NAME=VALUE", text)}
		}
		claims[name] = value
		if json.Valid([]byte(value)) {
			claims[name] = json.RawMessage(value)
		}
	}
	return claims, nil
}

func tokenCheckCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "tell whether a client's token would be taken, and what it says", UsageText: "chhost token check [FILE] --key FILE [FLAGS]",
		Description: "The token is read from FILE or the standard input. It is verified as a host does whose\n" +
			"tenant has these keys, this issuer and this audience. The exit code is 1 if it is\n" +
			"refused, and the error begins with the stable word for why.\n\n" +
			"Example:\n\n" +
			"   chhost token mint --key key.json --subject ada | chhost token check --key key.json",
		Flags: append(keyFlags(),
			&cli.StringFlag{Name: "jwks", Usage: "the issuer publishes its keys at the https `URL`"},
			jsonFlag(),
		),
		Action: checkToken,
	}
}

func checkToken(c *cli.Context) error {
	if err := optional(c, 1); err != nil {
		return err
	}
	issuer := token.Issuer{Issuer: c.String("issuer"), Audience: c.StringSlice("audience"), JWKS: c.String("jwks")}
	file := either(c.Args().First(), "-")
	if issuer.JWKS == "" || c.IsSet("key") {
		if file == "-" && c.String("key") == "-" {
			return &usageError{nameOf(c.Command), "the token and the key cannot both come from the standard input"}
		}
		var err error
		if issuer.Keys, err = keys(c); err != nil {
			return err
		}
	}
	if issuer.JWKS != "" && !strings.HasPrefix(issuer.JWKS, "https://") {
		return &usageError{nameOf(c.Command), fmt.Sprintf("--jwks %s is not an https URL: whoever could change what comes from it could let anybody in", issuer.JWKS)}
	}
	verifier, err := token.NewVerifier(token.Config{Issuers: []token.Issuer{issuer}})
	if err != nil {
		return err
	}
	defer verifier.Close()
	data, err := readInput(c, file, 64<<10)
	if err != nil {
		return err
	}
	claims, err := verifier.Verify(c.Context, strings.TrimSpace(string(data)))
	var refused *token.Error
	if errors.As(err, &refused) {
		if c.Bool("json") {
			if err := writeJSON(c.App.Writer, map[string]any{"ok": false, "code": refused.Code, "detail": refused.Detail}); err != nil {
				return err
			}
		}
		return fmt.Errorf("%s: %s", refused.Code, refused.Detail)
	}
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, map[string]any{"ok": true, "claims": json.RawMessage(claims.Raw), "key": claims.KeyID})
	}
	return writeClaims(c.App.Writer, claims)
}

func writeClaims(w io.Writer, claims *token.Claims) error {
	var b bytes.Buffer
	if err := json.Indent(&b, claims.Raw, "", "  "); err != nil {
		return err
	}
	rows := [][]string{{"token", "ok"}, {"subject", claims.Subject}, {"issuer", claims.Issuer}, {"key", claims.KeyID}, {"expires", "never"}}
	if !claims.Expires.IsZero() {
		rows[4][1] = claims.Expires.Local().Format("2006-01-02 15:04:05")
	}
	if err := table(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s\n", b.String())
	return err
}
