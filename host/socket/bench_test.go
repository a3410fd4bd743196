package socket_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chhost/chhost/host/channel"
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

// BenchmarkFanOut is a broadcast to many sockets: through pubsub and the
// channels into the outboxes, which a writer that is already awake empties now
// and then. What it takes to write is not in it.
func BenchmarkFanOut(b *testing.B) {
	for _, subscribers := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(subscribers), func(b *testing.B) {
			ps := pubsub.New(nil)
			env := channel.NewEnv(channel.Config{PubSub: ps, Namespace: "test"})
			encoder := &phx.Encoder{Serializer: phx.V2()}
			sockets := make([]*socket.Socket, subscribers)
			for i := range sockets {
				s := benchSocket(b, env, encoder, func() {})
				defer s.Close(socket.End{}, socket.LeaveClosed)
				if err := s.HandleFrame(context.Background(), phx.Frame{Data: []byte(join("t"))}); err != nil {
					b.Fatal(err)
				}
				sockets[i] = s
			}
			if err := env.Wait(context.Background()); err != nil {
				b.Fatal(err)
			}
			var frames [][]byte
			empty := func() {
				for _, s := range sockets {
					frames, _ = s.Next(frames)
				}
			}
			topic, payload := pubsub.Topic{Namespace: "test", Name: "t"}, phx.Bytes(make128())
			const rounds = 8 // until the outboxes are emptied
			for range 2 * rounds {
				_ = ps.Broadcast(topic, nil, phx.NewBroadcast("t", "e", payload))
			}
			empty()
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				_ = ps.Broadcast(topic, nil, phx.NewBroadcast("t", "e", payload))
				if n++; n%rounds == 0 {
					b.StopTimer()
					empty()
					b.StartTimer()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(subscribers), "ns/subscriber")
		})
	}
}
