package load

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// fanout lets one connection push events that the channel broadcasts to all. The
// broadcasts of one sender keep their order, so the n-th that a subscriber
// receives is of the n-th push, and no frame has to be parsed.
type fanout struct {
	r           *run
	event       []byte
	sender      *member // set before on, as are the subscribers
	subscribers int64
	on          atomic.Bool  // what came before is not of this load
	by          atomic.Int32 // the sort that the first delivery was of
	pushes      atomic.Int64 // so far
	first       atomic.Int64 // the number of the first push that is measured
	times       times
	heard       atomic.Int64 // deliveries to subscribers
	own         atomic.Int64 // those to the sender
	target      atomic.Int64 // at so many deliveries, done is told
	done        chan struct{}
	arrival     *latencies
}

func newFanout(r *run) *fanout {
	return &fanout{r: r, event: eventIn(r.cfg.Event), done: make(chan struct{}, 1), arrival: newLatencies()}
}

// times says when each push was written. It grows, so that the sender and the
// readers need no lock.
type times struct{ pages [1 << 14]atomic.Pointer[page] }

type page [1 << 12]atomic.Int64

const maxPushes = (1 << 14) * (1 << 12)

func (t *times) set(n, at int64) {
	p := &t.pages[n>>12]
	if p.Load() == nil {
		p.Store(new(page))
	}
	p.Load()[n&(1<<12-1)].Store(at)
}

// of returns 0 for a push that was not made.
func (t *times) of(n int64) int64 {
	if n >= maxPushes {
		return 0
	}
	p := t.pages[n>>12].Load()
	if p == nil {
		return 0
	}
	return p[n&(1<<12-1)].Load()
}

// take takes deliveries: broadcasts, and the pushes that a channel which
// intercepts makes of them.
func (f *fanout) take(m *member, s sort, data []byte) bool {
	if s == sortReply {
		return isOK(data)
	}
	if s != sortBroadcast && s != sortPush || !f.on.Load() || !hasEvent(data, f.event) {
		return false
	}
	f.by.CompareAndSwap(int32(sortOther), int32(s))
	if int32(s) != f.by.Load() {
		return false // of the same name, such as a timer's push
	}
	n := m.seen
	m.seen++
	at := f.times.of(n)
	if at == 0 {
		f.r.faults.add("a broadcast that nobody here caused", 1)
		return true
	}
	took := time.Duration(f.r.now() - at)
	if m == f.sender {
		f.own.Add(1)
		return true
	}
	if n >= f.first.Load() {
		f.arrival.note(m.n, took)
	}
	if f.heard.Add(1) == f.target.Load() {
		select {
		case f.done <- struct{}{}:
		default:
		}
	}
	return true
}

func (f *fanout) play(ctx context.Context) error {
	members := f.r.all()
	f.sender = members[0]
	f.subscribers = int64(len(members) - 1)
	if f.subscribers == 0 {
		return fmt.Errorf("nobody but the sender could join %s", f.r.cfg.Topic)
	}
	f.first.Store(maxPushes)
	f.on.Store(true)
	f.push()
	if !f.settle(ctx) {
		if f.heard.Load() == 0 && ctx.Err() == nil && f.r.alive.Load() == int64(len(members)) {
			return f.unheard()
		}
		return nil
	}
	if !f.rounds(ctx, f.r.cfg.Warmup, 0) {
		return nil
	}
	f.first.Store(f.pushes.Load())
	deliveries := f.heard.Load() + f.own.Load()
	before := f.r.usage()
	if f.r.cfg.Count > 0 {
		f.rounds(ctx, 0, f.r.cfg.Count)
	} else {
		f.rounds(ctx, f.r.cfg.Duration, 0)
	}
	deliveries = f.heard.Load() + f.own.Load() - deliveries
	f.r.report.Measured = stage("delivery", deliveries, before, f.r.usage(), f.arrival.summary())
	f.r.report.Sent = f.pushes.Load() - f.first.Load()
	return nil
}

// rounds pushes for a time, or a number of pushes, until all has arrived. It
// returns false if that did not come about.
func (f *fanout) rounds(ctx context.Context, d time.Duration, count int) bool {
	cfg := f.r.cfg
	begin, first := time.Now(), f.pushes.Load()
	var pace <-chan time.Time
	if cfg.Every > 0 {
		ticker := time.NewTicker(cfg.Every)
		defer ticker.Stop()
		pace = ticker.C
	}
	for time.Since(begin) < d || f.pushes.Load()-first < int64(count) {
		if f.pushes.Load()+int64(cfg.Burst) > maxPushes {
			break
		}
		f.push()
		if pace == nil && !f.settle(ctx) {
			return false
		}
		if pace != nil {
			select {
			case <-pace:
			case <-f.r.news:
				return false // told by its reader
			case <-ctx.Done():
				return false
			}
		}
	}
	return f.settle(ctx)
}

// push sends one burst.
func (f *fanout) push() {
	n, now := f.pushes.Load(), f.r.now()
	for i := range int64(f.r.cfg.Burst) {
		f.times.set(n+i, now)
	}
	f.pushes.Add(int64(f.r.cfg.Burst))
	f.r.send(f.sender, f.sender.push, false)
}

// settle waits until all subscribers have received all that was pushed.
func (f *fanout) settle(ctx context.Context) bool {
	want := f.pushes.Load() * f.subscribers
	f.target.Store(want)
	patience := time.NewTimer(f.r.cfg.Timeout)
	defer patience.Stop()
	for f.heard.Load() < want {
		select {
		case <-f.done:
		case <-f.r.news:
			return false
		case <-ctx.Done():
			return false
		case <-patience.C:
			f.r.faults.add(f.late(), want-f.heard.Load())
			return false
		}
	}
	return true
}

// late is the kind of error that a delivery is which did not come.
func (f *fanout) late() string {
	return fmt.Sprintf("a delivery did not come within %v", f.r.cfg.Timeout)
}

func (f *fanout) unheard() error {
	cfg := f.r.cfg
	for kind := range f.r.faults.all() {
		if kind != f.late() {
			return fmt.Errorf("nobody received the first %s, which was answered by %s: choose another --event or --payload", cfg.Event, kind)
		}
	}
	return fmt.Errorf("nobody received the first %s within %v: choose an --event that the channel broadcasts by the same name", cfg.Event, cfg.Timeout)
}
