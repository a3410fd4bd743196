package channel

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/phx"
)

// This file holds how channels come from one handler to the one that replaced it.

// Edition is implemented by handlers of which several may be the same version of a
// plugin, since one that was replaced cannot be served again: between two of them
// there is nothing to upgrade.
type Edition interface {
	// Version is what all of them have in common; it is comparable.
	Version() any
}

// versionOf is what tells versions apart.
func versionOf(h Handler) any {
	if e, ok := h.(Edition); ok {
		return e.Version()
	}
	return h
}

// branch leads the channels of some topics from a handler to another one.
type branch struct {
	leads func(topic string) bool
	to    *use // held
}

// latest is the use of the version that serves a topic now. The caller holds the
// roster's lock.
func (u *use) latest(topic string) *use {
	for {
		switch {
		case u.next != nil:
			u = u.next
		case u.branch != nil && u.branch.leads(topic):
			u = u.branch.to
		default:
			return u
		}
	}
}

// end is the use at the end of all that replaced u, whatever the topic. The caller
// holds the roster's lock.
func (u *use) end() *use {
	for u.next != nil {
		u = u.next
	}
	return u
}

// successor returns what serves the channel's topic in place of u, held, or nil if u
// does; back tells whether it was served before u.
func (e *Env) successor(u *use, topic string) (next *use, back bool) {
	e.roster.mu.Lock()
	defer e.roster.mu.Unlock()
	next = u.latest(topic)
	if next == u {
		return nil, false
	}
	next.count++
	return next, u.back
}

// ErrReplaced is returned by [Env.Succeed] for a handler that has been replaced
// before, or is to be replaced by itself.
var ErrReplaced = errors.New("channel: the handler has been replaced already")

// Moved says what became of the channels when their handler was replaced.
type Moved struct {
	// Channels is how many follow the new handler.
	Channels int
	// Stayed is how many are still with an old one, because Upgrade failed.
	Stayed int
	// Failed is how many were ended with phx_error, because Upgrade failed on the way
	// back to a version that was served before.
	Failed int
}

// Replace is [Env.Succeed] and the move of the channels, for which it waits: it
// returns when every channel has come to its turn, or ctx has ended, with ctx's error;
// what has not moved by then moves later.
func (e *Env) Replace(ctx context.Context, old, next Handler, free func()) (Moved, error) {
	move, err := e.Succeed(old, next, Succession{Free: free})
	if err != nil {
		return Moved{}, err
	}
	return move(ctx)
}

// Succession says how a handler is replaced.
type Succession struct {
	// Back: next is a version that was served before old. Assigns that are as its
	// successor's Upgrade has left them become again what they were; and a channel whose
	// Upgrade fails ends with phx_error, so that its client joins again.
	Back bool
	// Leads limits the succession to the topics for which it is true; old goes on
	// serving the others, and may be given more of them by a Leads that is true for
	// these too. It is called with a lock held. Default: all topics.
	Leads func(topic string) bool
	// Free is called once, as soon as nothing needs old any more, which may be while the
	// channels move or much later, by whoever needed it last; the engine's end or the
	// closing of old may be left to it. It is for successions in all topics. Default: nothing.
	Free func()
}

// Succeed lets next take the place of old. Routes have to lead to next already. From
// then on the channels that are joined with old, and those that stayed behind when old
// itself came, belong to next, and move is to be called once, which brings them there:
// each between two of its messages, so that none is lost, handled twice or overtaken.
// Where next has Upgrade it is asked first, and a channel for which it fails stays.
// Several moves may be under way; where they lead is decided by what has succeeded by
// then.
//
// The error is [ErrReplaced], and nothing has happened, if next or old has been replaced
// already: to go back to an earlier version, give a new handler of it.
func (e *Env) Succeed(old, next Handler, s Succession) (move func(context.Context) (Moved, error), err error) {
	r := &e.roster
	r.mu.Lock()
	u, n := r.hold(old), r.hold(next)
	if u == n || u.next != nil || n.next != nil {
		r.mu.Unlock()
		e.release(u)
		e.release(n)
		return nil, ErrReplaced
	}
	free := u.cut(r)
	if n.branch != nil && n.branch.to == u { // or each would lead to the other
		free = append(free, n.cut(r)...)
	}
	if s.Leads != nil {
		u.branch = &branch{s.Leads, n} // it keeps the hold of n
	} else {
		u.next, u.back, u.free = n, s.Back, s.Free // likewise
		r.skip(u)
	}
	r.mu.Unlock()
	for _, f := range free {
		f()
	}
	return func(ctx context.Context) (Moved, error) {
		defer e.release(u)
		return e.move(ctx, n)
	}, nil
}

