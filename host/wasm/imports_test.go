package wasm

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// opOf is the puppet's op for an import.
func opOf(t testing.TB, f abi.Func) uint32 {
	t.Helper()
	ops := map[abi.Import]uint32{
		abi.ImportReply: opReply, abi.ImportPush: opPush, abi.ImportBroadcast: opBroadcast, abi.ImportBroadcastFrom: opBroadcastFrom,
		abi.ImportAssign: opAssign, abi.ImportIntercept: opIntercept, abi.ImportAcceptBinary: opAcceptBinary,
		abi.ImportLog: opLog, abi.ImportConfigGet: opConfigGet,
		abi.ImportReplyTo: opReplyTo, abi.ImportBroadcastTo: opBroadcastTo, abi.ImportSendAfter: opSendAfter, abi.ImportCancel: opCancel,
		abi.ImportSubscribe: opSubscribe, abi.ImportUnsubscribe: opUnsubscribe,
	}
	op, ok := ops[f.ID]
	if !ok {
		t.Fatalf("the puppet has no op for %s: add one", f.Name)
	}
	return op
}

// goodCall calls an import in a way that breaks no rule. Where at is not
// negative, the address and the length that begin at this parameter are replaced.
func goodCall(t testing.TB, f abi.Func, at int, bad ...uint32) step {
	s := step{opOf(t, f)}
	for i := 0; i < len(f.Params); i++ {
		p := f.Params[i]
		switch {
		case i == at:
			s = append(s, bad[0], bad[1])
			i++
		case p.Role == abi.RoleText:
			s = append(s, text("new:msg"))
			i++ // its length
		case p.Role == abi.RoleBytes:
			s = append(s, text(`{"a":1}`))
			i++
		case p.Role == abi.RoleRoom:
			s = append(s, 64, 16)
			i++
		default:
			s = append(s, 0)
		}
	}
	return s
}

func wantContract(t *testing.T, err error, phase abi.Phase, imported, argument, rule string) {
	t.Helper()
	var broken *ContractError
	if !errors.As(err, &broken) {
		t.Errorf("got %v (%T), want a *ContractError", err, err)
		return
	}
	if broken.Phase != phase || broken.Import != imported || broken.Argument != argument || !strings.Contains(broken.Rule, rule) {
		t.Errorf("got %+v\nwant phase %s, import %q, argument %q, a rule with %q", *broken, phase, imported, argument, rule)
	}
}

// callbackPhases are those of all callbacks.
func callbackPhases() []abi.Phase {
	return slices.DeleteFunc(abi.Phases(), func(p abi.Phase) bool { return p == abi.PhaseSetup || p == abi.PhaseInit })
}

// TestImportsByPhase tries every import in every callback: what is not in the
// callback's row breaks the contract.
func TestImportsByPhase(t *testing.T) {
	p := served(t, "puppet", Limits{LogLines: 1000})
	for _, phase := range callbackPhases() {
		for _, f := range abi.Imports() {
			t.Run(phase.String()+"/"+f.Name, func(t *testing.T) {
				ev := scripted(t, abi.StatusOK, goodCall(t, f, -1))
				res, err := p.enter(phase, ev)
				if abi.Row(phase).Imports.Has(f.ID) {
					if err != nil {
						t.Error(err)
					}
					return
				}
				wantContract(t, err, phase, f.Name, "", "it may not be called in "+phase.String())
				wantFailure(t, res, err, "ContractError", f.Name)
				wantPool(t, p, 0)
			})
		}
	}
}

// TestImportsInInit tries every import in ch_init: what the row has not got
// refuses the module.
func TestImportsInInit(t *testing.T) {
	e := newTestEngine(t, Config{})
	for _, f := range abi.Imports() {
		m := Module{Name: "puppet", Binary: guest(t, "served/puppet"), Settings: map[string]string{"init": string(program(abi.StatusOK, goodCall(t, f, -1)))}}
		if abi.Row(abi.PhaseInit).Imports.Has(f.ID) {
			if _, err := e.Compile(t.Context(), m); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
			continue
		}
		wantFaults(t, refusal(t, e, m), []string{"the trial instance failed: wasm: contract broken in ch_init: " + f.Name + ": it may not be called in ch_init"})
	}
}

