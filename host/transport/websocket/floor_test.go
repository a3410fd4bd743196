package websocket_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/chhost/chhost/host/phx"
)

// The two floors.
const (
	// floorEcho answers every event with a reply that has its payload.
	floorEcho = "echo"
	// floorFanOut sends every event to all that have joined, whatever the topic.
	floorFanOut = "fanout"
)

// floor is the least that a server in Go on gorilla/websocket can do, and what
// the host is measured against: no routes, no handlers, no limits, no checks.
// Frames are made once, at the first message of their kind; later ones are only
// compared with it. The HTTP handler returns after the upgrade, buffers are small
// and pooled, and writes happen under a lock of the connection, on the goroutine
// that has something to say.
type floor struct {
	fanOut   bool
	upgrader gorilla.Upgrader
	buffers  sync.Pool // *bytes.Buffer
	joins    atomic.Pointer[prepared]
	events   atomic.Pointer[prepared]

	mu     sync.Mutex
	joined map[*floorConn]struct{}
	list   []*floorConn // of joined, made anew after a change; walked without the lock
}

// prepared is a client's message and the frame that it is answered with.
type prepared struct {
	message []byte
	event   string
	fanOut  bool
	answer  *gorilla.PreparedMessage
}

type floorConn struct {
	ws      *gorilla.Conn
	writing sync.Mutex
}

func newFloor(kind string) *floor {
	return &floor{
		fanOut:   kind == floorFanOut,
		upgrader: gorilla.Upgrader{ReadBufferSize: 512, WriteBufferSize: 512, WriteBufferPool: &sync.Pool{}},
		buffers:  sync.Pool{New: func() any { return new(bytes.Buffer) }},
		joined:   make(map[*floorConn]struct{}),
	}
}

func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ws, err := f.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it is answered
	}
	go f.read(&floorConn{ws: ws})
}

func (f *floor) read(c *floorConn) {
	defer c.ws.Close()
	defer f.leave(c)
	for {
		_, r, err := c.ws.NextReader()
		if err == nil {
			err = f.message(c, r)
		}
		if err != nil {
			return
		}
	}
}

func (f *floor) message(c *floorConn, r io.Reader) error {
	buf := f.buffers.Get().(*bytes.Buffer)
	defer f.buffers.Put(buf)
	buf.Reset()
	if _, err := buf.ReadFrom(r); err != nil {
		return err
	}
	for _, known := range []*atomic.Pointer[prepared]{&f.events, &f.joins} {
		if p := known.Load(); p != nil && bytes.Equal(p.message, buf.Bytes()) {
			return f.answer(c, p)
		}
	}
	p, err := f.prepare(bytes.Clone(buf.Bytes()))
	if err != nil {
		return err
	}
	return f.answer(c, p)
}

// prepare makes the answer to a message of a new kind, with the encoder of the
// host. Heartbeats and leaves are rare, and not kept.
func (f *floor) prepare(message []byte) (*prepared, error) {
	m, err := phx.V2().Decode(phx.Frame{Data: message})
	if err != nil {
		return nil, err
	}
	p := &prepared{message: message, event: m.Event}
	encoder := phx.Encoder{Serializer: phx.V2()}
	reply := &phx.Reply{JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic, Status: phx.StatusOK}
	var keep *atomic.Pointer[prepared]
	switch {
	case m.Event == phx.EventJoin:
		keep = &f.joins
	case m.Event == phx.EventLeave, m.Topic == phx.TopicPhoenix:
	default:
		keep, p.fanOut, reply.Payload = &f.events, f.fanOut, m.Payload
	}
	answer, err := encoder.Reply(reply)
	if p.fanOut {
		answer, err = encoder.Broadcast(phx.NewBroadcast(m.Topic, m.Event, m.Payload))
	}
	if err == nil {
		p.answer, err = gorilla.NewPreparedMessage(gorilla.TextMessage, answer)
	}
	if err == nil && keep != nil {
		keep.Store(p)
	}
	return p, err
}

func (f *floor) answer(c *floorConn, p *prepared) error {
	switch {
	case p.fanOut:
		for _, to := range f.all() {
			_ = to.write(p) // the reader of one that is gone learns of it
		}
		return nil
	case p.event == phx.EventJoin:
		f.enter(c)
	case p.event == phx.EventLeave:
		f.leave(c)
	}
	return c.write(p)
}

func (f *floor) enter(c *floorConn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.joined[c], f.list = struct{}{}, nil
}

func (f *floor) leave(c *floorConn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.joined[c]; ok {
		delete(f.joined, c)
		f.list = nil
	}
}

// all are those that have joined; nobody changes the list.
func (f *floor) all() []*floorConn {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.list == nil {
		for c := range f.joined {
			f.list = append(f.list, c)
		}
	}
	return f.list
}

func (c *floorConn) write(p *prepared) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.ws.WritePreparedMessage(p.answer)
}

// The floors send what the host sends, byte for byte: a comparison with them is
// one of the same work.
func TestFloors(t *testing.T) {
	host := start(t, options{})
	for kind, event := range map[string]string{floorEcho: "echo", floorFanOut: "said"} {
		t.Run(kind, func(t *testing.T) {
			listener := httptest.NewServer(newFloor(kind))
			t.Cleanup(listener.Close)
			s := &server{http: listener}
			ann, bob := s.join(t), s.join(t)
			for range 2 { // learned, then known
				ann.send(`["1","2","t","` + event + `",{"x":"é"}]`)
				if kind == floorEcho {
					ann.expect(`["1","2","t","phx_reply",{"status":"ok","response":{"x":"é"}}]`)
					continue
				}
				ann.expect(`[null,null,"t","said",{"x":"é"}]`)
				bob.expect(`[null,null,"t","said",{"x":"é"}]`)
			}
			leave := `["1","3","t","phx_leave",{}]`
			left := `["1","3","t","phx_reply",{"status":"ok","response":{}}]`
			bob.send(leave, `[null,"4","phoenix","heartbeat",{}]`)
			bob.expect(left, `[null,"4","phoenix","phx_reply",{"status":"ok","response":{}}]`)
		})
	}
	c := host.join(t)
	c.send(`["1","2","t","say",{"x":"é"}]`, `["1","2","t","echo",{"x":"é"}]`)
	c.expect(`[null,null,"t","said",{"x":"é"}]`, `["1","2","t","phx_reply",{"status":"ok","response":{"x":"é"}}]`)
}
