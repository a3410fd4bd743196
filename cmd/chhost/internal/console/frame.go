package console

import (
	"encoding/json"
	"errors"
	"strconv"

	"github.com/chhost/chhost/host/phx"
)

// kind tells what a frame is to its client. Its values are what the inbox calls
// them.
type kind string

const (
	kindHeard     kind = "broadcast"        // of a topic that was subscribed to, past the socket
	kindBroadcast kind = "socket_broadcast" // to all members of a topic
	kindPush      kind = "socket_push"      // to this one: the guide's reply/3
	kindReply     kind = "socket_reply"     // an answer that nobody waits for any more
	kindClose     kind = "socket_close"
	kindError     kind = "socket_error"
)

// frame is what the host sent.
type frame struct {
	kind    kind
	joinRef phx.Ref
	ref     phx.Ref
	topic   string
	event   string
	status  phx.Status // of a reply
	payload phx.Payload
}

var errFrame = errors.New("BUG: a frame of the host cannot be read")

// decode reads a frame of version 2 of the protocol.
func decode(f phx.Frame) (frame, error) {
	if f.Binary {
		return decodeBinary(f.Data)
	}
	var parts []json.RawMessage
	var topic, event string
	if json.Unmarshal(f.Data, &parts) != nil || len(parts) != 5 ||
		json.Unmarshal(parts[2], &topic) != nil || json.Unmarshal(parts[3], &event) != nil {
		return frame{}, errFrame
	}
	in := frame{joinRef: ref(parts[0]), ref: ref(parts[1]), topic: topic, event: event}
	in.kind = in.sort()
	body := parts[4]
	if in.kind == kindReply {
		var reply struct {
			Status   phx.Status
			Response json.RawMessage
		}
		if json.Unmarshal(body, &reply) != nil {
			return frame{}, errFrame
		}
		in.status, body = reply.Status, reply.Response
	}
	var err error
	in.payload, err = phx.JSON(body)
	return in, err
}

// sort tells what a message is by its event, and by whether it belongs to one
// membership.
func (in *frame) sort() kind {
	switch {
	case in.event == phx.EventReply:
		return kindReply
	case in.event == phx.EventClose:
		return kindClose
	case in.event == phx.EventError:
		return kindError
	case in.joinRef == "":
		return kindBroadcast
	}
	return kindPush
}

func ref(raw json.RawMessage) phx.Ref {
	if string(raw) == "null" {
		return ""
	}
	return phx.Ref(raw)
}

// decodeBinary reads a frame whose payload is bytes: a number for what it is, one
// byte for the length of each field, the fields, the payload.
func decodeBinary(data []byte) (frame, error) {
	if len(data) == 0 {
		return frame{}, errFrame
	}
	var in frame
	var joinRef, ref, status string
	var fields []*string
	switch data[0] {
	case 0:
		in.kind, fields = kindPush, []*string{&joinRef, &in.topic, &in.event}
	case 1:
		in.kind, fields = kindReply, []*string{&joinRef, &ref, &in.topic, &status}
	case 2:
		in.kind, fields = kindBroadcast, []*string{&in.topic, &in.event}
	default:
		return frame{}, errFrame
	}
	at := 1 + len(fields)
	for i, field := range fields {
		if len(data) <= 1+i || len(data) < at+int(data[1+i]) {
			return frame{}, errFrame
		}
		*field = string(data[at : at+int(data[1+i])])
		at += int(data[1+i])
	}
	if len(data) < at {
		return frame{}, errFrame
	}
	in.joinRef, in.ref, in.status = quoted(joinRef), quoted(ref), phx.Status(status)
	in.payload = phx.Bytes(data[at:])
	return in, nil
}

// quoted is a ref of the console's, which are digits in quotes.
func quoted(text string) phx.Ref {
	if text == "" {
		return ""
	}
	return phx.Ref(strconv.Quote(text))
}

// says is the payload, or nothing if that is empty.
func (in *frame) says() string {
	if text := shown(in.payload); text != "{}" {
		return text
	}
	return ""
}

// reason is why an event was refused, or "".
func (in *frame) reason() phx.Reason {
	var body struct{ Reason phx.Reason }
	if in.status != phx.StatusError || json.Unmarshal(in.payload.Data(), &body) != nil {
		return ""
	}
	return body.Reason
}

// text is how the inbox shows the frame.
func (in *frame) text() string {
	text := string(in.kind) + ": message{"
	if in.status != "" {
		text += "status: " + visible(string(in.status)) + ", "
	} else {
		text += "event: " + strconv.Quote(in.event) + ", "
	}
	return text + "payload: " + shown(in.payload) + ", topic: " + strconv.Quote(in.topic) + "}"
}
