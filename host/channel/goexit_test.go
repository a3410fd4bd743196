package channel_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
)

// TestHandlersMayEndTheirGoroutine: a native handler that calls runtime.Goexit, as
// t.FailNow does, costs its membership, and neither what waits nor the end of the
// host: Env.Wait once waited for that goroutine for ever.
func TestHandlersMayEndTheirGoroutine(t *testing.T) {
	var leaves []channel.LeaveKind // of one turn after the other
	exit := func(_ context.Context, ev *channel.Event) (result, error) {
		if ev.Event == "exit" || string(ev.Payload.Data()) == `{"exit":true}` {
			runtime.Goexit()
		}
		return result{}, nil
	}
	h := channel.Funcs{
		JoinFunc: exit, HandleInFunc: exit,
		LeaveFunc: func(_ context.Context, ev *channel.Event) (result, error) {
			leaves = append(leaves, ev.Leave)
			runtime.Goexit()
			return result{}, nil
		},
	}.Handler()
	node := channeltest.NewNode(t, channel.Config{})
	c := node.Client(t, "t", h, channel.Options{})
	c.Send(t, `["1","1","t","phx_join",{"exit":true}]`)
	c.Expect(t, `["1","1","t","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`)
	node.Settle(t)
	c.Send(t, join)
	c.Expect(t, joined)
	c.Send(t, `["1","2","t","exit",{}]`)
	c.Expect(t, crashed)
	c.Send(t, join)
	c.Expect(t, joined)
	c.Send(t, `["1","3","t","phx_leave",{}]`)
	c.Expect(t, `["1","3","t","phx_reply",{"status":"ok","response":{}}]`, `["1","1","t","phx_close",{}]`)
	node.Settle(t)
	if len(leaves) != 2 || leaves[0] != channel.LeaveFailed || leaves[1] != channel.LeaveLeft {
		t.Errorf("leaves: %v; want that of the failure, and that of the client", leaves)
	}
}
