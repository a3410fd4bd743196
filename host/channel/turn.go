package channel

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/chhost/chhost/host/phx"
)

// turn handles what waits in the mailbox, as a job of the env. At most one is
// running.
func (c *Channel) turn() {
	d := c.sit()
	it := c.next()
	defer func() {
		if it != nil {
			c.exited(it)
		}
		d.leave(c.env)
	}()
	for it != nil {
		c.handle(it)
		recycle(&c.env.items, it)
		it = c.next()
	}
}

// exited goes on, on another goroutine, after a native handler has ended the turn's
// by runtime.Goexit, as testing.T.FailNow does: that costs the membership, like a
// panic.
func (c *Channel) exited(it *item) {
	c.env.log.Error("channel failed: its handler ended the goroutine", "topic", c.topic)
	if it.kind == itemJoin && !c.joined() {
		c.refuse(&it.msg, &Refusal{Reason: phx.ReasonJoinCrashed})
	}
	c.desk = nil
	c.mu.Lock()
	if c.state != stateNone {
		c.failLater(nil)
	}
	c.mu.Unlock()
	c.env.turns.Do(c)
}

// handle carries out one item. A bug of the host ends this membership only, as
// a failure of its handler would.
func (c *Channel) handle(it *item) {
	if !c.survives(func() { c.carry(it) }) && c.joined() {
		c.survives(func() { c.fail(0, nil) })
	}
}

// survives runs f and tells whether it came to its end without a panic.
func (c *Channel) survives(f func()) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			c.logBug(r)
		}
	}()
	f()
	return true
}

func (c *Channel) logBug(r any) {
	c.env.log.Error("BUG: panic in a channel", "topic", c.topic, "panic", r, "stack", string(debug.Stack()))
}

func (c *Channel) carry(it *item) {
	switch it.kind {
	case itemJoin:
		c.client.Handled(it.size)
		c.join(&it.msg)
	case itemEvent:
		c.client.Handled(it.size)
		c.in(&it.msg)
	case itemLeave:
		c.client.Handled(it.size)
		c.left(&it.msg)
	case itemOut:
		if it.id == c.member.id {
			c.out(it.out)
		}
	case itemInfo:
		if it.id == c.member.id {
			c.heard(it.out)
		}
	case itemTimer:
		if it.id == c.member.id {
			c.rang(it.timer)
		}
	case itemUpgrade:
		c.upgrade(it.done)
	case itemExpel:
		c.expel(it.of, it.done)
	case itemKick:
		if c.joined() {
			c.end(LeaveKicked, phx.EventClose, phx.Payload{})
		}
	case itemClose:
		if c.joined() {
			m := c.detach()
			c.leave(&m, it.leave)
		}
	case itemFail:
		if it.id == c.member.id {
			c.fail(CallbackHandleOut, it.err)
		}
	case itemLook:
		it.look(c.standing())
	case itemAdmit:
		c.admitted(it.msg.JoinRef)
		it.look(c.standing())
	}
}

var errOverflow = fmt.Errorf("channel: more than %d intercepted broadcasts waited", MailboxBroadcasts)

// stale tells whether the message belongs to an earlier membership.
func (c *Channel) stale(msg *phx.Message) bool {
	switch {
	case msg.JoinRef == "":
		return false
	case msg.Payload.IsBinary(): // its frame does not tell numbers from strings
		return !msg.JoinRef.Same(c.member.joinRef)
	}
	return msg.JoinRef != c.member.joinRef
}

// together lets what f sends to the client leave in one write, if that may be
// several frames. f must not call the handler, for which they would wait.
func (c *Channel) together(frames int, f func()) {
	if frames > 1 {
		c.client.Hold()
		defer c.client.Release() // also if a bug ends f
	}
	f()
}

func (c *Channel) joined() bool { return c.member.use != nil }

