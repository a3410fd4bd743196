package wasm

import (
	"strings"
	"testing"

	"github.com/chhost/chhost/abi"
)

// TestPayloadsCostFuel by their size and, if they are JSON, by their values: a megabyte of
// small numbers takes the host as long as all the fuel of a callback takes a guest, and a
// tenant could else have that for the price of three calls, again at each timer.
func TestPayloadsCostFuel(t *testing.T) {
	p := served(t, "puppet", Limits{})
	used := func(steps ...step) int64 {
		t.Helper()
		before := p.tenant.Used()
		if _, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, steps...)); err != nil {
			t.Fatal(err)
		}
		return p.tenant.Used() - before
	}
	const n = 100_000
	numbers := `{"":[` + strings.Repeat("1,", n/2) + `1]}`
	words := `{"":"` + strings.Repeat("x", n) + `"}`
	push := func(body string, flags uint32) int64 { return used(step{opPush, text("x"), text(body), flags}) }
	small := push("{}", 0)
	if again := push("{}", 0); again != small {
		t.Errorf("the same costs %d, and then %d", small, again)
	}
	for _, c := range []struct {
		name string
		is   int64
		want int64
	}{
		{"binary", push(words, abi.PayloadBinary), copyByte * n},
		{"a long text", push(words, 0), (copyByte + jsonByte) * n},
		{"small numbers", push(numbers, 0), (copyByte+jsonByte)*n + jsonComma*n/2},
		{"a timer's", used(step{opSendAfter, 1, 1000, text("x"), text(numbers), 0}), (copyByte+jsonByte)*n + jsonComma*n/2},
		{"an answer", used(step{opReply, 0, text(numbers), 0}), (copyByte+jsonByte)*n + jsonComma*n/2},
		{"assigns", used(step{opAssign, text(words[:10_000])}), copyByte * 10_000},
	} {
		if more := c.is - small; more < c.want-hostCall || more > c.want+hostCall {
			t.Errorf("%s: costs %d more than next to nothing, want about %d", c.name, more, c.want)
		}
	}
}

// A payload that costs more than the callback has left ends it, before it is looked at.
func TestPayloadsEndTheFuel(t *testing.T) {
	p := served(t, "puppet", Limits{Fuel: 2 * slice})
	wrong := "[" + strings.Repeat("1,", 50_000)
	_, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opReply, 0, text(wrong), 0}))
	if err == nil || !strings.Contains(err.Error(), string(LimitOutOfFuel)) {
		t.Errorf("got %v", err)
	}
}

// TestCostlyPayloadsEndTheSlice: a guest whose payload was checked for longer than a
// slice lasts lets others go on before it does.
func TestCostlyPayloadsEndTheSlice(t *testing.T) {
	p := served(t, "puppet", Limits{})
	inst := p.hold(t, 1)[0]
	defer p.put(inst)
	for values, rests := range map[int]bool{10: false, 20_000: true} {
		body := `{"":[` + strings.Repeat("1,", values) + `1]}`
		if _, err := inst.call(t.Context(), abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opReply, 0, text(body), 0})); err != nil {
			t.Fatal(err)
		}
		// A turn that refuel begins is not zero: it gives fuel at once.
		if rested := inst.tank.turn == 0; rested != rests {
			t.Errorf("%d values: the turn is %d, rested: %v, want %v", values, inst.tank.turn, rested, rests)
		}
	}
}
