package wasm

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// handClock is a clock that a test moves.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func newHandClock() *handClock { return &handClock{now: start()} }

func (c *handClock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// shaky is a puppet whose clients crash it.
type shaky struct {
	*Plugin
	*handClock
	log channeltest.Log
}

func newShaky(t *testing.T) *shaky {
	t.Helper()
	s := &shaky{handClock: newHandClock()}
	e := newTestEngine(t, Config{clock: s.time, Logger: s.log.Logger()})
	s.Plugin = compile(t, e, "served/puppet", Limits{})
	return s
}

func from(ev *channel.Event, peer channel.Peer) *channel.Event {
	ev.Peer = peer
	return ev
}

// crash lets a client crash the plugin, and tells whether it was let in.
func (s *shaky) crash(t *testing.T, phase abi.Phase, peer channel.Peer) (entered bool) {
	t.Helper()
	_, err := s.enter(phase, from(scripted(t, abi.StatusOK, step{opUnreachable}), peer))
	var trap *TrapError
	if !errors.As(err, &trap) && !isRefusal(err, phx.ReasonUnavailable) {
		t.Fatalf("a crash gave %v", err)
	}
	return trap != nil
}

// serves does what does no harm, and returns for how long it was refused.
func (s *shaky) serves(t *testing.T, phase abi.Phase, peer channel.Peer) time.Duration {
	t.Helper()
	_, err := s.enter(phase, from(scripted(t, abi.StatusOK), peer))
	var refusal *channel.Refusal
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &refusal) || refusal.Reason != phx.ReasonUnavailable || refusal.RetryAfter <= 0:
		t.Fatalf("got %v, want a refusal that says when to come again", err)
	}
	return refusal.RetryAfter
}

func (s *shaky) wantRefused(t *testing.T, peer channel.Peer, want time.Duration) {
	t.Helper()
	if got := s.serves(t, abi.PhaseHandleIn, peer); got != want {
		t.Errorf("refused for %v, want %v", got, want)
	}
}

// quarantine crashes the plugin until it is.
func (s *shaky) quarantine(t *testing.T) {
	t.Helper()
	for i := range maxCrashes + 1 {
		s.crash(t, abi.PhaseHandleIn, channel.Peer(1000+i))
	}
	if !s.Quarantined() {
		t.Fatal("so many crashes do not quarantine the version")
	}
}

func TestQuarantine(t *testing.T) {
	s := newShaky(t)
	for range 1000 {
		s.wantRefused(t, 1, 0) // so that half of all calls is far
	}
	for i := range maxCrashes {
		if !s.crash(t, abi.PhaseHandleIn, channel.Peer(i+1)) || s.Quarantined() {
			t.Fatalf("after %d crashes: quarantined", i)
		}
	}
	s.crash(t, abi.PhaseJoin, 99)
	if !s.Quarantined() {
		t.Fatal("not quarantined")
	}
	for _, phase := range []abi.Phase{abi.PhaseJoin, abi.PhaseHandleIn, abi.PhaseHandleOut, abi.PhaseHandleInfo, abi.PhaseUpgrade, abi.PhaseConnect} {
		if got := s.serves(t, phase, 500); got != minBackoff {
			t.Errorf("%v is refused for %v", phase, got)
		}
	}
	if got := s.serves(t, abi.PhaseLeave, 500); got != 0 {
		t.Error("a leave is refused, and would be lost")
	}
	s.move(minBackoff / 4)
	s.wantRefused(t, 500, minBackoff*3/4)
	s.move(minBackoff * 3 / 4)
	s.wantRefused(t, 500, 0)
	if s.Quarantined() {
		t.Error("still quarantined after a call that went well")
	}
	s.wantRefused(t, 501, 0)
	counts := s.engine.Counts()
	if c, q, r := counts.Crashes.Load(), counts.Quarantines.Load(), counts.Refused.Load(); c != maxCrashes+1 || q != 1 || r != 7 {
		t.Errorf("%d crashes, %d quarantines, %d refused", c, q, r)
	}
	if log := s.log.String(); !strings.Contains(log, "the plugin is quarantined") || !strings.Contains(log, "the plugin is served again") {
		t.Errorf("the log does not tell of it:\n%s", log)
	}
	wantPool(t, s.Plugin, 1)
}

// TestQuarantineGrows: as long as the attempts fail, up to a minute, and again where
// it was left if the peace does not last.
func TestQuarantineGrows(t *testing.T) {
	s := newShaky(t)
	s.quarantine(t)
	backoff := minBackoff
	for i := range 10 {
		s.wantRefused(t, 1, backoff)
		s.move(backoff)
		if !s.crash(t, abi.PhaseHandleIn, channel.Peer(i+1)) {
			t.Fatal("no attempt is let in")
		}
		backoff = min(2*backoff, maxBackoff)
	}
	s.wantRefused(t, 50, maxBackoff)
	s.move(maxBackoff)
	s.wantRefused(t, 50, 0)
	s.move(calmTime - 1)
	s.quarantine(t)
	s.wantRefused(t, 50, maxBackoff)
	s.move(maxBackoff)
	s.wantRefused(t, 50, 0)
	s.move(calmTime)
	s.quarantine(t)
	s.wantRefused(t, 50, minBackoff)
}

