// Package tenant is what one customer owns: routes, limits, and a namespace of
// topics.
//
// There is always at least one tenant, [Default]. A [Tenant] finds the handler
// of a topic and says what its sockets are made of; its topics live in a
// namespace of their own and cannot be named by any other tenant.
package tenant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/router"
	"github.com/chhost/chhost/host/socket"

	"golang.org/x/time/rate"
)

// Default is the name of the tenant that exists without any configuration.
const Default = "default"

// Limits bound what the clients of a tenant may use. The zero value of a field
// is its default.
type Limits struct {
	// Channels is how many topics one socket may join. Default 100.
	Channels int
	// Outbox is how many bytes may wait for one client, see [socket.Config]. Default
	// 1 MiB.
	Outbox int
	// Slow says what is done with broadcasts and pushes for which there is no room
	// in the outbox, by topic: the first rule that matches. Default: the connection
	// is closed with code 1013.
	Slow []SlowRule
	// Rates bound what one client may send. A rate below zero bounds nothing. The
	// default is far above what people and pages do, and below what a processor
	// notices: 2,000 frames a second (10,000 at once), 8 MiB a second (32 MiB at
	// once), 50 joins a second (500 at once).
	Rates socket.Rates
	// FuelPerSecond is how much fuel the tenant's plugins may use together in a second,
	// about one for each instruction, and so much at once. Beyond it joins and events are
	// answered "tenant_cpu_exhausted", and what nobody could be told about waits, but for
	// leaves. Default: as much as there is.
	FuelPerSecond int64
}

// SlowRule has a policy for the topics that match Pattern.
type SlowRule = router.Route[socket.SlowPolicy]

// withDefaults returns the rates with the defaults where there are none.
func withDefaults(r socket.Rates) socket.Rates {
	orElse := func(rate *socket.Rate, byDefault socket.Rate) {
		if rate.PerSecond == 0 {
			*rate = byDefault
		}
	}
	orElse(&r.Frames, socket.Rate{PerSecond: 2000, Burst: 10_000})
	orElse(&r.Bytes, socket.Rate{PerSecond: 8 << 20, Burst: 32 << 20})
	orElse(&r.Joins, socket.Rate{PerSecond: 50, Burst: 500})
	return r
}

// slowPolicy returns what decides about slow clients, nil where all are closed.
func slowPolicy(rules []SlowRule) (func(topic, event string) socket.SlowPolicy, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	table, err := router.New(rules)
	if err != nil {
		return nil, fmt.Errorf("the rules for slow clients: %w", err)
	}
	return func(topic, _ string) socket.SlowPolicy {
		policy, _ := table.Match(topic)
		return policy
	}, nil
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
	// Connect decides about new sockets, if its traits name
	// [channel.CallbackConnect]. Nil lets every socket in.
	Connect channel.Handler
	Limits  Limits
	// Now and AfterFunc are the clock that handlers see, see [channel.Config].
	Now       func() time.Time
	AfterFunc func(d time.Duration, f func()) (stop func() bool)
	// Logger receives what clients cannot be told. Default none.
	Logger *slog.Logger

	stored bool // the registry has it
}

// Tenant is one customer of the host. It is safe for concurrent use.
type Tenant struct {
	name   string
	limits Limits
	log    *slog.Logger
	env    *channel.Env
	pubsub *pubsub.PubSub
	// sockets are those that connect has named.
	sockets   socket.Directory
	slow      func(topic, event string) socket.SlowPolicy
	counts    socket.Counts
	places    atomic.Int64 // taken, see Take
	published atomic.Int64
	bounds    atomic.Pointer[bounds]
	publishes atomic.Pointer[rate.Limiter] // of messages, see Publish; nil: no bound
	changes   atomic.Pointer[rate.Limiter] // of changes, see MayChange; nil: no bound
	routes    atomic.Pointer[router.Table[picker]]
	estate    *estate // nil: the registry has nothing of it
	deaf      func()  // ends what other nodes tell it

	mu      sync.Mutex // of what the table was made of
	list    []Route
	connect atomic.Pointer[channel.Handler]
}

