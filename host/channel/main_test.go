package channel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Frames that many tests send and expect, for join_ref "1".
const (
	join     = `["1","1","t","phx_join",{}]`
	joined   = `["1","1","t","phx_reply",{"status":"ok","response":{}}]`
	leave    = `["1","9","t","phx_leave",{}]`
	leftOK   = `["1","9","t","phx_reply",{"status":"ok","response":{}}]`
	closed   = `["1","1","t","phx_close",{}]`
	crashed  = `["1","1","t","phx_error",{"reason":"channel_crash"}]`
	unjoined = `[null,"2","t","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`
)

// room is a handler whose calls are kept and that does what its input asks for:
// a join what its payload's "do" says, an event what its name says, a broadcast
// on its way out what its payload's "out" says.
type room struct {
	mu    sync.Mutex
	calls []string
	// A callback that is asked to wait says so in entered and goes on when
	// resume yields.
	entered, resume chan struct{}
	traits          channel.Traits
}

func newRoom() *room {
	return &room{
		entered: make(chan struct{}), resume: make(chan struct{}),
		traits: channel.Traits{
			Name:       "room",
			Callbacks:  channel.CallbackJoin | channel.CallbackLeave | channel.CallbackHandleIn | channel.CallbackHandleOut,
			Intercepts: map[string]struct{}{"shout": {}},
		},
	}
}

// Errors and panics of the room.
var errRoom = errors.New("the room failed")

func (r *room) Traits() *channel.Traits { return &r.traits }

// route leads to the room, whatever the topic.
func (r *room) route(string) (channel.Handler, bool) { return r, true }

func (r *room) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf(format, args...))
}

// called returns the calls since it was last called.
func (r *room) called() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

