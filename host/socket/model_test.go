package socket_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

// The dispatch table of the protocol once more, as slow and obvious code without
// mailboxes and turns: one message is carried out completely before the next.

// sent is a frame for the client and the topic that it is about.
type sent struct{ topic, frame string }

// model is the client's side of a socket.
type model struct {
	t       *testing.T
	encoder *phx.Encoder
	limit   int                // of channels
	joined  map[string]phx.Ref // the join_ref of each topic that is joined
	tried   map[string]bool    // the topics of all joins
	invalid int                // malformed frames
	end     int                // the close code, once the socket has ended
	out     []sent
	early   bool // a malformed frame was answered, which does not wait for its topic
	late    bool // a broadcast was intercepted, which waits behind what the topic has still to do
}

func (m *model) v1() bool { return m.encoder.Serializer == phx.V1() }

func (m *model) put(topic string, frame []byte, err error) {
	if err == nil { // else it is skipped
		m.out = append(m.out, sent{topic, string(frame)})
	}
}

func (m *model) reply(joinRef phx.Ref, msg *phx.Message, status phx.Status, p phx.Payload) {
	if msg.Ref == "" && msg.Event != phx.EventJoin && msg.Event != phx.EventLeave {
		return // nobody waits
	}
	frame, err := m.encoder.Reply(&phx.Reply{JoinRef: joinRef, Ref: msg.Ref, Topic: msg.Topic, Status: status, Payload: p})
	m.put(msg.Topic, frame, err)
}

func (m *model) refuse(joinRef phx.Ref, msg *phx.Message, reason phx.Reason) {
	m.reply(joinRef, msg, phx.StatusError, reason.Payload(0))
}

func (m *model) push(joinRef, ref phx.Ref, topic, event string, p phx.Payload) {
	frame, err := m.encoder.Message(&phx.Message{JoinRef: joinRef, Ref: ref, Topic: topic, Event: event, Payload: p})
	m.put(topic, frame, err)
}

func (m *model) phxClose(topic string, joinRef phx.Ref) {
	m.push(joinRef, joinRef, topic, phx.EventClose, phx.Payload{})
}

// receive is what the socket does with one frame.
func (m *model) receive(f phx.Frame) {
	msg, err := m.encoder.Serializer.Decode(f)
	var fault *phx.FrameError
	switch {
	case errors.Is(err, phx.ErrNotUTF8):
		m.end = socket.CloseNotUTF8
	case errors.As(err, &fault):
		if msg.Topic != "" && msg.Ref != "" {
			m.refuse(msg.JoinRef, &msg, fault.Reason)
			m.early = true
		}
		if fault.Reason == phx.ReasonInvalidFrame {
			if m.invalid++; m.invalid == 10 {
				m.end = socket.ClosePolicyViolation
			}
		}
	case msg.Topic == phx.TopicPhoenix && msg.Event == phx.EventHeartbeat:
		frame, err := m.encoder.Reply(&phx.Reply{Ref: msg.Ref, Topic: msg.Topic, Status: phx.StatusOK})
		m.put(msg.Topic, frame, err) // with a ref or without
	case msg.Event == phx.EventJoin:
		m.join(&msg)
	default:
		m.other(&msg)
	}
}

func (m *model) join(msg *phx.Message) {
	m.tried[msg.Topic] = true
	old, rejoin := m.joined[msg.Topic]
	if strings.HasPrefix(msg.Topic, "nowhere") {
		m.refuse("", msg, phx.ReasonUnmatchedTopic)
		return
	}
	if !rejoin && len(m.joined) == m.limit {
		m.refuse(msg.JoinRef, msg, phx.ReasonTooManyChannels)
		return
	}
	delete(m.joined, msg.Topic)
	joinRef := msg.JoinRef
	if joinRef == "" && m.v1() {
		joinRef = msg.Ref
	}
	closeOld := func() {
		if rejoin {
			m.phxClose(msg.Topic, old)
		}
	}
	switch {
	case msg.Payload.IsBinary() && !strings.Contains(msg.Topic, "bin"):
		m.refuse(msg.JoinRef, msg, phx.ReasonBinaryNotAccepted)
	case strings.HasPrefix(msg.Topic, "no"):
		m.reply(msg.JoinRef, msg, phx.StatusError, msg.Payload)
	case strings.HasPrefix(msg.Topic, "crash"):
		m.refuse(msg.JoinRef, msg, phx.ReasonJoinCrashed)
	case strings.HasPrefix(msg.Topic, "ignore"):
	default:
		if m.v1() {
			closeOld()
		}
		m.reply(msg.JoinRef, msg, phx.StatusOK, msg.Payload)
		if !m.v1() {
			closeOld()
		}
		m.push(msg.JoinRef, "", msg.Topic, "joined", phx.Payload{})
		m.joined[msg.Topic] = joinRef
		return
	}
	closeOld()
}

