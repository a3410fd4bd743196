package channel_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// kept is a handler that keeps every event it is called with, and answers with
// the payload.
type kept struct {
	channel.Handler
	traits channel.Traits
	events *[]*channel.Event
}

func (k *kept) Traits() *channel.Traits { return &k.traits }

func (k *kept) HandleIn(_ context.Context, ev *channel.Event) (result, error) {
	*k.events = append(*k.events, ev)
	return result{Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}}, nil
}

// TestEventsMayBeKept: what a handler was called with stays as it was, although
// events are used again for handlers that say that they forget them.
func TestEventsMayBeKept(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		var events []*channel.Event
		plain := channel.Funcs{JoinFunc: func(context.Context, *channel.Event) (result, error) { return result{}, nil }}.Handler()
		h := &kept{plain, channel.Traits{Callbacks: channel.CallbackJoin | channel.CallbackHandleIn, ForgetsEvents: forgets}, &events}
		node := channeltest.NewNode(t, channel.Config{})
		c := node.Client(t, "t", h, channel.Options{})
		c.Send(t, join)
		c.Expect(t, joined)
		const sent = 20
		for i := range sent {
			c.Send(t, fmt.Sprintf(`["1","%d","t","e%d",{"n":%d}]`, i, i, i))
			c.Expect(t, fmt.Sprintf(`["1","%d","t","phx_reply",{"status":"ok","response":{"n":%d}}]`, i, i))
		}
		node.Settle(t)
		whole := 0
		for i, ev := range events {
			if ev.Event == fmt.Sprint("e", i) && string(ev.Payload.Data()) == fmt.Sprintf(`{"n":%d}`, i) && ev.Topic == "t" {
				whole++
			}
		}
		if !forgets && whole != sent {
			t.Errorf("%d of %d events that were kept are as they were", whole, sent)
		}
		if forgets && whole != 0 {
			t.Errorf("%d events of a handler that forgets them were not cleared", whole)
		}
	}
}
