package longpoll_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/longpoll"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a transport in a bubble of synctest, whose requests need no network:
// time passes only while everybody waits.
type server struct {
	*longpoll.Transport
	t        *testing.T
	env      *channel.Env
	pubsub   *pubsub.PubSub
	log      channeltest.Log
	accepted []url.Values // what Accept was asked about
	// resume lets the event "wait" go on.
	resume chan struct{}

	mu     sync.Mutex
	leaves []channel.LeaveKind
}

// bubble runs a test with a transport that has ended at its end.
func bubble(t *testing.T, cfg longpoll.Config, test func(s *server)) {
	t.Helper()
	bubbleWith(t, cfg, socket.Config{}, test)
}

func bubbleWith(t *testing.T, cfg longpoll.Config, of socket.Config, test func(s *server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &server{t: t, pubsub: pubsub.New(nil), resume: make(chan struct{})}
		s.env = channel.NewEnv(channel.Config{PubSub: s.pubsub, Namespace: "test", Logger: s.log.Logger()})
		h := s.handler()
		if cfg.Accept == nil {
			cfg.Accept = func(r *http.Request) (socket.Config, error) {
				s.accepted = append(s.accepted, r.URL.Query())
				of.Env, of.Logger = s.env, s.log.Logger()
				of.Route = func(topic string) (channel.Handler, bool) {
					if topic == "panic" {
						panic("for a test")
					}
					return h, topic != "nowhere"
				}
				return of, nil
			}
		}
		cfg.Logger = s.log.Logger()
		s.Transport = longpoll.New(cfg)
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		t.Cleanup(func() {
			if err := s.Shutdown(context.Background()); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			cancel()
			running.Wait()
			if err := s.env.Wait(context.Background()); err != nil {
				t.Error(err)
			}
			if n := s.Sessions(); n != 0 {
				t.Errorf("%d sessions are left", n)
			}
		})
		test(s)
	})
}

func (s *server) handler() channel.Handler {
	return channel.Funcs{
		AcceptBinary: true,
		JoinFunc:     func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		LeaveFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.leaves = append(s.leaves, ev.Leave)
			return channel.Result{}, nil
		},
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			switch ev.Event {
			case "wait":
				<-s.resume
				return channel.Result{}, nil
			case "quiet":
				return channel.Result{}, nil
			case "push":
				return channel.Result{Do: []channel.Effect{channel.Push("push", ev.Payload)}}, nil
			}
			return channel.Result{Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}}, nil
		},
	}.Handler()
}

func (s *server) left() []channel.LeaveKind {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.leaves)
}

func (s *server) expectLeft(want ...channel.LeaveKind) {
	s.t.Helper()
	synctest.Wait()
	if got := s.left(); !slices.Equal(got, want) {
		s.t.Errorf("leave was called for %v, want %v", got, want)
	}
}

// broadcast sends an event n with a number to the subscribers of "t".
func (s *server) broadcast(n int) {
	_ = s.pubsub.Broadcast(pubsub.Topic{Namespace: "test", Name: "t"}, nil, phx.NewBroadcast("t", "n", channeltest.JSON(`{"n":`+digits(n)+`}`)))
}

func broadcastFrame(n int) string { return `[null,null,"t","n",{"n":` + digits(n) + `}]` }

func digits(n int) string { return string(must(json.Marshal(n))) }

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// response is what a request was answered.
type response struct {
	Status   int
	Token    string
	Messages []string
	Taken    *int
	Code     int
	Reason   string

	http   int
	header http.Header
	body   string
	took   time.Duration
}

// do serves a request.
func (s *server) do(r *http.Request) response {
	w := httptest.NewRecorder()
	begin := time.Now()
	s.ServeHTTP(w, r)
	res := response{http: w.Code, header: w.Result().Header, body: w.Body.String(), took: time.Since(begin)}
	if len(res.body) > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &res); err != nil {
			s.t.Errorf("the body %q: %v", res.body, err)
		}
	}
	return res
}

// request makes a request as the npm client of 1.8 does.
func request(method, token, body string) *http.Request {
	query := url.Values{"vsn": {"2.0.0"}, "token": {token}}
	r := httptest.NewRequest(method, "http://host/socket/longpoll?"+query.Encode(), strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-ndjson")
	}
	return r
}

func (s *server) get(token string) response { return s.do(request(http.MethodGet, token, "")) }

func (s *server) post(token string, lines ...string) response {
	return s.do(request(http.MethodPost, token, strings.Join(lines, "\n")))
}

// begin starts a GET; the function returned waits for its answer.
func (s *server) begin(r *http.Request) (wait func() response) {
	done := make(chan response, 1)
	go func() { done <- s.do(r) }()
	synctest.Wait()
	return func() response { return <-done }
}

// open is the token of a new session.
func (s *server) open() string {
	s.t.Helper()
	res := s.get("null")
	if res.Status != 410 || res.Token == "" || res.Messages == nil || res.http != 200 {
		s.t.Fatalf("a new session was answered %s", res.body)
	}
	return res.Token
}

// join is the token of a new session that has joined "t".
func (s *server) join() string {
	s.t.Helper()
	token := s.open()
	s.expectTaken(s.post(token, joinFrame))
	return s.expect(s.get(token), joinedFrame)
}

// expect wants a response with these messages, and returns its token.
func (s *server) expect(res response, want ...string) string {
	s.t.Helper()
	if res.http != 200 || res.Status != 200 || !slices.Equal(res.Messages, want) {
		s.t.Fatalf("answered %d %.400s, want the messages %q", res.http, res.body, want)
	}
	return res.Token
}

func (s *server) expectStatus(res response, status int) {
	s.t.Helper()
	if res.Status != status || res.http != 200 {
		s.t.Errorf("answered %d %.400s, want the status %d", res.http, res.body, status)
	}
}

func (s *server) expectTaken(res response) {
	s.t.Helper()
	if res.http != 200 || res.body != `{"status":200}` {
		s.t.Errorf(`answered %d %.400s, want {"status":200}`, res.http, res.body)
	}
	synctest.Wait()
}

const (
	joinFrame   = `["1","1","t","phx_join",{}]`
	joinedFrame = `["1","1","t","phx_reply",{"status":"ok","response":{}}]`
	echoFrame   = `["1","2","t","echo",{"a":"\"\\"}]`
	echoReply   = `["1","2","t","phx_reply",{"status":"ok","response":{"a":"\"\\"}}]`
	waitFrame   = `["1","3","t","wait",{}]`
	quietFrame  = `["1","4","t","quiet",{}]`
	heartbeat   = `[null,"5","phoenix","heartbeat",{}]`
	beatReply   = `[null,"5","phoenix","phx_reply",{"status":"ok","response":{}}]`
)
