// Package host is the channel host: configure, Run, Shutdown, ServeHTTP; usable
// as a Go library.
//
// A [Host] serves Phoenix Channels to any Phoenix client. Topics are routed to
// channels, whose logic is a plugin (a WebAssembly module) or a native Go
// handler; both are a [channel.Handler] and may stand beside each other:
//
//	h, err := host.New(host.Config{
//		Addr: "127.0.0.1:4000",
//		Routes: []host.Route{
//			{Pattern: "foods:*", Plugin: &host.Plugin{Name: "foods", Module: module}},
//			{Pattern: "clock", Handler: clock},
//		},
//	})
//	if err != nil { ... }
//	err = h.Run(ctx)
package host

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/internal/limitlog"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/router"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
	"github.com/chhost/chhost/host/token"
	"github.com/chhost/chhost/host/wasm"
)

// Config configures a [Host]. Routes are needed; the zero values (and
// negative ones) of the other fields are the defaults.
type Config struct {
	// Addr is the TCP address that Run listens on, such as "127.0.0.1:4000". Empty:
	// none, the host is served by ServeHTTP within another server.
	Addr string
	// Listener is used instead of Addr if it is not nil. Run closes it.
	Listener net.Listener
	// CertFile and KeyFile, both in PEM, make Run speak TLS, from version 1.2 on,
	// and HTTP/1.1 in it. They are read again when they change, at the next handshake;
	// while they hold no pair, the last one stays. Default none.
	CertFile, KeyFile string
	// TLS is the same with certificates that come from elsewhere, or further settings
	// for those of the files. It is not changed. Default none.
	TLS *tls.Config
	// Mount is the path of the socket; clients connect to Mount + "/websocket", or
	// poll Mount + "/longpoll". Default "/socket".
	Mount string
	// Mounts are further paths of the same kind, with the same channels, each with
	// origins of its own; connect is told the path. Default none.
	Mounts []Mount
	// Routes send topics to channels. The first match wins. With a Registry they are
	// those of the tenant [tenant.Default], before what the registry has of it.
	Routes []Route
	// Registry has tenants, their plugins and routes, which the host serves too, see
	// [Host.Tenants]. The host does not close it. Default none.
	Registry registry.Store
	// Issuers are the operator's own: their tokens name the tenant of a new connection by
	// a claim, beside its host name and its path, and let the client in there whatever
	// issuers that tenant has. Each needs a name, keys and a [token.Issuer.TenantClaim];
	// a token of theirs without that claim, and every other one, is left to the tenant. A
	// Registry is needed. Default none.
	Issuers []token.Issuer
	// TenantClaim is for tokens of another kind: it returns the tenant that a new
	// connection's token names, of an issuer that the operator trusts with that; authToken
	// is the one that the client sent as such. Empty: none. An error that is a
	// [*socket.RefusedError] is the client's answer; any other is answered 403. Default:
	// tokens name no tenant. Issuers and TenantClaim are not both set.
	TenantClaim func(r *http.Request, authToken string) (tenant string, err error)
	// RoutesOptional lets a host have none: its topics can be broadcast to and
	// subscribed to, and not be joined.
	RoutesOptional bool
	// Connect is the plugin whose connect callback decides about new sockets; it
	// may be one of the routes' plugins. ConnectHandler is the same as a native
	// handler; at most one of the two is set. Default: every socket is let in.
	Connect        *Plugin
	ConnectHandler channel.Handler
	// ConnectOptional lets Connect name a plugin that has no connect callback:
	// then, too, every socket is let in.
	ConnectOptional bool
	// ConnectHeaders name the header fields of the request that Connect is told,
	// such as "X-Tenant". Cookies cannot be among them. Default none.
	ConnectHeaders []string
	// TrustedProxies are the addresses of the proxies in front of the host, see
	// [Proxies]. What one of them says of where a connection comes from is believed,
	// and what anybody else says is not. Who connects over a Unix socket has no
	// address, is called "@", and is no proxy. Default none.
	TrustedProxies []netip.Prefix
	// ProxyHeader is the header field in which they say it, "X-Forwarded-For" or
	// "Forwarded". A proxy passes on the field that it does not write, so only one is
	// looked at. Default "X-Forwarded-For".
	ProxyHeader string
	// Fallback serves every path outside the mounts, such as the pages of an
	// application. Default: 404.
	Fallback http.Handler
	// Hosts are the names by which clients may ask for this host, such as
	// "chat.example.com" or "*.example.com", with any port; addresses always do. A
	// request for another name is answered 403. That is for hosts which trust those
	// who can reach them, on a developer's machine say: a page of any name may be made
	// to lead there. Default: all names.
	Hosts []string
	// CheckOrigin tells whether a browser's page of another origin may connect.
	// Default: a page may connect to the host that it was loaded from.
	CheckOrigin func(r *http.Request) bool
	// PubSub carries broadcasts to other nodes. Default: this node is alone.
	PubSub pubsub.Adapter
	// CacheDir keeps compiled plugins between runs, see [wasm.Config]. Default:
	// they are compiled at each start.
	CacheDir string
	// CacheLimit is how many bytes may be kept there, about, see [wasm.Config]. Default
	// 4 GiB.
	CacheLimit int64
	// Compiler lets plugins be compiled in child processes within the limits of
	// Compiling, see [CompilerMain]. Default: they are compiled in this process, which
	// is for plugins whose authors are trusted: compiling one can take minutes and all
	// memory, and nothing can end it.
	Compiler  *Compiler
	Compiling CompileLimits
	// GuestMemory bounds what memory all plugins may have together, and TenantMemory
	// that of each tenant's, in bytes, see [wasm.Config]. Defaults: no bound, and 512 MiB.
	GuestMemory, TenantMemory int64
	// GuestSlots is how many plugins may compute for long at the same time, see
	// [wasm.Config]. Default: one less than there are processors, at least 1.
	GuestSlots int
	// Limits bound what clients may use, and Connections how many there may be.
	Limits      tenant.Limits
	Connections Connections
	// MaxFrame is the size in bytes of the largest message that a client may
	// send. Default 256 KiB.
	MaxFrame int64
	// Compression lets WebSocket clients that offer it send and receive compressed
	// messages, see [websocket.Config]. Default: off.
	Compression bool
	// IdleTimeout ends a WebSocket on which nothing arrives. Default 60 s.
	IdleTimeout time.Duration
	// LongPollWindow is how long a poll waits for something to send, see
	// [longpoll.Config]. A server that Host is served within must allow responses to
	// take longer. Default 10 s.
	LongPollWindow time.Duration
	// Grace is how long the shutdown may take that the end of Run's context
	// starts, all of it. Default 30 s.
	Grace time.Duration
	// DrainDelay is how long a shutdown waits before it refuses anything: /readyz is
	// 503 meanwhile, so that load balancers send no more clients. Default: not at all.
	DrainDelay time.Duration
	// DrainWindow is how long a shutdown takes to close many sockets, a few at a time,
	// so that their clients do not all connect elsewhere at once. A few dozen are closed
	// at once. Default 5 s.
	DrainWindow time.Duration
	// Ending is called by Run when no client is left, before the tenants and their plugins
	// end: an API that changes them is shut down by it. Default: nothing is called.
	Ending func()
	// Now is the clock that handlers see. Default time.Now.
	Now func() time.Time
	// AfterFunc makes the timers of handlers, on the same clock, see
	// [channel.Config]. Default time.AfterFunc.
	AfterFunc func(d time.Duration, f func()) (stop func() bool)
	// Logger receives everything that is worth a line. Default none.
	Logger *slog.Logger
}