func (m *model) other(msg *phx.Message) {
	joinRef, joined := m.joined[msg.Topic]
	leaves := msg.Event == phx.EventLeave
	same := msg.JoinRef == joinRef || msg.Payload.IsBinary() && msg.JoinRef.Same(joinRef)
	switch {
	case !joined && leaves:
		m.reply(msg.JoinRef, msg, phx.StatusOK, phx.Payload{})
	case !joined:
		m.refuse("", msg, phx.ReasonUnmatchedTopic)
	case msg.JoinRef != "" && !same:
	case leaves:
		delete(m.joined, msg.Topic)
		m.reply(joinRef, msg, phx.StatusOK, phx.Payload{})
		m.phxClose(msg.Topic, joinRef)
		m.push(joinRef, "", msg.Topic, "left", phx.Payload{})
	case phx.ReservedEvent(msg.Event):
		m.refuse(joinRef, msg, phx.ReasonReservedEvent)
	case msg.Payload.IsBinary() && !strings.Contains(msg.Topic, "bin"):
		m.refuse(joinRef, msg, phx.ReasonBinaryNotAccepted)
	default:
		m.event(joinRef, msg)
	}
}

// event is what [act] makes of a client's event.
func (m *model) event(joinRef phx.Ref, msg *phx.Message) {
	broadcast := func() {
		frame, err := m.encoder.Broadcast(phx.NewBroadcast(msg.Topic, msg.Event, msg.Payload))
		m.put(msg.Topic, frame, err)
	}
	switch msg.Event {
	case "crash":
		delete(m.joined, msg.Topic)
		m.push(joinRef, joinRef, msg.Topic, phx.EventError, phx.ReasonChannelCrash.Payload(0))
		return
	case "quiet":
		return
	case "say":
		broadcast()
	}
	m.push(joinRef, "", msg.Topic, "pushed", msg.Payload)
	m.reply(joinRef, msg, phx.StatusOK, msg.Payload)
	switch msg.Event {
	case "shout": // intercepted: behind the reply
		m.late = true
		m.push(joinRef, "", msg.Topic, "heard", msg.Payload)
		broadcast()
	case "stop":
		delete(m.joined, msg.Topic)
		m.phxClose(msg.Topic, joinRef)
	}
}

// actor is the handler that the model knows.
func actor(binary bool) channel.Handler {
	return channel.Funcs{
		AcceptBinary: binary, Intercepts: []string{"shout"},
		JoinFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			switch {
			case strings.HasPrefix(ev.Topic, "no"):
				return channel.Result{Status: channel.StatusError, Reply: channel.Reply{Status: phx.StatusError, Payload: ev.Payload}}, nil
			case strings.HasPrefix(ev.Topic, "crash"):
				return channel.Result{}, errors.New("crashed")
			case strings.HasPrefix(ev.Topic, "ignore"):
				return channel.Result{Status: channel.StatusIgnore}, nil
			}
			return channel.Result{
				Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload},
				Do:    []channel.Effect{channel.Push("joined", phx.Payload{})},
			}, nil
		},
		LeaveFunc: func(context.Context, *channel.Event) (channel.Result, error) {
			return channel.Result{Do: []channel.Effect{channel.Push("left", phx.Payload{})}}, nil
		},
		HandleInFunc: act,
		HandleOutFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return channel.Result{Status: channel.StatusPass, Do: []channel.Effect{channel.Push("heard", ev.Payload)}}, nil
		},
	}.Handler()
}