// New returns a tenant. The error names the patterns that are no patterns.
func New(cfg Config) (*Tenant, error) {
	t := &Tenant{name: cfg.Name, limits: cfg.Limits, log: cfg.Logger, pubsub: cfg.PubSub}
	if t.name == "" {
		t.name = Default
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	t.log = t.log.With(slog.String("tenant", t.name))
	var maxTopics func() int
	if cfg.stored {
		maxTopics = func() int { return t.bounds.Load().topics }
	}
	t.env = channel.NewEnv(channel.Config{PubSub: cfg.PubSub, Namespace: t.name, Now: cfg.Now, AfterFunc: cfg.AfterFunc, MaxTopics: maxTopics, Logger: t.log})
	if cfg.Connect != nil {
		t.connect.Store(&cfg.Connect)
	}
	t.bounds.Store(boundsOf(&t.limits, nil))
	var fault error
	t.slow, fault = slowPolicy(cfg.Limits.Slow)
	if err := errors.Join(fault, checkHandler("the connector", cfg.Connect), t.SetRoutes(cfg.Routes)); err != nil {
		return nil, err
	}
	t.deaf = t.pubsub.Subscribe(t.controlTopic(), (*control)(t)) // for as long as both live
	return t, nil
}

// Name is the tenant's name.
func (t *Tenant) Name() string { return t.name }

// SetRoutes replaces the routes. Joins from now on follow them; channels that
// are joined keep their handler.
func (t *Tenant) SetRoutes(routes []Route) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.setRoutes(slices.Clone(routes))
}

// setRoutes keeps routes. The caller holds t.mu.
func (t *Tenant) setRoutes(routes []Route) error {
	picked := make([]router.Route[picker], len(routes))
	var err error
	for i, r := range routes {
		err = errors.Join(err, checkHandler(fmt.Sprintf("the route %q", r.Pattern), r.Target))
		picked[i] = router.Route[picker]{Pattern: r.Pattern, Target: always(r.Target)}
	}
	table, fault := router.New(append(picked, t.storedRoutes()...))
	err = errors.Join(fault, err)
	if err != nil {
		return fmt.Errorf("tenant %s: %w", t.name, err)
	}
	for _, r := range table.Shadowed() {
		t.log.Warn("a route can never be reached: an earlier one takes all of its topics", "route", r.Pattern, "earlier", r.By)
	}
	t.list = routes
	t.routes.Store(table)
	return nil
}

// picker finds the handler of a topic that a route leads to, if there is one now.
type picker func(topic string) (channel.Handler, bool)

func always(h channel.Handler) picker {
	return func(string) (channel.Handler, bool) { return h, true }
}

// checkHandler tells whether h can be told from other handlers, which replacing
// it needs.
func checkHandler(of string, h channel.Handler) error {
	if h == nil || reflect.ValueOf(h).Comparable() {
		return nil
	}
	return fmt.Errorf("%s: a handler of type %T cannot be compared; use a pointer to it", of, h)
}

// Replace lets next take the place of old, in the routes at once and in the
// channels that are joined between two of their messages, see
// [channel.Env.Replace], whose arguments and results these are.
func (t *Tenant) Replace(ctx context.Context, old, next channel.Handler, free func()) (channel.Moved, error) {
	if err := t.redirect(old, next); err != nil {
		return channel.Moved{}, err
	}
	return t.env.Replace(ctx, old, next, free)
}

func (t *Tenant) redirect(old, next channel.Handler) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	routes := slices.Clone(t.list)
	for i := range routes {
		if routes[i].Target == old {
			routes[i].Target = next
		}
	}
	if h := t.connect.Load(); h != nil && *h == old {
		t.connect.Store(&next)
	}
	return t.setRoutes(routes)
}

// Route returns the handler of a topic.
func (t *Tenant) Route(topic string) (channel.Handler, bool) {
	pick, ok := t.routes.Load().Match(topic)
	if !ok {
		return nil, false
	}
	return pick(topic)
}

// Counts is what the tenant's sockets refused and left out.
func (t *Tenant) Counts() *socket.Counts { return &t.counts }

// Socket returns what a socket of this tenant is made of; the transport adds
// the rest.
func (t *Tenant) Socket() socket.Config {
	b := t.bounds.Load()
	return socket.Config{
		Env:         t.env,
		Route:       t.Route,
		MaxChannels: b.channels,
		Outbox:      b.outbox,
		Directory:   &t.sockets,
		Since:       t.sockets.Now(),
		Slow:        t.slow,
		Rates:       b.rates,
		Counts:      &t.counts,
		Logger:      t.log,
	}
}

