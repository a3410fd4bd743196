// Package phx is the Phoenix wire protocol: messages and the V1 and V2
// serializers; no I/O.
//
// A [Serializer] splits an incoming [Frame] into a [Message] and writes the
// three kinds of outgoing frame: messages, replies and broadcasts. Payloads are
// opaque: they are checked once, when they enter the host, and from then on
// travel as the bytes that the sender wrote. [Payload] can only be made by a
// function that checks, so whatever holds one may send it.
//
// The protocol is Phoenix's (1.7 and later), see
// https://hexdocs.pm/phoenix/writing_a_channels_client.html.
package phx

// Frame is one message of a transport: a WebSocket text or binary message, or
// one entry of a long-poll body.
type Frame struct {
	Data   []byte
	Binary bool
}

// Ref is a reference that a client chose, as the raw JSON token it wrote
// (`"3"` or `7`), so that it is echoed with its type. The empty Ref is null. A
// string keeps its escapes. The host never makes one up: it is written into
// frames as it is, so whoever fills a Ref fills it with a JSON string or number.
type Ref string

// Same tells whether r and other are one reference. They are compared by their
// text, because a binary frame cannot tell 7 from "7".
func (r Ref) Same(other Ref) bool {
	return r == other || (r != "" && other != "" && r.text() == other.text())
}

// text is the ref as a binary header has it; r itself if it has none.
func (r Ref) text() string {
	text, err := refText("ref", r)
	if err != nil {
		return string(r)
	}
	return text
}

// Events that belong to the protocol. From a plugin or a native handler they
// are refused: a pass-through handler must never be able to close a client's
// channel.
const (
	EventJoin  = "phx_join"
	EventLeave = "phx_leave"
	EventReply = "phx_reply"
	EventClose = "phx_close"
	EventError = "phx_error"
	// EventHeartbeat is sent by clients to [TopicPhoenix].
	EventHeartbeat = "heartbeat"
	// EventAccessToken is sent by clients to [TopicPhoenix], with a token that takes
	// the place of the one that they connected with.
	EventAccessToken = "access_token"
	// TopicPhoenix is the topic of the socket itself.
	TopicPhoenix = "phoenix"
)

// Status is the status of a [Reply].
type Status string

const (
	StatusOK    Status = "ok"
	StatusError Status = "error"
)

// Message is one event on one topic: what a client sent, or what the host
// pushes to one client (then Ref is empty, except in phx_close and phx_error).
type Message struct {
	JoinRef Ref
	Ref     Ref
	Topic   string
	Event   string
	Payload Payload
}

// Reply answers a Message that carried a Ref.
type Reply struct {
	JoinRef Ref
	Ref     Ref
	Topic   string
	Status  Status
	Payload Payload
}