func act(_ context.Context, ev *channel.Event) (channel.Result, error) {
	res := channel.Result{Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}}
	switch ev.Event {
	case "crash":
		return channel.Result{}, errors.New("crashed")
	case "quiet":
		return channel.Result{}, nil
	case "say", "shout":
		res.Do = append(res.Do, channel.Broadcast(ev.Event, ev.Payload))
	case "stop":
		res.Status = channel.StatusStop
	}
	res.Do = append(res.Do, channel.Push("pushed", ev.Payload))
	return res, nil
}

// script takes a text apart into frames, one a line; one that starts with a
// control character is binary.
func script(text []byte) (frames []phx.Frame) {
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		frames = append(frames, phx.Frame{Data: line, Binary: len(line) > 0 && line[0] < ' '})
		if len(frames) == 64 { // as many as a mailbox takes
			break
		}
	}
	return frames
}

// checkScript plays a script to a socket and to the model: frame by frame, where
// the whole of what is sent has to be the same, and all at once, where that
// holds for each topic.
func checkScript(t *testing.T, text []byte, serializer phx.Serializer) {
	t.Helper()
	for _, atOnce := range []bool{false, true} {
		plain, binary := actor(false), actor(true)
		cfg := socket.Config{
			Encoder: &phx.Encoder{Serializer: serializer}, MaxChannels: 3,
			Route: func(topic string) (channel.Handler, bool) {
				if strings.Contains(topic, "bin") {
					return binary, true
				}
				return plain, !strings.HasPrefix(topic, "nowhere")
			},
		}
		r := newRigAt(t, func() time.Time { return time.Unix(0, 0) }, cfg)
		m := &model{t: t, encoder: cfg.Encoder, limit: cfg.MaxChannels, joined: make(map[string]phx.Ref), tried: make(map[string]bool)}
		var got []string
		var end *socket.End
		frames := script(text)
		for _, f := range frames {
			m.receive(f)
			err := r.HandleFrame(context.Background(), f)
			if (err != nil) != (m.end != 0) {
				t.Fatalf("%q: %v, although the model's end is %d", f.Data, err, m.end)
			}
			if !atOnce || m.end != 0 {
				r.settle(t)
				var more []string
				more, end = r.written()
				got = append(got, more...)
			}
			if m.end != 0 {
				break
			}
		}
		r.settle(t)
		if end == nil {
			more, last := r.written()
			got, end = append(got, more...), last
		}
		if end == nil != (m.end == 0) || end != nil && end.Code != m.end {
			t.Fatalf("the end is %v, the model's %d", end, m.end)
		}
		m.compare(got, atOnce)
		if r.log.Count("BUG:") > 0 {
			t.Errorf("the log:\n%s", &r.log)
		}
	}
}

// compare holds what was sent against the model. At once, each topic's frames
// only have their order, and nothing is certain about what is early or late,
// about a channel that was too many, and behind the socket's end.
func (m *model) compare(got []string, atOnce bool) {
	m.t.Helper()
	if !atOnce {
		var want []string
		for _, s := range m.out {
			want = append(want, s.frame)
		}
		if !slices.Equal(got, want) {
			m.t.Errorf("the client was sent\n\t%q\nwant\n\t%q", got, want)
		}
		return
	}
	want := make(map[string][]string)
	for _, s := range m.out {
		want[s.topic] = append(want[s.topic], s.frame)
	}
	if m.early || m.late || m.end != 0 || len(m.tried) > m.limit {
		return
	}
	have := make(map[string][]string)
	for _, frame := range got {
		topic := m.topic(frame)
		have[topic] = append(have[topic], frame)
	}
	for topic := range want {
		if !slices.Equal(have[topic], want[topic]) {
			m.t.Errorf("at once, about %q the client was sent\n\t%q\nwant\n\t%q", topic, have[topic], want[topic])
		}
	}
	if len(have) != len(want) {
		m.t.Errorf("at once, the client was sent frames about %d topics, want %d", len(have), len(want))
	}
}

