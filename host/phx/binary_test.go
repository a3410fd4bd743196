package phx_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chhost/chhost/host/phx"
)

func binaryCases() []decodeCase {
	push := func(data string, fields ...string) string { return header(0, data, fields...) }
	example, _ := base64.StdEncoding.DecodeString("AAEBCwMzNHJvb21zOmxvYmJ5YmluAQID")
	return []decodeCase{
		{string(example), decoded{JoinRef: `"3"`, Ref: `"4"`, Topic: "rooms:lobby", Event: "bin", Data: "\x01\x02\x03", Binary: true}},
		{push("", "", "", "t", "e"), decoded{Topic: "t", Event: "e", Binary: true}},
		{push("\xff", "é", `"\`, "ré", "😀"), decoded{JoinRef: `"é"`, Ref: `"\"\\"`, Topic: "ré", Event: "😀", Data: "\xff", Binary: true}},
		{push("", "\n", "null", "t", "e"), decoded{JoinRef: `"\u000a"`, Ref: `"null"`, Topic: "t", Event: "e", Binary: true}},
		{push("{}", name255, name255, name255, name255),
			decoded{JoinRef: phx.Ref(`"` + name255 + `"`), Ref: phx.Ref(`"` + name255 + `"`), Topic: name255, Event: name255, Data: "{}", Binary: true}},
		// names
		{push("", "3", "4", "", "e"), decoded{JoinRef: `"3"`, Ref: `"4"`, Event: "e", Reason: tooLong}},
		{push("", "3", "4", "t", ""), decoded{JoinRef: `"3"`, Ref: `"4"`, Topic: "t", Reason: tooLong}},
		{push("", "3", "4", "t\n", "e"), decoded{JoinRef: `"3"`, Ref: `"4"`, Event: "e", Reason: invalid}},
		{push("", "3", "4", "t", "\x7f"), decoded{JoinRef: `"3"`, Ref: `"4"`, Topic: "t", Reason: invalid}},
		{push("", "3", "4", "t", "\xff"), decoded{JoinRef: `"3"`, Ref: `"4"`, Topic: "t", Reason: invalid}},
		{push("", "3", "\xc3", "\xa9t", "e"), decoded{JoinRef: `"3"`, Event: "e", Reason: invalid}},
		{push("", "\xed\xa0\x80", "4", "t", "e"), decoded{Ref: `"4"`, Topic: "t", Event: "e", Reason: invalid}},
		// not a push, or cut off
		{"", decoded{Reason: invalid}},
		{"\x00", decoded{Reason: invalid}},
		{"\x00\x00\x00\x00", decoded{Reason: invalid}},
		{"\x00\x00\x00\x00\x00", decoded{Reason: tooLong}},
		{header(1, "", "3", "4", "t", "ok"), decoded{Reason: invalid}},
		{header(2, "", "3", "4", "t", "e"), decoded{Reason: invalid}},
		{header(3, "", "3", "4", "t", "e", "m"), decoded{Reason: invalid}},
		{header('[', "", "3", "4", "t", "e"), decoded{Reason: invalid}},
		{"\x00\x01\x01\x01\x0234te", decoded{JoinRef: `"3"`, Ref: `"4"`, Topic: "t", Reason: invalid}},
		{"\x00\x01\x01\x01\xff34te", decoded{JoinRef: `"3"`, Ref: `"4"`, Topic: "t", Reason: invalid}},
		{"\x00\x01\x01\x09\x0134te", decoded{JoinRef: `"3"`, Ref: `"4"`, Reason: invalid}},
		{"\x00\x01\x01\x01\x01", decoded{Reason: invalid}},
	}
}

func TestV2DecodeBinary(t *testing.T) {
	for _, c := range binaryCases() {
		if got := decode(t, phx.V2(), phx.Frame{Data: []byte(c.frame), Binary: true}); got != c.want {
			t.Errorf("%q:\ngot  %+v\nwant %+v", c.frame, got, c.want)
		}
		checkBinary(t, []byte(c.frame))
	}
}

// referenceBinary splits a client's push; ok means that it can be split at all.
func referenceBinary(data string) (fields []string, payload string, ok bool) {
	if !strings.HasPrefix(data, "\x00") || len(data) < 5 {
		return nil, "", false
	}
	payload = data[5:]
	for _, n := range []byte(data[1:5]) {
		if len(payload) < int(n) {
			return nil, "", false
		}
		fields, payload = append(fields, payload[:n]), payload[n:]
	}
	return fields, payload, true
}

// checkBinary fails t if V2 and the reference read data differently, or if what
// was decoded does not survive encoding.
func checkBinary(t *testing.T, data []byte) {
	t.Helper()
	s := phx.V2()
	got := decode(t, s, phx.Frame{Data: data, Binary: true})
	fields, payload, ok := referenceBinary(string(data))
	if !ok || !utf8.ValidString(fields[0]) || !utf8.ValidString(fields[1]) {
		if got.Reason != invalid {
			t.Errorf("%q: %+v", data, got)
		}
		return
	}
	topic, event := phx.CheckName(fields[2]), phx.CheckName(fields[3])
	switch first := errors.Join(topic, event); {
	case first == nil:
	case errors.Is(topic, phx.ErrNameLength), topic == nil && event == phx.ErrNameLength:
		if got.Reason != tooLong {
			t.Errorf("%q: %+v", data, got)
		}
		return
	default:
		if got.Reason != invalid {
			t.Errorf("%q: %+v", data, got)
		}
		return
	}
	if got.Reason != "" || refText(t, got.JoinRef) != fields[0] || refText(t, got.Ref) != fields[1] ||
		got.Topic != fields[2] || got.Event != fields[3] || got.Data != payload || !got.Binary {
		t.Fatalf("%q:\ngot       %+v\nreference %q %q", data, got, fields, payload)
	}
	m, _ := s.Decode(phx.Frame{Data: data, Binary: true})
	frame, binary, err := s.AppendMessage(nil, &m)
	if want := header(0, payload, fields[0], fields[2], fields[3]); err != nil || !binary || string(frame) != want {
		t.Errorf("push: %q, %v, %v, want %q", frame, binary, err, want)
	}
	frame, binary, err = s.AppendReply(nil, &phx.Reply{JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic, Status: phx.StatusOK, Payload: m.Payload})
	if want := header(1, payload, fields[0], fields[1], fields[2], "ok"); err != nil || !binary || string(frame) != want {
		t.Errorf("reply: %q, %v, %v, want %q", frame, binary, err, want)
	}
	frame, binary, err = s.AppendBroadcast(nil, phx.NewBroadcast(m.Topic, m.Event, m.Payload))
	if want := header(2, payload, fields[2], fields[3]); err != nil || !binary || string(frame) != want {
		t.Errorf("broadcast: %q, %v, %v, want %q", frame, binary, err, want)
	}
	// The refs have to work in text frames as well.
	reply := &phx.Reply{JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic, Status: phx.StatusOK}
	if frame, _, err = s.AppendReply(nil, reply); err != nil || !sameJSON(t, frame, replyJSON(t, s, reply)) {
		t.Errorf("text reply: %q, %v", frame, err)
	}
}

func FuzzV2Binary(f *testing.F) {
	for _, c := range binaryCases() {
		f.Add([]byte(c.frame))
	}
	for _, r := range dialogues(f) {
		if r.frame.Binary {
			f.Add(r.frame.Data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkBinary(t, data) })
}

// A ref that came in a text frame goes into a binary header as its text.
func TestBinaryRefs(t *testing.T) {
	for ref, want := range map[phx.Ref]string{"": "", `"3"`: "3", "7": "7", `"\u0033\n\ud83d\ude00"`: "3\n😀", `"null"`: "null", `"\"\\\/\b\f\n\r\t"`: "\"\\/\b\f\n\r\t"} {
		frame, _, err := phx.V2().AppendReply(nil, &phx.Reply{JoinRef: ref, Ref: ref, Topic: "t", Status: phx.StatusOK, Payload: phx.Bytes([]byte{1})})
		if want := header(1, "\x01", want, want, "t", "ok"); err != nil || string(frame) != want {
			t.Errorf("%s: %q, %v, want %q", ref, frame, err, want)
		}
	}
}

func TestBinaryFieldsThatDoNotFit(t *testing.T) {
	data := phx.Bytes([]byte{1})
	long, bad := phx.Ref(`"`+name256+`"`), "\xff"
	messages := map[phx.Reason][]phx.Message{
		tooLong: {
			{JoinRef: long, Topic: "t", Event: "e"},
			{Topic: name256, Event: "e"},
			{Topic: "t", Event: name256},
		},
		invalid: {
			{JoinRef: phx.Ref(`"` + bad + `"`), Topic: "t", Event: "e"},
			{JoinRef: `"\ud800"`, Topic: "t", Event: "e"},
			{JoinRef: `"\x"`, Topic: "t", Event: "e"},
			{JoinRef: `"\n"3`, Topic: "t", Event: "e"},
			{JoinRef: `"\`, Topic: "t", Event: "e"},
			{Topic: bad, Event: "e"},
			{Topic: "t", Event: bad},
		},
	}
	for reason, list := range messages {
		for _, m := range list {
			m.Payload = data
			frame, _, err := phx.V2().AppendMessage(nil, &m)
			expectFault(t, m, reason, frame, err)
			if m.JoinRef != "" {
				frame, _, err = phx.V2().AppendReply(nil, &phx.Reply{Ref: m.JoinRef, Topic: "t", Payload: data})
				expectFault(t, m, reason, frame, err)
				frame, _, err = phx.V2().AppendReply(nil, &phx.Reply{JoinRef: m.JoinRef, Topic: "t", Payload: data})
			} else {
				frame, _, err = phx.V2().AppendBroadcast(nil, phx.NewBroadcast(m.Topic, m.Event, data))
			}
			expectFault(t, m, reason, frame, err)
		}
	}
}

func expectFault(t *testing.T, what any, reason phx.Reason, frame []byte, err error) {
	t.Helper()
	var fault *phx.FrameError
	if frame != nil || !errors.As(err, &fault) || fault.Reason != reason || !strings.Contains(err.Error(), string(reason)) {
		t.Errorf("%.200v: %q, %v, want a FrameError %q", what, frame, err, reason)
	}
}
