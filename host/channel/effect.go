package channel

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/chhost/chhost/host/phx"
)

// Effect is one thing that a handler wants done. Effects are made by the
// functions of this package only ([Push], [Broadcast], [BroadcastFrom],
// [BroadcastTo], [Assign], [ReplyTo], [SendAfter], [Cancel], [Subscribe],
// [Unsubscribe]), so the host knows all there are.
type Effect struct {
	kind    EffectKind
	refused bool   // KindReplyTo: with status error
	number  uint32 // of the ref or the timer
	delay   uint32 // KindSendAfter: milliseconds
	event   string
	topic   string
	payload phx.Payload // KindAssign: the state
}

// EffectKind tells effects apart.
type EffectKind uint8

const (
	KindPush EffectKind = iota
	KindBroadcast
	KindBroadcastFrom
	KindAssign
	KindReplyTo
	KindBroadcastTo
	KindSendAfter
	KindCancel
	KindSubscribe
	KindUnsubscribe
)

// String is the name of the import by which a guest asks for the effect.
func (k EffectKind) String() string {
	switch k {
	case KindPush:
		return "push"
	case KindBroadcast:
		return "broadcast"
	case KindBroadcastFrom:
		return "broadcast_from"
	case KindAssign:
		return "assign"
	case KindReplyTo:
		return "reply_to"
	case KindBroadcastTo:
		return "broadcast_to"
	case KindSendAfter:
		return "send_after"
	case KindCancel:
		return "cancel"
	case KindSubscribe:
		return "subscribe"
	case KindUnsubscribe:
		return "unsubscribe"
	}
	return "effect"
}

// Push sends event to this channel's client only (the guide's reply/3).
func Push(event string, payload phx.Payload) Effect {
	return Effect{kind: KindPush, event: event, payload: payload}
}

// Broadcast sends event to every subscriber of this topic, the sender included.
func Broadcast(event string, payload phx.Payload) Effect {
	return Effect{kind: KindBroadcast, event: event, payload: payload}
}

// BroadcastFrom sends event to every subscriber of this topic but this channel.
func BroadcastFrom(event string, payload phx.Payload) Effect {
	return Effect{kind: KindBroadcastFrom, event: event, payload: payload}
}

// Assign replaces the channel's assigns by a copy of data; empty data empties
// them. The last Assign of a call wins.
//
// The copy is made here: data may be a part of the client's frame, all of which
// it would keep, or of a guest's memory. It has no spare capacity, so that a
// handler that appends to its [Event.Assigns] does not write into them.
func Assign(data []byte) Effect {
	return Effect{kind: KindAssign, payload: phx.Bytes(slices.Clip(bytes.Clone(data)))}
}

// BroadcastTo sends event to every subscriber of another topic of the tenant.
func BroadcastTo(topic, event string, payload phx.Payload) Effect {
	return Effect{kind: KindBroadcastTo, topic: topic, event: event, payload: payload}
}

// ReplyTo answers an earlier event of this channel, whose [Event.Ref] is ref:
// Phoenix's socket_ref. The payload is any JSON value, or bytes. A ref that is
// not known, was answered, or is older than [RefLife] is ignored; a channel
// keeps the newest [MaxOpenRefs].
func ReplyTo(ref uint32, status phx.Status, payload phx.Payload) Effect {
	return Effect{kind: KindReplyTo, number: ref, refused: status == phx.StatusError, payload: payload}
}

// SendAfter calls HandleInfo with event and payload after delay, which is
// rounded to milliseconds and at least [MinDelay]. A timer with the same key is
// replaced. Timers survive an upgrade and end with the channel. The event and the
// payload are copied, as in [Assign].
func SendAfter(key uint32, delay time.Duration, event string, payload phx.Payload) Effect {
	ms := max(delay, MinDelay).Milliseconds()
	return Effect{kind: KindSendAfter, number: key, delay: uint32(min(ms, math.MaxUint32)), event: strings.Clone(event), payload: payload.Clone()}
}

