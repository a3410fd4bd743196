package console

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// maxHeld is how many bytes of log lines wait at most while a line is typed.
const maxHeld = 64 << 10

// heldLog is where host and plugins log to: lines that come while somebody types
// wait until the line is complete, because they would stand in the middle of it.
// It is safe for concurrent use.
type heldLog struct {
	to io.Writer

	mu      sync.Mutex // guards what follows, and to: lines must not mix
	holding bool
	held    bytes.Buffer
	dropped int
}

// Write takes one line.
func (l *heldLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.holding:
		return l.to.Write(line)
	case l.held.Len()+len(line) > maxHeld:
		l.dropped++
	default:
		l.held.Write(line)
	}
	return len(line), nil
}

// hold lets lines wait from now on, if they are to.
func (l *heldLog) hold(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holding = on
}

// release writes what waits, and lines to come at once.
func (l *heldLog) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.to.Write(l.held.Bytes())
	if l.dropped > 0 {
		fmt.Fprintf(l.to, "(%d lines of the log did not fit here)\n", l.dropped)
	}
	l.holding, l.dropped = false, 0
	l.held.Reset()
}
