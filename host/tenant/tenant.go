// Package tenant is what one customer owns: routes, limits, and a namespace of
// topics.
//
// There is always at least one tenant, [Default]. A [Tenant] finds the handler
// of a topic and says what its sockets are made of; its topics live in a
// namespace of their own and cannot be named by any other tenant.
package tenant

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/router"
	"github.com/chhost/chhost/host/socket"
)

// Default is the name of the tenant that exists without any configuration.
const Default = "default"

// Limits bound what the clients of a tenant may use. The zero value of a field
// is its default.
type Limits struct {
	// Channels is how many topics one socket may join. Default 100.
	Channels int
	// Outbox is how many bytes may wait for one client before its connection is
	// closed with code 1013. Default 1 MiB.
	Outbox int
}

// Route sends the topics that match Pattern to Handler.
type Route = router.Route[channel.Handler]

// Config configures a [Tenant]. PubSub is needed.
type Config struct {
	// Name is the tenant's name, and the namespace of its topics. Default
	// "default".
	Name string
	// PubSub is the node's.
	PubSub *pubsub.PubSub
	// Routes are the topics that the tenant serves; the first match wins.
	Routes []Route
	Limits Limits
	// Now is the clock that handlers see. Default time.Now.
	Now func() time.Time
	// Logger receives what clients cannot be told. Default none.
	Logger *slog.Logger
}

// Tenant is one customer of the host. It is safe for concurrent use.
type Tenant struct {
	name   string
	limits Limits
	log    *slog.Logger
	env    *channel.Env
	routes atomic.Pointer[router.Table[channel.Handler]]
}

// New returns a tenant. The error names the patterns that are no patterns.
func New(cfg Config) (*Tenant, error) {
	t := &Tenant{name: cfg.Name, limits: cfg.Limits, log: cfg.Logger}
	if t.name == "" {
		t.name = Default
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	t.log = t.log.With(slog.String("tenant", t.name))
	t.env = channel.NewEnv(channel.Config{PubSub: cfg.PubSub, Namespace: t.name, Now: cfg.Now, Logger: t.log})
	if err := t.SetRoutes(cfg.Routes); err != nil {
		return nil, err
	}
	return t, nil
}

// Name is the tenant's name.
func (t *Tenant) Name() string { return t.name }

// SetRoutes replaces the routes. Joins from now on follow them; channels that
// are joined keep their handler.
func (t *Tenant) SetRoutes(routes []Route) error {
	table, err := router.New(routes)
	if err != nil {
		return fmt.Errorf("tenant %s: %w", t.name, err)
	}
	for _, r := range table.Shadowed() {
		t.log.Warn("a route can never be reached: an earlier one takes all of its topics", "route", r.Pattern, "earlier", r.By)
	}
	t.routes.Store(table)
	return nil
}

// Route returns the handler of a topic.
func (t *Tenant) Route(topic string) (channel.Handler, bool) { return t.routes.Load().Match(topic) }

// Socket returns what a socket of this tenant is made of; the transport adds
// the rest.
func (t *Tenant) Socket() socket.Config {
	return socket.Config{
		Env:         t.env,
		Route:       t.Route,
		MaxChannels: t.limits.Channels,
		Outbox:      t.limits.Outbox,
		Logger:      t.log,
	}
}

// Wait returns when all channels have come to rest, after all sockets have been
// closed. When ctx ends first, handlers that are still running are told by their
// context, and ctx's error is returned once they have ended.
func (t *Tenant) Wait(ctx context.Context) error { return t.env.Wait(ctx) }