// Cancel ends the timer with this key. One that there is not is no error.
func Cancel(key uint32) Effect { return Effect{kind: KindCancel, number: key} }

// Subscribe lets HandleInfo be called for the broadcasts of another topic of the
// tenant. A topic that is subscribed to already is no error. It is copied.
func Subscribe(topic string) Effect {
	return Effect{kind: KindSubscribe, topic: strings.Clone(topic)}
}

// Unsubscribe ends what [Subscribe] began. A topic that is not subscribed to is
// no error.
func Unsubscribe(topic string) Effect { return Effect{kind: KindUnsubscribe, topic: topic} }

// Bounds of what a handler may ask for.
const (
	// MinDelay is the shortest delay of a timer; a shorter one is raised to it.
	MinDelay = 10 * time.Millisecond
	// MaxDelay is the longest delay of a timer.
	MaxDelay = 24 * time.Hour
	// MaxTimers is how many timers a channel may have.
	MaxTimers = 16
	// MaxTimerBytes is how many bytes the payloads of a channel's timers may have
	// together.
	MaxTimerBytes = 1 << 20
	// MaxSubscriptions is how many other topics a channel may subscribe to.
	MaxSubscriptions = 16
	// MaxOpenRefs is how many events of a channel may wait for [ReplyTo]. Of more,
	// the oldest are forgotten.
	MaxOpenRefs = 64
	// RefLife is how long an event may wait for [ReplyTo].
	RefLife = 60 * time.Second
	// MaxHops is how often a broadcast may be caused by another one: a broadcast
	// that HandleInfo sends because of a broadcast is one hop further than that.
	// One that is further is dropped, or two topics could keep each other busy for
	// ever.
	MaxHops = 4
)

// Kind tells what the effect is.
func (e Effect) Kind() EffectKind { return e.kind }

// Event is the name of the event that the effect sends, or empty.
func (e Effect) Event() string { return e.event }

// Topic is the other topic that the effect names, or empty.
func (e Effect) Topic() string { return e.topic }

// Payload is what the effect sends.
func (e Effect) Payload() phx.Payload {
	if e.kind == KindAssign {
		return phx.Payload{}
	}
	return e.payload
}

// Assigns is what an [Assign] sets.
func (e Effect) Assigns() []byte {
	if e.kind != KindAssign {
		return nil
	}
	return e.payload.Data()
}

// Ref is what a [ReplyTo] answers.
func (e Effect) Ref() uint32 { return e.numberOf(KindReplyTo) }

// Status is that of a [ReplyTo].
func (e Effect) Status() phx.Status {
	if e.refused {
		return phx.StatusError
	}
	return phx.StatusOK
}

// Key is the timer's of a [SendAfter] or a [Cancel].
func (e Effect) Key() uint32 { return e.numberOf(KindSendAfter) | e.numberOf(KindCancel) }

func (e Effect) numberOf(kind EffectKind) uint32 {
	if e.kind != kind {
		return 0
	}
	return e.number
}

// Delay is that of a [SendAfter].
func (e Effect) Delay() time.Duration { return time.Duration(e.delay) * time.Millisecond }

// rules says which statuses and effects a callback may return, as bit sets; the
// same rows bind guests, see package abi.
type rules struct {
	statuses uint32
	effects  uint32
	reply    bool
}

// Sets of statuses.
const (
	mayRefuse = 1<<StatusOK | 1<<StatusError
	mayIgnore = mayRefuse | 1<<StatusIgnore
	mayStop   = mayRefuse | 1<<StatusStop
	mayPass   = mayStop | 1<<StatusPass
)

const (
	effectPush      = 1 << KindPush
	effectBroadcast = 1<<KindBroadcast | 1<<KindBroadcastFrom | 1<<KindBroadcastTo
	effectAssign    = 1 << KindAssign
	effectTimers    = 1<<KindSendAfter | 1<<KindCancel
	effectTopics    = 1<<KindSubscribe | 1<<KindUnsubscribe
	effectJoin      = effectPush | effectBroadcast | effectAssign | effectTimers | effectTopics
	effectReplyTo   = 1 << KindReplyTo
)

