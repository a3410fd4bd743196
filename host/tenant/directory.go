package tenant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/token"
	"github.com/chhost/chhost/host/wasm"
)

// DirectoryConfig configures a [Directory]. Store, Engine and PubSub are needed.
type DirectoryConfig struct {
	// Store has the tenants' records and their modules. The directory does not close it.
	Store registry.Store
	// Engine runs their plugins, and PubSub is the node's. Who makes the engine lets
	// [Directory.Share] say what tenants may use, and tells [Directory.Tripped] of
	// versions that are quarantined.
	Engine *wasm.Engine
	PubSub *pubsub.PubSub
	// Limits are those of tenants whose records say nothing else.
	Limits Limits
	// Origins reads a record's origins: it returns what tells whether a browser's page may
	// connect. Default: they have no meaning.
	Origins func(entries []string) (func(*http.Request) bool, error)
	// Issuers are those whose tokens name a tenant by [token.Issuer.TenantClaim], which
	// each of them has, and vouch for its clients. Default none.
	Issuers []token.Issuer
	// Default has what the tenant [Default] serves beside what its record says, and
	// before that: the routes of a host's own configuration. Its other fields have no
	// meaning.
	Default Config
	// Now and AfterFunc are the clock that handlers see, see [channel.Config].
	Now       func() time.Time
	AfterFunc func(d time.Duration, f func()) (stop func() bool)
	// Logger receives what clients cannot be told. Default none.
	Logger *slog.Logger
}

// Directory is the tenants of a node: what the registry has of them, and what serves
// it. It is safe for concurrent use.
//
// What a tenant serves is what is stored: each change is stored first, one after the
// other for each tenant, and is then done. A plugin's version is compiled, or loaded
// from what was compiled before, when it is needed first.
type Directory struct {
	cfg   DirectoryConfig
	log   *slog.Logger
	now   func() time.Time
	loads chan struct{} // has room for those that may be under way at once
	// refreshing: the published keys of issuers are being looked after.
	refreshing atomic.Bool
	// unswept: a change has left modules out of a record; sweeping: the store is being swept.
	unswept, sweeping atomic.Bool
	// patience is how long a callback waits for its version to be loaded.
	patience time.Duration
	tripped
	vouchers *token.Verifier // of cfg.Issuers; nil: there are none

	life context.Context // of what runs beyond a call
	end  context.CancelFunc
	work sync.WaitGroup // loads, and moves of channels

	// changing is the turn of who changes which tenants there are, or what two of them may not
	// have: it is taken before a tenant's, see [estate], and kept until the change is stored
	// and served, or one host name could become two tenants'. It is no lock: nobody who
	// serves clients takes it or a tenant's, and who waits for it can give up.
	changing turn

	mu      sync.RWMutex
	ended   bool
	loaded  map[*version]struct{} // whose code is compiled
	tenants map[string]*Tenant
	hosts   map[string]*Tenant // by name of host
}

var (
	// ErrUnknown is returned for a tenant, plugin or version that there is not.
	ErrUnknown = errors.New("tenant: unknown")
	// ErrConflict is returned when a change was to be made of another revision than
	// there is.
	ErrConflict = errors.New("tenant: the revision is another one by now")
	// ErrInvalid is returned for a change that makes no sense; the text says why.
	ErrInvalid = errors.New("tenant: invalid")
	// ErrQuota is returned when a tenant has as much as it may.
	ErrQuota = errors.New("tenant: the quota is used up")
	// ErrEnded is returned by a directory that was closed.
	ErrEnded = errors.New("tenant: the directory has been closed")
)

