package channel

import "sync"

// roster knows which handlers are in use and which channels are joined with each.
type roster struct {
	mu   sync.Mutex
	uses map[Handler]*use
	// topics counts channels and joins under way, if there is a bound.
	topics map[string]int
	most   func() int
}

// use is what the channels of an Env have to do with one handler. The roster's
// lock guards all of it but handler.
type use struct {
	handler Handler
	// count is the number of joins, memberships and leaves that need the handler,
	// and of the uses whose next this is.
	count  int
	joined map[*Channel]struct{}
	next   *use    // what replaced the handler; nil while it is served
	back   bool    // next is a version that was served before
	branch *branch // what took some of its topics, while it is served
	free   func()  // what to call when nothing needs a replaced handler any more
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
	e.roster.count(c.topic, 1)
	return u.latest(c.topic) != u
}

// strike notes that c is no longer joined with u, which it still needs.
func (e *Env) strike(c *Channel, u *use) {
	e.roster.mu.Lock()
	defer e.roster.mu.Unlock()
	delete(u.joined, c)
	e.roster.count(c.topic, -1)
}

// Needed tells whether a join, a membership or a move to it needs h.
func (e *Env) Needed(h Handler) bool {
	e.roster.mu.Lock()
	defer e.roster.mu.Unlock()
	return e.roster.uses[h] != nil
}

// JoinedVersion is how many channels are joined with a version, see [Edition].
func (e *Env) JoinedVersion(version any) int {
	e.roster.mu.Lock()
	defer e.roster.mu.Unlock()
	n := 0
	for h, u := range e.roster.uses {
		if versionOf(h) == version {
			n += len(u.joined)
		}
	}
	return n
}
