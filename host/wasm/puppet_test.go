package wasm

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"unicode/utf16"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
)

// The ops of testdata/guests/served/puppet.wat.
const (
	opReturn uint32 = iota
	opReply
	opPush
	opBroadcast
	opBroadcastFrom
	opAssign
	opIntercept
	opAcceptBinary
	opLog
	opConfigGet
	opPoke
	opUnreachable
	opWrite
	opPoll
	opClock
	opCopy
	opGrow
	opFill
	opRandom
	opExit
	opEnvironSizes
	opEnviron
	opArgsSizes
	opRead
	opPrestat
	opReplyTo
	opBroadcastTo
	opSendAfter
	opCancel
	opSubscribe
	opUnsubscribe
	opAbort
	opSeed
	opTrace
	opConsoleLog
	opDateNow
)

const recordSize = 32

const (
	// puppetEvent is where the puppet's region begins, and with it the event.
	puppetEvent = 4096
	// puppetIdle is where the puppet finds what ch_idle is to do.
	puppetIdle = 2048
)

// step is one op of the puppet and its arguments: numbers, or a text, which
// stands for its address and its length.
type step []any

type text string

// utf16Text is one argument: the address of a string of AssemblyScript.
type utf16Text string

// program makes the list that the puppet carries out; it then returns status.
func program(status abi.Status, steps ...step) []byte {
	le := binary.LittleEndian
	var records, data []byte
	end := recordSize * (len(steps) + 1)
	for _, s := range steps {
		if wide(s) {
			end += recordSize
		}
	}
	for _, s := range append(steps, step{opReturn, uint32(status)}) {
		var args []uint32
		relative := uint32(0)
		for _, a := range s[1:] {
			switch a := a.(type) {
			case uint32:
				args = append(args, a)
			case int:
				args = append(args, uint32(a))
			case text:
				relative |= 1 << len(args)
				args = append(args, uint32(end+len(data)), uint32(len(a)))
				data = append(data, a...)
			case utf16Text:
				relative |= 1 << len(args)
				args = append(args, uint32(end+len(data)+4))
				units := utf16.Encode([]rune(string(a)))
				data = le.AppendUint32(data, uint32(2*len(units)))
				for _, u := range units {
					data = le.AppendUint16(data, u)
				}
			default:
				panic(fmt.Sprintf("an argument of type %T", a))
			}
		}
		records = le.AppendUint32(le.AppendUint32(records, s[0].(uint32)), relative)
		words := 6
		if wide(s) {
			words += recordSize / 4
		}
		for i := range words {
			arg := uint32(0)
			if i < len(args) {
				arg = args[i]
			}
			records = le.AppendUint32(records, arg)
		}
	}
	return append(records, data...)
}

// wide tells whether an op has seven arguments.
func wide(s step) bool { return s[0] == opBroadcastTo || s[0] == opSendAfter }

// scripted is an event that makes the puppet do something. The list is in the
// assigns, so that the payload is the client's.
func scripted(t testing.TB, status abi.Status, steps ...step) *channel.Event {
	ev := event(`{"body":"hi"}`)
	ev.Assigns = program(status, steps...)
	return ev
}

// enter calls the callback of a phase. In ch_idle, which is handed no event, the
// puppet does what is in the assigns, too.
func (p *Plugin) enter(phase abi.Phase, ev *channel.Event) (channel.Result, error) {
	if phase != abi.PhaseIdle {
		return p.call(context.Background(), phase, ev)
	}
	inst, err := p.take(context.Background(), phase, impatient(phase))
	if err != nil {
		return channel.Result{}, err
	}
	defer p.put(inst)
	inst.memory.Write(puppetIdle, ev.Assigns)
	return channel.Result{}, inst.idle(context.Background())
}

// peek carries out a step and returns the result that the puppet keeps.
func (p *Plugin) peek(t testing.TB, steps ...step) uint32 {
	t.Helper()
	return binary.LittleEndian.Uint32(p.memory(t, 0, 4, steps...))
}

// memory carries out steps and returns what is then in the puppet's memory.
func (p *Plugin) memory(t testing.TB, at, n int, steps ...step) []byte {
	t.Helper()
	res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, append(steps, step{opReply, 0, at, n, abi.PayloadBinary})...))
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Reply.Payload; !got.IsBinary() || got.Len() != n {
		t.Fatalf("the puppet replied %d bytes, binary %v; want %d bytes", got.Len(), got.IsBinary(), n)
	}
	return res.Reply.Payload.Data()
}

// TestPuppet guards the fixture that most tests of this package trust.
func TestPuppet(t *testing.T) {
	p := served(t, "puppet", Limits{})
	if got := p.memory(t, 64, 8, step{opPoke, 64, 0x64636261}, step{opCopy, 68, 65, 3}, step{opFill, 71, int('z'), 1}); string(got) != "abcdbcdz" {
		t.Errorf("poke, copy and fill made %q", got)
	}
	if got := p.memory(t, 0, 5, step{opCopy, 0, uint32(puppetEvent + abi.EventSize), 5}); string(got) != "rooms" {
		t.Errorf("the topic begins with %q", got)
	}
	random := p.memory(t, 64, 32, step{opRandom, 64, 32})
	if bytes.Equal(random, make([]byte, 32)) || bytes.Equal(random, p.memory(t, 64, 32, step{opRandom, 64, 32})) {
		t.Errorf("random_get gave %x twice, or nothing", random)
	}
	res, err := p.enter(abi.PhaseHandleIn, scripted(t, abi.StatusStop, step{opPush, text("a"), text(`{"n":1}`), 0}, step{uint32(99)}))
	if err != nil || res.Status != channel.StatusStop || len(res.Do) != 1 || string(res.Do[0].Payload().Data()) != `{"n":1}` {
		t.Errorf("push and STOP gave %+v, %v", res, err)
	}
	// Without assigns the payload is the list, and without either nothing happens.
	ev := event("{}")
	ev.Payload = phx.Bytes(program(abi.StatusOK, step{opReply, 1, text("[1]"), 0}))
	if res, err := p.enter(abi.PhaseHandleIn, ev); err != nil || res.Reply.Status != phx.StatusError || string(res.Reply.Payload.Data()) != "[1]" {
		t.Errorf("a list in the payload gave %+v, %v", res, err)
	}
	if res, err := p.enter(abi.PhaseLeave, event("{}")); err != nil || res.Status != channel.StatusOK || res.Do != nil {
		t.Errorf("no list gave %+v, %v", res, err)
	}
	wantPool(t, p, 1)
}
