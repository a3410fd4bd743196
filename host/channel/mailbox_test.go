package channel_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// blocked is a scene whose handler is in the midst of an event.
func blocked(t *testing.T) *scene {
	s := joinedScene(t)
	s.Send(t, `["1",null,"t","wait",{}]`)
	await(t, "the event", s.room.entered)
	s.room.called()
	return s
}

// So many events of the client may wait, of whatever kind; one more is refused,
// and nothing of it is left. What waits is handled, in order.
func TestMailboxOfEvents(t *testing.T) {
	s := blocked(t)
	want := []string{`["1",null,"t","a",{}]`}
	for n := range channel.MailboxEvents {
		s.Send(t, fmt.Sprintf(`["1","%d","t","echo",{}]`, n))
		want = append(want, fmt.Sprintf(`["1","%d","t","phx_reply",{"status":"ok","response":{}}]`, n))
	}
	for _, frame := range []string{`["1","2","t","echo",{}]`, join} {
		if err := s.Post(frame); !errors.Is(err, channel.ErrOverloaded) {
			t.Errorf("%s: %v, want ErrOverloaded", frame, err)
		}
	}
	s.room.resume <- struct{}{}
	s.play(t, nil, want...)
	s.play(t, []string{leave}, leftOK, closed)
}

// TestALeaveFits guards that a client which leaves behind a full mailbox does
// leave: it has forgotten the channel whatever the answer, so a refusal would
// keep the membership, its broadcasts and its place until the connection ends.
func TestALeaveFits(t *testing.T) {
	s := blocked(t)
	want := []string{`["1",null,"t","a",{}]`}
	for range channel.MailboxEvents {
		s.Send(t, `["1","2","t","echo",{}]`)
		want = append(want, reply2)
	}
	s.Send(t, leave)
	for _, frame := range []string{leave, join, `["1","2","t","echo",{}]`} { // one, not any number
		if err := s.Post(frame); !errors.Is(err, channel.ErrOverloaded) {
			t.Errorf("%s: %v, want ErrOverloaded", frame, err)
		}
	}
	s.room.resume <- struct{}{}
	s.play(t, nil, append(want, leftOK, closed)...)
	s.expectSubscribers(t, 0)
}

func TestMailboxCountsJoinsAndLeaves(t *testing.T) {
	s := blocked(t)
	for range channel.MailboxEvents / 2 {
		s.Send(t, leave, join)
	}
	if err := s.Post(`["1","2","t","echo",{}]`); !errors.Is(err, channel.ErrOverloaded) {
		t.Errorf("%v, want ErrOverloaded", err)
	}
	s.room.resume <- struct{}{}
	want := []string{`["1",null,"t","a",{}]`}
	for range channel.MailboxEvents / 2 {
		want = append(want, leftOK, closed, joined)
	}
	s.play(t, nil, want...)
	calls := strings.Join(s.room.called(), " ")
	if got := strings.Count(calls, "leave LEFT"); got != channel.MailboxEvents/2 {
		t.Errorf("leave was called %d times, want %d", got, channel.MailboxEvents/2)
	}
}

// So many intercepted broadcasts may wait; they take no room from the client's
// events.
func TestMailboxOfBroadcasts(t *testing.T) {
	s := blocked(t)
	want := []string{`["1",null,"t","a",{}]`}
	for n := range channel.MailboxBroadcasts {
		payload := `{"out":"number","n":` + strconv.Itoa(n) + `}`
		s.Broadcast("t", "shout", payload)
		want = append(want, `["1",null,"t","shout",`+payload+`]`)
	}
	s.Send(t, `["1","2","t","echo",{}]`)
	s.room.resume <- struct{}{}
	s.play(t, nil, append(want, reply2)...)
}

// One more fails the channel, behind what waits already: the client joins again,
// which is better than missing one without knowing. It gets nothing else.
func TestTooManyInterceptedBroadcasts(t *testing.T) {
	s := blocked(t)
	want := []string{`["1",null,"t","a",{}]`}
	for n := range channel.MailboxBroadcasts + 5 {
		payload := `{"out":"number","n":` + strconv.Itoa(n) + `}`
		s.Broadcast("t", "shout", payload)
		if n < channel.MailboxBroadcasts {
			want = append(want, `["1",null,"t","shout",`+payload+`]`)
		}
	}
	s.Broadcast("t", "say", `{}`)
	s.Send(t, `["1","2","t","echo",{}]`)
	s.room.resume <- struct{}{}
	s.play(t, nil, append(want, crashed, unjoined)...)
	calls := s.room.called()
	if got := calls[len(calls)-1]; got != "leave FAILED" || len(calls) != channel.MailboxBroadcasts+1 {
		t.Errorf("%d calls, the last one %s", len(calls), got)
	}
	s.expectSubscribers(t, 0)
	if s.Log.Count("intercepted broadcasts waited") != 1 {
		t.Errorf("the log does not say why:\n%s", s.Log)
	}
	s.play(t, []string{join}, joined)
	s.Broadcast("t", "shout", `{"out":"pass"}`)
	s.play(t, nil, `["1",null,"t","hint",{}]`, `[null,null,"t","shout",{"out":"pass"}]`)
}

