package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress tells people what a command waits for, once it has taken longer than a
// second. At a terminal it keeps one line up to date; elsewhere it writes a line for
// each stage that lasts, and no more, since that is kept.
type progress struct {
	w        io.Writer
	terminal bool

	mu    sync.Mutex
	stage string
	more  func() string // what is known of the stage, or nil

	ended chan struct{}
	done  sync.WaitGroup
}

const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
)

// newProgress starts telling; end ends it.
func newProgress(w io.Writer, terminal bool, stage string) *progress {
	p := &progress{w: w, terminal: terminal, stage: stage, ended: make(chan struct{})}
	p.done.Go(p.tell)
	return p
}

// enter begins a stage. more is called from another goroutine.
func (p *progress) enter(stage string, more func() string) {
	p.mu.Lock()
	p.stage, p.more = stage, more
	p.mu.Unlock()
}

// end ends what is told and leaves the line empty. It may be called more than once.
func (p *progress) end() {
	p.mu.Lock()
	select {
	case <-p.ended:
	default:
		close(p.ended)
	}
	p.mu.Unlock()
	p.done.Wait()
}

func (p *progress) tell() {
	begun := time.Now()
	wait := time.NewTimer(progressAfter)
	defer wait.Stop()
	said := ""
	for {
		select {
		case <-p.ended:
			if said != "" && p.terminal {
				fmt.Fprint(p.w, "\r\x1b[K")
			}
			return
		case <-wait.C:
		}
		wait.Reset(progressEvery)
		p.mu.Lock()
		stage, more := p.stage, p.more
		p.mu.Unlock()
		switch {
		case p.terminal:
			detail := ""
			if more != nil {
				detail = " " + more()
			}
			fmt.Fprintf(p.w, "\r\x1b[K%s%s (%ds)", stage, detail, int(time.Since(begun).Seconds()))
		case stage != said:
			fmt.Fprintf(p.w, "%s ...\n", stage)
		}
		said = stage
	}
}
