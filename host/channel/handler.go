package channel

import (
	"context"
	"time"

	"github.com/chhost/chhost/host/phx"
)

// Handler is the logic of a kind of channel: what a plugin exports, or a type
// written in Go. A handler is a function of its inputs: it keeps no state of a
// client between calls (that is what [Event.Assigns] is for) and it does not
// call the host; what it wants done it returns as a [Result], which is carried
// out only if the call returned without an error. It is safe for concurrent use,
// since different channels call it at once; the calls of one channel never
// overlap. Its type is comparable (a pointer, say): two are the same handler if
// they are equal.
//
// The callbacks are those of the Phoenix Channels guide. An error means that
// the handler failed: nothing it asked for happens, the client sees phx_error
// and may join again (for Join: an error reply "join crashed"). A [*Refusal] is
// not a failure: the client gets its reason as an error reply.
//
// See [Funcs] for a handler made of functions.
type Handler interface {
	// Traits says what the handler has. It is constant.
	Traits() *Traits
	// Join authorizes a client that wants to join ev.Topic. StatusOK lets it in,
	// StatusError refuses it with the reply's payload (clients try again and again),
	// StatusStop does so for good, StatusIgnore leaves it without an answer (the
	// guide's :ignore).
	Join(ctx context.Context, ev *Event) (Result, error)
	// Leave is called once for every join that returned StatusOK, and for every
	// membership that [Channel.Admit] made, after the channel was unsubscribed;
	// ev.Leave says why.
	Leave(ctx context.Context, ev *Event) (Result, error)
	// HandleIn is called for each event of the client.
	HandleIn(ctx context.Context, ev *Event) (Result, error)
	// HandleOut is called for each broadcast that the handler intercepts, once
	// for each subscriber. StatusOK replaces the message by the result's effects
	// (none: it is filtered out), StatusPass delivers it unchanged after them.
	HandleOut(ctx context.Context, ev *Event) (Result, error)
	// HandleInfo is called for what reaches the channel from elsewhere: a timer
	// that [SendAfter] set, or a broadcast of a topic that [Subscribe] named;
	// ev.Info says which. A kind that the handler does not know is answered with
	// the zero Result.
	HandleInfo(ctx context.Context, ev *Event) (Result, error)
}

// Upgrader is implemented by handlers whose traits name [CallbackUpgrade].
type Upgrader interface {
	// Upgrade is called, on the new version of a handler, for each channel that
	// moves to it: ev.Assigns is what the old version left, ev.Event its name. An
	// error or StatusError leaves the channel on the old version, and nothing
	// happens. Without it assigns carry over as they are.
	Upgrade(ctx context.Context, ev *Event) (Result, error)
}

// Connector is implemented by handlers whose traits name [CallbackConnect].
type Connector interface {
	// Connect decides about a new socket. StatusOK lets it in: what [Assign] set
	// is the socket's assigns, which every channel of the socket is handed, and a
	// reply {"id":"users:7"} names the socket. StatusError refuses it with the
	// reply's payload.
	Connect(ctx context.Context, ev *Event) (Result, error)
}

// Callbacks is a set of callbacks.
type Callbacks uint8

const (
	CallbackJoin Callbacks = 1 << iota
	CallbackLeave
	CallbackHandleIn
	CallbackHandleOut
	CallbackHandleInfo
	CallbackUpgrade
	CallbackConnect
)

// String is the callback's name as a guest exports it.
func (c Callbacks) String() string {
	switch c {
	case CallbackJoin:
		return "join"
	case CallbackLeave:
		return "leave"
	case CallbackHandleIn:
		return "handle_in"
	case CallbackHandleOut:
		return "handle_out"
	case CallbackHandleInfo:
		return "handle_info"
	case CallbackUpgrade:
		return "upgrade"
	case CallbackConnect:
		return "connect"
	}
	return "callbacks"
}

// Traits says what a handler has, so that what it has not costs nothing.
type Traits struct {
	// Name is what logs call the handler, such as "foods@7".
	Name string
	// Digest is what logs call its code, if it has a name for that: the first digits of
	// a module's digest.
	Digest string
	// Callbacks are those that are worth calling. Without HandleIn a client's
	// event is answered "unhandled event"; without HandleOut a broadcast is
	// encoded once for all subscribers.
	Callbacks Callbacks
	// Intercepts are the events whose broadcasts go through HandleOut. Nil means
	// every event, as in the guide.
	Intercepts map[string]struct{}
	// AcceptBinary lets clients send bytes. Without it such an event is answered
	// "binary_not_accepted".
	AcceptBinary bool
	// RepliesLater tells that the handler may answer an event after it has
	// returned from it, by [ReplyTo]. Without it the refs of events are not kept.
	RepliesLater bool
	// ForgetsEvents tells that the handler does not refer to an [Event] any more
	// once it has returned, nor does what it returns, [Event.Room] left aside. Events
	// and their rooms are then used again.
	ForgetsEvents bool
}

