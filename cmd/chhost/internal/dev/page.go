package dev

import (
	"embed"
	"io/fs"
	"net/http"
	"path"

	"github.com/chhost/chhost/host/client"
)

// builtIn is the page at /dev/, for plugins without one of their own and for a
// look at the frames.
//
//go:embed page
var builtIn embed.FS

// pages serves the plugin's page, if it has one, the client that it uses, and the
// built-in page. Files are read at each request and never cached, so that an edit
// shows at once.
func pages(j *journal) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /chhost.js", client.Handler())
	mux.Handle("GET /dev/state", j)
	mux.HandleFunc("GET /dev/{file...}", builtInPage)
	files := http.FileServer(http.Dir(j.web))
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case isDir(j.web):
			files.ServeHTTP(w, r)
		case r.URL.Path == "/":
			http.Redirect(w, r, "/dev/", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	})
	return mux
}

// policy keeps the built-in page to what this host serves, and out of the frames
// of others.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func builtInPage(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if name == "" {
		name = "index.html"
	}
	content, err := fs.ReadFile(builtIn, path.Join("page", name))
	kind := contentType(name)
	if err != nil || kind == "" {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(content)
}

// contentType does not ask the system, whose answer can be a wrong one.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return ""
}