// Route sends the topics that match Pattern to a native handler or to a plugin:
// one of the two is set. A pattern is a topic, or a prefix that ends in "*".
type Route struct {
	Pattern string
	Handler channel.Handler
	Plugin  *Plugin
}

// PluginLimits are what a plugin may use.
type PluginLimits = wasm.Limits

// Compiler compiles plugins in child processes.
type Compiler = wasm.Compiler

// CompileLimits bound what compiling one plugin may take in a child process.
type CompileLimits = wasm.CompileLimits

// CompilerMain is called by a program at the start of its main function, which
// thereby can be its own compiler, see [wasm.CompilerMain]:
//
//	func main() {
//		compiler := host.CompilerMain() // does not return in a child
//		h, err := host.New(host.Config{Compiler: compiler, ...})
func CompilerMain() *Compiler { return wasm.CompilerMain() }

// Plugin is a WebAssembly module that implements channels, see package abi. It
// is compiled once, however many routes name it.
type Plugin struct {
	// Name is what logs call the plugin.
	Name string
	// Module is the module in the binary format.
	Module []byte
	// Settings are what the plugin reads by config_get.
	Settings map[string]string
	// Limits bound what the plugin may use.
	Limits PluginLimits
	// Rotate lets at least two instances take turns, so that a plugin which keeps
	// state in its own memory shows it at once. It is for development.
	Rotate bool
}

// DefaultMount is the path of the socket unless configured otherwise.
const DefaultMount = "/socket"

