package socket_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
)

// BenchmarkEcho is one event from HandleFrame through the channel's turn and a
// native handler to the reply that Next returns, without a network.
func BenchmarkEcho(b *testing.B) {
	wake := make(chan struct{}, 1)
	s := benchSocket(b, nil, nil, func() { wake <- struct{}{} })
	defer s.Close(socket.End{}, socket.LeaveClosed)
	receive := func(frame []byte) {
		if err := s.HandleFrame(context.Background(), phx.Frame{Data: frame}); err != nil {
			b.Fatal(err)
		}
	}
	var frames [][]byte
	written := func() {
		<-wake
		for {
			if frames, _ = s.Next(frames); len(frames) == 0 {
				return
			}
		}
	}
	receive([]byte(join("t")))
	written()
	echo := []byte(`["1","2","t","socket",{"body":"` + string(make128()) + `"}]`)
	b.ReportAllocs()
	for b.Loop() {
		receive(echo)
		written()
	}
}

func make128() []byte {
	body := make([]byte, 128)
	for i := range body {
		body[i] = 'a' + byte(i%26)
	}
	return body
}

// benchSocket is a socket with an echo on every topic. A nil env and encoder are
// made for it alone.
func benchSocket(b *testing.B, env *channel.Env, encoder *phx.Encoder, wake func()) *socket.Socket {
	if env == nil {
		env = channel.NewEnv(channel.Config{PubSub: pubsub.New(nil), Namespace: "test"})
	}
	if encoder == nil {
		encoder = &phx.Encoder{Serializer: phx.V2()}
	}
	b.Cleanup(func() { _ = env.Wait(context.Background()) })
	h := channel.Funcs{
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return channel.Result{Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}}, nil
		},
	}.Handler()
	return socket.New(socket.Config{
		Env: env, Encoder: encoder, Wake: wake, Route: func(string) (channel.Handler, bool) { return h, true },
	})
}

// BenchmarkFanOut is a broadcast to many sockets, half of which speak each version
// of the protocol: through pubsub and the channels into the outboxes, on one core.
// Either a writer is awake already and empties them now and then, which is not
// measured; or all are idle, and it is measured until the last of the writers has
// been started, has taken its frame and has ended. What it takes to write is not in
// it.
func BenchmarkFanOut(b *testing.B) {
	for _, c := range []struct {
		name        string
		subscribers int
		idle        bool
	}{{"awake/100", 100, false}, {"awake/1000", 1000, false}, {"awake/10000", 10_000, false}, {"idle/10000", 10_000, true}} {
		b.Run(c.name, func(b *testing.B) {
			before := runtime.GOMAXPROCS(1)
			b.Cleanup(func() { runtime.GOMAXPROCS(before) })
			crowd := newCrowd(b, c.subscribers, c.idle)
			for range 2 * crowdRounds {
				crowd.broadcast()
			}
			crowd.empty()
			crowd.encoded.Store(0)
			n, spent := 0, time.Duration(0)
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				began := hosttest.CPUTime()
				crowd.broadcast()
				spent += hosttest.CPUTime() - began
				if n++; !c.idle && n%crowdRounds == 0 {
					b.StopTimer()
					crowd.empty()
					b.StartTimer()
				}
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/float64(c.subscribers), "cpu-ns/subscriber")
			b.ReportMetric(float64(crowd.encoded.Load())/float64(b.N)/2, "encodings/serializer")
		})
	}
}

// crowdRounds is how many broadcasts wait in a crowd's outboxes at most.
const crowdRounds = 8

// crowd is many sockets that have joined one topic.
type crowd struct {
	pubsub  *pubsub.PubSub
	sockets []*socket.Socket
	writers sync.WaitGroup
	encoded atomic.Int64 // broadcasts, by all serializers
	message func() *phx.Broadcast
	frames  [][]byte
}

// counting is a serializer that counts the broadcasts it encodes.
type counting struct {
	phx.Serializer
	encoded *atomic.Int64
}

func (c counting) AppendBroadcast(dst []byte, b *phx.Broadcast) ([]byte, bool, error) {
	c.encoded.Add(1)
	return c.Serializer.AppendBroadcast(dst, b)
}

// newCrowd returns sockets whose writers, if they are idle, are goroutines that take
// what waits, as a transport's do, and otherwise nobody: then they seem awake.
func newCrowd(b *testing.B, size int, idle bool) *crowd {
	payload, err := phx.Object([]byte(`{"body":"` + string(make128()[:117]) + `"}`))
	if err != nil {
		b.Fatal(err)
	}
	c := &crowd{pubsub: pubsub.New(nil), message: func() *phx.Broadcast { return phx.NewBroadcast("t", "e", payload) }}
	env := channel.NewEnv(channel.Config{PubSub: c.pubsub, Namespace: "test"})
	encoders := []*phx.Encoder{
		{Serializer: counting{phx.V1(), &c.encoded}}, {Serializer: counting{phx.V2(), &c.encoded}},
	}
	b.Cleanup(c.writers.Wait) // those of the sockets' ends
	joins := []string{`{"topic":"t","event":"phx_join","payload":{},"ref":"1"}`, join("t")}
	for i := range size {
		var s *socket.Socket
		s = benchSocket(b, env, encoders[i%2], func() {
			if idle {
				c.writers.Go(func() { take(s) })
			}
		})
		b.Cleanup(func() { s.Close(socket.End{}, socket.LeaveClosed) })
		if err := s.HandleFrame(context.Background(), phx.Frame{Data: []byte(joins[i%2])}); err != nil {
			b.Fatal(err)
		}
		c.sockets = append(c.sockets, s)
	}
	if err := env.Wait(context.Background()); err != nil {
		b.Fatal(err)
	}
	c.writers.Wait()
	return c
}

// take is a writer that throws away what it takes.
func take(s *socket.Socket) {
	var frames [][]byte
	for {
		if frames, _ = s.Next(frames); len(frames) == 0 {
			return
		}
	}
}

func (c *crowd) broadcast() {
	_ = c.pubsub.Broadcast(pubsub.Topic{Namespace: "test", Name: "t"}, nil, c.message())
	c.writers.Wait()
}

func (c *crowd) empty() {
	for _, s := range c.sockets {
		c.frames, _ = s.Next(c.frames)
	}
}
