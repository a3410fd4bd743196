package longpoll

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strings"
)

// sessionID names a session of one transport.
type sessionID [16]byte

// token is what a client holds of a session.
type token struct {
	id sessionID
	// number is that of the last response with frames before this token was given
	// out.
	number uint32
}

const (
	// tokenPrefix tells a session's token, also one of another host or another day,
	// from a parameter "token" that the application has for itself.
	tokenPrefix = "lp1."
	macSize     = 16
	rawToken    = len(sessionID{}) + 4 + macSize
	// tokenHeader is where clients from 1.9 on have it, in place of the query.
	tokenHeader = "X-Phoenix-Longpoll-Token"
)

// sign writes a token as clients get it. The key is made anew by each transport,
// which binds the token to it: neither another mount, nor another node, nor
// another run of the host takes it.
func (t *Transport) sign(tok token) string {
	raw := make([]byte, 0, rawToken)
	raw = append(raw, tok.id[:]...)
	raw = binary.BigEndian.AppendUint32(raw, tok.number)
	raw = append(raw, t.mac(raw)...)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

func (t *Transport) mac(data []byte) []byte {
	h := hmac.New(sha256.New, t.key)
	h.Write(data)
	return h.Sum(nil)[:macSize]
}

// verify reads a token that sign wrote; false if text is none.
func (t *Transport) verify(text string) (token, bool) {
	encoded, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(rawToken) {
		return token{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) != rawToken || !hmac.Equal(raw[rawToken-macSize:], t.mac(raw[:rawToken-macSize])) {
		return token{}, false
	}
	tok := token{number: binary.BigEndian.Uint32(raw[len(sessionID{}):])}
	copy(tok.id[:], raw)
	return tok, true
}

// requestToken is the token that a request shows, empty if it shows none, and its
// query without it. The header wins. In the query the client's comes last, behind
// the application's own parameters, one of which may be called token too: it is
// told by how it begins.
func requestToken(r *http.Request) (text, query string) {
	text, query = queryToken(r.URL.RawQuery)
	if header := r.Header.Get(tokenHeader); header != "" {
		text = header
	}
	if text == "null" {
		text = ""
	}
	return text, query
}

func queryToken(query string) (text, rest string) {
	for end := len(query); end > 0; {
		begin := strings.LastIndexByte(query[:end], '&') + 1
		key, value, _ := strings.Cut(query[begin:end], "=")
		if key == "token" {
			value, err := url.QueryUnescape(value)
			if err != nil || !isToken(value) {
				return "", query
			}
			before, after := strings.TrimSuffix(query[:begin], "&"), query[end:]
			if before == "" {
				after = strings.TrimPrefix(after, "&")
			}
			return value, before + after
		}
		end = begin - 1
	}
	return "", query
}

// isToken tells whether the value of a parameter token is the session's: null and
// empty are what clients send who have none yet.
func isToken(value string) bool {
	return value == "" || value == "null" || value == "undefined" || strings.HasPrefix(value, tokenPrefix)
}
