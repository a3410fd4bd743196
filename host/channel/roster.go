package channel

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// roster knows which handlers are in use and which channels are joined with each.
type roster struct {
	mu   sync.Mutex
	uses map[Handler]*use
}

// use is what the channels of an Env have to do with one handler. The roster's
// lock guards all of it but handler.
type use struct {
	handler Handler
	// count is the number of joins, memberships and leaves that need the handler,
	// and of the uses whose next this is.
	count  int
	joined map[*Channel]struct{}
	next   *use   // what replaced the handler; nil while it is served
	free   func() // what to call when nothing needs a replaced handler any more
}

// latest is the use of the version that is served now.
func (u *use) latest() *use {
	for u.next != nil {
		u = u.next
	}
	return u
}

// keep is hold for those who do not have the lock.
func (r *roster) keep(h Handler) *use {
	r.mu.Lock()
	defer r.mu.Unlock() // also if h cannot be compared, which panics
	return r.hold(h)
}

// hold counts one more need of h. The caller holds r.mu.
func (r *roster) hold(h Handler) *use {
	u := r.uses[h]
	if u == nil {
		u = &use{handler: h}
		if r.uses == nil {
			r.uses = make(map[Handler]*use)
		}
		r.uses[h] = u
	}
	u.count++
	return u
}

// skip lets the versions that u replaced lead to what has replaced u: channels
// that stayed with them would else keep u, which they never come to. Somebody
// holds u meanwhile. The caller holds r.mu.
func (r *roster) skip(u *use) {
	for _, v := range r.uses {
		if v.next == u {
			v.next = u.next
			u.next.count++
			u.count--
		}
	}
}

// drop ends one need of u, and returns what is to be called without the lock.
// The caller holds r.mu.
func (r *roster) drop(u *use) (free []func()) {
	for u != nil {
		u.count--
		if u.count > 0 {
			break
		}
		delete(r.uses, u.handler)
		if u.free != nil {
			free = append(free, u.free)
		}
		u = u.next // which u needed
	}
	return free
}

// members lists the channels that are joined with the handlers that match.
func (r *roster) members(match func(*use) bool) []*Channel {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*Channel
	for _, u := range r.uses {
		if match(u) {
			for c := range u.joined {
				list = append(list, c)
			}
		}
	}
	return list
}

// acquire finds a handler and keeps it from being freed until release.
func (e *Env) acquire(route func() (Handler, bool)) (*use, bool) {
	for tries := 0; ; tries++ {
		h, ok := route()
		if !ok {
			return nil, false
		}
		u := e.roster.keep(h)
		// A handler is taken out of the routes before it is replaced: if the route
		// still leads to it, its end will wait for us. A route that leads to another
		// one each time is not replacing anything.
		if now, ok := route(); (ok && now == h) || tries == maxTries {
			return u, true
		}
		e.release(u)
	}
}

const maxTries = 16

// release ends what acquire began.
func (e *Env) release(u *use) {
	e.roster.mu.Lock()
	free := e.roster.drop(u)
	e.roster.mu.Unlock()
	for _, f := range free {
		f()
	}
}

// enroll notes that c is joined with u. It tells whether u was replaced while
// the join was under way.
func (e *Env) enroll(c *Channel, u *use) (replaced bool) {
	e.roster.mu.Lock()
	defer e.roster.mu.Unlock()
	if u.joined == nil {
		u.joined = make(map[*Channel]struct{})
	}
	u.joined[c] = struct{}{}
	return u.next != nil
}

// strike notes that c is no longer joined with u, which it still needs.
func (e *Env) strike(c *Channel, u *use) {
	e.roster.mu.Lock()
	defer e.roster.mu.Unlock()
	delete(u.joined, c)
}

// successor returns what has replaced u, held, or nil if nothing has.
func (e *Env) successor(u *use) *use {
	e.roster.mu.Lock()
	defer e.roster.mu.Unlock()
	next := u.latest()
	if next == u {
		return nil
	}
	next.count++
	return next
}

// ErrReplaced is returned by [Env.Replace] for a handler that has been replaced
// before, or is to be replaced by itself.
var ErrReplaced = errors.New("channel: the handler has been replaced already")

// Moved says what became of the channels when their handler was replaced.
type Moved struct {
	// Channels is how many follow the new handler.
	Channels int
	// Stayed is how many are still with an old one, because Upgrade failed.
	Stayed int
}

// Replace moves the channels that are joined with old, and those that stayed
// behind when old itself came, to next: each between two of its messages, so
// that none is lost, handled twice or overtaken. Routes have to lead to next
// already. Where next has Upgrade it is asked first, and a channel for which it
// fails stays. Replace returns when every channel has come to its turn, or ctx
// has ended, with ctx's error; what has not moved by then moves later. The error
// is [ErrReplaced], and nothing has happened, if next or old has been replaced
// already: to go back to an earlier version, give a new handler of it.
//
// free is called once, as soon as nothing needs old any more, which may be during
// the call or much later, by whoever needed it last; the engine's end or the
// closing of old may be left to it.
func (e *Env) Replace(ctx context.Context, old, next Handler, free func()) (Moved, error) {
	e.roster.mu.Lock()
	u, n := e.roster.hold(old), e.roster.hold(next)
	if u == n || u.next != nil || n.next != nil {
		e.roster.mu.Unlock()
		e.release(u)
		e.release(n)
		return Moved{}, ErrReplaced
	}
	u.next, u.free = n, free // u keeps the hold of n
	e.roster.skip(u)
	e.roster.mu.Unlock()
	defer e.release(u)

	var moved, stayed atomic.Int64
	// An upgrade that enters a guest takes its place there from a client's event.
	// One that does not takes a moment, and only the goroutines are bounded.
	turns := make(chan struct{}, 256)
	if next.Traits().has(CallbackUpgrade) {
		turns = make(chan struct{}, 2*runtime.GOMAXPROCS(0))
	}
	done := func(o outcome) {
		switch o {
		case upgraded:
			moved.Add(1)
		case kept:
			stayed.Add(1)
		}
		<-turns
	}
	var err error
	for _, c := range e.roster.members(func(v *use) bool { return v != n && v.latest() == n }) {
		if err = wait(ctx, turns); err != nil {
			break
		}
		if c.post(item{kind: itemUpgrade, done: done}) != nil {
			<-turns // it has come to its end
		}
	}
	for range cap(turns) {
		if err == nil {
			err = wait(ctx, turns)
		}
	}
	return Moved{Channels: int(moved.Load()), Stayed: int(stayed.Load())}, err
}

// wait takes a place in turns.
func wait(ctx context.Context, turns chan<- struct{}) error {
	select {
	case turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// outcome is what became of a channel that was to be upgraded.
type outcome uint8

const (
	gone outcome = iota // not joined any more
	upgraded
	kept
)
