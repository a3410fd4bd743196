package channel_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// model is what a channel of the room has to do, written down without any
// concurrency: the frames that it sends and the calls that it makes.
type model struct {
	closeFirst bool
	joined     bool
	joinRef    string // as JSON
	frames     []string
	calls      []string
}

func (m *model) send(format string, args ...any) {
	m.frames = append(m.frames, fmt.Sprintf(format, args...))
}
func (m *model) call(format string, args ...any) {
	m.calls = append(m.calls, fmt.Sprintf(format, args...))
}

func (m *model) reply(joinRef, ref, status, response string) {
	if ref != "null" {
		m.answer(joinRef, ref, status, response)
	}
}

// answer is reply to a join or a leave, which has one without a ref too.
func (m *model) answer(joinRef, ref, status, response string) {
	m.send(`[%s,%s,"t","phx_reply",{"status":"%s","response":%s}]`, joinRef, ref, status, response)
}

func (m *model) lifecycle(joinRef, event, payload string) {
	m.send(`[%s,%s,"t","%s",%s]`, joinRef, joinRef, event, payload)
}

func (m *model) join(joinRef, ref, do string) {
	old, replaced := m.joinRef, m.joined
	if replaced {
		m.joined = false
		m.call("leave REPLACED")
	}
	m.call("join %s", do)
	closeOld := func(now bool) {
		if now && replaced {
			m.lifecycle(old, "phx_close", "{}")
		}
	}
	switch do {
	case "refuse":
		m.answer(joinRef, ref, "error", `{"reason":"unauthorized"}`)
	case "crash", "panic":
		m.answer(joinRef, ref, "error", `{"reason":"join crashed"}`)
	case "ignore":
	case "busy":
		m.answer(joinRef, ref, "error", `{"reason":"busy","retry_after_ms":2}`)
	default:
		m.joined, m.joinRef = true, joinRef
		closeOld(m.closeFirst)
		response := "{}"
		if do == "greet" {
			response = `[1,"two"]`
		}
		m.answer(joinRef, ref, "ok", response)
		closeOld(!m.closeFirst)
		if do == "greet" || do == "announce" {
			m.send(`[%s,null,"t","welcome",{}]`, joinRef)
		}
		if do == "announce" {
			m.send(`[null,null,"t","entered",{}]`)
			m.send(`[%s,null,"t","hint",{}]`, joinRef)
		}
		return
	}
	closeOld(true)
}

// stale tells whether a frame with this join_ref belongs to an earlier
// membership.
func (m *model) stale(joinRef string) bool { return joinRef != "null" && joinRef != m.joinRef }

func (m *model) leave(joinRef, ref string) {
	switch {
	case !m.joined:
		m.answer(joinRef, ref, "ok", "{}")
	case !m.stale(joinRef):
		m.answer(m.joinRef, ref, "ok", "{}")
		m.lifecycle(m.joinRef, "phx_close", "{}")
		m.joined = false
		m.call("leave LEFT")
	}
}

func (m *model) event(joinRef, ref, event string) {
	switch {
	case !m.joined:
		m.reply("null", ref, "error", `{"reason":"unmatched topic"}`)
		return
	case m.stale(joinRef):
		return
	case event == "phx_close":
		m.reply(m.joinRef, ref, "error", `{"reason":"reserved event"}`)
		return
	}
	m.call("in %s", event)
	switch event {
	case "error", "crash", "panic":
		m.lifecycle(m.joinRef, "phx_error", `{"reason":"channel_crash"}`)
		m.joined = false
		m.call("leave FAILED")
		return
	case "busy":
		m.reply(m.joinRef, ref, "error", `{"reason":"busy","retry_after_ms":1000}`)
		return
	case "quiet":
		return
	case "say":
		m.send(`[null,null,"t","say",{}]`)
	case "order":
		m.send(`[%s,null,"t","a",{}]`, m.joinRef)
		m.send(`[null,null,"t","b",{}]`)
		m.send(`[%s,null,"t","c",{}]`, m.joinRef)
		m.send(`[null,null,"t","d",{}]`)
	case "stop":
		m.send(`[%s,null,"t","a",{}]`, m.joinRef)
	}
	m.reply(m.joinRef, ref, "ok", "{}")
	if event == "stop" {
		m.lifecycle(m.joinRef, "phx_close", "{}")
		m.joined = false
		m.call("leave STOPPED")
	}
}