// join answers a phx_join. A membership that exists ends first.
func (c *Channel) join(msg *phx.Message) {
	u, ok := c.env.acquire(func() (Handler, bool) { return c.opts.Route(c.topic) })
	if !ok {
		Unmatched(c.client, msg)
		return
	}
	defer func() {
		if c.member.use != u {
			c.env.release(u)
		}
	}()
	if !c.env.reserve(c.topic) {
		c.refuse(msg, &Refusal{Reason: phx.ReasonTooManyTopics})
		return
	}
	defer c.env.unreserve(c.topic)
	closeOld := func() {}
	if c.joined() {
		old := c.detach()
		closeOld = func() { c.phxClose(old.joinRef) }
		c.leave(&old, LeaveReplaced)
	}
	traits := u.handler.Traits()
	if msg.Payload.IsBinary() && !traits.AcceptBinary {
		c.refuse(msg, &Refusal{Reason: phx.ReasonBinaryNotAccepted})
		closeOld()
		return
	}
	joinRef := msg.JoinRef
	if joinRef == "" && c.opts.WithoutJoinRefs {
		joinRef = msg.Ref
	}
	joinRef = phx.Ref(strings.Clone(string(joinRef))) // it outlives the frame
	m := membership{use: u, joinRef: joinRef, id: c.env.ids.Add(1)}
	ev := c.event(&m)
	ev.Payload = msg.Payload
	ev.WantsReply = true
	ev.Ref = m.nextRef(msg)
	res, err := c.call(&m, CallbackJoin, ev)
	if err != nil || res.Status != StatusOK {
		c.refuseJoin(&m, msg, res, err)
		closeOld()
		if err == nil && res.Status == StatusStop {
			c.phxClose(m.joinRef)
		}
		return
	}
	c.admit(m, msg, &res, closeOld)
}

// admit establishes the membership of a join that returned StatusOK.
func (c *Channel) admit(m membership, msg *phx.Message, res *Result, closeOld func()) {
	c.attach(m)
	if c.opts.WithoutJoinRefs {
		closeOld()
	}
	c.together(1+len(res.Do), func() {
		c.reply(m.joinRef, msg.Ref, phx.StatusOK, res.Reply.Payload)
		if !c.opts.WithoutJoinRefs {
			closeOld()
		}
		c.release()
		c.carryOut(&c.member, res.Do, carriage{push: true})
	})
}

func (c *Channel) refuseJoin(m *membership, msg *phx.Message, res Result, err error) {
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		c.refuse(msg, refusal)
	case err != nil:
		c.logFailure(m, CallbackJoin, err)
		c.blame(c)
		c.refuse(msg, &Refusal{Reason: phx.ReasonJoinCrashed})
	case res.Status == StatusError, res.Status == StatusStop:
		c.reply(msg.JoinRef, msg.Ref, phx.StatusError, res.Reply.Payload)
	case res.Status == StatusIgnore: // no frame at all
	}
}

// in handles an event of the client.
func (c *Channel) in(msg *phx.Message) {
	if !c.joined() {
		Unmatched(c.client, msg)
		return
	}
	if c.stale(msg) {
		return // of an earlier membership
	}
	m := &c.member
	msg.JoinRef = m.joinRef // a client may leave it out, a reply does not
	traits := m.traits()
	if why := traits.refuses(msg); why != "" {
		c.refuse(msg, &Refusal{Reason: why})
		return
	}
	ev := c.event(m)
	ev.Event = msg.Event
	ev.Payload = msg.Payload
	ev.WantsReply = msg.Ref != ""
	ev.Ref = m.nextRef(msg)
	res, err := c.call(m, CallbackHandleIn, ev)
	if err != nil {
		var refusal *Refusal
		if errors.As(err, &refusal) {
			c.refuse(msg, refusal)
			return
		}
	}
	if c.failed(CallbackHandleIn, res, err, c) {
		return
	}
	if traits.RepliesLater && msg.Ref != "" && res.Reply.Status == "" {
		m.keepOpen(ev.Ref, msg.Ref, ev.Now)
	}
	frames := len(res.Do)
	replies := res.Reply.Status != "" && Answered(msg)
	if replies {
		frames++
	}
	c.together(frames, func() {
		c.carryOut(m, res.Do, carriage{push: true})
		if replies {
			c.reply(m.joinRef, msg.Ref, res.Reply.Status, res.Reply.Payload)
		}
	})
	c.stopIf(res)
}

