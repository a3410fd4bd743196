package dev

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"time"

	"github.com/chhost/chhost/host"
)

const (
	// quiet is how long nothing may change before a build begins: a save is often
	// several writes, and a checkout many.
	quiet = 100 * time.Millisecond
	// unquiet is how long a build is put off while changes go on.
	unquiet = time.Second
	// impatience is how many builds in a row are given up because of newer
	// changes. The next one is carried through: if something is written all the
	// time, a late version is better than none.
	impatience = 3
)

// settling says when a series of changes is to be acted upon. Its zero value is
// ready for the first change.
type settling struct{ first time.Time }

// touch notes a change and returns how long to wait for the next.
func (s *settling) touch(now time.Time) time.Duration {
	if s.first.IsZero() {
		s.first = now
	}
	return min(quiet, s.first.Add(unquiet).Sub(now))
}

// rebuilder makes the module anew when its inputs have changed, and swaps it in.
// It belongs to the goroutine that calls run.
type rebuilder struct {
	source  source
	changes <-chan string
	// follow says what to watch, see [watch.follow].
	follow func(inputs) error
	// swap lets the module take the served one's place. It is not called twice at
	// once.
	swap    func(ctx context.Context, module []byte) (host.Deployment, error)
	journal *journal
	served  [sha256.Size]byte // the digest of the module that is being served
}

// attempt is what became of one series of changes.
type attempt struct {
	took    time.Duration
	sum     [sha256.Size]byte
	swapped host.Deployment
	same    bool // the module is the one that is being served
	err     error
	stale   bool // it was given up for newer changes
}

// run makes and swaps until ctx is done, one at a time.
func (r *rebuilder) run(ctx context.Context) {
	var (
		settle  settling
		changed string // what came first
		due     = time.NewTimer(quiet)
		wanted  bool         // the changes have settled
		working chan attempt // or nil
		giveUp  = func() {}  // ends what is being worked at
		given   int          // up in a row
	)
	due.Stop()
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			if giveUp(); working != nil {
				<-working
			}
			return
		case name := <-r.changes:
			if settle.first.IsZero() {
				changed = name
			}
			due.Reset(settle.touch(time.Now()))
			if given < impatience {
				giveUp()
			}
		case <-due.C:
			wanted, settle = true, settling{}
		case done := <-working:
			working = nil
			given = r.end(done, given)
		}
		if wanted && working == nil {
			wanted, working = false, make(chan attempt, 1)
			giveUp = r.begin(ctx, changed, working)
		}
	}
}

// begin starts to work and returns how to give up; the outcome arrives at done
// in any case.
func (r *rebuilder) begin(ctx context.Context, changed string, done chan<- attempt) (giveUp func()) {
	fresh, giveUp := context.WithCancel(ctx)
	r.journal.began(r.source, changed)
	served := r.served
	go func() {
		defer giveUp()
		done <- r.try(ctx, fresh, served)
	}()
	return giveUp
}

// end notes the outcome, and returns how many in a row were given up.
func (r *rebuilder) end(a attempt, given int) int {
	switch {
	case a.stale:
		return given + 1
	case a.err != nil:
		r.journal.failed(a.err)
	case a.same:
		r.journal.unchanged(a.took)
	default:
		r.served = a.sum
		r.journal.serving(a.swapped, a.took)
	}
	return 0
}

// try makes a module and swaps it in, unless it is the served one. Until the swap
// begins it gives up when fresh is done.
func (r *rebuilder) try(ctx, fresh context.Context, served [sha256.Size]byte) attempt {
	begin := time.Now()
	in, err := r.source.inputs(fresh)
	if err == nil {
		r.journal.watching(r.follow(in))
	} // else the build will fail too, and say more
	module, err := r.source.module(fresh)
	for {
		a := r.take(ctx, fresh, served, module, err)
		a.took = time.Since(begin)
		if a.err == nil || a.stale || r.source.patience() == 0 {
			return a
		}
		// Perhaps it is still being written. What is written into a mapped file
		// causes no event, so look again.
		select {
		case <-fresh.Done():
			a.stale = true
			return a
		case <-time.After(r.source.patience()):
		}
		again, errAgain := r.source.module(fresh)
		if bytes.Equal(again, module) && errors.Is(errAgain, fs.ErrNotExist) == errors.Is(err, fs.ErrNotExist) {
			return a
		}
		module, err = again, errAgain
	}
}

// take swaps the module in, if it was made and is a new one.
func (r *rebuilder) take(ctx, fresh context.Context, served [sha256.Size]byte, module []byte, err error) attempt {
	a := attempt{err: err}
	if fresh.Err() != nil {
		a.stale = true
		return a
	}
	if err != nil {
		return a
	}
	if a.sum = sha256.Sum256(module); a.sum == served {
		a.same = true
		return a
	}
	a.swapped, a.err = r.swap(ctx, module)
	a.stale = a.err != nil && fresh.Err() != nil
	return a
}
