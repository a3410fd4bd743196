package chhosttest

import (
	"fmt"
	"slices"

	"github.com/chhost/chhost/guest-sdk/go/internal/double"
)

// openRef is an event that its callback has not answered.
type openRef struct {
	number uint32
	since  int64
}

// settle carries out what a callback asked the host to keep for the channel, or
// ends the channel with what it has kept.
func (c *Channel) settle(callback double.Callback, e double.Event, o Outcome, limits double.Limits) Outcome {
	next := *c
	next.Timers, next.Subscriptions, next.waiting = slices.Clone(c.Timers), slices.Clone(c.Subscriptions), slices.Clone(c.waiting)
	if callback == double.HandleIn && (o.Status == OK || o.Status == Stop) && !slices.ContainsFunc(o.Effects, isReply) {
		next.keepOpen(e.Ref, limits)
	}
	var done []Effect
	for _, effect := range o.Effects {
		carriedOut, fault := next.keep(effect, limits)
		if fault != "" {
			o = Outcome{Status: Crash, Log: o.Log, Err: fmt.Errorf("%s: %s: %s", callback, effect.Kind, fault)}
			break
		}
		if carriedOut {
			done = append(done, effect)
		}
	}
	if o.Status != Crash {
		o.Effects = done
		*c = next
	}
	if ends(callback, o.Status) {
		c.discard()
	}
	return o
}

func isReply(e Effect) bool { return e.Kind == Reply || e.Kind == ReplyError }

// ends tells whether the channel is over after the callback.
func ends(callback double.Callback, s Status) bool {
	switch callback {
	case double.Join:
		return s != OK
	case double.Leave:
		return true
	case double.HandleIn, double.HandleOut, double.HandleInfo:
		return s == Error || s == Stop || s == Crash
	}
	return false
}

// discard ends what is kept for the channel, except its state, which Leave wants.
func (c *Channel) discard() { c.Timers, c.Subscriptions, c.waiting = nil, nil, nil }

// keep carries out one effect, as far as it changes what is kept. It reports
// whether there was anything to carry out, or the limit that forbids it.
func (c *Channel) keep(e Effect, limits double.Limits) (carriedOut bool, fault string) {
	switch e.Kind {
	case Assign:
		c.Assigns = e.Payload
	case SendAfter:
		c.cancel(e.Key)
		c.Timers = append(c.Timers, Timer{Key: e.Key, Due: c.Now + int64(e.DelayMS), Event: e.Event, Payload: e.Payload, Binary: e.Binary})
		bytes := 0
		for _, t := range c.Timers {
			bytes += len(t.Payload)
		}
		if len(c.Timers) > limits.Timers || bytes > limits.TimerBytes {
			return false, fmt.Sprintf("too_many_timers: a channel may have %d, with payloads of %d bytes together", limits.Timers, limits.TimerBytes)
		}
	case Cancel:
		c.cancel(e.Key)
	case Subscribe:
		if !slices.Contains(c.Subscriptions, e.Topic) {
			c.Subscriptions = append(c.Subscriptions, e.Topic)
		}
		if len(c.Subscriptions) > limits.Subscriptions {
			return false, fmt.Sprintf("too_many_subscriptions: a channel may have %d", limits.Subscriptions)
		}
	case Unsubscribe:
		c.Subscriptions = slices.DeleteFunc(c.Subscriptions, func(topic string) bool { return topic == e.Topic })
	case ReplyTo, ReplyErrorTo:
		return c.takeOpen(e.Ref, limits), ""
	}
	return true, ""
}

func (c *Channel) cancel(key uint32) {
	c.Timers = slices.DeleteFunc(c.Timers, func(t Timer) bool { return t.Key == key })
}

// earliest returns the index of the timer that comes first, or -1.
func earliest(timers []Timer) int {
	first := -1
	for i, t := range timers {
		if first < 0 || t.Due < timers[first].Due {
			first = i
		}
	}
	return first
}

// keepOpen notes that an event may be answered later, and forgets the oldest if
// there are too many.
func (c *Channel) keepOpen(ref uint32, limits double.Limits) {
	c.waiting = append(c.waiting, openRef{ref, c.Now})
	if surplus := len(c.waiting) - limits.OpenRefs; surplus > 0 {
		c.waiting = c.waiting[surplus:]
	}
}

// takeOpen tells whether the client of an event still waits, which it then does
// no more.
func (c *Channel) takeOpen(ref uint32, limits double.Limits) bool {
	at := slices.IndexFunc(c.waiting, func(o openRef) bool { return o.number == ref })
	if at < 0 {
		return false
	}
	since := c.waiting[at].since
	c.waiting = slices.Delete(c.waiting, at, at+1)
	return c.Now-since <= limits.RefMS
}