// TestOnePoisonClient: whatever one client does, and all that share its address, no
// version is quarantined for it.
func TestOnePoisonClient(t *testing.T) {
	s := newShaky(t)
	for range 2000 {
		s.crash(t, abi.PhaseHandleIn, 1)
		s.move(time.Millisecond)
	}
	// Nor if a few others meet the bug too, even if hardly anything else happens.
	for peer := channel.Peer(2); peer <= crashPeers+3; peer++ {
		s.crash(t, abi.PhaseHandleIn, peer)
		for range 100 {
			s.crash(t, abi.PhaseHandleIn, 1)
		}
	}
	if s.Quarantined() || s.engine.Counts().Quarantines.Load() != 0 {
		t.Error("one client quarantined the version")
	}
	s.wantRefused(t, 100, 0)
}

// TestOnePoisonClientAtTheAttempt: a client that crashes the attempt is not the one who
// makes the next.
func TestOnePoisonClientAtTheAttempt(t *testing.T) {
	s := newShaky(t)
	s.quarantine(t)
	s.move(minBackoff)
	if !s.crash(t, abi.PhaseHandleIn, 7) {
		t.Fatal("no attempt is let in")
	}
	s.move(2 * minBackoff)
	if s.crash(t, abi.PhaseHandleIn, 7) {
		t.Error("the same client makes the next attempt too")
	}
	s.wantRefused(t, 7, 2*minBackoff) // it may, if nobody else does
	s.wantRefused(t, 8, 0)
	s.wantRefused(t, 7, 0)

	s.quarantine(t)
	s.move(4 * minBackoff)
	if !s.crash(t, abi.PhaseHandleIn, 7) {
		t.Fatal("no attempt is let in")
	}
	s.move(16*minBackoff - 1)
	if s.crash(t, abi.PhaseHandleIn, 7) {
		t.Error("too early")
	}
	s.move(1)
	s.wantRefused(t, 7, 0)
}

// TestHalfOfAllCalls: a version that fails that often is quarantined earlier.
func TestHalfOfAllCalls(t *testing.T) {
	for _, c := range []struct {
		name     string
		peers    int
		good     int // calls for each crash
		crashes  int
		want     bool
		spreadMS int
	}{
		{"all", crashPeers, 0, fewCrashes, true, 0},
		{"all of some", 3 * crashPeers, 0, fewCrashes, true, 0},
		{"half", crashPeers, 1, fewCrashes, true, 0},
		{"too few", crashPeers, 0, fewCrashes - 1, false, 0},
		{"a third", crashPeers, 2, fewCrashes, false, 0},
		{"too few places", crashPeers - 1, 0, fewCrashes * 10, false, 0},
		{"long ago", crashPeers, 0, fewCrashes, false, 1200},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShaky(t)
			for range 100 {
				s.wantRefused(t, 100, 0)
			}
			for range 20 { // s, so they do not count
				s.circuit.round(s.callCount())
			}
			for i := range c.crashes {
				s.crash(t, abi.PhaseHandleIn, channel.Peer(1+i%c.peers))
				s.move(time.Duration(c.spreadMS) * time.Millisecond)
				for range c.good {
					if !s.Quarantined() {
						s.wantRefused(t, 100, 0)
					}
				}
			}
			if s.Quarantined() != c.want {
				t.Errorf("quarantined: %v", s.Quarantined())
			}
		})
	}
}

// TestWhatCountsAgainst: what is no fault of the version, or not the clients', does
// not count against it.
func TestWhatCountsAgainst(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&TrapError{Err: errors.New("x")}, true},
		{&ContractError{}, true},
		{&LimitError{Limit: LimitOutOfFuel}, true},
		{&LimitError{Limit: LimitMemory}, true},
		{&LimitError{Limit: LimitMemory, shared: true}, false},
		{&LimitError{Limit: LimitOutOfTime}, false},
	} {
		if got := countsAgainst(c.err); got != c.want {
			t.Errorf("%v counts: %v", c.err, got)
		}
	}
	s := newShaky(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 3 * maxCrashes {
		_, _ = s.HandleIn(ctx, from(scripted(t, abi.StatusOK), channel.Peer(i)))
		big := from(event(`{"x":"`+strings.Repeat("x", 400<<10)+`"}`), channel.Peer(i))
		if _, err := s.HandleIn(t.Context(), big); !isRefusal(err, phx.ReasonPayloadTooLarge) {
			t.Fatal(err)
		}
		if res, err := s.enter(abi.PhaseHandleIn, from(scripted(t, abi.StatusError), channel.Peer(i))); err != nil || res.Status != channel.StatusError {
			t.Fatal(err)
		}
	}
	if n := s.engine.Counts().Crashes.Load(); n != 0 || s.Quarantined() {
		t.Errorf("%d crashes, quarantined: %v", n, s.Quarantined())
	}
}

