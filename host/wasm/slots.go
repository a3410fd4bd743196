package wasm

import "sync/atomic"

// slots lets so many in at once; others wait, and come in in the order in which they
// came. It is safe for concurrent use. A channel would do, but takes a lock where
// nobody waits, twice for each call of a plugin.
type slots struct {
	places int64
	free   atomic.Int64  // places that are free; below zero: how many wait without being called
	call   chan struct{} // one for each that waits and may come in
}

func newSlots(places int) *slots {
	s := &slots{places: int64(places), call: make(chan struct{}, places)}
	s.free.Store(s.places)
	return s
}

// enter comes in if there is a place.
func (s *slots) enter() bool {
	for {
		n := s.free.Load()
		if n <= 0 {
			return false
		}
		if s.free.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// queue begins to wait. It is true if there was a place after all. Else who is called
// is in, and who does not want to wait any longer withdraws.
func (s *slots) queue() bool { return s.free.Add(-1) >= 0 }

// withdraw ends a wait. It is false if it comes too late: then the caller is in.
func (s *slots) withdraw() bool {
	for {
		n := s.free.Load()
		if n >= 0 { // all that wait have been called
			<-s.call
			return false
		}
		if s.free.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// leave gives a place up, to the one who has waited longest if there is one. It does not
// block: those that were called and are not in yet are not more than the places.
func (s *slots) leave() {
	if s.free.Add(1) <= 0 {
		s.call <- struct{}{}
	}
}

// taken is how many places are.
func (s *slots) taken() int { return int(s.places - max(s.free.Load(), 0)) }
