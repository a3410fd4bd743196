package channeltest

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
)

// Deadline is how long the kit waits for something before it fails the test.
const Deadline = 20 * time.Second

// Sent is one frame that a client was sent.
type Sent struct {
	// Kind is "push", "reply" or "broadcast".
	Kind    string
	JoinRef phx.Ref
	Ref     phx.Ref
	Topic   string
	// Event is phx_reply in a reply.
	Event string
	// Status is that of a reply.
	Status phx.Status
	// Payload is the JSON text, or "!" and the base64 of bytes.
	Payload string
}

// String is the text frame of serializer V2.
func (s Sent) String() string {
	payload := s.Payload
	if s.Kind == kindReply {
		payload = fmt.Sprintf(`{"status":%q,"response":%s}`, s.Status, payload)
	}
	return fmt.Sprintf("[%s,%s,%q,%q,%s]", orNull(s.JoinRef), orNull(s.Ref), s.Topic, s.Event, payload)
}

const (
	kindPush      = "push"
	kindReply     = "reply"
	kindBroadcast = "broadcast"
)

func orNull(r phx.Ref) string {
	if r == "" {
		return "null"
	}
	return string(r)
}

func text(p phx.Payload) string {
	if p.IsBinary() {
		return "!" + base64.StdEncoding.EncodeToString(p.Data())
	}
	return string(p.Data())
}

// Recorder is a [channel.Client] that keeps what it is sent. Its zero value is
// ready for use; its methods are safe for concurrent use.
type Recorder struct {
	mu      sync.Mutex
	sent    []Sent
	next    int // index in sent of what Expect has not seen yet
	handled []int
	holds   int
	changed chan struct{} // closed at the next change, made by who waits for one
}

var _ channel.Client = (*Recorder)(nil)

// Push implements [channel.Client].
func (r *Recorder) Push(m *phx.Message) {
	r.add(Sent{Kind: kindPush, JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic, Event: m.Event, Payload: text(m.Payload)})
}

// Reply implements [channel.Client].
func (r *Recorder) Reply(m *phx.Reply) {
	r.add(Sent{
		Kind: kindReply, JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic,
		Event: phx.EventReply, Status: m.Status, Payload: text(m.Payload),
	})
}

// Broadcast implements [channel.Client].
func (r *Recorder) Broadcast(b *phx.Broadcast) {
	r.add(Sent{Kind: kindBroadcast, Topic: b.Topic(), Event: b.Event(), Payload: text(b.Payload())})
}

// Hold implements [channel.Client].
func (r *Recorder) Hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holds++
}

// Release implements [channel.Client].
func (r *Recorder) Release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holds--
}

// Held is how many calls of Hold have not been ended by Release.
func (r *Recorder) Held() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.holds
}

// Handled implements [channel.Client].
func (r *Recorder) Handled(bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handled = append(r.handled, bytes)
	r.wake()
}

func (r *Recorder) add(s Sent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, s)
	r.wake()
}

// wake tells who waits that something changed. The caller holds r.mu.
func (r *Recorder) wake() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// Sent is everything that was sent so far, in order.
func (r *Recorder) Sent() []Sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Sent(nil), r.sent...)
}

// HandledBytes are the arguments of all calls of Handled, in order.
func (r *Recorder) HandledBytes() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int(nil), r.handled...)
}

// Rest is what was sent and neither expected nor returned by Rest before.
func (r *Recorder) Rest() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := make([]string, 0, len(r.sent)-r.next)
	for _, s := range r.sent[r.next:] {
		rest = append(rest, s.String())
	}
	r.next = len(r.sent)
	return rest
}

// Expect waits until the client was sent as many more frames as there are in
// want, and fails the test if they differ.
func (r *Recorder) Expect(t testing.TB, want ...string) {
	t.Helper()
	ok := r.wait(func() bool { return len(r.sent)-r.next >= len(want) })
	r.mu.Lock()
	defer r.mu.Unlock()
	end := min(len(r.sent), r.next+len(want))
	var got []string
	for _, s := range r.sent[r.next:end] {
		got = append(got, s.String())
	}
	r.next = end
	if !ok || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("the client was sent\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Wait waits until cond is true of what was sent, and fails the test if that
// does not come to pass; what names it.
func (r *Recorder) Wait(t testing.TB, what string, cond func(sent []Sent) bool) {
	t.Helper()
	if !r.wait(func() bool { return cond(r.sent) }) {
		t.Fatalf("waited in vain for: %s; the client was sent %v", what, r.Sent())
	}
}

// wait calls cond with r.mu locked, at first and after each change, until it is
// true or the deadline has passed.
func (r *Recorder) wait(cond func() bool) bool {
	deadline := time.NewTimer(Deadline)
	defer deadline.Stop()
	for {
		r.mu.Lock()
		if cond() {
			r.mu.Unlock()
			return true
		}
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-deadline.C:
			return false
		}
	}
}
