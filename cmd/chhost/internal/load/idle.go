package load

import "context"

// idle holds connections that do nothing.
type idle struct{ r *run }

func (*idle) take(*member, sort, []byte) bool { return false }

func (s *idle) play(ctx context.Context) error {
	before := s.r.usage()
	s.r.wait(ctx, s.r.cfg.Hold, nil)
	held := stage("hold", s.r.alive.Load(), before, s.r.usage(), nil)
	held.PerSecond = 0 // nothing happened
	s.r.report.Hold = held
	return nil
}
