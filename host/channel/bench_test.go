package channel_test

import (
	"context"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

// payload128 is a JSON object of 128 bytes.
const payload128 = `{"user":"Zoë","body":"The quick brown fox jumps over the lazy dog, and again, and once more.","at":1700000000123,"n":[1,22,33]}`

// benchClient is the client of a measured channel: a socket whose frames are
// taken out by hand. It holds the first event of a batch back until the others
// wait behind it, and takes the time of all on the channel's own turn, so that
// nothing is in it but the way from the mailbox to the last effect.
type benchClient struct {
	*socket.Socket
	channel *channel.Channel
	hold    bool
	open    chan struct{} // a batch may begin
	done    chan struct{} // it has ended
	left    int           // events of it that are not through
	replies bool          // the last effect of an event is its reply, not its broadcast
	arrived func()        // is told of what a broadcast became
	began   time.Duration // when the batch did, as hosttest.CPUTime
	spent   time.Duration
	frames  [][]byte
}

// batch is as many events as may wait.
const batch = channel.MailboxEvents

func (c *benchClient) Handled(size int) {
	if c.hold && c.left == 0 {
		<-c.open
		c.left, c.began = batch, hosttest.CPUTime()
	}
	c.Socket.Handled(size)
}

func (c *benchClient) Reply(r *phx.Reply) {
	c.Socket.Reply(r)
	if c.replies {
		c.through()
	}
}

func (c *benchClient) Broadcast(b *phx.Broadcast) {
	c.Socket.Broadcast(b)
	if !c.replies {
		c.through()
	}
	c.arrived()
}

func (c *benchClient) Push(m *phx.Message) {
	c.Socket.Push(m)
	c.arrived()
}

func (c *benchClient) through() {
	if !c.hold {
		return // the join
	}
	if c.left--; c.left == 0 {
		c.spent += hosttest.CPUTime() - c.began
		c.done <- struct{}{}
	}
}

// empty takes out what waits, so that the outbox's bound is not met.
func (c *benchClient) empty() (frames int) {
	for {
		c.frames, _ = c.Next(c.frames)
		if len(c.frames) == 0 {
			return frames
		}
		frames += len(c.frames)
	}
}

// benchNode is where measured channels live.
type benchNode struct {
	*channeltest.Node
	encoder *phx.Encoder
}

func newBenchNode(b *testing.B) *benchNode {
	if len(payload128) != 128 {
		b.Fatalf("the payload has %d bytes", len(payload128))
	}
	return &benchNode{channeltest.NewNode(b, channel.Config{}), &phx.Encoder{Serializer: phx.V2()}}
}

// join returns a client that has joined topic, which h serves.
func (n *benchNode) join(b *testing.B, topic string, h channel.Handler) *benchClient {
	c := &benchClient{open: make(chan struct{}), done: make(chan struct{}), arrived: func() {}}
	route := func(string) (channel.Handler, bool) { return h, true }
	c.Socket = socket.New(socket.Config{Env: n.Env, Encoder: n.encoder, Route: route, Wake: func() {}, Outbox: 16 << 20})
	c.channel = channel.New(n.Env, c, topic, channel.Options{Route: route, SocketAssigns: []byte("{}")})
	b.Cleanup(func() { c.channel.Close(channel.LeaveClosed) })
	if err := c.channel.Join(phx.Message{JoinRef: `"1"`, Ref: `"1"`, Topic: topic, Event: phx.EventJoin, Payload: channeltest.Object("{}")}, 0); err != nil {
		b.Fatal(err)
	}
	n.Settle(b)
	if c.empty() != 1 {
		b.Fatal("the join was not answered")
	}
	return c
}

// onOneCore makes goroutines run one after the other, as they do on a busy machine.
func onOneCore(b *testing.B) {
	before := runtime.GOMAXPROCS(1)
	b.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// broadcasts is a native handler that broadcasts what it is sent, and replies {} too if
// it is asked to.
func broadcasts(reply bool) channel.Handler {
	return channel.Funcs{
		Name:     "native",
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			res := channel.Result{Do: []channel.Effect{channel.Broadcast(ev.Event, ev.Payload)}}
			if reply {
				res.Reply.Status = phx.StatusOK
			}
			return res, nil
		},
	}.Handler()
}

// BenchmarkHandleIn is one event from the mailbox to the last effect, for a
// native handler and for plugins: new:msg of the food channel is a broadcast,
// that of the rooms a broadcast and a reply.
func BenchmarkHandleIn(b *testing.B) {
	inC := func(dir string) func(*testing.B) channel.Handler {
		return func(b *testing.B) channel.Handler { return hosttest.Plugin(b, "bench", hosttest.GuestC(b, dir)) }
	}
	inGo := func(dir string) func(*testing.B) channel.Handler {
		return func(b *testing.B) channel.Handler { return hosttest.Plugin(b, "bench", hosttest.Guest(b, dir)) }
	}
	native := func(reply bool) func(*testing.B) channel.Handler {
		return func(*testing.B) channel.Handler { return broadcasts(reply) }
	}
	large := `{"body":"` + strings.Repeat("x", 16<<10) + `"}`
	for _, c := range []struct {
		name    string
		handler func(*testing.B) channel.Handler
		replies bool
		payload string
	}{
		{"food/native", native(false), false, payload128},
		{"food/c", inC("testdata/plugins/food-c"), false, payload128},
		{"food/go", inGo("plugins/food"), false, payload128},
		{"rooms/native", native(true), true, payload128},
		{"rooms/c", inC("testdata/plugins/load-c"), true, payload128},
		{"rooms/go", inGo("testdata/plugins/rooms"), true, payload128},
		{"large/c", inC("testdata/plugins/load-c"), true, large},
		{"large/go", inGo("testdata/plugins/rooms"), true, large},
	} {
		b.Run(c.name, func(b *testing.B) {
			client := newBenchNode(b).join(b, "foods:all", c.handler(b))
			client.replies, client.hold = c.replies, true
			measureEvents(b, client, phx.Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "foods:all", Event: "new:msg", Payload: channeltest.Object(c.payload)})
		})
	}
}

