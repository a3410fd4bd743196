package wasm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// The rooms below this one do not know the contract and repeat parts of it, for
// native handlers. These tests hold the copies to it.

// contractRows are the callbacks of the contract's rows.
var contractRows = map[channel.Callbacks]abi.Phase{
	channel.CallbackJoin:       abi.PhaseJoin,
	channel.CallbackLeave:      abi.PhaseLeave,
	channel.CallbackHandleIn:   abi.PhaseHandleIn,
	channel.CallbackHandleOut:  abi.PhaseHandleOut,
	channel.CallbackHandleInfo: abi.PhaseHandleInfo,
	channel.CallbackUpgrade:    abi.PhaseUpgrade,
	channel.CallbackConnect:    abi.PhaseConnect,
}

// part is one thing that a result may ask for. What is carried out of it shows
// the word "mark".
type part struct {
	asks abi.Import // 0: nothing
	put  func(*channel.Result)
}

func parts() []part {
	payload := channeltest.Object(`{"mark":1}`)
	effects := func(do ...channel.Effect) func(*channel.Result) {
		return func(r *channel.Result) { r.Do = do }
	}
	return []part{
		{0, func(*channel.Result) {}},
		{abi.ImportReply, func(r *channel.Result) { r.Reply = channel.Reply{Status: phx.StatusOK, Payload: payload} }},
		{abi.ImportReplyTo, effects(channel.ReplyTo(askRef, phx.StatusOK, payload))},
		{abi.ImportPush, effects(channel.Push("mark", payload))},
		{abi.ImportBroadcast, effects(channel.Broadcast("mark", payload))},
		{abi.ImportBroadcastFrom, effects(channel.BroadcastFrom("mark", payload))},
		{abi.ImportBroadcastTo, effects(channel.BroadcastTo("elsewhere", "mark", payload))},
		{abi.ImportAssign, effects(channel.Assign([]byte("mark")))},
		{abi.ImportSendAfter, effects(channel.SendAfter(1, armMark, "tick", payload))},
		{abi.ImportCancel, effects(channel.SendAfter(1, stopMark, "tick", payload), channel.Cancel(1))},
		{abi.ImportSubscribe, effects(channel.Subscribe("mark"))},
		{abi.ImportUnsubscribe, effects(channel.Subscribe("mark"), channel.Subscribe("silent"), channel.Unsubscribe("silent"))},
	}
}

const (
	askRef   = 2                 // the ref of the client's event "ask", which nobody answers
	armMark  = 111 * time.Second // a timer that shows when it is armed
	stopMark = 222 * time.Second // a timer that shows when it is stopped
)

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
					refuses := admits(phase) && (status == channel.StatusError || status == channel.StatusStop)
					if refuses && p.asks == abi.ImportReply {
						res.Reply.Status = phx.StatusError // the only one that a refusal may have
					}
					allowed := row.Statuses.Has(abi.Status(status)) && (p.asks == 0 || row.Imports.Has(p.asks))
					carriedOut := allowed && p.asks != 0 && (status == channel.StatusOK || status == channel.StatusStop && !refuses ||
						status == channel.StatusPass || res.Reply.Status == phx.StatusError)
					if status == channel.StatusStop && abi.Imported(abi.ImportSubscribe, abi.ImportUnsubscribe).Has(p.asks) {
						carriedOut = false // and gone with the channel, before it can be seen
					}
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

// trying is a handler that returns res from one callback, and nothing of interest
// from all others.
type trying struct {
	cb      channel.Callbacks
	res     channel.Result
	leaving bool
	seen    []string
}

func (r *trying) from(here channel.Callbacks) func(context.Context, *channel.Event) (channel.Result, error) {
	return func(_ context.Context, ev *channel.Event) (channel.Result, error) {
		switch {
		case here == channel.CallbackLeave:
			r.seen = append(r.seen, "left with "+string(ev.Assigns))
		case here == channel.CallbackHandleInfo && ev.Topic != "poke":
			r.seen = append(r.seen, "heard "+ev.Topic)
			return channel.Result{}, nil
		case here == channel.CallbackHandleIn && ev.Event == "ask":
			return channel.Result{}, nil
		}
		if here == r.cb {
			return r.res, nil
		}
		if here == channel.CallbackJoin {
			return channel.Result{Do: []channel.Effect{channel.Subscribe("poke")}}, nil
		}
		return channel.Result{}, nil
	}
}

// handler returns one that is not equal to any other, with all callbacks but
// those of sockets, and without upgrade if it is an old version.
func (r *trying) handler(old bool) channel.Handler {
	f := channel.Funcs{
		JoinFunc: r.from(channel.CallbackJoin), LeaveFunc: r.from(channel.CallbackLeave),
		HandleInFunc: r.from(channel.CallbackHandleIn), HandleOutFunc: r.from(channel.CallbackHandleOut),
		HandleInfoFunc: r.from(channel.CallbackHandleInfo), UpgradeFunc: r.from(channel.CallbackUpgrade),
		Intercepts: []string{"shout"}, RepliesLater: true,
	}
	if old {
		f.UpgradeFunc = nil
	}
	return f.Handler()
}

