package websocket_test

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
)

// likeLoadC is testdata/plugins/load-c as a native handler.
func likeLoadC() channel.Handler {
	return channel.Funcs{
		Name: "native", Intercepts: []string{"pass", "edit"},
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			if ev.Event == "echo" {
				return channel.Result{Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}}, nil
			}
			res := channel.Result{Do: []channel.Effect{channel.Broadcast(ev.Event, ev.Payload)}}
			if ev.Event == "new:msg" {
				res.Reply.Status = phx.StatusOK
			}
			return res, nil
		},
		HandleOutFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			rest := bytes.TrimLeft(ev.Payload.Data(), "{ \t\r\n")
			if ev.Event != "edit" || ev.Payload.IsBinary() || ev.Payload.Len() > 16<<10 || rest[0] == '}' {
				return channel.Result{Status: channel.StatusPass}, nil
			}
			edited, err := phx.Object(append([]byte(`{"seen":true,`), ev.Payload.Data()[1:]...))
			return channel.Result{Do: []channel.Effect{channel.Push(ev.Event, edited)}}, err
		},
	}.Handler()
}

// What is measured in two languages is the same work.
func TestLoadC(t *testing.T) {
	native, inC := likeLoadC(), hosttest.Plugin(t, "load-c", hosttest.GuestC(t, "testdata/plugins/load-c"))
	if got, want := inC.Traits().Intercepts, native.Traits().Intercepts; !reflect.DeepEqual(got, want) {
		t.Errorf("it intercepts %v, want %v", got, want)
	}
	large := `{"x":"` + strings.Repeat("x", 16<<10) + `"}`
	payloads := []phx.Payload{{}} // {} as a guest's is kept
	for _, text := range []string{"{ \n }", `{"a":1}`, "{\t\"a\": {}}", large} {
		payloads = append(payloads, channeltest.Object(text))
	}
	compare := func(name string, call callback, event string, payload phx.Payload) {
		ev := channel.Event{Topic: "rooms:1", Event: event, Payload: payload, SocketAssigns: []byte("{}"), Now: time.UnixMilli(0), Channel: 1}
		want, err := call(native, context.Background(), &ev)
		if err != nil {
			t.Fatalf("the native %s of %s %.20q: %v", name, event, payload.Data(), err)
		}
		if got, err := call(inC, context.Background(), &ev); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s of %s %.20q: %.300q, %v, want %.300q", name, event, payload.Data(), fmt.Sprint(got), err, fmt.Sprint(want))
		}
	}
	for _, event := range []string{"echo", "new:msg", "say", "pass", "edit"} {
		for _, payload := range payloads {
			compare("handle_in", channel.Handler.HandleIn, event, payload)
			compare("handle_out", channel.Handler.HandleOut, event, payload)
		}
		// No client may send bytes, but another plugin may.
		compare("handle_out", channel.Handler.HandleOut, event, phx.Bytes([]byte("bytes")))
		compare("handle_out", channel.Handler.HandleOut, event, phx.Bytes(nil))
	}
}

type callback = func(channel.Handler, context.Context, *channel.Event) (channel.Result, error)
