package socket

import "sync"

// outbox is the bounded queue of encoded frames between the channels, which
// never wait, and the transport's writer. At most one writer takes from it at a
// time: put tells its caller to wake one when there is none.
type outbox struct {
	mu      sync.Mutex
	frames  [][]byte
	bytes   int // of frames, with frameCost for each
	limit   int
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
	// putWake: queued, and nobody is writing.
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
	if len(o.frames) > 0 && o.bytes+len(frame)+frameCost > o.limit {
		o.frames, o.bytes, o.full = nil, 0, true
		return putFull
	}
	o.frames = append(o.frames, frame)
	o.bytes += len(frame) + frameCost
	if o.writing {
		return putQueued
	}
	o.writing = true
	return putWake
}

// close lets nothing more in. What waits stays, or is dropped too. It tells
// whether a writer has to be woken to see the end.
func (o *outbox) close(end *End, drop bool) (wake bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.end = end
	if drop {
		o.frames, o.bytes = nil, 0
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
	frames = append(dst[:0], o.frames...)
	clear(o.frames)
	o.frames, o.bytes = o.frames[:0], 0
	if len(frames) > 0 {
		return frames, nil
	}
	o.frames = nil // an idle socket keeps no memory for its outbox
	o.writing = o.end != nil
	return frames, o.end
}
