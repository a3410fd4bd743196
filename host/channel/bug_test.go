package channel_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// faulty is a client with a bug: it panics on frames of some events. It must
// cost its channel at most.
type faulty struct {
	channeltest.Recorder
	mu    sync.Mutex
	fails func(event string) bool
}

func (f *faulty) check(event string) {
	f.mu.Lock()
	fails := f.fails != nil && f.fails(event)
	f.mu.Unlock()
	if fails {
		panic("BUG: " + event)
	}
}

func (f *faulty) Push(m *phx.Message) { f.check(m.Event); f.Recorder.Push(m) }

func (f *faulty) Reply(r *phx.Reply) { f.check(phx.EventReply); f.Recorder.Reply(r) }

func (f *faulty) Broadcast(b *phx.Broadcast) { f.check(b.Event()); f.Recorder.Broadcast(b) }

func post(t *testing.T, c *channel.Channel, frame string) {
	t.Helper()
	m, err := phx.V2().Decode(phx.Frame{Data: []byte(frame)})
	if err != nil {
		t.Fatal(err)
	}
	switch m.Event {
	case phx.EventJoin:
		err = c.Join(m, 1)
	case phx.EventLeave:
		err = c.Leave(m, 1)
	default:
		err = c.Handle(m, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A bug of the host while it carries out a result ends this membership only:
// the client is told, leave is called once as for any membership, and the
// channel works on.
func TestABugEndsOnlyItsMembership(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fails []string // the first frame of each of these events
		event string
		want  []string
	}{
		{"in a push", []string{"a"}, "push", []string{crashed}},
		{"in a reply", []string{"phx_reply"}, "echo", []string{crashed}},
		{"in its own broadcast", []string{"say"}, "say", []string{reply2, crashed}},
		{"in the phx_close", []string{"phx_close"}, "stop", []string{`["1",null,"t","a",{}]`, reply2}},
		{"in the phx_error", []string{"phx_error"}, "crash", nil},
		{"twice, also in the phx_error", []string{"a", "phx_error"}, "push", nil},
		{"of a subscriber whose broadcast was intercepted", []string{"hint"}, "shout", []string{reply2, crashed}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			node, room := channeltest.NewNode(t, channel.Config{}), newRoom()
			client := new(faulty)
			c := channel.New(node.Env, client, "t", channel.Options{Route: room.route})
			other := node.Client(t, "t", newRoom(), channel.Options{})
			other.Send(t, join)
			other.Expect(t, joined)
			post(t, c, join)
			node.Settle(t)
			client.Expect(t, joined)
			room.called()

			client.mu.Lock()
			client.fails = func(event string) bool {
				for i, f := range tc.fails {
					if f == event {
						tc.fails[i] = ""
						return true
					}
				}
				return false
			}
			client.mu.Unlock()
			post(t, c, `["1","2","t","`+tc.event+`",{}]`)
			node.Settle(t)
			client.Expect(t, tc.want...)
			if rest := client.Rest(); len(rest) > 0 {
				t.Errorf("the client was also sent %s", rest)
			}
			calls := room.called()
			if len(calls) == 0 || strings.Count(strings.Join(calls, "\n"), "leave") != 1 || !strings.HasPrefix(calls[len(calls)-1], "leave") {
				t.Errorf("the handler was called %q, want one leave at the end", calls)
			}
			if node.Log.Count("BUG:") == 0 {
				t.Error("the bug was not logged")
			}
			if got := node.PubSub.Subscribers(node.Topic("t")); got != 1 {
				t.Errorf("%d subscribers, want the other client alone", got)
			}
			other.Rest()
			other.Send(t, `["1","2","t","echo",{}]`)
			other.Expect(t, reply2)
		})
	}
}

// A bug on the way to one subscriber costs that subscriber's membership: the
// sender and the other subscribers notice nothing.
func TestABugInADelivery(t *testing.T) {
	node, room := channeltest.NewNode(t, channel.Config{}), newRoom()
	client := new(faulty)
	c := channel.New(node.Env, client, "t", channel.Options{Route: room.route})
	post(t, c, join)
	node.Settle(t)
	client.Expect(t, joined)
	client.fails = func(event string) bool { return event == "say" }

	sender, other := node.Client(t, "t", newRoom(), channel.Options{}), node.Client(t, "t", newRoom(), channel.Options{})
	for _, s := range []*channeltest.Client{sender, other} {
		s.Send(t, join)
		s.Expect(t, joined)
	}
	sender.Send(t, `["1","2","t","say",{}]`)
	say := `[null,null,"t","say",{}]`
	sender.Expect(t, say)
	other.Expect(t, say)
	node.Settle(t)
	client.Expect(t, crashed)
	if got := room.called(); got[len(got)-1] != "leave FAILED" {
		t.Errorf("the handler was called %q, want leave FAILED at the end", got)
	}
	if node.Log.Count("BUG:") != 1 {
		t.Error("the bug was not logged once")
	}
	if got := node.PubSub.Subscribers(node.Topic("t")); got != 2 {
		t.Errorf("%d subscribers, want the two others", got)
	}
}

// byValue is a handler that cannot be compared.
type byValue struct {
	channel.Handler
	menu []string
}

// One that breaks the rule that handlers can be compared is joined by nobody, and
// the others do not notice.
func TestHandlerThatCannotBeCompared(t *testing.T) {
	n := channeltest.NewNode(t, channel.Config{})
	bad := n.Client(t, "t", byValue{version("bad", nil), nil}, channel.Options{})
	bad.Send(t, join)
	n.Settle(t)
	good := n.Client(t, "t", version("good", nil), channel.Options{})
	good.Send(t, join)
	good.Expect(t, joined)
}
