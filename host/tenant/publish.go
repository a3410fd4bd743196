package tenant

import (
	"errors"
	"fmt"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"

	"golang.org/x/time/rate"
)

// Message is a broadcast that comes from no client.
type Message struct {
	Topic, Event string
	// Payload is an object, or bytes.
	Payload phx.Payload
}

// RateError is returned when more was asked for than the tenant's rate lets through.
type RateError struct {
	// Limit is its name in [LimitTable].
	Limit string
	// Wait is after how long it is let through.
	Wait time.Duration
}

func (e *RateError) Error() string {
	return fmt.Sprintf("tenant: rate_limited: above the limit %s; try again in %v", e.Limit, e.Wait.Round(time.Millisecond))
}

// mayPublish counts messages against the tenant's rate: all of them, or none.
func (t *Tenant) mayPublish(n int) error {
	limiter := t.publishes.Load()
	if limiter == nil {
		return nil
	}
	if most := limiter.Burst(); n > most {
		return fmt.Errorf("%w: %d messages at once are more than the %d that the limit %s ever lets through: send them in several requests", ErrInvalid, n, most, limitPublishes)
	}
	return t.reserve(limiter, limitPublishes, n)
}

// reserve takes n from what a rate lets through by now, which is no more than it ever
// does, or nothing.
func (t *Tenant) reserve(limiter *rate.Limiter, name string, n int) error {
	now := t.estate.dir.now()
	r := limiter.ReserveN(now, n)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return &RateError{name, wait}
	}
	return nil
}

// MayChange counts a change that the tenant itself asks for against its rate, whatever
// comes of it: each takes an entry of the audit log, or as much work as if it did. The
// error is a [RateError], which says when there may be another one. Callers ask before
// they carry out what a deploy token has asked for; what the operator does is not counted.
func (t *Tenant) MayChange() error {
	limiter := t.changes.Load()
	if limiter == nil {
		return nil
	}
	return t.reserve(limiter, limitChanges, 1)
}

// Publish sends messages to the subscribers of their topics, here and on other nodes,
// in order. All are looked at first: an [ErrInvalid] says which of them is none, and
// nothing was sent. Another error is the adapter's; the subscribers of this node have
// received them nevertheless. Of a tenant that is stored no more are sent than its limit
// says: a [RateError] tells when they would be, and none was. One that was deleted is
// [ErrUnknown], one that is damaged [ErrDamaged].
func (t *Tenant) Publish(messages ...Message) error {
	var faults []error
	for i, m := range messages {
		if err := m.check(); err != nil {
			faults = append(faults, fmt.Errorf("message %d: %w", i, err))
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w: %w", ErrInvalid, errors.Join(faults...))
	}
	if err := t.usable(); err != nil {
		return err
	}
	if err := t.mayPublish(len(messages)); err != nil {
		return err
	}
	var errs []error
	for _, m := range messages {
		to := pubsub.Topic{Namespace: t.name, Name: m.Topic}
		t.published.Add(1)
		errs = append(errs, t.pubsub.Broadcast(to, nil, phx.NewBroadcast(m.Topic, m.Event, m.Payload)))
	}
	return errors.Join(errs...)
}

func (m *Message) check() error {
	if err := phx.CheckName(m.Topic); err != nil {
		return fmt.Errorf("the topic: %w", err)
	}
	if err := phx.CheckName(m.Event); err != nil {
		return fmt.Errorf("the event: %w", err)
	}
	if phx.ReservedEvent(m.Event) {
		return fmt.Errorf("the event %s belongs to the host", m.Event)
	}
	if !m.Payload.IsBinary() && !m.Payload.IsObject() {
		return phx.ErrNotObject
	}
	return nil
}
