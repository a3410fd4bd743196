// Package client is the browser client that the host serves: a small Phoenix V2 client without dependencies.
//
// It is for pages that are served without a build step, such as a plugin's own page under `chhost dev`. An application
// uses Phoenix's client from npm, which speaks the same protocol.
package client

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

//go:embed chhost.js
var source string

// Handler serves chhost.js on whatever path it is mounted. The entity tag is a hash of the content and a cache must ask
// before every use, so a new build of the host is seen at the next page load while an unchanged one costs a 304.
// The handler is safe for concurrent use.
func Handler() http.Handler {
	sum := sha256.Sum256([]byte(source))
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "chhost.js can only be read: use GET or HEAD", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", etag)
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "chhost.js", time.Time{}, strings.NewReader(source))
	})
}
