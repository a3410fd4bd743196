package phx

import "sync/atomic"

// Broadcast is one event on its way to every subscriber of a topic. It is
// shared by all of them and immutable; make it with [NewBroadcast] and do not
// copy it. Its methods may be called from several goroutines at once.
type Broadcast struct {
	topic   string
	event   string
	payload Payload
	hops    uint8

	// frames has one for each Encoder that asked, seldom more than two. Nothing is
	// locked, so that subscribers on several cores do not meet here.
	frames atomic.Pointer[encoded]
	// first is where the first of them is, or is being made if taken.
	first encoded
	taken atomic.Bool
}

// encoded is the frame of one Encoder. It is immutable.
type encoded struct {
	by    *Encoder
	frame []byte
	err   error
	next  *encoded
}

// NewBroadcast returns a broadcast of event with payload to topic.
func NewBroadcast(topic, event string, payload Payload) *Broadcast {
	return &Broadcast{topic: topic, event: event, payload: payload}
}

// NewHop is [NewBroadcast] for a broadcast that was caused by others, hops of
// them one after the other; more than 255 count as 255.
func NewHop(hops int, topic, event string, payload Payload) *Broadcast {
	return &Broadcast{topic: topic, event: event, payload: payload, hops: uint8(min(max(hops, 0), 255))}
}

// Hops is how many broadcasts, each caused by the one before, led to this one.
// An adapter carries it to the other nodes.
func (b *Broadcast) Hops() int { return int(b.hops) }

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
	// buf. Nil returns buf as it is. It may be called from several goroutines at
	// once.
	Seal func(buf []byte, binary bool) []byte
}

// Message encodes m. The error is [ErrNoBinary] where the serializer cannot
// carry bytes, or a [*FrameError] where a name does not fit into a binary frame.
func (e *Encoder) Message(m *Message) ([]byte, error) {
	return e.seal(e.Serializer.AppendMessage(e.room(messageRoom+len(m.JoinRef)+len(m.Ref)+len(m.Topic)+len(m.Event)+len(m.Payload.data)), m))
}

// Reply encodes r. The errors are those of [Encoder.Message].
func (e *Encoder) Reply(r *Reply) ([]byte, error) {
	return e.seal(e.Serializer.AppendReply(e.room(replyRoom+len(r.JoinRef)+len(r.Ref)+len(r.Topic)+len(r.Payload.data)), r))
}

// Broadcast returns the frame of b, which is encoded at the first call and
// shared by all later ones: it must not be changed. The errors are those of
// [Encoder.Message].
func (e *Encoder) Broadcast(b *Broadcast) ([]byte, error) {
	known := b.frames.Load()
	if found := known.of(e); found != nil {
		return found.frame, found.err
	}
	made := &b.first
	if b.taken.Swap(true) {
		made = new(encoded)
	}
	made.by = e
	made.frame, made.err = e.seal(e.Serializer.AppendBroadcast(e.room(messageRoom+len(b.topic)+len(b.event)+len(b.payload.data)), b))
	for {
		made.next = known
		if b.frames.CompareAndSwap(known, made) {
			return made.frame, made.err
		}
		known = b.frames.Load()
		if found := known.of(e); found != nil { // somebody was quicker: all share one frame
			return found.frame, found.err
		}
	}
}

// of returns what e has encoded already, or nil.
func (f *encoded) of(e *Encoder) *encoded {
	for f != nil && f.by != e {
		f = f.next
	}
	return f
}

// What the rest of an envelope takes, in either version, so that a frame is one
// allocation, and not much larger than it has to be: those of slow clients wait.
const (
	messageRoom = 64
	replyRoom   = 104
)

func (e *Encoder) room(n int) []byte {
	return make([]byte, e.Framing.Room, e.Framing.Room+n)
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