// TestStatusesByPhase returns every number near those that mean something from
// every callback.
func TestStatusesByPhase(t *testing.T) {
	p := served(t, "puppet", Limits{})
	numbers := []abi.Status{-1 << 31, -2, -1, 31, 32, 33, 64, 256, 1 << 16, 1<<31 - 1}
	for s := abi.Status(0); s < 8; s++ {
		numbers = append(numbers, s)
	}
	for _, phase := range callbackPhases() {
		effect, effects := step{opPush, text("new:msg"), text("{}"), 0}, 1
		switch phase {
		case abi.PhaseConnect:
			effect = step{opAssign, text("state")}
		case abi.PhaseIdle:
			effect, effects = step{opLog, 1, text("line")}, 0
		}
		for _, status := range numbers {
			res, err := p.enter(phase, scripted(t, status, effect))
			if !abi.Row(phase).Statuses.Has(status) {
				wantFailure(t, res, err, "ContractError", "was returned: allowed are")
				continue
			}
			if err != nil || res.Status != channel.Status(status) {
				t.Errorf("%s returned %d: %+v, %v", phase, status, res, err)
			}
			want := effects
			if status == abi.StatusError || status == abi.StatusIgnore || status == abi.StatusStop && phase == abi.PhaseJoin {
				want = 0
			}
			if len(res.Do) != want {
				t.Errorf("%s returned %s: %d effects", phase, status, len(res.Do))
			}
		}
	}
}

func TestReply(t *testing.T) {
	p := served(t, "puppet", Limits{})
	for _, status := range []uint32{2, 3, 256, 0xffffffff} {
		for name, s := range answering(status, "{}", 0) {
			_, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, s))
			wantContract(t, err, abi.PhaseHandleIn, name, "status", "0 (ok) or 1 (error) is allowed")
		}
	}
	ok, no := step{opReply, 0, text(`{"n":1}`), 0}, step{opReply, 1, text(`{"n":2}`), 0}
	for _, twice := range [][]step{{ok, ok}, {ok, no}, {no, ok}, {ok, {opPush, text("e"), text("{}"), 0}, no}} {
		res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, twice...))
		wantContract(t, err, abi.PhaseHandleIn, "reply", "", "it was called before in this callback")
		wantFailure(t, res, err, "ContractError", "reply")
	}
	// In join and connect the two statuses agree, elsewhere they have nothing to do with each other.
	for _, c := range []struct {
		phase  abi.Phase
		status abi.Status
		reply  step
		want   phx.Status
		fails  bool
	}{
		{abi.PhaseJoin, abi.StatusOK, ok, phx.StatusOK, false},
		{abi.PhaseJoin, abi.StatusOK, no, "", true},
		{abi.PhaseJoin, abi.StatusError, no, phx.StatusError, false},
		{abi.PhaseJoin, abi.StatusError, ok, "", true},
		{abi.PhaseJoin, abi.StatusIgnore, ok, "", false},
		{abi.PhaseJoin, abi.StatusIgnore, no, "", false},
		{abi.PhaseConnect, abi.StatusOK, ok, phx.StatusOK, false},
		{abi.PhaseConnect, abi.StatusOK, no, "", true},
		{abi.PhaseConnect, abi.StatusError, no, phx.StatusError, false},
		{abi.PhaseConnect, abi.StatusError, ok, "", true},
		{abi.PhaseHandleIn, abi.StatusOK, no, phx.StatusError, false},
		{abi.PhaseHandleIn, abi.StatusStop, no, phx.StatusError, false},
		{abi.PhaseHandleIn, abi.StatusError, ok, "", false},
	} {
		res, err := p.enter(c.phase, scripted(t, c.status, c.reply, step{opAssign, text("state")}))
		if (err != nil) != c.fails || res.Reply.Status != c.want {
			t.Errorf("%s returned %s after reply(%v): %+v, %v", c.phase, c.status, c.reply[1], res, err)
		}
		if c.status == abi.StatusError && res.Do != nil {
			t.Errorf("%s returned ERROR and has effects: %+v", c.phase, res)
		}
	}
}

