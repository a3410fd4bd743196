package channel_test

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

const reply2 = `["1","2","t","phx_reply",{"status":"ok","response":{}}]`

// Within one call pushes and broadcasts that are not intercepted reach the own
// client in call order and before the reply.
func TestOrderWithinOneCall(t *testing.T) {
	s := joinedScene(t)
	other := s.Node.Client(t, "t", newRoom(), channel.Options{})
	other.Send(t, join)
	other.Expect(t, joined)
	s.play(t, []string{`["1","2","t","order",{}]`},
		`["1",null,"t","a",{}]`, `[null,null,"t","b",{}]`, `["1",null,"t","c",{}]`, `[null,null,"t","d",{}]`, reply2)
	other.Expect(t, `[null,null,"t","b",{}]`, `[null,null,"t","others",{}]`, `[null,null,"t","d",{}]`)
}

type nop struct{ _ byte }

func (*nop) Deliver(*phx.Broadcast, pubsub.Subscriber) {}

// The same where the broadcast reaches the own client from another goroutine,
// since there are so many subscribers that two deliver.
func TestOrderWithParallelFanOut(t *testing.T) {
	old := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(old)
	s := newScene(t, channel.Options{})
	for i := range 2500 {
		if i == 100 { // a place in the part that another goroutine delivers
			s.play(t, []string{join}, joined)
		}
		s.PubSub.Subscribe(s.Topic("t"), &nop{})
	}
	for range 50 {
		s.play(t, []string{`["1","2","t","order",{}]`},
			`["1",null,"t","a",{}]`, `[null,null,"t","b",{}]`, `["1",null,"t","c",{}]`, `[null,null,"t","d",{}]`, reply2)
	}
}

// Intercepted broadcasts pass through handle_out, so they reach the own client
// after the reply, and after what was not intercepted.
func TestInterceptedAfterTheReply(t *testing.T) {
	s := joinedScene(t)
	s.play(t, []string{`["1","2","t","shout and order",{"out":"pass"}]`},
		`["1",null,"t","a",{}]`, `[null,null,"t","b",{}]`, reply2,
		`["1",null,"t","hint",{}]`, `[null,null,"t","shout",{"out":"pass"}]`)
	s.room.expectCalls(t, "in shout and order", "out shout pass")
}

// A channel that stops gets nothing after its phx_close, also not its own
// intercepted broadcast.
func TestNothingAfterTheStop(t *testing.T) {
	s := joinedScene(t)
	s.play(t, []string{`["1","2","t","shout and stop",{}]`}, `[null,null,"t","say",{}]`, reply2, closed)
	s.room.expectCalls(t, "in shout and stop", "leave STOPPED")
}

func TestHandleOut(t *testing.T) {
	const hint = `["1",null,"t","hint",{}]`
	for _, tc := range []struct {
		out   string
		want  []string
		calls []string
	}{
		{"pass", []string{hint, `[null,null,"t","shout",{"out":"pass"}]`}, nil},
		{"replace", []string{hint}, nil},
		{"drop", nil, nil},
		{"self", []string{`["1",null,"t","self",{"self":false}]`}, nil},
		{"stop", []string{hint, closed}, []string{"leave STOPPED"}},
		{"error", []string{crashed}, []string{"leave FAILED"}},
		{"crash", []string{crashed}, []string{"leave FAILED"}},
		{"panic", []string{crashed}, []string{"leave FAILED"}},
		{"busy", []string{crashed}, []string{"leave FAILED"}},
		// One client's message must not fail the channels of all others.
		{"large", nil, nil},
	} {
		t.Run(tc.out, func(t *testing.T) {
			s := joinedScene(t)
			s.Broadcast("t", "shout", `{"out":"`+tc.out+`"}`)
			s.play(t, nil, tc.want...)
			s.room.expectCalls(t, append([]string{"out shout " + tc.out}, tc.calls...)...)
			s.expectSubscribers(t, 1-len(tc.calls))
		})
	}
}

// What is not intercepted does not wait for what is, and no guest is entered for
// it.
func TestNotInterceptedDoesNotWait(t *testing.T) {
	s := joinedScene(t)
	s.Broadcast("t", "shout", `{"out":"wait"}`)
	await(t, "handle_out", s.room.entered)
	s.Broadcast("t", "say", `{}`)
	s.Expect(t, `[null,null,"t","say",{}]`)
	s.room.resume <- struct{}{}
	s.play(t, nil)
	s.room.expectCalls(t, "out shout wait")
}

func TestHandleOutKnowsItsOwn(t *testing.T) {
	s := joinedScene(t)
	other := s.Node.Client(t, "t", newRoom(), channel.Options{})
	other.Send(t, join)
	other.Expect(t, joined)
	s.play(t, []string{`["1","2","t","shout",{"out":"self"}]`}, reply2, `["1",null,"t","self",{"self":true}]`)
	other.Expect(t, `["1",null,"t","self",{"self":false}]`)
}

