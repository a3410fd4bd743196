package channeltest_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func echo() channel.Handler {
	return channel.Funcs{
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return channel.Result{Do: []channel.Effect{channel.Push(ev.Event, ev.Payload), channel.Broadcast(ev.Event, ev.Payload)}}, nil
		},
		AcceptBinary: true,
	}.Handler()
}

// A conversation in the notation of the kit, from the join to a join after the
// channel has retired.
func TestConversation(t *testing.T) {
	node := channeltest.NewNode(t, channel.Config{})
	c := node.Client(t, "rooms:é", echo(), channel.Options{})
	join, joined := `["1","1","rooms:é","phx_join",{}]`, `["1","1","rooms:é","phx_reply",{"status":"ok","response":{}}]`
	c.Send(t, join)
	c.Expect(t, joined)
	c.Send(t, `["1","2","rooms:é","say",{"x": 1}]`, "!AAEBCAMxMnJvb21zOsOpYmluAQI=")
	c.Expect(t, `["1",null,"rooms:é","say",{"x": 1}]`, `[null,null,"rooms:é","say",{"x": 1}]`,
		`["1",null,"rooms:é","bin",!AQI=]`, `[null,null,"rooms:é","bin",!AQI=]`)
	node.Broadcast("rooms:é", "news", `{}`)
	c.Expect(t, `[null,null,"rooms:é","news",{}]`)
	c.Send(t, `["1","3","rooms:é","phx_leave",{}]`)
	node.Settle(t)
	if rest := c.Rest(); len(rest) != 2 || len(c.Rest()) != 0 {
		t.Errorf("the rest is %s, want the reply and the phx_close, once", rest)
	}
	// The channel has retired: the socket's answers, and a new channel.
	c.Send(t, `["1","4","rooms:é","say",{}]`, `["1","5","rooms:é","phx_leave",{}]`, join)
	c.Expect(t, `[null,"4","rooms:é","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`,
		`["1","5","rooms:é","phx_reply",{"status":"ok","response":{}}]`, joined)
	if got := len(c.HandledBytes()); got != 5 {
		t.Errorf("%d messages were handled, want 5", got)
	}
	if err := c.Post("not a frame"); err == nil {
		t.Error("a frame that is none was posted")
	}
	if err := c.Post("!*"); err == nil {
		t.Error("base64 that is none was posted")
	}
}

// failing is a test that notes its failure instead.
type failing struct {
	testing.TB
	failed string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (f *failing) Errorf(format string, args ...any) { f.failed = fmt.Sprintf(format, args...) }

// fails runs check on a test of its own and returns how that failed.
func fails(check func(testing.TB)) string {
	f := &failing{}
	done := make(chan struct{})
	go func() { defer close(done); check(f) }()
	<-done
	return f.failed
}

// The kit's checks fail when they should, and say what they have seen. Time is
// that of the bubble.
func TestTheKitFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r channeltest.Recorder
		r.Push(&phx.Message{Topic: "t", Event: "one"})
		r.Push(&phx.Message{Topic: "t", Event: "two"})
		one := `[null,null,"t","one",{}]`
		if got := fails(func(t testing.TB) { r.Expect(t, `[null,null,"t","other",{}]`) }); !strings.Contains(got, one) {
			t.Errorf("a wrong frame: %q", got)
		}
		begin := time.Now()
		if got := fails(func(t testing.TB) { r.Expect(t, `[null,null,"t","two",{}]`, one) }); !strings.Contains(got, `"two"`) {
			t.Errorf("a missing frame: %q", got)
		}
		if time.Since(begin) != channeltest.Deadline {
			t.Errorf("gave up after %v", time.Since(begin))
		}
		never := func([]channeltest.Sent) bool { return false }
		if got := fails(func(t testing.TB) { r.Wait(t, "rain", never) }); !strings.Contains(got, "rain") {
			t.Errorf("a condition that does not come: %q", got)
		}
		begin = time.Now()
		if got := fails(func(t testing.TB) { channeltest.Eventually(t, "snow", func() bool { return false }) }); !strings.Contains(got, "snow") {
			t.Errorf("what never happens: %q", got)
		}
		if took := time.Since(begin); took < channeltest.Deadline || took > channeltest.Deadline+time.Second {
			t.Errorf("gave up after %v", took)
		}
		if got := fails(func(t testing.TB) {
			channeltest.Eventually(t, "a second", func() bool { return time.Since(begin) > channeltest.Deadline+time.Second })
		}); got != "" {
			t.Errorf("what happens: %q", got)
		}
		if got := fails(func(t testing.TB) {
			node := channeltest.NewNode(&cleanups{TB: t}, channel.Config{})
			slow := channel.Funcs{JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) {
				time.Sleep(2 * channeltest.Deadline)
				return channel.Result{}, nil
			}}.Handler()
			node.Client(&cleanups{TB: t}, "t", slow, channel.Options{}).Send(t, `["1","1","t","phx_join",{}]`)
			node.Settle(t)
		}); !strings.Contains(got, "did not come to rest") {
			t.Errorf("a channel that does not come to rest: %q", got)
		}
	})
}

// cleanups is a test that never ends.
type cleanups struct{ testing.TB }

func (*cleanups) Cleanup(func()) {}

func TestLog(t *testing.T) {
	var l channeltest.Log
	l.Logger().Debug("one", "key", "value")
	l.Logger().Warn("two")
	if l.Count("key=value") != 1 || l.Count("level=") != 2 || l.Count("three") != 0 {
		t.Errorf("the log is\n%s", &l)
	}
}

func TestPayloads(t *testing.T) {
	if got := string(channeltest.JSON(`[1]`).Data()) + string(channeltest.Object(`{}`).Data()); got != "[1]{}" {
		t.Errorf("got %s", got)
	}
	defer func() {
		if r, _ := recover().(string); !strings.Contains(r, "not a JSON object") {
			t.Errorf("panic %q", r)
		}
	}()
	channeltest.Object(`[1]`)
}
