package abi

// FieldType is the type of one field of the event struct.
type FieldType uint8

// The field types. All are little endian and aligned to their size.
const (
	FieldU32     FieldType = iota
	FieldAddress           // u32; never 0, even if the length that follows is
	FieldLength            // u32; the length in bytes of what the address before it points to
	FieldI64
	FieldU64
)

// Size returns the bytes that a field of this type takes.
func (t FieldType) Size() int {
	if t == FieldI64 || t == FieldU64 {
		return 8
	}
	return 4
}

// String returns the type as the documentation writes it.
func (t FieldType) String() string {
	switch t {
	case FieldU32, FieldLength:
		return "u32"
	case FieldAddress:
		return "u32 address"
	case FieldI64:
		return "i64"
	case FieldU64:
		return "u64"
	}
	return "unknown"
}

// Field is one field of the event struct.
type Field struct {
	Name   string
	Offset int
	Type   FieldType
	// Doc says what it holds, in Markdown.
	Doc string
	// Example is a value that it may have, as C shows it.
	Example string
}

// Fields returns the event struct in the order of the offsets.
func Fields() []Field {
	return []Field{
		{"size", OffsetSize, FieldU32, "Bytes of this struct. A newer host may append fields; read nothing beyond `size`.", "72"},
		{"flags", OffsetFlags, FieldU32, "Event flags, as bits. Ignore those you do not know.", "CH_EVENT_WANTS_REPLY"},
		{"topic", OffsetTopic, FieldAddress, "The channel's topic, UTF-8, not NUL-terminated. In `handle_info` of kind BROADCAST the topic of the broadcast; in `connect` empty.", `"foods:all"`},
		{"topic_len", OffsetTopicLen, FieldLength, "", "9"},
		{
			"event", OffsetEvent, FieldAddress,
			"The event's name, likewise; empty in `join`, `leave` and `connect`. In `handle_info` the one that `send_after` was given, or the broadcast's. " +
				"In `upgrade` the version that the channel comes from, such as `foods@6`.",
			`"new:msg"`,
		},
		{"event_len", OffsetEventLen, FieldLength, "", "7"},
		{
			"payload", OffsetPayload, FieldAddress,
			"The client's bytes as it sent them: a JSON object that the host has checked, or any bytes if BINARY is set. " +
				"In `handle_info` what `send_after` was given, or the broadcast's. In `connect` an object that the host made. Empty in `leave` and `upgrade`.",
			`"{\"body\":\"hi\"}"`,
		},
		{"payload_len", OffsetPayloadLen, FieldLength, "", "13"},
		{"assigns", OffsetAssigns, FieldAddress, "This channel's state, as the last `assign` left it; empty in `join` and `connect`. In `upgrade` that of the version before.", `"jo"`},
		{"assigns_len", OffsetAssignsLen, FieldLength, "", "2"},
		{
			"socket_assigns", OffsetSocketAssigns, FieldAddress,
			"What `connect` assigned to the client's socket, any bytes. If it assigned nothing, and in `connect` itself: the verified claims as a JSON object, else `{}`. " +
				"The same for the socket's whole life.",
			`"{}"`,
		},
		{"socket_assigns_len", OffsetSocketAssignsLen, FieldLength, "", "2"},
		{"now_ms", OffsetNowMS, FieldI64, "Milliseconds since the Unix epoch; the time of this call, which does not go on during it.", "1767225600000"},
		{"channel", OffsetChannel, FieldU64, "Identifies this channel on this node; below 2^53, and 0 in `connect`.", "4711"},
		{
			"kind", OffsetKind, FieldU32,
			"In `leave` the leave kind: why the channel ended. In `handle_info` the info kind: a timer or a broadcast. " +
				"Answer a kind you do not know with OK. Otherwise 0.",
			"CH_LEAVE_LEFT",
		},
		{
			"ref", OffsetRef, FieldU32,
			"In `join` and `handle_in` a number for `reply_to` if the client waits for an answer, else 0; no two open ones of a channel are the same. " +
				"In `handle_info` of kind TIMER the timer's key. Otherwise 0.",
			"1",
		},
	}
}

// String returns the kind as documentation and logs write it.
func (k LeaveKind) String() string {
	switch k {
	case LeaveLeft:
		return "LEFT"
	case LeaveClosed:
		return "CLOSED"
	case LeaveReplaced:
		return "REPLACED"
	case LeaveShutdown:
		return "SHUTDOWN"
	case LeaveStopped:
		return "STOPPED"
	case LeaveFailed:
		return "FAILED"
	case LeaveKicked:
		return "KICKED"
	}
	return "unknown"
}

// String returns the kind as documentation and logs write it.
func (k InfoKind) String() string {
	switch k {
	case InfoTimer:
		return "TIMER"
	case InfoBroadcast:
		return "BROADCAST"
	}
	return "unknown"
}

// Key is one key of a JSON object that host and guest hand each other.
type Key struct {
	Name string
	// Type is the value's type, such as "object or null".
	Type string
	// Doc says what the value is, in Markdown.
	Doc string
	// Example is a value, in JSON.
	Example string
}

// ConnectKeys returns the keys of the object that is the payload in connect. All
// are always there; a later version may add others.
func ConnectKeys() []Key {
	return []Key{
		{"params", "object", "What the client connected with: the query, nested as Phoenix does it. The client wrote it: it proves nothing.", `{"room":"lobby"}`},
		{"claims", "object or null", "The claims of the client's token, which the host has verified; null without one.", `{"sub":"7"}`},
		{"auth_token", "string", "The token that the client sent beside the query, empty without one. The host has not verified it.", `"eyJhbGciOi..."`},
		{"transport", "string", "How the client is connected.", `"websocket"`},
		{"vsn", "string", "The version of the protocol that it speaks.", `"2.0.0"`},
		{"peer", "string", "The client's network address: an IP address without a port. Behind proxies that the operator trusts, what they say. A client of a Unix socket has no address: it is `@`, or the path of the client's own socket.", `"192.0.2.7"`},
		{"origin", "string", "The page's origin as the browser gave it; empty without one.", `"https://example.com"`},
		{"user_agent", "string", "The request's header field User-Agent; empty without one. The client wrote it.", `"Mozilla/5.0"`},
		{
			"uri", "object", "Where the request went, as it reached the host: `scheme`, `host`, `path` and `query` are strings, `port` is a number.",
			`{"scheme":"https","host":"example.com","port":443,"path":"/socket/websocket","query":"vsn=2.0.0"}`,
		},
		{"headers", "object", "Header fields of the request, of those that the operator names: names in lower case, the values are strings. Cookies are never among them.", `{"x-tenant":"acme"}`},
	}
}