func (r *room) expectCalls(t *testing.T, want ...string) {
	t.Helper()
	if got := r.called(); !slices.Equal(got, want) {
		t.Errorf("the handler was called\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func (r *room) wait() {
	r.entered <- struct{}{}
	<-r.resume
}

func field(p phx.Payload, name string) string {
	var fields map[string]any
	if p.IsBinary() || json.Unmarshal(p.Data(), &fields) != nil {
		return ""
	}
	text, _ := fields[name].(string)
	return text
}

func okReply(p phx.Payload) channel.Reply { return channel.Reply{Status: phx.StatusOK, Payload: p} }

func reason(text string) channel.Reply {
	return channel.Reply{Status: phx.StatusError, Payload: channeltest.Object(`{"reason":"` + text + `"}`)}
}

func (r *room) Join(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	do := field(ev.Payload, "do")
	r.note("join %s", do)
	res := channel.Result{Do: []channel.Effect{channel.Push("welcome", phx.Payload{})}}
	switch do {
	case "refuse":
		res.Status, res.Reply = channel.StatusError, reason("unauthorized")
	case "refuse silently":
		res.Status = channel.StatusError
	case "ignore":
		res.Status = channel.StatusIgnore
	case "crash":
		return res, errRoom
	case "panic":
		panic("the room panicked")
	case "busy":
		return res, fmt.Errorf("wrapped: %w", &channel.Refusal{Reason: phx.ReasonBusy, RetryAfter: 1500 * time.Microsecond})
	case "wait":
		r.wait()
	case "wait, refuse":
		r.wait()
		res.Status, res.Reply = channel.StatusError, reason("unauthorized")
	case "block":
		close(r.entered)
		<-ctx.Done()
		return res, ctx.Err()
	case "greet":
		res.Reply = okReply(channeltest.JSON(`[1,"two"]`))
	case "announce":
		res.Do = append(res.Do, channel.Broadcast("entered", phx.Payload{}), channel.Push("hint", phx.Payload{}))
	default:
		res.Do = nil
	}
	return res, nil
}

var leaveKinds = map[channel.LeaveKind]string{
	channel.LeaveLeft: "LEFT", channel.LeaveClosed: "CLOSED", channel.LeaveReplaced: "REPLACED", channel.LeaveShutdown: "SHUTDOWN",
	channel.LeaveStopped: "STOPPED", channel.LeaveFailed: "FAILED", channel.LeaveKicked: "KICKED",
}

func (r *room) Leave(_ context.Context, ev *channel.Event) (channel.Result, error) {
	r.note("leave %s", leaveKinds[ev.Leave])
	var res channel.Result
	switch string(ev.Assigns) {
	case "leave pushes":
		res.Do = []channel.Effect{channel.Push("bye", phx.Payload{}), channel.Broadcast("left", phx.Payload{})}
	case "leave errs":
		res = channel.Result{Status: channel.StatusError, Do: []channel.Effect{channel.Broadcast("left", phx.Payload{})}}
	case "leave crashes":
		return channel.Result{Do: []channel.Effect{channel.Broadcast("left", phx.Payload{})}}, errRoom
	case "leave panics":
		panic("the room panicked")
	case "leave waits":
		r.wait()
	}
	return res, nil
}

func (r *room) HandleIn(ctx context.Context, ev *channel.Event) (channel.Result, error) {
	r.note("in %s", ev.Event)
	res := channel.Result{Do: []channel.Effect{channel.Push("a", phx.Payload{})}, Reply: okReply(phx.Payload{})}
	switch ev.Event {
	case "echo":
		return channel.Result{Reply: okReply(ev.Payload)}, nil
	case "quiet":
		return channel.Result{}, nil
	case "assign":
		return channel.Result{Do: []channel.Effect{channel.Assign([]byte("lost")), channel.Assign([]byte(field(ev.Payload, "to")))}}, nil
	case "assigns":
		return channel.Result{Reply: okReply(channeltest.JSON(fmt.Sprintf("%q", ev.Assigns)))}, nil
	case "order":
		res.Do = append(res.Do, channel.Broadcast("b", phx.Payload{}), channel.Push("c", phx.Payload{}),
			channel.BroadcastFrom("others", phx.Payload{}), channel.Broadcast("d", phx.Payload{}))
	case "say", "shout":
		return channel.Result{Do: []channel.Effect{channel.Broadcast(ev.Event, ev.Payload)}, Reply: okReply(phx.Payload{})}, nil
	case "shout and order":
		res.Do = []channel.Effect{channel.Broadcast("shout", ev.Payload), channel.Push("a", phx.Payload{}), channel.Broadcast("b", phx.Payload{})}
	case "no":
		res.Reply = reason("no")
	case "stop":
		res.Status = channel.StatusStop
	case "shout and stop":
		res.Status, res.Do = channel.StatusStop, []channel.Effect{channel.Broadcast("shout", phx.Payload{}), channel.Broadcast("say", phx.Payload{})}
	case "error":
		res.Status = channel.StatusError
	case "crash":
		return res, errRoom
	case "panic":
		panic("the room panicked")
	case "busy":
		return res, &channel.Refusal{Reason: phx.ReasonBusy, RetryAfter: time.Second}
	case "wait":
		r.wait()
	case "block":
		close(r.entered)
		<-ctx.Done()
		return res, ctx.Err()
	}
	return res, nil
}

func (r *room) HandleOut(_ context.Context, ev *channel.Event) (channel.Result, error) {
	do := field(ev.Payload, "out")
	r.note("out %s %s", ev.Event, do)
	res := channel.Result{Do: []channel.Effect{channel.Push("hint", phx.Payload{})}}
	switch do {
	case "pass":
		res.Status = channel.StatusPass
	case "stop":
		res.Status = channel.StatusStop
	case "error":
		res.Status = channel.StatusError
	case "crash":
		return res, errRoom
	case "panic":
		panic("the room panicked")
	case "busy":
		return res, &channel.Refusal{Reason: phx.ReasonBusy}
	case "large":
		return res, &channel.Refusal{Reason: phx.ReasonPayloadTooLarge}
	case "drop":
		res.Do = nil
	case "wait":
		r.wait()
		res.Do = nil
	case "self":
		res.Do = []channel.Effect{channel.Push("self", channeltest.Object(fmt.Sprintf(`{"self":%v}`, ev.Self)))}
	case "number":
		res.Do = []channel.Effect{channel.Push(ev.Event, ev.Payload)}
	}
	return res, nil
}

func (r *room) HandleInfo(context.Context, *channel.Event) (channel.Result, error) {
	return channel.Result{}, nil
}

// scene is a node with one client of the room, on topic "t".
type scene struct {
	*channeltest.Node
	*channeltest.Client
	room *room
}

func newScene(t *testing.T, opts channel.Options) *scene {
	s := &scene{Node: channeltest.NewNode(t, channel.Config{}), room: newRoom()}
	s.Client = s.Node.Client(t, "t", s.room, opts)
	return s
}

// joinedScene is a scene whose client has joined with join_ref "1".
func joinedScene(t *testing.T) *scene {
	t.Helper()
	s := newScene(t, channel.Options{})
	s.Send(t, join)
	s.Expect(t, joined)
	s.room.called()
	return s
}

// play sends frames, waits until all is done, and expects exactly these.
func (s *scene) play(t *testing.T, frames []string, want ...string) {
	t.Helper()
	s.Send(t, frames...)
	s.Settle(t)
	s.Expect(t, want...)
	if rest := s.Rest(); len(rest) > 0 {
		t.Errorf("the client was also sent %s", rest)
	}
}

func (s *scene) expectSubscribers(t *testing.T, want int) {
	t.Helper()
	if got := s.PubSub.Subscribers(s.Topic("t")); got != want {
		t.Errorf("%d subscribers, want %d", got, want)
	}
}

// await receives from c before the kit's deadline.
func await[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(channeltest.Deadline):
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}

// describe is everything that a handler sees of an event.
func describe(ev channel.Event) string {
	return fmt.Sprintf("%d %s %q %s assigns %q of the socket %s at %d, %s, wants a reply: %v, self: %v", ev.Channel, ev.Topic, ev.Event,
		ev.Payload.Data(), ev.Assigns, ev.SocketAssigns, ev.Now.UnixMilli(), leaveKinds[ev.Leave], ev.WantsReply, ev.Self)
}
