package socket

import "sync"

// outbox is the bounded queue of encoded frames between the channels, which
// never wait, and the transport's writer. At most one writer takes from it at a
// time: put tells its caller to wake one when there is none.
type outbox struct {
	mu      sync.Mutex
	first   []byte   // the oldest frame; most often there is one alone, which needs no list
	more    [][]byte // those behind it
	bytes   int      // of all frames, with frameCost for each; 0 if there are none
	limit   int
	held    int32 // calls of hold that have not been ended by release
	writing bool
	full    bool // the limit was passed; the end follows
	end     *End
}

// frameCost is what a frame that waits takes besides its bytes: an element of
// frames. Without it, a flood of empty pings could make the host hold many times
// the limit in pongs of two bytes.
const frameCost = 24

type putResult uint8

const (
	putQueued putResult = iota
	// putWake: queued, nobody is writing, and nothing is held.
	putWake
	// putClosed: dropped, the socket has ended.
	putClosed
	// putFull: dropped, as is all that waited; the socket must be closed.
	putFull
)

func (o *outbox) put(frame []byte) putResult {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.end != nil || o.full {
		return putClosed
	}
	// One frame always fits, however large: the bound is on what waits.
	if o.bytes > 0 && o.bytes+len(frame)+frameCost > o.limit {
		o.drop()
		o.full = true
		return putFull
	}
	if o.bytes == 0 {
		o.first = frame
	} else {
		o.more = append(o.more, frame)
	}
	o.bytes += len(frame) + frameCost
	if o.writing || o.held > 0 {
		return putQueued
	}
	o.writing = true
	return putWake
}

// hold lets frames wait until release. A writer that is at work takes them all
// the same.
func (o *outbox) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held++
}

// release ends a hold. It tells whether a writer has to be woken.
func (o *outbox) release() (wake bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held--
	if o.held > 0 || o.writing || o.bytes == 0 {
		return false
	}
	o.writing = true
	return true
}

// close lets nothing more in. What waits stays, or is dropped too. It tells
// whether a writer has to be woken to see the end.
func (o *outbox) close(end *End, drop bool) (wake bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.end = end
	if drop {
		o.drop()
	}
	wake = !o.writing
	o.writing = true
	return wake
}

// take moves all that waits into dst. A caller that gets neither frames nor an
// end is no longer the writer; one that gets the end is the last.
func (o *outbox) take(dst [][]byte) (frames [][]byte, end *End) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bytes > 0 {
		frames = append(append(dst[:0], o.first), o.more...)
		clear(o.more)
		o.first, o.more, o.bytes = nil, o.more[:0], 0
		return frames, nil
	}
	o.more = nil // an idle socket keeps no memory for its outbox
	o.writing = o.end != nil
	return dst[:0], o.end
}

// drop forgets what waits. The caller holds o.mu.
func (o *outbox) drop() { o.first, o.more, o.bytes = nil, nil, 0 }
