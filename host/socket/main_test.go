package socket_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handler is the one of most tests: it answers, broadcasts, stops, fails, or
// waits, as the event's name says. Joins of topics that start with "no" are
// refused.
type handler struct {
	entered   chan struct{} // an event "wait" or "wait too" is being handled
	resume    chan struct{}
	resumeToo chan struct{}
	mu        sync.Mutex
	leaves    []channel.LeaveKind
}

func newHandler() *handler {
	return &handler{entered: make(chan struct{}), resume: make(chan struct{}), resumeToo: make(chan struct{})}
}

func (h *handler) left() []channel.LeaveKind {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.leaves)
}

func (h *handler) channel() channel.Handler {
	return channel.Funcs{
		Name: "test", AcceptBinary: true, Intercepts: []string{"shout"},
		JoinFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			if strings.HasPrefix(ev.Topic, "no") {
				return channel.Result{Status: channel.StatusError}, nil
			}
			return channel.Result{Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}}, nil
		},
		LeaveFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.leaves = append(h.leaves, ev.Leave)
			return channel.Result{}, nil
		},
		HandleInFunc: h.in,
		HandleOutFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return channel.Result{Status: channel.StatusPass, Do: []channel.Effect{channel.Push(ev.Event, ev.Payload)}}, nil
		},
	}.Handler()
}

func (h *handler) in(_ context.Context, ev *channel.Event) (channel.Result, error) {
	switch ev.Event {
	case "say", "shout":
		return channel.Result{Do: []channel.Effect{channel.Broadcast(ev.Event, ev.Payload)}}, nil
	case "stop":
		return channel.Result{Status: channel.StatusStop}, nil
	case "crash":
		return channel.Result{}, errors.New("crashed")
	case "quiet":
		return channel.Result{}, nil
	case "wait":
		h.entered <- struct{}{}
		<-h.resume
		return channel.Result{}, nil
	case "wait too":
		h.entered <- struct{}{}
		<-h.resumeToo
		return channel.Result{}, nil
	case "socket":
		p, err := phx.JSON(ev.SocketAssigns)
		return channel.Result{Reply: channel.Reply{Status: phx.StatusOK, Payload: p}}, err
	}
	return channel.Result{
		Do:    []channel.Effect{channel.Push(ev.Event, ev.Payload)},
		Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload},
	}, nil
}

// rig is a socket whose frames the test takes out by hand.
type rig struct {
	*socket.Socket
	handler *handler
	pubsub  *pubsub.PubSub
	env     *channel.Env
	log     channeltest.Log
	counts  socket.Counts
	wakes   atomic.Int64
}

// newRig returns a socket for V2 unless cfg says otherwise. Topics that start
// with "nowhere" have no route. The socket is closed when the test ends.
func newRig(t testing.TB, cfg socket.Config) *rig { return newRigAt(t, nil, cfg) }

// newRigAt is newRig with a clock, nil for the time of day.
func newRigAt(t testing.TB, now func() time.Time, cfg socket.Config) *rig {
	r := &rig{handler: newHandler(), pubsub: pubsub.New(nil)}
	r.env = channel.NewEnv(channel.Config{PubSub: r.pubsub, Namespace: "test", Now: now, Logger: r.log.Logger()})
	cfg.Env = r.env
	if cfg.Encoder == nil {
		cfg.Encoder = &phx.Encoder{Serializer: phx.V2()}
	}
	h := r.handler.channel()
	if cfg.Route == nil {
		cfg.Route = func(topic string) (channel.Handler, bool) { return h, !strings.HasPrefix(topic, "nowhere") }
	}
	if cfg.Logger == nil {
		cfg.Logger = r.log.Logger()
	}
	cfg.Wake = func() { r.wakes.Add(1) }
	cfg.Counts = &r.counts
	r.Socket = socket.New(cfg)
	t.Cleanup(func() {
		r.Close(socket.End{}, channel.LeaveClosed)
		r.settle(t)
	})
	return r
}

// settle waits until the socket's channels have come to rest.
func (r *rig) settle(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), channeltest.Deadline)
	defer cancel()
	if err := r.env.Wait(ctx); err != nil {
		t.Errorf("the channels did not come to rest: %v", err)
	}
}

func text(s string) phx.Frame { return phx.Frame{Data: []byte(s)} }

// receive hands frames of the client to the socket.
func (r *rig) receive(t testing.TB, frames ...string) {
	t.Helper()
	for _, f := range frames {
		if err := r.HandleFrame(context.Background(), text(f)); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// written takes all frames out, as a writer does, until there are none.
func (r *rig) written() (frames []string, end *socket.End) {
	var batch [][]byte
	for {
		batch, end = r.Next(batch)
		for _, f := range batch {
			frames = append(frames, string(f))
		}
		if end != nil || len(batch) == 0 {
			return frames, end
		}
	}
}

// expect waits until the channels are at rest and compares what was written.
func (r *rig) expect(t *testing.T, want ...string) {
	t.Helper()
	r.settle(t)
	got, end := r.written()
	if end != nil {
		t.Errorf("the socket has ended: %v", *end)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the client was sent\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// expectEnd wants the socket to have ended with this code, after these frames.
func (r *rig) expectEnd(t *testing.T, code int, want ...string) {
	t.Helper()
	r.settle(t)
	got, end := r.written()
	if end == nil || end.Code != code {
		t.Fatalf("the end is %v, want code %d", end, code)
	}
	if !slices.Equal(got, want) {
		t.Errorf("before the end the client was sent\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func (r *rig) expectLeft(t *testing.T, want ...channel.LeaveKind) {
	t.Helper()
	if got := r.handler.left(); !slices.Equal(got, want) {
		t.Errorf("leave was called for %v, want %v", got, want)
	}
}

func join(topic string) string { return `["1","1","` + topic + `","phx_join",{}]` }

func joined(topic string) string {
	return `["1","1","` + topic + `","phx_reply",{"status":"ok","response":{}}]`
}

func refusal(joinRef, ref, topic, reason string) string {
	return `[` + joinRef + `,` + ref + `,"` + topic + `","phx_reply",{"status":"error","response":{"reason":"` + reason + `"}}]`
}
