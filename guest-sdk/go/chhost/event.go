package chhost

import (
	"strings"
	"structs"
	"unsafe"
)

// event is the struct that the host writes into the region; a test compares its
// offsets with the contract's. Addresses in it are 32 bits wide, Go's pointers
// 64, so it holds numbers.
type event struct {
	_             structs.HostLayout
	size          uint32
	flags         uint32
	topic         span
	name          span
	payload       span
	assigns       span
	socketAssigns span
	nowMS         int64
	channel       uint64
	kind          uint32
	ref           uint32
}

// span is a piece of the region.
type span struct {
	_    structs.HostLayout
	addr uint32
	len  uint32
}

// lent is the bytes where they are: until the callback returns.
func (s span) lent() string { return unsafe.String((*byte)(at(s.addr)), s.len) }

// copy returns the bytes as a string of its own: the region is overwritten by
// the next event, which belongs to another client.
func (s span) copy() string {
	switch {
	case s.len == 0:
		return ""
	case s.len > maxShort:
		return strings.Clone(s.lent())
	}
	if int(s.len) > len(shorts) {
		shorts = make([]byte, roomForShort)
	}
	n := copy(shorts, s.lent())
	short := text(shorts[:n:n])
	shorts = shorts[n:]
	return short
}

// shorts is where the next short strings go. Several share one piece of memory, since
// a small piece takes Go's allocator as long as a large one. It is freed when none of
// them is referred to any more: one that is kept keeps roomForShort bytes.
var shorts []byte

const (
	maxShort     = 256
	roomForShort = 1024
)

// names holds the topics and events that were copied last, so that the names
// that come again and again cost no memory. Names have at most 255 bytes.
var names [64]string

// name is copy for topics and events.
func (s span) name() string {
	if s.len == 0 {
		return ""
	}
	lent := s.lent()
	known := &names[(uint32(lent[s.len-1])*5+uint32(lent[s.len/2])*3+s.len)%uint32(len(names))]
	if *known != lent {
		*known = strings.Clone(lent)
	}
	return *known
}

// region is what the host writes events into. It has to stay reachable here:
// the host's address of it is nothing that the collector sees.
var region []byte

// maxRegion bounds what the host can ask for, in bytes. Go ends the whole
// instance when memory runs out, so the question is answered with no before.
const maxRegion = 16 << 20

// buffer makes the region at least size bytes long and returns it, or nil if
// that is too much; the old region then remains.
func buffer(size uint32) []byte {
	if size > maxRegion {
		return nil
	}
	if int(size) > len(region) {
		n := minBuffer
		for n < int(size) {
			n *= 2
		}
		region = make([]byte, n)
	}
	return region
}