// Connect asks the tenant's connector about a new connection, of which info
// tells what is known and from where, and claims what its token says, nil without one.
// It returns what its socket is made of, whose assigns are the claims unless the
// connector assigns others. The
// error is a [*socket.RefusedError].
func (t *Tenant) Connect(ctx context.Context, from channel.Peer, info phx.Payload, claims []byte) (socket.Config, error) {
	cfg := t.Socket()
	cfg.Peer = from
	if claims == nil {
		claims = []byte("{}")
	} else {
		cfg.Assigns = claims
	}
	if !t.Connects() {
		return cfg, nil
	}
	res, err := t.env.Connect(ctx, t.connector, &channel.Event{Payload: info, SocketAssigns: claims, Now: t.env.Now(), Peer: from})
	if err != nil {
		return cfg, t.connectFailed(err)
	}
	if res.Status == channel.StatusError {
		status, err := refusalStatus(res.Reply)
		if err != nil {
			return cfg, t.connectFailed(err)
		}
		return cfg, &socket.RefusedError{
			Status: status, Body: res.Reply.Payload, HasBody: res.Reply.Status != "",
			Err: fmt.Errorf("refused by the connector with status %d", status),
		}
	}
	for _, e := range res.Do { // the last one counts
		cfg.Assigns = e.Assigns()
	}
	if cfg.ID, err = socketID(res.Reply); err != nil {
		return cfg, t.connectFailed(err)
	}
	return cfg, nil
}

// Connects tells whether new connections are decided about.
func (t *Tenant) Connects() bool {
	h, ok := t.connector()
	return ok && h.Traits().Callbacks&channel.CallbackConnect != 0
}

func (t *Tenant) connector() (channel.Handler, bool) {
	if h := t.connect.Load(); h != nil {
		return *h, true
	}
	return t.storedConnector()
}

// connectFailed makes a client's answer of what went wrong: what it can try again
// soon is no refusal.
func (t *Tenant) connectFailed(err error) error {
	var refusal *channel.Refusal
	if errors.As(err, &refusal) {
		return &socket.RefusedError{Status: http.StatusServiceUnavailable, Err: err}
	}
	t.log.Error("connect failed", "err", err)
	return &socket.RefusedError{Status: http.StatusInternalServerError, Err: errors.New("connect failed")}
}

// refusalStatus reads {"status":401}. A connector may say that the client is at
// fault, or the server, and nothing else: what is no refusal would be taken for a
// page, or for a connection. A status that is no number is the body's own, as in
// {"status":"error"}.
func refusalStatus(r channel.Reply) (int, error) {
	if r.Status == "" || r.Payload.IsBinary() || !r.Payload.IsObject() {
		return http.StatusForbidden, nil
	}
	var body map[string]json.RawMessage // a struct would take "Status" too
	if err := json.Unmarshal(r.Payload.Data(), &body); err != nil {
		return 0, fmt.Errorf("tenant: the reply of connect: %w", err)
	}
	text := string(body["status"])
	if text == "" || !strings.ContainsRune("-0123456789", rune(text[0])) {
		return http.StatusForbidden, nil
	}
	status, err := strconv.Atoi(text)
	if err != nil || status < 400 || status > 599 {
		return 0, fmt.Errorf("tenant: connect refuses with the status %.20s; it may be 400 to 599", text)
	}
	return status, nil
}

// socketID reads {"id":"users:7"}.
func socketID(r channel.Reply) (string, error) {
	if r.Status == "" || r.Payload.IsBinary() {
		return "", nil
	}
	var body struct {
		ID *string `json:"id"`
	}
	if err := json.Unmarshal(r.Payload.Data(), &body); err != nil {
		return "", fmt.Errorf("tenant: the reply of connect: %w", err)
	}
	if body.ID == nil {
		return "", nil
	}
	if err := phx.CheckName(*body.ID); err != nil {
		return "", fmt.Errorf("tenant: the id of a socket: %w", err)
	}
	return *body.ID, nil
}

// Kick ends every channel of a topic on this node, see [channel.Env.Kick].
func (t *Tenant) Kick(topic string) int { return t.env.Kick(topic) }

// Busy tells whether a channel is at work, see [channel.Env.Busy].
func (t *Tenant) Busy() bool { return t.env.Busy() }

// Wait returns when all channels have come to rest, after all sockets have been
// closed. When ctx ends first, handlers that are still running are told by their
// context, and ctx's error is returned once they have ended.
func (t *Tenant) Wait(ctx context.Context) error { return t.env.Wait(ctx) }