func (m *model) close() {
	if m.joined {
		m.joined = false
		m.call("leave CLOSED")
	}
}

// script makes up what a client might send.
type script struct {
	rnd  *rand.Rand
	refs int
	last string // join_ref of the last join, as JSON
}

func pick(rnd *rand.Rand, of ...string) string { return of[rnd.IntN(len(of))] }

// step is one frame, which it also plays to the model.
func (s *script) step(m *model) string {
	s.refs++
	ref := strconv.Itoa(s.refs)
	if s.rnd.IntN(2) == 0 {
		ref = `"` + ref + `"`
	}
	joinRef := s.last
	switch s.rnd.IntN(10) {
	case 0:
		joinRef = "null"
	case 1:
		joinRef = `"stale"`
	}
	if s.rnd.IntN(8) == 0 {
		ref = "null"
	}
	switch s.rnd.IntN(8) {
	case 0, 1:
		do := pick(s.rnd, "", "", "", "greet", "announce", "refuse", "crash", "panic", "ignore", "busy")
		s.last = `"j` + strconv.Itoa(s.refs) + `"`
		m.join(s.last, ref, do)
		return `[` + s.last + `,` + ref + `,"t","phx_join",{"do":"` + do + `"}]`
	case 2:
		m.leave(joinRef, ref)
		return `[` + joinRef + `,` + ref + `,"t","phx_leave",{}]`
	}
	event := pick(s.rnd, "echo", "quiet", "say", "order", "busy", "phx_close", "echo", "order", "stop", "error", "crash", "panic")
	m.event(joinRef, ref, event)
	return `[` + joinRef + `,` + ref + `,"t","` + event + `",{}]`
}

// TestModel plays random conversations to a channel and to the model: frames and
// calls are the same, whether the client waits for each answer or not, and
// whichever channel object answers.
func TestModel(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		m := &model{closeFirst: rnd.IntN(2) == 0}
		play := &script{rnd: rnd, last: "null"}
		s := newScene(t, channel.Options{WithoutJoinRefs: m.closeFirst})
		patient := rnd.IntN(4) // settles now and then: 0 is never, 1 always
		var conversation []string
		for range 60 {
			frame := play.step(m)
			conversation = append(conversation, frame)
			for s.Post(frame) != nil {
				s.Settle(t) // ErrOverloaded
			}
			if patient > 0 && rnd.IntN(patient) == 0 {
				s.Settle(t)
			}
		}
		s.Channel.Close(channel.LeaveClosed)
		m.close()
		s.Settle(t)
		compare(t, seed, "frames", conversation, s.Rest(), m.frames)
		compare(t, seed, "calls", conversation, s.room.called(), m.calls)
		s.expectSubscribers(t, 0)
		if t.Failed() {
			return
		}
	}
}

func compare(t *testing.T, seed uint64, what string, conversation, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	t.Errorf("seed %d: the %s differ from number %d on\n\t%s\nwant\n\t%s\nin\n\t%s", seed, what, i,
		strings.Join(got[i:], "\n\t"), strings.Join(want[i:], "\n\t"), strings.Join(conversation, "\n\t"))
}

