package socket

import (
	"slices"
	"sync/atomic"

	"github.com/chhost/chhost/host/channel"
)

// lastTurns is what a socket does before it ends that finish was called for. It goes
// in rounds: a mark is put behind what waits in each channel, and when all have come
// to theirs, and nothing was put behind them meanwhile, all is answered.
type lastTurns struct {
	end    End
	why    LeaveKind
	told   chan<- struct{}
	ahead  atomic.Int32 // channels that have not come to their mark
	posted uint64       // Socket.posted when the marks were set
}

// finish is Close for a client that is still there, at a moment at which all that it
// has sent is carried out and answered. Until then it is served. finish does not
// wait: told takes one, without blocking, when the socket has ended, however it does.
// It tells whether that is the case already.
func (s *Socket) finish(end End, why LeaveKind, told chan<- struct{}) (ended bool) {
	l := &lastTurns{end: end, why: why, told: told}
	s.last.Store(l)
	s.mark(l)
	return s.ended() // whoever ends it from now on finds told
}

// mark sets the marks of one round, and ends the socket if there are none.
func (s *Socket) mark(l *lastTurns) {
	l.posted = s.posted.Load()
	s.mu.Lock()
	channels := slices.Clone(s.channels.list)
	s.mu.Unlock()
	l.ahead.Store(int32(len(channels)) + 1)
	for _, c := range channels {
		if c.Look(func(channel.Standing) { s.passed(l) }) != nil {
			s.passed(l) // it has come to its end
		}
	}
	s.passed(l)
}

// passed is called when a channel has come to its mark.
func (s *Socket) passed(l *lastTurns) {
	switch {
	case l.ahead.Add(-1) > 0 || s.ended():
	case s.posted.Load() == l.posted:
		s.Close(l.end, l.why)
	default:
		s.mark(l)
	}
}

func (s *Socket) ended() bool { return s.end.Load() != nil }

// tellEnded lets whoever called finish know of the end.
func (s *Socket) tellEnded() {
	l := s.last.Load()
	if l == nil {
		return
	}
	select {
	case l.told <- struct{}{}:
	default:
	}
}
