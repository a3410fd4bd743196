package pubsubtest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// What waits for one node of a [Memory] is bounded in packets and in bytes.
const (
	memoryPackets = 1024
	memoryBytes   = 8 << 20
)

// Memory is a link between nodes of one process. It carries packets, as every
// link does, breaks and mends at once when it is told to, and keeps a bounded
// number for a node that does not keep up. The zero value is ready; it is safe for
// concurrent use.
type Memory struct {
	mu    sync.Mutex
	down  bool
	nodes []*memoryNode // whose Run is under way

	sent    atomic.Uint64 // packets that were put into a queue
	waiting atomic.Int64  // packets in queues and in the hands of deliver
}

// Link is m as [TestAdapter] wants it.
func (m *Memory) Link() Link {
	return Link{Join: m.Join, Cut: m.Cut, Mend: m.Mend, Inject: m.Inject}
}

// Join returns the adapter of a new node. It is on the link while its Run is.
func (m *Memory) Join() pubsub.Adapter {
	return &memoryNode{link: m, queue: make(chan []byte, memoryPackets)}
}

// Nodes is how many nodes are on the link.
func (m *Memory) Nodes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.nodes)
}

// Cut breaks the link. What is on its way is lost, but for what a node has in
// hand.
func (m *Memory) Cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = true
	for _, n := range m.nodes {
		n.discard()
	}
}

// Mend ends what Cut began.
func (m *Memory) Mend() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = false
}

// Inject sends data to every node, whatever it is, as if another one had.
func (m *Memory) Inject(data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return
	}
	for _, n := range m.nodes {
		n.put(bytes.Clone(data))
	}
}

// Busy tells whether something is on its way.
func (m *Memory) Busy() bool { return m.waiting.Load() > 0 }

// Sent is how many packets have been on their way until now, each counted once
// for every node that it went to. If it is the same before and after a look at
// the nodes, none of them has told another anything meanwhile.
func (m *Memory) Sent() uint64 { return m.sent.Load() }

// memoryNode is the adapter of one node.
type memoryNode struct {
	link    *Memory
	ran     atomic.Bool
	running bool // guarded by link.mu
	queue   chan []byte
	bytes   atomic.Int64 // in queue; grows under link.mu only
}

// Publish implements [pubsub.Adapter].
func (n *memoryNode) Publish(t pubsub.Topic, b *phx.Broadcast) error {
	p := pubsub.Packet{Topic: t, Broadcast: b}
	data, err := p.Append(nil)
	if err != nil {
		return err
	}
	n.link.mu.Lock()
	defer n.link.mu.Unlock()
	if n.link.down || !n.running {
		return pubsub.ErrDown
	}
	for _, other := range n.link.nodes {
		if other != n && !other.put(data) {
			err = pubsub.ErrFull
		}
	}
	return err
}

// put queues data if there is room. The caller holds the link's lock.
func (n *memoryNode) put(data []byte) bool {
	if n.bytes.Load()+int64(len(data)) > memoryBytes {
		return false
	}
	n.link.waiting.Add(1)
	select {
	case n.queue <- data:
		n.bytes.Add(int64(len(data)))
		n.link.sent.Add(1)
		return true
	default:
		n.link.waiting.Add(-1)
		return false
	}
}

// discard empties the queue.
func (n *memoryNode) discard() {
	for {
		select {
		case data := <-n.queue:
			n.bytes.Add(-int64(len(data)))
			n.link.waiting.Add(-1)
		default:
			return
		}
	}
}

// Run implements [pubsub.Adapter].
func (n *memoryNode) Run(ctx context.Context, deliver func(pubsub.Topic, *phx.Broadcast)) error {
	if n.ran.Swap(true) {
		return pubsub.ErrRan
	}
	n.enter()
	defer n.exit()
	for {
		select {
		case <-ctx.Done():
			return nil
		case data := <-n.queue:
			n.take(data, deliver)
		}
	}
}

func (n *memoryNode) take(data []byte, deliver func(pubsub.Topic, *phx.Broadcast)) {
	defer n.link.waiting.Add(-1) // behind the delivery, see Busy
	n.bytes.Add(-int64(len(data)))
	// What is no packet is lost, as on a link with an unknown neighbour.
	if p, err := pubsub.DecodePacket(data); err == nil {
		deliver(p.Topic, p.Broadcast)
	}
}

func (n *memoryNode) enter() {
	n.link.mu.Lock()
	defer n.link.mu.Unlock()
	n.running = true
	n.link.nodes = append(n.link.nodes, n)
}

func (n *memoryNode) exit() {
	n.link.mu.Lock()
	defer n.link.mu.Unlock()
	n.running = false
	n.link.nodes = slices.DeleteFunc(n.link.nodes, func(other *memoryNode) bool { return other == n })
	n.discard()
}
