package channeltest

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
)

// Relay is testdata/guests/served/relay.wat in Go: a handler that arranges things
// for later. name is the version's, such as "relay@1".
func Relay(name string) channel.Handler {
	const later, tick = 1, 2 // timers
	news := "relay:news"
	type result = channel.Result
	do := func(e ...channel.Effect) (result, error) { return result{Do: e}, nil }
	ok := func(e ...channel.Effect) (result, error) {
		return result{Do: e, Reply: channel.Reply{Status: phx.StatusOK}}, nil
	}
	no := func(payload string) channel.Reply {
		return channel.Reply{Status: phx.StatusError, Payload: Object(payload)}
	}
	again := func(ev *channel.Event) channel.Effect {
		return channel.SendAfter(tick, 5*time.Second, ev.Event, ev.Payload)
	}
	return channel.Funcs{
		Name: name, AcceptBinary: true, RepliesLater: true,
		JoinFunc: func(context.Context, *channel.Event) (result, error) { return result{}, nil },
		HandleInFunc: func(_ context.Context, ev *channel.Event) (result, error) {
			switch ev.Event {
			case "later":
				return do(channel.Assign(binary.LittleEndian.AppendUint32(nil, ev.Ref)), channel.SendAfter(later, time.Second, ev.Event, ev.Payload))
			case "tick":
				return ok(again(ev))
			case "stop":
				return ok(channel.Cancel(tick))
			case "listen":
				return ok(channel.Subscribe(news))
			case "mute":
				return ok(channel.Unsubscribe(news))
			case "tell":
				return ok(channel.BroadcastTo(news, "told", ev.Payload))
			case "whoami":
				return result{Reply: channel.Reply{Status: phx.StatusOK, Payload: JSON(string(ev.SocketAssigns))}}, nil
			}
			return result{Reply: no(`{"reason":"unknown event"}`)}, nil
		},
		HandleInfoFunc: func(_ context.Context, ev *channel.Event) (result, error) {
			push := channel.Push(ev.Event, ev.Payload)
			switch {
			case ev.Info == channel.InfoBroadcast:
				return do(push)
			case ev.Info == channel.InfoTimer && ev.Ref == later:
				return do(channel.ReplyTo(binary.LittleEndian.Uint32(ev.Assigns), phx.StatusOK, ev.Payload))
			case ev.Info == channel.InfoTimer:
				return do(push, again(ev))
			}
			return do()
		},
		UpgradeFunc: func(_ context.Context, ev *channel.Event) (result, error) {
			return do(channel.Push("upgraded", Object(`{"from":"`+ev.Event+`"}`)))
		},
		ConnectFunc: func(_ context.Context, ev *channel.Event) (result, error) {
			if bytes.Contains(ev.Payload.Data(), []byte("intruder")) {
				return result{Status: channel.StatusError, Reply: no(`{"reason":"unauthorized"}`)}, nil
			}
			if bytes.Contains(ev.Payload.Data(), []byte("outdated")) {
				return result{Status: channel.StatusError, Reply: no(`{"status":401,"reason":"outdated"}`)}, nil
			}
			id := channel.Reply{Status: phx.StatusOK, Payload: Object(`{"id":"users:jo"}`)}
			return result{Do: []channel.Effect{channel.Assign([]byte(`{"user":"jo"}`))}, Reply: id}, nil
		},
	}.Handler()
}
