package socket

import (
	"sync"
	"time"

	"github.com/chhost/chhost/host/phx"
)

// What a client may do to channels: more failures than maxFailures within
// failureWindow, and its joins are refused for minPenalty, each time again for twice
// as long, up to maxPenalty. A client that has had no penalty for calmTime begins
// anew.
const (
	maxFailures   = 5
	failureWindow = 10 * time.Second
	minPenalty    = time.Second
	maxPenalty    = time.Minute
	calmTime      = time.Minute
)

// failures counts the channels that failed because of one client. Safe for
// concurrent use; the zero value has seen none.
type failures struct {
	mu      sync.Mutex
	last    [maxFailures + 1]int64 // when the last ones were, on the clock of rates; a ring
	next    int                    // in last
	seen    int                    // how many of last are set
	penalty time.Duration          // the last one
	until   int64                  // when it ends
}

// add counts a failure, and tells whether it is one too many.
func (f *failures) add(now int64) (tooMany bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last[f.next] = now
	f.next = (f.next + 1) % len(f.last)
	f.seen = min(f.seen+1, len(f.last))
	oldest := f.last[f.next]
	if f.seen < len(f.last) || now-oldest > int64(failureWindow) {
		return false
	}
	if f.penalty > 0 && now < f.until { // by channels that were joined before: one penalty for all of it
		return true
	}
	if f.penalty == 0 || now-f.until > int64(calmTime) {
		f.penalty = minPenalty
	} else {
		f.penalty = min(2*f.penalty, maxPenalty)
	}
	f.until = now + int64(f.penalty)
	return true
}

// wait is how long joins are still refused.
func (f *failures) wait(now int64) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.penalty == 0 { // in a test, now may be negative
		return 0
	}
	return max(0, time.Duration(f.until-now))
}

// failed is what channels call whose handlers fail because of this client.
func (s *Socket) failed() (tooOften bool) {
	s.cfg.Counts.Failed.Add(1)
	f := s.failures.Load()
	if f == nil {
		s.failures.CompareAndSwap(nil, new(failures))
		f = s.failures.Load()
	}
	return f.add(clock())
}

// penalized answers a join of a client because of which too many channels failed.
func (s *Socket) penalized(msg *phx.Message) bool {
	f := s.failures.Load()
	if f == nil {
		return false
	}
	wait := f.wait(clock())
	if wait == 0 {
		return false
	}
	s.cfg.Counts.FailedJoins.Add(1)
	s.refuse(msg, phx.ReasonUnavailable, wait)
	s.cfg.Logger.Info("a join was refused: too many channels failed because of this client", "topic", msg.Topic, "retry_after", wait)
	return true
}
