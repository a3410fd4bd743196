package phxclient

import (
	"bytes"
	"encoding/base64"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

func frame(t testing.TB, text string) phx.Frame {
	t.Helper()
	b64, binary := strings.CutPrefix(text, "!")
	if !binary {
		return phx.Frame{Data: []byte(text)}
	}
	data, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		t.Fatal(err)
	}
	return phx.Frame{Data: data, Binary: true}
}

// TestEncode holds what a client sends against frames written down by hand; the
// binary ones are those of a real Phoenix client.
func TestEncode(t *testing.T) {
	join := phx.Message{JoinRef: `"3"`, Ref: `"3"`, Topic: "rooms:lobby", Event: "phx_join"}
	push := phx.Message{JoinRef: `"3"`, Ref: `"4"`, Topic: `a"b`, Event: "é<>", Payload: channeltest.Object(` { "x" : "<é>" } `)}
	bin := phx.Message{JoinRef: `"3"`, Ref: `"4"`, Topic: "rooms:lobby", Event: "bin", Payload: phx.Bytes([]byte{1, 2, 3})}
	beat := phx.Message{Ref: `"1"`, Topic: "phoenix", Event: "heartbeat"}
	tests := []struct {
		m      phx.Message
		v1, v2 string
	}{
		{join, `{"topic":"rooms:lobby","event":"phx_join","payload":{},"ref":"3","join_ref":"3"}`,
			`["3","3","rooms:lobby","phx_join",{}]`},
		{push, `{"topic":"a\"b","event":"é\u003c\u003e","payload": { "x" : "<é>" } ,"ref":"4","join_ref":"3"}`,
			`["3","4","a\"b","é\u003c\u003e", { "x" : "<é>" } ]`},
		{beat, `{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1","join_ref":null}`,
			`[null,"1","phoenix","heartbeat",{}]`},
		{bin, "", `!AAEBCwMzNHJvb21zOmxvYmJ5YmluAQID`},
	}
	for _, tt := range tests {
		got, err := codec{v2: true}.encode(&tt.m)
		if want := frame(t, tt.v2); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("version 2: got %q, %v, want %q", got.Data, err, want.Data)
		}
		got, err = codec{}.encode(&tt.m)
		if tt.v1 == "" {
			if err != phx.ErrNoBinary {
				t.Errorf("version 1, binary: got error %v", err)
			}
		} else if want := frame(t, tt.v1); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("version 1: got %q, %v, want %q", got.Data, err, want.Data)
		}
	}
	bin.Event = strings.Repeat("x", 256)
	if _, err := (codec{v2: true}).encode(&bin); err != phx.ErrNameLength {
		t.Errorf("a name that is too long for a binary frame: %v", err)
	}
}