// refuses tells why an event does not come to the handler, or "".
func (t *Traits) refuses(msg *phx.Message) phx.Reason {
	switch {
	case phx.ReservedEvent(msg.Event):
		return phx.ReasonReservedEvent
	case !t.has(CallbackHandleIn):
		return phx.ReasonUnhandledEvent
	case msg.Payload.IsBinary() && !t.AcceptBinary:
		return phx.ReasonBinaryNotAccepted
	}
	return ""
}

// left answers a phx_leave.
func (c *Channel) left(msg *phx.Message) {
	if !c.joined() {
		LeftAlready(c.client, msg)
		return
	}
	if c.stale(msg) {
		return
	}
	m := c.detach()
	defer c.leave(&m, LeaveLeft) // due even if a bug keeps the frames from being sent
	c.noteLeft()
	c.together(2, func() {
		c.reply(m.joinRef, msg.Ref, phx.StatusOK, phx.Payload{})
		c.phxClose(m.joinRef)
	})
}

// noteLeft is called before the client learns that it has left, so that a join of
// another topic, which it may send at once, finds the place free.
func (c *Channel) noteLeft() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.waiting.any(itemJoin) && !c.waiting.any(itemAdmit) {
		c.vacated.Store(true)
	}
}

// failed ends the membership if the callback, which was called because of the
// client of from, failed or said that it shall end with phx_error.
func (c *Channel) failed(cb Callbacks, res Result, err error, from *Channel) bool {
	if err == nil && res.Status != StatusError {
		return false
	}
	if err != nil {
		c.blame(from)
	}
	c.fail(cb, err)
	return true
}

// fail ends the membership with phx_error; err is nil if the handler chose to,
// or if it is logged already.
func (c *Channel) fail(cb Callbacks, err error) {
	if err != nil {
		c.logFailure(&c.member, cb, err)
	}
	c.end(LeaveFailed, phx.EventError, phx.ReasonChannelCrash.Payload(0))
}

func (c *Channel) stopIf(res Result) {
	if res.Status == StatusStop {
		c.end(LeaveStopped, phx.EventClose, phx.Payload{})
	}
}

// end ends the membership with phx_close or phx_error.
func (c *Channel) end(kind LeaveKind, event string, payload phx.Payload) {
	m := c.detach()
	defer c.leave(&m, kind) // due even if a bug keeps the frame from being sent
	c.last(m.joinRef, event, payload)
}

// leave tells the handler that a membership, which is detached already, ended.
func (c *Channel) leave(m *membership, kind LeaveKind) {
	defer c.env.release(m.use)
	if !m.traits().has(CallbackLeave) {
		return
	}
	ev := c.event(m)
	ev.Leave = kind
	res, err := c.call(m, CallbackLeave, ev)
	if err != nil {
		c.logFailure(m, CallbackLeave, err)
		return
	}
	if res.Status == StatusError {
		c.env.log.Info("leave returned an error status", m.traits().named("topic", c.topic)...)
		return
	}
	c.carryOut(m, res.Do, carriage{push: kind == LeaveLeft})
}

// attach makes m the membership and subscribes it. Deliveries are held back
// until release, since the join's reply has to come first.
func (c *Channel) attach(m membership) {
	c.mu.Lock()
	c.state = stateJoining
	c.traits = m.traits()
	c.id = m.id
	c.outs = 0 // what waits for an earlier membership will be dropped
	c.mu.Unlock()
	m.unsubscribe = c.env.pubsub.Subscribe(c.env.topic(c.topic), c)
	c.member = m
	if c.env.enroll(c, m.use) {
		c.again()
	}
}

