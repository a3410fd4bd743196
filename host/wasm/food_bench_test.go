package wasm_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/wasm"
)

// BenchmarkFood is what the channel costs in each language.
func BenchmarkFood(b *testing.B) {
	modules := map[string]func() []byte{
		"c":  func() []byte { return hosttest.GuestC(b, "testdata/plugins/food-c") },
		"go": func() []byte { return hosttest.Guest(b, "plugins/food") },
	}
	for _, language := range []string{"c", "go"} {
		b.Run(language, func(b *testing.B) {
			module := modules[language]()
			p := plugin(b, module)
			say := func(n int) phx.Payload {
				return channeltest.Object(`{"say":"` + strings.Repeat("x", n-10) + `"}`)
			}
			for _, c := range []struct {
				name string
				call func(*wasm.Plugin, context.Context, *channel.Event) (channel.Result, error)
				ev   channel.Event
			}{
				{"handle_in/64B", (*wasm.Plugin).HandleIn, channel.Event{Event: "new:msg", Payload: say(64)}},
				{"handle_in/512B", (*wasm.Plugin).HandleIn, channel.Event{Event: "new:msg", Payload: say(512)}},
				{"handle_in/16KiB", (*wasm.Plugin).HandleIn, channel.Event{Event: "new:msg", Payload: say(16 << 10)}},
				{"predict/64B", (*wasm.Plugin).HandleOut, channel.Event{Event: "new:message", Payload: say(64)}},
				{"predict/16KiB", (*wasm.Plugin).HandleOut, channel.Event{Event: "new:message", Payload: say(16 << 10)}},
			} {
				b.Run(c.name, func(b *testing.B) {
					ev := c.ev
					ev.Topic, ev.SocketAssigns, ev.Now, ev.Channel = "foods:all", []byte("{}"), time.UnixMilli(1_767_225_600_123), 4711
					ctx := context.Background()
					b.ReportAllocs()
					for b.Loop() {
						if res, err := c.call(p, ctx, &ev); err != nil || len(res.Do) != 1 {
							b.Fatalf("%+v, %v", res, err)
						}
					}
					b.ReportMetric(float64(len(module)), "module-B")
				})
			}
		})
	}
}
