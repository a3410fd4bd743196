package socket_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

// sealed marks in front of a frame whether it is binary, as a transport's header
// does.
func sealed() phx.Framing {
	return phx.Framing{Room: 1, Seal: func(buf []byte, binary bool) []byte {
		buf[0] = 't'
		if binary {
			buf[0] = 'b'
		}
		return buf
	}}
}

// mirror answers everything with what it was sent, in every way there is.
func mirror() channel.Handler {
	return channel.Funcs{
		AcceptBinary: true, Intercepts: []string{"twice"},
		JoinFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return channel.Result{
				Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload},
				Do:    []channel.Effect{channel.Push("joined", ev.Payload), channel.Broadcast("twice", ev.Payload)},
			}, nil
		},
		LeaveFunc: func(context.Context, *channel.Event) (channel.Result, error) {
			return channel.Result{Do: []channel.Effect{channel.Push("left", phx.Payload{})}}, nil
		},
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return channel.Result{
				Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload},
				Do:    []channel.Effect{channel.Push(ev.Event, ev.Payload), channel.Broadcast(ev.Event, ev.Payload)},
			}, nil
		},
		HandleOutFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return channel.Result{Status: channel.StatusPass, Do: []channel.Effect{channel.Push(ev.Event, ev.Payload)}}, nil
		},
	}.Handler()
}

// FuzzHandleFrame hands any frame to a socket, before and after its topic is
// joined, with a handler that sends everything back: nothing panics, whatever
// comes out decodes, and replies carry the ref and the payload as they were
// written.
func FuzzHandleFrame(f *testing.F) {
	for _, seed := range []string{
		`["1","2","t","phx_join",{}]`, `["1","2","t","e",{"a":[1,"é\u00e9\ud83d\ude00"]}]`, `[7,8.5e3,"t","twice", {} ]`,
		`[null,null,"phoenix","heartbeat",{}]`, `["1","2","t","phx_leave",{}]`, `["1","2","t"]`, `["1","2","\u0041\"","\\",{},1]`, "[\"\xff\"]",
		`{"topic":"t","event":"e","payload":{},"ref":"1","join_ref":null}`, `{"topic":"t","event":"phx_join","payload":{"x":1},"ref":1}`,
		`["` + strings.Repeat("x", 256) + `",null,"t","e",{}]`, `["1","2","t","phx_close",{}]`, `["1","2","t","e",[]]`,
	} {
		f.Add([]byte(seed), false, false)
		f.Add([]byte(seed), false, true)
	}
	for _, seed := range []string{"AAEBCwQzNHJvb21zOmxvYmJ5ZWNobwECAw==", "AAEBAQgxMXRwaHhfam9pbgE=", "AAAAAQF0ZQ=="} {
		data, err := base64.StdEncoding.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, true, false)
		f.Add(append(data, "\x00\xff\n"...), true, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, binary, v1 bool) {
		encoder := &phx.Encoder{Serializer: phx.V2(), Framing: sealed()}
		if v1 {
			encoder.Serializer = phx.V1()
		}
		handler := mirror()
		r := newRig(t, socket.Config{Encoder: encoder, Route: func(string) (channel.Handler, bool) { return handler, true }})
		in := phx.Frame{Data: data, Binary: binary}
		msg, decodeErr := encoder.Serializer.Decode(phx.Frame{Data: bytes.Clone(data), Binary: binary})
		topic := msg.Topic
		if topic == "" {
			topic = "t"
		}
		// Not joined; joined; joined with a new join_ref by the frame before.
		_ = r.HandleFrame(t.Context(), in)
		for _, joinRef := range []phx.Ref{msg.JoinRef, `"other"`} {
			if err := r.HandleFrame(t.Context(), phx.Frame{Data: joinOf(t, topic, joinRef, v1)}); err == nil {
				_ = r.HandleFrame(t.Context(), in)
			}
		}
		r.settle(t)
		frames, _ := r.written()
		for _, frame := range frames {
			checkFrame(t, frame, v1, &msg, decodeErr == nil && !phx.ReservedEvent(msg.Event))
		}
		if decodeErr == nil && !v1 && len(frames) == 0 {
			t.Error("nothing came out, not even the replies to the joins")
		}
		if r.log.Count("BUG:") > 0 || r.log.Count("channel failed") > 0 {
			t.Errorf("the log:\n%s", &r.log)
		}
	})
}

// joinOf is a phx_join that was encoded by encoding/json.
func joinOf(t *testing.T, topic string, joinRef phx.Ref, v1 bool) []byte {
	raw := json.RawMessage(joinRef)
	if joinRef == "" {
		raw = json.RawMessage("null")
	}
	var v any = []any{raw, "join", topic, phx.EventJoin, struct{}{}}
	if v1 {
		v = map[string]any{"join_ref": raw, "ref": "join", "topic": topic, "event": phx.EventJoin, "payload": struct{}{}}
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("ref %q: %v", joinRef, err)
	}
	return data
}

// checkFrame decodes a frame with encoding/json. Of a reply to msg the ref has
// to be msg's as it was written, and, if it was echoed, the payload too.
func checkFrame(t *testing.T, frame string, v1 bool, msg *phx.Message, echoed bool) {
	t.Helper()
	kind, body := frame[0], frame[1:]
	if kind == 'b' {
		checkBinary(t, []byte(body), v1)
		return
	}
	if !utf8.ValidString(body) {
		t.Fatalf("not UTF-8: %q", body)
	}
	var fields [5]json.RawMessage // join_ref, ref, topic, event, payload
	if v1 {
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &object); err != nil || len(object) != 4 {
			t.Fatalf("not a frame of V1: %s (%v)", body, err)
		}
		fields = [5]json.RawMessage{json.RawMessage("null"), object["ref"], object["topic"], object["event"], object["payload"]}
	} else {
		var array []json.RawMessage
		if err := json.Unmarshal([]byte(body), &array); err != nil || len(array) != 5 {
			t.Fatalf("not a frame of V2: %s (%v)", body, err)
		}
		copy(fields[:], array)
	}
	var topic, event string
	var payload map[string]json.RawMessage
	for i, to := range []any{&topic, &event, &payload} {
		if err := json.Unmarshal(fields[i+2], to); err != nil || string(fields[i+2]) == "null" {
			t.Fatalf("%s: element %d: %v", body, i+2, err)
		}
	}
	if event != phx.EventReply || string(fields[1]) != string(msg.Ref) || !echoed || msg.Payload.IsBinary() {
		return
	}
	if string(payload["status"]) == `"ok"` && string(payload["response"]) != string(msg.Payload.Data()) && topic != phx.TopicPhoenix {
		t.Fatalf("the reply's response is %s, want %s", payload["response"], msg.Payload.Data())
	}
}

// checkBinary wants the lengths of a binary frame to add up, and its names to be
// UTF-8.
func checkBinary(t *testing.T, b []byte, v1 bool) {
	t.Helper()
	if v1 || len(b) == 0 || b[0] > 2 {
		t.Fatalf("a binary frame of no kind: %q", b)
	}
	lengths := int([]byte{3, 4, 2}[b[0]])
	names := 0
	for _, n := range b[1 : 1+lengths] {
		names += int(n)
	}
	if len(b) < 1+lengths+names || !utf8.Valid(b[1+lengths:1+lengths+names]) {
		t.Fatalf("a binary frame that does not add up: %q", b)
	}
}
