package console

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/chhost/chhost/host/phx"
)

// maxInbox is how many messages the inbox keeps.
const maxInbox = 100

// mail is what the host sends to the console: the inbox, and what a command waits
// for. It is safe for concurrent use.
type mail struct {
	mu      sync.Mutex
	inbox   []string
	dropped int
	joined  map[string]phx.Ref // the memberships by topic, as far as the frames tell
	waiting wait
}

// wait is what one command waits for, and what has come of it.
type wait struct {
	ref     phx.Ref // of the reply; "" waits for none
	joinRef phx.Ref // of the membership whose end it is
	reply   *frame
	end     *frame // of kindClose or kindError
}

// receive sorts a frame in. It is called on the host's goroutines.
func (m *mail) receive(f phx.Frame) {
	in, err := decode(f)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.keep(err.Error())
		return
	}
	w := &m.waiting
	switch {
	case in.kind == kindReply && w.ref != "" && in.ref == w.ref:
		w.reply = &in
		if in.status == phx.StatusOK && w.ref == w.joinRef {
			m.join(in.topic, w.joinRef)
		}
		return
	case in.kind == kindClose || in.kind == kindError:
		if m.joined[in.topic] == in.joinRef {
			delete(m.joined, in.topic)
		}
		if w.joinRef != "" && in.joinRef == w.joinRef {
			w.end = &in
			return
		}
	}
	m.keep(in.text())
}

// begin forgets the memberships of an earlier socket.
func (m *mail) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joined, m.waiting = nil, wait{}
}

// hear takes a broadcast of a topic that was subscribed to.
func (m *mail) hear(b *phx.Broadcast) {
	in := frame{kind: kindHeard, topic: b.Topic(), event: b.Event(), payload: b.Payload()}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(in.text())
}

// keep puts a line into the inbox. The caller holds m.mu.
func (m *mail) keep(text string) {
	if len(m.inbox) == maxInbox {
		m.inbox = m.inbox[1:]
		m.dropped++
	}
	m.inbox = append(m.inbox, text)
}

// join notes a membership. The caller holds m.mu.
func (m *mail) join(topic string, joinRef phx.Ref) {
	if m.joined == nil {
		m.joined = make(map[string]phx.Ref)
	}
	m.joined[topic] = joinRef
}

// admitted notes a membership that no reply tells of.
func (m *mail) admitted(topic string, joinRef phx.Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.join(topic, joinRef)
}

// forget undoes admitted.
func (m *mail) forget(topic string, joinRef phx.Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.joined[topic] == joinRef {
		delete(m.joined, topic)
	}
}

// membership is the join_ref of a topic, or "".
func (m *mail) membership(topic string) phx.Ref {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.joined[topic]
}

// expect keeps the reply to ref and the end of the membership joinRef for who
// calls outcome.
func (m *mail) expect(ref, joinRef phx.Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = wait{ref: ref, joinRef: joinRef}
}

// outcome is what has come, and ends the wait for it.
func (m *mail) outcome() (reply, end *frame) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.waiting
	m.waiting = wait{}
	return w.reply, w.end
}

// write lists the inbox.
func (m *mail) write(out io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fmt.Fprintf(out, "[%s]\n", strings.Join(m.inbox, ",\n "))
	if m.dropped > 0 {
		fmt.Fprintf(out, "(%d older ones are no longer there: the inbox keeps %d)\n", m.dropped, maxInbox)
	}
}

func (m *mail) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inbox, m.dropped = nil, 0
}