// Without a list every event is intercepted, as in the guide; without handle_out
// none is, whatever the list says.
func TestIntercepts(t *testing.T) {
	s := newScene(t, channel.Options{})
	s.room.traits.Intercepts = nil
	s.play(t, []string{join, `["1","2","t","say",{}]`}, joined, reply2, `["1",null,"t","hint",{}]`)
	s.room.expectCalls(t, "join ", "in say", "out say ")

	s = newScene(t, channel.Options{})
	s.room.traits.Callbacks &^= channel.CallbackHandleOut
	s.play(t, []string{join, `["1","2","t","shout",{}]`}, joined, `[null,null,"t","shout",{}]`, reply2)
	s.room.expectCalls(t, "join ", "in shout")
}

// hooked is a client that does something while it is sent a frame.
type hooked struct {
	channeltest.Recorder
	reply, broadcast func()
}

func (h *hooked) Reply(r *phx.Reply) {
	if h.reply != nil {
		h.reply()
	}
	h.Recorder.Reply(r)
}

func (h *hooked) Broadcast(b *phx.Broadcast) {
	if h.broadcast != nil {
		h.broadcast()
	}
	h.Recorder.Broadcast(b)
}

// elsewhere runs f on another goroutine and returns when it has ended.
func elsewhere(f func()) {
	var wg sync.WaitGroup
	wg.Go(f)
	wg.Wait()
}

// A broadcast that has found the channel joined is on its way to the client when
// the client leaves: the phx_close waits for it, since nothing may come after.
func TestTheEndWaitsForADeliveryUnderWay(t *testing.T) {
	node, room := channeltest.NewNode(t, channel.Config{}), newRoom()
	h := new(hooked)
	c := channel.New(node.Env, h, "t", channel.Options{Route: room.route})
	post(t, c, join)
	h.Expect(t, joined)
	sending, goOn := make(chan struct{}), make(chan struct{})
	h.broadcast = func() {
		sending <- struct{}{}
		<-goOn
	}
	var wg sync.WaitGroup
	wg.Go(func() { node.Broadcast("t", "say", `{}`) })
	await(t, "the delivery", sending)
	post(t, c, leave)
	for node.PubSub.Subscribers(node.Topic("t")) > 0 {
		runtime.Gosched()
	}
	for range 1000 { // the leave has begun; let it go as far as it can
		runtime.Gosched()
	}
	close(goOn)
	wg.Wait()
	node.Settle(t)
	h.Expect(t, `[null,null,"t","say",{}]`, leftOK, closed)
}

// What is broadcast between the subscription and the join's reply is held back
// and follows the reply, before what join did; what is broadcast while that is
// let through follows it. One sender's order is kept.
func TestBroadcastsAreHeldBehindTheJoinsReply(t *testing.T) {
	node, room := channeltest.NewNode(t, channel.Config{}), newRoom()
	h := new(hooked)
	numbers := 0
	send := func(event string) {
		numbers++
		node.Broadcast("t", event, `{"out":"number","n":`+strconv.Itoa(numbers)+`}`)
	}
	h.reply = func() { elsewhere(func() { send("say"); send("shout"); send("say") }) }
	h.broadcast = func() {
		if numbers < 6 {
			elsewhere(func() { send("say") })
		}
	}
	c := channel.New(node.Env, h, "t", channel.Options{Route: room.route})
	m, _ := phx.V2().Decode(phx.Frame{Data: []byte(`["1","1","t","phx_join",{"do":"announce"}]`)})
	if err := c.Join(m, 1); err != nil {
		t.Fatal(err)
	}
	node.Settle(t)
	say := func(n int) string { return fmt.Sprintf(`[null,null,"t","say",{"out":"number","n":%d}]`, n) }
	h.Expect(t, joined, say(1), say(3), say(4), say(5), say(6),
		`["1",null,"t","welcome",{}]`, `[null,null,"t","entered",{}]`, `["1",null,"t","hint",{}]`,
		`["1",null,"t","shout",{"out":"number","n":2}]`)
	c.Close(channel.LeaveClosed)
}