// How long a shutdown, and the closing of many sockets in it, may take unless
// configured otherwise.
const (
	DefaultGrace       = 30 * time.Second
	DefaultDrainWindow = 5 * time.Second
)

// Host is a channel host. It is safe for concurrent use.
type Host struct {
	cfg    Config
	log    *slog.Logger
	engine *wasm.Engine
	pubsub *pubsub.PubSub
	tenant *tenant.Tenant // the default one
	// directory has all tenants of the registry; nil without one.
	directory *tenant.Directory
	mux       http.Handler
	// draining is mux for what has no connection that could be closed.
	draining http.Handler
	// transports take the connections, two below each mount.
	transports []socket.Transport

	locals    locals // closed by the drain
	newcomers newcomers
	upgraded  visits // WebSockets
	polled    visits // long-poll sessions

	peers   peers
	places  *places
	names   hostNames   // that the host answers to
	headers []string    // that connectors are told
	tls     *tls.Config // of the listener; nil: none

	deploying chan struct{}      // has room for one deploy at a time
	plugins   map[*Plugin]served // belongs to New, then to who deploys
	connect   *Plugin            // the one that decides about sockets, likewise

	state    atomic.Int32
	stopOnce sync.Once
	stop     chan struct{}      // closed when Shutdown asks Run to end
	cut      context.Context    // ends when what is left is to be cut off
	cutOff   context.CancelFunc // ends cut
	drained  error              // of the drain; to be read after done
	done     chan struct{}      // closed when Run has ended
}

const (
	stateNew int32 = iota
	stateRunning
	// stateLeaving: all is served, but load balancers are told to go elsewhere.
	stateLeaving
	// stateDraining: clients that poll may still come for what waits for them.
	stateDraining
	stateStopped
)

// CheckPatterns returns what is wrong with patterns of topics, all of it.
func CheckPatterns(patterns ...string) error {
	routes := make([]router.Route[struct{}], len(patterns))
	for i, p := range patterns {
		routes[i].Pattern = p
	}
	_, err := router.New(routes)
	return err
}

// New compiles the plugins and returns a host. It starts nothing. The error
// lists everything that is wrong with the routes and the modules; it is a
// [*wasm.ModuleError] where a module is at fault.
func New(cfg Config) (*Host, error) {
	h := &Host{cfg: cfg, log: limitlog.New(cfg.Logger), stop: make(chan struct{}), done: make(chan struct{}), deploying: make(chan struct{}, 1), plugins: make(map[*Plugin]served)}
	h.locals.encoder = &phx.Encoder{Serializer: phx.V2(), Framing: phx.Framing{Room: 1, Seal: markKind}}
	h.cut, h.cutOff = context.WithCancel(context.Background())
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.cfg.Mount == "" {
		h.cfg.Mount = DefaultMount
	}
	if h.cfg.Grace <= 0 {
		h.cfg.Grace = DefaultGrace
	}
	var proxies, headers, names, secure error
	h.peers, proxies = newPeers(cfg.TrustedProxies, cfg.ProxyHeader)
	h.headers, headers = headerNames(cfg.ConnectHeaders)
	h.names, names = newHostNames(cfg.Hosts)
	h.tls, secure = tlsConfig(&cfg, h.log)
	if err := errors.Join(proxies, headers, names, secure); err != nil {
		return nil, err
	}
	if h.cfg.DrainWindow <= 0 {
		h.cfg.DrainWindow = DefaultDrainWindow
	}
	engine, err := wasm.NewEngine(wasm.Config{
		CacheDir: cfg.CacheDir, CacheLimit: cfg.CacheLimit, Compiler: cfg.Compiler, Compiling: cfg.Compiling,
		Logger: cfg.Logger, Now: cfg.Now, Memory: cfg.GuestMemory, TenantMemory: cfg.TenantMemory,
		GuestSlots: cfg.GuestSlots, Share: h.share, MemoryOf: h.memoryOf, Tripped: h.tripped,
	})
	if err != nil {
		return nil, err
	}
	h.engine = engine
	if err := h.build(); err != nil {
		return nil, errors.Join(err, engine.Close(context.Background()))
	}
	return h, nil
}

