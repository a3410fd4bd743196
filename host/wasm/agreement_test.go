package wasm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// The rooms below this one do not know the contract and repeat parts of it, for
// native handlers. These tests hold the copies to it.

// contractRows are the callbacks of the contract's rows.
var contractRows = map[channel.Callbacks]abi.Phase{
	channel.CallbackJoin:      abi.PhaseJoin,
	channel.CallbackLeave:     abi.PhaseLeave,
	channel.CallbackHandleIn:  abi.PhaseHandleIn,
	channel.CallbackHandleOut: abi.PhaseHandleOut,
}

// part is one thing that a result may ask for. What is carried out of it shows
// the word "mark".
type part struct {
	asks abi.Import // 0: nothing
	put  func(*channel.Result)
}

func parts() []part {
	payload := channeltest.Object(`{"mark":1}`)
	effect := func(e channel.Effect) func(*channel.Result) {
		return func(r *channel.Result) { r.Do = []channel.Effect{e} }
	}
	return []part{
		{0, func(*channel.Result) {}},
		{abi.ImportReply, func(r *channel.Result) { r.Reply = channel.Reply{Status: phx.StatusOK, Payload: payload} }},
		{abi.ImportPush, effect(channel.Push("mark", payload))},
		{abi.ImportBroadcast, effect(channel.Broadcast("mark", payload))},
		{abi.ImportBroadcastFrom, effect(channel.BroadcastFrom("mark", payload))},
		{abi.ImportAssign, effect(channel.Assign([]byte("mark")))},
	}
}

// TestResultsFollowTheContract lets every callback of a native handler return
// every status with every effect: what package channel lets pass, and what it
// carries out, must be what the rows of package abi say of guests.
func TestResultsFollowTheContract(t *testing.T) {
	for cb, phase := range contractRows {
		t.Run(cb.String(), func(t *testing.T) {
			row := abi.Row(phase)
			for _, status := range []channel.Status{0, 1, 2, 3, 4, 5, 31, 32, 255} {
				for _, p := range parts() {
					res := channel.Result{Status: status}
					p.put(&res)
					if cb == channel.CallbackJoin && status == channel.StatusError && p.asks == abi.ImportReply {
						res.Reply.Status = phx.StatusError // the only one that a refused join may have
					}
					allowed := row.Statuses.Has(abi.Status(status)) && (p.asks == 0 || row.Imports.Has(p.asks))
					carriedOut := allowed && p.asks != 0 && (status == channel.StatusOK || status == channel.StatusStop ||
						status == channel.StatusPass || res.Reply.Status == phx.StatusError)
					seen, failed := returned(t, cb, res)
					if failed == allowed || strings.Contains(seen, "mark") != carriedOut {
						t.Errorf("status %d, asking for %q: allowed %v, carried out %v; package channel failed it: %v, and this was seen:\n%s",
							status, p.asks, allowed, carriedOut, failed, seen)
					}
				}
			}
		})
	}
}

// returned lets a handler return res from one callback, and empty results from
// all others. It tells everything that could be seen of it from outside, and
// whether the result was refused.
func returned(t *testing.T, cb channel.Callbacks, res channel.Result) (seen string, failed bool) {
	var assigns []byte
	from := func(here channel.Callbacks) func(context.Context, *channel.Event) (channel.Result, error) {
		return func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			if here == channel.CallbackLeave {
				assigns = ev.Assigns
			}
			if here == cb {
				return res, nil
			}
			return channel.Result{}, nil
		}
	}
	h := channel.Funcs{
		JoinFunc: from(channel.CallbackJoin), LeaveFunc: from(channel.CallbackLeave),
		HandleInFunc: from(channel.CallbackHandleIn), HandleOutFunc: from(channel.CallbackHandleOut),
		Intercepts: []string{"shout"},
	}.Handler()
	idle := channel.Funcs{JoinFunc: from(0)}.Handler()
	const join = `["1","1","t","phx_join",{}]`

	node := channeltest.NewNode(t, channel.Config{})
	other := node.Client(t, "t", idle, channel.Options{})
	other.Send(t, join)
	node.Settle(t)
	c := node.Client(t, "t", h, channel.Options{})
	c.Send(t, join)
	node.Settle(t)
	c.Send(t, `["1","2","t","say",{}]`)
	node.Settle(t)
	node.Broadcast("t", "shout", "{}")
	node.Settle(t)
	c.Send(t, `["1","3","t","phx_leave",{}]`)
	node.Settle(t)
	seen = fmt.Sprintf("%s\n%s\n%s", strings.Join(c.Rest(), "\n"), strings.Join(other.Rest(), "\n"), assigns)
	return seen, node.Log.Count("channel failed") > 0
}

