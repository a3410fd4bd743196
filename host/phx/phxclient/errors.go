package phxclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/chhost/chhost/host/phx"
)

var (
	// ErrClosed is returned when the connection has been closed with Close or
	// Abort.
	ErrClosed = errors.New("phxclient: closed by the caller; connect again")
	// ErrNoHeartbeat is returned when the server left a heartbeat unanswered for
	// a whole interval and the connection was cut for it.
	ErrNoHeartbeat = errors.New("phxclient: the server did not answer a heartbeat; the connection was cut")
	// ErrJoined is returned when a topic is joined that the client is joining or
	// has joined.
	ErrJoined = errors.New("phxclient: the topic is joined already; leave it first")
	// ErrLeft is returned when a channel is used that has been left.
	ErrLeft = errors.New("phxclient: the channel has been left; join again")
	// ErrChannelClosed is returned when the server ended the channel with
	// phx_close, after which a client should not join again by itself.
	ErrChannelClosed = errors.New("phxclient: the server closed the channel (phx_close)")
	// ErrOverflow is returned by Receive when a message did not fit into the
	// channel's queue (see [OverflowFail]).
	ErrOverflow = errors.New("phxclient: messages came faster than they were received and the queue was full; " +
		"receive faster or raise ClientOptions.Queue")
	// ErrFrame is returned when the server sent a frame that is not one of the
	// protocol version in use.
	ErrFrame = errors.New("phxclient: the server sent a frame that is not of the protocol")

	errNoAnswer = errors.New("phxclient: the server did not answer the close frame")
	errTooBig   = errors.New("a message is longer than Options.MaxFrame")
)

// CloseError is returned when the connection ended and not by the caller.
type CloseError struct {
	// Code is the code of the server's close frame (RFC 6455, section 7.4):
	// 1005 if it had none, 1006 if there was no close frame, that is if the
	// connection broke or the server violated the WebSocket protocol.
	Code int
	// Reason is the reason in the server's close frame.
	Reason string
	// Err is what happened where there was no close frame; it matches
	// [phx.ErrNotUTF8] when a text frame was not UTF-8.
	Err error
}

func (e *CloseError) Error() string {
	if e.Err != nil {
		return "phxclient: the connection broke: " + e.Err.Error()
	}
	s := "phxclient: the server closed the connection with code " + strconv.Itoa(e.Code)
	if e.Reason != "" {
		s += fmt.Sprintf(" (%q)", e.Reason)
	}
	return s
}

func (e *CloseError) Unwrap() error { return e.Err }

// HandshakeError is returned when the server answered the request for a
// WebSocket with something else than one.
type HandshakeError struct {
	// Status is the HTTP status, such as 403 for a refused connection.
	Status int
	// Body is the start of the response's body.
	Body []byte
}

func (e *HandshakeError) Error() string {
	s := fmt.Sprintf("phxclient: the server refused the connection: %d %s", e.Status, http.StatusText(e.Status))
	if len(e.Body) > 0 {
		s += fmt.Sprintf(": %q", e.Body)
	}
	return s
}

// RefusedError is returned when the reply to a join has the status error.
type RefusedError struct {
	Topic string
	// Payload is the reply's response, such as {"reason":"unauthorized"}.
	Payload phx.Payload
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("phxclient: join of %q refused%s", e.Topic, reason(e.Payload))
}

// Reason is the string "reason" of the payload, or "".
func (e *RefusedError) Reason() string { return reasonOf(e.Payload) }

// CrashedError is returned when the server ended the channel with phx_error,
// after which a client may join again.
type CrashedError struct {
	Topic string
	// Payload is that of phx_error.
	Payload phx.Payload
}

func (e *CrashedError) Error() string {
	return fmt.Sprintf("phxclient: the channel %q failed on the server (phx_error)%s", e.Topic, reason(e.Payload))
}

// Reason is the string "reason" of the payload, or "".
func (e *CrashedError) Reason() string { return reasonOf(e.Payload) }

func reasonOf(p phx.Payload) string {
	var body struct{ Reason string }
	if p.IsBinary() || json.Unmarshal(p.Data(), &body) != nil {
		return ""
	}
	return body.Reason
}

// reason quotes, since a server may put anything there and errors go to
// terminals.
func reason(p phx.Payload) string {
	if r := reasonOf(p); r != "" {
		return fmt.Sprintf(": %q", r)
	}
	return ""
}
