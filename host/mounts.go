package host

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/longpoll"
	"github.com/chhost/chhost/host/transport/websocket"
)

// Mount is a path at which clients connect, with what is its own.
type Mount struct {
	// Path begins with a slash; clients connect to Path + "/websocket", or poll
	// Path + "/longpoll".
	Path string
	// CheckOrigin is [Config.CheckOrigin] for this path, with the same default: what
	// another mount allows is not allowed here.
	CheckOrigin func(r *http.Request) bool
}

// mounts are all of them, that of the configuration's own fields first. The error
// names each that is none.
func (h *Host) mounts() ([]Mount, error) {
	mounts := append([]Mount{{h.cfg.Mount, h.cfg.CheckOrigin}}, h.cfg.Mounts...)
	seen := make(map[string]bool)
	var errs []error
	for i := range mounts {
		path := strings.TrimSuffix(mounts[i].Path, "/")
		switch {
		case !strings.HasPrefix(mounts[i].Path, "/"):
			errs = append(errs, fmt.Errorf("host: the mount %q must start with a slash", mounts[i].Path))
		case strings.ContainsAny(path, "{} \t"):
			errs = append(errs, fmt.Errorf("host: the mount %q is no path: leave out spaces and braces", mounts[i].Path))
		case seen[path]:
			errs = append(errs, fmt.Errorf("host: the mount %q is there twice", mounts[i].Path))
		}
		seen[path] = true
		mounts[i].Path = path
	}
	return mounts, errors.Join(errs...)
}

// mount makes the transports, two for each mount: a session that polls at one is
// unknown at another. What is in mux serves until the host drains, and what is in
// draining while it does.
func (h *Host) mount() error {
	mounts, err := h.mounts()
	if err != nil {
		return err
	}
	mux, draining := http.NewServeMux(), http.NewServeMux()
	served, polled := make(map[string]http.Handler), make(map[string]http.Handler)
	for _, m := range []*http.ServeMux{mux, draining} {
		m.HandleFunc("/healthz", h.healthz)
		m.HandleFunc("/readyz", h.readyz)
	}
	for _, m := range mounts {
		ws := websocket.New(websocket.Config{
			Accept:      func(r *http.Request) (socket.Config, error) { return h.accept(r, transportWebSocket) },
			CheckOrigin: h.checkOrigin(transportWebSocket, m.CheckOrigin),
			MaxFrame:    h.cfg.MaxFrame,
			IdleTimeout: h.cfg.IdleTimeout,
			Compression: h.cfg.Compression,
			DrainWindow: h.cfg.DrainWindow,
			Logger:      h.log,
		})
		poll := longpoll.New(longpoll.Config{
			Accept:      func(r *http.Request) (socket.Config, error) { return h.accept(r, transportLongPoll) },
			CheckOrigin: h.checkOrigin(transportLongPoll, m.CheckOrigin),
			MaxFrame:    h.cfg.MaxFrame,
			Window:      h.cfg.LongPollWindow,
			MaxSessions: h.cfg.Connections.LongPoll,
			DrainWindow: h.cfg.DrainWindow,
			Logger:      h.log,
		})
		h.transports = append(h.transports, ws, poll)
		mux.Handle(m.Path+"/websocket", ws)
		mux.Handle(m.Path+"/longpoll", poll)
		draining.Handle(m.Path+"/longpoll", poll)
		if h.directory != nil {
			mux.Handle(tenantPath+m.Path+"/websocket", ws)
			mux.Handle(tenantPath+m.Path+"/longpoll", poll)
			draining.Handle(tenantPath+m.Path+"/longpoll", poll)
		}
		served[segments(m.Path+"/websocket")] = ws
		served[segments(m.Path+"/longpoll")] = poll
		polled[segments(m.Path+"/longpoll")] = poll
	}
	draining.HandleFunc("/", notRunning)
	if h.cfg.Fallback != nil {
		mux.Handle("/", h.cfg.Fallback)
	}
	h.mux = h.names.guard(besides(served, mux), h.log)
	h.draining = h.names.guard(besides(polled, draining), h.log)
	return nil
}

// besides serves the transports where a slash is too much, and has next serve all
// else. A client that was given ".../socket/" asks for /socket//websocket, which
// Phoenix takes for what is meant; a redirection, as a mux answers, is not followed
// by WebSockets, nor by a page's polls of another host.
func besides(transports map[string]http.Handler, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.EscapedPath(); strings.Contains(path, "//") || strings.HasSuffix(path, "/") {
			if t, ok := transports[segments(path)]; ok {
				t.ServeHTTP(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// segments is a path without its empty ones.
func segments(path string) string {
	return strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r == '/' }), "/")
}
