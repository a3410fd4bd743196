package wasm

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/channel"
)

// When a version of a plugin is not served for a while. One client must never be able
// to bring that about: what one place (see [channel.Peer]) has crashed counts
// crashesPerPeer times at most, so that more than maxCrashes come from crashPeers of
// them or more, and half of all calls failing is nothing before it has come from as
// many.
const (
	crashWindow    = 10 * time.Second
	crashPeers     = 5
	crashesPerPeer = 5
	maxCrashes     = 20
	// That half of all calls fail counts from fewCrashes on, to which each place
	// contributes fewPerPeer at most.
	fewCrashes = 10
	fewPerPeer = 2

	minBackoff = time.Second
	maxBackoff = time.Minute
	// calmTime is how long a version has to be served without a quarantine before the
	// next one begins with minBackoff again.
	calmTime = time.Minute
)

// breaker stops something that fails from being done again and again. Closed, it
// lets everything through. Open, it lets nothing through for a while, and then one
// attempt, which closes it or leaves it open for twice as long. All but open is
// guarded by the circuit's lock.
type breaker struct {
	open atomic.Bool

	backoff time.Duration
	until   time.Time
	trying  bool         // the one attempt is under way
	failed  channel.Peer // whose attempt was the last that failed
	barred  bool         // failed means one
	closed  time.Time    // when it was closed
}

// trip opens the breaker.
func (b *breaker) trip(now time.Time) {
	switch {
	case b.open.Load() || !b.closed.IsZero() && now.Sub(b.closed) < calmTime:
		b.backoff = min(2*b.backoff, maxBackoff)
	default:
		b.backoff = minBackoff
	}
	b.until = now.Add(b.backoff)
	b.trying, b.barred = false, false
	b.open.Store(true)
}

// try asks for the attempt. If it may not be made, wait is when to ask again. Who
// failed the last one leaves the next to others for as long as that kept them
// waiting: else one client alone could keep the breaker open.
func (b *breaker) try(now time.Time, peer channel.Peer) (wait time.Duration, ok bool) {
	switch from := b.until.Add(b.backoff); {
	case now.Before(b.until):
		return b.until.Sub(now), false
	case b.trying:
		return minBackoff, false
	case b.barred && peer == b.failed && now.Before(from):
		return from.Sub(now), false
	}
	b.trying = true
	return 0, true
}

// outcome is what became of an attempt.
type outcome uint8

const (
	untried outcome = iota // it came to nothing, for other reasons
	succeeded
	crashed
)

func (b *breaker) settle(now time.Time, peer channel.Peer, o outcome) {
	switch o {
	case succeeded:
		b.closed = now
		b.open.Store(false)
	case crashed:
		b.trip(now)
		b.failed, b.barred = peer, peer != 0 // which is all that are not known
	}
	b.trying = false
}

// circuit decides whether a version of a plugin is served. It is safe for concurrent
// use. While all is well it costs a call one atomic load.
type circuit struct {
	now func() time.Time

	mu     sync.Mutex
	calls  breaker // every call
	starts breaker // instances: those that are there go on serving

	recent  []crash // those of the last crashWindow that count, the oldest first
	ignored uint64  // how many did not count, ever

	// seen is how many calls there were in the last seconds, see round: a ring, and
	// next what will be replaced next, which is crashWindow ago.
	seen [crashWindow / roundTime]uint64
	next int
}

// crash is one that counts.
type crash struct {
	peer channel.Peer
	at   time.Time
}

// round is called every roundTime with the number of calls so far. If it is not, the
// number of crashes is compared with that of all calls that there ever were.
func (c *circuit) round(calls uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[c.next] = calls - c.ignored
	c.next = (c.next + 1) % len(c.seen)
}

// crashed notes that the guest failed in a call because of a client at peer; so many
// calls there have been. It tells whether the version is quarantined for it, for how
// long and after how many crashes.
func (c *circuit) crashed(peer channel.Peer, calls uint64) (q quarantine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls.open.Load() {
		return quarantine{} // it was under way already, or is a leave
	}
	now := c.now()
	for len(c.recent) > 0 && now.Sub(c.recent[0].at) > crashWindow {
		c.forget(0)
	}
	if count(c.recent, peer) >= crashesPerPeer {
		c.ignored++
		c.forget(slices.IndexFunc(c.recent, func(k crash) bool { return k.peer == peer }))
	}
	c.recent = append(c.recent, crash{peer, now})
	// What began before the window may be left out of calls now, and was not of seen.
	before := min(c.seen[c.next], calls-c.ignored)
	if !c.tooMany(calls - c.ignored - before) {
		return quarantine{}
	}
	q = quarantine{crashes: len(c.recent)}
	c.recent = nil
	c.calls.trip(now)
	q.backoff = c.calls.backoff
	return q
}

// tooMany tells whether the recent crashes are, of so many calls.
func (c *circuit) tooMany(calls uint64) bool {
	few, places := 0, 0
	for i := range c.recent {
		if before := count(c.recent[:i], c.recent[i].peer); before < fewPerPeer {
			few++
			if before == 0 {
				places++
			}
		}
	}
	n := len(c.recent)
	return places >= crashPeers && (n > maxCrashes || few >= fewCrashes && 2*uint64(n) >= calls)
}

func count(crashes []crash, peer channel.Peer) (n int) {
	for i := range crashes {
		if crashes[i].peer == peer {
			n++
		}
	}
	return n
}

// quarantine is how long a version is not served, after how many crashes; the zero
// quarantine is none.
type quarantine struct {
	backoff time.Duration
	crashes int
}

func (c *circuit) forget(i int) { c.recent = slices.Delete(c.recent, i, i+1) }

// try is breaker.try, for one that was seen to be open. It lets everything through,
// and trial is false, if the breaker is closed after all.
func (c *circuit) try(b *breaker, peer channel.Peer) (trial bool, wait time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !b.open.Load() {
		return false, 0, true
	}
	wait, ok = b.try(c.now(), peer)
	return ok, wait, ok
}

// settle ends the attempt that try granted. It returns for how long the breaker stays
// open.
func (c *circuit) settle(b *breaker, peer channel.Peer, o outcome) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.settle(c.now(), peer, o)
	if o != crashed {
		return 0
	}
	return b.backoff
}

// startFailed notes that an instance that was no attempt could not be started, and
// returns for how long no other will be.
func (c *circuit) startFailed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.starts.open.Load() {
		return 0
	}
	c.starts.trip(c.now())
	return c.starts.backoff
}
