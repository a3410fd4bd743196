package host_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
)

// A client that does not read, of a topic of which it need not get all: it is not
// closed, and when it reads again it gets what had left, then no more than the bound
// allows, in order, and the newest. Its own events are answered all the same.
func TestASlowClientThatIsSpared(t *testing.T) {
	for _, policy := range []socket.SlowPolicy{socket.SlowDropOldest, socket.SlowConflate} {
		t.Run(policy.String(), func(t *testing.T) {
			ofBothKinds(t, func(t *testing.T, cfg host.Config) {
				cfg.Limits = tenant.Limits{Outbox: 256 << 10, Slow: []tenant.SlowRule{{Pattern: "rooms:*", Target: policy}}}
				server := hosttest.Start(t, cfg)
				slow := dial(t, server, phxclient.Options{DialContext: smallBuffer})
				sender := dial(t, server, phxclient.Options{})
				slow.join("rooms:1")
				sender.join("rooms:1")
				slow.send(`["1","mine","rooms:2","phx_join",{}]`)
				ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
				defer cancel()
				text := strings.Repeat("x", 60_000)
				n := 0
				broadcast := func() {
					sender.send(`["1",null,"rooms:1","new:msg",{"n":%d,"at":0,"x":%q}]`, n, text)
					sender.drainTo(ctx, n)
					n++
				}
				lost := func() int64 { return server.Counts().Dropped.Load() + server.Counts().Conflated.Load() }
				for range 200 { // 12 MB, more than the kernel takes and the outbox together
					broadcast()
				}
				slow.send(`["1","late","rooms:2","phx_leave",{}]`)
				last, replies, got := -1, 0, 0
				for last < n-1 || replies < 3 {
					f, err := slow.Receive(ctx)
					if err != nil {
						t.Fatalf("after broadcast %d and %d replies: %v", last, replies, err)
					}
					if number, _, ok := numberOf(f.Data); !ok {
						replies++
					} else if number <= last {
						t.Fatalf("broadcast %d came behind %d", number, last)
					} else {
						last = number
						got++
					}
				}
				if lost := lost(); lost == 0 || int64(got)+lost != int64(n) {
					t.Errorf("%d of %d broadcasts arrived, and %d were counted as left out", got, n, lost)
				}
				slow.send(heartbeat)
				slow.expect(heartbeatReply)
				if c := server.Counts().SlowClosed.Load(); c != 0 || server.Subscribers("rooms:1") != 2 {
					t.Errorf("%d clients were closed", c)
				}
			})
		})
	}
}
