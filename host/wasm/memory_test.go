package wasm

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
)

// grower is a plugin of a tenant.
func grower(t *testing.T, e *Engine, tenant string, limits Limits) *Plugin {
	t.Helper()
	p, err := e.Compile(t.Context(), Module{Name: "puppet", Tenant: tenant, Binary: guest(t, "served/puppet"), Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantLimit checks that a call failed because there was no memory.
func wantLimit(t *testing.T, err error, shared bool, detail string) {
	t.Helper()
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Limit != LimitMemory || limit.shared != shared || !strings.Contains(err.Error(), detail) {
		t.Errorf("got %v (%T), want %s, shared: %v, with %q", err, err, LimitMemory, shared, detail)
	}
}

const refusedMemory = 0xffffffff // what memory.grow then returns

// TestMemoryOfAnInstance: a trap after memory was refused is called what it is; a
// guest that can do without goes on.
func TestMemoryOfAnInstance(t *testing.T) {
	p := served(t, "puppet", Limits{Memory: 32 * wasmPage})
	if got := p.peek(t, step{opGrow, 100}); got != refusedMemory {
		t.Errorf("memory.grow beyond the limit gave %d", got)
	}
	res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opGrow, 100}, step{opUnreachable}))
	wantFailure(t, res, err, "LimitError", "wasm: limit memory_limit exceeded in handle_in: an instance may have 2097152 bytes; the guest then failed: wasm error: unreachable")
	wantLimit(t, err, false, "")
	if GuestStack(err) == "" {
		t.Error("the guest's stack is lost")
	}
	_, err = p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opUnreachable}))
	wantFailure(t, channel.Result{}, err, "TrapError", "unreachable") // in another call
	// The trap of a later call is another one's.
	p.peek(t, step{opGrow, 100})
	_, err = p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opUnreachable}))
	wantFailure(t, channel.Result{}, err, "TrapError", "unreachable")
}

// TestMemoryOfATenant: what its instances hold together is bounded, whatever the
// plugins, and is no matter of another tenant's.
func TestMemoryOfATenant(t *testing.T) {
	e := newTestEngine(t, Config{TenantMemory: 40 * wasmPage})
	a, b := grower(t, e, "acme", Limits{Instances: 2}), grower(t, e, "acme", Limits{})
	other := grower(t, e, "other", Limits{})
	start := e.TenantMemory("acme") / 2 // of one instance
	if start <= 0 || e.Memory() != 3*start {
		t.Fatalf("the tenant holds %d, the node %d", 2*start, e.Memory())
	}
	bs, err := b.take(t.Context(), abi.PhaseHandleIn, true) // so that it is not given up
	if err != nil {
		t.Fatal(err)
	}
	room := 40 - 2*int(start/wasmPage)
	if got := a.peek(t, step{opGrow, room}); got == refusedMemory {
		t.Error("memory.grow within the tenant's memory was refused")
	}
	if got := e.TenantMemory("acme"); got != 40*wasmPage {
		t.Errorf("the tenant holds %d", got)
	}
	if got := a.peek(t, step{opGrow, 1}); got != refusedMemory {
		t.Errorf("memory.grow beyond the tenant's memory gave %d", got)
	}
	_, err = a.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opGrow, 1}, step{opUnreachable}))
	wantLimit(t, err, true, "the tenant's plugins hold 2621440 bytes of memory and may have 2621440; the guest then failed: wasm error: unreachable")
	if got := e.TenantMemory("acme"); got != start {
		t.Errorf("after the crash the tenant holds %d, want %d", got, start)
	}
	if got := other.peek(t, step{opGrow, 38 - int(start/wasmPage)}); got == refusedMemory {
		t.Error("another tenant has no memory for it")
	}
	if n := e.Counts().MemoryRefused.Load(); n != 2 {
		t.Errorf("%d refusals are counted", n)
	}
	b.put(bs)
	for _, p := range []*Plugin{a, b, other} {
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if e.Memory() != 0 || e.TenantMemory("acme") != 0 {
		t.Errorf("after all: %d of the node, %d of the tenant", e.Memory(), e.TenantMemory("acme"))
	}
}

