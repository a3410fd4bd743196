package token

import (
	"encoding/base64"
	"strings"
)

// header is what a token says of itself. Nothing in it is trusted: the algorithm is
// compared with that of the key, the key's ID chooses among those of the issuer.
type header struct {
	alg   Algorithm
	keyID string
}

// split cuts a token in its three parts. Each part is base64url without padding, in
// the one spelling that its bytes have: readers of base64 skip line ends and ignore
// bits that are left over, which would give one token many names.
func split(token string) (head, payload []byte, err *Error) {
	switch {
	case token == "":
		return nil, nil, refuse(CodeMissing, "there is no token")
	case len(token) > MaxToken:
		return nil, nil, refuse(CodeTooLarge, "the token has more than 8192 bytes")
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		detail := "the token does not have three parts with dots between them"
		if len(parts) == 5 {
			detail = "the token is encrypted: only signed ones are read here"
		}
		return nil, nil, refuse(CodeMalformed, detail)
	}
	decoded := make([][]byte, len(parts))
	for i, part := range parts {
		data, fault := base64.RawURLEncoding.Strict().DecodeString(part)
		if fault != nil || strings.ContainsAny(part, "\r\n") {
			return nil, nil, refuse(CodeMalformed, "a part of the token is not base64 as URLs have it, without padding")
		}
		decoded[i] = data
	}
	return decoded[0], decoded[1], nil
}

// readHeader reads a token's header.
func readHeader(data []byte) (header, *Error) {
	said, err := readObject(string(data))
	if err != nil {
		return header{}, refuse(CodeMalformed, "the token's header is "+err.Error())
	}
	for _, m := range said {
		switch m.name {
		case "jwk", "jku", "x5u", "x5c":
			return header{}, refuse(CodeHeader, "the token brings a key along, or says where one is: only the issuer's count")
		case "crit", "b64":
			return header{}, refuse(CodeHeader, "the token wants an extension to be understood: there are none here")
		case "zip", "enc":
			return header{}, refuse(CodeHeader, "the token is compressed or encrypted: only signed ones are read here")
		}
	}
	typ, err := said.text("typ", maxName)
	if err != nil || !tokenType(typ) {
		return header{}, refuse(CodeHeader, `the token is of another type ("typ") than JWT or at+jwt: it is meant for something else`)
	}
	if said.get("cty") != "" {
		return header{}, refuse(CodeHeader, "the token has another one within")
	}
	alg, err := said.text("alg", maxName)
	if err != nil || alg == "" {
		return header{}, refuse(CodeMalformed, "the token's header does not name its algorithm")
	}
	if !supported(Algorithm(alg)) {
		return header{}, refuse(CodeAlgorithm, "the token's algorithm is none of those that are used here")
	}
	id, err := said.text("kid", maxKeyID)
	if err != nil {
		return header{}, refuse(CodeMalformed, `the token's "kid" is no text of 1 to 255 bytes`)
	}
	return header{Algorithm(alg), id}, nil
}

// tokenType tells whether tokens of a type are meant to let somebody in. Others that
// the same issuer signs with the same key are not: ID cards for one request, notices
// of events, orders to log out.
func tokenType(typ string) bool {
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "", "jwt", "at+jwt":
		return true
	}
	return false
}
