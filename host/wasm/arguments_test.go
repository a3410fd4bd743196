package wasm

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
)

// TestPointers hands every import that takes an address every kind of address
// that is not in the memory, and one that is not looked at.
func TestPointers(t *testing.T) {
	p := served(t, "puppet", Limits{})
	const size = 4 * wasmPage
	for _, f := range abi.Imports() {
		if !abi.Row(abi.PhaseHandleIn).Imports.Has(f.ID) {
			continue // intercept: see testdata/guests/refused
		}
		for at, param := range f.Params {
			if param.Role != abi.RoleText && param.Role != abi.RoleBytes && param.Role != abi.RoleRoom {
				continue
			}
			for _, bad := range [][]uint32{
				{size, 1}, {size - 1, 2}, {0, size + 1}, {size / 2, size/2 + 1},
				{0xffffffff, 1}, {0xffffffff, 2}, {1, 0xffffffff}, {0x80000000, 0x80000000}, {0xfffff000, 0x1001}, {size - 4, 0xfffffffc},
			} {
				res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, goodCall(t, f, at, bad...)))
				wantContract(t, err, abi.PhaseHandleIn, f.Name, param.Name, "are not in the memory, which ends at 262144")
				wantFailure(t, res, err, "ContractError", param.Name)
				wantPool(t, p, 0)
			}
			res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, goodCall(t, f, at, 0xffffffff, 0)))
			if param.Role == abi.RoleText {
				wantContract(t, err, abi.PhaseHandleIn, f.Name, param.Name, "a name is 1 to 255 bytes long")
			} else if err != nil {
				t.Errorf("%s, %s: an address of length 0 was looked at: %v", f.Name, param.Name, err)
			}
			_ = res
		}
	}
}

// TestPointerAtTheEnd: the last bytes of the memory are in it.
func TestPointerAtTheEnd(t *testing.T) {
	p := served(t, "puppet", Limits{})
	const end = 4 * wasmPage
	res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK,
		step{opPoke, end - 4, 0x7d7b6261}, // ab{}
		step{opPush, end - 4, 2, end - 2, 2, 0}))
	if err != nil || len(res.Do) != 1 || res.Do[0].Event() != "ab" || string(res.Do[0].Payload().Data()) != "{}" {
		t.Errorf("got %+v, %v", res, err)
	}
}

// TestGrownMemory: pointers into memory that the guest got in this callback.
func TestGrownMemory(t *testing.T) {
	p := served(t, "puppet", Limits{})
	const end = 5 * wasmPage
	grow := step{opGrow, 1}
	res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, grow, step{opPoke, end - 4, 0x20207d7b}, step{opReply, 0, end - 4, 4, 0}))
	if err != nil || string(res.Reply.Payload.Data()) != "{}  " {
		t.Errorf("got %+v, %v", res, err)
	}
	if got := p.peek(t, step{opGrow, 0}); got != 5 {
		t.Errorf("the memory has %d pages", got)
	}
	_, err = p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opReply, 0, end, 1, 0}))
	wantContract(t, err, abi.PhaseHandleIn, "reply", "ptr", "which ends at 327680")
}

// sending are all calls that send an event with a payload.
func sending(event, payload text, flags uint32) map[string]step {
	return map[string]step{
		"push": {opPush, event, payload, flags}, "broadcast": {opBroadcast, event, payload, flags}, "broadcast_from": {opBroadcastFrom, event, payload, flags},
		"broadcast_to": {opBroadcastTo, text("other"), event, payload, flags}, "send_after": {opSendAfter, 1, 10, event, payload, flags},
	}
}

// answering are all calls that answer with a payload.
func answering(status uint32, payload text, flags uint32) map[string]step {
	return map[string]step{"reply": {opReply, status, payload, flags}, "reply_to": {opReplyTo, 3, status, payload, flags}}
}

