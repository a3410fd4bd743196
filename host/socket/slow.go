package socket

import (
	"fmt"
	"unique"

	"github.com/chhost/chhost/host/phx"
)

// SlowPolicy says what becomes of what a client does not take: when it has more
// waiting than [Config.Outbox] allows. It is about broadcasts and pushes alone.
// Replies, phx_close, phx_error and the frames of presence are never left out: a
// client that missed one would wait for ever, or believe something that is wrong.
// What is left out is missing, and the rest keeps its order.
type SlowPolicy uint8

const (
	// SlowClose closes the connection with code 1013: the client connects again and
	// can catch up. It is for what no client may miss.
	SlowClose SlowPolicy = iota
	// SlowDropOldest leaves out what has waited longest. It is for what is of no use
	// when it is late.
	SlowDropOldest
	// SlowConflate leaves out what a newer message of the same topic and event has
	// overtaken. It is for messages that each tell all, such as a position or a price:
	// the newest always arrives.
	SlowConflate
)

// String is the policy's name.
func (p SlowPolicy) String() string {
	switch p {
	case SlowClose:
		return "close"
	case SlowDropOldest:
		return "drop-oldest"
	case SlowConflate:
		return "conflate"
	}
	return fmt.Sprintf("SlowPolicy(%d)", uint8(p))
}

// ParseSlowPolicy returns the policy with this name: close, drop-oldest or
// conflate.
func ParseSlowPolicy(name string) (SlowPolicy, error) {
	for p := SlowClose; p <= SlowConflate; p++ {
		if name == p.String() {
			return p, nil
		}
	}
	return 0, fmt.Errorf("%q is not what can be done with a slow client: expected close, drop-oldest or conflate", name)
}

// label is the topic and event of a frame that may be left out; the zero label is
// that of all other frames. It is a handle, since a name may be a part of the
// message that it came with, all of which it would keep.
type label = unique.Handle[labelled]

type labelled struct{ topic, event string }

// labelOf returns the label of a push or a broadcast.
func labelOf(topic, event string) label {
	if phx.ReservedEvent(event) {
		return label{}
	}
	return unique.Make(labelled{topic, event})
}

// slack is what an outbox knows of its frames if some may be left out. Numbers of
// frames are places in the outbox's queue, where what was left out is nil.
type slack struct {
	policy func(topic, event string) SlowPolicy
	labels []label // of the frames
	gaps   int     // frames that were left out, and whose places are not closed yet
	looked int     // the frames before it have been looked at, and stay unless latest says otherwise
	// latest is the newest frame before looked of each label that is conflated.
	latest map[label]int
	lost   Lost // since the last take
}

// Lost counts frames that a client was not sent because it was slow.
type Lost struct {
	// Dropped were too old, Conflated were overtaken.
	Dropped, Conflated int
}

// makeRoom leaves frames out until size more bytes fit in, or nothing more can be
// left out. It tells whether the frame that they are for should be put. Each frame
// is looked at once, however often there is no room. The caller holds o.mu.
func (o *outbox) makeRoom(size int, l label) (put bool) {
	s := o.slack
	for s.looked < len(s.labels) && o.bytes+size > o.limit {
		at := s.looked
		s.looked++
		old := s.labels[at]
		if old == (label{}) {
			continue
		}
		switch name := old.Value(); s.policy(name.topic, name.event) {
		case SlowDropOldest:
			o.leaveOut(at)
			s.lost.Dropped++
		case SlowConflate:
			o.overtake(old)
			if s.latest == nil {
				s.latest = make(map[label]int)
			}
			s.latest[old] = at
		}
	}
	put = true
	if o.bytes+size > o.limit && o.bytes > 0 && l != (label{}) {
		switch name := l.Value(); s.policy(name.topic, name.event) {
		case SlowDropOldest: // it is itself the oldest
			s.lost.Dropped++
			put = false
		case SlowConflate:
			o.overtake(l)
		}
	}
	if s.gaps > minGaps && s.gaps > len(s.labels)/2 {
		o.closeGaps()
	}
	return put
}

// overtake leaves out the frame that a newer one with this label has made
// obsolete, if there is one before looked.
func (o *outbox) overtake(l label) {
	if at, ok := o.slack.latest[l]; ok {
		o.leaveOut(at)
		delete(o.slack.latest, l)
		o.slack.lost.Conflated++
	}
}

// minGaps is how many gaps are worth the work of closing them.
const minGaps = 64

func (o *outbox) leaveOut(at int) {
	frame := o.place(at)
	o.bytes -= len(*frame) + frameCost
	*frame = nil
	o.slack.labels[at] = label{}
	o.slack.gaps++
	if o.bytes == 0 {
		o.more = o.more[:0]
		o.slack.empty()
	}
}

// place is where the frame with this number is.
func (o *outbox) place(at int) *[]byte {
	if at == 0 {
		return &o.first
	}
	return &o.more[at-1]
}

// closeGaps moves the frames together.
func (o *outbox) closeGaps() {
	s := o.slack
	kept, looked := 0, 0
	for at, l := range s.labels {
		frame := *o.place(at)
		if frame == nil {
			continue
		}
		if newest, ok := s.latest[l]; ok && newest == at {
			s.latest[l] = kept
		}
		*o.place(kept), s.labels[kept] = frame, l
		kept++
		if at < s.looked {
			looked = kept
		}
	}
	clear(o.more[kept-1:])
	o.more, s.labels = o.more[:kept-1], s.labels[:kept]
	s.gaps, s.looked = 0, looked
}

// empty forgets the frames.
func (s *slack) empty() {
	s.labels, s.gaps, s.looked, s.latest = s.labels[:0], 0, 0, nil
}

// compact returns frames without the gaps.
func compact(frames [][]byte) [][]byte {
	kept := frames[:0]
	for _, f := range frames {
		if f != nil {
			kept = append(kept, f)
		}
	}
	clear(frames[len(kept):])
	return kept
}