// TestEffectsInOrder: as they were called, the reply apart.
func TestEffectsInOrder(t *testing.T) {
	p := served(t, "puppet", Limits{})
	res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK,
		step{opBroadcastFrom, text("a"), text(`{"n":1}`), 0},
		step{opAssign, text("first")},
		step{opReply, 1, text("[]"), 0},
		step{opPush, text("b"), text("\x00\xff"), 1},
		step{opBroadcast, text("c"), 0, 0, 0},
		step{opAssign, 0, 0},
		step{opSendAfter, 0xffffffff, 9, text("tick"), text(`{"n":2}`), 0},
		step{opReplyTo, 0xfffffffe, 1, text("null"), 0},
		step{opSubscribe, text("news")},
		step{opCancel, 0x80000000},
		step{opBroadcastTo, text("räume"), text("d"), text("\xff"), 1},
		step{opUnsubscribe, text("news")},
		step{opSendAfter, 0, 86_400_000, text("late"), 0, 0, 1},
		step{opAssign, text("last")},
	))
	if err != nil {
		t.Fatal(err)
	}
	want := []channel.Effect{
		channel.BroadcastFrom("a", channeltest.Object(`{"n":1}`)), channel.Assign([]byte("first")), channel.Push("b", phx.Bytes([]byte("\x00\xff"))),
		channel.Broadcast("c", phx.Payload{}), channel.Assign(nil),
		channel.SendAfter(1<<32-1, 10*time.Millisecond, "tick", channeltest.Object(`{"n":2}`)), channel.ReplyTo(1<<32-2, phx.StatusError, channeltest.JSON("null")),
		channel.Subscribe("news"), channel.Cancel(1 << 31), channel.BroadcastTo("räume", "d", phx.Bytes([]byte("\xff"))), channel.Unsubscribe("news"),
		channel.SendAfter(0, 24*time.Hour, "late", phx.Bytes(nil)),
		channel.Assign([]byte("last")),
	}
	if len(res.Do) != len(want) {
		t.Fatalf("%d effects, want %d", len(res.Do), len(want))
	}
	for i, got := range res.Do {
		w := want[i]
		if got.Kind() != w.Kind() || got.Event() != w.Event() || string(got.Assigns()) != string(w.Assigns()) ||
			got.Payload().IsBinary() != w.Payload().IsBinary() || string(got.Payload().Data()) != string(w.Payload().Data()) ||
			got.Topic() != w.Topic() || got.Key() != w.Key() || got.Delay() != w.Delay() || got.Ref() != w.Ref() || got.Status() != w.Status() {
			t.Errorf("effect %d is %s %q %q %q, %+v", i, got.Kind(), got.Event(), got.Payload().Data(), got.Assigns(), got)
		}
	}
	if res.Reply.Status != phx.StatusError || string(res.Reply.Payload.Data()) != "[]" {
		t.Errorf("the reply is %+v", res.Reply)
	}
}

// TestEffectsAreCopies: a guest may use the same memory for the next effect.
func TestEffectsAreCopies(t *testing.T) {
	p := served(t, "puppet", Limits{})
	put := func(b byte) step { return step{opFill, 64, int(b), 8} }
	res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK,
		put('1'), step{opReply, 0, 64, 4, 0}, step{opAssign, 64, 4}, step{opPush, 64, 4, 64, 4, 1},
		step{opReplyTo, 1, 0, 64, 4, 0}, step{opBroadcastTo, 64, 4, 64, 4, 64, 4, 1}, step{opSendAfter, 1, 10, 64, 4, 64, 4, 1},
		step{opSubscribe, 64, 4}, step{opUnsubscribe, 64, 4}, put('2')))
	if err != nil || len(res.Do) != 7 {
		t.Fatalf("got %+v, %v", res, err)
	}
	check := func() {
		t.Helper()
		for _, e := range res.Do {
			said := string(e.Assigns()) + e.Event() + e.Topic()
			if data := e.Payload().Data(); string(data) != "{}" {
				said += string(data)
			}
			if strings.Trim(said, "1") != "" || len(said)%4 != 0 || said == "" {
				t.Errorf("%s says %q", e.Kind(), said)
			}
		}
		if string(res.Reply.Payload.Data()) != "1111" {
			t.Errorf("the reply is %q", res.Reply.Payload.Data())
		}
	}
	check()
	p.memory(t, 0, 4, put('3')) // the next call on the same instance
	check()
}