// A client that joins again while its old membership overflows is not failed for
// it.
func TestOverflowOfAnOldMembership(t *testing.T) {
	s := blocked(t)
	s.Send(t, `["2","2","t","phx_join",{}]`)
	for range channel.MailboxBroadcasts + 1 {
		s.Broadcast("t", "shout", `{"out":"drop"}`)
	}
	s.room.resume <- struct{}{}
	s.play(t, nil, `["1",null,"t","a",{}]`, `["2","2","t","phx_reply",{"status":"ok","response":{}}]`, closed)
	s.room.expectCalls(t, "leave REPLACED", "join ")
	s.play(t, []string{`["2","2","t","echo",{}]`}, `["2","2","t","phx_reply",{"status":"ok","response":{}}]`)
}

// TestBroadcastsOfAnOldMembershipTakeNoRoom guards that a client which joins
// again while its mailbox is full of what the old membership intercepted does
// not fail for that.
func TestBroadcastsOfAnOldMembershipTakeNoRoom(t *testing.T) {
	s := blocked(t)
	s.Send(t, leave, join, `["1",null,"t","wait",{}]`)
	for range channel.MailboxBroadcasts {
		s.Broadcast("t", "shout", `{}`)
	}
	s.room.resume <- struct{}{}
	await(t, "the event of the new membership", s.room.entered)
	s.Broadcast("t", "shout", `{"out":"number","n":1}`)
	s.room.resume <- struct{}{}
	a := `["1",null,"t","a",{}]`
	s.play(t, nil, a, leftOK, closed, joined, a, `["1",null,"t","shout",{"out":"number","n":1}]`)
}

// The socket is told once of every message that has left the mailbox, before
// the handler is entered, and never of one that was refused.
func TestHandled(t *testing.T) {
	s := blocked(t)
	before := len(s.HandledBytes())
	frames := []string{`["1","2","t","echo",{}]`, `["0","2","t","stale",{}]`, leave, leave, `["1","2","t","echo",{"x":1}]`}
	var want []int
	for _, f := range frames {
		want = append(want, len(f))
	}
	s.Send(t, frames...)
	for range channel.MailboxEvents + 1 - len(frames) { // one leave more always fits
		s.Send(t, leave)
		want = append(want, len(leave))
	}
	if s.Post(leave) == nil {
		t.Fatal("the mailbox took one more than it may")
	}
	if got := len(s.HandledBytes()); got != before {
		t.Errorf("%d messages have left the mailbox of a blocked channel", got-before)
	}
	s.room.resume <- struct{}{}
	s.Settle(t)
	if got := s.HandledBytes()[before:]; !slices.Equal(got, want) {
		t.Errorf("told of %v, want %v", got, want)
	}

	s = joinedScene(t)
	before = len(s.HandledBytes())
	s.Send(t, `["1",null,"t","wait",{}]`)
	await(t, "the event", s.room.entered)
	if got := len(s.HandledBytes()); got != before+1 {
		t.Error("a message that is being handled is still counted")
	}
	s.room.resume <- struct{}{}
}

// Close is put behind what waits, always fits, and lets nothing more in. What
// waits is handled before leave.
func TestClose(t *testing.T) {
	var retired atomic.Int32
	s := newScene(t, channel.Options{Retired: func(*channel.Channel) { retired.Add(1) }})
	s.Send(t, join, `["1",null,"t","wait",{}]`)
	await(t, "the event", s.room.entered)
	for range channel.MailboxEvents {
		s.Send(t, `["1",null,"t","quiet",{}]`)
	}
	s.Channel.Close(channel.LeaveShutdown)
	s.Channel.Close(channel.LeaveKicked)
	if err := s.Channel.Handle(phx.Message{Topic: "t", Event: "quiet"}, 0); !errors.Is(err, channel.ErrRetired) {
		t.Errorf("an event after Close: %v, want ErrRetired", err)
	}
	if err := s.Channel.Leave(phx.Message{Topic: "t", Event: "phx_leave"}, 0); !errors.Is(err, channel.ErrRetired) {
		t.Errorf("a leave after Close: %v, want ErrRetired", err)
	}
	if err := s.Channel.Join(phx.Message{Topic: "t", Event: "phx_join"}, 0); !errors.Is(err, channel.ErrRetired) {
		t.Errorf("a join after Close: %v, want ErrRetired", err)
	}
	if retired.Load() != 0 {
		t.Error("the channel retired while something waits")
	}
	s.room.resume <- struct{}{}
	s.Settle(t)
	calls := s.room.called()
	if len(calls) != channel.MailboxEvents+3 || calls[len(calls)-1] != "leave SHUTDOWN" {
		t.Errorf("%d calls, the last one %s", len(calls), calls[len(calls)-1])
	}
	s.Channel.Close(channel.LeaveClosed)
	s.Settle(t)
	s.room.expectCalls(t)
	if retired.Load() != 1 {
		t.Errorf("Retired was called %d times, want once", retired.Load())
	}
	s.expectSubscribers(t, 0)
}

