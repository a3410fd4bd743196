package host_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/gobuild"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// A native handler beside a plugin, in a program of one's own: the plugin serves
// foods:*, and the topic "clock" is answered by Go code.
func Example() {
	clock := channel.Funcs{
		Name: "clock",
		JoinFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return channel.Result{}, nil
		},
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			now, err := phx.Object(fmt.Appendf(nil, `{"year":%d}`, ev.Now.Year()))
			return channel.Result{Reply: channel.Reply{Status: phx.StatusOK, Payload: now}}, err
		},
	}.Handler()

	module, err := gobuild.BuildModule(context.Background(), "../plugins/food")
	check(err)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	h, err := host.New(host.Config{
		Listener: listener,
		Routes: []host.Route{
			{Pattern: "foods:*", Plugin: &host.Plugin{Name: "food", Module: module}},
			{Pattern: "clock", Handler: clock},
		},
		CacheDir: "../.cache/compiled", // what was compiled once need not be again
		Now:      func() time.Time { return time.Date(2015, time.March, 24, 9, 21, 40, 0, time.UTC) },
	})
	check(err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()

	client, err := phxclient.Connect(ctx, "ws://"+listener.Addr().String()+"/socket", phxclient.ClientOptions{})
	check(err)
	foods, _, err := client.Join(ctx, "foods:all", phx.Payload{})
	check(err)
	say, err := phx.Object([]byte(`{"say":"Success!"}`))
	check(err)
	check(foods.Send(ctx, "new:msg", say))
	message, err := foods.Receive(ctx)
	check(err)
	fmt.Println(message.Event, string(message.Payload.Data()))

	times, _, err := client.Join(ctx, "clock", phx.Payload{})
	check(err)
	reply, err := times.Push(ctx, "now", phx.Payload{})
	check(err)
	fmt.Println(reply.Status, string(reply.Payload.Data()))

	client.Close()
	stop()
	check(<-ended)
	// Output:
	// new:msg {"say":"Success!"}
	// ok {"year":2015}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
