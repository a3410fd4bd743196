package channel_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// later answers "ask" not at all, and "answer" by an answer to the ref that its
// payload names.
func later(keep bool) *scripted {
	s := newScripted(func(_ context.Context, ev *channel.Event) (channel.Result, error) {
		var n uint32
		_, _ = fmt.Sscan(field(ev.Payload, "ref"), &n)
		switch ev.Event {
		case "tell":
			return channel.Result{Reply: okReply(channeltest.JSON(fmt.Sprint(ev.Ref)))}, nil
		case "answer":
			return does(channel.ReplyTo(n, phx.StatusOK, object(`{"late":true}`)), channel.Push("after", phx.Payload{}), channel.ReplyTo(n, phx.StatusOK, phx.Payload{}))
		case "refuse":
			return does(channel.ReplyTo(n, phx.StatusError, channeltest.JSON(`"no"`)))
		case "at once":
			return does(channel.ReplyTo(ev.Ref, phx.StatusOK, phx.Payload{}), channel.Push("after", phx.Payload{}))
		case "both":
			return channel.Result{Do: []channel.Effect{channel.ReplyTo(ev.Ref, phx.StatusError, phx.Payload{})}, Reply: okReply(phx.Payload{})}, nil
		}
		return channel.Result{}, nil
	})
	s.RepliesLater = keep
	return s
}

func event(ref, name, payload string) string {
	return fmt.Sprintf(`["1",%s,"t","%s",%s]`, ref, name, payload)
}

func replied(ref, status, response string) string {
	return fmt.Sprintf(`["1",%s,"t","phx_reply",{"status":"%s","response":%s}]`, ref, status, response)
}

func TestReplyTo(t *testing.T) {
	n := channeltest.NewNode(t, channel.Config{})
	c := joinedWith(t, n, later(true).Handler())
	pushed := `["1",null,"t","after",{}]`
	// The join had the ref 1. Refs of events that nobody waits for are 0.
	c.Send(t, event(`null`, "ask", `{}`), event(`"a"`, "ask", `{}`), event(`7`, "ask", `{}`), event(`"c"`, "tell", `{}`))
	c.Expect(t, replied(`"c"`, "ok", "4"))
	c.Send(t, event(`null`, "answer", `{"ref":"3"}`))
	c.Expect(t, replied(`7`, "ok", `{"late":true}`), pushed)
	c.Send(t, event(`null`, "refuse", `{"ref":"2"}`), event(`null`, "refuse", `{"ref":"2"}`))
	c.Expect(t, replied(`"a"`, "error", `"no"`))
	for _, ref := range []string{"0", "1", "2", "3", "4", "99"} { // nothing of them is open
		c.Send(t, event(`null`, "refuse", `{"ref":"`+ref+`"}`))
	}
	c.Send(t, event(`"d"`, "at once", `{}`))
	c.Expect(t, replied(`"d"`, "ok", `{}`), pushed)
	c.Send(t, event(`"e"`, "both", `{}`))
	c.Expect(t, replied(`"e"`, "ok", `{}`))
	n.Settle(t)
	if rest := c.Rest(); len(rest) > 0 {
		t.Errorf("the client was also sent %s", rest)
	}
}

// A handler that does not say that it replies later keeps nothing.
func TestReplyToWithoutTheTrait(t *testing.T) {
	n := channeltest.NewNode(t, channel.Config{})
	c := joinedWith(t, n, later(false).Handler())
	c.Send(t, event(`"a"`, "ask", `{}`), event(`null`, "answer", `{"ref":"2"}`))
	c.Expect(t, `["1",null,"t","after",{}]`)
}