// TestDecode: frames that a real Phoenix sent.
func TestDecode(t *testing.T) {
	tests := []struct {
		v2     bool
		frame  string
		m      phx.Message
		status phx.Status
	}{
		{true, `["3","4","rooms:1","phx_reply",{"response":{"x":[1,"é"]},"status":"ok"}]`,
			phx.Message{JoinRef: `"3"`, Ref: `"4"`, Topic: "rooms:1", Event: "phx_reply", Payload: channeltest.Object(`{"x":[1,"é"]}`)}, "ok"},
		{true, `[null,"6","rooms:1","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]`,
			phx.Message{Ref: `"6"`, Topic: "rooms:1", Event: "phx_reply", Payload: channeltest.Object(`{"reason":"unmatched topic"}`)}, "error"},
		{true, `[7,8,"rooms:1","phx_close",{}]`,
			phx.Message{JoinRef: "7", Ref: "8", Topic: "rooms:1", Event: "phx_close", Payload: channeltest.Object(`{}`)}, ""},
		{true, `[null,null,"rooms:2","new:msg",{"b":1}]`,
			phx.Message{Topic: "rooms:2", Event: "new:msg", Payload: channeltest.Object(`{"b":1}`)}, ""},
		{false, `{"event":"phx_reply","payload":{"response":{"x":1},"status":"ok"},"ref":"2","topic":"rooms:8"}`,
			phx.Message{Ref: `"2"`, Topic: "rooms:8", Event: "phx_reply", Payload: channeltest.Object(`{"x":1}`)}, "ok"},
		{false, `{"event":"new:msg","payload":{"b":1},"ref":null,"topic":"rooms:8"}`,
			phx.Message{Topic: "rooms:8", Event: "new:msg", Payload: channeltest.Object(`{"b":1}`)}, ""},
		{true, `!AQEBCwIzNHJvb21zOmxvYmJ5b2sBAgM=`,
			phx.Message{JoinRef: `"3"`, Ref: `"4"`, Topic: "rooms:lobby", Event: "phx_reply", Payload: phx.Bytes([]byte{1, 2, 3})}, "ok"},
		{true, `!AgsHcm9vbXM6bG9iYnluZXc6bXNn/wA=`,
			phx.Message{Topic: "rooms:lobby", Event: "new:msg", Payload: phx.Bytes([]byte{0xff, 0})}, ""},
	}
	for _, tt := range tests {
		in, err := codec{v2: tt.v2}.decode(frame(t, tt.frame))
		if err != nil || !reflect.DeepEqual(in.Message, tt.m) {
			t.Errorf("%s: got %+v, %v", tt.frame, in.Message, err)
			continue
		}
		if tt.status == "" {
			if in.reply != nil {
				t.Errorf("%s: is taken for a reply", tt.frame)
			}
			continue
		}
		want := &phx.Reply{JoinRef: tt.m.JoinRef, Ref: tt.m.Ref, Topic: tt.m.Topic, Status: tt.status, Payload: tt.m.Payload}
		if !reflect.DeepEqual(in.reply, want) {
			t.Errorf("%s: got %+v, want %+v", tt.frame, in.reply, want)
		}
	}
}

func TestDecodeBadFrames(t *testing.T) {
	v1 := []string{
		"", "null", "[]", `["3","3","a","b",{}]`, `{"topic":"a","payload":{},"ref":null}`,
		`{"topic":7,"event":"e","payload":{},"ref":null}`, `{"topic":"t","event":"e","ref":null}`,
		`{"topic":"t","event":"e","payload":{},"ref":[]}`, "!AA==",
	}
	v2 := []string{
		"", "{}", `["3","3","a","b"]`, `["3","3","a","b",{},1]`, `["3","3",null,"b",{}]`, `["3","3","a",1,{}]`,
		`["3","3","a","b",[]]`, `["3","3","a","b",null]`, `[{},"3","a","b",{}]`, `["3",true,"a","b",{}]`,
		`["3","3","a","phx_reply",{}]`, `["3","3","a","phx_reply",{"status":"ok"}]`,
		`["3","3","a","phx_reply",{"response":{}}]`, `["3","3","a","phx_reply",[]]`,
		"!", "!AA==", "!Aw==", "!AAEBAQ==", "!AQEBAQE=", "!AgUBYQ==",
		`["3","3","a","b",{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}]`,
	}
	for i, text := range append(v1, v2...) {
		in, err := codec{v2: i >= len(v1)}.decode(frame(t, text))
		if !errors.Is(err, ErrFrame) {
			t.Errorf("%.60s: got %+v, error %v", text, in, err)
		}
	}
}

// FuzzAgainstSerializers holds the client's side against the server's: what one
// writes, the other must read.
func FuzzAgainstSerializers(f *testing.F) {
	f.Add("3", "4", "rooms:lobby", "new:msg", []byte(`{"a":"<é>\u0000"}`))
	f.Add("", "", "a", "b", []byte{})
	f.Add("\"\\", "é", "a\"b", "\u2028", []byte("\xff\x00"))
	f.Fuzz(func(t *testing.T, joinRef, ref, topic, event string, data []byte) {
		for _, s := range []string{joinRef, ref, topic, event} {
			if !utf8.ValidString(s) || len(s) > phx.MaxName {
				return
			}
		}
		if phx.CheckName(topic) != nil || phx.CheckName(event) != nil || event == phx.EventReply {
			return
		}
		m := phx.Message{Topic: topic, Event: event, Payload: phx.Bytes(data)}
		if joinRef != "" {
			m.JoinRef = phx.Ref(quote(joinRef))
		}
		if ref != "" {
			m.Ref = phx.Ref(quote(ref))
		}
		versions := map[codec]phx.Serializer{{v2: true}: phx.V2()}
		if p, err := phx.Object(data); err == nil && len(data) > 0 {
			m.Payload = p
			versions[codec{}] = phx.V1()
		}
		for c, s := range versions {
			toServer(t, c, s, m)
			fromServer(t, c, s, m)
		}
	})
}

