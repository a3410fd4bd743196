package wasm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
)

// TestAssemblyScriptLog: console.log and trace write lines, under the rules of
// the log.
func TestAssemblyScriptLog(t *testing.T) {
	p, lines := logged(t, Limits{LogLine: 10}, nil)
	numbers := func(list ...float64) []step {
		var steps []step
		for i, x := range list {
			bits := math.Float64bits(x)
			steps = append(steps, step{opPoke, 64 + 8*i, uint32(bits)}, step{opPoke, 68 + 8*i, uint32(bits >> 32)})
		}
		return steps
	}
	run := func(steps ...step) {
		t.Helper()
		if _, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, steps...)); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []utf16Text{"hello", "ü☃😀", "", "0123456789", "0123456789x", "012345678é", "01234567😀", utf16Text(strings.Repeat("☃", 100_000)), "a\nb\x00"} {
		run(step{opConsoleLog, s})
	}
	run(step{opConsoleLog, 0})
	run(step{opPoke, 64, 3}, step{opPoke, 68, 0xd83d0041}, step{opConsoleLog, 68})           // a byte too many
	run(step{opPoke, 64, 4}, step{opPoke, 68, 0xdc00d83d}, step{opConsoleLog, 68})           // a pair
	run(step{opPoke, 64, 4}, step{opPoke, 68, 0xd83ddc00}, step{opConsoleLog, 68})           // the wrong way round
	run(append(numbers(1, 2.5, -3, 4, 5), step{opTrace, utf16Text("t"), 0, 64})...)          // no number
	run(append(numbers(1, 2.5, -3, 4, 5), step{opTrace, utf16Text("t"), 2, 64})...)          // two of them
	run(append(numbers(1, 2, 3, 4, 5), step{opTrace, utf16Text(""), 0xffffffff, 64})...)     // more than there are
	run(append(numbers(math.NaN(), math.Inf(-1)), step{opTrace, utf16Text(""), 2, 64})...)   // those that are none
	run(append(numbers(math.MaxFloat64), step{opTrace, utf16Text("0123456789x"), 1, 64})...) // all in one line
	wantLines(t, lines(),
		"INFO hello", "INFO ü☃😀", "INFO ", "INFO 0123456789", "INFO 0123456789 [cut]", "INFO 012345678 [cut]", "INFO 01234567 [cut]", "INFO ☃☃☃ [cut]", `INFO a\nb\x00`,
		"INFO ", "INFO A", "INFO 🐀", "INFO ��",
		"INFO t", "INFO t 1, 2.5", "INFO  1, 2, 3,  [cut]", "INFO  NaN, -Inf", "INFO 0123456789 [cut]",
	)
}

// TestAssemblyScriptAbort: the trap says what the guest said, in bounds, and
// nothing in it can be taken for something else.
func TestAssemblyScriptAbort(t *testing.T) {
	p := served(t, "puppet", Limits{LogLine: 20})
	abort := func(args ...any) error {
		t.Helper()
		res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opPush, text("e"), text("{}"), 0}, append(step{opAbort}, args...)))
		wantFailure(t, res, err, "TrapError", "abort: ")
		wantPool(t, p, 0)
		return err
	}
	for _, c := range []struct {
		args []any
		want string
	}{
		{[]any{utf16Text("index out of range"), utf16Text("assembly/index.ts"), 12, 34}, `wasm: trap in handle_in: abort: "index out of range" in "assembly/index.ts", line 12, column 34`},
		{[]any{0, 0, 0, 0}, `abort: "" in "", line 0, column 0`},
		{[]any{utf16Text("a\n\"b\"\x1b☃"), utf16Text("f"), 0xffffffff, 1}, `abort: "a\n\"b\"\x1b☃" in "f", line 4294967295, column 1`},
		{[]any{utf16Text(strings.Repeat("x", 50_000)), utf16Text("f"), 1, 1}, `abort: "` + strings.Repeat("x", 21) + `" in "f", line 1, column 1`},
	} {
		err := abort(c.args...)
		var abort *abortError
		if !strings.Contains(err.Error(), c.want) || !errors.As(err, &abort) || len(err.Error()) > maxTrapText {
			t.Errorf("the error is %v, want %s", err, c.want)
		}
	}
}

