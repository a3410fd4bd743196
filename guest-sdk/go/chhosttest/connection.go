package chhosttest

import (
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
	"github.com/chhost/chhost/guest-sdk/go/internal/double"
)

// Connection is a client that connects to a host whose socket plugin is Plugin.
// Set the fields, then call Connect.
type Connection struct {
	// Plugin is the value that the plugin registers.
	Plugin chhost.Joiner
	// Params is what the client connects with, a JSON object; "" means {}.
	Params string
	// Claims are those of its token, a JSON object; "" means that it has none.
	Claims string
	// AuthToken is the token that it sends beside them.
	AuthToken string
	// Transport is "websocket" if it is empty, and VSN is "2.0.0".
	Transport, VSN string
	// Peer is the client's address, Origin that of the page.
	Peer, Origin string
	// UserAgent is what the client calls itself.
	UserAgent string
	// URI is where it connects to; "" means ws://localhost:4000/socket/websocket.
	URI string
	// Headers are the request's header fields, with names in lower case.
	Headers map[string]string
	// Now is the time that Connect sees, in milliseconds since the Unix epoch.
	Now int64
	// Config holds the plugin's settings.
	Config map[string]string
	// Assigns is what the channels of this connection get as their SocketAssigns.
	// Connect sets it when the client was let in.
	Assigns string
}

// Connect calls the plugin's Init and then its Connect. An outcome that is ok
// says that the client is let in: without a Connect, everybody is.
func (c *Connection) Connect() Outcome {
	if _, s := initialize(c.Plugin, c.Config); s.err != nil {
		return Outcome{Status: Crash, Err: s.err}
	}
	claims := c.Claims
	if claims == "" {
		claims = "{}"
	}
	payload, err := c.payload()
	if err != nil {
		return Outcome{Status: Crash, Err: err}
	}
	o, _ := call(c.Plugin, double.Connect, double.Event{Payload: payload, SocketAssigns: claims, NowMS: c.Now}, c.Config)
	if o.Status == OK {
		c.Assigns = claims
		for _, e := range o.Effects {
			if e.Kind == Assign {
				c.Assigns = e.Payload
			}
		}
	}
	return o
}

// payload is what the host tells of the client. The error is that Params or
// Claims are no JSON, or URI no URL.
func (c *Connection) payload() (string, error) {
	text := func(value, otherwise string) string {
		if value == "" {
			return otherwise
		}
		return value
	}
	headers := c.Headers
	if headers == nil {
		headers = map[string]string{}
	}
	uri, err := parseURI(text(c.URI, "ws://localhost:4000/socket/websocket"))
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(map[string]any{
		"params":     json.RawMessage(text(c.Params, "{}")),
		"claims":     json.RawMessage(text(c.Claims, "null")),
		"auth_token": c.AuthToken,
		"transport":  text(c.Transport, "websocket"),
		"vsn":        text(c.VSN, "2.0.0"),
		"peer":       c.Peer,
		"origin":     c.Origin,
		"user_agent": c.UserAgent,
		"uri":        uri,
		"headers":    headers,
	})
	return string(payload), err
}

// parseURI takes the URL of a socket apart as the host does.
func parseURI(text string) (map[string]any, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	scheme, port := "http", 80
	if u.Scheme == "wss" || u.Scheme == "https" {
		scheme, port = "https", 443
	}
	if n, err := strconv.Atoi(u.Port()); err == nil {
		port = n
	}
	return map[string]any{"scheme": scheme, "host": u.Hostname(), "port": port, "path": u.EscapedPath(), "query": u.RawQuery}, nil
}
