package channel

import "errors"

// Peer stands for where a client connects from: two clients that may well be one
// and the same person's have the same, as those of one address do. The zero Peer is
// for all whose place is not known.
type Peer uint64

// peer is where the client connects from that sent a broadcast.
func (d *delivery) peer() Peer {
	if d.from == nil {
		return 0
	}
	return d.from.opts.Peer
}

var errBlamed = errors.New("channel: too many channels failed at what the client had broadcast")

// blame notes that the handler of c failed because of the client of from; nobody
// of this node is nil. A client that others' channels fail because of, again and
// again, would otherwise go on: it loses its own, and may not join again at once.
func (c *Channel) blame(from *Channel) {
	if from == nil || from.opts.Failed == nil || !from.opts.Failed() || from == c {
		return
	}
	from.mu.Lock()
	defer from.unlock()
	if from.state != stateNone {
		from.failLater(errBlamed)
	}
}