// cut ends the branch of u, if it has one, and returns what is to be called without
// the lock. The caller holds r.mu.
func (u *use) cut(r *roster) (free []func()) {
	if u.branch == nil {
		return nil
	}
	to := u.branch.to
	u.branch = nil
	return r.drop(to)
}

// move brings the channels to n that belong there, and waits for them.
func (e *Env) move(ctx context.Context, n *use) (Moved, error) {
	var moved, stayed, failed atomic.Int64
	// An upgrade that enters a guest takes its place there from a client's event.
	// One that does not takes a moment, and only the goroutines are bounded.
	turns := make(chan struct{}, 256)
	if n.handler.Traits().has(CallbackUpgrade) {
		turns = make(chan struct{}, 2*runtime.GOMAXPROCS(0))
	}
	done := func(o outcome) {
		switch o {
		case upgraded:
			moved.Add(1)
		case kept:
			stayed.Add(1)
		case broken:
			failed.Add(1)
		}
		<-turns
	}
	var err error
	for _, c := range e.roster.astray(n) {
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
	return Moved{Channels: int(moved.Load()), Stayed: int(stayed.Load()), Failed: int(failed.Load())}, err
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

// astray lists the channels that are not with n and belong there.
func (r *roster) astray(n *use) []*Channel {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*Channel
	for _, u := range r.uses {
		if u == n || u.end() == u && u.branch == nil {
			continue
		}
		for c := range u.joined {
			if u.latest(c.topic) == n {
				list = append(list, c)
			}
		}
	}
	return list
}

// outcome is what became of a channel that was to be upgraded.
type outcome uint8

const (
	gone outcome = iota // not joined any more
	upgraded
	kept
	broken // it was ended with phx_error
)

const (
	// expelStep is how long one batch of [Env.Expel] is before the next, on average.
	expelStep = 50 * time.Millisecond
	// expelBatch is how many channels are ended at once at least: so many joins that come
	// together are no herd.
	expelBatch = 4
)

// Expel ends every channel that is joined with h with phx_error, so that its client
// joins again: between two of its messages, in random order and a few at a time, so that
// not all clients come back at the same moment. It takes about as long as within says if
// there are many of them, and no time if it is 0. It returns when each has come to its
// turn, or ctx has ended, and how many there were. Who is with another handler by then
// stays.
func (e *Env) Expel(ctx context.Context, h Handler, within time.Duration) (int, error) {
	turns := make(chan struct{}, 256)
	var expelled atomic.Int64
	done := func(o outcome) {
		if o == broken {
			expelled.Add(1)
		}
		<-turns
	}
	members := e.roster.members(func(u *use) bool { return u.handler == h })
	rand.Shuffle(len(members), func(i, k int) { members[i], members[k] = members[k], members[i] })
	size := len(members)
	if steps := int(within / expelStep); steps > 1 {
		size = max((len(members)+steps-1)/steps, expelBatch)
	}
	for i, c := range members {
		if i > 0 && i%size == 0 {
			pause(ctx, expelStep/2+rand.N(expelStep)) // their sum is the time, give or take a little
		}
		if err := wait(ctx, turns); err != nil {
			return int(expelled.Load()), err
		}
		if c.post(item{kind: itemExpel, of: h, done: done}) != nil {
			<-turns
		}
	}
	for range cap(turns) {
		if err := wait(ctx, turns); err != nil {
			return int(expelled.Load()), err
		}
	}
	return int(expelled.Load()), nil
}

// pause takes so long, unless ctx ends.
func pause(ctx context.Context, long time.Duration) {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// expel ends the membership, if it is with h.
func (c *Channel) expel(h Handler, done func(outcome)) {
	became := gone
	defer func() { done(became) }()
	if c.joined() && c.member.handler() == h {
		became = broken
		c.end(LeaveKicked, phx.EventError, phx.ReasonUnavailable.Payload(0))
	}
}
