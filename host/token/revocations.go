package token

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// DefaultMaxRevocations is how many revocations are kept.
const DefaultMaxRevocations = 50_000

// Revocation refuses one token, or those that a subject has so far. It has an ID or a
// Subject.
type Revocation struct {
	// ID is the token's (jti).
	ID string
	// Subject is whose tokens they are (sub). Those are refused that were issued at
	// Before or earlier, and those that do not say when. Tokens count whole seconds: who
	// gets a new one within the same second has to get another.
	Subject string
	Before  time.Time
	// Expires is when the last of the tokens has expired, and the revocation is
	// forgotten. Default: never, but for want of room.
	Expires time.Time
}

// Revocations is a set of revocations of bounded size: of too many, those are forgotten
// that expire first. Safe for concurrent use; a nil one is empty. It is kept in memory
// only: List returns what has to be added again after a restart.
type Revocations struct {
	most int
	now  func() time.Time

	mu       sync.RWMutex
	ids      map[string]*revoked
	subjects map[string]*revoked
	queue    expiries
	dropped  uint64
}

// NewRevocations returns an empty set of at most most revocations, 50,000 if that is 0,
// each of which takes about as much memory as its text and 250 bytes. now is the clock,
// time.Now if it is nil.
func NewRevocations(most int, now func() time.Time) *Revocations {
	if most <= 0 {
		most = DefaultMaxRevocations
	}
	if now == nil {
		now = time.Now
	}
	return &Revocations{most: most, now: now, ids: map[string]*revoked{}, subjects: map[string]*revoked{}}
}

// Add adds a revocation, or makes one that is there wider. It is carried out for every
// token that is verified after Add has returned. The error is that it names nothing.
func (r *Revocations) Add(v Revocation) error {
	switch {
	case (v.ID == "") == (v.Subject == ""):
		return errors.New("token: a revocation has an ID or a Subject, and not both")
	case len(v.ID) > maxName || len(v.Subject) > maxName:
		return fmt.Errorf("token: a revocation's ID or Subject has more than %d bytes, as no token has", maxName)
	case v.Subject != "" && v.Before.IsZero():
		return errors.New("token: a revocation of a subject says up to when its tokens were issued")
	case v.ID != "":
		v.Before = time.Time{}
	}
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	set, name := r.ids, v.ID
	if v.Subject != "" {
		set, name = r.subjects, v.Subject
	}
	if old := set[name]; old != nil {
		if v.Before.After(old.Before) {
			old.Before = v.Before
		}
		if v.later(&old.Revocation) {
			old.Expires = v.Expires
			heap.Fix(&r.queue, old.place)
		}
		return nil
	}
	if v.over(now) {
		return nil
	}
	added := &revoked{Revocation: v}
	set[name] = added
	heap.Push(&r.queue, added)
	if len(r.queue) > r.most {
		r.pop()
		r.dropped++
	}
	return nil
}

// forget takes out what has expired. The caller holds r.mu.
func (r *Revocations) forget(now time.Time) {
	for len(r.queue) > 0 && r.queue[0].over(now) {
		r.pop()
	}
}

func (r *Revocations) pop() {
	first := heap.Pop(&r.queue).(*revoked)
	if first.ID != "" {
		delete(r.ids, first.ID)
	} else {
		delete(r.subjects, first.Subject)
	}
}

// Revokes tells whether a token is revoked.
func (r *Revocations) Revokes(c *Claims) bool {
	if r == nil {
		return false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if c.ID != "" && r.ids[c.ID] != nil {
		return true
	}
	of := r.subjects[c.Subject]
	return of != nil && !c.Issued.After(of.Before)
}

// Check returns an error of [CodeRevoked] for a token that is revoked, else nil.
func (r *Revocations) Check(c *Claims) *Error {
	if r.Revokes(c) {
		return refuse(CodeRevoked, "the token was revoked: get a new one")
	}
	return nil
}

// Len is how many there are.
func (r *Revocations) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.queue)
}

// Dropped is how many were forgotten for want of room, since the set was made: more
// than none is worth a warning.
func (r *Revocations) Dropped() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.dropped
}

// List returns all revocations that have not expired, those first that expire first.
func (r *Revocations) List() []Revocation {
	now := r.now()
	r.mu.Lock()
	r.forget(now)
	list := make([]Revocation, len(r.queue))
	for i, v := range r.queue {
		list[i] = v.Revocation
	}
	r.mu.Unlock()
	slices.SortFunc(list, func(a, b Revocation) int {
		switch {
		case b.later(&a):
			return -1
		case a.later(&b):
			return 1
		}
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Subject, b.Subject))
	})
	return list
}

// over tells whether no token is accepted any more that it is about.
func (v *Revocation) over(now time.Time) bool {
	return !v.Expires.IsZero() && now.After(v.Expires.Add(MaxLeeway))
}

// later tells whether v expires after o. Zero is never.
func (v *Revocation) later(o *Revocation) bool {
	switch {
	case o.Expires.IsZero():
		return false
	case v.Expires.IsZero():
		return true
	}
	return v.Expires.After(o.Expires)
}

// revoked is a revocation and its place in the queue.
type revoked struct {
	Revocation
	place int
}

// expiries is a heap of revocations, at its top the one that expires first.
type expiries []*revoked

func (q expiries) Len() int           { return len(q) }
func (q expiries) Less(i, j int) bool { return q[j].later(&q[i].Revocation) }
func (q expiries) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements [heap.Interface].
func (q *expiries) Push(x any) {
	v := x.(*revoked)
	v.place = len(*q)
	*q = append(*q, v)
}

// Pop implements [heap.Interface].
func (q *expiries) Pop() any {
	last := (*q)[len(*q)-1]
	(*q)[len(*q)-1] = nil
	*q = (*q)[:len(*q)-1]
	return last
}
