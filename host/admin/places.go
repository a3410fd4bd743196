package admin

import (
	"context"
	"math"
	"sync"
	"time"
)

// How many modules may arrive and be compiled at once, each being in memory as a whole,
// and how many of one tenant; and the same of those that follow logs.
const (
	mostUploads, eachUploads = 16, 4
	mostReaders, eachReaders = 200, 10
	// eachRequests is how many other requests of one tenant's deploy tokens are carried
	// out at once: each takes many times its body as memory, and so may its answer. No
	// bound is set to those of all, since one who sends slowly would keep others out.
	mostRequests, eachRequests = math.MaxInt, 8
	// placeTime is how long an upload waits for its place.
	placeTime = 2 * time.Minute
)

// places bounds how much of a thing is under way at once, of one tenant and of all: what
// one of them begins does not keep the others out. It is safe for concurrent use.
type places struct {
	most, each int

	mu    sync.Mutex
	all   int
	taken map[string]int
	freed chan struct{} // closed when one was given back; nil: nobody waits
}

// try takes a place for a tenant if there is one; if not, wait is closed when there may
// be.
func (p *places) try(tenant string) (ok bool, wait <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all >= p.most || p.taken[tenant] >= p.each {
		if p.freed == nil {
			p.freed = make(chan struct{})
		}
		return false, p.freed
	}
	if p.taken == nil {
		p.taken = make(map[string]int)
	}
	p.taken[tenant]++
	p.all++
	return true, nil
}

// take takes a place, and waits for one for a while.
func (p *places) take(ctx context.Context, tenant string) error {
	timer := time.NewTimer(placeTime)
	defer timer.Stop()
	for {
		ok, wait := p.try(tenant)
		if ok {
			return nil
		}
		select {
		case <-wait:
		case <-timer.C:
			return fault(codeBusy, "too much of this is under way: try again later")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// give gives a place back.
func (p *places) give(tenant string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.taken[tenant]--; p.taken[tenant] == 0 {
		delete(p.taken, tenant)
	}
	if p.freed != nil {
		close(p.freed)
		p.freed = nil
	}
}
