package wasm

import (
	"errors"
	"testing"

	"github.com/chhost/chhost/abi"
)

// TestMovingIsPaid: a memory for which there is no room to spare, since the tenant has
// next to nothing left, moves as a whole for each page, which takes the host
// milliseconds where memory.grow charges for a page.
func TestMovingIsPaid(t *testing.T) {
	const large, tight = 400, 4 // pages, and how many are left when it has so many
	e := newTestEngine(t, Config{TenantMemory: (large + tight) * wasmPage})
	p := grower(t, e, "acme", Limits{Instances: 1})
	start := int(e.TenantMemory("acme") / wasmPage)
	used := func(steps ...step) int64 {
		t.Helper()
		before := p.tenant.Used()
		if got := p.peek(t, steps...); got == refusedMemory {
			t.Fatalf("%v was refused", steps)
		}
		return p.tenant.Used() - before
	}
	used(step{opGrow, large - start})
	none := used(step{opGrow, 0})
	for n := range tight {
		size := int64(large+n) * wasmPage
		if more := used(step{opGrow, 1}) - none; more < size/moveBytes {
			t.Errorf("a page more, for which %d bytes move, costs %d", size, more)
		}
	}
}

// TestMovingEndsTheFuel before anything is moved, and gives back what was taken for it.
func TestMovingEndsTheFuel(t *testing.T) {
	const large = 400
	e := newTestEngine(t, Config{})
	p := grower(t, e, "acme", Limits{Instances: 1, Fuel: (large + 20) * wasmPage / moveBytes})
	start := e.TenantMemory("acme")
	p.peek(t, step{opGrow, large - int(start/wasmPage)})
	_, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opGrow, 15}, step{opGrow, 100}))
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Limit != LimitOutOfFuel {
		t.Errorf("got %v", err)
	}
	if got := e.TenantMemory("acme"); got > start {
		t.Errorf("afterwards the tenant holds %d bytes, at the start it was %d", got, start)
	}
}

// TestMovingRests: what moves for longer than a slice lets others go on, and can be ended.
func TestMovingRests(t *testing.T) {
	const large = 400
	e := newTestEngine(t, Config{TenantMemory: (large + 1) * wasmPage})
	p := grower(t, e, "acme", Limits{Instances: 1})
	p.peek(t, step{opGrow, large - int(e.TenantMemory("acme")/wasmPage)})
	inst := p.hold(t, 1)[0]
	defer p.put(inst)
	rests := 0
	inst.holds.rest = func() { rests++ }
	if _, err := inst.call(t.Context(), abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opGrow, 1})); err != nil {
		t.Fatal(err)
	}
	if want := (large*wasmPage - 1) / movePiece; rests != want {
		t.Errorf("it rested %d times, want %d", rests, want)
	}
}
