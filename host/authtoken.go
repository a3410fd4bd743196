package host

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"
)

// Where clients put the token that they prove themselves with.
const (
	// A page cannot set header fields of a WebSocket's handshake, but name
	// subprotocols: this, and the token in base64.
	tokenSubprotocol = "base64url.bearer.phx."
	tokenHeader      = "X-Phoenix-Authtoken"
)

var errToken = errors.New("the auth token cannot be read: it is sent once, as UTF-8, in the subprotocol " + tokenSubprotocol + "BASE64 or, for long-polling, in the header field X-Phoenix-AuthToken")

// authToken is the token that a client connects with, empty if there is none.
func authToken(r *http.Request, transport string) (string, error) {
	token, found := "", false
	if transport == transportLongPoll {
		lines := r.Header.Values(tokenHeader)
		if len(lines) > 1 {
			return "", errToken
		}
		token = r.Header.Get(tokenHeader)
	} else {
		for _, line := range r.Header.Values("Sec-Websocket-Protocol") {
			for offered := range strings.SplitSeq(line, ",") {
				encoded, ok := strings.CutPrefix(strings.Trim(offered, " \t"), tokenSubprotocol)
				if !ok {
					continue
				}
				decoded, err := decodeToken(encoded)
				if err != nil || found {
					return "", errToken
				}
				token, found = decoded, true
			}
		}
	}
	if !utf8.ValidString(token) {
		return "", errToken
	}
	return token, nil
}

// decodeToken reads base64 in either alphabet: the prefix names that of URLs, and
// clients use the standard one, mostly without padding.
func decodeToken(encoded string) (string, error) {
	encoding := base64.RawStdEncoding
	if strings.HasSuffix(encoded, "=") {
		encoding = base64.StdEncoding
	}
	data, err := encoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(encoded))
	return string(data), err
}
