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

// turn handles what waits in the mailbox. At most one is running.
func (c *Channel) turn() {
	defer c.env.turns.Done()
	for {
		it, ok := c.next()
		if !ok {
			return
		}
		c.handle(it)
	}
}

// handle carries out one item. A bug of the host ends this membership only, as
// a failure of its handler would.
func (c *Channel) handle(it item) {
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

func (c *Channel) carry(it item) {
	switch it.kind {
	case itemJoin:
		c.client.Handled(it.size)
		c.join(it.handler, &it.msg)
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
	case itemClose:
		if c.joined() {
			m := c.detach()
			c.leave(&m, it.leave)
		}
	case itemFail:
		if it.id == c.member.id {
			c.fail(CallbackHandleOut, it.err)
		}
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

func (c *Channel) joined() bool { return c.member.handler != nil }

// join answers a phx_join. A membership that exists ends first.
func (c *Channel) join(h Handler, msg *phx.Message) {
	var old membership
	closeOld := func() {}
	if c.joined() {
		old = c.detach()
		c.leave(&old, LeaveReplaced)
		closeOld = func() { c.phxClose(old.joinRef) }
	}
	traits := h.Traits()
	if msg.Payload.IsBinary() && !traits.AcceptBinary {
		c.refuse(msg, &Refusal{Reason: phx.ReasonBinaryNotAccepted})
		closeOld()
		return
	}
	joinRef := phx.Ref(strings.Clone(string(msg.JoinRef))) // it outlives the frame
	m := membership{handler: h, joinRef: joinRef, id: c.env.ids.Add(1)}
	ev := c.event(&m)
	ev.Payload = msg.Payload
	ev.WantsReply = msg.Ref != ""
	res, err := c.call(&m, CallbackJoin, &ev)
	if err != nil || res.Status != StatusOK {
		c.refuseJoin(&m, msg, res, err)
		closeOld()
		return
	}
	c.attach(m, traits)
	if c.opts.CloseBeforeReply {
		closeOld()
	}
	c.reply(m.joinRef, msg.Ref, phx.StatusOK, res.Reply.Payload)
	if !c.opts.CloseBeforeReply {
		closeOld()
	}
	c.release()
	c.carryOut(&c.member, res.Do, true)
}

func (c *Channel) refuseJoin(m *membership, msg *phx.Message, res Result, err error) {
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		c.refuse(msg, refusal)
	case err != nil:
		c.logFailure(m, CallbackJoin, err)
		c.refuse(msg, &Refusal{Reason: phx.ReasonJoinCrashed})
	case res.Status == StatusError:
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
	traits := m.handler.Traits()
	switch {
	case phx.ReservedEvent(msg.Event):
		c.refuse(msg, &Refusal{Reason: phx.ReasonReservedEvent})
		return
	case !traits.has(CallbackHandleIn):
		c.refuse(msg, &Refusal{Reason: phx.ReasonUnhandledEvent})
		return
	case msg.Payload.IsBinary() && !traits.AcceptBinary:
		c.refuse(msg, &Refusal{Reason: phx.ReasonBinaryNotAccepted})
		return
	}
	ev := c.event(m)
	ev.Event = msg.Event
	ev.Payload = msg.Payload
	ev.WantsReply = msg.Ref != ""
	res, err := c.call(m, CallbackHandleIn, &ev)
	var refusal *Refusal
	if errors.As(err, &refusal) {
		c.refuse(msg, refusal)
		return
	}
	if c.failed(CallbackHandleIn, res, err) {
		return
	}
	c.carryOut(m, res.Do, true)
	if res.Reply.Status != "" {
		c.reply(m.joinRef, msg.Ref, res.Reply.Status, res.Reply.Payload)
	}
	c.stopIf(res)
}

// out handles an intercepted broadcast.
func (c *Channel) out(d delivery) {
	m := &c.member
	ev := c.event(m)
	ev.Event = d.b.Event()
	ev.Payload = d.b.Payload()
	ev.Self = d.self
	res, err := c.call(m, CallbackHandleOut, &ev)
	var refusal *Refusal
	if errors.As(err, &refusal) && refusal.Reason == phx.ReasonPayloadTooLarge {
		// The sender's message is too large for the handler of a client that did
		// nothing. It cannot be delivered unseen, since handle_out may be a filter.
		c.env.log.Warn("an intercepted broadcast is too large for the handler and was dropped", "topic", c.topic, "event", ev.Event, "plugin", m.handler.Traits().Name)
		return
	}
	if c.failed(CallbackHandleOut, res, err) {
		return
	}
	c.carryOut(m, res.Do, true)
	if res.Status == StatusPass {
		c.client.Broadcast(d.b)
	}
	c.stopIf(res)
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
	c.reply(m.joinRef, msg.Ref, phx.StatusOK, phx.Payload{})
	c.phxClose(m.joinRef)
}

// failed ends the membership if the callback failed or said that it shall end
// with phx_error.
func (c *Channel) failed(cb Callbacks, res Result, err error) bool {
	if err == nil && res.Status != StatusError {
		return false
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
	m := c.detach()
	defer c.leave(&m, LeaveFailed)
	c.client.Push(&phx.Message{
		JoinRef: m.joinRef, Ref: m.joinRef, Topic: c.topic,
		Event: phx.EventError, Payload: phx.ReasonChannelCrash.Payload(0),
	})
}

func (c *Channel) stopIf(res Result) {
	if res.Status != StatusStop {
		return
	}
	m := c.detach()
	defer c.leave(&m, LeaveStopped)
	c.phxClose(m.joinRef)
}

// leave tells the handler that a membership, which is detached already, ended.
func (c *Channel) leave(m *membership, kind LeaveKind) {
	if !m.handler.Traits().has(CallbackLeave) {
		return
	}
	ev := c.event(m)
	ev.Leave = kind
	res, err := c.call(m, CallbackLeave, &ev)
	if err != nil {
		c.logFailure(m, CallbackLeave, err)
		return
	}
	if res.Status == StatusError {
		c.env.log.Info("leave returned an error status", "topic", c.topic, "plugin", m.handler.Traits().Name)
		return
	}
	c.carryOut(m, res.Do, kind == LeaveLeft)
}

// attach makes m the membership and subscribes it. Deliveries are held back
// until release, since the join's reply has to come first.
func (c *Channel) attach(m membership, traits *Traits) {
	c.mu.Lock()
	c.state = stateJoining
	c.traits = traits
	c.id = m.id
	c.outs = 0 // what waits for an earlier membership will be dropped
	c.mu.Unlock()
	m.unsubscribe = c.env.pubsub.Subscribe(c.env.topic(c.topic), c)
	c.member = m
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
			c.intercept(d)
			c.mu.Unlock()
		}
	}
}

// detach ends the subscription and forgets the membership, which it returns. No
// broadcast reaches the client after it.
func (c *Channel) detach() membership {
	m := c.member
	c.member = membership{}
	m.unsubscribe()
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

// event returns what all callbacks of m are told.
func (c *Channel) event(m *membership) Event {
	return Event{
		Topic:         c.topic,
		Assigns:       m.assigns,
		SocketAssigns: c.opts.SocketAssigns,
		Now:           c.env.now(),
		Channel:       m.id,
	}
}

// call enters the handler and checks what it returned.
func (c *Channel) call(m *membership, cb Callbacks, ev *Event) (res Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	switch cb {
	case CallbackJoin:
		res, err = m.handler.Join(c.env.ctx, ev)
	case CallbackLeave:
		res, err = m.handler.Leave(c.env.ctx, ev)
	case CallbackHandleIn:
		res, err = m.handler.HandleIn(c.env.ctx, ev)
	case CallbackHandleOut:
		res, err = m.handler.HandleOut(c.env.ctx, ev)
	}
	if err == nil {
		err = res.check(cb)
	}
	return res, err
}

// PanicError is how a native handler's panic is reported.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("channel: handler panicked: %v", e.Value) }

// carryOut does what the handler asked for, in order. A client that has gone
// from the topic is pushed nothing.
func (c *Channel) carryOut(m *membership, do []Effect, push bool) {
	for i := range do {
		e := &do[i]
		var err error
		switch e.kind {
		case KindPush:
			if push {
				c.client.Push(&phx.Message{JoinRef: m.joinRef, Topic: c.topic, Event: e.event, Payload: e.payload})
			}
		case KindBroadcast:
			err = c.env.pubsub.Broadcast(c.env.topic(c.topic), c, phx.NewBroadcast(c.topic, e.event, e.payload))
		case KindBroadcastFrom:
			err = c.env.pubsub.BroadcastFrom(c.env.topic(c.topic), c, phx.NewBroadcast(c.topic, e.event, e.payload))
		case KindAssign:
			m.assigns = e.assigns
		}
		if err != nil {
			c.env.log.Warn("a broadcast did not reach the other nodes", "topic", c.topic, "event", e.event, "err", err)
		}
	}
}

func (c *Channel) reply(joinRef, ref phx.Ref, status phx.Status, payload phx.Payload) {
	if ref == "" {
		return // the client does not wait
	}
	c.client.Reply(&phx.Reply{JoinRef: joinRef, Ref: ref, Topic: c.topic, Status: status, Payload: payload})
}

func (c *Channel) phxClose(joinRef phx.Ref) {
	c.client.Push(&phx.Message{JoinRef: joinRef, Ref: joinRef, Topic: c.topic, Event: phx.EventClose})
}

func (c *Channel) refuse(msg *phx.Message, r *Refusal) {
	c.reply(msg.JoinRef, msg.Ref, phx.StatusError, r.Reason.Payload(r.RetryAfter))
}

// Unmatched answers a message to a topic that is not joined.
func Unmatched(client Client, msg *phx.Message) {
	if msg.Ref != "" {
		client.Reply(&phx.Reply{Ref: msg.Ref, Topic: msg.Topic, Status: phx.StatusError, Payload: phx.ReasonUnmatchedTopic.Payload(0)})
	}
}

// LeftAlready answers a phx_leave of a topic that is not joined.
func LeftAlready(client Client, msg *phx.Message) {
	if msg.Ref != "" {
		client.Reply(&phx.Reply{JoinRef: msg.JoinRef, Ref: msg.Ref, Topic: msg.Topic, Status: phx.StatusOK})
	}
}

func (c *Channel) logFailure(m *membership, cb Callbacks, err error) {
	attrs := []any{"topic", c.topic, "plugin", m.handler.Traits().Name, "callback", cb.String(), "err", err}
	var panicked *PanicError
	if errors.As(err, &panicked) {
		attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
	}
	c.env.log.Error("channel failed", attrs...)
}
