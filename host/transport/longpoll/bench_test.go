package longpoll_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/longpoll"
)

// benched is a transport with sessions that have joined one topic.
type benched struct {
	*longpoll.Transport
	env    *channel.Env
	pubsub *pubsub.PubSub
	tokens []string
}

func startBenched(b *testing.B) *benched {
	s := &benched{pubsub: pubsub.New(nil)}
	s.env = channel.NewEnv(channel.Config{PubSub: s.pubsub, Namespace: "test"})
	h := channel.Funcs{
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
	}.Handler()
	s.Transport = longpoll.New(longpoll.Config{Accept: func(*http.Request) (socket.Config, error) {
		return socket.Config{Env: s.env, Route: func(string) (channel.Handler, bool) { return h, true }}, nil
	}})
	b.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // nobody comes for what is left
		_ = s.Shutdown(ctx)
		if err := s.env.Wait(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return s
}

func (s *benched) do(b *testing.B, method, token, body string) string {
	r := request(method, token, body)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Fatalf("%s: %d %s", method, w.Code, w.Body)
	}
	return w.Body.String()
}

// tokenOf is the token in a body.
func tokenOf(body string) string {
	_, rest, _ := strings.Cut(body, `"token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

// open adds sessions whose join has been answered, with nothing waiting.
func (s *benched) open(b *testing.B, n int) {
	for range n {
		token := tokenOf(s.do(b, http.MethodGet, "null", ""))
		s.do(b, http.MethodPost, token, joinFrame)
		s.tokens = append(s.tokens, tokenOf(s.do(b, http.MethodGet, token, "")))
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// BenchmarkSessions is what a session takes between two polls, and one that has a
// message waiting: 5,000 of them that have joined a topic.
func BenchmarkSessions(b *testing.B) {
	const sessions = 5000
	s := startBenched(b)
	s.open(b, 1)
	before := heap()
	s.open(b, sessions)
	if err := s.env.Wait(context.Background()); err != nil {
		b.Fatal(err)
	}
	idle := heap()
	b.ReportMetric(float64(idle-before)/sessions, "B/session")
	_ = s.pubsub.Broadcast(pubsub.Topic{Namespace: "test", Name: "t"}, nil, phx.NewBroadcast("t", "e", channeltest.Object(`{"body":"`+strings.Repeat("x", 128)+`"}`)))
	b.ReportMetric(float64(heap()-before)/sessions, "B/session-with-a-message")
	b.ReportMetric(0, "ns/op") // of no meaning
	runtime.KeepAlive(s)
}

// discard is a response that nobody reads.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkPoll is a message to one session from the broadcast to the end of the
// poll that carries it, without a network.
func BenchmarkPoll(b *testing.B) {
	s := startBenched(b)
	s.open(b, 1)
	topic, payload := pubsub.Topic{Namespace: "test", Name: "t"}, channeltest.Object(`{"body":"`+strings.Repeat("x", 128)+`"}`)
	b.ReportAllocs()
	for b.Loop() {
		_ = s.pubsub.Broadcast(topic, nil, phx.NewBroadcast("t", "e", payload))
		w := &discard{make(http.Header)}
		s.ServeHTTP(w, request(http.MethodGet, s.tokens[0], ""))
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDelivered is a broadcast to 5,000 sessions whose polls wait, to the end
// of all polls and the begin of the next: CPU time for each message.
func BenchmarkDelivered(b *testing.B) {
	const sessions = 5000
	s := startBenched(b)
	s.open(b, sessions)
	topic, payload := pubsub.Topic{Namespace: "test", Name: "t"}, channeltest.Object(`{"body":"`+strings.Repeat("x", 128)+`"}`)
	begin := cpu()
	for b.Loop() {
		var waiting, polls sync.WaitGroup
		for i := range s.tokens {
			waiting.Add(1)
			polls.Go(func() {
				r := request(http.MethodGet, s.tokens[i], "")
				w := httptest.NewRecorder()
				waiting.Done()
				s.ServeHTTP(w, r)
				s.tokens[i] = tokenOf(w.Body.String())
			})
		}
		waiting.Wait()
		_ = s.pubsub.Broadcast(topic, nil, phx.NewBroadcast("t", "e", payload))
		polls.Wait()
	}
	b.ReportMetric(float64((cpu()-begin).Nanoseconds())/1e3/float64(b.N)/sessions, "cpu-µs/message")
}
