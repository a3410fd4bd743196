package socket

import (
	"context"
	"time"
)

// Await returns when the client's rates let one more frame through, at once as a
// rule. It is for transports to which a frame is work before they know how much is in
// it, such as to unpack it: answering it then, as HandleFrame does, would come too
// late. The frame that HandleFrame is given next passes, whatever it has, and those
// behind it pay for it, so that this takes as long as one frame is at its rate. The
// error is [ErrClosed], also if the socket ends meanwhile, or ctx's. It must not be
// called concurrently with HandleFrame.
func (s *Socket) Await(ctx context.Context) error {
	r := &s.cfg.Rates
	now := clock()
	wait := max(s.meters.frames.wait(r.Frames, now), s.meters.bytes.wait(r.Bytes, now))
	if wait > 0 {
		s.cfg.Counts.Paused.Add(1)
		s.cfg.Logger.Info("a client sends too much: it is not read for a while", "pause", wait)
		if err := s.pause(ctx, wait); err != nil {
			return err
		}
	}
	s.meters.awaited = true
	return s.closedErr()
}

// taken is [meters.take] for a frame of the client, which passes if it was awaited:
// others that came meanwhile, in the midst of it, had no turn of their own.
func (s *Socket) taken(size int) (wait time.Duration) {
	if !s.meters.awaited {
		return s.meters.take(&s.cfg.Rates, size)
	}
	s.meters.awaited = false
	now := clock()
	s.meters.frames.charge(s.cfg.Rates.Frames, 1, now)
	s.meters.bytes.charge(s.cfg.Rates.Bytes, size, now)
	return 0
}

// pause takes so long, unless the socket or ctx ends.
func (s *Socket) pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		woken := s.readerRoom()
		if err := s.closedErr(); err != nil {
			return err // whoever ends it from now on wakes the reader
		}
		select {
		case <-timer.C:
			return nil
		case <-woken: // the end, or somebody who was late
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// readerRoom is what wakes the reader.
func (s *Socket) readerRoom() <-chan struct{} {
	room := s.room.Load()
	if room == nil {
		made := make(chan struct{}, 1)
		room = &made
		s.room.Store(room)
	}
	return *room
}