// TestNothingOfTheContractIsMissing guards that the table above is whole: every
// callback, status and effect that a row of the contract names is tried.
func TestNothingOfTheContractIsMissing(t *testing.T) {
	var served abi.Callback
	for cb, phase := range contractRows {
		bit := abi.Callback(cb) // Compile takes a guest's bits as they are
		if bit.Export() != cb.String() || phase.String() != cb.String() {
			t.Errorf("the callback %s has the bit of %q and the row of %s", cb, bit.Export(), phase)
		}
		served |= bit
	}
	later := abi.CallbackHandleInfo | abi.CallbackUpgrade | abi.CallbackConnect | abi.CallbackIdle // not called yet
	if served|later != abi.KnownCallbacks() {
		t.Errorf("the callbacks are %b, the contract knows %b", served, abi.KnownCallbacks())
	}
	tried := abi.Imported(abi.ImportLog, abi.ImportConfigGet) | unserved() // none is an effect
	for _, p := range parts() {
		tried |= abi.Imported(p.asks)
	}
	for _, phase := range contractRows {
		row := abi.Row(phase)
		if missing := row.Imports &^ tried; missing != 0 {
			t.Errorf("%s: %v is not tried", phase, missing.List())
		}
		for _, s := range row.Statuses.List() {
			if s > abi.StatusPass {
				t.Errorf("%s: the status %s is not tried", phase, s)
			}
		}
	}
	for kind, id := range map[channel.EffectKind]abi.Import{
		channel.KindPush: abi.ImportPush, channel.KindBroadcast: abi.ImportBroadcast,
		channel.KindBroadcastFrom: abi.ImportBroadcastFrom, channel.KindAssign: abi.ImportAssign,
	} {
		if kind.String() != id.String() {
			t.Errorf("the effect %s is the import %s", kind, id)
		}
	}
}

// TestNumbersFollowTheContract compares the numbers that are handed on as they
// are, and the bounds.
func TestNumbersFollowTheContract(t *testing.T) {
	for _, c := range []struct {
		name        string
		here, there int
	}{
		{"OK", int(channel.StatusOK), int(abi.StatusOK)},
		{"ERROR", int(channel.StatusError), int(abi.StatusError)},
		{"STOP", int(channel.StatusStop), int(abi.StatusStop)},
		{"IGNORE", int(channel.StatusIgnore), int(abi.StatusIgnore)},
		{"PASS", int(channel.StatusPass), int(abi.StatusPass)},
		{"LEFT", int(channel.LeaveLeft), int(abi.LeaveLeft)},
		{"CLOSED", int(channel.LeaveClosed), int(abi.LeaveClosed)},
		{"REPLACED", int(channel.LeaveReplaced), int(abi.LeaveReplaced)},
		{"SHUTDOWN", int(channel.LeaveShutdown), int(abi.LeaveShutdown)},
		{"STOPPED", int(channel.LeaveStopped), int(abi.LeaveStopped)},
		{"FAILED", int(channel.LeaveFailed), int(abi.LeaveFailed)},
		{"KICKED", int(channel.LeaveKicked), int(abi.LeaveKicked)},
		{"join", int(channel.CallbackJoin), int(abi.CallbackJoin)},
		{"leave", int(channel.CallbackLeave), int(abi.CallbackLeave)},
		{"handle_in", int(channel.CallbackHandleIn), int(abi.CallbackHandleIn)},
		{"handle_out", int(channel.CallbackHandleOut), int(abi.CallbackHandleOut)},
		{"bytes of a name", phx.MaxName, abi.MaxName},
		{"levels of JSON", phx.MaxDepth, abi.MaxDepth},
	} {
		if c.here != c.there {
			t.Errorf("%s is %d, the contract says %d", c.name, c.here, c.there)
		}
	}
}

// TestReservedEventsFollowTheContract tries the host's events and such as look
// like them.
func TestReservedEventsFollowTheContract(t *testing.T) {
	names := slices.Concat(abi.ReservedEvents(), []string{
		abi.ReservedEventPrefix, abi.ReservedEventPrefix + "x", phx.EventJoin, phx.EventLeave, phx.EventReply, phx.EventError, phx.EventClose,
		"", "phx", "Phx_close", "_phx_close", "presence", "presence_", "heartbeat", "new:msg",
	})
	for _, name := range names {
		for _, name := range []string{name, name + "s", " " + name, strings.ToUpper(name)} {
			if phx.ReservedEvent(name) != abi.IsReservedEvent(name) {
				t.Errorf("%q: reserved: %v, the contract says %v", name, phx.ReservedEvent(name), abi.IsReservedEvent(name))
			}
		}
	}
}
