package phx

import "errors"

// Serializer is one version of the wire protocol. Implementations are
// stateless and may be used from several goroutines at once.
type Serializer interface {
	// Version is the version this serializer implements, such as "2.0.0".
	Version() string

	// Decode splits a frame that a client sent and checks all of it, so that
	// its parts can go to plugins and other clients as they are: names have
	// passed [CheckName], the payload is an object or bytes. A payload that is null,
	// and any that a heartbeat or a phx_leave has, is read as {}.
	//
	// The message refers to f.Data, which must not be changed afterwards.
	// Whoever keeps a name or a ref longer than the message clones it
	// ([strings.Clone]), or the whole frame stays in memory.
	//
	// The error is [ErrNotUTF8], or a [*FrameError] for the first fault; then
	// the message carries those of JoinRef, Ref, Topic and Event that could be
	// read and are valid, and no payload.
	Decode(f Frame) (Message, error)

	// AppendMessage appends the frame of m to dst and tells whether it is a
	// binary one. The error is [ErrNoBinary], or that of a field which does not
	// fit into the frame (see [*FrameError]).
	AppendMessage(dst []byte, m *Message) (frame []byte, binary bool, err error)
	// AppendReply is AppendMessage for a reply.
	AppendReply(dst []byte, r *Reply) (frame []byte, binary bool, err error)
	// AppendBroadcast is AppendMessage for a broadcast.
	AppendBroadcast(dst []byte, b *Broadcast) (frame []byte, binary bool, err error)
}

// ErrNotUTF8 is returned when a text frame, a JSON value or a name is not valid
// UTF-8 (RFC 3629). If that was a text frame, the connection
// must be closed with code 1007 (RFC 6455, section 8.1).
var ErrNotUTF8 = errors.New("phx: not valid UTF-8")

// ErrNoBinary is returned when bytes are to be encoded for a serializer that
// has no binary frames (V1).
var ErrNoBinary = errors.New("phx: the serializer has no binary frames")

// FrameError says why a frame could not be decoded or encoded. Reason is what
// the client is told, if topic and ref could be read.
type FrameError struct {
	Reason Reason
	// Detail says what was found where, for logs; it never quotes the frame.
	Detail string
}

func (e *FrameError) Error() string { return "phx: " + string(e.Reason) + ": " + e.Detail }
