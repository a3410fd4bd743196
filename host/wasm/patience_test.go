package wasm

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// TestRoomIsNotWaitedForEither: what a callback needs before it is entered is waited
// for no longer than the callback itself.
func TestRoomIsNotWaitedForEither(t *testing.T) {
	s := crowded(t)
	release := s.hold(t)
	for range 2 { // as many callbacks of the tenant as need no slot
		g := s.tenant.Guest()
		if _, err := g.Begin(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		defer g.End(0)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // else it would wait for ever
	defer cancel()
	ev := event(`{"body":"` + strings.Repeat("x", 64<<10) + `"}`) // more than there is room for
	_, err := s.HandleIn(ctx, ev)
	wantRefusal(t, err, phx.ReasonBusy)
	release()
}

// TestAttemptDoesNotWaitForLong: an attempt to serve a version again for which all
// others wait is not one that waits for as long as it takes, whatever it is.
func TestAttemptDoesNotWaitForLong(t *testing.T) {
	s := crowded(t)
	s.quarantine(t)
	s.move(minBackoff)
	release := s.hold(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := s.HandleOut(ctx, lengthy(t))
	wantRefusal(t, err, phx.ReasonBusy)
	release()
	s.wantRefused(t, 1, 0)
	s.wantFree(t)
}

// TestCloseDoesNotWaitForEver: who closes an engine that is compiling waits for as long
// as it wants, and may try again.
func TestCloseDoesNotWaitForEver(t *testing.T) {
	gate := newGate()
	e, err := NewEngine(Config{Logger: slog.New(gate)})
	if err != nil {
		t.Fatal(err)
	}
	type made struct {
		p   *Plugin
		err error
	}
	compiled := make(chan made, 1)
	go func() {
		p, err := e.Compile(context.Background(), Module{Name: "puppet", Binary: guest(t, "served/puppet"),
			Settings: map[string]string{"init": string(program(abi.StatusOK, gate.step()))}})
		compiled <- made{p, err}
	}()
	<-gate.arrived
	dead, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Close(dead); !errors.Is(err, context.Canceled) {
		t.Errorf("closing what compiles: %v", err)
	}
	close(gate.pass)
	if m := <-compiled; m.err != nil {
		t.Errorf("what was compiled: %v", m.err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if left := e.open(); len(left) != 0 || e.Memory() != 0 {
		t.Errorf("%d plugins with %d bytes are left", len(left), e.Memory())
	}
}

// TestIdleDoesNotAddToDebts: housekeeping waits until the tenant has paid.
func TestIdleDoesNotAddToDebts(t *testing.T) {
	keeping(t, Module{Name: "idle"}, func(t *testing.T, p *Plugin, _ *channeltest.Log) {
		defer p.engine.sched.Tenant(p.tenant.Name(), Share{FuelPerSecond: 1_000_000}).Release()
		p.answer(t, "count")
		g := p.tenant.Guest()
		if _, err := g.Begin(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		g.End(11_000_000) // ten seconds and what it may use at once
		before := p.tenant.Used()
		if rounds(5); p.tenant.Used() != before {
			t.Errorf("it used %d more in debt", p.tenant.Used()-before)
		}
		if rounds(10); p.tenant.Used() == before {
			t.Error("ch_idle was not called when all was paid")
		}
	})
}

// TestNobodyWaitsForTheStart: an instance that was not started, since who needed it is
// gone, is no failure of the plugin's.
func TestNobodyWaitsForTheStart(t *testing.T) {
	s := newShaky(t)
	s.crash(t, abi.PhaseHandleIn, 1) // takes the only instance
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Join(ctx, scripted(t, abi.StatusOK))
	wantRefusal(t, err, phx.ReasonUnavailable)
	if n := s.engine.Counts().FailedStarts.Load(); n != 0 || s.log.Count("could not be started") != 0 {
		t.Errorf("%d starts failed, says the count, and the log\n%s", n, s.log.String())
	}
	if wait := s.serves(t, abi.PhaseJoin, 2); wait != 0 {
		t.Errorf("the next one is refused for %v", wait)
	}
}

// TestBugAtTheStart: what panics in the host while an instance is started leaves
// nothing taken.
func TestBugAtTheStart(t *testing.T) {
	s := newShaky(t)
	s.crash(t, abi.PhaseHandleIn, 1)
	good := s.code
	s.code = new(code)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a plugin without a module starts")
			}
		}()
		_, _ = s.HandleIn(t.Context(), scripted(t, abi.StatusOK))
	}()
	s.code = good
	if taken := s.slots.taken(); taken != 0 || s.busy != 0 {
		t.Errorf("%d slots are taken and %d instances busy", taken, s.busy)
	}
	if wait := s.serves(t, abi.PhaseHandleIn, 2); wait != 0 {
		t.Errorf("then it is refused for %v", wait)
	}
}

// TestSlowLog: a guest that logs does not keep a processor while its lines are written.
func TestSlowLog(t *testing.T) {
	gate := newGate()
	e := newTestEngine(t, Config{Logger: slog.New(gate), GuestSlots: 1})
	p := compile(t, e, "served/puppet", Limits{})
	done := make(chan error, 1)
	go func() {
		steps := append(slices.Repeat([]step{{opRandom, 64, 32}}, 2*slice/hostCall), gate.step()) // for more than a slice
		_, err := p.HandleIn(t.Context(), scripted(t, abi.StatusOK, steps...))
		done <- err
	}()
	<-gate.arrived
	if n := e.sched.Taken(); n != 0 {
		t.Errorf("%d slots are taken while the log is written", n)
	}
	close(gate.pass)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestInstanceWaitsForMemory: a caller who needs another instance waits for the memory
// that others hold as long as for an instance, and no longer than it is there itself.
func TestInstanceWaitsForMemory(t *testing.T) {
	e := newTestEngine(t, Config{TenantMemory: 40 * wasmPage})
	a := grower(t, e, "acme", Limits{Instances: 2, Wait: time.Minute})
	inst, err := a.take(t.Context(), abi.PhaseHandleIn, true)
	if err != nil {
		t.Fatal(err)
	}
	size := int(e.TenantMemory("acme") / wasmPage)
	if _, err := inst.call(t.Context(), abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opGrow, 40 - size})); err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	defer leave()
	done := make(chan error, 2)
	refused := e.Counts().MemoryRefused.Load()
	for _, ctx := range []context.Context{gone, t.Context()} {
		go func() {
			_, err := a.HandleIn(ctx, scripted(t, abi.StatusOK))
			done <- err
		}()
		for before := refused; refused <= before; refused = e.Counts().MemoryRefused.Load() {
			time.Sleep(time.Millisecond) // until it has asked
		}
		if ctx == gone {
			leave()
			wantRefusal(t, <-done, phx.ReasonUnavailable)
		}
	}
	inst.healthy = false // it goes with its memory
	a.put(inst)
	if err := <-done; err != nil {
		t.Errorf("when there is memory: %v", err)
	}
}
