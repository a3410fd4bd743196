package host_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// nativeLeaves is testdata/guests/served/leaves.wat in Go.
func nativeLeaves(log *channeltest.Log) channel.Handler {
	return channel.Funcs{
		JoinFunc: func(context.Context, *event) (result, error) { return do() },
		LeaveFunc: func(_ context.Context, ev *event) (result, error) {
			log.Logger().Info(fmt.Sprintf("left %d", ev.Leave))
			return do()
		},
		HandleInFunc: func(_ context.Context, ev *event) (result, error) {
			switch ev.Event {
			case "stop":
				return result{Status: channel.StatusStop}, nil
			case "trap":
				return result{}, errors.New("trapped")
			}
			return result{Reply: ok(fields{})}, nil
		},
	}.Handler()
}

// TestEveryLeaveKind ends a channel in each way there is, and looks at what its
// handler was told: once, and the right kind.
func TestEveryLeaveKind(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), deployDeadline)
	defer cancel()
	ends := map[channel.LeaveKind]func(*testing.T, *hosttest.Server, *phxclient.Client, *phxclient.Channel){
		channel.LeaveLeft: func(t *testing.T, _ *hosttest.Server, _ *phxclient.Client, c *phxclient.Channel) {
			if err := c.Leave(ctx); err != nil {
				t.Error(err)
			}
		},
		channel.LeaveClosed:   func(_ *testing.T, _ *hosttest.Server, client *phxclient.Client, _ *phxclient.Channel) { client.Close() },
		channel.LeaveReplaced: nil, // by a raw connection, see below
		channel.LeaveShutdown: func(t *testing.T, s *hosttest.Server, _ *phxclient.Client, _ *phxclient.Channel) {
			if err := s.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		},
		channel.LeaveStopped: func(t *testing.T, _ *hosttest.Server, _ *phxclient.Client, c *phxclient.Channel) {
			if err := c.Send(ctx, "stop", phx.Payload{}); err != nil {
				t.Error(err)
			}
		},
		channel.LeaveFailed: func(t *testing.T, _ *hosttest.Server, _ *phxclient.Client, c *phxclient.Channel) {
			if err := c.Send(ctx, "trap", phx.Payload{}); err != nil {
				t.Error(err)
			}
		},
		channel.LeaveKicked: func(t *testing.T, s *hosttest.Server, _ *phxclient.Client, _ *phxclient.Channel) {
			if n := s.Kick("a"); n != 1 {
				t.Errorf("%d channels were kicked, want 1", n)
			}
		},
	}
	for kind, end := range ends {
		for _, version := range []string{"1.0.0", "2.0.0"} {
			for _, of := range []string{"native", "wasm"} {
				t.Run(fmt.Sprint(kind, "/", version, "/", of), func(t *testing.T) {
					log := new(channeltest.Log)
					route := host.Route{Pattern: "*", Handler: nativeLeaves(log)}
					if of == "wasm" {
						route = host.Route{Pattern: "*", Plugin: &host.Plugin{Name: "leaves", Module: assembled(t, "served/leaves")}}
					}
					s := hosttest.Start(t, host.Config{Routes: []host.Route{route}, Logger: log.Logger()})
					if kind == channel.LeaveReplaced {
						replaceByJoining(ctx, t, s, version)
					} else {
						client := s.Connect(t, phxclient.ClientOptions{Options: phxclient.Options{Version: version}})
						joined, _, err := client.Join(ctx, "a", phx.Payload{})
						if err != nil {
							t.Fatal(err)
						}
						end(t, s, client, joined)
					}
					told := fmt.Sprintf("left %d", kind)
					for log.Count(told) == 0 && ctx.Err() == nil {
						time.Sleep(time.Millisecond)
					}
					if all, right := log.Count("left "), log.Count(told); all != 1 || right != 1 {
						t.Errorf("leave was called %d times, %d of them with kind %d:\n%s", all, right, kind, log)
					}
				})
			}
		}
	}
}

// replaceByJoining joins a topic twice on one connection, which a Client would
// not do.
func replaceByJoining(ctx context.Context, t *testing.T, s *hosttest.Server, version string) {
	t.Helper()
	conn, err := phxclient.Dial(ctx, s.Socket, phxclient.Options{Version: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Abort)
	for _, ref := range []string{"1", "2"} {
		frame := fmt.Sprintf(`["%s","%s","a","phx_join",{}]`, ref, ref)
		if version == "1.0.0" {
			frame = fmt.Sprintf(`{"topic":"a","event":"phx_join","payload":{},"ref":"%s","join_ref":"%s"}`, ref, ref)
		}
		if err := conn.Send(ctx, phx.Frame{Data: []byte(frame)}); err != nil {
			t.Fatal(err)
		}
	}
}
