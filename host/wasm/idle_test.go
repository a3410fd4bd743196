package wasm

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel/channeltest"
)

// keeping runs a test in a bubble with an engine that keeps house, with one
// plugin of a fixture.
func keeping(t *testing.T, m Module, test func(t *testing.T, p *Plugin, log *channeltest.Log)) {
	synctest.Test(t, func(t *testing.T) {
		var log channeltest.Log
		e := newTestEngine(t, Config{Logger: log.Logger()})
		m.Binary = guest(t, "served/"+m.Name)
		p, err := e.Compile(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); e.Run(ctx) }()
		test(t, p, &log)
		before := time.Now()
		cancel()
		<-ended
		if d := time.Since(before); d != 0 {
			t.Errorf("Run ended %v after its context", d)
		}
	})
}

// rounds lets n rounds pass.
func rounds(n int) {
	time.Sleep(time.Duration(n) * roundTime)
	synctest.Wait()
}

// answer sends an event and returns the guest's reply.
func (p *Plugin) answer(t *testing.T, name string) string {
	t.Helper()
	ev := event("{}")
	ev.Event = name
	res, err := p.HandleIn(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	return string(res.Reply.Payload.Data())
}

// TestIdle: ch_idle is called when an instance has served and rests, once until
// it has served again.
func TestIdle(t *testing.T) {
	keeping(t, Module{Name: "idle"}, func(t *testing.T, p *Plugin, _ *channeltest.Log) {
		rounds(5)
		if got := p.answer(t, "count"); got != "0" {
			t.Errorf("it was idle %s times before it served", got)
		}
		for n, want := range []string{"1", "2", "3"} {
			rounds(1 + 10*n)
			if got := p.answer(t, "count"); got != want {
				t.Errorf("it was idle %s times, want %s", got, want)
			}
		}
		p.mu.Lock()
		p.declared.callbacks &^= abi.CallbackIdle
		p.mu.Unlock()
		rounds(2)
		if got := p.answer(t, "count"); got != "3" {
			t.Errorf("ch_idle is not declared and was called")
		}
		wantPool(t, p, 1)
	})
}

// TestIdleFails: an instance that fails when it is idle is destroyed, which
// costs nobody an answer.
func TestIdleFails(t *testing.T) {
	keeping(t, Module{Name: "idle"}, func(t *testing.T, p *Plugin, log *channeltest.Log) {
		p.answer(t, "trap")
		inst := p.waiting()[0]
		rounds(1)
		wantPool(t, p, 0)
		if !inst.module.IsClosed() {
			t.Error("the instance lives on")
		}
		if log.Count("an instance failed in its housekeeping") != 1 || log.Count("trap in ch_idle") != 1 || log.Count("plugin=idle@1") != 1 {
			t.Errorf("the log is\n%s", log)
		}
		if got := p.answer(t, "count"); got != "0" {
			t.Errorf("the next instance was idle %s times", got)
		}
		rounds(3)
		wantPool(t, p, 1)
	})
}

// TestIdleWaitsForCalls: calls come first.
func TestIdleWaitsForCalls(t *testing.T) {
	keeping(t, Module{Name: "idle", Limits: Limits{Instances: 2}}, func(t *testing.T, p *Plugin, _ *channeltest.Log) {
		p.answer(t, "count")
		if !p.slots.enter() || !p.slots.enter() { // as many calls as may run are on their way to an instance
			t.Fatal("the slots are taken")
		}
		rounds(5)
		p.slots.leave()
		p.slots.leave()
		if got := p.answer(t, "count"); got != "0" {
			t.Errorf("it was idle %s times while calls waited", got)
		}
		held := p.hold(t, 1)
		rounds(5)
		p.put(held[0])
		if got := p.answer(t, "count"); got != "0" {
			t.Errorf("it was idle %s times while it served", got)
		}
		rounds(1)
		if got := p.answer(t, "count"); got != "1" {
			t.Errorf("it was idle %s times afterwards", got)
		}
	})
}

// TestIdleInstancesAreGivenUp: what nobody has needed for a minute goes, the
// coldest first; the last one stays, and two where they take turns.
func TestIdleInstancesAreGivenUp(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		keeping(t, Module{Name: "idle", Rotate: rotate, Limits: Limits{Instances: 4}}, func(t *testing.T, p *Plugin, _ *channeltest.Log) {
			held := p.hold(t, 4)
			for _, inst := range held {
				if _, err := inst.call(t.Context(), abi.PhaseHandleIn, event("{}")); err != nil {
					t.Fatal(err)
				}
				p.put(inst)
			}
			rounds(50)
			wantPool(t, p, 4)
			recent := p.hold(t, 2) // two that are needed again
			for _, inst := range recent {
				inst.served = true
				p.put(inst)
			}
			rounds(restRounds - 50)
			wantPool(t, p, 4)
			rounds(2)
			wantPool(t, p, 2)
			for _, inst := range held {
				if kept := slices.Contains(recent, inst); inst.module.IsClosed() == kept {
					t.Errorf("needed again: %v, destroyed: %v", kept, inst.module.IsClosed())
				}
			}
			rounds(10 * restRounds)
			wantPool(t, p, p.fewest())
			if got := p.answer(t, "count"); got == "0" {
				t.Error("the last one is new")
			}
		})
	}
}

// TestIdleEndsWithThePlugin: nothing is done with the instances of a plugin that
// is being closed.
func TestIdleEndsWithThePlugin(t *testing.T) {
	keeping(t, Module{Name: "idle", Limits: Limits{Instances: 2}}, func(t *testing.T, p *Plugin, log *channeltest.Log) {
		p.answer(t, "trap")
		held := p.hold(t, 1)
		other := p.hold(t, 1)
		other[0].served = true
		p.put(other[0])
		dead, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Close(dead); err == nil {
			t.Error("the plugin was closed while a call runs")
		}
		rounds(2)
		wantTaken := p.slots.taken()
		p.put(held[0])
		if err := p.Close(t.Context()); err != nil || wantTaken != 1 {
			t.Errorf("closing: %v; %d slots were taken", err, wantTaken)
		}
		rounds(2)
		if log.String() != "" {
			t.Errorf("the log is\n%s", log)
		}
	})
}

// TestIdleAmongCalls lets rounds and calls meet: none is refused, and there are
// never more instances than allowed.
func TestIdleAmongCalls(t *testing.T) {
	p := served(t, "idle", Limits{Instances: 2, Wait: time.Minute})
	done := make(chan struct{})
	for range 3 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 300 {
				if _, err := p.HandleIn(context.Background(), event("{}")); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for running := 3; running > 0; {
		select {
		case <-done:
			running--
		default:
			p.round(context.Background())
		}
	}
	if n := len(p.waiting()); n < 1 || n > 2 {
		t.Errorf("%d instances", n)
	}
	wantPool(t, p, len(p.waiting()))
}
