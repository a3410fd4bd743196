package channel

import (
	"sync"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// The mailbox's bounds.
const (
	// MailboxEvents is the number of a client's events that may wait. A client that
	// polls sends up to a hundred at once, and any client what it has kept back
	// until it was joined.
	MailboxEvents = 256
	// MailboxBroadcasts is the number of intercepted broadcasts that may wait. A
	// broadcast that does not fit fails the channel: the client joins again,
	// which is better than missing one without knowing.
	MailboxBroadcasts = 1024
)

// mailbox is what waits for a channel's turn, the oldest first. Its bounds are
// the channel's, whose lock guards it.
type mailbox struct{ first, last *item }

// item is one thing that a channel has to come to. Items are used again: what
// they hold must not be referred to after the turn has carried them out.
type item struct {
	next  *item
	kind  itemKind
	leave LeaveKind // itemClose
	msg   phx.Message
	size  int
	out   delivery       // itemOut, itemInfo
	timer *timer         // itemTimer
	done  func(outcome)  // itemUpgrade, itemExpel
	of    Handler        // itemExpel
	look  func(Standing) // itemLook, itemAdmit
	err   error          // itemFail: why, or nil if that has been logged
	id    uint64         // itemOut, itemInfo, itemTimer, itemFail: the membership it belongs to
}

type itemKind uint8

const (
	itemJoin itemKind = iota
	itemEvent
	itemLeave
	itemOut
	itemInfo
	itemTimer
	itemUpgrade
	itemKick
	itemExpel
	itemClose
	itemFail
	itemLook
	itemAdmit
)

// delivery is a broadcast on its way to a handler.
type delivery struct {
	b    *phx.Broadcast
	from *Channel // whose handler sent it; nil if that is not a channel of this node
}

func deliveryOf(b *phx.Broadcast, from pubsub.Subscriber) delivery {
	sender, _ := from.(*Channel)
	return delivery{b, sender}
}

// put appends a copy of it, in an item out of used if there is one.
func (m *mailbox) put(used *sync.Pool, it item) {
	i, _ := used.Get().(*item)
	if i == nil {
		i = new(item)
	}
	*i = it
	if m.last == nil {
		m.first = i
	} else {
		m.last.next = i
	}
	m.last = i
}

// take returns the oldest item, or nil. It is to be given back by recycle.
func (m *mailbox) take() *item {
	i := m.first
	if i == nil {
		return nil
	}
	if m.first = i.next; m.first == nil {
		m.last = nil
	}
	i.next = nil
	return i
}

// recycle lets an item be used again.
func recycle(used *sync.Pool, i *item) {
	*i = item{} // what it holds must not be kept
	used.Put(i)
}

// any tells whether an item of this kind waits.
func (m *mailbox) any(kind itemKind) bool {
	for i := m.first; i != nil; i = i.next {
		if i.kind == kind {
			return true
		}
	}
	return false
}

// cull takes the items out that gone is true for.
func (m *mailbox) cull(gone func(*item) bool) {
	at := &m.first
	m.last = nil
	for i := m.first; i != nil; i = i.next {
		if !gone(i) {
			*at, m.last, at = i, i, &i.next
		}
	}
	*at = nil
}
