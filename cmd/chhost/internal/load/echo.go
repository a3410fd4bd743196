package load

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/phx"
)

// tries is how long a reply may come after a push or a broadcast of the same
// event, in a trial: it is the reply then that answers.
const tries = 250 * time.Millisecond

// echo lets each connection push an event, wait for the answer, and push the
// next.
type echo struct {
	course
	r      *run
	event  []byte           // as it stands in a frame, between commas
	answer atomic.Int32     // the sort that answers, once that is known
	seen   chan sort        // in the trial: what came to the first
	failed chan string      // and what was no good
	ramp   map[string]int64 // of play: the errors before the trial
}

func newEcho(r *run) *echo {
	return &echo{course: newCourse(r.cfg.Count), r: r, event: eventIn(r.cfg.Event), seen: make(chan sort, 16), failed: make(chan string, 1)}
}

// eventIn is the event as it stands in a frame.
func eventIn(event string) []byte { return []byte("," + quote(event) + ",") }

func (e *echo) take(m *member, s sort, data []byte) bool {
	if s != sortReply && (s != sortPush && s != sortBroadcast || !hasEvent(data, e.event)) {
		return false
	}
	now, good := e.now(), s != sortReply || isOK(data)
	if now == phaseTrial {
		e.tried(m, s, good, data)
		return good
	}
	if !good {
		e.next(m, now)
		return false
	}
	if int32(s) != e.answer.Load() {
		return s == sortReply // a good reply that is not needed is no error
	}
	if since := m.waits.Load(); since != 0 {
		e.note(m.n, e.r.now()-since)
	}
	e.next(m, now)
	return true
}

// next sends a member's next push, if there is to be one.
func (e *echo) next(m *member, now phase) {
	if now == phaseOver {
		m.waits.Store(0)
		return
	}
	e.r.send(m, m.push, true)
}

func (e *echo) play(ctx context.Context) error {
	if err := e.try(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	e.begin(e.r)
	for _, m := range e.r.all() {
		e.r.send(m, m.push, true)
	}
	e.measure(ctx, e.r, "echo")
	return nil
}

// try finds out how the event is answered.
func (e *echo) try(ctx context.Context) error {
	cfg := e.r.cfg
	by := map[string]sort{AnswerReply: sortReply, AnswerPush: sortPush, AnswerBroadcast: sortBroadcast}[cfg.Answer]
	if by == sortOther {
		e.ramp = e.r.faults.all()
		m := e.r.all()[0]
		e.r.send(m, m.push, false)
		var err error
		if by, err = e.hear(ctx, cfg.Timeout); err != nil && err != errSilence {
			return err
		}
		for err == nil && by != sortReply {
			var more sort
			more, err = e.hear(ctx, tries)
			by = max(by, more)
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil
	case by == sortOther:
		return fmt.Errorf("nothing answered the first %s within %v: choose an --event that the channel replies to, or pushes or broadcasts back", cfg.Event, cfg.Timeout)
	case by == sortBroadcast && e.r.frames.one && cfg.Conns > 1:
		return fmt.Errorf("%s is broadcast to all %d connections, so nobody can tell whose echo it is: measure that with fanout, or choose an --event that is not broadcast, or a --topic with %s in it", cfg.Event, cfg.Conns, numberMark)
	}
	e.answer.Store(int32(by))
	e.r.report.AnsweredBy = map[sort]string{sortReply: AnswerReply, sortPush: AnswerPush, sortBroadcast: AnswerBroadcast}[by]
	return nil
}

// tried tells what came in the trial.
func (e *echo) tried(m *member, s sort, good bool, data []byte) {
	switch {
	case m.n != 0:
	case !good:
		select {
		case e.failed <- describe(phx.Frame{Data: data}):
		default: // it has been told
		}
	default:
		select {
		case e.seen <- s:
		default: // so much is enough
		}
	}
}

// errSilence is returned when nothing came.
var errSilence = errors.New("nothing came")

// hear waits for an answer in the trial.
func (e *echo) hear(ctx context.Context, patience time.Duration) (sort, error) {
	over := time.NewTimer(patience)
	defer over.Stop()
	select {
	case s := <-e.seen:
		return s, nil
	case kind := <-e.failed:
		return sortOther, e.unfit(kind)
	case <-ctx.Done():
	case <-over.C:
		for kind := range e.r.faults.all() {
			if _, before := e.ramp[kind]; !before {
				return sortOther, e.unfit(kind)
			}
		}
	}
	return sortOther, errSilence
}

// unfit is the error that the first event was answered so.
func (e *echo) unfit(kind string) error {
	return fmt.Errorf("the first %s was not answered as an echo is (%s): choose another --event or --payload", e.r.cfg.Event, kind)
}
