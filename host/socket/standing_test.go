package socket_test

import (
	"context"
	"errors"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

func TestStanding(t *testing.T) {
	r := newRig(t, socket.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
	defer cancel()
	is := func(topic string, joined bool) {
		t.Helper()
		if st, err := r.Standing(ctx, topic); err != nil || st.Joined != joined {
			t.Errorf("%s: %+v, %v", topic, st, err)
		}
	}
	is("a", false)
	r.receive(t, join("a"))
	is("a", true)
	r.receive(t, join("no"), join("nowhere"))
	is("no", false)
	is("nowhere", false)
	r.receive(t, `["1","2","a","phx_leave",{}]`)
	is("a", false)

	// While a channel is at work it is waited for, and no longer than ctx.
	r.receive(t, join("b"), `["1","2","b","wait",{}]`)
	<-r.handler.entered
	impatient, giveUp := context.WithCancel(ctx)
	giveUp()
	if _, err := r.Standing(impatient, "b"); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	r.handler.resume <- struct{}{}
	is("b", true)
	r.Close(socket.End{}, socket.LeaveClosed)
	for _, topic := range []string{"b", "elsewhere"} {
		if _, err := r.Standing(ctx, topic); !errors.Is(err, socket.ErrClosed) {
			t.Errorf("%s of a socket that has ended: %v", topic, err)
		}
	}
}

func TestAdmit(t *testing.T) {
	r := newRig(t, socket.Config{MaxChannels: 2})
	ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
	defer cancel()
	refused := func(topic string, want phx.Reason) {
		t.Helper()
		var refusal *channel.Refusal
		if _, err := r.Admit(ctx, topic, `"7"`); !errors.As(err, &refusal) || refusal.Reason != want {
			t.Errorf("%s: %v", topic, err)
		}
	}
	refused("nowhere", phx.ReasonUnmatchedTopic)
	if st, err := r.Admit(ctx, "no", `"7"`); err != nil || !st.Joined || st.Handler != "test" {
		t.Errorf("a topic whose join says no: %+v, %v", st, err)
	}
	r.receive(t, `["7","8","no","say",{}]`)
	r.expect(t, `[null,null,"no","say",{}]`)
	r.receive(t, join("b"))
	r.expect(t, joined("b"))
	refused("c", phx.ReasonTooManyChannels)
	r.receive(t, `["7","9","no","phx_leave",{}]`)
	r.expect(t, `["7","9","no","phx_reply",{"status":"ok","response":{}}]`, `["7","7","no","phx_close",{}]`)
	if _, err := r.Admit(ctx, "no", `"10"`); err != nil {
		t.Errorf("a topic that was left: %v", err)
	}
	r.Close(socket.End{}, socket.LeaveClosed)
	if _, err := r.Admit(ctx, "no", `"11"`); !errors.Is(err, socket.ErrClosed) {
		t.Errorf("a socket that has ended: %v", err)
	}
	r.settle(t)
	r.expectLeft(t, channel.LeaveLeft, channel.LeaveClosed, channel.LeaveClosed)
}
