package wasm

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/wasm/meter"
	"github.com/chhost/chhost/host/wasm/sched"
)

// instance is one running copy of a plugin's module. It serves one call at a
// time and belongs to whoever took it out of the pool.
type instance struct {
	plugin   *Plugin
	module   api.Module
	memory   api.Memory
	handle   api.Function // of all that the module exports, see run
	holds    *guestMemory
	declared declaration
	clock    clock
	random   random
	lines    lines
	stdout   *lineWriter
	healthy  bool
	hurry    bool // whoever the call is for does not wait for long

	served bool // since ch_idle was called
	rested int  // for how many rounds of Engine.Run it has been idle

	region     uint32 // 8-aligned address of the region that events are written to
	regionSize uint32

	current call
	stack   [2]uint64 // which function is called and its parameter; then its result
	tank    tank
	calls   uint32   // that were made of it
	used    consumed // that the plugin does not know of yet
	guest   *sched.Guest
	context callContext // of the call that is running
}

// call is what a callback that is running has been given and has asked for.
type call struct {
	phase     abi.Phase
	importing string // the import that is running
	rule      *abi.Rule
	ev        *channel.Event
	effects   []channel.Effect
	bytes     int
	reply     channel.Reply
}

// callContext carries the instance to the imports: a type assertion is cheaper
// than a look-up by key.
type callContext struct {
	context.Context
	inst *instance
}

// Value implements [context.Context]: what the engine looks for at each call is never
// there.
func (*callContext) Value(any) any { return nil }

// rules are those of every phase that a guest can be in.
type rules [abi.PhaseIdle + 1]abi.Rule

func phaseRules() *rules {
	var r rules
	for _, p := range abi.Phases() {
		r[p] = abi.Row(p)
	}
	return &r
}

// instantiate starts an instance: _initialize, ch_abi_version, ch_callbacks,
// ch_init, ch_buffer, in this order.
func (p *Plugin) instantiate(ctx context.Context) (*instance, error) {
	i := &instance{plugin: p, guest: p.tenant.Guest(), holds: &guestMemory{plugin: p}}
	i.holds.charge, i.holds.rest = i.spend, i.rest
	i.lines.log = p.log
	i.stdout = &lineWriter{lines: &i.lines, charge: i.spend}
	config := i.clock.configure(wazero.NewModuleConfig()).
		WithName(""). // a name would let other modules import from this one
		WithStartFunctions().
		WithEnv("GOMEMLIMIT", fmt.Sprint(p.limits.Memory/4*3)).
		WithStdout(i.stdout).WithStderr(i.stdout).
		WithRandSource(&i.random)
	if err := i.holds.reserve(int64(p.code.module.ExportedMemories()[abi.MemoryExport].Min()) * wasmPage); err != nil {
		return nil, err
	}
	module, err := p.code.runtime.InstantiateModule(i.holds.allocating(ctx), p.code.module, config)
	if err != nil {
		i.holds.Free()
		return nil, fmt.Errorf("instantiate: %w", err)
	}
	i.module = module
	i.random.rest = i.rest
	i.memory = module.ExportedMemory(abi.MemoryExport)
	i.handle = module.ExportedFunction(meter.CallExport)
	i.tank.global = module.ExportedGlobal(meter.FuelExport).(api.MutableGlobal)
	i.healthy = true
	if err := i.start(ctx); err != nil {
		i.destroy()
		return nil, err
	}
	return i, nil
}

func (i *instance) start(ctx context.Context) error {
	if _, err := i.setup(ctx, doorInitialize); err != nil {
		return err
	}
	version, err := i.setup(ctx, doorVersion)
	if err != nil {
		return err
	}
	if version>>16 != abi.Major || version&0xffff > abi.Minor {
		return fmt.Errorf("ch_abi_version returned %d.%d: this host serves %d.0 to %d.%d", version>>16, version&0xffff, abi.Major, abi.Major, abi.Minor)
	}
	if err := i.findCallbacks(ctx); err != nil {
		return err
	}
	if i.plugin.doors.has(door(abi.PhaseInit)) {
		status, err := i.enter(ctx, abi.PhaseInit, nil)
		if err != nil {
			return err
		}
		if status != abi.StatusOK {
			return fmt.Errorf("ch_init returned %s: the plugin refuses to start, see its log", status)
		}
	}
	ok, err := i.grow(ctx, abi.MinBuffer-abi.EventAlign) // asks for MinBuffer exactly
	if err == nil && !ok {
		err = fmt.Errorf("ch_buffer(%d) returned 0: the host needs at least as much", abi.MinBuffer)
	}
	return err
}