// A join that is under way when the connection ends still gets its leave.
func TestCloseDuringAJoin(t *testing.T) {
	for _, do := range []string{"wait", "wait, refuse"} {
		s := newScene(t, channel.Options{})
		s.Send(t, `["1","1","t","phx_join",{"do":"`+do+`"}]`, `["2","2","t","phx_join",{}]`)
		await(t, "the join", s.room.entered)
		s.Channel.Close(channel.LeaveClosed)
		s.room.resume <- struct{}{}
		s.Settle(t)
		want := []string{"join " + do, "leave REPLACED", "join ", "leave CLOSED"}
		if do != "wait" {
			want = []string{"join " + do, "join ", "leave CLOSED"}
		}
		s.room.expectCalls(t, want...)
		s.expectSubscribers(t, 0)
	}
}

// What is broadcast to a closed channel goes nowhere.
func TestNothingIsDeliveredAfterClose(t *testing.T) {
	s := blocked(t)
	s.Broadcast("t", "shout", `{"out":"pass"}`) // waits in front of the close
	s.Channel.Close(channel.LeaveClosed)
	s.Broadcast("t", "shout", `{"out":"drop"}`) // waits behind it
	s.room.resume <- struct{}{}
	s.Settle(t)
	s.room.expectCalls(t, "out shout pass", "leave CLOSED")
	s.Rest()
	s.Channel.Deliver(phx.NewBroadcast("t", "say", phx.Payload{}), nil)
	s.Channel.Deliver(phx.NewBroadcast("t", "shout", phx.Payload{}), nil)
	s.play(t, nil)
	s.room.expectCalls(t)
}

// Retirement races with the next frame: each frame is answered exactly once, by
// the old channel, by a new one, or by its socket.
func TestRetirementRace(t *testing.T) {
	s := newScene(t, channel.Options{})
	const rounds = 3000
	want := make([]string, 0, 3*rounds)
	for n := range rounds {
		ref := strconv.Itoa(n)
		s.Send(t, `["`+ref+`","`+ref+`","t","phx_join",{"do":"refuse silently"}]`)
		want = append(want, `["`+ref+`","`+ref+`","t","phx_reply",{"status":"error","response":{}}]`)
		for range n % 3 {
			s.Settle(t) // let it retire, in some of the rounds
		}
		for s.Post(`["`+ref+`","`+ref+`","t","x",{}]`) != nil {
			s.Settle(t)
		}
		want = append(want, `[null,"`+ref+`","t","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`)
	}
	s.play(t, nil, want...)
}

// Retired is called when nothing is joined and nothing waits, once, and only
// then.
func TestRetired(t *testing.T) {
	var mu sync.Mutex
	var retired []*channel.Channel
	s := newScene(t, channel.Options{Retired: func(c *channel.Channel) {
		mu.Lock()
		defer mu.Unlock()
		retired = append(retired, c)
	}})
	first := s.Channel
	expect := func(when string, want ...*channel.Channel) {
		t.Helper()
		s.Settle(t)
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(retired, want) {
			t.Errorf("%s: %d channels have retired, want %d", when, len(retired), len(want))
		}
	}
	s.Send(t, join, `["1","2","t","echo",{}]`)
	expect("joined")
	s.Send(t, `["2","2","t","phx_join",{}]`)
	expect("replaced")
	s.Send(t, `["2","9","t","phx_leave",{}]`)
	expect("left", first)
	if first.Topic() != "t" {
		t.Errorf("its topic is %q", first.Topic())
	}
	s.Send(t, `["3","3","t","phx_join",{"do":"refuse"}]`)
	second := s.Channel
	expect("refused", first, second)
	s.Send(t, `["4","4","t","phx_join",{}]`, `["4","4","t","crash",{}]`)
	expect("crashed", first, second, s.Channel)
	if second == first || s.Channel == second {
		t.Error("a channel that has retired took a join")
	}
}

// Two goroutines of a test may not both be reading a socket, but a broadcast and
// a close may come from anywhere, at any time.
func TestConcurrentUse(t *testing.T) {
	node := channeltest.NewNode(t, channel.Config{})
	for range 200 {
		room := newRoom()
		c := node.Client(t, "t", room, channel.Options{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for _, f := range []string{join, `["1",null,"t","shout",{"out":"pass"}]`, `["2","2","t","phx_join",{}]`, `["2",null,"t","say",{}]`} {
				_ = c.Post(f)
			}
		})
		wg.Go(func() { node.Broadcast("t", "shout", `{"out":"pass"}`) })
		wg.Go(func() { node.Broadcast("t", "say", `{}`) })
		wg.Wait()
		c.Channel.Close(channel.LeaveClosed)
		node.Settle(t)
		calls := strings.Join(room.called(), "\n")
		if joins, leaves := strings.Count(calls, "join"), strings.Count(calls, "leave"); joins != leaves {
			t.Fatalf("%d joins and %d leaves:\n%s", joins, leaves, calls)
		}
	}
	if got := node.PubSub.Subscribers(node.Topic("t")); got != 0 {
		t.Errorf("%d subscribers are left", got)
	}
}
