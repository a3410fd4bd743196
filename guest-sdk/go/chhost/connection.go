package chhost

// Connection is a client that opens a connection, during Connect. It may be used
// only until Connect returns.
type Connection struct {
	ev       *event // nil when Connect has returned
	request  JSON   // what the host says of the client, once it was copied
	answered bool
}

func (c *Connection) end() { c.ev = nil }

func (c *Connection) event(method string) *event {
	if c.ev == nil {
		panic("chhost: Connection." + method + " was called after Connect had returned")
	}
	return c.ev
}

// field reads one member of what the host says of the client.
func (c *Connection) field(method, key string) JSON {
	ev := c.event(method)
	if c.request == "" {
		c.request = JSON(ev.payload.copy())
	}
	return c.request.Field(key)
}

func (c *Connection) text(method, key string) string {
	text, _ := c.field(method, key).Text()
	return text
}

// Params returns what the client connected with, an object. It proves nothing:
// the client wrote it.
func (c *Connection) Params() JSON { return c.field("Params", "params") }

// Claims returns the claims of the client's token, an object that the host has
// verified; "null" if there was no token.
func (c *Connection) Claims() JSON { return c.field("Claims", "claims") }

// AuthToken returns the token that the client sent beside its params, or "". The
// host has not verified it.
func (c *Connection) AuthToken() string { return c.text("AuthToken", "auth_token") }

// Transport says how the client is connected, such as "websocket".
func (c *Connection) Transport() string { return c.text("Transport", "transport") }

// VSN returns the version of the protocol that the client speaks, such as
// "2.0.0".
func (c *Connection) VSN() string { return c.text("VSN", "vsn") }

// Peer returns the client's network address, without a port. A client of a Unix
// socket has none: it is "@", or the path of the client's own socket.
func (c *Connection) Peer() string { return c.text("Peer", "peer") }

// Origin returns the origin of the page that connects, as a browser tells it, or
// "".
func (c *Connection) Origin() string { return c.text("Origin", "origin") }

// UserAgent returns what the client calls itself, or "".
func (c *Connection) UserAgent() string { return c.text("UserAgent", "user_agent") }

// URI returns where the request went, an object: "scheme", "host", "path" and
// "query" are texts, "port" is a number.
func (c *Connection) URI() JSON { return c.field("URI", "uri") }

// Header returns a field of the request's header, of those that the operator
// names, or "". Names are in lower case, such as "x-tenant".
func (c *Connection) Header(name string) string {
	text, _ := c.field("Header", "headers").Field(name).Text()
	return text
}

// Now returns the time of this callback in milliseconds since the Unix epoch.
func (c *Connection) Now() int64 { return c.event("Now").nowMS }

// Config returns a setting of the plugin, and whether there is one of that name.
func (c *Connection) Config(key string) (value string, ok bool) {
	c.event("Config")
	return config(key)
}

// Assign sets what [Socket.SocketAssigns] returns in every channel of this
// connection, of every plugin. Without it that is the claims, or {}.
func (c *Connection) Assign(state Sendable) {
	c.event("Assign")
	assign(state)
}

// Name gives the connection a name, such as "users:7", which the host's log
// carries and by which an operator disconnects it. Most have none, and several may
// have the same. It can be called once, and returns OK, so that it can be the last
// line.
func (c *Connection) Name(id string) OKResult {
	c.reply("Name", replyOK, Map{"id": id})
	return OK
}

func (c *Connection) reply(method string, status int32, payload Sendable) {
	c.event(method)
	if c.answered {
		panic("chhost: " + method + " after the connection was named: Connect names it once, or refuses it")
	}
	c.answered = true
	data, flags := encode(payload)
	hostReply(status, data, flags)
}
