package socket

import (
	"net/http"
	"net/url"
	"strings"
)

// SameOrigin tells whether a request may connect that nothing else lets in: it
// has no Origin header (browsers always send one), or it comes from a page of the
// very host that it asks for.
func SameOrigin(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	u, err := url.Parse(origins[0])
	return err == nil && len(origins) == 1 && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}
