package channel

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// This file holds what a membership keeps for its handler between calls: timers,
// subscriptions to other topics, and the refs of events that may be answered
// later. All of it belongs to the turn, except what a comment says.

var (
	// ErrTooManyTimers is returned when a handler asks for more than [MaxTimers]
	// timers, or for timers of more than [MaxTimerBytes] together.
	ErrTooManyTimers = fmt.Errorf("channel: too_many_timers: a channel may have %d, with %d bytes of payload together", MaxTimers, MaxTimerBytes)
	// ErrTooManySubscriptions is returned when a handler asks for more than
	// [MaxSubscriptions] subscriptions.
	ErrTooManySubscriptions = fmt.Errorf("channel: too_many_subscriptions: a channel may have %d", MaxSubscriptions)
)

// timer is one that send_after set. One that is due stays in its membership until
// HandleInfo was called, so that it can still be replaced or cancelled.
type timer struct {
	key     uint32
	event   string
	payload phx.Payload
	stop    func() bool
	over    bool        // guarded by Channel.mu: it was cancelled or replaced
	fired   atomic.Bool // its function has come to its end
}

// setTimer starts a timer, in place of one with the same key.
func (c *Channel) setTimer(m *membership, e *Effect) {
	m.endTimer(c, e.number)
	t := &timer{key: e.number, event: e.event, payload: e.payload}
	if m.timers == nil {
		m.timers = make(map[uint32]*timer)
	}
	m.timers[t.key] = t
	id := m.id
	t.stop = c.env.after(e.Delay(), func() {
		defer t.fired.Store(true)
		c.mu.Lock()
		defer c.unlock()
		if !t.over {
			c.enqueue(item{kind: itemTimer, id: id, timer: t})
		}
	})
}

// endTimer ends the timer with this key, if there is one: nothing of it runs
// afterwards.
func (m *membership) endTimer(c *Channel, key uint32) {
	t := m.timers[key]
	if t == nil {
		return
	}
	delete(m.timers, key)
	c.mu.Lock()
	t.over = true
	c.mu.Unlock()
	if !t.stop() {
		t.awaitEnd()
	}
}

// awaitEnd waits for the timer's function, which is running and takes a moment:
// none of them outlives its channel.
func (t *timer) awaitEnd() {
	for !t.fired.Load() {
		runtime.Gosched()
	}
}

// due takes a timer that has fired out of its membership. It is nil if the timer
// was replaced or cancelled meanwhile.
func (m *membership) due(t *timer) *timer {
	if m.timers[t.key] != t {
		return nil
	}
	t.awaitEnd()
	delete(m.timers, t.key)
	return t
}

// listener is the subscription of a membership to another topic.
type listener struct {
	channel     *Channel
	id          uint64 // of the membership
	unsubscribe func()
}

// Deliver implements [pubsub.Subscriber]: the broadcast goes into the mailbox.
func (l *listener) Deliver(b *phx.Broadcast, from pubsub.Subscriber) {
	c := l.channel
	c.mu.Lock()
	defer c.unlock()
	if c.id != l.id || c.state == stateNone {
		return
	}
	c.intercept(itemInfo, deliveryOf(b, from))
}

// postpone sets a timer again that was due and that the handler could not be told of.
func (c *Channel) postpone(t *timer, d time.Duration) {
	c.setTimer(&c.member, &Effect{kind: KindSendAfter, number: t.key, delay: uint32(max(d, MinDelay).Milliseconds()), event: t.event, payload: t.payload})
}

func (c *Channel) listen(m *membership, topic string) {
	if m.listeners[topic] != nil {
		return
	}
	if m.listeners == nil {
		m.listeners = make(map[string]*listener)
	}
	l := &listener{channel: c, id: m.id}
	l.unsubscribe = c.env.pubsub.Subscribe(c.env.topic(topic), l)
	m.listeners[topic] = l
}

func (m *membership) unlisten(topic string) {
	if l := m.listeners[topic]; l != nil {
		l.unsubscribe()
		delete(m.listeners, topic)
	}
}

// discard ends all that is kept, with the membership.
func (m *membership) discard(c *Channel) {
	for key := range m.timers {
		m.endTimer(c, key)
	}
	for topic := range m.listeners {
		m.unlisten(topic)
	}
	m.open = nil
}

// checkKept tells whether the membership may keep what the effects ask for,
// before any of them is carried out.
func (m *membership) checkKept(do []Effect) error {
	kinds := 0
	for i := range do {
		kinds |= 1 << do[i].kind
	}
	if kinds&(effectTimers|effectTopics) == 0 {
		return nil
	}
	timers, topics := make(map[uint32]int), make(map[string]struct{})
	for key, t := range m.timers {
		timers[key] = t.payload.Len()
	}
	for topic := range m.listeners {
		topics[topic] = struct{}{}
	}
	for i := range do {
		switch e := &do[i]; e.kind {
		case KindSendAfter:
			timers[e.number] = e.payload.Len()
		case KindCancel:
			delete(timers, e.number)
		case KindSubscribe:
			topics[e.topic] = struct{}{}
		case KindUnsubscribe:
			delete(topics, e.topic)
		}
		// After each effect, since that is what the membership would have to keep.
		if err := errors.Join(checkTimers(timers), checkTopics(topics)); err != nil {
			return err
		}
	}
	return nil
}

func checkTimers(timers map[uint32]int) error {
	bytes := 0
	for _, n := range timers {
		bytes += n
	}
	if len(timers) > MaxTimers || bytes > MaxTimerBytes {
		return ErrTooManyTimers
	}
	return nil
}

func checkTopics(topics map[string]struct{}) error {
	if len(topics) > MaxSubscriptions {
		return ErrTooManySubscriptions
	}
	return nil
}

// openRef is an event that may be answered by ReplyTo.
type openRef struct {
	number uint32
	ref    phx.Ref
	since  time.Time
}

// nextRef numbers a join or an event that its client waits for.
func (m *membership) nextRef(msg *phx.Message) uint32 {
	if !Answered(msg) {
		return 0
	}
	if m.refs++; m.refs == 0 {
		m.refs++
	}
	return m.refs
}

// keepOpen notes that an event may be answered later.
func (m *membership) keepOpen(number uint32, ref phx.Ref, now time.Time) {
	old := 0
	for old < len(m.open) && (now.Sub(m.open[old].since) > RefLife || len(m.open)-old >= MaxOpenRefs) {
		old++
	}
	m.open = slices.Delete(m.open, 0, old)
	// The ref is a part of the client's frame, all of which it would keep.
	m.open = append(m.open, openRef{number, phx.Ref(strings.Clone(string(ref))), now})
}

// takeOpen returns the ref of an event that waits for ReplyTo, which it then
// does no more.
func (m *membership) takeOpen(number uint32, now time.Time) (phx.Ref, bool) {
	at := slices.IndexFunc(m.open, func(o openRef) bool { return o.number == number })
	if at < 0 {
		return "", false
	}
	o := m.open[at]
	m.open = slices.Delete(m.open, at, at+1)
	return o.ref, now.Sub(o.since) <= RefLife
}
