package phxclient

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/chhost/chhost/host/phx"
)

// Channel is one membership of a topic, from a join to the channel's end. All
// methods may be called from several goroutines at once.
type Channel struct {
	client  *Client
	topic   string
	joinRef phx.Ref
	dropped atomic.Uint64

	queue chan phx.Message // closed when nothing more will be queued

	// Guarded by client.mu; queueErr may be read once queue is closed.
	err      error // why the channel has ended
	queueErr error // why the queue is closed
}

// Join joins a topic and waits for the reply. It returns the channel and the
// reply's response. Give ctx a deadline: a server may leave a join unanswered.
// When ctx ends first, the server is told that the client leaves.
//
// The error is a [*RefusedError] if the server refuses, [ErrJoined], ctx's, or
// that of the client (see [Client.Err]).
func (c *Client) Join(ctx context.Context, topic string, params phx.Payload) (*Channel, phx.Payload, error) {
	if err := phx.CheckName(topic); err != nil {
		return nil, phx.Payload{}, fmt.Errorf("phxclient: topic: %w", err)
	}
	ch, err := c.newChannel(topic)
	if err != nil {
		return nil, phx.Payload{}, err
	}
	reply, err := c.request(ctx, ch, phx.Message{
		JoinRef: ch.joinRef, Ref: ch.joinRef, Topic: topic, Event: phx.EventJoin, Payload: params,
	})
	switch {
	case err != nil:
		if ctx.Err() != nil {
			ch.abandon()
		}
		c.drop(ch, err)
		return nil, phx.Payload{}, err
	case reply.Status != phx.StatusOK:
		err = &RefusedError{Topic: topic, Payload: reply.Payload}
		c.drop(ch, err)
		return nil, phx.Payload{}, err
	}
	return ch, reply.Payload, nil
}

func (c *Client) newChannel(topic string) (*Channel, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	if c.channels[topic] != nil {
		return nil, ErrJoined
	}
	ch := &Channel{client: c, topic: topic, joinRef: c.nextRef(), queue: make(chan phx.Message, c.queue)}
	c.channels[topic] = ch
	return ch, nil
}

func (c *Client) drop(ch *Channel, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(ch, err)
}

// abandon leaves without waiting for a reply, for a context that has ended:
// otherwise the server would keep a channel that nobody has.
func (ch *Channel) abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	_ = ch.Send(ctx, phx.EventLeave, phx.Payload{}) // fails only if the connection is gone
}

// Topic is the channel's topic.
func (ch *Channel) Topic() string { return ch.topic }

// Dropped is how many messages have been dropped so far because the queue was
// full.
func (ch *Channel) Dropped() uint64 { return ch.dropped.Load() }

// Err is nil while the channel is joined, and then why it has ended:
// [ErrChannelClosed], a [*CrashedError], [ErrLeft], or the error of the client.
func (ch *Channel) Err() error {
	ch.client.mu.Lock()
	defer ch.client.mu.Unlock()
	return ch.err
}

// Push sends an event and waits for the reply, whose status may be
// [phx.StatusError]: that is no error here. Give ctx a deadline, since a
// handler need not reply; [Channel.Send] does not wait.
//
// The error is ctx's, that of the channel (see [Channel.Err]) if it ends
// before the reply, [phx.ErrNoBinary], or that of a bad event name.
func (ch *Channel) Push(ctx context.Context, event string, payload phx.Payload) (phx.Reply, error) {
	if err := checkEvent(event); err != nil {
		return phx.Reply{}, err
	}
	return ch.client.request(ctx, ch, phx.Message{
		JoinRef: ch.joinRef, Topic: ch.topic, Event: event, Payload: payload,
	})
}

// Send is [Channel.Push] for those who do not want the reply.
func (ch *Channel) Send(ctx context.Context, event string, payload phx.Payload) error {
	if err := checkEvent(event); err != nil {
		return err
	}
	ref, err := ch.client.refFor(ch)
	if err != nil {
		return err
	}
	return ch.client.send(ctx, &phx.Message{
		JoinRef: ch.joinRef, Ref: ref, Topic: ch.topic, Event: event, Payload: payload,
	})
}

func (c *Client) refFor(ch *Channel) (phx.Ref, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(ch); err != nil {
		return "", err
	}
	return c.nextRef(), nil
}

func checkEvent(event string) error {
	if err := phx.CheckName(event); err != nil {
		return fmt.Errorf("phxclient: event: %w", err)
	}
	return nil
}

// Receive waits for the channel's next message: a push to this client or a
// broadcast. After the last one it returns why there are no more: what
// [Channel.Err] returns, or [ErrOverflow].
func (ch *Channel) Receive(ctx context.Context) (phx.Message, error) {
	select {
	case m, ok := <-ch.queue:
		if !ok {
			return phx.Message{}, ch.queueErr
		}
		return m, nil
	case <-ctx.Done():
		return phx.Message{}, ctx.Err()
	}
}

// Leave leaves the topic and waits for the reply. It returns nil if the channel
// has already ended. If ctx ends first, the server is told all the same, the
// channel has ended here, and ctx's error is returned.
func (ch *Channel) Leave(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		ch.abandon()
		ch.client.drop(ch, ErrLeft)
		return err
	}
	_, err := ch.client.request(ctx, ch, phx.Message{
		JoinRef: ch.joinRef, Topic: ch.topic, Event: phx.EventLeave,
	})
	ch.client.drop(ch, ErrLeft)
	if err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}

// enqueue takes a message for Receive. The caller holds client.mu.
func (ch *Channel) enqueue(m phx.Message, o Overflow) {
	if ch.queueErr != nil {
		ch.dropped.Add(1)
		return
	}
	select {
	case ch.queue <- m:
		return
	default:
	}
	if o == OverflowFail {
		ch.dropped.Add(1)
		ch.closeQueue(ErrOverflow)
		return
	}
	select {
	case <-ch.queue:
		ch.dropped.Add(1)
	default: // somebody received one in the meantime
	}
	ch.queue <- m // nobody else fills the queue
}

// closeQueue lets Receive return err after the queued messages. The caller holds
// client.mu. Only the first error counts.
func (ch *Channel) closeQueue(err error) {
	if ch.queueErr == nil {
		ch.queueErr = err
		close(ch.queue)
	}
}
