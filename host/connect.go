package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

// Bounds of what a client may say of itself when it connects.
const (
	maxQuery      = 8 << 10
	maxParams     = 64
	maxParamDepth = 4
)

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

// parseParams reads a query string with nesting, as Phoenix does: a[b]=1 is
// {"a":{"b":"1"}}, a[]=1&a[]=2 is {"a":["1","2"]}. Where two disagree about what
// a is, the later one wins.
func parseParams(query string) (map[string]any, error) {
	params := make(map[string]any)
	count := 0
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		if count++; count > maxParams {
			return nil, fmt.Errorf("the query has more than %d parameters", maxParams)
		}
		rawKey, rawValue, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(rawKey)
		if err != nil {
			return nil, fmt.Errorf("the query: %w", err)
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return nil, fmt.Errorf("the query: %w", err)
		}
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return nil, errors.New("the query is not UTF-8")
		}
		path := splitKey(key)
		if len(path) > maxParamDepth {
			return nil, fmt.Errorf("a parameter of the query is nested deeper than %d", maxParamDepth)
		}
		params[path[0]] = putParam(params[path[0]], path[1:], value)
	}
	return params, nil
}

// splitKey takes "a[b][]" apart: "a", "b", "". What is not of this form is one
// name.
func splitKey(key string) []string {
	name, rest, nested := strings.Cut(key, "[")
	if !nested || name == "" || !strings.HasSuffix(rest, "]") {
		return []string{key}
	}
	parts := strings.Split(strings.TrimSuffix(rest, "]"), "][")
	if slices.ContainsFunc(parts, func(p string) bool { return strings.ContainsAny(p, "[]") }) {
		return []string{key}
	}
	return append([]string{name}, parts...)
}

// putParam puts value at path below what there is.
func putParam(there any, path []string, value string) any {
	if len(path) == 0 {
		return value
	}
	if path[0] == "" { // a[], and what follows is in a new element
		list, _ := there.([]any)
		return append(list, putParam(nil, path[1:], value))
	}
	fields, ok := there.(map[string]any)
	if !ok {
		fields = make(map[string]any)
	}
	fields[path[0]] = putParam(fields[path[0]], path[1:], value)
	return fields
}