// setup calls a function that takes nothing, if it is there.
func (i *instance) setup(ctx context.Context, e door) (uint32, error) {
	if !i.plugin.doors.has(e) {
		return 0, nil
	}
	if err := i.run(ctx, abi.PhaseSetup, nil, e, 0); err != nil {
		return 0, fmt.Errorf("%s: %w", doorNames()[e], err)
	}
	return api.DecodeU32(i.stack[0]), nil
}

func (i *instance) findCallbacks(ctx context.Context) error {
	exported := abi.Callback(0)
	for _, f := range abi.Exports() {
		if f.Callback != 0 && i.plugin.doors.has(door(f.Phase)) {
			exported |= f.Callback
		}
	}
	i.declared.callbacks = exported
	if !i.plugin.doors.has(doorCallbacks) {
		return nil
	}
	bits, err := i.setup(ctx, doorCallbacks)
	if err != nil {
		return err
	}
	declared := abi.Callback(bits)
	var errs []error
	if unknown := declared &^ abi.KnownCallbacks(); unknown != 0 {
		errs = append(errs, fmt.Errorf("ch_callbacks returned %#x: the bits %#x are not served by this host", bits, uint32(unknown)))
	}
	for _, cb := range abi.Callbacks() {
		if declared&cb != 0 && exported&cb == 0 {
			errs = append(errs, fmt.Errorf("ch_callbacks names %s, which is not exported", cb.Export()))
		}
		if abi.RequiredCallbacks()&cb != 0 && declared&cb == 0 {
			errs = append(errs, fmt.Errorf("ch_callbacks leaves out %s, which is needed", cb.Export()))
		}
	}
	i.declared.callbacks = declared
	return errors.Join(errs...)
}

// grow asks the guest for a region of at least need bytes. It is false if the
// guest has none; then the old region stays.
func (i *instance) grow(ctx context.Context, need int) (bool, error) {
	size := need + abi.EventAlign // room to round the address up
	if err := i.run(ctx, abi.PhaseSetup, nil, doorBuffer, uint32(size)); err != nil {
		return false, err
	}
	addr := api.DecodeU32(i.stack[0])
	if addr == 0 {
		return false, nil
	}
	if uint64(addr)+uint64(size) > uint64(i.memory.Size()) {
		i.healthy = false
		return false, &ContractError{Phase: abi.PhaseSetup, Rule: fmt.Sprintf("ch_buffer(%d) returned the address %d, and the memory ends at %d", size, addr, i.memory.Size())}
	}
	i.region = (addr + abi.EventAlign - 1) &^ (abi.EventAlign - 1)
	i.regionSize = uint32(need)
	return true, nil
}

// makeRoom gets a region for an event that needs more than there is. It asks for
// more than that first, so that the next event does not ask again; a guest that
// has not got as much may have enough.
func (i *instance) makeRoom(ctx context.Context, need int) (bool, error) {
	if ample := min(2*need, abi.EventSize+2*i.plugin.limits.Payload); ample > need {
		if ok, err := i.grow(ctx, ample); err != nil || ok {
			return ok, err
		}
	}
	return i.grow(ctx, need)
}

// call runs a callback and returns what it decided and asked for.
func (i *instance) call(ctx context.Context, phase abi.Phase, ev *channel.Event) (channel.Result, error) {
	i.served = true
	ok, err := i.write(ctx, phase, ev)
	if err != nil {
		return channel.Result{}, err
	}
	if !ok {
		return channel.Result{}, &channel.Refusal{Reason: phx.ReasonPayloadTooLarge}
	}
	status, err := i.enter(ctx, phase, ev)
	c := i.current
	i.current = call{}
	i.used.note(phase, ev, c.bytes)
	if err != nil {
		return channel.Result{}, err
	}
	switch {
	case refuses(phase, status):
		return channel.Result{Status: channel.Status(status), Reply: c.reply}, nil
	case status == abi.StatusError, status == abi.StatusIgnore:
		return channel.Result{Status: channel.Status(status)}, nil
	}
	return channel.Result{Status: channel.Status(status), Do: c.effects, Reply: c.reply}, nil
}