func toServer(t *testing.T, c codec, s phx.Serializer, m phx.Message) {
	f, err := c.encode(&m)
	if err != nil {
		t.Fatalf("client: encode %+v: %v", m, err)
	}
	got, err := s.Decode(f)
	if err != nil {
		t.Fatalf("server: decode %q: %v", f.Data, err)
	}
	same(t, got, m)
}

func fromServer(t *testing.T, c codec, s phx.Serializer, m phx.Message) {
	// What each kind of frame carries of m.
	push, broadcast := m, phx.Message{Topic: m.Topic, Event: m.Event, Payload: m.Payload}
	if m.Payload.IsBinary() {
		push.Ref = ""
	}
	reply := m
	reply.Event = phx.EventReply
	if !c.v2 {
		push.JoinRef, reply.JoinRef = "", ""
	}
	read := func(data []byte, binary bool, err error) incoming {
		if err != nil {
			t.Fatalf("server: encode %+v: %v", m, err)
		}
		in, err := c.decode(phx.Frame{Data: data, Binary: binary})
		if err != nil {
			t.Fatalf("client: decode %q: %v", data, err)
		}
		return in
	}
	same(t, read(s.AppendMessage(nil, &push)).Message, push)
	same(t, read(s.AppendBroadcast(nil, phx.NewBroadcast(m.Topic, m.Event, m.Payload))).Message, broadcast)
	in := read(s.AppendReply(nil, &phx.Reply{
		JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic, Status: phx.StatusError, Payload: m.Payload,
	}))
	same(t, in.Message, reply)
	if in.reply == nil || in.reply.Status != phx.StatusError || in.reply.Ref != reply.Ref {
		t.Errorf("reply: got %+v", in.reply)
	}
}

// same compares messages; refs by their text, since escapes may differ, and JSON
// without the white space around it.
func same(t *testing.T, got, want phx.Message) {
	t.Helper()
	if unquote(got.JoinRef) != unquote(want.JoinRef) || unquote(got.Ref) != unquote(want.Ref) ||
		got.Topic != want.Topic || got.Event != want.Event || got.Payload.IsBinary() != want.Payload.IsBinary() {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	a, b := got.Payload.Data(), want.Payload.Data()
	if !got.Payload.IsBinary() {
		a, b = bytes.TrimSpace(a), bytes.TrimSpace(b)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("payload: got %q, want %q", a, b)
	}
}

// FuzzDecode: no frame of a server can do more than earn an error.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`["3","4","rooms:1","phx_reply",{"response":{},"status":"ok"}]`), true, false)
	f.Add([]byte(`{"event":"new:msg","payload":{"b":1},"ref":null,"topic":"rooms:8"}`), false, false)
	f.Add([]byte("\x01\x01\x01\x0b\x0234rooms:lobbyok\x01\x02\x03"), true, true)
	f.Fuzz(func(t *testing.T, data []byte, v2, binary bool) {
		in, err := codec{v2: v2}.decode(phx.Frame{Data: data, Binary: binary})
		if err != nil && !errors.Is(err, ErrFrame) {
			t.Errorf("the error is of another kind: %v", err)
		}
		if err == nil && in.reply == nil && !in.Payload.IsBinary() && !in.Payload.IsObject() {
			t.Errorf("a message with a payload that is not an object: %q", data)
		}
	})
}
