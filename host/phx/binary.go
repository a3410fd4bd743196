package phx

import (
	"cmp"
	"strings"
	"unicode/utf8"
)

// The first byte of a binary frame says what it is. A push from the client and
// one from the server have the same number; the server's has no ref.
const (
	kindPush      = 0
	kindReply     = 1
	kindBroadcast = 2
)

// decodeBinary reads a client's push:
//
//	00 | jl | rl | tl | el | join_ref ref topic event | data
//
// Every length is one byte. A ref of length 0 is null; others become strings,
// since these frames do not tell numbers from strings.
func decodeBinary(b []byte) (Message, error) {
	const lengths = 5
	if len(b) < lengths || b[0] != kindPush {
		return Message{}, &FrameError{Reason: ReasonInvalidFrame, Detail: "binary frame is not a push"}
	}
	rest := b[lengths:]
	var text [lengths - 1]string
	var short *FrameError
	for i, n := range b[1:lengths] {
		if int(n) > len(rest) {
			short = &FrameError{Reason: ReasonInvalidFrame, Detail: "binary frame is shorter than its header says"}
			break
		}
		text[i], rest = alias(rest[:n]), rest[n:]
	}
	var m Message
	var joinRef, ref, topic, event *FrameError
	m.JoinRef, joinRef = binaryRef("join_ref", text[0])
	m.Ref, ref = binaryRef("ref", text[1])
	m.Topic, topic = binaryName("topic", text[2])
	m.Event, event = binaryName("event", text[3])
	if first := cmp.Or(short, joinRef, ref, topic, event); first != nil {
		return m, first
	}
	m.Payload = Bytes(rest)
	return m, nil
}

func binaryRef(field, text string) (Ref, *FrameError) {
	if text == "" {
		return "", nil
	}
	if !utf8.ValidString(text) {
		return "", invalidField(field, "is not UTF-8")
	}
	return Ref(appendString(make([]byte, 0, len(text)+2), text)), nil
}

func binaryName(field, text string) (string, *FrameError) {
	switch err := CheckName(text); err {
	case nil:
		return text, nil
	case ErrNameLength:
		return "", lengthOf(field)
	default:
		return "", &FrameError{Reason: ReasonInvalidFrame, Detail: field + ": " + err.Error()}
	}
}

// appendBinaryPush writes 00 | jl | tl | el | join_ref topic event | data.
func appendBinaryPush(dst []byte, m *Message) ([]byte, bool, error) {
	joinRef, err := refText("join_ref", m.JoinRef)
	if err != nil {
		return nil, false, err
	}
	return appendBinary(dst, kindPush, m.Payload,
		part{"join_ref", joinRef}, part{"topic", m.Topic}, part{"event", m.Event})
}

// appendBinaryReply writes 01 | jl | rl | tl | sl | join_ref ref topic status | data.
func appendBinaryReply(dst []byte, r *Reply) ([]byte, bool, error) {
	joinRef, err := refText("join_ref", r.JoinRef)
	if err != nil {
		return nil, false, err
	}
	ref, err := refText("ref", r.Ref)
	if err != nil {
		return nil, false, err
	}
	return appendBinary(dst, kindReply, r.Payload,
		part{"join_ref", joinRef}, part{"ref", ref}, part{"topic", r.Topic}, part{"status", string(r.Status)})
}

// appendBinaryBroadcast writes 02 | tl | el | topic event | data.
func appendBinaryBroadcast(dst []byte, b *Broadcast) ([]byte, bool, error) {
	return appendBinary(dst, kindBroadcast, b.payload, part{"topic", b.topic}, part{"event", b.event})
}

// part is one field of a binary header.
type part struct{ field, text string }

func appendBinary(dst []byte, kind byte, p Payload, header ...part) ([]byte, bool, error) {
	dst = append(dst, kind)
	for _, h := range header {
		if len(h.text) > MaxName {
			return nil, false, &FrameError{Reason: ReasonNameTooLong, Detail: h.field + " is longer than 255 bytes"}
		}
		if !utf8.ValidString(h.text) {
			return nil, false, invalidField(h.field, "is not UTF-8")
		}
		dst = append(dst, byte(len(h.text)))
	}
	for _, h := range header {
		dst = append(dst, h.text...)
	}
	return append(dst, p.data...), true, nil
}

// refText is the text of a ref: a string without quotes and escapes, the digits
// of a number, nothing for null.
func refText(field string, r Ref) (string, error) {
	if !strings.HasPrefix(string(r), `"`) {
		return string(r), nil
	}
	if !strings.Contains(string(r), `\`) {
		return strings.Trim(string(r), `"`), nil
	}
	// A Ref is a string type that anyone can fill, and unescape trusts its input.
	raw := []byte(r)
	if end, err := skipString(raw, 0); err != nil || end != len(raw) {
		return "", invalidField(field, "is not a JSON token")
	}
	text, fault := readString(field, raw)
	if fault != nil {
		return "", fault
	}
	return text, nil
}