func TestLimits(t *testing.T) {
	limits := Limits{Effects: 3, EffectBytes: 1000, Assigns: 100, Payload: 600}
	p := served(t, "puppet", limits)
	bytesOf := func(n int) text { return text(strings.Repeat("x", n)) }
	push := func(n int) step { return step{opPush, text("e"), bytesOf(n), 1} }
	for _, c := range []struct {
		name  string
		limit string // empty: allowed
		steps []step
	}{
		{"as many effects as allowed", "", []step{push(0), push(0), {opAssign, text("")}}},
		{"one effect too many", "too_many_effects", []step{push(0), push(0), push(0), push(0)}},
		{"a reply is no effect", "", []step{push(0), push(0), push(0), {opReply, 0, text("{}"), 0}}},
		{"an assign is an effect", "too_many_effects", []step{push(0), push(0), push(0), {opAssign, text("")}}},
		{"the largest payload", "", []step{push(600)}},
		{"a payload too large", "payload_too_large", []step{push(601)}},
		{"a reply too large", "payload_too_large", []step{{opReply, 0, bytesOf(601), 1}}},
		{"as many bytes as allowed", "", []step{push(500), push(500)}},
		{"a byte too many", "too_many_effects", []step{push(500), push(501)}},
		{"the reply counts", "too_many_effects", []step{push(500), {opReply, 0, bytesOf(501), 1}}},
		{"assigns count", "too_many_effects", []step{push(600), push(399), {opAssign, bytesOf(2)}}},
		{"each is an effect", "", []step{{opSubscribe, text("t")}, {opCancel, 1}, {opUnsubscribe, text("t")}, {opReply, 0, text("{}"), 0}}},
		{"a subscription is an effect", "too_many_effects", []step{push(0), push(0), push(0), {opSubscribe, text("t")}}},
		{"its end is an effect", "too_many_effects", []step{push(0), push(0), push(0), {opUnsubscribe, text("t")}}},
		{"a cancelled timer is an effect", "too_many_effects", []step{push(0), push(0), push(0), {opCancel, 1}}},
		{"a timer is an effect", "too_many_effects", []step{push(0), push(0), push(0), {opSendAfter, 1, 10, text("e"), text(""), 1}}},
		{"a later reply is an effect", "too_many_effects", []step{push(0), push(0), push(0), {opReplyTo, 1, 0, text(""), 1}}},
		{"a broadcast elsewhere is an effect", "too_many_effects", []step{push(0), push(0), push(0), {opBroadcastTo, text("t"), text("e"), text(""), 1}}},
		{"a timer's payload counts", "too_many_effects", []step{push(500), {opSendAfter, 1, 10, text("e"), bytesOf(501), 1}}},
		{"a later reply counts", "too_many_effects", []step{push(500), {opReplyTo, 1, 0, bytesOf(501), 1}}},
		{"a broadcast elsewhere counts", "too_many_effects", []step{push(500), {opBroadcastTo, text("t"), text("e"), bytesOf(501), 1}}},
		{"a timer's payload too large", "payload_too_large", []step{{opSendAfter, 1, 10, text("e"), bytesOf(601), 1}}},
		{"a later reply too large", "payload_too_large", []step{{opReplyTo, 1, 0, bytesOf(601), 1}}},
		{"a broadcast elsewhere too large", "payload_too_large", []step{{opBroadcastTo, text("t"), text("e"), bytesOf(601), 1}}},
		{"the largest assigns", "", []step{{opAssign, bytesOf(100)}}},
		{"assigns too large", "assigns_too_large", []step{{opAssign, bytesOf(101)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, c.steps...))
			if c.limit == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantFailure(t, res, err, "LimitError", "wasm: limit "+c.limit+" exceeded in handle_in: ")
			wantPool(t, p, 0)
		})
	}

	ev := event(`{"a":"` + strings.Repeat("x", 593) + `"}`)
	if _, err := p.enter(abi.PhaseHandleIn, ev); ev.Payload.Len() != 601 || !isRefusal(err, phx.ReasonPayloadTooLarge) {
		t.Errorf("an event of %d bytes: %v", ev.Payload.Len(), err)
	}
	ev = event(`{"a":"` + strings.Repeat("x", 592) + `"}`)
	if _, err := p.enter(abi.PhaseHandleIn, ev); err != nil {
		t.Errorf("an event of %d bytes: %v", ev.Payload.Len(), err)
	}
}

