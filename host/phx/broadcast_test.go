package phx_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host/phx"
)

// However many subscribers ask at once, on one kind of connection all have the same
// frame. Those that are the first at the same moment may each encode it; whoever asks
// after one of them has it does not. A broadcast to thousands is walked by as many
// goroutines as there are cores, so that is all it can come to.
func TestSubscribersShareFrames(t *testing.T) {
	var sealed atomic.Int32
	framed := &phx.Encoder{Serializer: phx.V2(), Framing: phx.Framing{Room: 2, Seal: func(buf []byte, binary bool) []byte {
		sealed.Add(1)
		copy(buf, "H:")
		return buf
	}}}
	plain := &phx.Encoder{Serializer: phx.V1()}
	payload := object(t, `{"n":1}`)
	for range 500 { // rounds: who is the first is decided within nanoseconds
		sealed.Store(0)
		b := phx.NewBroadcast("t", "e", payload)
		if b.Topic() != "t" || b.Event() != "e" || string(b.Payload().Data()) != `{"n":1}` {
			t.Fatalf("a broadcast of %q %q %q", b.Topic(), b.Event(), b.Payload().Data())
		}
		const askers = 8 // of each encoder
		frames := make([][]byte, 2*askers)
		var all sync.WaitGroup
		for i := range frames {
			all.Go(func() {
				e := framed
				if i%2 == 1 {
					e = plain
				}
				frames[i], _ = e.Broadcast(b)
			})
		}
		all.Wait()
		first := sealed.Load()
		late, _ := framed.Broadcast(b)
		if first < 1 || first > askers || sealed.Load() != first || &late[0] != &frames[0][0] {
			t.Fatalf("sealed %d times for %d at once, then %d times", first, askers, sealed.Load())
		}
		for i, frame := range frames {
			want := []string{`H:[null,null,"t","e",{"n":1}]`, `{"topic":"t","event":"e","payload":{"n":1},"ref":null}`}[i%2]
			if string(frame) != want || &frame[0] != &frames[i%2][0] {
				t.Fatalf("frame %d: %q, want the shared %q", i, frame, want)
			}
		}
	}
}

// That a client cannot have a broadcast is found out once as well.
func TestBroadcastErrorIsKept(t *testing.T) {
	e := &phx.Encoder{Serializer: phx.V1(), Framing: phx.Framing{Seal: func([]byte, bool) []byte {
		t.Error("sealed after an error")
		return nil
	}}}
	b := phx.NewBroadcast("t", "e", phx.Bytes([]byte{1}))
	for range 2 {
		if frame, err := e.Broadcast(b); frame != nil || !errors.Is(err, phx.ErrNoBinary) {
			t.Errorf("%q, %v, want ErrNoBinary", frame, err)
		}
	}
}

func TestEncoderSeals(t *testing.T) {
	type sealing struct {
		buf    string
		binary bool
	}
	var got []sealing
	e := &phx.Encoder{Serializer: phx.V2(), Framing: phx.Framing{Room: 3, Seal: func(buf []byte, binary bool) []byte {
		got = append(got, sealing{string(buf), binary})
		return buf[1:]
	}}}
	text, err1 := e.Message(&phx.Message{JoinRef: "1", Topic: "t", Event: "e"})
	data, err2 := e.Reply(&phx.Reply{JoinRef: "1", Ref: "2", Topic: "t", Status: phx.StatusOK, Payload: phx.Bytes([]byte("data"))})
	want := []sealing{{"\x00\x00\x00" + `[1,null,"t","e",{}]`, false}, {"\x00\x00\x00" + header(1, "data", "1", "2", "t", "ok"), true}}
	if err := errors.Join(err1, err2); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("sealed %+v, %v, want %+v", got, err, want)
	}
	if string(text) != want[0].buf[1:] || string(data) != want[1].buf[1:] {
		t.Errorf("sent %q and %q", text, data)
	}
}

// A frame takes one allocation, whatever the version and the lengths of names.
func TestEncoderAllocates(t *testing.T) {
	p := object(t, `{"body":"hello"}`)
	m := &phx.Message{JoinRef: `"1234"`, Ref: `"1234"`, Topic: name255, Event: name255, Payload: p}
	r := &phx.Reply{JoinRef: `"1234"`, Ref: `"1234"`, Topic: name255, Status: phx.StatusError, Payload: p}
	for _, s := range []phx.Serializer{phx.V1(), phx.V2()} {
		e := &phx.Encoder{Serializer: s, Framing: phx.Framing{Room: 10}}
		for what, encode := range map[string]func() ([]byte, error){
			"message": func() ([]byte, error) { return e.Message(m) },
			"reply":   func() ([]byte, error) { return e.Reply(r) },
		} {
			if n := testing.AllocsPerRun(100, func() {
				if _, err := encode(); err != nil {
					t.Error(err)
				}
			}); n > 1 {
				t.Errorf("%s of %s: %v allocations", what, s.Version(), n)
			}
		}
	}
}

func TestReasonPayload(t *testing.T) {
	for _, c := range []struct {
		reason phx.Reason
		after  time.Duration
		want   string
	}{
		{phx.ReasonUnmatchedTopic, 0, `{"reason":"unmatched topic"}`},
		{phx.ReasonBusy, time.Second, `{"reason":"busy","retry_after_ms":1000}`},
		{phx.ReasonUnavailable, time.Nanosecond, `{"reason":"unavailable","retry_after_ms":1}`},
		{phx.ReasonOverloaded, -time.Second, `{"reason":"overloaded"}`},
	} {
		if got := string(c.reason.Payload(c.after).Data()); got != c.want || !json.Valid([]byte(got)) {
			t.Errorf("%s after %v: %s, want %s", c.reason, c.after, got, c.want)
		}
	}
}
