package phx

import "bytes"

// V1 returns the serializer of protocol version 1.0.0: text frames, each of
// them an object. It has no binary frames, and what it sends has no join_ref.
// All values it returns are equal.
func V1() Serializer { return v1{} }

type v1 struct{}

func (v1) Version() string { return "1.0.0" }

func (v1) Decode(f Frame) (Message, error) {
	if f.Binary {
		return Message{}, &FrameError{Reason: ReasonInvalidFrame, Detail: "version 1.0.0 has no binary frames"}
	}
	var e envelope
	err := e.scanObject(f.Data)
	return e.message(f.Data, err)
}

// scanObject takes a V1 frame apart. Of a key that occurs twice the last one
// counts, as with other JSON parsers: a check in front of the host must not see
// another message than the host does.
func (e *envelope) scanObject(b []byte) (err error) {
	i := skipSpace(b, 0)
	if i == len(b) || b[i] != '{' {
		return errNotObject
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return checkEnd(b, i+1)
	}
	for {
		if i == len(b) || b[i] != '"' {
			return ErrNotJSON
		}
		key := i
		if i, err = skipString(b, i); err != nil {
			return err
		}
		field := e.key(b[key+1 : i-1])
		if i, err = skipColon(b, i); err != nil {
			return err
		}
		value := i
		if i, err = skipValue(b, i, MaxClientDepth); err != nil {
			return err
		}
		if field != nil {
			*field = b[value:i:i]
		}
		i = skipSpace(b, i)
		if i == len(b) {
			return ErrNotJSON
		}
		switch b[i] {
		case ',':
			i = skipSpace(b, i+1)
		case '}':
			return checkEnd(b, i+1)
		default:
			return ErrNotJSON
		}
	}
}

// key is the field of the given name, or nil. name stands between its quotes.
func (e *envelope) key(name []byte) *[]byte {
	const longest = len("join_ref")
	if len(name) <= 6*longest && bytes.IndexByte(name, '\\') >= 0 {
		var ok bool
		if name, ok = unescape(make([]byte, 0, len(name)), name); !ok {
			return nil // what was read so far may look like a key
		}
	}
	switch string(name) {
	case "topic":
		return &e.topic
	case "event":
		return &e.event
	case "payload":
		return &e.payload
	case "ref":
		return &e.ref
	case "join_ref":
		return &e.joinRef
	}
	return nil
}

func (v1) AppendMessage(dst []byte, m *Message) ([]byte, bool, error) {
	return appendV1(dst, m.Topic, m.Event, m.Payload, m.Ref)
}

func (v1) AppendReply(dst []byte, r *Reply) ([]byte, bool, error) {
	if r.Payload.binary {
		return nil, false, ErrNoBinary
	}
	dst = append(dst, `{"topic":`...)
	dst = appendString(dst, r.Topic)
	dst = append(dst, `,"event":"phx_reply","payload":`...)
	dst = appendReplyPayload(dst, r)
	dst = append(dst, `,"ref":`...)
	dst = appendRef(dst, r.Ref)
	return append(dst, '}'), false, nil
}

func (v1) AppendBroadcast(dst []byte, b *Broadcast) ([]byte, bool, error) {
	return appendV1(dst, b.topic, b.event, b.payload, "")
}

func appendV1(dst []byte, topic, event string, p Payload, ref Ref) ([]byte, bool, error) {
	if p.binary {
		return nil, false, ErrNoBinary
	}
	dst = append(dst, `{"topic":`...)
	dst = appendString(dst, topic)
	dst = append(dst, `,"event":`...)
	dst = appendString(dst, event)
	dst = append(dst, `,"payload":`...)
	dst = appendPayload(dst, p)
	dst = append(dst, `,"ref":`...)
	dst = appendRef(dst, ref)
	return append(dst, '}'), false, nil
}