func isRefusal(err error, reason phx.Reason) bool {
	var refusal *channel.Refusal
	return errors.As(err, &refusal) && refusal.Reason == reason
}

func TestConfigGet(t *testing.T) {
	e := newTestEngine(t, Config{})
	p, err := e.Compile(t.Context(), Module{
		Name: "puppet", Seq: 3, Tenant: "acme", Binary: guest(t, "served/puppet"), Limits: Limits{Assigns: 111, Payload: 22222, Effects: 33},
		Settings: map[string]string{"greeting": "hello", "empty": ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	clean := step{opFill, 64, int('.'), 16}
	for _, c := range []struct {
		key  string
		room int
		n    int32
		want string
	}{
		{"greeting", 16, 5, "hello..."},
		{"greeting", 5, 5, "hello..."},
		{"greeting", 2, 5, "he......"},
		{"greeting", 0, 5, "........"},
		{"empty", 16, 0, "........"},
		{"unknown", 16, -1, "........"},
		{"Greeting", 16, -1, "........"},
		{"chhost.plugin", 16, 8, "puppet@3"},
		{"chhost.tenant", 16, 4, "acme...."},
		{"chhost.assigns_max", 16, 3, "111....."},
		{"chhost.payload_max", 16, 5, "22222..."},
		{"chhost.effects_max", 16, 2, "33......"},
	} {
		get := step{opConfigGet, text(c.key), 64, c.room}
		if n := int32(p.peek(t, get)); n != c.n {
			t.Errorf("%s: the length is %d, want %d", c.key, n, c.n)
		}
		if got := string(p.memory(t, 64, 8, clean, get)); got != c.want {
			t.Errorf("%s into %d bytes: %q, want %q", c.key, c.room, got, c.want)
		}
	}
	for key, rule := range map[string]string{"": "1 to 255", strings.Repeat("k", 256): "1 to 255", "a\xff": "UTF-8", "a\nb": "control"} {
		_, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opConfigGet, text(key), 64, 16}))
		wantContract(t, err, abi.PhaseHandleIn, "config_get", "key_ptr", rule)
	}
	// The room is checked whether or not there is anything to write.
	_, err = p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opConfigGet, text("unknown"), 4 * wasmPage, 1}))
	wantContract(t, err, abi.PhaseHandleIn, "config_get", "buf", "are not in the memory")
}

// TestReservedSettings: keys that start with "chhost." are the host's, also those
// that it has not got.
func TestReservedSettings(t *testing.T) {
	e := newTestEngine(t, Config{})
	for _, key := range []string{"chhost.tenant", "chhost.later", "chhost."} {
		_, err := e.Compile(t.Context(), Module{Name: "p", Binary: guest(t, "served/puppet"), Settings: map[string]string{"a": "", key: "x"}})
		var refused *ModuleError
		if err == nil || !strings.Contains(err.Error(), key) || errors.As(err, &refused) {
			t.Errorf("an operator could define %s, or the module is at fault: %v", key, err)
		}
	}
}