// TestChaos has several clients of one topic, whose broadcasts make the others
// fail and stop too, so that nothing can be foretold; but of every membership it
// holds that its frames stand between the join's reply and its end, and that
// leave was called exactly once, with a reason that can be.
func TestChaos(t *testing.T) {
	for seed := range uint64(60) {
		node := channeltest.NewNode(t, channel.Config{})
		const clients = 4
		scenes := make([]*scene, clients)
		var wg sync.WaitGroup
		for i := range scenes {
			s := &scene{Node: node, room: newRoom()}
			s.Client = node.Client(t, "t", s.room, channel.Options{})
			scenes[i] = s
			wg.Go(func() { s.rage(seed, uint64(i)) })
		}
		wg.Wait()
		for _, s := range scenes {
			s.Channel.Close(channel.LeaveClosed)
		}
		node.Settle(t)
		for i, s := range scenes {
			if err := s.checkFrames(); err != nil {
				t.Errorf("seed %d, client %d: %v in\n\t%s", seed, i, err, strings.Join(s.Rest(), "\n\t"))
			}
			if err := checkCalls(s.room.called()); err != nil {
				t.Errorf("seed %d, client %d: %v", seed, i, err)
			}
		}
		scenes[0].expectSubscribers(t, 0)
		if node.Log.Count("BUG:") != 0 {
			t.Errorf("seed %d: %s", seed, node.Log)
		}
		if t.Failed() {
			return
		}
	}
}

// rage sends frames that end memberships in every way. Joins have numbers that
// go up as their join_ref.
func (s *scene) rage(seed, client uint64) {
	rnd := rand.New(rand.NewPCG(seed, client))
	joinRef := "0"
	for n := range 60 {
		frame := `[` + joinRef + `,null,"t","phx_leave",{}]`
		switch rnd.IntN(8) {
		case 0, 1, 2:
			joinRef = strconv.Itoa(n + 1)
			frame = `[` + joinRef + `,` + joinRef + `,"t","phx_join",{"do":"` + pick(rnd, "", "announce", "refuse", "crash") + `"}]`
		case 3, 4, 5, 6:
			event := pick(rnd, "say", "shout", "shout", "order", "shout and order", "shout and stop", "crash", "stop", "panic")
			out := pick(rnd, "pass", "drop", "number", "pass", "number", "stop", "crash", "error", "panic")
			frame = `[` + joinRef + `,null,"t","` + event + `",{"out":"` + out + `"}]`
		}
		for errors.Is(s.Post(frame), channel.ErrOverloaded) {
			runtime.Gosched()
		}
	}
}

// checkFrames holds what a client of TestChaos was sent against the life of a
// membership.
func (s *scene) checkFrames() error {
	var in, closing phx.Ref // the memberships that are joined and to be closed
	for i, f := range s.Sent() {
		lifecycle := f.Event == phx.EventClose || f.Event == phx.EventError
		switch {
		case f.Event == phx.EventReply && f.Ref == f.JoinRef && f.Status == phx.StatusOK:
			in, closing = f.JoinRef, in
		case f.Event == phx.EventReply && f.Ref == f.JoinRef:
			in, closing = "", in
		case closing != "" && (!lifecycle || f.JoinRef != closing):
			return fmt.Errorf("frame %d: %v instead of the phx_close of %s", i, f, closing)
		case closing != "":
			closing = ""
		case lifecycle && f.JoinRef == in:
			in = ""
		case in == "" && f.Event == phx.EventReply && f.Ref == "": // to a leave of what has ended
		case in == "" || f.JoinRef != "" && f.JoinRef != in:
			return fmt.Errorf("frame %d: %v while %q is joined", i, f, in)
		}
	}
	return nil
}

// checkCalls holds the calls of a room against the life of a membership: each
// join that was accepted is followed by one leave before the next join.
func checkCalls(calls []string) error {
	joined := false
	for i, call := range calls {
		name, what, _ := strings.Cut(call, " ")
		switch {
		case name == "join" && joined:
			return fmt.Errorf("call %d: a join without the leave of the last one: %q", i, calls)
		case name == "join":
			joined = what == "" || what == "announce"
		case !joined:
			return fmt.Errorf("call %d: %s without a membership: %q", i, call, calls)
		case name != "leave":
		case what == "FAILED" || what == "STOPPED":
			joined = false
			if before, _, _ := strings.Cut(calls[i-1], " "); before != "in" && before != "out" {
				return fmt.Errorf("call %d: %s after %s", i, call, calls[i-1])
			}
		case what == "LEFT" || what == "REPLACED" || what == "CLOSED":
			joined = false
		default:
			return fmt.Errorf("call %d: %s", i, call)
		}
	}
	if joined {
		return fmt.Errorf("the last membership has no leave: %q", calls)
	}
	return nil
}
