package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/wasm/meter"
	"github.com/chhost/chhost/host/wasm/module"
)

// prepare decodes a module, holds it against the contract, and puts the metered
// module in its place.
func (e *Engine) prepare(m *Module, limits Limits) (*rewriting, error) {
	// The names and numbers that the contract speaks of are its own to refuse: it
	// lists all that is wrong at once. What is left of the names is the meter's.
	decoded, err := module.Decode(m.Binary, module.Options{Reserved: true, Tables: math.MaxInt32, Pause: m.paying(readByte)})
	if err != nil {
		return nil, invalid(*m, err)
	}
	if faults := contractFaults(decoded); len(faults) > 0 {
		return nil, &ModuleError{Name: m.Name, Faults: faults}
	}
	digest := sha256.Sum256(m.Binary)
	m.digest, m.key = hex.EncodeToString(digest[:4]), keyOf(digest)
	r, metered, err := e.rewrite(m, decoded, limits)
	if err != nil {
		return nil, invalid(*m, err)
	}
	m.Binary = metered
	return r, nil
}

// invalid is the error for a module that is not even decoded.
func invalid(m Module, err error) error {
	text := "the module is not valid WebAssembly: "
	var fault *module.Error
	if errors.As(err, &fault) {
		switch fault.Rule {
		case module.RuleBudget, module.RuleUnsupported:
			text = "the module is larger than what is served: "
		}
	}
	return &ModuleError{Name: m.Name, Faults: []string{text + err.Error()}}
}

// slice is how much fuel a guest gets until it lets others go on: about 0.1 ms. It gets
// it in pieces, see pieces. At the end of each it is in Go for a moment, where the
// collector can stop it, and where it is ended if nobody waits for it any more or its
// time is over.
const slice = 128 << 10

// tank is what is left of the fuel of the callback that is running.
type tank struct {
	global  api.MutableGlobal // the guest's own counter
	reserve int64             // what the guest has not been given yet
	owed    int64             // for what the host did, which the counter does not know yet
	billed  int64             // what was left when the tenant was last charged
	piece   int64             // what the guest was given last
	turn    int64             // what it was given since others could go on
	since   time.Time         // when the first piece ended, or zero
	begun   time.Time         // when the piece began, zero for the first
	passed  time.Time         // when others could go on, or the first piece ended
	waited  time.Duration     // since then, for a processor
}

// fill begins a callback.
func (t *tank) fill(fuel int64) {
	first := min(fuel, firstPiece)
	*t = tank{global: t.global, reserve: fuel - first, billed: fuel, piece: first, turn: first}
	t.global.Set(uint64(first))
}

// left is what is left of the callback's fuel; it is below zero if more was used.
func (t *tank) left() int64 { return t.reserve + int64(t.global.Get()) - t.owed }

// bill is what was used since the last time.
func (t *tank) bill() int64 {
	left := t.left()
	fuel := t.billed - left
	t.billed = left
	return fuel
}

// budget is how much fuel a phase has. Whatever happens once for each instance or
// membership has more than what happens for each event, which can make a guest that
// has started look for more room.
func (i *instance) budget(phase abi.Phase) int64 {
	l := &i.plugin.limits
	switch {
	case phase == abi.PhaseSetup && i.region != 0:
		return l.Fuel
	case phase == abi.PhaseSetup, phase == abi.PhaseInit, phase == abi.PhaseJoin, phase == abi.PhaseConnect:
		return l.JoinFuel
	}
	return l.Fuel
}

// What ends a guest other than its own faults and limits; see run.
var (
	errEnded    = errors.New("ended by the host")
	errOverflow = errors.New("stack overflow: calls are nested too deeply")
)

// refill is what a guest calls that has used up its slice, or its stack, or asks for
// more memory than one instance may have.
func refill(ctx context.Context, _ api.Module, stack []uint64) {
	i := ctx.(*callContext).inst
	switch api.DecodeU32(stack[0]) {
	case meter.ReasonFuel:
		i.refuel()
	case meter.ReasonMemory:
		i.holds.beyond = true
		i.spend(growFailed)
	default:
		panic(errOverflow)
	}
}

