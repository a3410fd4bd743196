package conversation

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/token"
)

// keyID is what tokens call the file's key. One that is forged calls another key so.
const keyID = "conversation"

// issuer is whose tokens the clients of a file bring. Without a shared secret there is
// none.
type issuer struct {
	key, other token.Key
	shared     []byte
	claims     map[string]string // of every token, unless it says otherwise
}

var errNoSecret = errors.New("a token is signed with a secret: before the first dialogue a line says it, secret TEXT")

// parseSecret reads what stands behind "secret".
func (f *File) parseSecret(text string) error {
	key, err := token.NewSecret(keyID, token.HS256, []byte(text))
	if err != nil {
		return fmt.Errorf("the secret does not do: %w", err)
	}
	// Another one of the same length, which is good for the same algorithm.
	other, err := token.NewSecret(keyID, token.HS256, []byte("not "+text))
	if err != nil {
		return fmt.Errorf("the secret does not do: %w", err)
	}
	f.tokens.key, f.tokens.other, f.tokens.shared = key, other, []byte(text)
	return nil
}

// parseClaims reads NAME=VALUE words; those of a name that was there already replace it.
func parseClaims(claims map[string]string, words []string) (map[string]string, error) {
	all := maps.Clone(claims)
	if all == nil {
		all = make(map[string]string)
	}
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is no claim such as sub=ada", shown(word))
		}
		all[name] = value
	}
	return all, nil
}

// tokenForm is a token's place in a line.
var tokenForm = regexp.MustCompile(`%\{(token|forged)((?: +[^ }]+)*) *\}`)

// withTokens writes the tokens of a line where it has places for them.
func (f *File) withTokens(line string) (string, error) {
	var fault error
	text := tokenForm.ReplaceAllStringFunc(line, func(place string) string {
		m := tokenForm.FindStringSubmatch(place)
		minted, err := f.mint(m[1] == "forged", strings.Fields(m[2]))
		fault = errors.Join(fault, err)
		return minted
	})
	return text, fault
}

// mint makes a token with the file's claims and these.
func (f *File) mint(forged bool, words []string) (string, error) {
	if f.tokens.shared == nil {
		return "", errNoSecret
	}
	if f.Now.IsZero() {
		return "", errors.New("a token says when it expires: before the first dialogue a line says what time it is, such as now 2015-03-24T09:21:40Z")
	}
	texts, err := parseClaims(f.tokens.claims, words)
	if err != nil {
		return "", err
	}
	claims := make(map[string]any)
	for name, text := range texts {
		switch {
		case text == "": // it is left out
		case name == "exp" || name == "nbf" || name == "iat":
			after, err := time.ParseDuration(text)
			if err != nil {
				return "", fmt.Errorf("%s=%s is not a duration such as 60s, from the beginning of the dialogue", name, shown(text))
			}
			claims[name] = f.Now.Add(after).Unix()
		default:
			claims[name] = text
		}
	}
	data, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	key := f.tokens.key
	if forged {
		key = f.tokens.other
	}
	return token.Mint(key, data)
}

// Registry is what a server of the file has, whose tenant "default" lets in who brings a
// token of the file's, and nobody else; nil if the file has no secret, and everybody is
// let in. It is another one each time.
func (f *File) Registry() (registry.Store, error) {
	if f.tokens.shared == nil {
		return nil, nil
	}
	of := registry.Issuer{
		Issuer: f.tokens.claims["iss"],
		Keys:   fmt.Sprintf(`{"keys":[{"kty":"oct","kid":%q,"alg":"HS256","k":%q}]}`, keyID, base64.RawURLEncoding.EncodeToString(f.tokens.shared)),
	}
	if audience := f.tokens.claims["aud"]; audience != "" {
		of.Audience = []string{audience}
	}
	store := registry.NewMemory(registry.Config{})
	_, err := store.Create(context.Background(), registry.Tenant{Name: "default", Issuers: []registry.Issuer{of}}, registry.Entry{Action: "create", By: "conversation"})
	return store, err
}

// params are those of a connection: NAME=VALUE words.
func params(words []string) url.Values {
	values := make(url.Values)
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		values.Add(name, value)
	}
	return values
}

// refusal is the reason in the answer to a client that was not let in: {"reason":"..."},
// which over long-polling is the response in the answer's envelope.
func refusal(body []byte) string {
	var answer struct {
		Reason   string
		Response struct{ Reason string }
	}
	_ = json.Unmarshal(body, &answer) // what is something else gives no reason
	if answer.Reason == "" {
		return answer.Response.Reason
	}
	return answer.Reason
}
