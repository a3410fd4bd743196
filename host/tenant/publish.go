package tenant

import (
	"errors"
	"fmt"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// Message is a broadcast that comes from no client.
type Message struct {
	Topic, Event string
	// Payload is an object, or bytes.
	Payload phx.Payload
}

// Publish sends messages to the subscribers of their topics, here and on other nodes,
// in order. All are looked at first: an [ErrInvalid] says which of them is none, and
// nothing was sent. Another error is the adapter's; the subscribers of this node have
// received them nevertheless.
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
	var errs []error
	for _, m := range messages {
		to := pubsub.Topic{Namespace: t.name, Name: m.Topic}
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
