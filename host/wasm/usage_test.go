package wasm

import (
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
)

// What a version uses is counted for itself: calls, messages, bytes, fuel, crashes, and
// memory for as long as it is held.
func TestUsage(t *testing.T) {
	s := newShaky(t)
	if u := s.Usage(); u.Calls != 0 || u.Memory == 0 {
		t.Errorf("at the start %+v", u)
	}
	trial := s.Usage().Fuel
	if _, err := s.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK)); err != nil {
		t.Fatal(err)
	}
	once := s.Usage()
	if once.Calls != 1 || once.Messages != 1 || once.Fuel <= trial || once.In == 0 || once.Out != 0 {
		t.Errorf("after one call %+v", once)
	}
	if _, err := s.enter(abi.PhaseHandleOut, scripted(t, abi.StatusOK, step{opAssign, text("some bytes")})); err != nil {
		t.Fatal(err)
	}
	if u := s.Usage(); u.Out != once.Out+10 || u.Messages != 1 || u.Calls != 2 {
		t.Errorf("after an effect of 10 bytes %+v", u)
	}
	before := s.Usage()
	s.crash(t, abi.PhaseJoin, 7)
	after := s.Usage()
	if after.Crashes != before.Crashes+1 || after.Fuel <= before.Fuel || after.Messages != 1 {
		t.Errorf("after a crash %+v, before %+v", after, before)
	}
	if at := s.LastCrash(channel.CallbackJoin); !at.Equal(s.time()) || !s.LastCrash(channel.CallbackHandleIn).IsZero() {
		t.Errorf("the last crash was at %v", at)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u := s.Usage(); u.Memory != 0 || u.Fuel < after.Fuel {
		t.Errorf("after the end %+v", u)
	}
}

// Who asks is told of each quarantine, and of the callback that is to blame.
func TestTripped(t *testing.T) {
	var mu sync.Mutex
	var told []Tripped
	clock := newHandClock()
	e := newTestEngine(t, Config{clock: clock.time, Tripped: func(what Tripped) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, what)
	}})
	s := &shaky{Plugin: compile(t, e, "served/puppet", Limits{}), handClock: clock}
	s.crash(t, abi.PhaseJoin, 1)
	s.quarantine(t)
	want := Tripped{Tenant: "default", Name: s.base, Seq: 1, Callback: channel.CallbackHandleIn}
	if len(told) != 1 || told[0] != want {
		t.Errorf("told %+v, want %+v", told, want)
	}
	clock.move(time.Hour)
	s.crash(t, abi.PhaseHandleIn, 5) // the attempt
	if len(told) != 2 {
		t.Errorf("told %+v", told)
	}
}
