package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
)

// This file holds what the program that runs a host may do itself, past clients
// and transports.

// Local is a socket of a host whose client is in this process: frames go in and
// out by calls. Between them is all that stands between a connection and a
// handler: serializer, socket, channels, routes. Its methods are safe for
// concurrent use, except that HandleFrame must not be called concurrently with
// itself.
type Local struct {
	host    *Host
	socket  *socket.Socket
	receive func(phx.Frame)
}

// Standing is what a client is to a topic at one moment, and Refusal why the host
// itself refused something.
type (
	Standing = channel.Standing
	Refusal  = channel.Refusal
)

// ErrStopped is returned when the host is shutting down, or has ended.
var ErrStopped = errors.New("host: the host has been shut down")

// ErrSocketClosed is returned by the methods of a [Local] that has ended: it was
// closed, also by the host's shutdown, or more waited for its client than
// [tenant.Limits] allow.
var ErrSocketClosed = errors.New("host: the socket has ended")

// ended replaces the error of a socket that has.
func ended(err error) error {
	if errors.Is(err, socket.ErrClosed) {
		return ErrSocketClosed
	}
	return err
}

// locals are the sockets that the shutdown has to close.
type locals struct {
	encoder *phx.Encoder // one for all, so that a broadcast is encoded once
	mu      sync.Mutex
	closed  bool
	open    map[*Local]struct{}
}

// Local opens a socket for a client in this process. What decides about new
// connections is not asked. Frames are of version 2.0.0 of the protocol. receive
// is called with each frame for the client, one after the other, on the goroutine
// that caused it: it must not block and not call the host. It must not change the
// frame, which subscribers share. If it panics, that is logged, and its socket ends.
// The socket is the caller's to close; the host's
// shutdown closes it too. The error is [ErrStopped].
func (h *Host) Local(receive func(phx.Frame)) (*Local, error) {
	l := &Local{host: h, receive: receive}
	cfg := h.tenant.Socket()
	cfg.Encoder = h.locals.encoder
	cfg.Wake = l.drain
	l.socket = socket.New(cfg)
	h.locals.mu.Lock()
	defer h.locals.mu.Unlock()
	if h.locals.closed {
		return nil, ErrStopped
	}
	if h.locals.open == nil {
		h.locals.open = make(map[*Local]struct{})
	}
	h.locals.open[l] = struct{}{}
	return l, nil
}

// markKind notes in front of a frame whether it is a binary one, which the
// socket's queue does not tell.
func markKind(buf []byte, binary bool) []byte {
	buf[0] = 0
	if binary {
		buf[0] = 1
	}
	return buf
}

// drain hands over what waits. The socket calls it when nobody else does.
func (l *Local) drain() {
	defer func() {
		if r := recover(); r != nil { // or it would be somebody else's turn that fails
			l.host.log.Error("the receiver of a local socket panicked", "panic", r, "stack", string(debug.Stack()))
			l.Close()
		}
	}()
	var frames [][]byte
	for {
		frames, _ = l.socket.Next(frames)
		if len(frames) == 0 {
			return
		}
		for _, f := range frames {
			l.receive(phx.Frame{Data: f[1:], Binary: f[0] == 1})
		}
	}
}

// HandleFrame takes a frame from the client, see [socket.Socket.HandleFrame]. The
// error is [ErrSocketClosed], or ctx's.
func (l *Local) HandleFrame(ctx context.Context, f phx.Frame) error {
	return ended(l.socket.HandleFrame(ctx, f))
}

// Standing returns what the client is to a topic, once all that it sent there has
// been handled. The error is [ErrSocketClosed], or ctx's.
func (l *Local) Standing(ctx context.Context, topic string) (Standing, error) {
	standing, err := l.socket.Standing(ctx, topic)
	return standing, ended(err)
}

// Admit makes the client a member of a topic without asking the topic's handler,
// as only the program that runs the host may, and returns its standing. The
// handler's Leave is called at the end of the membership as for any other. Frames
// of the membership carry joinRef. [Host.Kick] is the opposite. The error is a
// [*Refusal] if no route leads anywhere, [ErrSocketClosed], or ctx's.
func (l *Local) Admit(ctx context.Context, topic string, joinRef phx.Ref) (Standing, error) {
	standing, err := l.socket.Admit(ctx, topic, joinRef)
	return standing, ended(err)
}

// Close ends the socket and its channels, as the end of a connection does. It
// does not wait for the channels. It may be called more than once.
func (l *Local) Close() {
	l.host.locals.mu.Lock()
	delete(l.host.locals.open, l)
	l.host.locals.mu.Unlock()
	l.socket.Close(socket.End{}, socket.LeaveClosed)
}

// closeLocals ends those that are open, and lets no more be opened.
func (h *Host) closeLocals() {
	h.locals.mu.Lock()
	open := h.locals.open
	h.locals.closed, h.locals.open = true, nil
	h.locals.mu.Unlock()
	for l := range open {
		l.socket.Close(socket.End{}, socket.LeaveShutdown)
	}
}

// Broadcast sends an event to every subscriber of a topic, here and on other
// nodes, as the application that the host is part of. The payload is an object or
// bytes; the event is none of the host's own. Another error is the adapter's;
// the subscribers of this node have received the event nevertheless.
func (h *Host) Broadcast(topic, event string, payload phx.Payload) error {
	if err := errors.Join(named("topic", topic), named("event", event)); err != nil {
		return err
	}
	if phx.ReservedEvent(event) {
		return fmt.Errorf("host: the event %s belongs to the host", event)
	}
	if !payload.IsBinary() && !payload.IsObject() {
		return fmt.Errorf("host: the payload of a broadcast: %w", phx.ErrNotObject)
	}
	return h.pubsub.Broadcast(h.topic(topic), nil, phx.NewBroadcast(topic, event, payload))
}

// Subscribe calls receive for each broadcast to a topic until the returned
// function is called. receive runs on the sender's goroutine, and on busy topics
// on several at once: it must not block and not call the host. A call that is
// under way may still arrive after the end. If receive panics, that is logged, and
// costs it this broadcast. The error names a topic that is none.
func (h *Host) Subscribe(topic string, receive func(*phx.Broadcast)) (unsubscribe func(), err error) {
	if err := named("topic", topic); err != nil {
		return nil, err
	}
	return h.pubsub.Subscribe(h.topic(topic), &subscriber{receive, h.log}), nil
}

// subscriber is a [pubsub.Subscriber] made of a function of the application.
type subscriber struct {
	receive func(*phx.Broadcast)
	log     *slog.Logger
}

// Deliver implements [pubsub.Subscriber].
func (s *subscriber) Deliver(b *phx.Broadcast, _ pubsub.Subscriber) {
	defer func() {
		if r := recover(); r != nil { // of which the sender is innocent, and so are other subscribers
			s.log.Error("a subscriber panicked", "topic", b.Topic(), "event", b.Event(), "panic", r, "stack", string(debug.Stack()))
		}
	}()
	s.receive(b)
}

func (h *Host) topic(name string) pubsub.Topic {
	return pubsub.Topic{Namespace: h.tenant.Name(), Name: name}
}

func named(what, name string) error {
	if err := phx.CheckName(name); err != nil {
		return fmt.Errorf("host: the %s: %w", what, err)
	}
	return nil
}