// TestMemoryForAnotherInstance: where there is none, callers are told to come again,
// and nothing is quarantined for it; instances that nobody uses are given up before.
func TestMemoryForAnotherInstance(t *testing.T) {
	e := newTestEngine(t, Config{Memory: 40 * wasmPage})
	a, b := grower(t, e, "acme", Limits{Instances: 2, Wait: 20 * time.Millisecond}), grower(t, e, "acme", Limits{Wait: 20 * time.Millisecond})
	size := int(e.Memory() / wasmPage / 2)
	inst, err := a.take(t.Context(), abi.PhaseHandleIn, true)
	if err != nil {
		t.Fatal(err)
	}
	// b's only instance goes, for a's to have it all.
	if _, err := inst.call(t.Context(), abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opGrow, 40 - size})); err != nil {
		t.Fatal(err)
	}
	if n := len(b.waiting()); n != 0 || e.Memory() != 40*wasmPage {
		t.Errorf("%d instances of the other plugin wait; %d bytes are held", n, e.Memory())
	}
	for range 3 {
		for _, p := range []*Plugin{a, b} {
			if _, err := p.HandleIn(t.Context(), event("{}")); !isRefusal(err, phx.ReasonBusy) {
				t.Errorf("without memory for an instance: %v", err)
			}
		}
	}
	if _, err := e.Compile(t.Context(), Module{Name: "new", Tenant: "acme", Binary: guest(t, "served/puppet")}); err == nil {
		t.Error("another plugin got memory")
	} else {
		wantLimit(t, err, true, "the node's plugins hold")
		var fault *ModuleError
		if errors.As(err, &fault) {
			t.Error("it is said to be the module's fault")
		}
	}
	a.put(inst)
	for _, p := range []*Plugin{b, a, b} {
		if _, err := p.HandleIn(t.Context(), event("{}")); err != nil {
			t.Errorf("when nobody uses the instance any more: %v", err)
		}
	}
	if q := e.Counts().Quarantines.Load(); q != 0 {
		t.Errorf("%d quarantines", q)
	}
	wantPool(t, b, 1)
}

// TestMemoryIsCounted to the end, however instances end, while many come and go.
func TestMemoryIsCounted(t *testing.T) {
	e := newTestEngine(t, Config{TenantMemory: 100 * wasmPage})
	p := grower(t, e, "acme", Limits{Instances: 4})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := range 60 {
				end := []step{{opReturn, uint32(abi.StatusOK)}, {opUnreachable}, {opExit, 0}, {opReturn, 9}}[n%4]
				_, err := p.HandleIn(t.Context(), scripted(t, abi.StatusOK, step{opGrow, n}, end))
				var limit *LimitError
				if errors.As(err, &limit) && limit.Limit != LimitMemory {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	held := int64(0)
	for _, inst := range p.waiting() {
		if held += inst.holds.taken; int(inst.memory.Size()) > int(inst.holds.taken) {
			t.Errorf("an instance has %d bytes and holds %d", inst.memory.Size(), inst.holds.taken)
		}
	}
	if got := e.TenantMemory("acme"); got != held || got > 100*wasmPage {
		t.Errorf("%d are counted, and %d are held", got, held)
	}
	if err := p.Close(t.Context()); err != nil || e.Memory() != 0 {
		t.Errorf("%d bytes are left; %v", e.Memory(), err)
	}
}

// TestGrowingInVainIsPaid: memory.grow takes the host microseconds also where it fails.
func TestGrowingInVainIsPaid(t *testing.T) {
	p := served(t, "puppet", Limits{})
	used := func(steps ...step) int64 {
		t.Helper()
		before := p.tenant.Used()
		p.peek(t, steps...)
		return p.tenant.Used() - before
	}
	once := used(step{opGrow, 1 << 15})
	if twice := used(step{opGrow, 1 << 15}, step{opGrow, 1 << 15}); twice-once < growFailed {
		t.Errorf("another one costs %d, want %d at least", twice-once, growFailed)
	}
}

// TestIdleInstancesAreLookedForOnce in a call that is refused memory, and again in the
// next one.
func TestIdleInstancesAreLookedForOnce(t *testing.T) {
	e := newTestEngine(t, Config{TenantMemory: 40 * wasmPage})
	a, b := grower(t, e, "acme", Limits{}), grower(t, e, "acme", Limits{})
	inst := a.hold(t, 1)[0]
	defer a.put(inst)
	if inst.holds.short = inst.holds.take(1000 * wasmPage); inst.holds.short == nil || len(b.waiting()) != 0 {
		t.Fatalf("an idle instance is kept from one who asks for more than there is: %d", len(b.waiting()))
	}
	if _, err := b.HandleIn(t.Context(), scripted(t, abi.StatusOK)); err != nil {
		t.Fatal(err)
	}
	if short := inst.holds.take(1000 * wasmPage); short == nil || len(b.waiting()) != 1 {
		t.Errorf("asked for again in the same call, %d are left", len(b.waiting()))
	}
	inst.holds.begin()
	if short := inst.holds.take(1000 * wasmPage); short == nil || len(b.waiting()) != 0 {
		t.Errorf("asked for in another call, %d are left", len(b.waiting()))
	}
}
