package socket

import (
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/phx"
)

// Rate bounds how much of something there may be in the long run, and how much at
// once after a pause. The zero value bounds nothing.
type Rate struct {
	// PerSecond is how much there may be in a second, in the long run. 0 and less:
	// as much as there is.
	PerSecond int
	// Burst is how much there may be at once. Default: as much as in a second.
	Burst int
}

// Rates bound what one client may send. A frame above them is answered with an
// error reply, which says when to try again, and does nothing else; what nobody
// waits for an answer of is counted and logged. Heartbeats and phx_leave are
// answered as ever. A client that goes on nevertheless, with a thousand such
// frames at a hundred a second or more, is cut off with code 1008.
type Rates struct {
	// Frames counts the client's frames of every kind; of a message in fragments,
	// each of them.
	Frames Rate
	// Bytes counts the bytes of their messages. A message that is larger than the
	// burst passes if nothing else did for long enough.
	Bytes Rate
	// Joins counts each phx_join, besides.
	Joins Rate
}

// Of frames above the rates so many may come, see [Rates].
const (
	patienceBurst     = 1000
	patiencePerSecond = 100
)

// Counts counts what clients sent and were sent, and what was done to those that sent
// too much or read too little, or were too many. It is safe for concurrent use.
type Counts struct {
	// FramesIn and BytesIn are what clients sent: frames as [Socket.HandleFrame] gets
	// them.
	FramesIn, BytesIn atomic.Int64
	// Joins are the joins among them that were allowed to ask a channel.
	Joins atomic.Int64
	_     [64]byte // readers and writers of sockets do not share a cache line
	// FramesOut and BytesOut are what transports took to write it, with the headers of
	// their own framing.
	FramesOut, BytesOut atomic.Int64
	_                   [64]byte
	// Channels is how many there are at the time, those among them that are about to be
	// joined or have just been left.
	Channels atomic.Int64
	// SlowClosed are connections that were closed with code 1013.
	SlowClosed atomic.Int64
	// Dropped and Conflated are frames that were left out, see [SlowPolicy].
	Dropped, Conflated atomic.Int64
	// RateLimited are frames above the rates, joins included.
	RateLimited atomic.Int64
	// Paused is how often a client above the rates was not read, see [Socket.Await].
	Paused atomic.Int64
	// FloodClosed are connections that were closed because they did not stop.
	FloodClosed atomic.Int64
	// TurnedAway are clients for whom there was no place, see [Counts.TooMany].
	TurnedAway atomic.Int64
	// Failed are channels and joins that failed because of a client of this node:
	// its own, and others' at what it had broadcast.
	Failed atomic.Int64
	// FailedJoins are joins that were refused because there were too many of those.
	FailedJoins atomic.Int64
	// Expired are connections that were closed because their token had expired.
	Expired atomic.Int64
}

// sent counts what a transport took.
func (c *Counts) sent(frames [][]byte) {
	size := 0
	for _, frame := range frames {
		size += len(frame)
	}
	c.FramesOut.Add(int64(len(frames)))
	c.BytesOut.Add(int64(size))
}

// meter measures a [Rate]: it is the time at which all that has passed would have
// passed if it had come evenly. The zero value has seen nothing.
type meter int64

// take lets n more pass, or says how long it would have to wait.
func (m *meter) take(r Rate, n int, now int64) (wait time.Duration) {
	if r.PerSecond <= 0 {
		return 0
	}
	burst := r.Burst
	if burst <= 0 {
		burst = r.PerSecond
	}
	cost := duration(n, r.PerSecond)
	room := duration(burst, r.PerSecond)
	from := int64(*m)
	if from == 0 || from < now { // in a test, now may be negative
		from = now
	}
	if over := from + min(cost, room) - now - room; over > 0 {
		return time.Duration(over)
	}
	*m = meter(from + cost)
	return 0
}

// wait is how long it takes until one more may pass.
func (m *meter) wait(r Rate, now int64) time.Duration {
	after := *m
	return after.take(r, 1, now)
}

// charge lets n more pass, whatever passed before.
func (m *meter) charge(r Rate, n int, now int64) {
	if r.PerSecond <= 0 {
		return
	}
	from := int64(*m)
	if from == 0 || from < now {
		from = now
	}
	*m = meter(from + duration(n, r.PerSecond))
}

// mostAtOnce is from where on more makes no difference: behind it nanoseconds
// overflow. It is 4 GiB of bytes.
const mostAtOnce = 1 << 32

// duration is how long n take at a rate, in nanoseconds.
func duration(n, perSecond int) int64 {
	return min(int64(n), mostAtOnce) * int64(time.Second) / int64(perSecond)
}

// meters are those of one client. They belong to its reader.
type meters struct {
	frames, bytes, joins, patience meter
	// awaited: the next frame has waited for its turn, see [Socket.Await].
	awaited bool
}

// take counts a frame and says how long it would have to wait.
func (m *meters) take(r *Rates, size int) (wait time.Duration) {
	if r.Frames.PerSecond <= 0 && r.Bytes.PerSecond <= 0 {
		return 0
	}
	now := clock()
	wait = m.frames.take(r.Frames, 1, now)
	return max(wait, m.bytes.take(r.Bytes, size, now))
}

// admit tells whether a message may be carried out, which would have to wait so
// long for the rates of all frames, and answers it if not. Of those that may not,
// heartbeats and leaves are carried out all the same: unanswered, the former would
// end the connection, and the latter leave a channel that the client has forgotten.
func (s *Socket) admit(msg *phx.Message, wait time.Duration) bool {
	reason := phx.ReasonRateLimited
	if msg.Event == phx.EventJoin && wait == 0 {
		if s.cfg.Rates.Joins.PerSecond <= 0 {
			return true
		}
		reason = phx.ReasonTooManyJoins
		wait = s.meters.joins.take(s.cfg.Rates.Joins, 1, clock())
	}
	if wait == 0 {
		return true
	}
	if s.flooded(); s.end.Load() != nil {
		return false
	}
	if msg.Event == phx.EventLeave || msg.Topic == phx.TopicPhoenix && msg.Event == phx.EventHeartbeat {
		return true
	}
	s.refuse(msg, reason, wait)
	s.cfg.Logger.Info("a client sends too much: the frame was refused", "topic", msg.Topic, "event", msg.Event, "reason", string(reason))
	return false
}

// flooded counts a frame above the rates, and ends the socket if there were too
// many.
func (s *Socket) flooded() {
	s.cfg.Counts.RateLimited.Add(1)
	if s.meters.patience.take(Rate{patiencePerSecond, patienceBurst}, 1, clock()) == 0 {
		return
	}
	s.cfg.Counts.FloodClosed.Add(1)
	s.Close(End{ClosePolicyViolation, "too many frames"}, LeaveClosed)
}

// Control counts a frame of the transport's own protocol that the client sent,
// such as a ping, with so many bytes. The error is [ErrClosed]. It must not be
// called concurrently with HandleFrame.
func (s *Socket) Control(size int) error {
	if s.end.Load() == nil && s.meters.take(&s.cfg.Rates, size) > 0 {
		s.flooded()
	}
	return s.closedErr()
}