func rulesOf(cb Callbacks) rules {
	switch cb {
	case CallbackJoin:
		return rules{mayIgnore | mayStop, effectJoin, true}
	case CallbackLeave:
		return rules{mayRefuse, effectPush | effectBroadcast, false}
	case CallbackHandleIn:
		return rules{mayStop, effectJoin | effectReplyTo, true}
	case CallbackHandleOut:
		return rules{mayPass, effectPush | effectAssign | effectTimers, false}
	case CallbackHandleInfo:
		return rules{mayStop, effectJoin | effectReplyTo, false}
	case CallbackUpgrade:
		return rules{mayRefuse, effectPush | effectAssign | effectTimers, false}
	case CallbackConnect:
		return rules{mayRefuse, effectAssign, true}
	}
	panic("BUG: channel: no such callback")
}

// check returns what is wrong with a result, before any of it is carried out.
// Guests are held to the same rules at each import; here they bind native
// handlers too, so that a plugin and a Go handler can be exchanged.
func (r *Result) check(cb Callbacks, ev *Event) error {
	row := rulesOf(cb)
	if r.Status > StatusPass || row.statuses&(1<<r.Status) == 0 {
		return fmt.Errorf("channel: %s returned status %d, which it may not", cb, r.Status)
	}
	if r.Reply.Status != "" {
		if !row.reply {
			return fmt.Errorf("channel: %s has nobody to reply to", cb)
		}
		if r.Reply.Status != phx.StatusOK && r.Reply.Status != phx.StatusError {
			return fmt.Errorf("channel: %s replied with status %q; it is ok or error", cb, r.Reply.Status)
		}
		admits := cb == CallbackJoin || cb == CallbackConnect
		refuses := r.Status == StatusError || r.Status == StatusStop
		if admits && (r.Reply.Status == phx.StatusError) != refuses {
			return fmt.Errorf("channel: %s returned status %d with a reply of status %q", cb, r.Status, r.Reply.Status)
		}
	}
	for i := range r.Do {
		if err := r.Do[i].check(cb, row.effects, ev); err != nil {
			return err
		}
	}
	return nil
}

func (e *Effect) check(cb Callbacks, allowed uint32, ev *Event) error {
	if allowed&(1<<e.kind) == 0 {
		return fmt.Errorf("channel: %s may not %s", cb, e.kind)
	}
	fault := func(err error) error { return fmt.Errorf("channel: %s in %s: %w", e.kind, cb, err) }
	if effectNamesTopic&(1<<e.kind) != 0 {
		if err := phx.CheckName(e.topic); err != nil {
			return fault(fmt.Errorf("topic: %w", err))
		}
	}
	if e.kind == KindSendAfter && e.Delay() > MaxDelay {
		return fault(fmt.Errorf("the delay of %v is longer than %v", e.Delay(), MaxDelay))
	}
	if effectNamesEvent&(1<<e.kind) == 0 {
		return nil
	}
	// The event's own name was checked when it came. A join has none, and in upgrade it
	// is that of a version.
	if e.event != ev.Event || cb&(CallbackHandleIn|CallbackHandleOut|CallbackHandleInfo) == 0 {
		if err := phx.CheckName(e.event); err != nil {
			return fault(fmt.Errorf("event: %w", err))
		}
	}
	if phx.ReservedEvent(e.event) {
		return fault(fmt.Errorf("the event %s belongs to the host", e.event))
	}
	if !e.payload.IsBinary() && !e.payload.IsObject() {
		return fault(errors.New("the payload must be an object or bytes"))
	}
	return nil
}

const (
	effectNamesEvent = effectPush | effectBroadcast | 1<<KindSendAfter
	effectNamesTopic = effectTopics | 1<<KindBroadcastTo
)