// refuel ends a piece: the guest gets another one, or is ended. The time that it waits
// for a processor is not its own: how long that is depends on others.
func (i *instance) refuel() {
	now := i.mayGoOn()
	if i.tank.left() < 0 {
		panic(i.outOfFuel())
	}
	t, p := &i.tank, &i.plugin.pieces
	var took time.Duration
	if !t.begun.IsZero() {
		took = max(now.Sub(t.begun), 1)
		p.note(t.piece, took, now.Sub(i.plugin.engine.born))
	}
	if t.turn >= slice || now.Sub(t.passed) > passTime {
		now = i.pass(now)
	}
	t.piece, t.begun = min(p.next(t.piece, took), slice-t.turn), now
	fuel := int64(t.global.Get()) - t.owed
	t.owed = 0
	for fuel < 0 { // there is as much, see above
		more := min(t.reserve, t.piece)
		fuel, t.reserve, t.turn = fuel+more, t.reserve-more, t.turn+more
	}
	t.global.Set(uint64(fuel))
}

// rest is the end of a slice for the host, where it does something for the guest that
// takes longer than that and has been charged for.
func (i *instance) rest() {
	i.tank.begun = i.pass(i.mayGoOn())
}

// mayGoOn ends a guest for which nobody waits any more, or whose time is over, and
// returns the time.
func (i *instance) mayGoOn() time.Time {
	if i.context.Err() != nil {
		panic(errEnded)
	}
	t, limits, now := &i.tank, &i.plugin.limits, time.Now()
	if t.since.IsZero() {
		t.since, t.passed = now, now
	} else if now.Sub(t.since)-t.waited > limits.callbackTime {
		i.exceeded(LimitOutOfTime, fmt.Sprintf("the callback ran for more than %v", limits.callbackTime))
	}
	return now
}

func (i *instance) outOfFuel() *LimitError {
	phase := i.current.phase
	detail := fmt.Sprintf("the callback used more than %d fuel, about one for each instruction", i.budget(phase))
	return &LimitError{Phase: phase, Limit: LimitOutOfFuel, Detail: detail}
}

// hostCall is what each call of an import costs: about as long as the way into Go
// and back takes as much fuel does.
const hostCall = 512

// What the host does with the bytes that a guest hands over has a price, too: a byte that
// is compared and copied, one of a name, one of JSON that is checked, and a comma of it.
// There is a comma for nearly every value, and numbers of one digit take ten times as long
// as a long text. What they all come to is shown by BenchmarkImportPrices.
const (
	copyByte  = 1
	nameByte  = 4
	jsonByte  = 8
	jsonComma = 96
)

// jsonPrice is what it costs to check data. It looks for nothing but commas, which takes
// next to no time.
func jsonPrice(data []byte) int64 {
	return jsonByte*int64(len(data)) + jsonComma*int64(bytes.Count(data, []byte{','}))
}

// growFailed is what a memory.grow costs that cannot succeed: the engine takes some 3 µs
// for it, as long as so much fuel does.
const growFailed = 4096

// spend charges for what the host is about to do for the guest. The guest sees it
// at the end of its slice, at once if it is more than a slice.
func (i *instance) spend(fuel int64) {
	if i.tank.owed += fuel; i.tank.owed > slice {
		i.refuel()
	}
}

// instantiateRefill provides what metered modules import beside their own imports.
func instantiateRefill(ctx context.Context, runtime wazero.Runtime) error {
	_, err := runtime.NewHostModuleBuilder(meter.RefillModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(refill), []api.ValueType{api.ValueTypeI32}, nil).
		Export(meter.RefillName).Instantiate(ctx)
	if err != nil {
		return fmt.Errorf("wasm: imports: %w", err)
	}
	return nil
}