func (h *Host) build() error {
	routes, faults := h.handlers()
	connector, fault := h.connector()
	faults = errors.Join(faults, fault)
	adapter := h.cfg.PubSub
	if adapter != nil {
		adapter = link{adapter, h.log}
	}
	h.pubsub = pubsub.New(adapter)
	var err error
	base := tenant.Config{
		PubSub:    h.pubsub,
		Routes:    routes,
		Connect:   connector,
		Limits:    h.cfg.Limits,
		Now:       h.cfg.Now,
		AfterFunc: h.cfg.AfterFunc,
		Logger:    h.log,
	}
	if err := h.namers(); err != nil {
		return errors.Join(faults, err)
	}
	if h.cfg.Registry != nil {
		err = h.openDirectory(base)
	} else {
		h.tenant, err = tenant.New(base)
	}
	if err := errors.Join(faults, err); err != nil {
		return err // all that is wrong, with the modules and with the patterns
	}
	h.places = newPlaces(h.cfg.Connections, h.tenant.Counts())
	return h.mount()
}

// handlers returns the routes with their plugins compiled. Routes that are at
// fault are returned too, without a handler, so that their patterns are checked.
func (h *Host) handlers() ([]tenant.Route, error) {
	if len(h.cfg.Routes) == 0 && !h.cfg.RoutesOptional && h.cfg.Registry == nil {
		return nil, errors.New("host: no routes: nothing could be joined")
	}
	routes := make([]tenant.Route, 0, len(h.cfg.Routes))
	failed := make(map[*Plugin]bool)
	var errs []error
	for _, r := range h.cfg.Routes {
		handler := r.Handler
		switch {
		case (r.Handler == nil) == (r.Plugin == nil):
			errs = append(errs, fmt.Errorf("host: the route %q needs a handler or a plugin, and only one of them", r.Pattern))
		case r.Plugin != nil && !failed[r.Plugin]:
			compiled, err := h.compiled(r.Plugin)
			if err != nil {
				errs = append(errs, err)
				failed[r.Plugin] = true
				break
			}
			handler = compiled
		}
		routes = append(routes, tenant.Route{Pattern: r.Pattern, Target: handler})
	}
	return routes, errors.Join(errs...)
}

// served is a version of a plugin that is being served.
type served struct {
	*wasm.Plugin
	name string
	seq  int
}

// compiled returns what a plugin was compiled to, at its first mention.
func (h *Host) compiled(p *Plugin) (*wasm.Plugin, error) {
	if known, ok := h.plugins[p]; ok {
		return known.Plugin, nil
	}
	made, err := h.compile(context.Background(), p, p.Name, 1)
	if err == nil {
		h.plugins[p] = served{made, p.Name, 1}
	}
	return made, err
}

func (h *Host) compile(ctx context.Context, p *Plugin, name string, seq int) (*wasm.Plugin, error) {
	return h.engine.Compile(ctx, wasm.Module{
		Name: name, Seq: seq, Tenant: tenant.Default, Binary: p.Module, Settings: p.Settings, Limits: p.Limits, Rotate: p.Rotate,
	})
}

// ServeHTTP serves the sockets below the mounts, /healthz and /readyz, and Fallback
// elsewhere. Before Run and after its end it answers 503.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch h.state.Load() {
	case stateRunning, stateLeaving:
		h.mux.ServeHTTP(w, r)
	case stateDraining:
		h.draining.ServeHTTP(w, r)
	default:
		notRunning(w, r)
	}
}

func notRunning(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "the host is not running", http.StatusServiceUnavailable)
}

// Subscribers is the number of subscriptions of topic on this node: of the
// channels that are joined to it, and of those that listen to it from elsewhere.
func (h *Host) Subscribers(topic string) int {
	return h.pubsub.Subscribers(h.topic(topic))
}

// Kick ends every channel of this node that is joined to topic, as an operator
// does: its client gets phx_close and does not join again by itself. It returns
// how many there were, and does not wait for them.
func (h *Host) Kick(topic string) int { return h.tenant.Kick(topic) }

// Disconnect ends every socket that connect has named id, on all nodes, with
// close code 1001, see [tenant.Tenant.Disconnect], and returns how many there were
// on this one. It does not wait for them.
func (h *Host) Disconnect(id string) (int, error) { return h.tenant.Disconnect(id) }

// Counts is what was refused of clients that send too much, and left out for
// those that read too little. It goes on counting.
func (h *Host) Counts() *socket.Counts { return h.tenant.Counts() }

// PluginCounts is what plugins failed at, and what became of it. It goes on counting.
func (h *Host) PluginCounts() *wasm.Counts { return h.engine.Counts() }

// Busy tells whether a channel is at work, timers that are not due left aside. It
// is for those who wait until all that something caused has happened: tests that
// move the clock, and the console.
func (h *Host) Busy() bool {
	if h.directory != nil {
		return h.directory.Busy()
	}
	return h.tenant.Busy()
}

