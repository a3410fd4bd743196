package host

import (
	"context"
	"log/slog"
	"runtime/debug"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// link is the adapter of a host, safe for concurrent use as that one is. What other
// nodes send is delivered on goroutines of the adapter: a panic there, of the host or
// because of what the adapter delivers, would end the process.
type link struct {
	pubsub.Adapter
	log *slog.Logger
}

// Run implements [pubsub.Adapter].
func (l link) Run(ctx context.Context, deliver func(pubsub.Topic, *phx.Broadcast)) error {
	return l.Adapter.Run(ctx, func(t pubsub.Topic, b *phx.Broadcast) {
		defer func() {
			if r := recover(); r != nil {
				l.log.Error("BUG: panic in a delivery from another node", "topic", t.Name, "panic", r, "stack", string(debug.Stack()))
			}
		}()
		deliver(t, b)
	})
}
