package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/token"
)

// maxQuery bounds what a client may say of itself when it connects, in bytes.
const maxQuery = 8 << 10

// What connectors are told of how a client is connected.
const (
	transportWebSocket = "websocket"
	transportLongPoll  = "longpoll"
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
	token, err := authToken(r, transport)
	if err != nil {
		return socket.Config{}, badRequest(err)
	}
	client := h.peers.of(r)
	ofHost, err := h.places.take(client) // before a token is verified, which may wait for keys
	if err != nil {
		return socket.Config{}, err
	}
	cfg, ofTenant, err := h.settle(r, transport, token, client)
	if err != nil {
		ofHost()
		return socket.Config{}, err
	}
	cfg.Vacate = h.visitsOf(transport).counted(func() { ofTenant(); ofHost() })
	return cfg, nil
}

// settle finds a client's tenant, gives it a place there, and asks whether it may come.
func (h *Host) settle(r *http.Request, transport, token string, client peer) (cfg socket.Config, vacate func(), err error) {
	of, vouched, err := h.claimed(r, token)
	if err != nil {
		return cfg, nil, err
	}
	since, vacate, err := of.Take()
	if err != nil {
		return cfg, nil, err
	}
	if cfg, err = h.admit(of, vouched, r, transport, token, client); err != nil {
		vacate()
		return cfg, nil, err
	}
	cfg.Since = since // it may have been suspended while a plugin was loaded, or keys were fetched
	return cfg, vacate, nil
}

// admit asks the tenant's connector, if there is one.
func (h *Host) admit(of *tenant.Tenant, vouched *token.Claims, r *http.Request, transport, sent string, client peer) (socket.Config, error) {
	from := h.peers.stand(client)
	if err := of.Ready(r.Context()); err != nil {
		return socket.Config{}, err
	}
	if vouched == nil && !of.Connects() && !of.Authenticates() {
		cfg := of.Socket()
		cfg.Peer = from
		return cfg, nil
	}
	params, err := parseParams(r.URL.RawQuery)
	if err != nil {
		return socket.Config{}, badRequest(err)
	}
	authenticate := func() ([]byte, *socket.Token, error) { return of.Authenticate(r.Context(), presented(sent, params)) }
	if vouched != nil {
		authenticate = func() ([]byte, *socket.Token, error) { return of.Vouched(vouched) }
	}
	claims, until, err := authenticate()
	if err != nil {
		return socket.Config{}, err
	}
	cfg, err := h.connectAs(of, r, transport, sent, client.name, from, params, claims)
	cfg.Token = until
	return cfg, err
}

// presented is the token that a client proves itself with: what it sends as such, or the
// parameter token.
func presented(token string, params map[string]any) string {
	if text, ok := params["token"].(string); ok && token == "" {
		return text
	}
	return token
}

// connectAs asks the tenant's connector.
func (h *Host) connectAs(of *tenant.Tenant, r *http.Request, transport, token, name string, from channel.Peer, params map[string]any, claims []byte) (socket.Config, error) {
	vsn := socket.Version(r)
	if vsn == "" {
		vsn = "1.0.0"
	}
	info, err := connectInfo(map[string]any{
		"params": params, "claims": json.RawMessage(claims), "auth_token": token, "transport": transport, "vsn": vsn,
		"peer": name, "origin": r.Header.Get("Origin"), "user_agent": r.Header.Get("User-Agent"),
		"uri": uriOf(r), "headers": h.headersOf(r),
	})
	if err != nil {
		return socket.Config{}, err
	}
	return of.Connect(r.Context(), from, info, claims)
}

// uriOf is where the request went, as the client wrote it and as it reached this
// host: what a proxy in front of it took off, such as TLS, is not seen.
func uriOf(r *http.Request) map[string]any {
	scheme, port := "http", 80
	if r.TLS != nil {
		scheme, port = "https", 443
	}
	name, explicit, ok := socket.SplitHost(r.Host)
	if !ok {
		name = ""
	}
	if n, err := strconv.Atoi(explicit); err == nil {
		port = n
	}
	return map[string]any{"scheme": scheme, "host": name, "port": port, "path": r.URL.EscapedPath(), "query": r.URL.RawQuery}
}

// headersOf are the header fields that the connector is to know. Several lines of
// one field are joined, as RFC 9110, section 5.3, allows.
func (h *Host) headersOf(r *http.Request) map[string]string {
	headers := make(map[string]string)
	for _, name := range h.headers {
		if lines := r.Header.Values(name); len(lines) > 0 {
			headers[strings.ToLower(name)] = strings.Join(lines, ", ")
		}
	}
	return headers
}

// headerNames checks the names of header fields that the connector is to know.
func headerNames(names []string) ([]string, error) {
	var known []string
	var errs []error
	for _, name := range names {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !isToken(name):
			errs = append(errs, fmt.Errorf("host: %q is no name of a header field", name))
		case slices.Contains([]string{"Cookie", "Cookie2", "Set-Cookie"}, canonical):
			errs = append(errs, fmt.Errorf("host: %s is not handed on: a browser sends cookies along for whichever page connects; let the page send a token", name))
		default:
			known = append(known, canonical)
		}
	}
	return known, errors.Join(errs...)
}

// isToken tells whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

func badRequest(err error) error {
	return &socket.RefusedError{Status: http.StatusBadRequest, Err: err}
}

// maxInfo bounds what is told of a connection, in bytes of JSON. Another server
// in front of ServeHTTP may allow longer headers than a plugin should see.
const maxInfo = 64 << 10

func connectInfo(info map[string]any) (phx.Payload, error) {
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(info); err != nil {
		return phx.Payload{}, badRequest(err)
	}
	if data.Len() > maxInfo {
		return phx.Payload{}, &socket.RefusedError{
			Status: http.StatusRequestHeaderFieldsTooLarge, Err: fmt.Errorf("what is known of the connection has more than %d bytes", maxInfo),
		}
	}
	payload, err := phx.Object(bytes.TrimSuffix(data.Bytes(), []byte("\n")))
	if err != nil {
		return phx.Payload{}, badRequest(err)
	}
	return payload, nil
}
