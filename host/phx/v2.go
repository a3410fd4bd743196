package phx

// V2 returns the serializer of protocol version 2.0.0: text frames, each of
// them the array [join_ref, ref, topic, event, payload], and binary frames. All
// values it returns are equal.
func V2() Serializer { return v2{} }

type v2 struct{}

func (v2) Version() string { return "2.0.0" }

func (v2) Decode(f Frame) (Message, error) {
	if f.Binary {
		return decodeBinary(f.Data)
	}
	var e envelope
	err := e.scanArray(f.Data)
	return e.message(f.Data, err)
}

// scanArray takes a V2 frame apart. Elements behind the fifth have to be JSON
// and mean nothing.
func (e *envelope) scanArray(b []byte) (err error) {
	i := skipSpace(b, 0)
	if i == len(b) || b[i] != '[' {
		return errNotArray
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return checkEnd(b, i+1)
	}
	for n := 0; ; n++ {
		value := i
		if i, err = skipValue(b, i, MaxClientDepth); err != nil {
			return err
		}
		if field := e.field(n); field != nil {
			*field = b[value:i:i]
		}
		i = skipSpace(b, i)
		if i == len(b) {
			return ErrNotJSON
		}
		switch b[i] {
		case ',':
			i = skipSpace(b, i+1)
		case ']':
			return checkEnd(b, i+1)
		default:
			return ErrNotJSON
		}
	}
}

func (v2) AppendMessage(dst []byte, m *Message) ([]byte, bool, error) {
	if m.Payload.binary {
		return appendBinaryPush(dst, m)
	}
	return appendV2(dst, m.JoinRef, m.Ref, m.Topic, m.Event, m.Payload), false, nil
}

func (v2) AppendReply(dst []byte, r *Reply) ([]byte, bool, error) {
	if r.Payload.binary {
		return appendBinaryReply(dst, r)
	}
	dst = append(dst, '[')
	dst = appendRef(dst, r.JoinRef)
	dst = append(dst, ',')
	dst = appendRef(dst, r.Ref)
	dst = append(dst, ',')
	dst = appendString(dst, r.Topic)
	dst = append(dst, `,"phx_reply",`...)
	dst = appendReplyPayload(dst, r)
	return append(dst, ']'), false, nil
}

func (v2) AppendBroadcast(dst []byte, b *Broadcast) ([]byte, bool, error) {
	if b.payload.binary {
		return appendBinaryBroadcast(dst, b)
	}
	return appendV2(dst, "", "", b.topic, b.event, b.payload), false, nil
}

func appendV2(dst []byte, joinRef, ref Ref, topic, event string, p Payload) []byte {
	dst = append(dst, '[')
	dst = appendRef(dst, joinRef)
	dst = append(dst, ',')
	dst = appendRef(dst, ref)
	dst = append(dst, ',')
	dst = appendString(dst, topic)
	dst = append(dst, ',')
	dst = appendString(dst, event)
	dst = append(dst, ',')
	dst = appendPayload(dst, p)
	return append(dst, ']')
}

func appendRef(dst []byte, r Ref) []byte {
	if r == "" {
		return append(dst, "null"...)
	}
	return append(dst, r...)
}

func appendPayload(dst []byte, p Payload) []byte {
	if len(p.data) == 0 {
		return append(dst, "{}"...)
	}
	return append(dst, p.data...)
}

func appendReplyPayload(dst []byte, r *Reply) []byte {
	if r.Status == StatusOK {
		dst = append(dst, `{"status":"ok","response":`...)
	} else {
		dst = append(dst, `{"status":`...)
		dst = appendString(dst, string(r.Status))
		dst = append(dst, `,"response":`...)
	}
	dst = appendPayload(dst, r.Payload)
	return append(dst, '}')
}