// release lets through what was held back, and from then on everything.
func (c *Channel) release() {
	for {
		c.mu.Lock()
		held := c.held
		c.held = nil
		if len(held) == 0 {
			if c.state == stateJoining {
				c.state = stateJoined
			}
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		for _, d := range held {
			if !c.traits.intercepts(d.b.Event()) {
				c.client.Broadcast(d.b)
				continue
			}
			c.mu.Lock()
			c.intercept(itemOut, d)
			c.unlock()
		}
	}
}

// detach ends the subscription and forgets the membership, which it returns. No
// broadcast reaches the client after it.
func (c *Channel) detach() membership {
	m := c.member
	c.member = membership{}
	c.env.strike(c, m.use)
	m.unsubscribe()
	m.discard(c)
	c.mu.Lock()
	c.state = stateNone
	c.held = nil
	c.mu.Unlock()
	for c.sending.Load() > 0 {
		// A delivery has seen the channel joined and is about to queue a frame,
		// which takes a microsecond.
		runtime.Gosched()
	}
	return m
}

// reply answers the client, also one that gave no ref.
func (c *Channel) reply(joinRef, ref phx.Ref, status phx.Status, payload phx.Payload) {
	r := &c.desk.reply
	*r = phx.Reply{JoinRef: joinRef, Ref: ref, Topic: c.topic, Status: status, Payload: payload}
	c.client.Reply(r)
}

// push sends an event to the client.
func (c *Channel) push(joinRef phx.Ref, event string, payload phx.Payload) {
	m := &c.desk.push
	*m = phx.Message{JoinRef: joinRef, Topic: c.topic, Event: event, Payload: payload}
	c.client.Push(m)
}

func (c *Channel) phxClose(joinRef phx.Ref) { c.last(joinRef, phx.EventClose, phx.Payload{}) }

// last sends the last frame of a membership: phx_close or phx_error.
func (c *Channel) last(joinRef phx.Ref, event string, payload phx.Payload) {
	c.client.Push(&phx.Message{JoinRef: joinRef, Ref: joinRef, Topic: c.topic, Event: event, Payload: payload})
}

func (c *Channel) refuse(msg *phx.Message, r *Refusal) {
	if !Answered(msg) {
		return
	}
	c.reply(msg.JoinRef, msg.Ref, phx.StatusError, r.Reason.Payload(r.RetryAfter))
}

// Answered tells whether the client waits for an answer to its message: an event
// without a ref has none; a phx_join and a phx_leave have, with the ref null, as in
// Phoenix, since there are clients that give no refs and wait all the same.
func Answered(msg *phx.Message) bool {
	return msg.Ref != "" || msg.Event == phx.EventJoin || msg.Event == phx.EventLeave
}

// Unmatched answers a message to a topic that is not joined.
func Unmatched(client Client, msg *phx.Message) {
	if Answered(msg) {
		client.Reply(&phx.Reply{Ref: msg.Ref, Topic: msg.Topic, Status: phx.StatusError, Payload: phx.ReasonUnmatchedTopic.Payload(0)})
	}
}

// LeftAlready answers a phx_leave of a topic that is not joined.
func LeftAlready(client Client, msg *phx.Message) {
	client.Reply(&phx.Reply{JoinRef: msg.JoinRef, Ref: msg.Ref, Topic: msg.Topic, Status: phx.StatusOK})
}

func (c *Channel) logFailure(m *membership, cb Callbacks, err error) {
	attrs := append(m.traits().named("topic", c.topic), "callback", cb.String(), "err", err)
	var panicked *PanicError
	if errors.As(err, &panicked) {
		attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
	}
	c.env.log.Error("channel failed", attrs...)
}
