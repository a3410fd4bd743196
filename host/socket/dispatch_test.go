package socket_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
)

// The rows of the dispatch table that the socket decides.
func TestDispatch(t *testing.T) {
	for _, tc := range []struct{ name, frame, want string }{
		{"heartbeat", `[null,"1","phoenix","heartbeat",{}]`, `[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]`},
		{"heartbeat with a join_ref", `["7","1","phoenix","heartbeat",{}]`, `[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]`},
		{"heartbeat with a number", `[null,1,"phoenix","heartbeat",{}]`, `[null,1,"phoenix","phx_reply",{"status":"ok","response":{}}]`},
		{"heartbeat, nobody waits", `[null,null,"phoenix","heartbeat",{}]`, `[null,null,"phoenix","phx_reply",{"status":"ok","response":{}}]`},
		{"another event of the socket's topic", `[null,"1","phoenix","other",{}]`, refusal("null", `"1"`, "phoenix", "unmatched topic")},
		{"heartbeat of another topic", `[null,"1","t","heartbeat",{}]`, refusal("null", `"1"`, "t", "unmatched topic")},
		{"join without a route", join("nowhere"), refusal("null", `"1"`, "nowhere", "unmatched topic")},
		{"the same, without a ref", `["1",null,"nowhere","phx_join",{}]`, refusal("null", "null", "nowhere", "unmatched topic")},
		{"leave, not joined", `["5","5","t","phx_leave",{}]`, `["5","5","t","phx_reply",{"status":"ok","response":{}}]`},
		{"leave without a route", `["5","5","nowhere","phx_leave",{}]`, `["5","5","nowhere","phx_reply",{"status":"ok","response":{}}]`},
		{"leave without a ref", `["5",null,"t","phx_leave",{}]`, `["5",null,"t","phx_reply",{"status":"ok","response":{}}]`},
		{"event, not joined", `["5","5","t","echo",{}]`, refusal("null", `"5"`, "t", "unmatched topic")},
		{"event, not joined, nobody waits", `["5",null,"t","echo",{}]`, ""},
		{"more elements", `["1","1","t","phx_join",{},{},7]`, joined("t")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, socket.Config{})
			r.receive(t, tc.frame)
			if tc.want == "" {
				r.expect(t)
			} else {
				r.expect(t, tc.want)
			}
		})
	}
}

// The first version has no join_ref, and objects instead of arrays; a channel
// that is replaced is closed before the reply to the new join.
func TestV1(t *testing.T) {
	r := newRig(t, socket.Config{Encoder: &phx.Encoder{Serializer: phx.V1()}})
	reply := func(topic, ref string) string {
		return `{"topic":"` + topic + `","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"` + ref + `"}`
	}
	r.receive(t, `{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}`)
	r.expect(t, reply("phoenix", "1"))
	r.receive(t, `{"topic":"t","event":"phx_join","payload":{},"ref":"2","join_ref":"2"}`)
	r.receive(t, `{"topic":"t","event":"phx_join","payload":{},"ref":"3","join_ref":"3"}`)
	r.receive(t, `{"topic":"t","event":"say","payload":{},"ref":"4"}`)
	r.expect(t, reply("t", "2"), `{"topic":"t","event":"phx_close","payload":{},"ref":"2"}`, reply("t", "3"),
		`{"topic":"t","event":"say","payload":{},"ref":null}`)
}

func TestTooManyChannels(t *testing.T) {
	r := newRig(t, socket.Config{MaxChannels: 2})
	r.receive(t, join("a"), join("b"))
	r.settle(t)
	r.written()
	r.receive(t, join("c"))
	r.expect(t, refusal(`"1"`, `"1"`, "c", "too many channels joined"))
	r.receive(t, `["1","2","c","echo",{}]`)
	r.expect(t, refusal("null", `"2"`, "c", "unmatched topic"))
	// A topic that is joined already is joined again.
	r.receive(t, `["2","2","a","phx_join",{}]`)
	r.expect(t, `["2","2","a","phx_reply",{"status":"ok","response":{}}]`, `["1","1","a","phx_close",{}]`)
	// Room is made by leaving, stopping and failing; who is refused takes none.
	for n, end := range []string{`["2",null,"a","phx_leave",{}]`, `["1",null,"c","stop",{}]`, `["1",null,"c","crash",{}]`} {
		r.receive(t, end)
		r.settle(t)
		r.receive(t, join("no"))
		r.settle(t)
		r.written()
		r.receive(t, join("c"))
		r.expect(t, joined("c"))
		if t.Failed() {
			t.Fatalf("after end %d", n)
		}
	}
}