func measureEvents(b *testing.B, c *benchClient, m phx.Message) {
	waiting, events := 0, 0
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N || waiting > 0; n++ { // whole batches
		if err := c.channel.Handle(m, m.Payload.Len()); err != nil {
			b.Fatal(err)
		}
		if waiting++; waiting < batch {
			continue
		}
		c.open <- struct{}{}
		<-c.done
		events += waiting
		waiting = 0
		c.empty()
	}
	b.ReportMetric(float64(c.spent.Nanoseconds())/float64(events), "cpu-ns/event")
}

// BenchmarkIntercept is a broadcast to many channels, of which each asks its
// handler about it, against one that none of them intercepts: until the last frame
// is in its outbox, on one core.
func BenchmarkIntercept(b *testing.B) {
	const subscribers = 1000
	for _, c := range []struct {
		name  string
		guest bool
		event string
	}{
		{"native/say", false, "say"}, {"native/pass", false, "pass"},
		{"c/say", true, "say"}, {"c/pass", true, "pass"}, {"c/edit", true, "edit"},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := passes()
			if c.guest {
				h = hosttest.Plugin(b, "bench", hosttest.GuestC(b, "testdata/plugins/load-c"))
			}
			onOneCore(b)
			node := newBenchNode(b)
			clients := make([]*benchClient, subscribers)
			var frames atomic.Int64
			all := make(chan struct{}, 1)
			for i := range clients {
				clients[i] = node.join(b, "t", h)
				clients[i].arrived = func() {
					if frames.Add(1)%subscribers == 0 {
						all <- struct{}{}
					}
				}
			}
			var spent time.Duration
			b.ReportAllocs()
			for b.Loop() {
				began := hosttest.CPUTime()
				node.Broadcast("t", c.event, payload128)
				<-all
				spent += hosttest.CPUTime() - began
				b.StopTimer()
				for _, client := range clients {
					if client.empty() != 1 {
						b.Fatal("a subscriber did not get the broadcast")
					}
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/subscribers, "cpu-ns/subscriber")
		})
	}
}

// passes is a native handler that lets the broadcasts pass which it intercepts.
func passes() channel.Handler {
	return channel.Funcs{
		Name: "native", Intercepts: []string{"pass"},
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		HandleOutFunc: func(context.Context, *channel.Event) (channel.Result, error) {
			return channel.Result{Status: channel.StatusPass}, nil
		},
	}.Handler()
}
