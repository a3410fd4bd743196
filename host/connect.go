package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

// maxQuery bounds what a client may say of itself when it connects, in bytes.
const maxQuery = 8 << 10

// connector returns what decides about new sockets, or nil.
func (h *Host) connector() (channel.Handler, error) {
	switch {
	case h.cfg.Connect != nil && h.cfg.ConnectHandler != nil:
		return nil, errors.New("host: Connect and ConnectHandler are both set: one of them decides about new sockets")
	case h.cfg.ConnectHandler != nil:
		if h.cfg.ConnectHandler.Traits().Callbacks&channel.CallbackConnect == 0 {
			return nil, fmt.Errorf("host: ConnectHandler: %w", ErrNoConnect)
		}
		return h.cfg.ConnectHandler, nil
	case h.cfg.Connect == nil:
		return nil, nil
	}
	inRoutes := slices.ContainsFunc(h.cfg.Routes, func(r Route) bool { return r.Plugin == h.cfg.Connect })
	if _, ok := h.plugins[h.cfg.Connect]; inRoutes && !ok {
		return nil, nil // the routes have said what is wrong with it
	}
	p, err := h.compiled(h.cfg.Connect)
	if err != nil {
		return nil, err
	}
	if !h.cfg.ConnectOptional && p.Traits().Callbacks&channel.CallbackConnect == 0 {
		return nil, fmt.Errorf("host: %s: %w", h.cfg.Connect.Name, ErrNoConnect)
	}
	h.connect = h.cfg.Connect
	return p, nil
}

// accept decides about a new connection.
func (h *Host) accept(r *http.Request, transport string) (socket.Config, error) {
	if len(r.URL.RawQuery) > maxQuery {
		return socket.Config{}, badRequest(fmt.Errorf("the query has more than %d bytes", maxQuery))
	}
	if !h.tenant.Connects() {
		return h.tenant.Socket(), nil
	}
	params, err := parseParams(r.URL.RawQuery)
	if err != nil {
		return socket.Config{}, badRequest(err)
	}
	vsn := r.URL.Query().Get("vsn")
	if vsn == "" {
		vsn = "1.0.0"
	}
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		peer = r.RemoteAddr
	}
	info, err := connectInfo(map[string]any{
		"params": params, "claims": nil, "transport": transport, "vsn": vsn,
		"peer": peer, "origin": r.Header.Get("Origin"), "headers": map[string]string{},
	})
	if err != nil {
		return socket.Config{}, badRequest(err)
	}
	return h.tenant.Connect(r.Context(), info)
}

func badRequest(err error) error {
	return &socket.RefusedError{Status: http.StatusBadRequest, Err: err}
}

func connectInfo(info map[string]any) (phx.Payload, error) {
	data, err := json.Marshal(info)
	if err != nil {
		return phx.Payload{}, err
	}
	return phx.Object(data)
}
