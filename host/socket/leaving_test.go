package socket_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/socket"
)

// awaitFrames waits until the socket has written so many frames, in any order
// among topics, while handlers may still be at work.
func (r *rig) awaitFrames(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for end := time.Now().Add(channeltest.Deadline); len(got) < len(want) && time.Now().Before(end); time.Sleep(time.Millisecond) {
		frames, _ := r.written()
		got = append(got, frames...)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the socket wrote\n%q\nwant\n%q", got, want)
	}
}

// A client that has left a topic may join another at once: its place is free
// when it has been answered, whatever time the handler's leave takes. But not
// for ever: as many again may be on their way out.
func TestAPlaceIsFreeWhenTheLeaveIsAnswered(t *testing.T) {
	resume := make(chan struct{})
	slow := channel.Funcs{
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		LeaveFunc: func(context.Context, *channel.Event) (channel.Result, error) {
			<-resume
			return channel.Result{}, nil
		},
	}.Handler()
	r := newRig(t, socket.Config{MaxChannels: 2, Route: func(string) (channel.Handler, bool) { return slow, true }})
	leave := func(topic string) string { return `["1","9","` + topic + `","phx_leave",{}]` }
	left := func(topic string) []string {
		return []string{`["1","9","` + topic + `","phx_reply",{"status":"ok","response":{}}]`, `["1","1","` + topic + `","phx_close",{}]`}
	}
	crowded := func(topic string) string { return refusal(`"1"`, `"1"`, topic, "too many channels joined") }

	r.receive(t, join("a"))
	r.awaitFrames(t, joined("a"))
	r.receive(t, join("b"))
	r.awaitFrames(t, joined("b"))
	r.receive(t, join("c"))
	r.awaitFrames(t, crowded("c"))
	for _, topics := range [][2]string{{"a", "c"}, {"b", "d"}} {
		r.receive(t, leave(topics[0]))
		r.awaitFrames(t, left(topics[0])...)
		r.receive(t, join(topics[1]))
		r.awaitFrames(t, joined(topics[1]))
	}
	r.receive(t, leave("c"))
	r.awaitFrames(t, left("c")...)
	r.receive(t, join("e"))
	r.awaitFrames(t, crowded("e")) // a, b and c are still on their way out
	// A topic that is joined again while it is left counts again.
	r.receive(t, join("a"), join("e"))
	r.awaitFrames(t, crowded("e"))
	close(resume)
	r.awaitFrames(t, joined("a"))
	r.settle(t)
	r.receive(t, join("e"))
	r.awaitFrames(t, crowded("e")) // d and a
}

// A topic that is being left is no way around the limit: who has taken its place
// already may not join it again as well.
func TestRejoiningWhatIsBeingLeftCounts(t *testing.T) {
	resume := make(chan struct{})
	slow := channel.Funcs{
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		LeaveFunc: func(context.Context, *channel.Event) (channel.Result, error) {
			<-resume
			return channel.Result{}, nil
		},
	}.Handler()
	r := newRig(t, socket.Config{MaxChannels: 2, Route: func(string) (channel.Handler, bool) { return slow, true }})
	for _, topic := range []string{"a", "b"} {
		r.receive(t, join(topic))
		r.awaitFrames(t, joined(topic))
	}
	for _, topics := range [][2]string{{"a", "c"}, {"b", "d"}} {
		r.receive(t, `["1","9","`+topics[0]+`","phx_leave",{}]`)
		r.awaitFrames(t, `["1","9","`+topics[0]+`","phx_reply",{"status":"ok","response":{}}]`, `["1","1","`+topics[0]+`","phx_close",{}]`)
		r.receive(t, join(topics[1]))
		r.awaitFrames(t, joined(topics[1]))
	}
	r.receive(t, join("a"), join("b"))
	close(resume)
	crowded := func(topic string) string { return refusal(`"1"`, `"1"`, topic, "too many channels joined") }
	r.awaitFrames(t, crowded("a"), crowded("b")) // c and d are joined
	r.settle(t)
}
