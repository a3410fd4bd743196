package chhost

import "unsafe"

// Sendable is what can be sent to clients or kept as assigns: a [Map], a [JSON]
// text, [Bytes], or a [Payload] that came in and is passed on. Nil is {} when it
// is sent, and nothing when it is assigned. Phoenix clients take objects or
// bytes as payloads; the payload of a reply may be any JSON value.
type Sendable interface {
	// encode returns the bytes, which are read before the callback continues, and
	// the flags that go with them.
	encode() (data string, flags uint32)
}

func encode(v Sendable) (data string, flags uint32) {
	if v == nil {
		return "", 0
	}
	return v.encode()
}

// Bytes is a payload that is no JSON. It reaches V2 clients over WebSocket as a
// binary message; others do not get it.
type Bytes []byte

func (b Bytes) encode() (string, uint32) {
	return unsafe.String(unsafe.SliceData(b), len(b)), payloadBinary
}

// Payload is what came from a client or was kept as assigns. It is immutable
// and may be kept. Passed on as it is, its bytes stay exactly what they were.
//
// It is one pointer wide, so that passing it on as a Sendable costs no memory.
type Payload struct{ *content }

// content is what a Payload points to. The zero Payload points to nothing.
type content struct {
	data   string
	binary bool
}

func (p Payload) encode() (string, uint32) {
	if p.IsBinary() {
		return p.data, payloadBinary
	}
	return p.Raw(), 0
}

// IsBinary reports whether the payload is bytes and no JSON. It is false for
// assigns, of which the host only knows that they are bytes.
func (p Payload) IsBinary() bool { return p.content != nil && p.binary }

// Raw returns the payload as it is: JSON text, or bytes.
func (p Payload) Raw() string {
	if p.content == nil {
		return ""
	}
	return p.data
}

// JSON returns the payload for reading; "" if it is binary.
func (p Payload) JSON() JSON {
	if p.IsBinary() {
		return ""
	}
	return JSON(p.Raw())
}

// Field is short for p.JSON().Field(key): the value of an object's member, or
// "". Most often its text is wanted:
//
//	body, ok := payload.Field("body").Text()
func (p Payload) Field(key string) JSON { return p.JSON().Field(key) }

// Merge is short for p.JSON().Merge(m): the payload with some members replaced
// or added.
func (p Payload) Merge(m Map) JSON { return p.JSON().Merge(m) }
