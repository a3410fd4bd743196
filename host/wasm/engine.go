package wasm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/internal/limitlog"
	"github.com/chhost/chhost/host/wasm/sched"
)

// Config configures an [Engine]. The zero value is usable.
type Config struct {
	// CacheDir keeps compiled code, so that a module that was compiled once is
	// loaded in milliseconds. It is created with mode 0700; whoever can write to
	// it can run code in the host. Default: memory only.
	CacheDir string
	// CacheLimit is how many bytes may be kept in CacheDir, about: each process looks when
	// it has added a sixteenth of it. Beyond it, what nobody has used for longest is
	// removed, and compiled anew when it is needed. Default 4 GiB.
	CacheLimit int64
	// Compiler lets modules be compiled in child processes within the limits of
	// Compiling, see [CompilerMain]. What is in CacheDir needs none. Default none: the
	// engine compiles in this process, after the same checks; a module that passes
	// them can still take seconds of processor time and hundreds of megabytes, which
	// nothing can end. That is for modules whose authors are trusted.
	Compiler  *Compiler
	Compiling CompileLimits
	// Logger receives what guests log and why they failed. Default none.
	Logger *slog.Logger
	// Now is the clock that a guest sees where no event brings one: before its first
	// callback, in ch_buffer and in ch_idle. Default time.Now.
	Now func() time.Time
	// Memory bounds the linear memory, in bytes, that the instances of all plugins may
	// hold together, and TenantMemory that of each tenant's plugins. Beyond it
	// memory.grow returns -1, and what needs another instance is answered "busy".
	// Instances of the same tenant that nobody uses are given up before. What one grows
	// from is counted no more as soon as it has grown, and freed later. Defaults: no
	// bound, and 512 MiB.
	Memory, TenantMemory int64
	// MemoryOf tells how much a tenant's plugins may hold, if that is above 0. It is
	// asked at each Compile. Default: TenantMemory.
	MemoryOf func(tenant string) int64
	// GuestSlots is how many guests may run at once beyond their first slice, see
	// package sched. Default: one less than GOMAXPROCS, at least 1.
	GuestSlots int
	// Share tells what the guests of a tenant may use together. It is asked at each
	// Compile. Default: all tenants have the same weight and no limit.
	Share func(tenant string) Share
	// Tripped is told when a version is quarantined, on the goroutine of the call that
	// brought it about: it must not block. Default: nobody is.
	Tripped func(Tripped)

	// clock is what back-off times pass on. Default time.Now.
	clock func() time.Time
}

// Engine compiles modules. It is safe for concurrent use.
type Engine struct {
	log      *slog.Logger // of the host's own lines
	guests   *slog.Logger // of what guests log, which has a limit for each plugin
	now      func() time.Time
	clock    func() time.Time
	born     time.Time
	cacheDir string
	larder   larder      // of cacheDir
	housed   atomic.Bool // Run looks after it
	counts   Counts
	memory   account // of the node

	tenantMemory int64
	memoryOf     func(tenant string) int64
	sched        *sched.Scheduler
	share        func(tenant string) Share
	tripped      func(Tripped)

	compiler *Compiler // nil: compile in this process
	limits   CompileLimits
	turns    *turns        // of children
	loads    *turns        // of what is loaded, if it is large
	ending   chan struct{} // closed by Close

	mu        sync.Mutex
	plugins   map[*Plugin]struct{}
	tenants   map[string]*account
	compiling int // modules
	closed    bool
	compiled  chan struct{} // closed as soon as the engine is closed and none is
}

// Slots is how many guests run beyond their first slice, and how many wait for others to
// end or pass on.
func (e *Engine) Slots() (taken, waiting int) { return e.sched.Taken(), e.sched.Waiting() }

// ErrClosed is returned by an engine or a plugin that has been closed.
var ErrClosed = errors.New("wasm: closed")

// NewEngine returns an engine. The error is that of the cache directory.
func NewEngine(cfg Config) (*Engine, error) {
	compiling := cfg.Compiling.withDefaults(runtime.GOMAXPROCS(0))
	e := &Engine{
		guests: cfg.Logger, now: cfg.Now, clock: cfg.clock, born: time.Now(), plugins: make(map[*Plugin]struct{}), tenants: make(map[string]*account),
		sched: sched.New(sched.Config{Slots: cfg.GuestSlots}), share: cfg.Share, tripped: cfg.Tripped,
		compiler: cfg.Compiler, limits: compiling, turns: newTurns(compiling.AtOnce), loads: newTurns(max(1, runtime.GOMAXPROCS(0)/4)), ending: make(chan struct{}), compiled: make(chan struct{}),
	}
	e.memory.whose = "the node's"
	e.memory.limit.Store(max(0, cfg.Memory))
	e.tenantMemory, e.memoryOf = cfg.TenantMemory, cfg.MemoryOf
	if e.tenantMemory <= 0 {
		e.tenantMemory = 512 << 20
	}
	if e.guests == nil {
		e.guests = slog.New(slog.DiscardHandler)
	}
	e.log = limitlog.New(e.guests)
	if e.now == nil {
		e.now = time.Now
	}
	if e.clock == nil {
		e.clock = time.Now
	}
	if !compilesApart() {
		e.compiler = nil
	}
	if cfg.CacheDir == "" {
		return e, nil
	}
	if err := os.MkdirAll(cfg.CacheDir, 0o700); err != nil {
		return nil, fmt.Errorf("wasm: the directory for compiled plugins: %w", err)
	}
	e.cacheDir = cfg.CacheDir
	e.larder.dir, e.larder.limit = cfg.CacheDir, cfg.CacheLimit
	if e.larder.limit <= 0 {
		e.larder.limit = defaultCacheLimit
	}
	return e, nil
}

