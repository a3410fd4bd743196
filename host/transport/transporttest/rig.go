package transporttest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
)

// rig is a transport that is served on loopback, with what is behind it.
type rig struct {
	ctx       context.Context
	adapter   Adapter
	patience  time.Duration
	transport socket.Transport
	server    *httptest.Server
	env       *channel.Env
	pubsub    *pubsub.PubSub
	log       channeltest.Log
	endRun    context.CancelFunc
	run       chan error
	clients   []Client
	sockets   socket.Directory

	accepted atomic.Int64
	held     atomic.Int64          // connections that were let in and not given back
	refuse   atomic.Pointer[error] // what Accept returns
	route    atomic.Pointer[func(topic string)]
	// waiting counts events "wait" that are being handled; resume lets one go on.
	waiting atomic.Int64
	resume  chan struct{}

	mu     sync.Mutex
	leaves []channel.LeaveKind
}

// socketName is what all sockets are called.
const socketName = "client"

func newRig(ctx context.Context, a Adapter, c contract, patience time.Duration) *rig {
	r := &rig{
		ctx: ctx, adapter: a, patience: patience,
		pubsub: pubsub.New(nil), run: make(chan error, 1), resume: make(chan struct{}),
	}
	r.env = channel.NewEnv(channel.Config{PubSub: r.pubsub, Namespace: "test", Logger: r.log.Logger()})
	h := r.handler()
	r.transport = a.New(Config{
		MaxFrame: c.maxFrame, Logger: r.log.Logger(),
		CheckOrigin: func(req *http.Request) bool { return req.Header.Get("Origin") != "https://elsewhere.example" },
		Accept: func(*http.Request) (socket.Config, error) {
			r.accepted.Add(1)
			if err := r.refuse.Load(); err != nil {
				return socket.Config{}, *err
			}
			r.held.Add(1)
			return socket.Config{ID: socketName, Vacate: func() { r.held.Add(-1) }, Directory: &r.sockets, Since: r.sockets.Now(), Env: r.env, Outbox: c.outbox, Logger: r.log.Logger(), Route: func(topic string) (channel.Handler, bool) {
				if route := r.route.Load(); route != nil {
					(*route)(topic)
				}
				return h, !strings.HasPrefix(topic, "nowhere")
			}}, nil
		},
	})
	r.server = httptest.NewServer(r.transport)
	running, cancel := context.WithCancel(context.Background())
	r.endRun = cancel
	go func() { r.run <- r.transport.Run(running) }()
	return r
}

// end ends everything, and says what did not end as it should.
func (r *rig) end() error {
	close(r.resume)
	for _, c := range r.clients {
		c.Abort()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), r.patience)
	defer cancel()
	var errs []error
	if err := r.shutdown(ctx); err != nil {
		errs = append(errs, err)
	}
	r.endRun()
	if err := <-r.run; err != nil {
		errs = append(errs, fmt.Errorf("Run: %w", err))
	}
	r.server.CloseClientConnections()
	r.server.Close()
	if err := r.env.Wait(ctx); err != nil {
		errs = append(errs, fmt.Errorf("channels are left: %w", err))
	}
	if n := r.held.Load(); n != 0 {
		errs = append(errs, fmt.Errorf("of the connections %d too few were given back", n))
	}
	if n := r.pubsub.Subscribers(topicOf()); n != 0 {
		errs = append(errs, fmt.Errorf("%d channels are still joined", n))
	}
	return errors.Join(errs...)
}

// shutdown calls Shutdown, which has to end with ctx at the latest.
func (r *rig) shutdown(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- r.transport.Shutdown(ctx) }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("Shutdown: %w", err)
		}
		return nil
	case <-time.After(2 * r.patience):
		return errors.New("Shutdown does not end with its context")
	}
}

func (r *rig) handler() channel.Handler {
	return channel.Funcs{
		AcceptBinary: true,
		JoinFunc:     func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		LeaveFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.leaves = append(r.leaves, ev.Leave)
			return channel.Result{}, nil
		},
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			switch ev.Event {
			case "wait":
				r.waiting.Add(1)
				<-r.resume
				return channel.Result{}, nil
			case "quiet":
				return channel.Result{}, nil
			}
			return channel.Result{Do: []channel.Effect{channel.Push(ev.Event, ev.Payload)}}, nil
		},
	}.Handler()
}

