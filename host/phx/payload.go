package phx

import "bytes"

// Payload is the body of a message: one JSON value, or bytes. It is immutable
// and always valid: the only ways to make one are [JSON], [Object], [Bytes] and
// decoding a frame, each of which checks, so nothing downstream has to. The
// zero Payload is the empty object {}.
type Payload struct {
	data   []byte
	binary bool
}

// JSON returns data as a payload, which may be any JSON value. Empty data is
// {}. It keeps data, which must not be changed afterwards. The error is that of
// [CheckJSON].
func JSON(data []byte) (Payload, error) {
	if len(data) == 0 {
		return Payload{}, nil
	}
	if err := CheckJSON(data); err != nil {
		return Payload{}, err
	}
	return Payload{data: data}, nil
}

// Object is [JSON] for a value that has to be an object, as pushes, broadcasts
// and whatever a client sends have to be. The error is [ErrNotObject] for
// another value.
func Object(data []byte) (Payload, error) {
	p, err := JSON(data)
	if err == nil && !p.IsObject() {
		return Payload{}, ErrNotObject
	}
	return p, err
}

// Bytes returns data as a binary payload. It keeps data, which must not be
// changed afterwards.
func Bytes(data []byte) Payload { return Payload{data: data, binary: true} }

// Data is the payload's bytes: the JSON text, or the raw bytes of a binary
// one. They must not be changed.
func (p Payload) Data() []byte {
	if len(p.data) == 0 && !p.binary {
		return []byte("{}")
	}
	return p.data
}

// Len is len(p.Data()).
func (p Payload) Len() int {
	if len(p.data) == 0 && !p.binary {
		return len("{}")
	}
	return len(p.data)
}

// Clone returns the payload with bytes of its own: for one that is kept, while
// its bytes may be a part of a client's frame, all of which they would keep.
func (p Payload) Clone() Payload {
	p.data = bytes.Clone(p.data)
	return p
}

// IsBinary tells whether the payload is raw bytes.
func (p Payload) IsBinary() bool { return p.binary }

// IsObject tells whether the payload is a JSON object.
func (p Payload) IsObject() bool {
	if p.binary {
		return false
	}
	for _, c := range p.data {
		switch c {
		case ' ', '\t', '\n', '\r':
		default:
			return c == '{'
		}
	}
	return true
}