// Module is what [Engine.Compile] makes a plugin of.
type Module struct {
	// Name is what people call the plugin, such as "foods".
	Name string
	// Seq is the sequence number of this version; logs and the guest itself call
	// it Name@Seq, such as "foods@7". Default 1.
	Seq int
	// Tenant owns the plugin. Default "default".
	Tenant string
	// Binary is the module in the WebAssembly binary format.
	Binary []byte
	// Settings are what the guest reads by config_get. Keys that start with
	// "chhost." are the host's and are refused.
	Settings map[string]string
	// Rotate lets at least two instances take turns, the one that has waited
	// longest first. What a guest keeps in its memory from one event to the next
	// is then missing at the next one, not only in production: for development.
	Rotate bool
	Limits Limits

	digest string // of Binary as it was given, the first 8 digits
	key    string // of the directory of what is kept of it, see keyOf
	// pause is called from time to time while it is checked; nil: nothing is.
	pause func(fuel int64)
}

// version is what logs and the guest itself call this version.
func (m *Module) version() string { return fmt.Sprintf("%s@%d", m.Name, max(m.Seq, 1)) }

// owner is the tenant that the plugin belongs to.
func (m *Module) owner() string {
	if m.Tenant == "" {
		return "default"
	}
	return m.Tenant
}

// CheckSettings says of settings, see [Module], whether [Engine.Compile] refuses them.
func CheckSettings(settings map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if abi.IsReservedConfig(key) {
			return fmt.Errorf("the setting %q: keys that start with %q are the host's, choose another", key, abi.ReservedConfigPrefix)
		}
	}
	return nil
}

// Compile checks a module against the contract, compiles it, and starts one
// instance of it as a trial. Each plugin has an engine runtime of its own, so
// that instances of different plugins cannot name each other. The error is a
// [*ModuleError] if the module is at fault, ctx's if it ended first, and
// [ErrClosed] after Close.
func (e *Engine) Compile(ctx context.Context, m Module) (*Plugin, error) {
	if err := CheckBinary(m); err != nil {
		return nil, err
	}
	if err := CheckSettings(m.Settings); err != nil {
		return nil, fmt.Errorf("wasm: %s: %w", m.Name, err)
	}
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, ErrClosed
	}
	e.compiling++
	e.mu.Unlock()
	var p *Plugin
	defer func() { e.endCompiling(p) }() // also if a bug of the host ends it
	began := time.Now()
	p, err := e.compile(ctx, m)
	if err != nil {
		e.counts.FailedCompiles.Add(1)
		return nil, err
	}
	e.counts.Compiled.Observe(time.Since(began))
	return p, nil
}

// endCompiling ends what Compile began. What was made while Close waited is closed by
// that.
func (e *Engine) endCompiling(p *Plugin) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p != nil {
		e.plugins[p] = struct{}{}
	}
	if e.compiling--; e.closed && e.compiling == 0 {
		close(e.compiled)
	}
}

func (e *Engine) compile(ctx context.Context, m Module) (*Plugin, error) {
	tenant := e.tenant(m.owner())
	err := e.awaitRate(ctx, tenant)
	var p *Plugin
	if err == nil {
		p, err = e.compileFor(ctx, tenant, m)
	} else if ctx.Err() != nil {
		err = fmt.Errorf("wasm: compiling %s: %w", m.Name, err)
	}
	if err != nil {
		tenant.Release()
		return nil, err
	}
	return p, nil
}