// named adds what logs call the handler to the attributes of a line.
func (t *Traits) named(attrs ...any) []any {
	attrs = append(attrs, "plugin", t.Name)
	if t.Digest != "" {
		attrs = append(attrs, "digest", t.Digest)
	}
	return attrs
}

func (t *Traits) has(c Callbacks) bool { return t.Callbacks&c != 0 }

func (t *Traits) intercepts(event string) bool {
	if !t.has(CallbackHandleOut) {
		return false
	}
	if t.Intercepts == nil {
		return true
	}
	_, ok := t.Intercepts[event]
	return ok
}

// Event is what a callback is called with. It and everything it refers to is
// read-only and may be kept, see [Traits.ForgetsEvents].
type Event struct {
	// Topic is the channel's topic; in HandleInfo of a broadcast that topic; empty
	// in Connect.
	Topic string
	// Event is the event's name, or the timer's; in Upgrade the name of the old
	// version, such as "foods@6". Empty in Join, Leave and Connect.
	Event string
	// Payload is the join's params, the event's payload, the timer's, or what is
	// known of a new connection; {} in Leave and Upgrade.
	Payload phx.Payload
	// Assigns is the channel's state: what the last [Assign] set, opaque to the
	// host; empty at Join.
	Assigns []byte
	// SocketAssigns is what the socket was connected with, as JSON; {} if
	// nothing. It is the same for all channels of the socket.
	SocketAssigns []byte
	// Now is the time of the call.
	Now time.Time
	// Channel identifies this membership on this node; it is below 2^53.
	Channel uint64
	// Leave says why the channel ends; only in Leave.
	Leave LeaveKind
	// Info says what HandleInfo is called for; only there.
	Info InfoKind
	// Ref names a join or an event for [ReplyTo], if the client waits for an
	// answer, and is 0 otherwise. In HandleInfo it is the key of the timer.
	Ref uint32
	// Seed is what the randomness of the call follows from, where the handler
	// takes it from the host; 0 lets the host choose another for each call.
	Seed uint64
	// Peer is where the client connects from because of which the handler is called:
	// in HandleOut, and in HandleInfo of a broadcast, the one that caused the
	// broadcast. Plugins are not told.
	Peer Peer
	// WantsReply tells whether the client waits for an answer.
	WantsReply bool
	// Self tells, in HandleOut, that this channel sent the broadcast.
	Self bool

	room []Effect
}

// Room is an empty list for [Result.Do]. It has room for a few effects where
// [Traits.ForgetsEvents] is set.
func (ev *Event) Room() []Effect { return ev.room }

// LeaveKind says why a channel ended.
type LeaveKind uint8

const (
	// LeaveLeft: the client left the topic.
	LeaveLeft LeaveKind = 1 + iota
	// LeaveClosed: the connection ended.
	LeaveClosed
	// LeaveReplaced: the client joined the same topic again.
	LeaveReplaced
	// LeaveShutdown: the host is shutting down.
	LeaveShutdown
	// LeaveStopped: the handler returned StatusStop.
	LeaveStopped
	// LeaveFailed: the handler failed in another callback.
	LeaveFailed
	// LeaveKicked: an operator ended the channel.
	LeaveKicked
)

// InfoKind says what a channel is told.
type InfoKind uint8

const (
	// InfoTimer: a timer that [SendAfter] set is due.
	InfoTimer InfoKind = 1 + iota
	// InfoBroadcast: somebody sent a broadcast to a topic that [Subscribe] named.
	InfoBroadcast
)

// Status is what a callback decided.
type Status uint8

const (
	StatusOK Status = iota
	// StatusError is the handler's own refusal: of a join or a connection with the
	// reply's payload; in HandleIn, HandleOut and HandleInfo the end of the channel
	// with phx_error; in Leave it drops the effects and is logged; in Upgrade the
	// channel stays on the old version.
	StatusError
	// StatusStop carries out the result and then ends the channel. In Join it is a
	// StatusError for good: the client does not try again.
	StatusStop
	// StatusIgnore leaves a join without an answer.
	StatusIgnore
	// StatusPass delivers an intercepted broadcast unchanged.
	StatusPass
)

