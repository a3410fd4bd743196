package channel

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/internal/crew"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// Config configures an [Env]. PubSub is needed; the zero values of the other
// fields are the defaults.
type Config struct {
	// PubSub delivers the channels' broadcasts.
	PubSub *pubsub.PubSub
	// Namespace keeps the topics of these channels apart from all others.
	Namespace string
	// Now is the clock that handlers see. Default time.Now.
	Now func() time.Time
	// AfterFunc calls f once, on another goroutine, after d on the same clock,
	// unless stop is called before; stop reports whether it prevents the call.
	// Timers of handlers are made of it. Default time.AfterFunc.
	AfterFunc func(d time.Duration, f func()) (stop func() bool)
	// MaxTopics is how many topics may be joined at a time; a join of one more is
	// answered "too_many_topics". It is asked at each join of a topic that is not joined
	// yet, with a lock held, and must not block. Default: as many as there are.
	MaxTopics func() int
	// Logger receives crashes and what a client cannot be told. Default none.
	Logger *slog.Logger
}

// Env is what the channels of one tenant have in common. It is safe for
// concurrent use.
type Env struct {
	pubsub    *pubsub.PubSub
	namespace string
	now       func() time.Time
	after     func(d time.Duration, f func()) (stop func() bool)
	log       *slog.Logger
	roster    roster

	ids     atomic.Uint64
	dropped atomic.Uint64 // broadcasts that went too far, see MaxHops
	missed  atomic.Uint64 // see Missed
	turns   *crew.Crew[*Channel]
	ctx     context.Context
	abort   context.CancelFunc

	// What is used again, so that a call costs few allocations.
	items sync.Pool // *item
	desks sync.Pool // *desk
}

// NewEnv returns an Env. It starts nothing.
func NewEnv(cfg Config) *Env {
	e := &Env{roster: roster{most: cfg.MaxTopics}, pubsub: cfg.PubSub, namespace: cfg.Namespace, now: cfg.Now, after: cfg.AfterFunc, log: cfg.Logger}
	if e.now == nil {
		e.now = time.Now
	}
	if e.after == nil {
		e.after = func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.turns = crew.New((*Channel).turn)
	e.ctx, e.abort = context.WithCancel(context.Background())
	return e
}

// Wait returns when every channel has come to rest, after their sockets have
// been closed. When ctx ends first, the context of the calls that are still
// running is cancelled; Wait then waits for them to return and returns ctx's
// error.
func (e *Env) Wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, e.abort)
	e.turns.Wait()
	if !stop() {
		return ctx.Err()
	}
	return nil
}

// Now is the time on the clock that handlers see.
func (e *Env) Now() time.Time { return e.now() }

// Busy tells whether a channel is at work or has something waiting, timers that
// are not due left aside.
func (e *Env) Busy() bool { return e.turns.Busy() }

// Dropped is the number of broadcasts that were not sent because too many others
// had caused them, see [MaxHops].
func (e *Env) Dropped() uint64 { return e.dropped.Load() }

// Missed is the number of broadcasts that a channel's handler was not told of, since
// it was not being served.
func (e *Env) Missed() uint64 { return e.missed.Load() }

// Connect asks the handler that route finds about a new socket. One that does not
// name [CallbackConnect], perhaps since it was replaced just now, lets everybody
// in. The error is a [*Refusal] if the handler was not entered;
// any other means that it failed.
func (e *Env) Connect(ctx context.Context, route func() (Handler, bool), ev *Event) (Result, error) {
	u, ok := e.acquire(route)
	if !ok {
		return Result{}, &Refusal{Reason: phx.ReasonUnavailable}
	}
	defer e.release(u)
	if !u.handler.Traits().has(CallbackConnect) {
		return Result{}, nil
	}
	return enter(ctx, u.handler, CallbackConnect, ev)
}

// Kick ends every channel that is joined to topic, as an operator does: the
// client gets phx_close, and does not join again by itself. It returns how many
// there were, and does not wait for them.
func (e *Env) Kick(topic string) int {
	kicked := 0
	for _, c := range e.roster.members(func(u *use) bool { return true }) {
		if c.topic == topic && c.post(item{kind: itemKick}) == nil {
			kicked++
		}
	}
	return kicked
}

func (e *Env) topic(name string) pubsub.Topic {
	return pubsub.Topic{Namespace: e.namespace, Name: name}
}

// Client is the client at the other end of a channel, as the channel sees it: a
// socket. Its methods encode and queue; they must not block, must not call the
// channel, must not keep the message or the reply, and may be called from several
// goroutines at once.
type Client interface {
	// Push sends a message to the client.
	Push(m *phx.Message)
	// Reply sends a reply to the client.
	Reply(r *phx.Reply)
	// Broadcast sends b, whose frame all subscribers share, to the client.
	Broadcast(b *phx.Broadcast)
	// Hold lets frames wait until as many calls of Release, so that those of one
	// callback leave together. It is called for moments only.
	Hold()
	// Release ends a Hold.
	Release()
	// Handled tells that a message given to [Channel.Handle] with so many bytes
	// has left the mailbox.
	Handled(bytes int)
}