// compileFor is compile for the tenant who pays for the plugin from then on, unless
// there is an error.
func (e *Engine) compileFor(ctx context.Context, tenant *sched.Tenant, m Module) (*Plugin, error) {
	limits := m.Limits.withDefaults()
	if m.Rotate {
		limits.Instances = max(limits.Instances, 2)
	}
	rewritten, err := e.check(ctx, tenant, &m, limits)
	if err != nil {
		return nil, err
	}
	defer func() {
		if !e.housed.Load() {
			e.tidy(ctx, false)
		}
	}()
	c, err := e.load(ctx, m, limits)
	if err != nil && e.compiler == nil {
		return nil, invalid(m, err)
	}
	if err != nil {
		return nil, e.compileError(ctx, m, err)
	}
	p, err := e.start(ctx, tenant, c, m, limits)
	if err != nil {
		_ = c.close(ctx)
		if c.fresh && errors.As(err, new(*ModuleError)) {
			_ = e.larder.remove(m.key) // what is refused takes no room
		}
		return nil, err
	}
	if err := e.keepMetered(rewritten); err != nil {
		e.unusable(m, err)
	}
	return p, nil
}

// start makes a plugin of compiled code.
func (e *Engine) start(ctx context.Context, tenant *sched.Tenant, c *code, m Module, limits Limits) (*Plugin, error) {
	if err := instantiateImports(ctx, c); err != nil {
		return nil, err
	}
	p := newPlugin(e, tenant, c, m, limits)
	err := p.trial(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("wasm: compiling %s: %w", m.Name, context.Cause(ctx))
	}
	var limit *LimitError
	if errors.As(err, &limit) && limit.shared {
		return nil, fmt.Errorf("wasm: compiling %s: %w", m.Name, err) // which is not the module's fault
	}
	if err != nil {
		return nil, &ModuleError{Name: m.Name, Faults: trialFaults(err)}
	}
	return p, nil
}

func trialFaults(err error) []string {
	const failed = "the trial instance failed: "
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		fault := failed + err.Error()
		if stack := GuestStack(err); stack != "" {
			fault += "\n" + stack
		}
		return []string{fault}
	}
	var faults []string
	for _, err := range joined.Unwrap() {
		faults = append(faults, failed+err.Error())
	}
	return faults
}

// instantiateImports provides what the guest imports, and no more: each function that
// is there costs memory, for each version. It may import the contract's functions, what
// AssemblyScript needs, and the engine's WASI, of which the contract check has let
// through only what the contract names.
func instantiateImports(ctx context.Context, c *code) error {
	imported := make(map[ImportName]bool)
	wasi := false
	for _, def := range c.module.ImportedFunctions() {
		module, name, _ := def.Import()
		imported[ImportName{module, name}] = true
		wasi = wasi || module == abi.WASIModule
	}
	if wasi {
		if err := instantiateWASI(ctx, c.runtime); err != nil {
			return err
		}
	}
	if err := instantiateRefill(ctx, c.runtime); err != nil {
		return err
	}
	only := func(module string, funcs []abi.Func) []abi.Func {
		return slices.DeleteFunc(slices.Clone(funcs), func(f abi.Func) bool { return !imported[ImportName{module, f.Name}] })
	}
	contract := func(f abi.Func) api.GoModuleFunc { return importFunc(f.ID) }
	if err := instantiateModule(ctx, c.runtime, abi.Module, only(abi.Module, abi.Imports()), contract); err != nil {
		return err
	}
	return instantiateModule(ctx, c.runtime, abi.AssemblyScriptModule, only(abi.AssemblyScriptModule, abi.AssemblyScript()), assemblyScriptFunc)
}

func instantiateModule(ctx context.Context, runtime wazero.Runtime, name string, funcs []abi.Func, implement func(abi.Func) api.GoModuleFunc) error {
	if len(funcs) == 0 {
		return nil
	}
	module := runtime.NewHostModuleBuilder(name)
	for _, f := range funcs {
		params := make([]api.ValueType, len(f.Params))
		for i, p := range f.Params {
			params[i] = api.ValueType(p.Type)
		}
		results := make([]api.ValueType, len(f.Results))
		for i, r := range f.Results {
			results[i] = api.ValueType(r)
		}
		module.NewFunctionBuilder().WithGoModuleFunction(implement(f), params, results).Export(f.Name)
	}
	if _, err := module.Instantiate(ctx); err != nil {
		return fmt.Errorf("wasm: imports: %w", err)
	}
	return nil
}

// Close closes all plugins, see [Plugin.Close]. What is being compiled in child
// processes is given up, and waited for, as is what is compiled in this process, which
// nothing can end. After an error, ctx's among them, it may be called again.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	if !e.closed {
		close(e.ending)
		if e.compiling == 0 {
			close(e.compiled)
		}
	}
	e.closed = true
	e.mu.Unlock()
	var errs []error
	select {
	case <-e.compiled: // even if ctx has ended
	default:
		select {
		case <-e.compiled:
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("wasm: a module is being compiled: %w", ctx.Err()))
		}
	}
	for _, p := range e.open() {
		errs = append(errs, p.Close(ctx))
	}
	return errors.Join(errs...)
}

// open lists the plugins that have not been closed.
func (e *Engine) open() []*Plugin {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Keys(e.plugins))
}

func (e *Engine) forget(p *Plugin) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.plugins, p)
}
