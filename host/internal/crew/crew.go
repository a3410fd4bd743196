// Package crew runs many short jobs on few goroutines, which it keeps for the
// next one.
//
// A goroutine that is started for every job grows its stack each time, which for
// a job that calls deep takes longer than the job. Those of a [Crew] have grown
// theirs.
package crew

import (
	"math/rand/v2"
	"runtime"
	"sync"
)

// Crew runs jobs, each on a goroutine of the crew, in no order that could be relied
// on. A job may block: as long as jobs wait, one goroutine more than those that are
// at work is on its way to them, so that none waits for another. Safe for concurrent
// use; make one with [New].
type Crew[J any] struct {
	teams []*team[J]
}

// coresPerTeam is how many cores share a team: with a lock that is taken twice for
// each job, and held for some 20 ns, they hardly ever meet there. More teams than
// that would wake more goroutines for the same jobs.
const coresPerTeam = 4

// New returns a crew that gives each job to run. It starts nothing.
func New[J any](run func(J)) *Crew[J] {
	return newCrew(run, runtime.GOMAXPROCS(0)/coresPerTeam)
}

func newCrew[J any](run func(J), teams int) *Crew[J] {
	c := &Crew[J]{teams: make([]*team[J], max(1, teams))}
	for i := range c.teams {
		c.teams[i] = &team[J]{run: run, keep: max(4, 4*runtime.GOMAXPROCS(0)/len(c.teams))}
	}
	return c
}

// Do lets job be run, and does not wait for it. How many jobs may wait is the
// caller's to bound.
func (c *Crew[J]) Do(job J) {
	at := 0
	if n := len(c.teams); n > 1 {
		at = rand.IntN(n) // which needs no lock
	}
	c.teams[at].do(job)
}

// Busy tells whether a job is being run or waits.
func (c *Crew[J]) Busy() bool {
	given := c.given()
	for _, t := range c.teams {
		if t.busy() {
			return true
		}
	}
	return c.given() != given // or it may wait in a team that was looked at before
}

// Wait returns when no job waits and every goroutine of the crew has ended. Jobs
// may be given to it afterwards; those that are given meanwhile are waited for
// too.
func (c *Crew[J]) Wait() {
	for {
		given := c.given()
		for _, t := range c.teams {
			t.wait()
		}
		if c.given() == given {
			return
		}
	}
}

// given is how many jobs there have been. If it is the same before and after all
// teams were seen at rest, there was a moment at which all were.
func (c *Crew[J]) given() uint64 {
	n := uint64(0)
	for _, t := range c.teams {
		t.mu.Lock()
		n += t.given
		t.mu.Unlock()
	}
	return n
}

// team is a part of the crew, with jobs and goroutines of its own.
type team[J any] struct {
	run  func(J)
	keep int

	mu      sync.Mutex
	waiting queue[J]
	given   uint64          // jobs, since the beginning
	idle    []chan struct{} // wakes a goroutine that is kept
	workers int             // goroutines that there are
	coming  int             // of them: those that will look for a job before they end or rest
	waits   int             // calls of wait
	ended   chan struct{}   // closed when the last goroutine has ended; nil if nobody waits
}

func (t *team[J]) do(job J) {
	t.mu.Lock()
	t.waiting.push(job)
	t.given++
	call, start := t.another()
	t.mu.Unlock()
	t.summon(call, start)
}

// another provides for one more goroutine, unless one is coming, and returns
// which is to be summoned once the lock is free. The caller holds t.mu.
func (t *team[J]) another() (call chan struct{}, start bool) {
	if t.coming > 0 {
		return nil, false
	}
	t.coming++
	if last := len(t.idle) - 1; last >= 0 {
		call = t.idle[last] // it rested last, and is warm
		t.idle = t.idle[:last]
		return call, false
	}
	t.workers++
	return nil, true
}

func (t *team[J]) summon(call chan struct{}, start bool) {
	switch {
	case start:
		go t.work()
	case call != nil:
		call <- struct{}{} // has room: it is idle, and is called once
	}
}

func (t *team[J]) work() {
	var rest chan struct{}
	t.mu.Lock()
	defer t.end() // also if a job ends the goroutine: it was at work, and not coming
	for {
		for t.waiting.len() > 0 {
			job := t.waiting.pop()
			t.coming--
			var call chan struct{}
			var start bool
			if t.waiting.len() > 0 {
				call, start = t.another()
			}
			t.mu.Unlock()
			t.summon(call, start)
			t.job(job)
			t.coming++
		}
		if t.waits > 0 || len(t.idle) >= t.keep {
			t.coming--
			return
		}
		if rest == nil {
			rest = make(chan struct{}, 1)
		}
		t.idle = append(t.idle, rest)
		t.coming--
		t.mu.Unlock()
		<-rest
		t.mu.Lock()
	}
}

// job runs one. The lock is held again afterwards, however that ends.
func (t *team[J]) job(job J) {
	defer t.mu.Lock()
	t.run(job)
}

// end lets go of the lock, for good.
func (t *team[J]) end() {
	t.workers--
	if t.workers == 0 && t.ended != nil {
		close(t.ended)
		t.ended = nil
	}
	t.mu.Unlock()
}

func (t *team[J]) busy() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.workers > len(t.idle)
}

func (t *team[J]) wait() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waits++
	for t.workers > 0 {
		t.coming += len(t.idle)
		for _, call := range t.idle {
			call <- struct{}{}
		}
		t.idle = nil
		if t.ended == nil {
			t.ended = make(chan struct{})
		}
		ended := t.ended
		t.mu.Unlock()
		<-ended
		t.mu.Lock()
	}
	t.waits--
}

// queue is a ring that grows as needed.
type queue[J any] struct {
	ring  []J
	first int
	count int
}

func (q *queue[J]) len() int { return q.count }

func (q *queue[J]) push(job J) {
	if q.count == len(q.ring) {
		ring := make([]J, max(16, 2*q.count))
		n := copy(ring, q.ring[q.first:])
		copy(ring[n:], q.ring[:q.first])
		q.ring, q.first = ring, 0
	}
	q.ring[(q.first+q.count)&(len(q.ring)-1)] = job
	q.count++
}

func (q *queue[J]) pop() J {
	var none J
	job := q.ring[q.first]
	q.ring[q.first] = none
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.count--
	return job
}