// patient is a context for one thing that has to happen.
func (r *rig) patient() (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(r.ctx, r.patience, fmt.Errorf("nothing within %v", r.patience))
}

func (r *rig) dial(vsn string, header http.Header) (Client, error) {
	ctx, cancel := r.patient()
	defer cancel()
	c, err := r.adapter.Dial(ctx, r.server.URL+"/socket", vsn, header)
	if err == nil {
		r.clients = append(r.clients, c)
	}
	return c, err
}

// join is a client of version 2 that has joined Topic.
func (r *rig) join() (Client, error) {
	c, err := r.dial("2.0.0", nil)
	if err != nil {
		return nil, err
	}
	if err := r.send(c, joinFrame(Topic)); err != nil {
		return nil, err
	}
	return c, r.expect(c, joinedFrame(Topic))
}

// send sends frames, where clients do.
func (r *rig) send(c Client, frames ...string) error {
	if r.adapter.ReadOnly {
		return nil
	}
	for _, f := range frames {
		ctx, cancel := r.patient()
		err := c.Send(ctx, phx.Frame{Data: []byte(f)})
		cancel()
		if err != nil {
			return fmt.Errorf("the client could not send %.80s: %w", f, err)
		}
	}
	return nil
}

// receive is the next frame.
func (r *rig) receive(c Client) (phx.Frame, error) {
	ctx, cancel := r.patient()
	defer cancel()
	f, err := c.Receive(ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return f, err
}

func (r *rig) expect(c Client, want ...string) error {
	for _, w := range want {
		f, err := r.receive(c)
		if err != nil {
			return fmt.Errorf("the client should have received %.200s, but: %w", w, err)
		}
		if f.Binary || string(f.Data) != w {
			return fmt.Errorf("the client should have received %.200s, not %.200q", w, f.Data)
		}
	}
	return nil
}

// expectEnd wants the client to be told this code next.
func (r *rig) expectEnd(c Client, code int) error {
	f, err := r.receive(c)
	var closed *phxclient.CloseError
	switch {
	case err == nil:
		return fmt.Errorf("the client should have been told %d, but received %.200q", code, f.Data)
	case !errors.As(err, &closed) || closed.Code != code:
		return fmt.Errorf("the client should have been told %d, but: %w", code, err)
	}
	return nil
}

// eventually waits for a condition.
func (r *rig) eventually(what string, cond func() bool) error {
	for end := time.Now().Add(r.patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("waited %v in vain for %s", r.patience, what)
		}
	}
	return nil
}

func (r *rig) left() []channel.LeaveKind {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.leaves)
}

// expectLeft wants leave to have been called for these, and is content with no more
// than that.
func (r *rig) expectLeft(want ...channel.LeaveKind) error {
	if err := r.eventually(fmt.Sprintf("leave to be called %d times", len(want)), func() bool { return len(r.left()) >= len(want) }); err != nil {
		return err
	}
	if got := r.left(); !slices.Equal(got, want) {
		return fmt.Errorf("leave was called for %v, want %v", got, want)
	}
	return nil
}

func topicOf() pubsub.Topic { return pubsub.Topic{Namespace: "test", Name: Topic} }

func (r *rig) broadcast(event string, payload phx.Payload) {
	_ = r.pubsub.Broadcast(topicOf(), nil, phx.NewBroadcast(Topic, event, payload)) // there is no adapter that could fail
}

func joinFrame(topic string) string { return `["1","1","` + topic + `","phx_join",{}]` }

func joinedFrame(topic string) string {
	return `["1","1","` + topic + `","phx_reply",{"status":"ok","response":{}}]`
}

func unmatchedFrame(ref, topic string) string {
	return `[null,"` + ref + `","` + topic + `","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`
}

const (
	heartbeat = `[null,"9","phoenix","heartbeat",{}]`
	beatReply = `[null,"9","phoenix","phx_reply",{"status":"ok","response":{}}]`
)
