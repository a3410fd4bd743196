package admin

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// How many modules may arrive and be compiled at once, each being in memory as a whole,
// and how many of one tenant; and the same of those that follow logs. Some places are
// for the operator only, whose requests are those of no tenant, whatever tenant they are
// about: however many tenants take all that they may, it can still upload and look.
const (
	mostUploads, eachUploads, spareUploads = 16, 4, 2
	mostReaders, eachReaders, spareReaders = 200, 10, 20
	// eachRequests is how many other requests of one tenant's deploy tokens are carried
	// out at once: each takes many times its body as memory, and so may its answer. No
	// bound is set to those of all, since one who sends slowly would keep others out.
	mostRequests, eachRequests = math.MaxInt, 8
	// placeTime is how long a request waits for its place, and mostWaiting how many of one
	// tenant, or of the operator, wait.
	placeTime   = 2 * time.Minute
	mostWaiting = 200
)

// places bounds how much of a thing is under way at once, of one tenant and of all: what
// one of them begins does not keep the others out. The operator's, whose name is empty, is
// bounded by that of all only, of which spare places are its own.
//
// A place that is given back goes to whoever waits for one and has the fewest, of several
// to the one that has got none for the longest: who waits is behind those with fewer places
// than it would have, and behind each other tenant once. It is safe for concurrent use.
type places struct {
	most, each, spare int

	mu      sync.Mutex
	all     int // places that are taken
	owners  map[string]*owner
	waiting []*waiter // in the order in which they came; none of them may have a place yet
	turns   int       // counts places that were handed out
}

// owner is a tenant, or the operator, for as long as it has a place or waits for one.
type owner struct {
	name           string
	taken, waiting int
	last           int // the turn in which it got a place last; 0: it has got none
}

// waiter is a request that waits.
type waiter struct {
	*owner
	got chan struct{} // closed when it has a place
}

// of returns an owner; p.mu is held.
func (p *places) of(name string) *owner {
	o := p.owners[name]
	if o == nil {
		if p.owners == nil {
			p.owners = make(map[string]*owner)
		}
		o = &owner{name: name}
		p.owners[name] = o
	}
	return o
}

// done forgets an owner that has nothing here; p.mu is held.
func (p *places) done(o *owner) {
	if o.taken == 0 && o.waiting == 0 {
		delete(p.owners, o.name)
	}
}

// room tells whether an owner may have a place now; p.mu is held.
func (p *places) room(o *owner) bool {
	if o.name == "" {
		return p.all < p.most
	}
	return p.all < p.most-p.spare && o.taken < p.each
}

// hand gives an owner a place; p.mu is held.
func (p *places) hand(o *owner) {
	p.turns++
	p.all++
	o.taken++
	o.last = p.turns
}

// try takes a place if there is one.
func (p *places) try(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.of(name)
	defer p.done(o)
	if !p.room(o) {
		return false
	}
	p.hand(o)
	return true
}

// enter takes a place, or a place among those that wait, which is nil otherwise.
func (p *places) enter(name string) (*waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.of(name)
	if p.room(o) { // which nobody has who waits
		p.hand(o)
		return nil, nil
	}
	if o.waiting >= mostWaiting {
		return nil, fault(codeBusy, "%d requests wait for one another already: try again later", mostWaiting)
	}
	o.waiting++
	w := &waiter{o, make(chan struct{})}
	p.waiting = append(p.waiting, w)
	return w, nil
}

// take takes a place, and waits for one for a while.
func (p *places) take(ctx context.Context, name string) error {
	w, err := p.enter(name)
	if w == nil {
		return err
	}
	timer := time.NewTimer(placeTime)
	defer timer.Stop()
	select {
	case <-w.got:
		return nil
	case <-timer.C:
		err = fault(codeBusy, "too much of this is under way: try again later")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if !p.withdraw(w) {
		return nil // it has got one meanwhile
	}
	return err
}

// withdraw lets somebody wait no more; false: it has a place by now.
func (p *places) withdraw(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.waiting, w)
	if i < 0 {
		return false
	}
	p.dismiss(i)
	p.done(w.owner)
	return true
}

// dismiss takes one out of those that wait; p.mu is held.
func (p *places) dismiss(i int) {
	p.waiting[i].waiting--
	p.waiting = slices.Delete(p.waiting, i, i+1)
}

// give gives a place back, to whom it goes to.
func (p *places) give(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.of(name)
	p.all--
	o.taken--
	defer p.done(o)
	next := -1
	for i, w := range p.waiting {
		if p.room(w.owner) && (next < 0 || w.before(p.waiting[next])) {
			next = i
		}
	}
	if next < 0 {
		return
	}
	w := p.waiting[next]
	p.dismiss(next)
	p.hand(w.owner)
	close(w.got)
}

// before tells whether an owner's turn is before that of another one.
func (o *waiter) before(other *waiter) bool {
	if o.taken != other.taken {
		return o.taken < other.taken
	}
	return o.last < other.last
}
