package channel_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// TestNothingFollowsWait: a channel that is closed while another goroutine queues
// something, a client's frame or a timer, has had its leave when Wait returns.
// Wait once looked while that one was between the mailbox and the crew.
func TestNothingFollowsWait(t *testing.T) {
	var left atomic.Int32
	h := channel.Funcs{
		JoinFunc: func(context.Context, *channel.Event) (result, error) { return result{}, nil },
		LeaveFunc: func(context.Context, *channel.Event) (result, error) {
			left.Add(1)
			return result{}, nil
		},
	}.Handler()
	for round := range int32(2000) {
		env := channel.NewEnv(channel.Config{PubSub: pubsub.New(nil)})
		route := func(string) (channel.Handler, bool) { return h, true }
		c := channel.New(env, new(channeltest.Recorder), "t", channel.Options{Route: route})
		if err := c.Join(phx.Message{JoinRef: "1", Ref: "1", Topic: "t", Event: phx.EventJoin}, 0); err != nil {
			t.Fatal(err)
		}
		if err := env.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		started, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			close(started)
			_ = c.Handle(phx.Message{Topic: "t", Event: "e"}, 0)
		}()
		<-started
		for range round % 64 { // at another moment each time
			_ = left.Load()
		}
		c.Close(channel.LeaveClosed)
		if err := env.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := left.Load(); n != round+1 {
			t.Fatalf("round %d: Wait returned after %d of %d leaves", round, n, round+1)
		}
		<-done
	}
}