func TestDefaultIsAHundredChannels(t *testing.T) {
	r := newRig(t, socket.Config{})
	for n := range socket.DefaultMaxChannels + 1 {
		r.receive(t, join(fmt.Sprint("t", n)))
	}
	r.settle(t)
	frames, _ := r.written()
	all := strings.Join(frames, "\n")
	if strings.Count(all, `"ok"`) != 100 || strings.Count(all, "too many channels") != 1 {
		t.Errorf("%d joins were accepted and %d refused", strings.Count(all, `"ok"`), strings.Count(all, "too many channels"))
	}
}

// A frame that cannot be decoded is answered if topic and ref could be read; the
// socket and its channels live on.
func TestMalformedFrames(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, tc := range []struct{ name, frame, want string }{
		{"nothing", ``, ""},
		{"not JSON", `hello`, ""},
		{"an object", `{}`, ""},
		{"an empty array", `[]`, ""},
		{"cut off behind the topic", `["1","2","t"`, refusal(`"1"`, `"2"`, "t", "invalid frame")},
		{"without event and payload", `["1","2","t"]`, refusal(`"1"`, `"2"`, "t", "invalid frame")},
		{"without payload", `["1","2","t","e"]`, refusal(`"1"`, `"2"`, "t", "invalid frame")},
		{"payload cut off", `["1","2","t","e",{"a":`, refusal(`"1"`, `"2"`, "t", "invalid frame")},
		{"rubbish behind", `["1","2","t","e",{}]]`, refusal(`"1"`, `"2"`, "t", "invalid frame")},
		{"event is a number", `["1","2","t",1,{}]`, refusal(`"1"`, `"2"`, "t", "invalid frame")},
		{"topic is a number", `["1","2",1,"e",{}]`, ""},
		{"ref is an object", `["1",{},"t","e",{}]`, ""},
		{"nobody waits", `["1",null,"t","e"]`, ""},
		{"half of a surrogate pair", `["1","2","t","\ud800",{}]`, refusal(`"1"`, `"2"`, "t", "invalid frame")},
		{"control character in the event", `["1","2","t","a\u0000",{}]`, refusal(`"1"`, `"2"`, "t", "invalid frame")},
		{"payload is an array", `["1","2","t","e",[]]`, refusal(`"1"`, `"2"`, "t", "payload must be an object")},
		{"join params are a text", `["1","2","t","phx_join",""]`, refusal(`"1"`, `"2"`, "t", "payload must be an object")},
		{"long event", `["1","2","t","` + long + `",{}]`, refusal(`"1"`, `"2"`, "t", "name too long")},
		{"long topic", `["1","2","` + long + `","e",{}]`, refusal(`"1"`, `"2"`, long, "name too long")},
		{"empty event", `["1","2","t","",{}]`, refusal(`"1"`, `"2"`, "t", "name too long")},
		{"too deep", `["1","2","t","e",` + strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200) + `]`, refusal(`"1"`, `"2"`, "t", "invalid frame")},
		{"binary: empty", "!", ""},
		{"binary: no push", "!AQEBAQExMnRl", ""},
		{"binary: shorter than it says", "!" + base64.StdEncoding.EncodeToString([]byte("\x00\x01\x01\x01\x7f12te")), refusal(`"1"`, `"2"`, "t", "invalid frame")},
		{"binary: event that is not UTF-8", "!" + base64.StdEncoding.EncodeToString([]byte("\x00\x01\x01\x01\x0112t\xff")), refusal(`"1"`, `"2"`, "t", "invalid frame")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, socket.Config{})
			r.receive(t, join("t"))
			r.expect(t, joined("t"))
			f := text(tc.frame)
			if encoded, ok := strings.CutPrefix(tc.frame, "!"); ok {
				f.Binary = true
				f.Data, _ = base64.StdEncoding.DecodeString(encoded)
			}
			if err := r.HandleFrame(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			if tc.want == "" {
				r.expect(t)
			} else {
				r.expect(t, tc.want)
			}
			r.receive(t, `["1","3","t","socket",{}]`)
			r.expect(t, `["1","3","t","phx_reply",{"status":"ok","response":{}}]`)
		})
	}
}

const invalid = `["1","2","t"]`

