package phx

import (
	"bytes"
	"cmp"
	"errors"
	"strings"
	"unicode/utf8"
	"unsafe"
)

var (
	errNotArray  = errors.New("the frame is not an array")
	errNotObject = errors.New("the frame is not an object")
)

// envelope is a text frame taken apart: the raw JSON value of each field, nil
// where there is none.
type envelope struct {
	joinRef, ref, topic, event, payload []byte
}

// field is the element of a V2 array at position i, or nil behind the fifth.
func (e *envelope) field(i int) *[]byte {
	switch i {
	case 0:
		return &e.joinRef
	case 1:
		return &e.ref
	case 2:
		return &e.topic
	case 3:
		return &e.event
	case 4:
		return &e.payload
	}
	return nil
}

// maxEscaped is the length up to which a name with escapes can still be short
// enough: an escape of six bytes can stand for one.
const maxEscaped = 6 * MaxName

// message reads the fields of e, which was taken from frame. scan is why
// taking it apart ended early, if it did: the fields before that point are read
// all the same, so that the client can be told which message was at fault.
func (e *envelope) message(frame []byte, scan error) (m Message, err error) {
	var invalid *FrameError
	if scan != nil {
		// Only now: a complete scan has seen that everything is UTF-8.
		if !utf8.Valid(frame) {
			return m, ErrNotUTF8
		}
		invalid = &FrameError{Reason: ReasonInvalidFrame, Detail: strings.TrimPrefix(scan.Error(), "phx: ")}
	}
	var joinRef, ref, topic, event, payload *FrameError
	m.JoinRef, joinRef = readRef("join_ref", e.joinRef)
	m.Ref, ref = readRef("ref", e.ref)
	m.Topic, topic = readName("topic", e.topic)
	if m.Event, event = readName("event", e.event); event != nil {
		m.Event = "" // only the topic is needed for the answer
	}
	switch {
	case e.ref == nil:
		ref = invalidField("ref", "is missing")
	case e.payload == nil:
		payload = invalidField("payload", "is missing")
	case e.payload[0] != '{' && e.payload[0] != 'n' && !m.bare():
		payload = &FrameError{Reason: ReasonPayloadNotObject, Detail: "payload is not an object"}
	}
	if first := cmp.Or(invalid, joinRef, ref, topic, event, payload); first != nil {
		return m, first
	}
	if e.payload[0] == '{' { // null is {}: clients send it that have nothing to say
		m.Payload = Payload{data: e.payload}
	}
	return m, nil
}

// bare tells whether nobody looks at the message's payload: clients write null
// into it, or whatever their language has for nothing.
func (m *Message) bare() bool {
	return m.Event == EventLeave || m.Topic == TopicPhoenix && m.Event == EventHeartbeat
}

func invalidField(field, fault string) *FrameError {
	return &FrameError{Reason: ReasonInvalidFrame, Detail: field + " " + fault}
}

func lengthOf(field string) *FrameError {
	return &FrameError{Reason: ReasonNameTooLong, Detail: field + " is not 1 to 255 bytes long"}
}

// readName reads a topic or an event. The name refers to raw unless it has
// escapes. One that is too long is returned with the fault, if it is not longer
// than maxEscaped, so that the client can be told which topic it was.
func readName(field string, raw []byte) (string, *FrameError) {
	if len(raw) == 0 {
		return "", invalidField(field, "is missing")
	}
	if raw[0] != '"' {
		return "", invalidField(field, "is not a string")
	}
	text, fault := readString(field, raw)
	if hasControl(text) {
		return "", invalidField(field, "contains a control character")
	}
	return text, fault
}

// readRef reads a ref: raw itself, if that is a ref. Its length is that of the
// text, because this is what has to fit into a binary frame; it may be empty.
func readRef(field string, raw []byte) (Ref, *FrameError) {
	if len(raw) == 0 {
		return "", nil
	}
	switch c := raw[0]; {
	case c == 'n':
		return "", nil
	case c == '"' && len(raw) == len(`""`): // what clients send that count none
	case c == '"':
		if _, fault := readString(field, raw); fault != nil {
			return "", fault
		}
	case c != '-' && c-'0' > 9:
		return "", invalidField(field, "is not a string, a number or null")
	case len(raw) > MaxName:
		return "", lengthOf(field)
	}
	return Ref(alias(raw)), nil
}

// readString returns the text of raw, a JSON string of 1 to [MaxName] bytes, and
// with the fault one that is longer.
func readString(field string, raw []byte) (string, *FrameError) {
	inner := raw[1 : len(raw)-1]
	if len(inner) > maxEscaped {
		return "", lengthOf(field)
	}
	if bytes.IndexByte(inner, '\\') >= 0 {
		text, ok := unescape(make([]byte, 0, len(inner)), inner)
		if !ok {
			return "", invalidField(field, "contains half of a surrogate pair")
		}
		inner = text
	}
	if len(inner) == 0 || len(inner) > MaxName {
		return alias(inner), lengthOf(field)
	}
	return alias(inner), nil
}

// alias returns b as a string without a copy. It is sound because nobody
// changes a frame after it was handed to a Serializer.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
