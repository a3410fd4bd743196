package channel_test

import (
	"errors"
	"testing"

	"github.com/chhost/chhost/host/channel"
)

// standing waits for what ask is told.
func standing(t *testing.T, ask func(func(channel.Standing)) error) channel.Standing {
	t.Helper()
	seen := make(chan channel.Standing, 1)
	if err := ask(func(s channel.Standing) { seen <- s }); err != nil {
		t.Fatal(err)
	}
	return await(t, "the standing", seen)
}

func expectStanding(t *testing.T, got channel.Standing, joined bool, handler, assigns string) {
	t.Helper()
	if got.Joined != joined || got.Handler != handler || string(got.Assigns) != assigns {
		t.Errorf("the standing is %+v", got)
	}
}

// TestLookWaitsItsTurn guards that what was sent before has been handled: an
// unanswered join is told from one under way by nothing else.
func TestLookWaitsItsTurn(t *testing.T) {
	s := newScene(t, channel.Options{})
	s.Send(t, `["1","1","t","phx_join",{"do":"wait"}]`, `["1","2","t","assign",{"to":"x"}]`)
	seen := make(chan channel.Standing, 1)
	if err := s.Channel.Look(func(st channel.Standing) { seen <- st }); err != nil {
		t.Fatal(err)
	}
	await(t, "the join", s.room.entered)
	select {
	case <-seen:
		t.Error("it did not wait for the join")
	default:
	}
	s.room.resume <- struct{}{}
	expectStanding(t, await(t, "the standing", seen), true, "room", "x")

	s.Send(t, leave)
	expectStanding(t, standing(t, s.Channel.Look), false, "", "")
	s.Settle(t)
	if err := s.Channel.Look(func(channel.Standing) { t.Error("called") }); !errors.Is(err, channel.ErrRetired) {
		t.Errorf("a channel at its end: %v", err)
	}
}

// TestAdmit guards that a membership which join was not asked about is one like
// any other.
func TestAdmit(t *testing.T) {
	s := newScene(t, channel.Options{})
	admit := func(f func(channel.Standing)) error { return s.Channel.Admit(`"7"`, f) }
	expectStanding(t, standing(t, admit), true, "room", "")
	s.expectSubscribers(t, 1)
	s.room.expectCalls(t)
	s.play(t, []string{`["7","8","t","order",{}]`},
		`["7",null,"t","a",{}]`, `[null,null,"t","b",{}]`, `["7",null,"t","c",{}]`, `[null,null,"t","d",{}]`,
		`["7","8","t","phx_reply",{"status":"ok","response":{}}]`)
	s.room.expectCalls(t, "in order")

	// One that is a member stays the one it is.
	if err := s.Channel.Admit(`"9"`, func(channel.Standing) {}); err != nil {
		t.Fatal(err)
	}
	s.play(t, []string{`["7","10","t","phx_leave",{}]`},
		`["7","10","t","phx_reply",{"status":"ok","response":{}}]`, `["7","7","t","phx_close",{}]`)
	s.room.expectCalls(t, "leave LEFT")
	s.expectSubscribers(t, 0)
}

// TestAdmitWithoutRoute guards that nothing is left of a client that no route
// lets in.
func TestAdmitWithoutRoute(t *testing.T) {
	s := newScene(t, channel.Options{Route: func(string) (channel.Handler, bool) { return nil, false }})
	admit := func(f func(channel.Standing)) error { return s.Channel.Admit(`"7"`, f) }
	expectStanding(t, standing(t, admit), false, "", "")
	s.expectSubscribers(t, 0)
}

// TestAdmittedMembersFollowADeploy guards that the roster knows them.
func TestAdmittedMembersFollowADeploy(t *testing.T) {
	d := newDeployment(t, version("v@1", nil))
	c := d.client(t, "t")
	admit := func(f func(channel.Standing)) error { return c.Channel.Admit(`"7"`, f) }
	expectStanding(t, standing(t, admit), true, "v@1", "")
	if moved := d.deploy(t, version("v@2", nil)); moved.Channels != 1 {
		t.Errorf("%+v", moved)
	}
	expectStanding(t, standing(t, c.Channel.Look), true, "v@2", "")
}

// TestAdmitBehindALeave guards that a client which is let in again, while its
// leave waits, takes its place among the socket's channels.
func TestAdmitBehindALeave(t *testing.T) {
	s := joinedScene(t)
	s.Send(t, `["1","2","t","wait",{}]`)
	await(t, "the event", s.room.entered)
	s.Send(t, leave)
	seen := make(chan channel.Standing, 1)
	if err := s.Channel.Admit(`"7"`, func(st channel.Standing) { seen <- st }); err != nil {
		t.Fatal(err)
	}
	s.room.resume <- struct{}{}
	expectStanding(t, await(t, "the standing", seen), true, "room", "")
	if s.Channel.Left() {
		t.Error("the socket would not count it")
	}
}