func TestOpenRefsAreBounded(t *testing.T) {
	onClock(t, func(t *testing.T, n *channeltest.Node) {
		c := joinedWith(t, n, later(true).Handler())
		for i := range channel.MaxOpenRefs + 1 { // refs 2, 3, ...
			c.Send(t, event(fmt.Sprint(100+i), "ask", `{}`))
			synctest.Wait()
		}
		c.Send(t, event(`null`, "refuse", `{"ref":"2"}`), event(`null`, "refuse", `{"ref":"3"}`))
		c.Expect(t, replied("101", "error", `"no"`))
		after(channel.RefLife)
		c.Send(t, event(`null`, "refuse", `{"ref":"4"}`))
		c.Expect(t, replied("102", "error", `"no"`))
		after(time.Nanosecond)
		c.Send(t, event(`null`, "refuse", `{"ref":"5"}`))
		synctest.Wait()
		if rest := c.Rest(); len(rest) > 0 {
			t.Errorf("an answer after %v came to %s", channel.RefLife, rest)
		}
	})
}

// The refs of a membership mean nothing in the next one.
func TestOpenRefsEndWithTheMembership(t *testing.T) {
	n := channeltest.NewNode(t, channel.Config{})
	c := joinedWith(t, n, later(true).Handler())
	c.Send(t, event(`"a"`, "ask", `{}`), join)
	c.Expect(t, joined, closed)
	c.Send(t, event(`null`, "refuse", `{"ref":"2"}`))
	n.Settle(t)
	if rest := c.Rest(); len(rest) > 0 {
		t.Errorf("the client was sent %s", rest)
	}
}

func TestKick(t *testing.T) {
	s := joinedScene(t)
	other := s.Node.Client(t, "u", s.room, channel.Options{})
	other.Send(t, `["1","1","u","phx_join",{}]`)
	other.Expect(t, `["1","1","u","phx_reply",{"status":"ok","response":{}}]`)
	s.room.called()
	if n := s.Env.Kick("t"); n != 1 {
		t.Errorf("%d channels were kicked, want 1", n)
	}
	s.Settle(t)
	s.Expect(t, closed)
	s.room.expectCalls(t, "leave KICKED")
	s.expectSubscribers(t, 0)
	if n := s.Env.Kick("t"); n != 0 {
		t.Errorf("%d channels were kicked, of a topic that nobody is joined to", n)
	}
	s.Send(t, join) // and may come back
	s.Expect(t, joined)
}

func TestConnect(t *testing.T) {
	n := channeltest.NewNode(t, channel.Config{})
	result, failed := channel.Result{}, error(nil)
	h := channel.Funcs{JoinFunc: always(), ConnectFunc: func(context.Context, *channel.Event) (channel.Result, error) {
		return result, failed
	}}.Handler()
	ask := func() (channel.Result, error) {
		return n.Env.Connect(t.Context(), func() (channel.Handler, bool) { return h, true }, &channel.Event{})
	}
	result = channel.Result{Do: []channel.Effect{channel.Assign([]byte("who"))}, Reply: okReply(object(`{"id":"users:7"}`))}
	if res, err := ask(); err != nil || string(res.Do[0].Assigns()) != "who" {
		t.Errorf("got %+v, %v", res, err)
	}
	for _, bad := range []channel.Result{
		{Do: []channel.Effect{channel.Push("x", phx.Payload{})}},
		{Status: channel.StatusStop},
		{Status: channel.StatusError, Reply: okReply(phx.Payload{})},
		{Reply: reason("no")},
	} {
		result = bad
		if _, err := ask(); err == nil {
			t.Errorf("%+v breaks a rule", bad)
		}
	}
	failed = errRoom
	if _, err := ask(); !errors.Is(err, errRoom) {
		t.Errorf("got %v, want what the handler returned", err)
	}
	var refusal *channel.Refusal
	if _, err := n.Env.Connect(t.Context(), func() (channel.Handler, bool) { return nil, false }, &channel.Event{}); !errors.As(err, &refusal) {
		t.Errorf("without a handler: %v", err)
	}
}

// A version without the callback may have taken the place of one with it just
// now: nobody is refused for that.
func TestConnectWithoutTheCallback(t *testing.T) {
	n := channeltest.NewNode(t, channel.Config{})
	h := channel.Funcs{JoinFunc: always()}.Handler()
	res, err := n.Env.Connect(t.Context(), func() (channel.Handler, bool) { return h, true }, &channel.Event{})
	if err != nil || res.Status != channel.StatusOK || len(res.Do) > 0 {
		t.Errorf("got %+v, %v", res, err)
	}
}