func TestNames(t *testing.T) {
	p := served(t, "puppet", Limits{Effects: 1})
	for _, c := range []struct{ name, rule string }{
		{"", "1 to 255 bytes"},
		{"a", ""},
		{strings.Repeat("é", 127) + "e", ""},
		{strings.Repeat("é", 128), "1 to 255 bytes"},
		{strings.Repeat("x", 65536), "1 to 255 bytes"},
		{"a\x00b", "control characters"},
		{"a\nb", "control characters"},
		{"\x1f", "control characters"},
		{"\x7f", "control characters"},
		{"\u0085\u200e☃", ""},
		{"\xff", "UTF-8"},
		{"a\xc3", "UTF-8"},
		{"\xed\xa0\x80", "UTF-8"}, // a surrogate
		{"\xc0\x80", "UTF-8"},     // overlong
		{"phx_close", "belongs to the host"},
		{"phx_", "belongs to the host"},
		{"phx_x", "belongs to the host"},
		{"presence_state", "belongs to the host"},
		{"presence_diff", "belongs to the host"},
		{"presence_different", ""},
		{"PHX_close", ""},
		{"phx", ""},
	} {
		for name, s := range sending(text(c.name), text("{}"), 0) {
			res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, s))
			switch {
			case c.rule != "":
				wantContract(t, err, abi.PhaseHandleIn, name, "event_ptr", c.rule)
			case err != nil || len(res.Do) != 1 || res.Do[0].Event() != c.name:
				t.Errorf("%s %q: %+v, %v", name, c.name, res, err)
			}
		}
		// No topic is the host's.
		for name, s := range map[string]step{
			"broadcast_to": {opBroadcastTo, text(c.name), text("e"), text("{}"), 0},
			"subscribe":    {opSubscribe, text(c.name)}, "unsubscribe": {opUnsubscribe, text(c.name)},
		} {
			res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, s))
			switch {
			case c.rule != "" && !strings.Contains(c.rule, "belongs"):
				wantContract(t, err, abi.PhaseHandleIn, name, "topic_ptr", c.rule)
			case err != nil || len(res.Do) != 1 || res.Do[0].Topic() != c.name:
				t.Errorf("%s %q: %+v, %v", name, c.name, res, err)
			}
		}
	}
	// Even if the host itself handed out the name.
	ev := scripted(t, abi.StatusOK, step{opPush, text("presence_diff"), text("{}"), 0})
	ev.Event = "presence_diff"
	_, err := p.enter(abi.PhaseHandleOut, ev)
	wantContract(t, err, abi.PhaseHandleOut, "push", "event_ptr", "belongs to the host")
}

