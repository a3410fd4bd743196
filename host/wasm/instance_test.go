package wasm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"
	"unsafe"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// TestEventStruct lets the guest send back the event as it finds it in its
// memory, and reads it by the table's offsets.
func TestEventStruct(t *testing.T) {
	p := served(t, "puppet", Limits{})
	const all = 512
	full := channel.Event{
		Topic: "räume:1", Event: "new:msg", Payload: channeltest.Object(`{"body":"☃"}`), SocketAssigns: []byte(`{"sub":"jo"}`),
		Now: time.UnixMilli(1_767_225_600_123).Add(999 * time.Microsecond), Channel: 1<<53 - 1,
	}
	with := func(f func(*channel.Event)) *channel.Event {
		ev := full
		f(&ev)
		return &ev
	}
	for _, c := range []struct {
		name             string
		phase            abi.Phase
		ev               *channel.Event
		flags, kind, ref uint32
		payload          string
	}{
		{"handle_in", abi.PhaseHandleIn, with(func(ev *channel.Event) { ev.WantsReply, ev.Ref = true, 1<<32-1 }), abi.FlagWantsReply, 0, 1<<32 - 1, `{"body":"☃"}`},
		{"no reply", abi.PhaseHandleIn, with(func(*channel.Event) {}), 0, 0, 0, `{"body":"☃"}`},
		{"join", abi.PhaseJoin, with(func(ev *channel.Event) { ev.Event, ev.WantsReply, ev.Ref = "", true, 1 }), abi.FlagWantsReply, 0, 1, `{"body":"☃"}`},
		{"no params", abi.PhaseJoin, with(func(ev *channel.Event) { ev.Payload = phx.Payload{} }), 0, 0, 0, "{}"},
		{"binary", abi.PhaseHandleIn, with(func(ev *channel.Event) { ev.Payload = phx.Bytes([]byte("\x00\xff")) }), abi.FlagBinary, 0, 0, "\x00\xff"},
		{"no bytes", abi.PhaseHandleIn, with(func(ev *channel.Event) { ev.Payload = phx.Bytes(nil) }), abi.FlagBinary, 0, 0, ""},
		{"no socket assigns", abi.PhaseHandleIn, with(func(ev *channel.Event) { ev.SocketAssigns = nil }), 0, 0, 0, `{"body":"☃"}`},
		{"before 1970", abi.PhaseHandleIn, with(func(ev *channel.Event) { ev.Now = time.UnixMilli(-5) }), 0, 0, 0, `{"body":"☃"}`},
		{"handle_out", abi.PhaseHandleOut, with(func(ev *channel.Event) { ev.Self = true }), abi.FlagSelf, 0, 0, `{"body":"☃"}`},
		{"timer", abi.PhaseHandleInfo, with(func(ev *channel.Event) { ev.Info, ev.Ref = channel.InfoTimer, 9 }), 0, uint32(abi.InfoTimer), 9, `{"body":"☃"}`},
		{"broadcast", abi.PhaseHandleInfo, with(func(ev *channel.Event) { ev.Info, ev.Topic = channel.InfoBroadcast, "news" }), 0, uint32(abi.InfoBroadcast), 0, `{"body":"☃"}`},
		{"upgrade", abi.PhaseUpgrade, with(func(ev *channel.Event) { ev.Event, ev.Payload = "foods@6", phx.Payload{} }), 0, 0, 0, ""},
		{"connect", abi.PhaseConnect, with(func(ev *channel.Event) { ev.Topic, ev.Event, ev.Channel = "", "", 0 }), 0, 0, 0, `{"body":"☃"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			memory := sentBack(t, p, c.phase, c.ev, puppetEvent, all)
			checkEvent(t, memory, c.ev, c.flags, c.kind, c.ref, c.payload)
		})
	}
	for kind := channel.LeaveLeft; kind <= channel.LeaveKicked; kind++ {
		t.Run(fmt.Sprintf("leave %s", abi.LeaveKind(kind)), func(t *testing.T) {
			ev := with(func(ev *channel.Event) { ev.Event, ev.Payload, ev.Leave = "", phx.Payload{}, kind })
			checkEvent(t, sentBack(t, p, abi.PhaseLeave, ev, puppetEvent, all), ev, 0, uint32(kind), 0, "")
		})
	}
}

// sentBack is what the puppet finds at an address during a callback: it sends it
// in whatever way the callback has.
func sentBack(t *testing.T, p *Plugin, phase abi.Phase, ev *channel.Event, at, n int) []byte {
	t.Helper()
	if abi.Row(phase).Imports.Has(abi.ImportPush) {
		ev.Assigns = program(abi.StatusOK, step{opPush, text("e"), at, n, abi.PayloadBinary})
	} else {
		ev.Assigns = program(abi.StatusOK, step{opReply, 0, at, n, abi.PayloadBinary})
	}
	res, err := p.enter(phase, ev)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Do) > 0 {
		return res.Do[0].Payload().Data()
	}
	return res.Reply.Payload.Data()
}

// checkEvent compares memory from the event's address on with what should be there.
func checkEvent(t *testing.T, memory []byte, ev *channel.Event, flags, kind, ref uint32, payload string) {
	t.Helper()
	le := binary.LittleEndian
	values := map[string]uint64{
		"size": abi.EventSize, "flags": uint64(flags), "kind": uint64(kind), "ref": uint64(ref),
		"now_ms": uint64(ev.Now.UnixMilli()), "channel": ev.Channel,
	}
	texts := map[string]string{
		"topic": ev.Topic, "event": ev.Event, "payload": payload, "assigns": string(ev.Assigns), "socket_assigns": string(ev.SocketAssigns),
	}
	for _, f := range abi.Fields() {
		number := uint64(le.Uint32(memory[f.Offset:]))
		if f.Type.Size() == 8 {
			number = le.Uint64(memory[f.Offset:])
		}
		switch f.Type {
		case abi.FieldAddress:
			if number == 0 {
				t.Errorf("%s is address 0", f.Name)
			}
			at, n := number-puppetEvent, uint64(le.Uint32(memory[f.Offset+4:]))
			if got := string(memory[at : at+n]); got != texts[f.Name] {
				t.Errorf("%s is %q, want %q", f.Name, got, texts[f.Name])
			}
			delete(texts, f.Name)
		case abi.FieldLength:
		default:
			if want, ok := values[f.Name]; !ok || number != want {
				t.Errorf("%s is %d, want %d", f.Name, number, want)
			}
			delete(values, f.Name)
		}
	}
	if len(texts)+len(values) > 0 {
		t.Errorf("these are not in the table: %v %v", texts, values)
	}
}

// TestPassingOn: the bytes of the event's payload are sent as they came, without
// a copy and without being checked again, wherever in its memory the guest has
// them, and BINARY is inherited.
func TestPassingOn(t *testing.T) {
	p := served(t, "puppet", Limits{})
	address := func(ev *channel.Event) int { return puppetEvent + abi.EventSize + len(ev.Topic) + len(ev.Event) }
	for _, c := range []struct {
		name    string
		payload phx.Payload
		flags   int
		binary  bool
	}{
		{"object", channeltest.Object(`{"body":"hi"}`), 0, false},
		{"bytes", phx.Bytes([]byte("\x00\x01\xff")), 0, true},
		{"bytes, flagged", phx.Bytes([]byte("\x00\x01\xff")), 1, true},
		{"bytes that are JSON", phx.Bytes([]byte(`{"a":1}`)), 0, true},
		{"object, flagged", channeltest.Object(`{"body":"hi"}`), 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := event("{}")
			ev.Payload = c.payload
			n := c.payload.Len()
			at := address(ev)
			ev.Assigns = program(abi.StatusOK,
				step{opPush, text("e"), at, n, c.flags},
				step{opCopy, 64, at, n}, step{opFill, at, 0, n}, // the guest spoils the event
				step{opBroadcast, text("e"), 64, n, c.flags},
				step{opReply, 0, 64, n, c.flags})
			res, err := p.enter(abi.PhaseHandleIn, ev)
			if err != nil {
				t.Fatal(err)
			}
			for i, got := range []phx.Payload{res.Do[0].Payload(), res.Do[1].Payload(), res.Reply.Payload} {
				if got.IsBinary() != c.binary || &got.Data()[0] != &ev.Payload.Data()[0] || got.Len() != n {
					t.Errorf("payload %d: binary %v, the host's own bytes %v", i, got.IsBinary(), &got.Data()[0] == &ev.Payload.Data()[0])
				}
			}
		})
	}
}

// TestPassingOnNames: the event's own names need no copy, except where they are
// kept: they may be a part of the client's frame.
func TestPassingOnNames(t *testing.T) {
	p := served(t, "puppet", Limits{})
	ev := event("{}")
	topic := []any{puppetEvent + abi.EventSize, len(ev.Topic)}
	name := []any{puppetEvent + abi.EventSize + len(ev.Topic), len(ev.Event)}
	call := func(op uint32, args ...[]any) step {
		return append(step{op}, slices.Concat(args...)...)
	}
	for _, c := range []struct {
		step                 step
		topic, event, shared bool
	}{
		{call(opPush, name, []any{0, 0, 0}), false, true, true},
		{call(opBroadcast, topic, []any{0, 0, 0}), false, false, true},
		{call(opBroadcastTo, topic, name, []any{0, 0, 0}), true, true, true},
		{call(opBroadcastTo, name, name, []any{0, 0, 0}), true, true, true},
		{call(opUnsubscribe, name), true, false, true},
		{call(opSubscribe, topic), true, false, false},
		{call(opSubscribe, name), true, false, false},
		{call(opSendAfter, []any{1, 10}, name, []any{0, 0, 0}), false, true, false},
	} {
		ev.Assigns = program(abi.StatusOK, c.step)
		res, err := p.enter(abi.PhaseHandleIn, ev)
		if err != nil {
			t.Fatal(err)
		}
		e := res.Do[0]
		own := func(s string) bool {
			return unsafe.StringData(s) == unsafe.StringData(ev.Topic) || unsafe.StringData(s) == unsafe.StringData(ev.Event)
		}
		if c.topic && (e.Topic() != ev.Topic && e.Topic() != ev.Event || own(e.Topic()) != c.shared) {
			t.Errorf("%s: the topic is %q, the event's own: %v", e.Kind(), e.Topic(), own(e.Topic()))
		}
		if c.event && (e.Event() != ev.Event || own(e.Event()) != c.shared) {
			t.Errorf("%s: the event is %q, its own: %v", e.Kind(), e.Event(), own(e.Event()))
		}
	}

	// In upgrade the event is the name of a version, which need not be a name.
	ev.Event = strings.Repeat("x", 300) + "@6"
	ev.Assigns = program(abi.StatusOK, call(opPush, []any{name[0], len(ev.Event)}, []any{0, 0, 0}))
	_, err := p.enter(abi.PhaseUpgrade, ev)
	wantContract(t, err, abi.PhaseUpgrade, "push", "event_ptr", "1 to 255 bytes")
}

// TestOverwrittenEvent: the guest's memory proves nothing. What it made of the
// event is judged like anything else that it sends.
func TestOverwrittenEvent(t *testing.T) {
	p := served(t, "puppet", Limits{})
	payloadAt := func(ev *channel.Event) int { return puppetEvent + abi.EventSize + len(ev.Topic) + len(ev.Event) }
	run := func(payload phx.Payload, n int, spoil func(at int) step) (channel.Result, error) {
		ev := event("{}")
		ev.Payload = payload
		ev.Assigns = program(abi.StatusOK, spoil(payloadAt(ev)), step{opPush, text("e"), payloadAt(ev), n, 0})
		return p.enter(abi.PhaseHandleIn, ev)
	}
	last := func(b rune) func(int) step { return func(at int) step { return step{opFill, at + 5, int(b), 1} } }

	original := channeltest.Object(`{"a":1}`)
	res, err := run(original, 7, last('2'))
	if err != nil || string(res.Do[0].Payload().Data()) != `{"a":2}` || string(original.Data()) != `{"a":1}` {
		t.Errorf("another object: %+v, %v; the host's own is %s", res, err, original.Data())
	}
	_, err = run(original, 7, last('!'))
	wantContract(t, err, abi.PhaseHandleIn, "push", "ptr", "not one JSON value")

	// Bytes that were changed are no longer the event's, so BINARY is not inherited.
	res, err = run(phx.Bytes([]byte(`{"a":1}`)), 7, last('2'))
	if err != nil || res.Do[0].Payload().IsBinary() {
		t.Errorf("changed bytes: %+v, %v", res, err)
	}
	_, err = run(phx.Bytes([]byte("1234567")), 7, last('!'))
	wantContract(t, err, abi.PhaseHandleIn, "push", "ptr", "not one JSON value")

	// A guest that writes other addresses and lengths into the struct only fools itself.
	ev := event("{}")
	ev.Assigns = program(abi.StatusOK,
		step{opFill, puppetEvent, 0xff, abi.EventSize}, step{opPush, text("e"), payloadAt(ev), 2, 0})
	if res, err := p.enter(abi.PhaseHandleIn, ev); err != nil || string(res.Do[0].Payload().Data()) != "{}" {
		t.Errorf("a spoilt struct: %+v, %v", res, err)
	}
	if got := p.memory(t, puppetEvent, 4); binary.LittleEndian.Uint32(got) != abi.EventSize {
		t.Errorf("the next event's size is %x", got)
	}
}

func TestBufferThatIsFixed(t *testing.T) {
	p := served(t, "buffer_fixed", Limits{})
	others := abi.EventSize + len("rooms:lobby") + len("new:msg") + len("{}")
	var first *instance
	for _, c := range []struct {
		payload int
		refused bool
	}{
		{100, false},
		{5_000, false},  // twice as much fits
		{11_000, false}, // twice as much does not fit, but this does
		{12_000 - 8 - others, false},
		{12_000 - 8 - others + 1, true},
		{100_000, true},
		{100, false},
		{11_000, false},
	} {
		ev := event(`{"a":"` + strings.Repeat("x", c.payload-8) + `"}`)
		res, err := p.enter(abi.PhaseHandleIn, ev)
		switch {
		case c.refused && !isRefusal(err, phx.ReasonPayloadTooLarge):
			t.Errorf("%d bytes: %+v, %v", c.payload, res, err)
		case !c.refused && (err != nil || res.Reply.Payload.Len() != c.payload):
			t.Errorf("%d bytes: %v", c.payload, err)
		}
		idle := p.waiting()
		if len(idle) != 1 || first != nil && idle[0] != first {
			t.Fatalf("%d bytes: the instance does not live on", c.payload)
		}
		first = idle[0]
	}
}

func TestBufferThatMoves(t *testing.T) {
	p := served(t, "buffer_moves", Limits{})
	var regions []uint32
	for _, n := range []int{10, 5_000, 20, 20_000, 100_000, 30, 262_144} {
		ev := event(`{"a":"` + strings.Repeat("x", n-8) + `"}`)
		res, err := p.enter(abi.PhaseHandleIn, ev)
		if err != nil || &res.Reply.Payload.Data()[0] != &ev.Payload.Data()[0] {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if at := p.waiting()[0].region; !slices.Contains(regions, at) {
			regions = append(regions, at)
		}
	}
	if len(regions) < 4 {
		t.Errorf("the region was at %d: it did not move", regions)
	}
}

// TestBufferIsNotAskedForEachEvent: a larger event makes room for the next one.
func TestBufferIsNotAskedForEachEvent(t *testing.T) {
	p := served(t, "buffer_moves", Limits{})
	regions := make(map[uint32]bool)
	for n := 10; n < 200_000; n += 500 {
		if _, err := p.enter(abi.PhaseHandleIn, event(`{"a":"`+strings.Repeat("x", n-8)+`"}`)); err != nil {
			t.Fatal(err)
		}
		regions[p.waiting()[0].region] = true
	}
	if len(regions) > 8 {
		t.Errorf("ch_buffer was called %d times", len(regions))
	}
}

// TestOrderOfStart: an instance starts in the order of the contract, and is asked
// for more room between callbacks only.
func TestOrderOfStart(t *testing.T) {
	var log channeltest.Log
	p := compile(t, newTestEngine(t, Config{Logger: log.Logger()}), "served/order", Limits{})
	if _, err := p.Join(t.Context(), event("{}")); err != nil {
		t.Error(err)
	}
	if _, err := p.Join(t.Context(), event(`{"a":"`+strings.Repeat("x", 5000)+`"}`)); !isRefusal(err, phx.ReasonPayloadTooLarge) {
		t.Errorf("an event for which there is no room: %v", err)
	}
	var got []string
	for line := range strings.Lines(log.String()) {
		_, rest, _ := strings.Cut(line, "msg=")
		name, _, _ := strings.Cut(rest, " ")
		got = append(got, name)
	}
	want := []string{"_initialize", "ch_abi_version", "ch_callbacks", "ch_init", "ch_buffer(4096)", "join", "ch_buffer", "ch_buffer"}
	if !slices.Equal(got, want) {
		t.Errorf("the calls are %s, want %s", got, want)
	}
}

// TestNamedModule: the name that a module gives itself is used in stack traces
// and for nothing else.
func TestNamedModule(t *testing.T) {
	p := served(t, "named", Limits{Instances: 2})
	for _, inst := range p.hold(t, 2) {
		defer p.put(inst)
		if name := inst.module.Name(); name != "" {
			t.Errorf("an instance is called %q", name)
		}
		if _, err := inst.call(t.Context(), abi.PhaseJoin, event("{}")); err != nil {
			t.Error(err)
		}
		_, err := inst.call(t.Context(), abi.PhaseHandleIn, event("{}"))
		var trap *TrapError
		if !errors.As(err, &trap) || trap.Phase != abi.PhaseHandleIn || !strings.Contains(GuestStack(err), "where_it_happens") || strings.Contains(err.Error(), "where_it_happens") {
			t.Errorf("the trap is %v, at\n%s", err, GuestStack(err))
		}
	}
}

func TestDeclarations(t *testing.T) {
	var log channeltest.Log
	e := newTestEngine(t, Config{Logger: log.Logger()})
	p, err := e.Compile(t.Context(), Module{Name: "settings", Binary: guest(t, "served/settings"), Settings: map[string]string{"greeting": "hello"}})
	if err != nil {
		t.Fatal(err)
	}
	got := p.Traits()
	if got.Name != "settings@1" || got.Callbacks != channel.CallbackJoin|channel.CallbackHandleOut || !got.AcceptBinary ||
		!slices.Equal(slices.Sorted(maps.Keys(got.Intercepts)), []string{"user", "user:joined"}) {
		t.Errorf("the traits are %+v", got)
	}
	levels := []string{"DEBUG msg=user", "INFO msg=user", "WARN msg=user", "ERROR msg=hello", "INFO msg=joined"}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != len(levels) {
		t.Fatalf("the log is\n%s", log.String())
	}
	for i, l := range lines {
		if !strings.Contains(l, "level="+levels[i]) || !strings.Contains(l, "plugin=settings@1") || !strings.Contains(l, "tenant=default") {
			t.Errorf("line %d is %s, want %s", i, l, levels[i])
		}
	}

	again := served(t, "intercept_again", Limits{}).Traits()
	if names := slices.Sorted(maps.Keys(again.Intercepts)); !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("naming two events many times intercepts %q", names)
	}
	if most := served(t, "intercept_most", Limits{}).Traits(); len(most.Intercepts) != abi.MaxIntercepts {
		t.Errorf("%d events are intercepted, want %d", len(most.Intercepts), abi.MaxIntercepts)
	}
	all := served(t, "puppet", Limits{}).Traits()
	every := channel.CallbackJoin | channel.CallbackLeave | channel.CallbackHandleIn | channel.CallbackHandleOut |
		channel.CallbackHandleInfo | channel.CallbackUpgrade | channel.CallbackConnect
	if again.RepliesLater || !all.RepliesLater {
		t.Error("replying later is not what the modules import")
	}
	if all.Callbacks != every || all.AcceptBinary || all.Intercepts != nil {
		t.Errorf("without ch_callbacks and ch_init the traits are %+v", all)
	}
}

// TestDeclarationEqual: no intercept at all means all events; it is not
// the same as none.
func TestDeclarationEqual(t *testing.T) {
	some := func(names ...string) map[string]struct{} {
		set := make(map[string]struct{})
		for _, n := range names {
			set[n] = struct{}{}
		}
		return set
	}
	is := declaration{callbacks: abi.CallbackJoin | abi.CallbackLeave, intercepts: some("a")}
	for i, c := range []struct {
		d    declaration
		want bool
	}{
		{is, true},
		{declaration{callbacks: abi.CallbackJoin, intercepts: some("a")}, false},
		{declaration{callbacks: is.callbacks, intercepts: some("b")}, false},
		{declaration{callbacks: is.callbacks, intercepts: some("a", "b")}, false},
		{declaration{callbacks: is.callbacks}, false},
		{declaration{callbacks: is.callbacks, intercepts: some()}, false},
		{declaration{callbacks: is.callbacks, intercepts: some("a"), acceptBinary: true}, false},
		{declaration{callbacks: is.callbacks | abi.CallbackHandleInfo, intercepts: some("a")}, false},
		{declaration{callbacks: is.callbacks | abi.CallbackIdle, intercepts: some("a")}, false},
	} {
		if got := c.d.equal(&is); got != c.want {
			t.Errorf("case %d: %v", i, got)
		}
	}
	none, all := declaration{callbacks: abi.CallbackJoin, intercepts: some()}, declaration{callbacks: abi.CallbackJoin}
	if none.equal(&all) {
		t.Error("intercepting nothing equals intercepting everything")
	}
}

// TestCancelledCall: whoever ends a call from outside hears of it as such; it is
// no fault of the guest's.
func TestCancelledCall(t *testing.T) {
	e := newTestEngine(t, Config{})
	p := spinner(t, e, "default", endless(1))
	stopped := errors.New("the node stops")
	ctx, cancel := context.WithCancelCause(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := p.HandleIn(ctx, event(forever))
		result <- err
	}()
	for e.sched.Taken() == 0 { // it is not at work yet
		time.Sleep(time.Millisecond)
	}
	cancel(stopped)
	err := <-result
	var trap *TrapError
	if !errors.Is(err, stopped) || errors.As(err, &trap) {
		t.Errorf("got %v (%T)", err, err)
	}
	wantPool(t, p, 0)

	// A context that has ended already: the guest is not entered.
	if _, err := p.HandleIn(ctx, scripted(t, abi.StatusOK)); !errors.Is(err, stopped) && !isRefusal(err, phx.ReasonUnavailable) {
		t.Errorf("with a dead context: %v", err)
	}
	if _, err := p.HandleIn(t.Context(), scripted(t, abi.StatusOK)); err != nil {
		t.Errorf("the next call: %v", err)
	}
	wantPool(t, p, 1)
}

// TestReader compares the reader of sections with the number that was written.
func TestReader(t *testing.T) {
	same := func(n uint32, rest []byte) bool {
		r := reader{append(binary.AppendUvarint(nil, uint64(n)), rest...)}
		return r.uint() == n && bytes.Equal(r.data, rest)
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
	r := reader{[]byte{1, 2}}
	if string(r.take(0xffffffff)) != "\x01\x02" || r.byte() != 0 || r.uint() != 0 || len(r.take(3)) != 0 {
		t.Error("beyond its end the reader reads something")
	}
}