// Open reads all tenants from the store, to which it adds [Default] if that is not
// there. Those whose records are damaged keep the others from nothing, see
// [Tenant.Damage]. It starts nothing, and compiles nothing.
func Open(ctx context.Context, cfg DirectoryConfig) (*Directory, error) {
	d := &Directory{
		cfg: cfg, log: cfg.Logger, now: cfg.Now, patience: loadPatience, loads: make(chan struct{}, max(2, runtime.GOMAXPROCS(0))), changing: newTurn(),
		tenants: make(map[string]*Tenant), hosts: make(map[string]*Tenant), loaded: make(map[*version]struct{}),
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.tripped.wake = make(chan struct{}, 1)
	var err error
	if d.vouchers, err = vouchersOf(&cfg); err != nil {
		return nil, err
	}
	d.life, d.end = context.WithCancel(context.Background())
	_, err = cfg.Store.Create(ctx, registry.Tenant{Name: Default}, registry.Entry{Action: "create", By: "chhost"})
	if err != nil && !errors.Is(err, registry.ErrExists) {
		return nil, fmt.Errorf("tenant: %w", err)
	}
	for record, err := range cfg.Store.Tenants(ctx) {
		if err := d.admit(record, err); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// open makes what serves a record.
func (d *Directory) open(record registry.Tenant) (*Tenant, error) {
	t, err := d.make(record.Name)
	if err != nil {
		return nil, err
	}
	if err := t.adopt(record); err != nil {
		t.deaf()
		return nil, err
	}
	return t, nil
}

// make makes a tenant of which nothing is stored yet.
func (d *Directory) make(name string) (*Tenant, error) {
	cfg := Config{Limits: d.cfg.Limits}
	if name == Default {
		cfg.Routes, cfg.Connect = d.cfg.Default.Routes, d.cfg.Default.Connect
	}
	cfg.Name, cfg.PubSub, cfg.Logger, cfg.stored = name, d.cfg.PubSub, d.log, true
	cfg.Now, cfg.AfterFunc = d.cfg.Now, d.cfg.AfterFunc
	t, err := New(cfg)
	if err != nil {
		return nil, err
	}
	t.estate = &estate{dir: d, turn: newTurn(), plugins: make(map[string]*plugin), revoked: token.NewRevocations(0, d.cfg.Now)}
	return t, nil
}

// list lets a tenant be found, by the names of its record. Those in a damaged one are
// its own only if no other has them.
func (d *Directory) list(t *Tenant, record registry.Tenant) {
	whole := t.Damage() == nil
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tenants[t.name] = t
	for name, owner := range d.hosts {
		if owner == t {
			delete(d.hosts, name)
		}
	}
	for _, name := range record.Hosts {
		if whole || d.hosts[name] == nil {
			d.hosts[name] = t
		}
	}
}

// forget is the opposite of list.
func (d *Directory) forget(t *Tenant) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.tenants, t.name)
	for name, owner := range d.hosts {
		if owner == t {
			delete(d.hosts, name)
		}
	}
}

// Tenant returns a tenant by its name.
func (d *Directory) Tenant(name string) (*Tenant, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	t, ok := d.tenants[name]
	return t, ok
}

// Tenants lists all of them, by name.
func (d *Directory) Tenants() []*Tenant {
	d.mu.RLock()
	defer d.mu.RUnlock()
	list := make([]*Tenant, 0, len(d.tenants))
	for _, t := range d.tenants {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *Tenant) int { return cmp.Compare(a.name, b.name) })
	return list
}

// Default is the tenant of that name.
func (d *Directory) Default() *Tenant {
	t, _ := d.Tenant(Default)
	return t
}

// begin lets f run on a goroutine of the directory's, until Close. It is false after
// that.
func (d *Directory) begin(f func(ctx context.Context)) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.ended {
		return false
	}
	d.work.Go(func() { f(d.life) })
	return true
}

// beginAlone is begin for what must not be under way twice; busy tells whether it is.
func (d *Directory) beginAlone(busy *atomic.Bool, f func(ctx context.Context)) bool {
	if !busy.CompareAndSwap(false, true) {
		return false
	}
	begun := d.begin(func(ctx context.Context) {
		defer busy.Store(false)
		f(ctx)
	})
	if !begun {
		busy.Store(false)
	}
	return begun
}

// Close ends what the directory has under way, and waits for it. The sockets of all
// tenants are to be closed before, and the engine is to be closed after.
func (d *Directory) Close() {
	d.mu.Lock()
	d.ended = true
	d.mu.Unlock()
	d.end()
	if d.vouchers != nil {
		d.vouchers.Close()
	}
	for _, t := range d.Tenants() {
		if verifier := t.estate.verifier.Load(); verifier != nil {
			verifier.Close() // nobody waits for keys any more
		}
	}
	d.work.Wait()
}

// Wait returns when the channels of all tenants have come to rest, see [Tenant.Wait].
func (d *Directory) Wait(ctx context.Context) error {
	var errs []error
	for _, t := range d.Tenants() {
		errs = append(errs, t.Wait(ctx))
	}
	return errors.Join(errs...)
}

// Busy tells whether a channel of any tenant is at work, see [channel.Env.Busy].
func (d *Directory) Busy() bool {
	for _, t := range d.Tenants() {
		if t.Busy() {
			return true
		}
	}
	return false
}

// Share is what the plugins of a tenant may use together, for the engine.
func (d *Directory) Share(name string) wasm.Share {
	share := wasm.Share{FuelPerSecond: d.cfg.Limits.FuelPerSecond}
	if t, ok := d.Tenant(name); ok {
		if n := t.limit(limitFuelSecond); n > 0 {
			share.FuelPerSecond = n
		}
	}
	return share
}

// MemoryOf is how many bytes of memory the plugins of a tenant may hold together, for
// the engine; 0: as many as it says itself.
func (d *Directory) MemoryOf(name string) int64 {
	if t, ok := d.Tenant(name); ok {
		return t.limit(limitMemory)
	}
	return 0
}
