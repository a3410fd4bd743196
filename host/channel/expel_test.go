package channel_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
)

// A thousand clients that are expelled do not all come back at once: no twentieth of the
// window sees more than a fifth of them, none comes long after it, and all are told.
func TestExpelWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := channeltest.NewNode(t, channel.Config{})
		old := released("old")
		const many, window = 1000, 10 * time.Second
		clients := make([]*channeltest.Client, many)
		for i := range clients {
			clients[i], _ = member(t, node, fmt.Sprint("t", i), old)
			clients[i].Rest()
		}
		var ended atomic.Bool
		var n int
		go func() {
			n, _ = node.Env.Expel(t.Context(), old, window)
			ended.Store(true)
		}()
		told, most := 0, 0
		for slot := 0; !ended.Load(); slot++ {
			if slot > 30 {
				t.Fatal("it takes more than half as long again")
			}
			time.Sleep(window / 20)
			synctest.Wait()
			now := 0
			for _, c := range clients {
				now += len(c.Rest())
			}
			told, most = told+now, max(most, now)
		}
		if n != many || told != many {
			t.Errorf("%d were expelled, %d were told", n, told)
		}
		if most > many/5 {
			t.Errorf("%d of %d at once", most, many)
		}
	})
}

// Those who are with another handler before their turn has come stay.
func TestExpelSparesWhoHasMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := channeltest.NewNode(t, channel.Config{})
		old, next := released("old"), released("next")
		const many = 200
		for i := range many {
			member(t, node, fmt.Sprint("t", i), old)
		}
		expelled := make(chan int)
		go func() {
			n, _ := node.Env.Expel(t.Context(), old, time.Minute)
			expelled <- n
		}()
		synctest.Wait() // the first few have been
		moved := succeed(t, node, old, next, channel.Succession{})
		if n := <-expelled; n == 0 || n == many || n+moved.Channels != many {
			t.Errorf("%d were expelled, %d moved", n, moved.Channels)
		}
	})
}
