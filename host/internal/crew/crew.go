// Package crew runs many short jobs on few goroutines, which it keeps for the
// next one.
//
// A goroutine that is started for every job grows its stack each time, which for
// a job that calls deep takes longer than the job. Those of a [Crew] have grown
// theirs.
package crew

import (
	"runtime"
	"sync"
)

// Crew runs jobs, each on a goroutine of the crew, in the order in which they
// were given as far as one follows the other. A job may block: as long as jobs
// wait, one goroutine more than those that are at work is on its way to them, so
// that none waits for another. Safe for concurrent use; make one with [New].
type Crew[J any] struct {
	run  func(J)
	keep int

	mu      sync.Mutex
	waiting queue[J]
	idle    []chan struct{} // wakes a goroutine that is kept
	workers int             // goroutines that there are
	coming  int             // of them: those that will look for a job before they end or rest
	waits   int             // calls of Wait
	ended   chan struct{}   // closed when the last goroutine has ended; nil if nobody waits
}

// New returns a crew that gives each job to run. It starts nothing.
func New[J any](run func(J)) *Crew[J] {
	return &Crew[J]{run: run, keep: 4 * runtime.GOMAXPROCS(0)}
}

// Do lets job be run, and does not wait for it. How many jobs may wait is the
// caller's to bound.
func (c *Crew[J]) Do(job J) {
	c.mu.Lock()
	c.waiting.push(job)
	call, start := c.another()
	c.mu.Unlock()
	c.summon(call, start)
}

// another provides for one more goroutine, unless one is coming, and returns
// which is to be summoned once the lock is free. The caller holds c.mu.
func (c *Crew[J]) another() (call chan struct{}, start bool) {
	if c.coming > 0 {
		return nil, false
	}
	c.coming++
	if last := len(c.idle) - 1; last >= 0 {
		call = c.idle[last] // it rested last, and is warm
		c.idle = c.idle[:last]
		return call, false
	}
	c.workers++
	return nil, true
}

func (c *Crew[J]) summon(call chan struct{}, start bool) {
	switch {
	case start:
		go c.work()
	case call != nil:
		call <- struct{}{} // has room: it is idle, and is called once
	}
}

func (c *Crew[J]) work() {
	var rest chan struct{}
	c.mu.Lock()
	for {
		for c.waiting.len() > 0 {
			job := c.waiting.pop()
			c.coming--
			var call chan struct{}
			var start bool
			if c.waiting.len() > 0 {
				call, start = c.another()
			}
			c.mu.Unlock()
			c.summon(call, start)
			c.run(job)
			c.mu.Lock()
			c.coming++
		}
		if c.waits > 0 || len(c.idle) >= c.keep {
			break
		}
		if rest == nil {
			rest = make(chan struct{}, 1)
		}
		c.idle = append(c.idle, rest)
		c.coming--
		c.mu.Unlock()
		<-rest
		c.mu.Lock()
	}
	c.coming--
	c.workers--
	if c.workers == 0 && c.ended != nil {
		close(c.ended)
		c.ended = nil
	}
	c.mu.Unlock()
}

// Busy tells whether a job is being run or waits.
func (c *Crew[J]) Busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.workers > len(c.idle)
}

// Wait returns when no job waits and every goroutine of the crew has ended. Jobs
// may be given to it afterwards; those that are given meanwhile are waited for
// too.
func (c *Crew[J]) Wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits++
	for c.workers > 0 {
		c.coming += len(c.idle)
		for _, call := range c.idle {
			call <- struct{}{}
		}
		c.idle = nil
		if c.ended == nil {
			c.ended = make(chan struct{})
		}
		ended := c.ended
		c.mu.Unlock()
		<-ended
		c.mu.Lock()
	}
	c.waits--
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