// topic reads the topic out of a frame of the server.
func (m *model) topic(frame string) (topic string) {
	m.t.Helper()
	var err error
	switch {
	case frame[0] < ' ': // the topic's length stands second to last, or last but two
		at := []int{2, 3, 1}[frame[0]]
		lengths := []int{3, 4, 2}[frame[0]]
		begin := 1 + lengths
		for _, n := range []byte(frame[1:at]) {
			begin += int(n)
		}
		return frame[begin : begin+int(frame[at])]
	case m.v1():
		var object struct{ Topic string }
		err = json.Unmarshal([]byte(frame), &object)
		topic = object.Topic
	default:
		var array []json.RawMessage
		if err = json.Unmarshal([]byte(frame), &array); err == nil {
			err = json.Unmarshal(array[2], &topic)
		}
	}
	if err != nil {
		m.t.Fatalf("%q: %v", frame, err)
	}
	return topic
}

// scripts begin where the rows of the table are.
func scripts() []string {
	bin := func(encoded string) string {
		data, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			panic(err)
		}
		return string(data)
	}
	return []string{
		`[null,"1","phoenix","heartbeat",{}]` + "\n" + `[null,null,"phoenix","heartbeat",{}]` + "\n" + `[null,2,"phoenix","other",{}]` + "\n" + `["1","3","phoenix","phx_join",{}]`,
		`["1","1","t","phx_join",{"a":1}]` + "\n" + `["1","2","t","say",{}]` + "\n" + `[null,3,"t","shout",{"x":[]}]` + "\n" + `["9","4","t","e",{}]` + "\n" + `["1","5","t","phx_leave",{}]` + "\n" + `["1","6","t","e",{}]`,
		`["1","1","t","phx_join",{}]` + "\n" + `["2","2","t","phx_join",{}]` + "\n" + `["1","3","t","e",{}]` + "\n" + `["2","4","t","stop",{}]` + "\n" + `["2","5","t","phx_leave",{}]`,
		`["1","1","no","phx_join",{}]` + "\n" + `["1","2","no","e",{}]` + "\n" + `["1","3","no","phx_leave",{}]` + "\n" + `["4","4","crash","phx_join",{}]` + "\n" + `["5","5","ignore","phx_join",{}]` + "\n" + `["6","6","nowhere","phx_join",{}]`,
		`["1","1","a","phx_join",{}]` + "\n" + `["2","2","b","phx_join",{}]` + "\n" + `["3","3","c","phx_join",{}]` + "\n" + `["4","4","d","phx_join",{}]` + "\n" + `["2",null,"b","crash",{}]` + "\n" + `["5","5","d","phx_join",{}]`,
		`["1","1","t","phx_join",{}]` + "\n" + `["1","2","t","phx_close",{}]` + "\n" + `["1","3","t","e",[]]` + "\n" + `["1","4","t","e"]` + "\n" + `["1","5","t","quiet",{}]` + "\n" + `["1","6","t","",{}]`,
		strings.Repeat(`["1","2","t"]`+"\n", 10), "[\"1\",\"1\",\"t\",\"phx_join\",{}]\n[\"1\",\"2\",\"t\",\"\xff\",{}]",
		`["3","3","rooms:bin","phx_join",{}]` + "\n" + bin("AAEBCQQzNHJvb21zOmJpbmVjaG8BAgM=") + "\n" + bin("AAEBCQMzNXJvb21zOmJpbnNheQEC") + "\n" + bin("AAEBCQU3NXJvb21zOmJpbnNob3V0"),
		`[7,7,"t","phx_join",{}]` + "\n" + bin("AAEBAQE3OHRlAQ==") + "\n" + bin("AAEBAQg3OXRwaHhfam9pbgE="),
		`{"topic":"t","event":"phx_join","payload":{},"ref":"1"}` + "\n" + `{"topic":"t","event":"phx_join","payload":{},"ref":"2","join_ref":"2"}` + "\n" + `{"topic":"t","event":"shout","payload":{"a":1},"ref":"3"}` + "\n" + `{"topic":"t","event":"phx_leave","payload":{},"ref":"4","join_ref":"1"}`,
	}
}

func TestScripts(t *testing.T) {
	for _, text := range scripts() {
		checkScript(t, []byte(text), phx.V1())
		checkScript(t, []byte(text), phx.V2())
	}
}

// FuzzScript plays any frames, in any order, to a socket and to the model.
func FuzzScript(f *testing.F) {
	for _, text := range scripts() {
		f.Add([]byte(text), false)
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, v1 bool) {
		if v1 {
			checkScript(t, text, phx.V1())
		} else {
			checkScript(t, text, phx.V2())
		}
	})
}
