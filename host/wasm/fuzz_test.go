package wasm

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
)

// FuzzCompile hands arbitrary bytes to all that reads a module before the engine
// does: the check of its head, the decoder, the contract and the meter.
func FuzzCompile(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join(guests, "*", "*.wasm"))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, p := range paths {
		bin, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bin)
	}
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x02\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0f"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x02\x0d\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x07\x05\x01\x02\x00\x03\x00"))
	f.Fuzz(func(t *testing.T, bin []byte) {
		m := Module{Name: "fuzz", Binary: bin}
		if err := CheckBinary(m); err != nil {
			var refused *ModuleError
			if !errors.As(err, &refused) || len(refused.Faults) != 1 {
				t.Errorf("CheckBinary: %v (%T)", err, err)
			}
			return
		}
		_, err := new(Engine).prepare(&m, Limits{}.withDefaults())
		if err == nil {
			return
		}
		var refused *ModuleError
		if !errors.As(err, &refused) {
			t.Fatalf("prepare: %v (%T)", err, err)
		}
		faults := refused.Faults
		for _, fault := range faults {
			if fault == "" || len(fault) > 4096 || !utf8.ValidString(fault) {
				t.Errorf("a fault of %d bytes: %.200q", len(fault), fault)
			}
		}
	})
}

// fuzzLimits are small, so that they are reached.
func fuzzLimits() Limits {
	return Limits{Instances: 1, Payload: 4096, Effects: 4, EffectBytes: 8192, Assigns: 512, LogLine: 32, LogLines: 10}
}

