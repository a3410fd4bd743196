package phx_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chhost/chhost/host/phx"
)

// messageJSON is the frame of m, by encoding/json.
func messageJSON(t testing.TB, s phx.Serializer, m *phx.Message) []byte {
	t.Helper()
	payload := json.RawMessage(m.Payload.Data())
	if s.Version() == "1.0.0" {
		return marshal(t, map[string]any{"topic": m.Topic, "event": m.Event, "payload": payload, "ref": rawRef(m.Ref)})
	}
	return marshal(t, []any{rawRef(m.JoinRef), rawRef(m.Ref), m.Topic, m.Event, payload})
}

// replyJSON is the frame of r, by encoding/json.
func replyJSON(t testing.TB, s phx.Serializer, r *phx.Reply) []byte {
	t.Helper()
	payload, err := phx.Object(marshal(t, map[string]any{"status": r.Status, "response": json.RawMessage(r.Payload.Data())}))
	if err != nil {
		t.Fatal(err)
	}
	return messageJSON(t, s, &phx.Message{JoinRef: r.JoinRef, Ref: r.Ref, Topic: r.Topic, Event: "phx_reply", Payload: payload})
}

func object(t testing.TB, text string) phx.Payload {
	t.Helper()
	p, err := phx.Object([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

// The frames as clients of other servers know them, to the byte.
func TestEncodeGolden(t *testing.T) {
	push := &phx.Message{JoinRef: `"3"`, Topic: "rooms:1", Event: "hello", Payload: object(t, `{"n":1}`)}
	closed := &phx.Message{JoinRef: "7", Ref: "7", Topic: "rooms:1", Event: phx.EventClose}
	reply := &phx.Reply{JoinRef: `"3"`, Ref: "4", Topic: "rooms:1", Status: phx.StatusError, Payload: phx.ReasonUnmatchedTopic.Payload(0)}
	unjoined := &phx.Reply{Ref: `"4"`, Topic: "phoenix", Status: phx.StatusOK}
	broadcast := phx.NewBroadcast("rooms:1", "new:msg", object(t, `{ "b" : 1 }`))
	for _, c := range []struct {
		what   any
		v1, v2 string
	}{
		{push, `{"topic":"rooms:1","event":"hello","payload":{"n":1},"ref":null}`, `["3",null,"rooms:1","hello",{"n":1}]`},
		{closed, `{"topic":"rooms:1","event":"phx_close","payload":{},"ref":7}`, `[7,7,"rooms:1","phx_close",{}]`},
		{reply, `{"topic":"rooms:1","event":"phx_reply","payload":{"status":"error","response":{"reason":"unmatched topic"}},"ref":4}`,
			`["3",4,"rooms:1","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`},
		{unjoined, `{"topic":"phoenix","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"4"}`,
			`[null,"4","phoenix","phx_reply",{"status":"ok","response":{}}]`},
		{broadcast, `{"topic":"rooms:1","event":"new:msg","payload":{ "b" : 1 },"ref":null}`, `[null,null,"rooms:1","new:msg",{ "b" : 1 }]`},
	} {
		for _, s := range []phx.Serializer{phx.V1(), phx.V2()} {
			want := c.v2
			if s == phx.V1() {
				want = c.v1
			}
			frame, binary, err := encode(s, []byte("kept"), c.what)
			if string(frame) != "kept"+want || binary || err != nil {
				t.Errorf("%s: got %s, %v, %v, want %s", s.Version(), frame, binary, err, want)
			}
		}
	}
}

func encode(s phx.Serializer, dst []byte, what any) ([]byte, bool, error) {
	switch what := what.(type) {
	case *phx.Message:
		return s.AppendMessage(dst, what)
	case *phx.Reply:
		return s.AppendReply(dst, what)
	default:
		return s.AppendBroadcast(dst, what.(*phx.Broadcast))
	}
}

// Every character that JSON escapes, and some that it need not.
func TestEncodeNames(t *testing.T) {
	names := []string{"plain", `"`, `\`, "/", "é😀", "\u2028\u2029<>&", "\u007f\u0080", "\xff", "a\xc3", "a\ufffdb", "\xed\xa0\x80b", "a\"b\\c\nd", ""}
	for c := range rune(' ') {
		names = append(names, "a"+string(c)+"b")
	}
	for _, s := range []phx.Serializer{phx.V1(), phx.V2()} {
		for _, name := range names {
			m := &phx.Message{JoinRef: `"1"`, Topic: name, Event: name, Payload: object(t, `{"a":[1,"é\n"]}`)}
			r := &phx.Reply{JoinRef: "1", Ref: `"\u0032"`, Topic: name, Status: phx.Status(name), Payload: m.Payload}
			frame, _, err := s.AppendMessage(nil, m)
			if err != nil || !sameJSON(t, frame, messageJSON(t, s, m)) {
				t.Errorf("message %q: %q, %v", name, frame, err)
			}
			frame, _, err = s.AppendReply(nil, r)
			if err != nil || !sameJSON(t, frame, replyJSON(t, s, r)) {
				t.Errorf("reply %q: %q, %v", name, frame, err)
			}
			m.JoinRef = ""
			frame, _, err = s.AppendBroadcast(nil, phx.NewBroadcast(name, name, m.Payload))
			if err != nil || !sameJSON(t, frame, messageJSON(t, s, m)) {
				t.Errorf("broadcast %q: %q, %v", name, frame, err)
			}
		}
	}
}

// A reply may carry any JSON.
func TestEncodeReplyPayloads(t *testing.T) {
	for _, text := range []string{``, `{}`, `null`, `1`, `"s"`, `[1,{}]`, " [\n] "} {
		p, err := phx.JSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []phx.Serializer{phx.V1(), phx.V2()} {
			r := &phx.Reply{Ref: "1", Topic: "t", Status: phx.StatusOK, Payload: p}
			if frame, _, err := s.AppendReply(nil, r); err != nil || !sameJSON(t, frame, replyJSON(t, s, r)) {
				t.Errorf("%q: %q, %v", text, frame, err)
			}
		}
	}
}

func TestV1HasNoBinary(t *testing.T) {
	p := phx.Bytes(nil)
	for _, what := range []any{&phx.Message{Payload: p}, &phx.Reply{Payload: p}, phx.NewBroadcast("t", "e", p)} {
		if frame, _, err := encode(phx.V1(), []byte("x"), what); frame != nil || !errors.Is(err, phx.ErrNoBinary) {
			t.Errorf("%T: %q, %v, want ErrNoBinary", what, frame, err)
		}
	}
}

// fuzzRef makes a ref of any text: one that is a JSON string or number already
// stays as it is.
func fuzzRef(t testing.TB, text string) phx.Ref {
	t.Helper()
	switch {
	case text == "":
		return ""
	case json.Valid([]byte(text)) && utf8.ValidString(text) && strings.Trim(text, " \t\r\n") == text && strings.ContainsAny(text[:1], `"-0123456789`):
		return phx.Ref(text)
	}
	return phx.Ref(marshal(t, text))
}

// checkEncode fails t if a frame is not what encoding/json, or the lengths of a
// binary header, make of the same values: whatever names a handler comes up
// with, no frame may be one that a client cannot read.
func checkEncode(t *testing.T, m *phx.Message) {
	t.Helper()
	reply := &phx.Reply{JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic, Status: phx.Status(m.Event), Payload: m.Payload}
	broadcast := phx.NewBroadcast(m.Topic, m.Event, m.Payload)
	for _, s := range []phx.Serializer{phx.V1(), phx.V2()} {
		if !m.Payload.IsBinary() {
			checkText(t, s, m, messageJSON(t, s, m))
			checkText(t, s, reply, replyJSON(t, s, reply))
			checkText(t, s, broadcast, messageJSON(t, s, &phx.Message{Topic: m.Topic, Event: m.Event, Payload: m.Payload}))
			continue
		}
		for _, what := range []any{m, reply, broadcast} {
			if frame, _, err := encode(phx.V1(), nil, what); frame != nil || !errors.Is(err, phx.ErrNoBinary) {
				t.Errorf("V1: %T: %q, %v, want ErrNoBinary", what, frame, err)
			}
		}
		joinRef, ref := refField(m.JoinRef), refField(m.Ref)
		checkHeader(t, m, 0, m.Payload, joinRef, &m.Topic, &m.Event)
		checkHeader(t, reply, 1, m.Payload, joinRef, ref, &m.Topic, &m.Event)
		checkHeader(t, broadcast, 2, m.Payload, &m.Topic, &m.Event)
	}
}

func checkText(t *testing.T, s phx.Serializer, what any, want []byte) {
	t.Helper()
	frame, binary, err := encode(s, nil, what)
	if err != nil || binary || !sameJSON(t, frame, want) {
		t.Errorf("%s: %T: %q, %v, %v, want %s", s.Version(), what, frame, binary, err, want)
	}
}

// refField is the text of a ref, nil if it has none: half of a surrogate pair.
func refField(r phx.Ref) *string {
	if text, isString := referenceText(string(r)); isString {
		return text
	}
	text := string(r)
	return &text
}

func checkHeader(t *testing.T, what any, kind byte, p phx.Payload, fields ...*string) {
	t.Helper()
	frame, binary, err := encode(phx.V2(), nil, what)
	var texts []string
	for _, f := range fields {
		if f == nil || len(*f) > phx.MaxName || !utf8.ValidString(*f) {
			var fault *phx.FrameError
			if frame != nil || !errors.As(err, &fault) {
				t.Errorf("%T: %q, %v, want a FrameError", what, frame, err)
			}
			return
		}
		texts = append(texts, *f)
	}
	if want := header(kind, string(p.Data()), texts...); err != nil || !binary || string(frame) != want {
		t.Errorf("%T: %q, %v, %v, want %q", what, frame, binary, err, want)
	}
}

// FuzzEncode writes all kinds of frame with any names, refs and payload.
func FuzzEncode(f *testing.F) {
	f.Add("3", "4", "rooms:lobby", "new:msg", []byte(`{"a":"<é>\u0000"}`), false)
	f.Add("7", `"\u0033"`, "rooms:\"q\"\\", "\u2028", []byte("\x00\xff"), true)
	f.Add(`"\ud83d\ude00"`, `"\udc00"`, "\xff", "a\xc3", []byte{}, true)
	f.Add("", "-1.5e300", name255, name256, []byte(`[1,"x"]`), true)
	f.Add(name255, name256, "\xed\xa0\x80", "\x00\x7f", []byte(" {} "), false)
	for _, d := range dialogues(f) {
		if m, err := d.serializer.Decode(d.frame); err == nil {
			f.Add(string(m.JoinRef), string(m.Ref), m.Topic, m.Event, m.Payload.Data(), m.Payload.IsBinary())
		}
	}
	f.Fuzz(func(t *testing.T, joinRef, ref, topic, event string, data []byte, binary bool) {
		m := &phx.Message{JoinRef: fuzzRef(t, joinRef), Ref: fuzzRef(t, ref), Topic: topic, Event: event, Payload: phx.Bytes(data)}
		if !binary {
			var err error
			if m.Payload, err = phx.Object(data); err != nil {
				m.Payload = phx.Payload{}
			}
		}
		checkEncode(t, m)
	})
}

// Everything that Phoenix recorded is understood, and written again it is the
// same, in the order of keys that each side prefers.
func TestDialogues(t *testing.T) {
	seen := map[string]int{}
	for _, r := range dialogues(t) {
		kind := r.serializer.Version() + " " + r.line[1:2]
		if r.frame.Binary {
			kind += " binary"
		}
		seen[kind]++
		switch {
		case r.frame.Binary && r.fromClient:
			checkBinary(t, r.frame.Data)
		case r.frame.Binary:
			checkServerBinary(t, r)
		case r.fromClient:
			checkDecode(t, r.serializer, r.frame.Data)
			if d := decode(t, r.serializer, r.frame); d.Reason != "" || d.NotUTF8 {
				t.Errorf("%s: %+v", r.line, d)
			}
		default:
			checkServerText(t, r)
		}
	}
	for _, kind := range []string{"1.0.0 >", "1.0.0 <", "2.0.0 >", "2.0.0 <", "2.0.0 > binary", "2.0.0 < binary"} {
		if seen[kind] < 2 {
			t.Errorf("only %d frames %q in the dialogues: %v", seen[kind], kind, seen)
		}
	}
}

// checkServerText writes the frame with the function that the host would use.
func checkServerText(t *testing.T, r recorded) {
	t.Helper()
	f, ok := referenceFields(r.serializer, r.frame.Data)
	if !ok {
		t.Fatalf("%s: not a frame", r.line)
	}
	for _, k := range []string{"join_ref", "ref"} {
		if f[k] == "null" {
			f[k] = ""
		}
	}
	topic, event := refText(t, phx.Ref(f["topic"])), refText(t, phx.Ref(f["event"]))
	m := &phx.Message{JoinRef: phx.Ref(f["join_ref"]), Ref: phx.Ref(f["ref"]), Topic: topic, Event: event, Payload: object(t, f["payload"])}
	var what any = m
	switch {
	case event == phx.EventReply:
		var body struct {
			Status   phx.Status
			Response json.RawMessage
		}
		if err := json.Unmarshal([]byte(f["payload"]), &body); err != nil {
			t.Fatalf("%s: %v", r.line, err)
		}
		p, err := phx.JSON(body.Response)
		if err != nil {
			t.Fatalf("%s: %v", r.line, err)
		}
		what = &phx.Reply{JoinRef: m.JoinRef, Ref: m.Ref, Topic: topic, Status: body.Status, Payload: p}
	case m.JoinRef == "" && m.Ref == "":
		what = phx.NewBroadcast(topic, event, m.Payload)
	}
	frame, binary, err := encode(r.serializer, nil, what)
	if err != nil || binary || !sameJSON(t, frame, r.frame.Data) {
		t.Errorf("%s: written as %s, %v, %v", r.line, frame, binary, err)
	}
}

// checkServerBinary takes the frame apart by its lengths and writes it again.
func checkServerBinary(t *testing.T, r recorded) {
	t.Helper()
	data := string(r.frame.Data)
	lengths := map[byte]int{0: 3, 1: 4, 2: 2}[data[0]]
	rest := data[1+lengths:]
	var fields []string
	for _, n := range []byte(data[1 : 1+lengths]) {
		fields, rest = append(fields, rest[:n]), rest[n:]
	}
	quote := func(s string) phx.Ref { return phx.Ref(marshal(t, s)) }
	var what any
	switch data[0] {
	case 0:
		what = &phx.Message{JoinRef: quote(fields[0]), Topic: fields[1], Event: fields[2], Payload: phx.Bytes([]byte(rest))}
	case 1:
		what = &phx.Reply{JoinRef: quote(fields[0]), Ref: quote(fields[1]), Topic: fields[2], Status: phx.Status(fields[3]), Payload: phx.Bytes([]byte(rest))}
	case 2:
		what = phx.NewBroadcast(fields[0], fields[1], phx.Bytes([]byte(rest)))
	}
	frame, binary, err := encode(r.serializer, nil, what)
	if err != nil || !binary || string(frame) != data {
		t.Errorf("%s: written as %q, %v, %v", r.line, frame, binary, err)
	}
}

func TestPayloads(t *testing.T) {
	var zero phx.Payload
	if string(zero.Data()) != "{}" || zero.Len() != 2 || !zero.IsObject() || zero.IsBinary() {
		t.Errorf("the zero Payload is %q", zero.Data())
	}
	if p := phx.Bytes(nil); p.Len() != 0 || len(p.Data()) != 0 || !p.IsBinary() || p.IsObject() {
		t.Errorf("no bytes are %q", p.Data())
	}
	if p := phx.Bytes([]byte("{}")); p.Len() != 2 || p.IsObject() {
		t.Error("bytes are taken for an object")
	}
	for text, want := range map[string]error{
		``: nil, `{}`: nil, " \t\r\n{}": nil, `[]`: phx.ErrNotObject, `"{}"`: phx.ErrNotObject, `null`: phx.ErrNotObject,
		`{`: phx.ErrNotJSON, ` `: phx.ErrNotJSON, "{\"a\":\"\xff\"}": phx.ErrNotUTF8, nested(193): phx.ErrDepth, strings.Repeat("[", 193): phx.ErrDepth,
	} {
		p, err := phx.Object([]byte(text))
		if err != want || err == nil && p.Len() != len(p.Data()) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}
