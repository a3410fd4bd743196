package wasm

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
)

// wantFailure checks what a failed call returned: nothing but an error, of the
// given type, with the given text.
func wantFailure(t *testing.T, res channel.Result, err error, kind, text string) {
	t.Helper()
	if !reflect.DeepEqual(res, channel.Result{}) {
		t.Errorf("a failed call returned %+v", res)
	}
	var (
		trap     *TrapError
		contract *ContractError
		limit    *LimitError
	)
	is := map[string]bool{
		"TrapError": errors.As(err, &trap), "ContractError": errors.As(err, &contract), "LimitError": errors.As(err, &limit),
	}
	for k, ok := range is {
		if ok != (k == kind) {
			t.Errorf("the error is a %T, want a *%s: %v", err, kind, err)
		}
	}
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("the error is\n\t%v\nwant one with\n\t%s", err, text)
	}
}

// TestBrokenGuests calls the fixtures in testdata/guests/broken, each of which
// fails in a callback. Their comments say which callback and how:
//
//	;; CALLBACK: TYPE OF THE ERROR: TEXT
//
// After each failure nothing is left of the instance, and the next call finds
// another one.
func TestBrokenGuests(t *testing.T) {
	e := newTestEngine(t, Config{})
	// Large enough that ch_buffer is called again.
	payload := fmt.Sprintf(`{"body":%q}`, strings.Repeat("x", 5000))
	t.Run("all", func(t *testing.T) { // so that the engine outlives the parallel tests
		for _, name := range fixtures(t, "broken") {
			t.Run(name, func(t *testing.T) {
				t.Parallel()                                                // one of them takes the time of a callback
				p := compile(t, e, name, Limits{callbackTime: time.Minute}) // fuel lasts long on a busy machine
				failed := false
				for _, phase := range abi.Phases() {
					for _, want := range comments(t, name, phase.String()+": ") {
						kind, text, _ := strings.Cut(want, ": ")
						failsAndRecovers(t, p, phase, event(payload), kind, text)
						failed = true
					}
				}
				if !failed {
					t.Error("the comment does not say how it fails")
				}
			})
		}
	})
}

func failsAndRecovers(t *testing.T, p *Plugin, phase abi.Phase, ev *channel.Event, kind, text string) {
	t.Helper()
	var first *instance
	if idle := p.waiting(); len(idle) == 1 {
		first = idle[0]
	}
	res, err := p.enter(phase, ev)
	wantFailure(t, res, err, kind, text)
	wantPool(t, p, 0)
	if first != nil && !first.module.IsClosed() {
		t.Error("the instance lives on")
	}
	inst, err := p.take(t.Context(), abi.PhaseHandleIn, true)
	if err != nil {
		t.Fatalf("there is no other instance: %v", err)
	}
	if inst == first {
		t.Error("the same instance is used again")
	}
	p.put(inst)
	wantPool(t, p, 1)
}

// TestInstanceIsReplacedAfterTrap shows from outside what TestBrokenGuests sees
// in the pool: what a guest kept in its memory is gone after a trap, and kept
// otherwise.
func TestInstanceIsReplacedAfterTrap(t *testing.T) {
	p := served(t, "counter", Limits{})
	call := func(name string) (string, error) {
		ev := event("{}")
		ev.Event = name
		res, err := p.enter(abi.PhaseHandleIn, ev)
		if err != nil {
			return "", err
		}
		return string(res.Reply.Payload.Data()), nil
	}
	for i, c := range []struct{ event, want string }{
		{"count", "1"}, {"count", "2"}, {"count", "3"}, {"trap", ""}, {"count", "1"}, {"count", "2"}, {"trap", ""}, {"trap", ""}, {"count", "1"},
	} {
		got, err := call(c.event)
		if got != c.want || (err != nil) != (c.event == "trap") {
			t.Errorf("call %d, %s: the instance has served %q events, want %q; %v", i, c.event, got, c.want, err)
		}
	}
}

// TestTrapTextIsBounded: the names of a guest's functions are part of a trap's
// text and have any length, and any bytes.
func TestTrapTextIsBounded(t *testing.T) {
	frame := "\t." + strings.Repeat("é", maxFrame) + "\x1b[2J\xff()\n"
	trap := &TrapError{Phase: abi.PhaseJoin, Err: errors.New(strings.Repeat("é", maxTrapText) + "\nwasm stack trace:\n" + strings.Repeat(frame, 1000))}
	if text := trap.Error(); len(text) > maxTrapText+100 || !strings.HasSuffix(text, "é [cut]") {
		t.Errorf("%d bytes that end in %q", len(text), text[len(text)-20:])
	}
	stack := GuestStack(fmt.Errorf("wrapped: %w", trap))
	if len(stack) > maxTrapStack+1000 || !strings.HasPrefix(stack, ".é") || !strings.HasSuffix(stack, "é [cut]\n...") {
		t.Errorf("%d bytes of stack: %.20q", len(stack), stack)
	}
	short := GuestStack(&ContractError{trap: errors.New("text\nwasm stack trace:\n\t.a\x1b\xff(i32)\n\t.b()")})
	if short != ".a\\x1b\ufffd(i32)\n.b()" {
		t.Errorf("the stack is %q", short)
	}
	if got := GuestStack(errors.New("another")); got != "" {
		t.Errorf("the stack of another error is %q", got)
	}
}
