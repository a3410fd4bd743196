package channel

import (
	"bytes"
	"fmt"

	"github.com/chhost/chhost/host/phx"
)

// Effect is one thing that a handler wants done. Effects are made by the
// functions of this package only ([Push], [Broadcast], [BroadcastFrom],
// [Assign]), so the host knows all there are.
type Effect struct {
	kind    EffectKind
	event   string
	payload phx.Payload
	assigns []byte
}

// EffectKind tells effects apart.
type EffectKind uint8

const (
	KindPush EffectKind = iota
	KindBroadcast
	KindBroadcastFrom
	KindAssign
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
// it would keep, or of a guest's memory.
func Assign(data []byte) Effect { return Effect{kind: KindAssign, assigns: bytes.Clone(data)} }

// Kind tells what the effect is.
func (e Effect) Kind() EffectKind { return e.kind }

// Event is the name of the event that the effect sends, or empty.
func (e Effect) Event() string { return e.event }

// Payload is what the effect sends.
func (e Effect) Payload() phx.Payload { return e.payload }

// Assigns is what an [Assign] sets.
func (e Effect) Assigns() []byte { return e.assigns }

// rules says which statuses and effects a callback may return, as bit sets; the
// same rows bind guests, see package abi.
type rules struct {
	statuses uint32
	effects  uint32
	reply    bool
}

func statuses(of ...Status) (set uint32) {
	for _, s := range of {
		set |= 1 << s
	}
	return set
}

const (
	effectPush      = 1 << KindPush
	effectBroadcast = 1<<KindBroadcast | 1<<KindBroadcastFrom
	effectAssign    = 1 << KindAssign
)

func rulesOf(cb Callbacks) rules {
	switch cb {
	case CallbackJoin:
		return rules{statuses(StatusOK, StatusError, StatusIgnore), effectPush | effectBroadcast | effectAssign, true}
	case CallbackLeave:
		return rules{statuses(StatusOK, StatusError), effectPush | effectBroadcast, false}
	case CallbackHandleIn:
		return rules{statuses(StatusOK, StatusStop, StatusError), effectPush | effectBroadcast | effectAssign, true}
	case CallbackHandleOut:
		return rules{statuses(StatusOK, StatusPass, StatusStop, StatusError), effectPush | effectAssign, false}
	}
	panic("BUG: channel: no such callback")
}

// check returns what is wrong with a result, before any of it is carried out.
// Guests are held to the same rules at each import; here they bind native
// handlers too, so that a plugin and a Go handler can be exchanged.
func (r *Result) check(cb Callbacks) error {
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
		if cb == CallbackJoin && (r.Reply.Status == phx.StatusError) != (r.Status == StatusError) {
			return fmt.Errorf("channel: join returned status %d with a reply of status %q", r.Status, r.Reply.Status)
		}
	}
	for i := range r.Do {
		if err := r.Do[i].check(cb, row.effects); err != nil {
			return err
		}
	}
	return nil
}

func (e *Effect) check(cb Callbacks, allowed uint32) error {
	if allowed&(1<<e.kind) == 0 {
		return fmt.Errorf("channel: %s may not %s", cb, e.kind)
	}
	if e.kind == KindAssign {
		return nil
	}
	if err := phx.CheckName(e.event); err != nil {
		return fmt.Errorf("channel: %s in %s: event: %w", e.kind, cb, err)
	}
	if phx.ReservedEvent(e.event) {
		return fmt.Errorf("channel: %s in %s: the event %s belongs to the host", e.kind, cb, e.event)
	}
	if !e.payload.IsBinary() && !e.payload.IsObject() {
		return fmt.Errorf("channel: %s in %s: the payload must be an object or bytes", e.kind, cb)
	}
	return nil
}