// The tenth malformed frame within 10 s, wherever these begin, cuts the client
// off; nine in 10 s never do.
func TestTooManyInvalidFrames(t *testing.T) {
	for _, tc := range []struct {
		name string
		at   []time.Duration // when a frame comes, since the beginning
		cut  bool
	}{
		{"at once", make([]time.Duration, 10), true},
		{"nine", make([]time.Duration, 9), false},
		{"the tenth after 10 s", append(make([]time.Duration, 9), 10*time.Second), true},
		{"the tenth after more than 10 s", append(make([]time.Duration, 9), 10*time.Second+1), false},
		{"one every 1.2 s", every(1200*time.Millisecond, 100), false},
		{"one every 1.1 s", every(1100*time.Millisecond, 10), true},
		{"ten around the end of the first 10 s", append(every(0, 1), append(repeat(9900*time.Millisecond, 5), repeat(10100*time.Millisecond, 5)...)...), true},
		{"nine, and nine later", append(repeat(0, 9), repeat(10001*time.Millisecond, 9)...), false},
		{"nine, and ten later", append(repeat(0, 9), repeat(10001*time.Millisecond, 10)...), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, socket.Config{})
				r.receive(t, join("t"))
				begin := time.Now()
				for n, at := range tc.at {
					time.Sleep(time.Until(begin.Add(at)))
					err := r.HandleFrame(t.Context(), text(invalid))
					if cut := tc.cut && n == len(tc.at)-1; cut != errors.Is(err, socket.ErrClosed) || err != nil && !cut {
						t.Fatalf("frame %d: %v", n+1, err)
					}
				}
				r.settle(t)
				frames, end := r.written()
				if got := strings.Count(strings.Join(frames, ""), "invalid frame"); got != len(tc.at) {
					t.Errorf("%d of %d frames were answered", got, len(tc.at))
				}
				if tc.cut {
					if end == nil || end.Code != socket.ClosePolicyViolation {
						t.Errorf("the end is %v, want code 1008", end)
					}
					r.expectLeft(t, channel.LeaveClosed)
				} else if end != nil {
					t.Errorf("cut off with %v", *end)
				}
			})
		})
	}
}

func repeat(at time.Duration, n int) []time.Duration {
	times := make([]time.Duration, n)
	for i := range times {
		times[i] = at
	}
	return times
}

func every(d time.Duration, n int) []time.Duration {
	times := make([]time.Duration, n)
	for i := range times {
		times[i] = time.Duration(i) * d
	}
	return times
}

// Frames that are well-formed, but not what the protocol takes, do not count.
func TestOtherFaultsDoNotCount(t *testing.T) {
	r := newRig(t, socket.Config{})
	for range 100 {
		r.receive(t, `["1","2","t","e",[]]`, `["1","2","t","",{}]`, `["1","2","t","e",{}]`, join("nowhere"))
	}
	r.settle(t)
	if _, end := r.written(); end != nil {
		t.Errorf("cut off with %v", *end)
	}
}

// A text frame that is not UTF-8 as a whole ends the connection, wherever the
// bytes are, before anything of it is carried out.
func TestNotUTF8(t *testing.T) {
	for _, frame := range []string{
		"[\"1\",\"2\",\"t\",\"say\",{\"a\":\"\xff\"}]", "[\"1\",\"2\",\"t\xc3\x28\",\"say\",{}]", "[\"1\xff\",\"2\",\"t\",\"say\",{}]",
		"\xff", "[\"1\",\"2\",\"t\",\"say\",{}]\xff", "[\"1\",\"2\",\"t\",\"say\",{}, \"\xed\xa0\x80\"]",
	} {
		for _, serializer := range []phx.Serializer{phx.V2(), phx.V1()} {
			r := newRig(t, socket.Config{Encoder: &phx.Encoder{Serializer: serializer}})
			var watcher watcher
			defer r.pubsub.Subscribe(pubsub.Topic{Namespace: "test", Name: "t"}, &watcher)()
			if serializer == phx.V1() {
				frame = strings.NewReplacer(`["1","2",`, `{"ref":"2","topic":`, `"say",`, `"event":"say","payload":`, `]`, `}`).Replace(frame)
			} else {
				r.receive(t, join("t"))
			}
			if err := r.HandleFrame(t.Context(), text(frame)); !errors.Is(err, socket.ErrClosed) {
				t.Errorf("%q: %v, want ErrClosed", frame, err)
			}
			r.settle(t)
			if _, end := r.written(); end == nil || end.Code != socket.CloseNotUTF8 {
				t.Errorf("%q: the end is %v, want code 1007", frame, end)
			}
			if watcher.n != 0 {
				t.Errorf("%q was broadcast", frame)
			}
		}
	}
}