func (r *trying) afterFunc(d time.Duration, _ func()) (stop func() bool) {
	if d == armMark {
		r.seen = append(r.seen, "armed mark")
	}
	return func() bool {
		if d == stopMark && !r.leaving {
			r.seen = append(r.seen, "stopped mark")
		}
		return true
	}
}

// returned lets a handler return res from one callback. It tells everything that
// could be seen of it from outside, and whether the result was refused.
func returned(t *testing.T, cb channel.Callbacks, res channel.Result) (seen string, failed bool) {
	r := &trying{cb: cb, res: res}
	node := channeltest.NewNode(t, channel.Config{AfterFunc: r.afterFunc})
	if cb == channel.CallbackConnect {
		return connected(t, node, res)
	}
	others := []*channeltest.Client{}
	send := func(c *channeltest.Client, frame string) { c.Send(t, frame); node.Settle(t) }
	for _, topic := range []string{"t", "elsewhere"} {
		bystander := channel.Funcs{JoinFunc: (&trying{}).from(channel.CallbackLeave)}.Handler()
		others = append(others, node.Client(t, topic, bystander, channel.Options{}))
		send(others[len(others)-1], fmt.Sprintf(`["1","1",%q,"phx_join",{}]`, topic))
	}
	old, h := r.handler(true), r.handler(false)
	c := node.Client(t, "t", old, channel.Options{})
	send(c, `["1","1","t","phx_join",{}]`)
	send(c, `["1","2","t","ask",{}]`)
	send(c, `["1","3","t","say",{}]`)
	c.Handler = h
	if _, err := node.Env.Replace(t.Context(), old, h, nil); err != nil {
		t.Error(err)
	}
	for _, topic := range []string{"t", "poke", "mark", "silent"} {
		node.Broadcast(topic, "shout", "{}")
		node.Settle(t)
	}
	r.leaving = true
	send(c, `["1","4","t","phx_leave",{}]`)
	if slices.Contains(r.seen, "heard silent") {
		t.Error("unsubscribe was not carried out")
	}
	seen = strings.Join(slices.Concat(c.Rest(), others[0].Rest(), others[1].Rest(), r.seen), "\n")
	return seen, node.Log.Count("channel failed")+node.Log.Count(`stays on the old version" topic=t plugin="" next="" err="`) > 0
}

// connected is the same of connect, which has no channel.
func connected(t *testing.T, node *channeltest.Node, res channel.Result) (seen string, failed bool) {
	h := channel.Funcs{
		JoinFunc:    func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		ConnectFunc: func(context.Context, *channel.Event) (channel.Result, error) { return res, nil },
	}.Handler()
	got, err := node.Env.Connect(t.Context(), func() (channel.Handler, bool) { return h, true }, &channel.Event{})
	if err != nil {
		return "", true
	}
	seen = string(got.Reply.Payload.Data())
	for _, e := range got.Do {
		if got.Status == channel.StatusOK {
			seen += string(e.Assigns())
		}
	}
	return seen, false
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
	if served|abi.CallbackIdle != abi.KnownCallbacks() { // which is no channel's matter
		t.Errorf("the callbacks are %b, the contract knows %b", served, abi.KnownCallbacks())
	}
	tried := abi.Imported(abi.ImportLog, abi.ImportConfigGet) // neither is an effect
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
	for kind, id := range effectImports() {
		if kind.String() != id.String() {
			t.Errorf("the effect %s is the import %s", kind, id)
		}
	}
}

// effectImports are the imports that ask for the effects of package channel.
func effectImports() map[channel.EffectKind]abi.Import {
	return map[channel.EffectKind]abi.Import{
		channel.KindPush: abi.ImportPush, channel.KindBroadcast: abi.ImportBroadcast, channel.KindBroadcastFrom: abi.ImportBroadcastFrom,
		channel.KindBroadcastTo: abi.ImportBroadcastTo, channel.KindAssign: abi.ImportAssign, channel.KindReplyTo: abi.ImportReplyTo,
		channel.KindSendAfter: abi.ImportSendAfter, channel.KindCancel: abi.ImportCancel,
		channel.KindSubscribe: abi.ImportSubscribe, channel.KindUnsubscribe: abi.ImportUnsubscribe,
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
		{"handle_info", int(channel.CallbackHandleInfo), int(abi.CallbackHandleInfo)},
		{"upgrade", int(channel.CallbackUpgrade), int(abi.CallbackUpgrade)},
		{"connect", int(channel.CallbackConnect), int(abi.CallbackConnect)},
		{"TIMER", int(channel.InfoTimer), int(abi.InfoTimer)},
		{"BROADCAST", int(channel.InfoBroadcast), int(abi.InfoBroadcast)},
		{"timers", channel.MaxTimers, abi.MaxTimers},
		{"bytes of timers", channel.MaxTimerBytes, abi.MaxTimerBytes},
		{"the shortest timer", int(channel.MinDelay / time.Millisecond), abi.MinDelayMS},
		{"the longest timer", int(channel.MaxDelay / time.Millisecond), abi.MaxDelayMS},
		{"subscriptions", channel.MaxSubscriptions, abi.MaxSubscriptions},
		{"hops", channel.MaxHops, abi.MaxHops},
		{"open refs", channel.MaxOpenRefs, abi.MaxOpenRefs},
		{"the life of a ref", int(channel.RefLife / time.Second), abi.RefSeconds},
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