// FuzzImports lets the puppet call the imports with whatever stands in the
// fuzzed list, see testdata/guests/served/puppet.wat. Whatever a guest asks for,
// the host does not panic, and no effect that leaves the room breaks a rule.
func FuzzImports(f *testing.F) {
	p := served(f, "puppet", fuzzLimits())
	seeds := [][]step{
		{},
		{{opReply, 1, text(`{"a":"é"}`), 0}, {opPush, text("new:msg"), text(`{}`), 0}},
		{{opBroadcast, text("e"), text("\x00\xff"), 1}, {opBroadcastFrom, text("e"), 0, 0, 0}, {opAssign, text("state")}},
		{{opPush, puppetEvent + abi.EventSize + 11, 7, puppetEvent + abi.EventSize + 18, 13, 0}}, // passes on
		{{opFill, puppetEvent, 0xff, 200}, {opReply, 0, puppetEvent, 300, 1}},
		{{opLog, 2, text("line")}, {opConfigGet, text("chhost.tenant"), 64, 32}, {opReply, 0, 64, 7, 1}},
		{{opPoke, 64, 0x7d7b}, {opReply, 0, 64, 2, 0}, {opGrow, 1}, {opUnreachable}},
		{{opIntercept, text("e")}, {opAcceptBinary}},
		{{opPush, text("phx_close"), text("{}"), 0}},
		{{opReply, 0, 0xffffffff, 0xffffffff, 0}},
		{{opClock, 0, 64}, {opRandom, 64, 64}, {opPoll, 128, 256, 1, 512}, {opExit, 3}},
		{{opPoke, 64, 128}, {opPoke, 68, 100}, {opWrite, 1, 64, 1, 72}},
		{{opReplyTo, 7, 1, text("[null]"), 0}, {opSendAfter, 1, 5000, text("tick"), text(`{"n":1}`), 0}, {opCancel, 1}},
		{{opSubscribe, text("news:all")}, {opUnsubscribe, text("news:all")}, {opBroadcastTo, text("other"), text("e"), text("\xff"), 1}},
		{{opSendAfter, 2, 86_400_001, text("late"), text("{}"), 0}},
		{{opBroadcastTo, puppetEvent + abi.EventSize, 11, puppetEvent + abi.EventSize + 11, 7, puppetEvent + abi.EventSize + 18, 13, 0}}, // passes on
		{{opConsoleLog, utf16Text("a line ☃")}, {opSeed, 64}, {opDateNow, 72}, {opTrace, utf16Text("numbers"), 2, 64}},
		{{opAbort, utf16Text("why"), utf16Text("where.ts"), 12, 34}},
		{{opConsoleLog, 3}},
	}
	for i, s := range seeds {
		for _, status := range []abi.Status{abi.StatusOK, abi.StatusError} {
			f.Add(program(status, s...), byte(i), "new:msg", []byte(`{"body":"hi"}`), i%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, list []byte, phase byte, name string, payload []byte, raw bool) {
		ev := &channel.Event{Topic: "rooms:lobby", Event: name, Assigns: list, Now: start(), Channel: 1, Leave: channel.LeaveLeft, Info: channel.InfoTimer, Ref: 7, Seed: 1}
		if phx.CheckName(name) != nil || phx.ReservedEvent(name) {
			ev.Event = "new:msg" // a client's name was checked when it came in
		}
		if object, err := phx.Object(payload); err == nil && !raw {
			ev.Payload = object
		} else {
			ev.Payload = phx.Bytes(payload)
		}
		if calls(list, opGrow) || calls(payload, opGrow) {
			return // guests of 64 MiB would make this slow
		}
		checkCall(t, p, callbackPhases()[int(phase)%len(callbackPhases())], ev)
	})
}

// checkCall runs a callback and holds what comes of it to the rules.
func checkCall(t *testing.T, p *Plugin, phase abi.Phase, ev *channel.Event) {
	t.Helper()
	res, err := p.enter(phase, ev)
	if n := p.slots.taken(); n != 0 {
		t.Fatalf("%d slots are taken", n)
	}
	var (
		trap     *TrapError
		contract *ContractError
		limit    *LimitError
		refusal  *channel.Refusal
	)
	switch {
	case err == nil:
	case errors.As(err, &refusal):
	case errors.As(err, &trap), errors.As(err, &contract), errors.As(err, &limit):
		if len(p.waiting()) != 0 {
			t.Errorf("the instance lives on after %v", err)
		}
		// The engine's poll_oneoff panics if the number of subscriptions is absurd.
		var bug interface{ RuntimeError() }
		if errors.As(err, &bug) && !calls(ev.Assigns, opPoll) && !calls(ev.Payload.Data(), opPoll) {
			t.Errorf("a panic of the host: %v", err)
		}
	default:
		t.Errorf("an error of type %T: %v", err, err)
	}
	if err != nil {
		if !reflect.DeepEqual(res, channel.Result{}) {
			t.Errorf("a failed call returned %+v", res)
		}
		return
	}
	checkResult(t, p.limits, phase, ev, res)
}

// calls tells whether a list has an op.
func calls(list []byte, op uint32) bool {
	for ; len(list) >= recordSize; list = list[recordSize:] {
		if binary.LittleEndian.Uint32(list) == op {
			return true
		}
	}
	return false
}

func checkResult(t *testing.T, limits Limits, phase abi.Phase, ev *channel.Event, res channel.Result) {
	t.Helper()
	row := abi.Row(phase)
	if !row.Statuses.Has(abi.Status(res.Status)) {
		t.Errorf("%s returned %d", phase, res.Status)
	}
	total := checkPayload(t, limits, ev, res.Reply.Payload, false)
	if res.Reply.Status == "" {
		total = 0
	} else if !row.Imports.Has(abi.ImportReply) {
		t.Errorf("%s replied", phase)
	}
	if len(res.Do) > limits.Effects {
		t.Errorf("%d effects", len(res.Do))
	}
	for _, e := range res.Do {
		if !row.Imports.Has(effectImports()[e.Kind()]) {
			t.Errorf("%s may not %s", phase, e.Kind())
		}
		checkNamesAndDelay(t, e)
		switch e.Kind() {
		case channel.KindAssign:
			if total += len(e.Assigns()); len(e.Assigns()) > limits.Assigns {
				t.Errorf("assigns of %d bytes", len(e.Assigns()))
			}
		case channel.KindReplyTo:
			total += checkPayload(t, limits, ev, e.Payload(), false)
		case channel.KindCancel, channel.KindSubscribe, channel.KindUnsubscribe:
			if e.Payload().Len() != len("{}") {
				t.Errorf("%s has a payload", e.Kind())
			}
		default:
			total += checkPayload(t, limits, ev, e.Payload(), true)
		}
	}
	if total > limits.EffectBytes {
		t.Errorf("effects of %d bytes", total)
	}
}

func checkNamesAndDelay(t *testing.T, e channel.Effect) {
	t.Helper()
	switch e.Kind() {
	case channel.KindPush, channel.KindBroadcast, channel.KindBroadcastFrom, channel.KindBroadcastTo, channel.KindSendAfter:
		if err := phx.CheckName(e.Event()); err != nil || phx.ReservedEvent(e.Event()) {
			t.Errorf("%s of the event %q: %v", e.Kind(), e.Event(), err)
		}
	}
	switch e.Kind() {
	case channel.KindBroadcastTo, channel.KindSubscribe, channel.KindUnsubscribe:
		if err := phx.CheckName(e.Topic()); err != nil {
			t.Errorf("%s of the topic %q: %v", e.Kind(), e.Topic(), err)
		}
	case channel.KindSendAfter:
		if e.Delay() < channel.MinDelay || e.Delay() > channel.MaxDelay {
			t.Errorf("a delay of %v", e.Delay())
		}
	}
}

// checkPayload returns how many bytes a payload counts.
func checkPayload(t *testing.T, limits Limits, ev *channel.Event, p phx.Payload, object bool) int {
	t.Helper()
	if p.Len() > limits.Payload {
		t.Errorf("a payload of %d bytes", p.Len())
	}
	if !p.IsBinary() {
		if err := phx.CheckJSON(p.Data()); err != nil || object && !p.IsObject() {
			t.Errorf("the payload %q: %v", p.Data(), err)
		}
	}
	if p.Len() == 2 && string(p.Data()) == "{}" {
		return 0 // may be what an empty payload stands for
	}
	return p.Len()
}