// TestAssemblyScriptPointers: a string lies in the memory, with its length before
// it.
func TestAssemblyScriptPointers(t *testing.T) {
	p := served(t, "puppet", Limits{})
	const end = 4 * wasmPage
	calls := map[string]func(at uint32) step{
		"abort message":       func(at uint32) step { return step{opAbort, at, 0, 0, 0} },
		"abort file":          func(at uint32) step { return step{opAbort, 0, at, 0, 0} },
		"trace message":       func(at uint32) step { return step{opTrace, at, 0, 64} },
		"console.log message": func(at uint32) step { return step{opConsoleLog, at} },
	}
	for name, call := range calls {
		imported, argument, _ := strings.Cut(name, " ")
		for at, rule := range map[uint32]string{
			1: "there is no string at address 1 of the memory, which ends at 262144", 3: "there is no string", end + 1: "there is no string",
			0xffffffff: "there is no string", 0x80000000: "there is no string",
			end: "4 bytes at address 262144 are not in the memory", 2004: "4294967295 bytes at address 2004 are not in the memory",
		} {
			_, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opPoke, 2000, 0xffffffff}, step{opPoke, end - 4, 4}, call(at)))
			wantContract(t, err, abi.PhaseHandleIn, imported, argument, rule)
		}
	}
	// The last bytes of the memory are in it, and nothing needs a string of length 0 to be.
	for _, steps := range [][]step{
		{{opPoke, end - 8, 4}, {opPoke, end - 4, 0x00620061}, {opConsoleLog, end - 4}},
		{{opPoke, end - 4, 0}, {opConsoleLog, end}},
	} {
		if _, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, steps...)); err != nil {
			t.Error(err)
		}
	}
}

// TestAssemblyScriptNumbers: Date.now is the guest's clock, seed its randomness.
func TestAssemblyScriptNumbers(t *testing.T) {
	p := served(t, "puppet", Limits{})
	number := func(steps ...step) float64 {
		t.Helper()
		return math.Float64frombits(binary.LittleEndian.Uint64(p.memory(t, 64, 8, steps...)))
	}
	want := float64(start().UnixMilli())
	if got := number(step{opDateNow, 64}); got != want {
		t.Errorf("Date.now is %v, want %v", got, want)
	}
	sleep := []step{{opFill, 128, 0, 48}, {opPoke, 128 + 24, uint32(3 * time.Second)}, {opPoke, 128 + 28, uint32(3 * time.Second >> 32)}, {opPoll, 128, 256, 1, 512}}
	if got := number(append(sleep, step{opDateNow, 64})...); got != want+3000 {
		t.Errorf("after a sleep of 3 s Date.now is %v more", got-want)
	}
	a, b := number(step{opSeed, 64}), number(step{opSeed, 64})
	if a == b || a < 1 || a >= 2 || b < 1 || b >= 2 {
		t.Errorf("the seeds are %v and %v", a, b)
	}
}

// TestAssemblyScriptInEveryPhase: like log, these may be called everywhere.
func TestAssemblyScriptInEveryPhase(t *testing.T) {
	p := served(t, "puppet", Limits{LogLines: 1000})
	steps := []step{{opSeed, 64}, {opTrace, 0, 0, 64}, {opConsoleLog, 0}, {opDateNow, 64}}
	for _, phase := range callbackPhases() {
		if _, err := p.enter(phase, scripted(t, abi.StatusOK, steps...)); err != nil {
			t.Errorf("%s: %v", phase, err)
		}
	}
	if _, err := p.engine.Compile(t.Context(), Module{Name: "puppet", Binary: guest(t, "served/puppet"), Settings: map[string]string{"init": string(program(abi.StatusOK, steps...))}}); err != nil {
		t.Error(err)
	}
	aborts := string(program(abi.StatusOK, step{opAbort, utf16Text("no"), utf16Text("way.ts"), 1, 2}))
	want := fmt.Sprintf("the trial instance failed: wasm: trap in ch_init: abort: %q in %q, line 1, column 2", "no", "way.ts")
	wantFaults(t, refusal(t, p.engine, Module{Name: "puppet", Binary: guest(t, "served/puppet"), Settings: map[string]string{"init": aborts}}), []string{want})
}