// Result is what a callback wants done: Do in order, then the reply, then the
// stop. Of a join the reply comes first, since it precedes every other frame.
// The zero Result is StatusOK with nothing to do.
type Result struct {
	Status Status
	Do     []Effect
	// Reply answers the join or the event; the zero Reply answers nothing
	// (a join that is OK is then answered {}). It is dropped if the client does
	// not wait for one.
	Reply Reply
}

// Reply is the answer to a join or an event. Its payload may be any JSON value
// or bytes.
type Reply struct {
	Status  phx.Status
	Payload phx.Payload
}

// Refusal is returned by a handler that did nothing with an event: it was not
// entered, or the event was too large for it. The client gets an error reply
// with the reason; the channel lives on. Where nobody can be answered (a
// broadcast to be intercepted) the channel fails, so that the client joins
// again and can catch up. Two refusals cost the broadcast instead, which is
// dropped, counted and logged: it is too large for the handler, or one client
// could fail the channels of all; and RetryAfter is set, since a handler that will
// be back would not take the client's join before either. A timer is then due
// again after that time.
type Refusal struct {
	Reason phx.Reason
	// RetryAfter is told to the client if it is not zero.
	RetryAfter time.Duration
}

func (r *Refusal) Error() string { return "channel: refused: " + string(r.Reason) }

// Funcs is a [Handler] made of functions. JoinFunc is needed; a callback that
// is nil is left out of the traits.
type Funcs struct {
	// Name is what logs call the handler.
	Name string
	// Intercepts are the events that go through HandleOutFunc; nil means all.
	Intercepts []string
	// AcceptBinary lets clients send bytes.
	AcceptBinary bool
	// RepliesLater keeps the refs of events for [ReplyTo].
	RepliesLater bool

	JoinFunc       func(ctx context.Context, ev *Event) (Result, error)
	LeaveFunc      func(ctx context.Context, ev *Event) (Result, error)
	HandleInFunc   func(ctx context.Context, ev *Event) (Result, error)
	HandleOutFunc  func(ctx context.Context, ev *Event) (Result, error)
	HandleInfoFunc func(ctx context.Context, ev *Event) (Result, error)
	UpgradeFunc    func(ctx context.Context, ev *Event) (Result, error)
	ConnectFunc    func(ctx context.Context, ev *Event) (Result, error)
}

// Handler returns the handler that calls f's functions. Later changes of f do
// not affect it.
func (f Funcs) Handler() Handler {
	if f.JoinFunc == nil {
		panic("channel: Funcs.JoinFunc is nil; a handler has to answer joins")
	}
	h := &funcs{Funcs: f, traits: Traits{Name: f.Name, AcceptBinary: f.AcceptBinary, RepliesLater: f.RepliesLater}}
	for _, has := range []struct {
		callback Callbacks
		function func(context.Context, *Event) (Result, error)
	}{
		{CallbackJoin, f.JoinFunc}, {CallbackLeave, f.LeaveFunc}, {CallbackHandleIn, f.HandleInFunc}, {CallbackHandleOut, f.HandleOutFunc},
		{CallbackHandleInfo, f.HandleInfoFunc}, {CallbackUpgrade, f.UpgradeFunc}, {CallbackConnect, f.ConnectFunc},
	} {
		if has.function != nil {
			h.traits.Callbacks |= has.callback
		}
	}
	if f.Intercepts != nil {
		h.traits.Intercepts = make(map[string]struct{}, len(f.Intercepts))
		for _, event := range f.Intercepts {
			h.traits.Intercepts[event] = struct{}{}
		}
	}
	return h
}

type funcs struct {
	Funcs
	traits Traits
}

func (h *funcs) Traits() *Traits { return &h.traits }

func (h *funcs) Join(ctx context.Context, ev *Event) (Result, error)  { return h.JoinFunc(ctx, ev) }
func (h *funcs) Leave(ctx context.Context, ev *Event) (Result, error) { return h.LeaveFunc(ctx, ev) }
func (h *funcs) HandleIn(ctx context.Context, ev *Event) (Result, error) {
	return h.HandleInFunc(ctx, ev)
}
func (h *funcs) HandleOut(ctx context.Context, ev *Event) (Result, error) {
	return h.HandleOutFunc(ctx, ev)
}
func (h *funcs) HandleInfo(ctx context.Context, ev *Event) (Result, error) {
	return h.HandleInfoFunc(ctx, ev)
}
func (h *funcs) Upgrade(ctx context.Context, ev *Event) (Result, error) {
	return h.UpgradeFunc(ctx, ev)
}
func (h *funcs) Connect(ctx context.Context, ev *Event) (Result, error) {
	return h.ConnectFunc(ctx, ev)
}