func TestJSON(t *testing.T) {
	p := served(t, "puppet", Limits{})
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}" }
	for _, c := range []struct {
		data          string
		object, reply string // the rule that is broken, or empty
	}{
		{"", "", ""},
		{"{}", "", ""},
		{" {\"a\" : 1}\n", "", ""},
		{`{"a":"\ud800"}`, "", ""}, // an unpaired surrogate in an escape is what parsers accept
		{deep(192), "", ""},
		{deep(193), "nested too deep", "nested too deep"},
		{strings.Repeat("[", 50_000), "nested too deep", "nested too deep"},
		{"[1]", "not a JSON object", ""},
		{`"text"`, "not a JSON object", ""},
		{"null", "not a JSON object", ""},
		{"12", "not a JSON object", ""},
		{" ", "not one JSON value", "not one JSON value"},
		{"{", "not one JSON value", "not one JSON value"},
		{"{}{}", "not one JSON value", "not one JSON value"},
		{"{} x", "not one JSON value", "not one JSON value"},
		{"{}\x00", "not one JSON value", "not one JSON value"},
		{"{'a':1}", "not one JSON value", "not one JSON value"},
		{`{"a":1,}`, "not one JSON value", "not one JSON value"},
		{`{"a":NaN}`, "not one JSON value", "not one JSON value"},
		{`{"a":01}`, "not one JSON value", "not one JSON value"},
		{"{\"a\":\"\n\"}", "not one JSON value", "not one JSON value"},
		{"\xef\xbb\xbf{}", "not one JSON value", "not one JSON value"}, // a byte order mark
		{"{\"a\":\"\xff\"}", "UTF-8", "UTF-8"},
		{"{\"a\":\"\xc3\"}", "UTF-8", "UTF-8"},
		{"{\"a\":\"\xed\xa0\x80\"}", "UTF-8", "UTF-8"},
		{"{\"\xc0\x80\":1}", "UTF-8", "UTF-8"},
	} {
		sent := func(res channel.Result) phx.Payload {
			if len(res.Do) > 0 {
				return res.Do[0].Payload()
			}
			return res.Reply.Payload
		}
		check := func(name, rule string, s step, payload func(channel.Result) phx.Payload) {
			t.Helper()
			res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, s))
			if rule != "" {
				wantContract(t, err, abi.PhaseHandleIn, name, "ptr", rule)
				return
			}
			if err != nil {
				t.Errorf("%s of %.40q: %v", name, c.data, err)
				return
			}
			want := c.data
			if want == "" {
				want = "{}"
			}
			if got := payload(res); got.IsBinary() || string(got.Data()) != want {
				t.Errorf("%s of %.40q sends %q", name, c.data, got.Data())
			}
		}
		for name, s := range sending("e", text(c.data), 0) {
			check(name, c.object, s, sent)
		}
		for name, s := range answering(0, text(c.data), 0) {
			check(name, c.reply, s, sent)
		}

		// As bytes, anything goes.
		for name, s := range allWithPayload("e", text(c.data), 1) {
			res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, s))
			if err != nil || !sent(res).IsBinary() || string(sent(res).Data()) != c.data {
				t.Errorf("%s of %.40q as bytes: %+v, %v", name, c.data, res, err)
			}
		}
	}
}

func allWithPayload(event, payload text, flags uint32) map[string]step {
	all := sending(event, payload, flags)
	maps.Copy(all, answering(0, payload, flags))
	return all
}

func TestFlags(t *testing.T) {
	p := served(t, "puppet", Limits{})
	for _, flags := range []uint32{2, 3, 4, 1 << 8, 1 << 31, 0xffffffff} {
		for name, s := range allWithPayload("e", "{}", flags) {
			_, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, s))
			wantContract(t, err, abi.PhaseHandleIn, name, "flags", "only the bit 1 (binary) is defined")
		}
	}
}

// TestDelay: a timer may be as long as a day, and is at least as long as the
// shortest.
func TestDelay(t *testing.T) {
	p := served(t, "puppet", Limits{})
	for _, c := range []struct {
		ms   uint32
		want time.Duration // 0: refused
	}{
		{0, abi.MinDelayMS * time.Millisecond},
		{9, 10 * time.Millisecond},
		{10, 10 * time.Millisecond},
		{11, 11 * time.Millisecond},
		{abi.MaxDelayMS, 24 * time.Hour},
		{abi.MaxDelayMS + 1, 0},
		{1 << 31, 0},
		{1<<32 - 1, 0}, // no number below zero
	} {
		res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opSendAfter, 1, c.ms, text("e"), text("{}"), 0}))
		switch {
		case c.want == 0:
			wantContract(t, err, abi.PhaseHandleIn, "send_after", "delay_ms", "are longer than 86400000, a day")
		case err != nil || res.Do[0].Delay() != c.want:
			t.Errorf("%d ms: %+v, %v", c.ms, res, err)
		}
	}
}

// TestEmptyPayloadIsAnObject guards that nothing without the binary flag is {},
// also while a client's empty bytes are handled, whose bytes it equals.
func TestEmptyPayloadIsAnObject(t *testing.T) {
	p := served(t, "puppet", Limits{})
	ev := event(`{}`)
	ev.Payload = phx.Bytes(nil)
	ev.Assigns = program(abi.StatusOK, step{opReply, 0, 0, 0, 0})
	res, err := p.enter(abi.PhaseHandleIn, ev)
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Reply.Payload; got.IsBinary() || string(got.Data()) != "{}" {
		t.Errorf("the reply is %q, binary: %v", got.Data(), got.IsBinary())
	}
}