// ErrRan is returned by Run when it was called before.
var ErrRan = errors.New("host: Run was called before; make a new Host")

// Run serves until ctx is done, or Shutdown is called, or the listener fails. It
// returns when everything it started has ended; then nothing of the host is
// left. The error is that of the listener, or that of a shutdown which did not
// end in time.
func (h *Host) Run(ctx context.Context) error {
	if !h.state.CompareAndSwap(stateNew, stateRunning) {
		return ErrRan
	}
	defer close(h.done)
	loops, endLoops := context.WithCancel(context.Background())
	defer endLoops()
	var running sync.WaitGroup
	for _, t := range h.transports {
		running.Go(func() { _ = t.Run(loops) })
	}
	running.Go(func() { h.engine.Run(loops) })
	running.Go(func() {
		if err := h.pubsub.Run(loops); err != nil {
			h.log.Error("the link to the other nodes ended", "err", err)
		}
	})
	if h.directory != nil {
		running.Go(func() { h.directory.Run(loops) })
	}
	server, failed := h.serve(&running)
	var err error
	grace := h.cut
	select {
	case <-ctx.Done():
		var cancel context.CancelFunc
		grace, cancel = context.WithTimeout(h.cut, h.cfg.Grace)
		defer cancel()
	case <-h.stop:
	case err = <-failed:
	}
	if err == nil {
		h.delay(grace)
	}
	h.state.Store(stateDraining)
	h.drained = h.drain(grace, server)
	h.state.Store(stateStopped)
	if h.cfg.Ending != nil {
		h.cfg.Ending()
	}
	endLoops()
	running.Wait()
	h.endTenants()
	return errors.Join(err, h.drained, h.engine.Close(context.Background()))
}

// drain ends what clients have open, and returns when nothing is left of it. The
// listener is open until the transports have ended, for clients that poll; new
// connections are told that the host is not running.
func (h *Host) drain(grace context.Context, server *http.Server) error {
	h.closeLocals()
	ended := make([]error, len(h.transports))
	var ending sync.WaitGroup
	for i, t := range h.transports {
		ending.Go(func() { ended[i] = t.Shutdown(grace) })
	}
	ending.Wait()
	err := errors.Join(errors.Join(ended...), h.waitTenants(grace))
	// A page that is still being sent has not kept the sockets open.
	h.newcomers.close()
	if slow := server.Shutdown(grace); slow != nil {
		err = errors.Join(err, slow, server.Close())
	}
	if late := grace.Err(); late != nil && errors.Is(err, late) {
		// Each of those that were waited for has said the same.
		return fmt.Errorf("host: the shutdown took too long, and what had not ended was cut off: %w", late)
	}
	return err
}

// serve starts the listener's server, if there is to be one.
func (h *Host) serve(running *sync.WaitGroup) (*http.Server, <-chan error) {
	server := &http.Server{
		Handler:        h,
		ReadTimeout:    10 * time.Second,                           // of requests; a WebSocket has limits of its own
		WriteTimeout:   time.Minute + max(h.cfg.LongPollWindow, 0), // a poll waits before it is answered
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
		ConnState:      h.newcomers.note,
	}
	failed := make(chan error, 1)
	listener := h.cfg.Listener
	if listener == nil {
		if h.cfg.Addr == "" {
			return server, failed
		}
		var err error
		if listener, err = net.Listen("tcp", h.cfg.Addr); err != nil {
			failed <- fmt.Errorf("host: %w", err)
			return server, failed
		}
	}
	if h.tls != nil {
		listener = tls.NewListener(listener, h.tls)
	}
	running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("host: %w", err)
		}
	})
	return server, failed
}

// Shutdown ends Run: no new connections are taken, the sockets are closed with
// code 1012 so that clients come back later, leave is called for every channel,
// and what is running ends. It returns when Run has ended. When ctx ends first,
// also if the end of Run's own context has started the shutdown, what is left is
// cut off and ctx's error is returned. A host that was never run is only closed.
func (h *Host) Shutdown(ctx context.Context) error {
	if h.state.CompareAndSwap(stateNew, stateStopped) {
		close(h.done)
		h.closeLocals()
		err := h.waitTenants(ctx)
		h.endTenants()
		return errors.Join(err, h.engine.Close(ctx))
	}
	h.stopOnce.Do(func() { close(h.stop) })
	cut := context.AfterFunc(ctx, h.cutOff)
	<-h.done
	if !cut() && h.drained != nil {
		return ctx.Err()
	}
	return nil
}