// TestAttemptThatComesToNothing does not keep others from theirs.
func TestAttemptThatComesToNothing(t *testing.T) {
	s := newShaky(t)
	s.quarantine(t)
	s.move(minBackoff)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.HandleIn(ctx, from(scripted(t, abi.StatusOK), 1)); err == nil {
		t.Fatal("a call without a caller went well")
	}
	if !s.Quarantined() {
		t.Error("it ended the quarantine")
	}
	s.wantRefused(t, 2, 0)
}

// TestOneAttemptAtATime, of however many that call.
func TestOneAttemptAtATime(t *testing.T) {
	gate := newGate()
	clock := newHandClock()
	e := newTestEngine(t, Config{clock: clock.time, Logger: slog.New(gate)})
	p := compile(t, e, "served/puppet", Limits{})
	s := &shaky{Plugin: p, handClock: clock}
	s.quarantine(t)
	s.move(minBackoff)
	done := make(chan error, 1)
	go func() {
		_, err := p.HandleIn(t.Context(), from(scripted(t, abi.StatusOK, gate.step()), 1))
		done <- err
	}()
	<-gate.arrived
	for peer := range channel.Peer(10) {
		s.wantRefused(t, peer, minBackoff)
	}
	close(gate.pass)
	if err := <-done; err != nil {
		t.Error(err)
	}
	s.wantRefused(t, 3, 0)
}

// TestStartsAreSpared: when an instance could not be started, others are not tried for
// a while; those that are there serve.
func TestStartsAreSpared(t *testing.T) {
	clock := newHandClock()
	var seconds atomic.Int64
	e := newTestEngine(t, Config{clock: clock.time, Now: func() time.Time { return time.Unix(seconds.Load(), 0) }})
	p := compile(t, e, "served/fickle", Limits{Instances: 2})
	seconds.Store(1) // from now on it declares something else
	s := &shaky{Plugin: p, handClock: clock}
	inst, err := p.take(t.Context(), abi.PhaseHandleIn, true) // the trial instance
	if err != nil {
		t.Fatal(err)
	}
	refused := func() time.Duration {
		_, err := p.take(t.Context(), abi.PhaseHandleIn, true)
		var refusal *channel.Refusal
		if !errors.As(err, &refusal) {
			t.Fatalf("a second instance: %v", err)
		}
		return refusal.RetryAfter
	}
	backoff := minBackoff
	for range 8 {
		if got := refused(); got != backoff {
			t.Errorf("the start failed: come again after %v, want %v", got, backoff)
		}
		failed := e.Counts().FailedStarts.Load()
		s.move(backoff / 2)
		if got := refused(); got != backoff/2 {
			t.Errorf("in between: come again after %v, want %v", got, backoff/2)
		}
		if e.Counts().FailedStarts.Load() != failed {
			t.Error("another start was tried at once")
		}
		s.move(backoff / 2)
		backoff = min(2*backoff, maxBackoff)
	}
	p.put(inst)
	if inst, err = p.take(t.Context(), abi.PhaseHandleIn, true); err != nil {
		t.Errorf("the instance that is there does not serve: %v", err)
	}
	p.put(inst)
	wantPool(t, p, 1)
}

// TestCircuitAtRandom compares the circuit with the rule as it is said: more than 20
// crashes within 10 s, of which each place counts 5 times at most, or half of all.
func TestCircuitAtRandom(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		clock := newHandClock()
		c := circuit{now: clock.time}
		type seen struct {
			peer channel.Peer
			at   time.Time
		}
		var all []seen
		places, calls := 1+random.IntN(8), uint64(0)
		for range 500 {
			clock.move(time.Duration(random.Int64N(int64(2 * time.Second))))
			calls += 1 + uint64(random.IntN(2))*1000 // so that half of all is only ever met by accident below
			peer := channel.Peer(random.IntN(places))
			all = append(all, seen{peer, clock.time()})
			counted, by := 0, make(map[channel.Peer]int)
			for i := len(all) - 1; i >= 0 && clock.time().Sub(all[i].at) <= crashWindow; i-- {
				if by[all[i].peer]++; by[all[i].peer] <= crashesPerPeer {
					counted++
				}
			}
			q := c.crashed(peer, calls)
			if q.backoff == 0 && counted > maxCrashes {
				t.Fatalf("seed %d: %d crashes of %d places are no quarantine", seed, counted, len(by))
			}
			if q.backoff > 0 {
				if len(by) < crashPeers || counted < fewCrashes {
					t.Fatalf("seed %d: quarantined by %d crashes of %d places", seed, counted, len(by))
				}
				all = nil
				if _, ok := c.calls.try(clock.time().Add(time.Hour), 0); !ok {
					t.Fatal("no attempt")
				}
				c.settle(&c.calls, 0, succeeded)
			}
			if len(c.recent) > maxCrashes {
				t.Fatalf("%d crashes are remembered", len(c.recent))
			}
		}
	}
}
