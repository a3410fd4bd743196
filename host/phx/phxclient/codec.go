package phxclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/chhost/chhost/host/phx"
)

// codec is the client's side of one version of the protocol. It shares no code
// with the serializers of package phx, so that each is a check on the other.
type codec struct {
	v2 bool
}

// The first byte of a binary frame. A push from the client has the same number
// as one from the server, but carries a ref.
const (
	kindPush      = 0
	kindReply     = 1
	kindBroadcast = 2
)

// incoming is what a server's frame says: a reply, or a message.
type incoming struct {
	phx.Message
	reply *phx.Reply
}

// encode writes what a client sends. The error is [phx.ErrNoBinary], or a name
// that does not fit into a binary frame.
func (c codec) encode(m *phx.Message) (phx.Frame, error) {
	if m.Payload.IsBinary() {
		if !c.v2 {
			return phx.Frame{}, phx.ErrNoBinary
		}
		return encodeBinary(m)
	}
	topic, event := quote(m.Topic), quote(m.Event)
	joinRef, ref := token(m.JoinRef), token(m.Ref)
	var b bytes.Buffer
	if c.v2 {
		fmt.Fprintf(&b, "[%s,%s,%s,%s,%s]", joinRef, ref, topic, event, m.Payload.Data())
	} else {
		fmt.Fprintf(&b, `{"topic":%s,"event":%s,"payload":%s,"ref":%s,"join_ref":%s}`,
			topic, event, m.Payload.Data(), ref, joinRef)
	}
	return phx.Frame{Data: b.Bytes()}, nil
}

// encodeBinary writes 00 | jl | rl | tl | el | join_ref ref topic event | data.
func encodeBinary(m *phx.Message) (phx.Frame, error) {
	joinRef, ref := unquote(m.JoinRef), unquote(m.Ref)
	b := []byte{kindPush}
	for _, s := range []string{joinRef, ref, m.Topic, m.Event} {
		if len(s) > phx.MaxName {
			return phx.Frame{}, phx.ErrNameLength
		}
		b = append(b, byte(len(s)))
	}
	b = append(b, joinRef+ref+m.Topic+m.Event...)
	return phx.Frame{Data: append(b, m.Payload.Data()...), Binary: true}, nil
}

// decode reads what a server sent. The error is [ErrFrame] and says what is
// wrong with the frame.
func (c codec) decode(f phx.Frame) (incoming, error) {
	if f.Binary {
		if !c.v2 {
			return incoming{}, badFrame("it is binary, which version 1.0.0 does not have")
		}
		return decodeBinary(f.Data)
	}
	var e struct {
		Topic, Event          *string
		Payload, Ref, JoinRef json.RawMessage
	}
	var err error
	if c.v2 {
		var elements []json.RawMessage
		if err = json.Unmarshal(f.Data, &elements); err == nil && len(elements) != 5 {
			return incoming{}, badFrame(fmt.Sprintf("it has %d elements, not 5", len(elements)))
		}
		if err == nil {
			e.JoinRef, e.Ref, e.Payload = elements[0], elements[1], elements[4]
			err = errors.Join(json.Unmarshal(elements[2], &e.Topic), json.Unmarshal(elements[3], &e.Event))
		}
	} else {
		err = json.Unmarshal(f.Data, &e)
	}
	if err != nil {
		return incoming{}, badFrame(err.Error())
	}
	if e.Topic == nil || e.Event == nil {
		return incoming{}, badFrame("it has no topic or no event")
	}
	in := incoming{Message: phx.Message{Topic: *e.Topic, Event: *e.Event}}
	if in.JoinRef, err = toRef(e.JoinRef); err != nil {
		return incoming{}, err
	}
	if in.Ref, err = toRef(e.Ref); err != nil {
		return incoming{}, err
	}
	if in.Event == phx.EventReply {
		return in.asReply(e.Payload)
	}
	if in.Payload, err = phx.Object(e.Payload); err != nil || len(e.Payload) == 0 {
		return incoming{}, badFrame("its payload is not an object")
	}
	return in, nil
}

func badFrame(why string) error { return fmt.Errorf("%w: %s", ErrFrame, why) }

// asReply takes the payload {"status","response"} apart.
func (in incoming) asReply(payload []byte) (incoming, error) {
	var body struct {
		Status   phx.Status
		Response json.RawMessage
	}
	if json.Unmarshal(payload, &body) != nil || body.Status == "" || len(body.Response) == 0 {
		return incoming{}, badFrame("a reply needs status and response")
	}
	var err error
	if in.Payload, err = phx.JSON(body.Response); err != nil {
		return incoming{}, badFrame("response: " + err.Error())
	}
	return in.withStatus(body.Status), nil
}

func (in incoming) withStatus(s phx.Status) incoming {
	in.reply = &phx.Reply{JoinRef: in.JoinRef, Ref: in.Ref, Topic: in.Topic, Status: s, Payload: in.Payload}
	return in
}

// decodeBinary reads
//
//	push       00 | jl | tl | el      | join_ref topic event | data
//	reply      01 | jl | rl | tl | sl | join_ref ref topic status | data
//	broadcast  02 | tl | el           | topic event | data
func decodeBinary(b []byte) (incoming, error) {
	var in incoming
	var joinRef, ref, status string
	var fields []*string
	kind := -1
	if len(b) > 0 {
		kind = int(b[0])
	}
	switch kind {
	case kindPush:
		fields = []*string{&joinRef, &in.Topic, &in.Event}
	case kindReply:
		fields = []*string{&joinRef, &ref, &in.Topic, &status}
	case kindBroadcast:
		fields = []*string{&in.Topic, &in.Event}
	default:
		return incoming{}, badFrame("a binary frame starts with 0, 1 or 2")
	}
	if len(b) < 1+len(fields) {
		return incoming{}, badFrame("the header of a binary frame is cut short")
	}
	lengths, rest := b[1:1+len(fields)], b[1+len(fields):]
	for i, field := range fields {
		n := int(lengths[i])
		if n > len(rest) {
			return incoming{}, badFrame("a binary frame is shorter than its header says")
		}
		*field, rest = string(rest[:n]), rest[n:]
	}
	// These frames do not tell numbers from strings; this client's refs are
	// strings.
	if joinRef != "" {
		in.JoinRef = phx.Ref(quote(joinRef))
	}
	if ref != "" {
		in.Ref = phx.Ref(quote(ref))
	}
	in.Payload = phx.Bytes(rest)
	if kind == kindReply {
		in.Event = phx.EventReply
		return in.withStatus(phx.Status(status)), nil
	}
	return in, nil
}

// quote is s as a JSON string.
func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic("BUG: a string cannot be encoded: " + err.Error())
	}
	return b
}

func token(r phx.Ref) string {
	if r == "" {
		return "null"
	}
	return string(r)
}

// unquote is the text of a ref that [Client] made.
func unquote(r phx.Ref) string {
	var s string
	if r != "" && json.Unmarshal([]byte(r), &s) != nil {
		panic("BUG: a ref of this client is not a JSON string")
	}
	return s
}

// toRef takes a string, a number or null.
func toRef(raw json.RawMessage) (phx.Ref, error) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return "", nil
	case raw[0] == '"' || raw[0] == '-' || raw[0]-'0' <= 9:
		return phx.Ref(raw), nil
	}
	return "", badFrame("a ref is neither a string nor a number nor null")
}