// More broadcasts than fit, before the join's reply is out: the client has
// joined and is told at once that it has to join again.
func TestTooManyHeldBroadcasts(t *testing.T) {
	for _, tc := range []struct {
		event    string
		n        int
		overflow bool
	}{
		{"say", channel.MailboxBroadcasts, false},
		{"shout", channel.MailboxBroadcasts, false},
		{"say", channel.MailboxBroadcasts + 1, true},
		{"shout", channel.MailboxBroadcasts + 10, true},
	} {
		t.Run(fmt.Sprintf("%d of %s", tc.n, tc.event), func(t *testing.T) {
			node, room := channeltest.NewNode(t, channel.Config{}), newRoom()
			h := new(hooked)
			h.reply = func() {
				elsewhere(func() {
					for range tc.n {
						node.Broadcast("t", tc.event, `{"out":"number"}`)
					}
				})
			}
			c := channel.New(node.Env, h, "t", channel.Options{Route: room.route})
			m, _ := phx.V2().Decode(phx.Frame{Data: []byte(join)})
			if err := c.Join(m, 1); err != nil {
				t.Fatal(err)
			}
			node.Settle(t)
			h.Expect(t, joined)
			rest := h.Rest()
			if tc.overflow {
				if len(rest) == 0 || rest[len(rest)-1] != crashed || strings.Count(strings.Join(rest, "\n"), "phx_") != 1 {
					t.Errorf("after the join the client was sent %s, want one phx_error at the end", rest)
				}
				if calls := room.called(); calls[len(calls)-1] != "leave FAILED" {
					t.Errorf("the handler was called %s", calls)
				}
			} else if len(rest) != tc.n {
				t.Errorf("the client was sent %d broadcasts, want %d", len(rest), tc.n)
			}
			c.Close(channel.LeaveClosed)
		})
	}
}

// TestJoinsAmidBroadcasts joins, speaks and leaves while others broadcast all
// the time: of every membership the join's reply comes first and the phx_close
// last, and every broadcaster's numbers come in order.
func TestJoinsAmidBroadcasts(t *testing.T) {
	s := newScene(t, channel.Options{})
	var stop atomic.Bool
	var wg sync.WaitGroup
	// A member for whom too many intercepted broadcasts wait is ended, and on a machine
	// that stands still for a while three senders make any number of them: they have a
	// share for each membership, small enough for two shares of all to wait.
	var member atomic.Int64
	const share = channel.MailboxBroadcasts / 8
	for sender := range 3 {
		wg.Go(func() {
			for n, of, left := 1, int64(-1), 0; !stop.Load(); {
				if now := member.Load(); now != of {
					of, left = now, share
				}
				if left > 0 {
					event := []string{"say", "shout"}[sender%2]
					s.Broadcast("t", event, fmt.Sprintf(`{"out":"number","from":"%d","n":"%d"}`, sender, n))
					n++
					left--
				}
				runtime.Gosched()
			}
		})
	}
	seen := 0
	for n := range 300 {
		member.Store(int64(n))
		ref := strconv.Itoa(n)
		s.Send(t, `["`+ref+`","`+ref+`","t","phx_join",{}]`)
		s.Wait(t, "the join's reply", func(sent []channeltest.Sent) bool {
			for ; seen < len(sent); seen++ {
				if f := sent[seen]; f.Event == phx.EventReply && string(f.Ref) == strconv.Quote(ref) {
					return true
				}
			}
			return false
		})
		if n%2 == 0 {
			s.Send(t, `["`+ref+`",null,"t","phx_leave",{}]`)
		} else {
			s.Send(t, `["`+ref+`",null,"t","crash",{}]`)
		}
		s.Rest()
	}
	stop.Store(true)
	wg.Wait()
	s.Settle(t)
	s.expectSubscribers(t, 0)
	checkNumbers(t, s.Sent())
}

// checkNumbers wants every frame to be within the membership that it belongs to,
// and the numbers of each sender to go up.
func checkNumbers(t *testing.T, sent []channeltest.Sent) {
	t.Helper()
	in := phx.Ref("")
	last := map[string]int{}
	for i, f := range sent {
		switch {
		case f.Event == phx.EventReply && f.Ref == f.JoinRef:
			if in != "" {
				t.Fatalf("frame %d: %v while %s is joined", i, f, in)
			}
			in = f.JoinRef
		case f.Event == phx.EventClose || f.Event == phx.EventError:
			if f.JoinRef != in {
				t.Fatalf("frame %d: %v while %s is joined", i, f, in)
			}
			in = ""
		case f.Event == phx.EventReply: // to a leave, behind which comes its phx_close
			if f.JoinRef != in || i+1 == len(sent) || sent[i+1].Event != phx.EventClose {
				t.Fatalf("frame %d: %v while %s is joined", i, f, in)
			}
		default:
			p := channeltest.Object(f.Payload)
			from := field(p, "from")
			if in == "" || f.JoinRef != "" && f.JoinRef != in {
				t.Fatalf("frame %d: %v while %q is joined", i, f, in)
			}
			n, _ := strconv.Atoi(field(p, "n"))
			if n <= last[from] {
				t.Fatalf("frame %d: %v came after number %d of the same sender", i, f, last[from])
			}
			last[from] = n
		}
	}
}
