package pubsub

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/phx"
)

// Adapter carries broadcasts to and from the other nodes. Delivery is at most
// once: an adapter may lose broadcasts, when the link breaks and when a node does
// not keep up, but it does not deliver one twice, nor a later one first. Package
// pubsubtest has the tests for all that is said here.
//
// Whoever makes an adapter starts nothing: it is Run that opens the link, and all
// goroutines have ended when Run returns.
//
// Topics and events are names in the sense of [phx.CheckName], a namespace may
// also be empty. All other characters may occur, also those that a broker uses for
// subjects and patterns (a space, ".", "*", ">", "["), and two topics are the same
// only if both their parts are. A [Packet] carries all of it, the number of hops
// included, from one version of chhost to another.
type Adapter interface {
	// Run keeps the link to the other nodes until ctx is done, and calls deliver
	// for every broadcast that another node published: in the order in which that
	// node published them to that topic, and never for what this node published.
	//
	// deliver may be called from several goroutines at once. It returns soon; where
	// it does not, only what comes to this node waits: neither Publish nor another
	// node does. It is not called any more once Run has returned.
	//
	// Run handles a broken link by itself, for as long as it takes, and goes on
	// after bytes that are no packet, or one of a newer version. It returns nil
	// after ctx is done, within [EndWithin], and has then sent what Publish had
	// taken before, unless the link is down or does not take it. It is called once:
	// a second call returns [ErrRan] and disturbs nothing. Any other error is of a
	// kind that does not pass; the node is alone from then on.
	Run(ctx context.Context, deliver func(Topic, *phx.Broadcast)) error
	// Publish sends b to the nodes that are on the link now. It does not block, not
	// even while the link breaks. It may be called from several goroutines at once,
	// also before and after Run. It does not change b.
	//
	// The error wraps [ErrDown] while there is no link, [ErrFull] when more is
	// under way than the adapter keeps, [ErrTooLarge] or [ErrPacket] for what
	// cannot travel. Nil is no promise that b arrives: a link may break before
	// anybody knows.
	Publish(t Topic, b *phx.Broadcast) error
}

var (
	// ErrDown is returned when there is no link: before Run has opened it, while it
	// is broken, after the end of Run. The broadcast reaches no other node, also
	// later: what comes back after an outage are new broadcasts, and not a burst of
	// old ones.
	ErrDown = errors.New("pubsub: the link to the other nodes is down")
	// ErrFull is returned when the adapter's queue is full, or the one for some
	// node: nodes that do not keep up miss the broadcast, the others may get it.
	ErrFull = errors.New("pubsub: the link to the other nodes does not keep up")
	// ErrRan is returned by an adapter's Run when it was called before.
	ErrRan = errors.New("pubsub: the adapter's Run was called before; make a new one")
	// ErrEnded is returned when an adapter's Run ended before its context, and did
	// not say why.
	ErrEnded = errors.New("pubsub: the adapter's Run ended before it was told to")
)

// EndWithin is how long an adapter's Run may take to return after its context is
// done, with what it still has to send.
const EndWithin = 5 * time.Second

// Traffic is what the adapter was given and has delivered, in broadcasts since
// the node was started.
type Traffic struct {
	// Sent were taken by Publish, Refused were not: Full and Down of them because
	// of [ErrFull] and [ErrDown].
	Sent, Refused, Full, Down uint64
	// Received came from other nodes.
	Received uint64
}

// traffic counts for [Traffic].
type traffic struct{ sent, refused, full, down, received atomic.Uint64 }

// Traffic is what has gone over the link to the other nodes. Without an adapter
// that is nothing.
func (p *PubSub) Traffic() Traffic {
	n := &p.traffic
	return Traffic{n.sent.Load(), n.refused.Load(), n.full.Load(), n.down.Load(), n.received.Load()}
}

// link runs the adapter.
func (p *PubSub) link(ctx context.Context) error {
	err := p.adapter.Run(ctx, func(t Topic, b *phx.Broadcast) {
		p.traffic.received.Add(1)
		p.local(t, nil, nil, b)
	})
	if err == nil && ctx.Err() == nil {
		return ErrEnded
	}
	return err
}

// publish hands b to the adapter, if there is one.
func (p *PubSub) publish(t Topic, b *phx.Broadcast) error {
	if p.adapter == nil {
		return nil
	}
	err := p.adapter.Publish(t, b)
	if err == nil {
		p.traffic.sent.Add(1)
		return nil
	}
	p.traffic.refused.Add(1)
	switch {
	case errors.Is(err, ErrFull):
		p.traffic.full.Add(1)
	case errors.Is(err, ErrDown):
		p.traffic.down.Add(1)
	}
	return err
}
