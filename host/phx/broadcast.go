package phx

import (
	"sync"
	"sync/atomic"
)

// Broadcast is one event on its way to every subscriber of a topic. It is
// shared by all of them and immutable; make it with [NewBroadcast] and do not
// copy it. Its methods may be called from several goroutines at once.
type Broadcast struct {
	topic   string
	event   string
	payload Payload

	// frames has one for each Encoder that asked, seldom more than two. It is
	// replaced, never changed, so that subscribers on several cores read it
	// without meeting at a lock.
	frames atomic.Pointer[[]encoded]
	mu     sync.Mutex // held while a frame is encoded
}

type encoded struct {
	by    *Encoder
	frame []byte
	err   error
}

// NewBroadcast returns a broadcast of event with payload to topic.
func NewBroadcast(topic, event string, payload Payload) *Broadcast {
	return &Broadcast{topic: topic, event: event, payload: payload}
}

// Topic is the name of the topic, without its namespace.
func (b *Broadcast) Topic() string { return b.topic }

// Event is the name of the event.
func (b *Broadcast) Event() string { return b.event }

// Payload is what subscribers receive.
func (b *Broadcast) Payload() Payload { return b.payload }

// Encoder turns what the host sends into the frames of one kind of connection:
// a serializer, and the framing that the transport puts around it. All sockets
// of one transport and serializer share one Encoder, so that a broadcast is
// encoded once for all of them. Immutable after its first use.
type Encoder struct {
	Serializer Serializer
	Framing    Framing
}

// Framing is what a transport needs around an encoded frame. The zero value
// needs nothing.
type Framing struct {
	// Room is the number of bytes that are kept free in front of the frame, so
	// that a header can be written without copying.
	Room int
	// Seal completes a frame: buf[:Room] is free, buf[Room:] is what the
	// serializer wrote. It returns the bytes to send, which may be a part of
	// buf. Nil returns buf as it is. It is called with the broadcast locked, so
	// it must not encode another frame or wait for anything.
	Seal func(buf []byte, binary bool) []byte
}

// Message encodes m. The error is [ErrNoBinary] where the serializer cannot
// carry bytes.
func (e *Encoder) Message(m *Message) ([]byte, error) {
	return e.seal(e.Serializer.AppendMessage(e.room(len(m.Topic)+len(m.Event)+len(m.Payload.data)), m))
}

// Reply encodes r. The error is [ErrNoBinary] where the serializer cannot
// carry bytes.
func (e *Encoder) Reply(r *Reply) ([]byte, error) {
	return e.seal(e.Serializer.AppendReply(e.room(len(r.Topic)+len(r.Payload.data)), r))
}

// Broadcast returns the frame of b, which is encoded at the first call and
// shared by all later ones: it must not be changed.
func (e *Encoder) Broadcast(b *Broadcast) ([]byte, error) {
	if found, ok := b.frame(e); ok {
		return found.frame, found.err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if found, ok := b.frame(e); ok { // somebody else was quicker
		return found.frame, found.err
	}
	frame, err := e.seal(e.Serializer.AppendBroadcast(e.room(len(b.topic)+len(b.event)+len(b.payload.data)), b))
	var frames []encoded
	if known := b.frames.Load(); known != nil {
		frames = append(frames, *known...)
	}
	frames = append(frames, encoded{by: e, frame: frame, err: err})
	b.frames.Store(&frames)
	return frame, err
}

// frame returns what e has encoded already.
func (b *Broadcast) frame(e *Encoder) (encoded, bool) {
	if known := b.frames.Load(); known != nil {
		for i := range *known {
			if (*known)[i].by == e {
				return (*known)[i], true
			}
		}
	}
	return encoded{}, false
}

// envelopeRoom covers the rest of the envelope with refs of usual length, so
// that a frame takes one allocation.
const envelopeRoom = 96

func (e *Encoder) room(n int) []byte {
	return make([]byte, e.Framing.Room, e.Framing.Room+envelopeRoom+n)
}

func (e *Encoder) seal(buf []byte, binary bool, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	if e.Framing.Seal == nil {
		return buf, nil
	}
	return e.Framing.Seal(buf, binary), nil
}
