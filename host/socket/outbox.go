package socket

import (
	"sync"
	"time"
)

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
	over    int64  // when more waited than limit, see clock; 0 if it does not
	slack   *slack // nil if no frame may be left out
}

// A few large messages in a row are no slow client: so many frames may wait above
// the limit, up to so many times the limit, for so long.
const (
	burstFrames = 32
	burstTimes  = 4
	burstTime   = 5 * time.Second
)

// clock is a time that nobody sets, in nanoseconds.
func clock() int64 { return int64(time.Since(epoch)) }

var epoch = time.Now()

// frameCost is what a frame that waits takes besides its bytes: an element of
// more. Without it, a flood of empty pings could make the host hold many times
// the limit in pongs of two bytes.
const frameCost = 24

type putResult uint8

const (
	putQueued putResult = iota
	// putWake: queued, nobody is writing, and nothing is held.
	putWake
	// putClosed: dropped, the socket has ended, or this frame may be left out.
	putClosed
	// putFull: dropped, as is all that waited; the socket must be closed.
	putFull
)

// put queues a frame, which may be left out if it has a label.
func (o *outbox) put(frame []byte, l label) putResult {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.end != nil || o.full {
		return putClosed
	}
	// One frame always fits, however large: the bound is on what waits.
	size := len(frame) + frameCost
	if o.bytes > 0 && o.bytes+size > o.limit {
		if o.slack != nil && !o.makeRoom(size, l) {
			return putClosed
		}
		if !o.bears(size) {
			o.drop()
			o.full = true
			return putFull
		}
	}
	if o.bytes == 0 {
		o.first = frame
	} else {
		o.more = append(o.more, frame)
	}
	if o.slack != nil {
		o.slack.labels = append(o.slack.labels, l)
	}
	o.bytes += size
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

// bears tells whether size more bytes may wait: within the limit, or as a burst.
// The caller holds o.mu.
func (o *outbox) bears(size int) bool {
	if o.bytes == 0 || o.bytes+size <= o.limit {
		o.over = 0 // some was left out
		return true
	}
	if o.waiting() >= burstFrames || o.bytes+size > burstTimes*o.limit {
		return false
	}
	now := clock()
	if o.over == 0 {
		o.over = now
	}
	return now-o.over < int64(burstTime)
}

// waiting is how many frames wait, of which there is one. The caller holds o.mu.
func (o *outbox) waiting() int {
	n := len(o.more) + 1
	if o.slack != nil {
		n -= o.slack.gaps
	}
	return n
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
		o.first, o.more, o.bytes, o.over = nil, o.more[:0], 0, 0
		if o.slack != nil {
			if o.slack.gaps > 0 {
				frames = compact(frames)
			}
			o.slack.empty()
		}
		return frames, nil
	}
	o.more = nil // an idle socket keeps no memory for its outbox
	if o.slack != nil && cap(o.slack.labels) > idleLabels {
		o.slack.labels = nil
	}
	o.writing = o.end != nil
	return dst[:0], o.end
}

// idleLabels is how many labels an idle socket may keep the memory of.
const idleLabels = 8

// drop forgets what waits. The caller holds o.mu.
func (o *outbox) drop() {
	o.first, o.more, o.bytes = nil, nil, 0
	if o.slack != nil {
		o.slack.empty()
	}
}

// takeLost returns how many frames were left out since it was called last.
func (o *outbox) takeLost() (lost Lost) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lost, o.slack.lost = o.slack.lost, Lost{}
	return lost
}