type watcher struct{ n int }

func (w *watcher) Deliver(*phx.Broadcast, pubsub.Subscriber) { w.n++ }

// A channel that does not keep up: the event is refused, the socket lives on.
func TestOverloaded(t *testing.T) {
	r := newRig(t, socket.Config{})
	r.receive(t, join("t"), `["1",null,"t","wait",{}]`)
	<-r.handler.entered
	for range channel.MailboxEvents {
		r.receive(t, `["1",null,"t","quiet",{}]`)
	}
	r.receive(t, `["1","2","t","echo",{}]`, `["1","3","t","phx_leave",{}]`, `["1","7","t","phx_leave",{}]`,
		`["4","4","t","phx_join",{}]`, `["1",null,"t","echo",{}]`,
		`[null,"5","phoenix","heartbeat",{}]`)
	frames, _ := r.written()
	want := []string{joined("t")}
	for _, refs := range []string{`"1","2"`, `"1","7"`, `"4","4"`} { // one leave fits always
		want = append(want, `[`+refs+`,"t","phx_reply",{"status":"error","response":{"reason":"overloaded","retry_after_ms":1000}}]`)
	}
	want = append(want, `[null,"5","phoenix","phx_reply",{"status":"ok","response":{}}]`)
	if got := strings.Join(frames, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the client was sent\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	r.handler.resume <- struct{}{}
	r.settle(t)
	r.expect(t, `["1","3","t","phx_reply",{"status":"ok","response":{}}]`, `["1","1","t","phx_close",{}]`)
	r.receive(t, join("t"), `["1","6","t","socket",{}]`)
	r.expect(t, joined("t"), `["1","6","t","phx_reply",{"status":"ok","response":{}}]`)
}

// What handlers are told of the socket.
func TestAssigns(t *testing.T) {
	r := newRig(t, socket.Config{Assigns: []byte(`{"user":7}`)})
	r.receive(t, join("t"), `["1","2","t","socket",{}]`)
	r.expect(t, joined("t"), `["1","2","t","phx_reply",{"status":"ok","response":{"user":7}}]`)
}

// Nothing keeps the transport's buffer: it may be used again at once.
func TestTheFrameIsNotKept(t *testing.T) {
	r := newRig(t, socket.Config{})
	buf := make([]byte, 0, 256)
	for _, f := range []string{join("topic"), `["1","2","topic","event",{"some":"payload"}]`} {
		buf = append(buf[:0], f...)
		if err := r.HandleFrame(t.Context(), phx.Frame{Data: buf}); err != nil {
			t.Fatal(err)
		}
		clear(buf)
	}
	r.expect(t, joined("topic"), `["1",null,"topic","event",{"some":"payload"}]`,
		`["1","2","topic","phx_reply",{"status":"ok","response":{"some":"payload"}}]`)
}

// Bytes for a client that cannot take them are skipped, and logged once; what
// else it is sent is not held up.
func TestBytesForAV1Client(t *testing.T) {
	r := newRig(t, socket.Config{Encoder: &phx.Encoder{Serializer: phx.V1()}})
	r.receive(t, `{"topic":"t","event":"phx_join","payload":{},"ref":"1"}`)
	r.settle(t)
	r.written()
	for range 3 {
		_ = r.pubsub.Broadcast(pubsub.Topic{Namespace: "test", Name: "t"}, nil, phx.NewBroadcast("t", "bin", phx.Bytes([]byte{1})))
		r.Push(&phx.Message{Topic: "t", Event: "bin", Payload: phx.Bytes([]byte{1})})
		r.Reply(&phx.Reply{Ref: `"1"`, Topic: "t", Status: phx.StatusOK, Payload: phx.Bytes([]byte{1})})
	}
	r.receive(t, `{"topic":"t","event":"say","payload":{},"ref":"2"}`)
	r.expect(t, `{"topic":"t","event":"say","payload":{},"ref":null}`)
	if got := r.log.Count("could not be encoded"); got != 1 {
		t.Errorf("logged %d times, want once", got)
	}
}

// A V1 client cannot send bytes either: its frame is malformed.
func TestBytesFromAV1Client(t *testing.T) {
	r := newRig(t, socket.Config{Encoder: &phx.Encoder{Serializer: phx.V1()}})
	for range 10 {
		_ = r.HandleFrame(t.Context(), phx.Frame{Data: []byte("\x00\x01\x01\x01\x0112te"), Binary: true})
	}
	r.expectEnd(t, socket.ClosePolicyViolation)
}
