package wasm

import (
	"slices"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/wasm/sched"
)

// crowded is a shaky puppet in an engine with one slot for guests that run for long.
func crowded(t *testing.T) *shaky {
	t.Helper()
	s := &shaky{handClock: newHandClock()}
	e := newTestEngine(t, Config{clock: s.time, Logger: s.log.Logger(), GuestSlots: 1})
	s.Plugin = compile(t, e, "served/puppet", Limits{Wait: 20 * time.Millisecond, callbackTime: time.Minute})
	return s
}

// hold takes the engine's only slot until release is called.
func (s *shaky) hold(t *testing.T) (release func()) {
	t.Helper()
	tenant := s.engine.sched.Tenant("neighbour", Share{})
	g := tenant.Guest()
	if _, err := g.Begin(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Slice(t.Context(), 1, 0); err != nil || s.engine.sched.Taken() != 1 {
		t.Fatalf("the slot: %v, %d taken", err, s.engine.sched.Taken())
	}
	return func() {
		g.End(1)
		tenant.Release()
	}
}

// lengthy is an event whose callback needs more than a slice.
func lengthy(t *testing.T) *channel.Event {
	return scripted(t, abi.StatusOK, slices.Repeat([]step{{opRandom, 64, 32}}, 2*slice/hostCall)...)
}

func wantRefusal(t *testing.T, err error, reason phx.Reason) {
	t.Helper()
	if !isRefusal(err, reason) {
		t.Errorf("got %v, want a refusal: %s", err, reason)
	}
}

// wantFree checks that the scheduler has got back what was taken, and that the plugin
// is served: its tenant has no call under way that nobody ends.
func (s *shaky) wantFree(t *testing.T) {
	t.Helper()
	if taken, waiting := s.engine.sched.Taken(), s.engine.sched.Waiting(); taken != 0 || waiting != 0 {
		t.Errorf("%d slots are taken and %d guests wait after all calls", taken, waiting)
	}
	if _, err := s.enter(abi.PhaseHandleIn, lengthy(t)); err != nil {
		t.Errorf("a long call: %v", err)
	}
	wantPool(t, s.Plugin, 1)
}

// TestNoProcessorToBegin: a guest that was not entered is as good as before, and nobody
// is to blame.
func TestNoProcessorToBegin(t *testing.T) {
	s := crowded(t)
	release := s.hold(t)
	var siblings []*sched.Guest // as many callbacks of the tenant as need no slot
	for range 2 {
		g := s.tenant.Guest()
		if _, err := g.Begin(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		siblings = append(siblings, g)
	}
	before, held := s.waiting(), s.engine.Memory()
	for range 3 {
		_, err := s.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK, step{opUnreachable}))
		wantRefusal(t, err, phx.ReasonBusy)
	}
	if !slices.Equal(s.waiting(), before) || s.engine.Memory() != held {
		t.Errorf("the instances are %v and hold %d, were %v and held %d", s.waiting(), s.engine.Memory(), before, held)
	}
	for _, g := range siblings {
		g.End(0)
	}
	// Had a refused call not ended, this one would count as one too many.
	if _, err := s.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK)); err != nil {
		t.Errorf("a short call: %v", err)
	}
	release()
	s.wantFree(t)
	if n := s.engine.Counts().Crashes.Load(); n != 0 {
		t.Errorf("%d crashes are counted", n)
	}
}

// TestNoProcessorToGoOn: a callback that waits too long in its midst is given up with
// its instance, whose memory comes back.
func TestNoProcessorToGoOn(t *testing.T) {
	s := crowded(t)
	held := s.engine.Memory()
	release := s.hold(t)
	res, err := s.enter(abi.PhaseHandleIn, lengthy(t))
	wantRefusal(t, err, phx.ReasonBusy)
	if res.Do != nil {
		t.Errorf("effects of a callback that was given up: %v", res.Do)
	}
	wantPool(t, s.Plugin, 0)
	if n := s.engine.Memory(); n != 0 {
		t.Errorf("%d bytes are held by no instance", n)
	}
	release()
	s.wantFree(t)
	if n := s.engine.Memory(); n != held {
		t.Errorf("the instances hold %d bytes, want %d", n, held)
	}
	if c := s.engine.Counts(); c.Crashes.Load() != 0 || s.Quarantined() {
		t.Errorf("%d crashes are counted, quarantined: %v", c.Crashes.Load(), s.Quarantined())
	}
}

// TestTrialWithoutProcessor: an attempt that the host could not make decides nothing,
// and leaves the next one to whoever comes.
func TestTrialWithoutProcessor(t *testing.T) {
	s := crowded(t)
	s.quarantine(t)
	s.move(minBackoff)
	release := s.hold(t)
	for range 2 {
		_, err := s.enter(abi.PhaseHandleIn, lengthy(t))
		wantRefusal(t, err, phx.ReasonBusy)
	}
	s.engine.sched.Tenant("default", Share{FuelPerSecond: 1})
	s.exhaust(t)
	_, err := s.enter(abi.PhaseHandleIn, scripted(t, abi.StatusOK))
	wantRefusal(t, err, phx.ReasonTenantCPUExhausted)
	s.engine.sched.Tenant("default", Share{})
	s.tenant.Release()
	s.tenant.Release()
	if !s.Quarantined() {
		t.Fatal("served again, with nothing decided")
	}
	release()
	s.wantRefused(t, 1, 0)
	if s.Quarantined() {
		t.Error("still quarantined")
	}
	s.wantFree(t)
}

// exhaust uses what the tenant may use, on behalf of another plugin of it.
func (s *shaky) exhaust(t *testing.T) {
	t.Helper()
	g := s.tenant.Guest()
	if _, err := g.Begin(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	g.End(1 << 40)
}

// TestCallsThatFailLate: calls that are under way for longer than the window and then
// do not count are no reason to let all the others count.
func TestCallsThatFailLate(t *testing.T) {
	clock := newHandClock()
	c := circuit{now: clock.time}
	const calls = 30
	for range len(c.seen) {
		c.round(calls)
	}
	quarantined := false
	for range 10 { // of one place, before others
		quarantined = c.crashed(1, calls).backoff > 0 || quarantined
	}
	for peer := range channel.Peer(crashPeers) {
		for range fewPerPeer {
			quarantined = c.crashed(2+peer, calls).backoff > 0 || quarantined
		}
	}
	if !quarantined {
		t.Error("a version whose every call fails is served")
	}
}
