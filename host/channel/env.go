package channel

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

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
	// Logger receives crashes and what a client cannot be told. Default none.
	Logger *slog.Logger
}

// Env is what the channels of one tenant have in common. It is safe for
// concurrent use.
type Env struct {
	pubsub    *pubsub.PubSub
	namespace string
	now       func() time.Time
	log       *slog.Logger

	ids   atomic.Uint64
	turns sync.WaitGroup
	ctx   context.Context
	abort context.CancelFunc
}

// NewEnv returns an Env. It starts nothing.
func NewEnv(cfg Config) *Env {
	e := &Env{pubsub: cfg.PubSub, namespace: cfg.Namespace, now: cfg.Now, log: cfg.Logger}
	if e.now == nil {
		e.now = time.Now
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
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

func (e *Env) topic(name string) pubsub.Topic {
	return pubsub.Topic{Namespace: e.namespace, Name: name}
}

// Client is the client at the other end of a channel, as the channel sees it: a
// socket. Its methods encode and queue; they must not block, must not call the
// channel, and may be called from several goroutines at once.
type Client interface {
	// Push sends a message to the client.
	Push(m *phx.Message)
	// Reply sends a reply to the client.
	Reply(r *phx.Reply)
	// Broadcast sends b, whose frame all subscribers share, to the client.
	Broadcast(b *phx.Broadcast)
	// Handled tells that a message given to [Channel.Handle] with so many bytes
	// has left the mailbox.
	Handled(bytes int)
}
