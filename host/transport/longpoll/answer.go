package longpoll

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// cors writes the headers that every response has, and tells whether the request's
// origin may be served.
func (t *Transport) cors(h http.Header, r *http.Request) (allowed bool) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff") // a guest may have written what is in it
	allowed = t.cfg.CheckOrigin(r) || t.opened(r)
	if !t.exact {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if !allowed || origin == "" {
			return allowed
		}
		h.Set("Access-Control-Allow-Origin", origin)
	}
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS")
		h.Set("Access-Control-Allow-Headers", allowedHeaders(r))
		h.Set("Access-Control-Max-Age", "3600")
	}
	return allowed
}

// opened tells whether a request is for a session that its origin has opened: clients
// repeat what named the tenant, whose origins count, in no request but the first.
func (t *Transport) opened(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	text, _ := requestToken(r)
	s, _ := t.session(text)
	return origin != "" && s != nil && s.origin == origin
}

// allowedHeaders are the header fields that a page elsewhere may send: those that
// clients have, and as in Phoenix those that it asks for. What a page has besides
// its client, such as one that traces requests, puts fields of its own into each;
// and it is the origin that decides who is served. What is no list of names is not
// repeated, nor is *.
func allowedHeaders(r *http.Request) string {
	const clients = "Content-Type, X-Phoenix-AuthToken, " + tokenHeader
	asked := strings.Join(r.Header.Values("Access-Control-Request-Headers"), ", ")
	if asked == "" || len(asked) > maxAsked || strings.ContainsFunc(asked, notAsked) {
		return clients
	}
	return clients + ", " + asked
}

// maxAsked is how long a list is at most that is repeated.
const maxAsked = 1 << 10

func notAsked(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_.!#$%&'+^`|~, \t", c))
}

const jsonType = "application/json; charset=utf-8"

// answer writes a short response, which net/http sends when the handler returns.
func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // a client that has gone needs no answer
}

// pieceSize is how much is written under one deadline.
const pieceSize = 64 << 10

// send writes a response and tells whether all of it went out while the request
// was alive. It ends early when the transport is cut off.
func (t *Transport) send(w http.ResponseWriter, r *http.Request, body []byte) bool {
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	// Where the response knows no deadlines, the server has to have its own.
	rc := http.NewResponseController(w)
	stop := context.AfterFunc(t.cut, func() { _ = rc.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	for len(body) > 0 {
		_ = rc.SetWriteDeadline(time.Now().Add(t.cfg.WriteTimeout))
		if t.cut.Err() != nil {
			return false
		}
		n := min(len(body), pieceSize)
		if _, err := w.Write(body[:n]); err != nil {
			return false
		}
		body = body[n:]
	}
	if err := rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return false
	}
	return r.Context().Err() == nil
}