// idle calls ch_idle.
func (i *instance) idle(ctx context.Context) error {
	i.served = false
	_, err := i.enter(ctx, abi.PhaseIdle, nil)
	i.current = call{}
	return err
}

// admits tells whether a callback decides about somebody who asks to come in: then
// its reply is the reason of its status.
func admits(phase abi.Phase) bool { return phase == abi.PhaseJoin || phase == abi.PhaseConnect }

// refuses tells whether a callback does not let in who asks to.
func refuses(phase abi.Phase, status abi.Status) bool {
	return admits(phase) && (status == abi.StatusError || status == abi.StatusStop)
}

// enter calls the function of a phase and checks its status.
func (i *instance) enter(ctx context.Context, phase abi.Phase, ev *channel.Event) (abi.Status, error) {
	if !i.plugin.doors.has(door(phase)) {
		panic(fmt.Sprintf("BUG: %s is called, which the plugin %s does not have", phase, i.plugin.name))
	}
	if err := i.run(ctx, phase, ev, door(phase), i.region); err != nil {
		return 0, err
	}
	status := abi.Status(api.DecodeI32(i.stack[0]))
	rule := ""
	switch replied := i.current.reply.Status; {
	case !i.current.rule.Statuses.Has(status):
		rule = fmt.Sprintf("status %d was returned: allowed are %v", status, i.current.rule.Statuses.List())
	case admits(phase) && status == abi.StatusOK && replied == phx.StatusError:
		rule = "OK was returned after a reply of status 1: the two must agree"
	case refuses(phase, status) && replied == phx.StatusOK:
		rule = fmt.Sprintf("%v was returned after a reply of status 0: the two must agree", status)
	}
	if rule != "" {
		i.healthy = false
		return 0, &ContractError{Phase: phase, Rule: rule}
	}
	return status, nil
}

// run enters the guest, with a clock and a randomness that begin anew. Its result, if
// it has one, is in i.stack then. After an error the instance must not be used again.
// All functions are called by one handle, since the engine keeps a stack of 10 KB for
// each that it was asked for.
func (i *instance) run(ctx context.Context, phase abi.Phase, ev *channel.Event, e door, argument uint32) error {
	i.current = call{phase: phase, rule: &i.plugin.rules[phase], ev: ev}
	if ev != nil {
		i.current.effects = ev.Room()
		i.clock.start(ev.Now)
		i.random.start(ev.Seed)
	} else {
		i.clock.start(i.plugin.engine.now())
		i.random.start(0)
	}
	if ctx.Err() != nil {
		return ended(ctx, phase)
	}
	i.holds.begin()
	if err := i.begin(ctx, phase); err != nil {
		return err
	}
	i.tank.fill(i.budget(phase))
	i.context = callContext{Context: ctx, inst: i}
	i.stack = [2]uint64{api.EncodeU32(uint32(e)), api.EncodeU32(argument)}
	err := i.execute()
	i.context.Context = nil
	i.stdout.flush()
	i.lines.write()
	if err == nil && i.tank.left() < 0 { // what was used since the last question
		err = i.outOfFuel()
	}
	if err == nil {
		return nil
	}
	i.healthy = false
	var contract *ContractError
	var limit *LimitError
	switch {
	case errors.As(err, &contract):
		contract.trap = err
		return contract
	case errors.As(err, &limit):
		limit.Phase, limit.trap = phase, err
		return limit
	case errors.Is(err, errEnded):
		return ended(ctx, phase)
	case errors.Is(err, sched.ErrLate):
		return i.busy()
	}
	trap := &TrapError{Phase: phase, Err: err}
	if limit := i.holds.explain(phase, trap); limit != nil {
		return limit
	}
	return trap
}

// ended is the error of a callback that nobody waits for any more.
func ended(ctx context.Context, phase abi.Phase) error {
	return fmt.Errorf("wasm: %s was ended by the host: %w", phase, context.Cause(ctx))
}

// usable tells whether the instance may serve another call.
func (i *instance) usable() bool { return i.healthy && !i.module.IsClosed() }

func (i *instance) destroy() {
	i.healthy = false
	i.plugin.absorb(i)
	_ = i.module.Close(context.Background()) // closing a module releases memory; it cannot fail
}
