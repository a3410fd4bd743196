package pubsub

import (
	"context"
	"hash/maphash"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/chhost/chhost/host/phx"
)

// Topic names a topic of one tenant.
type Topic struct {
	Namespace string
	Name      string
}

// Subscriber receives the broadcasts of the topics it subscribed to.
type Subscriber interface {
	// Deliver hands over b, which from sent; from is nil if the sender is not a
	// subscriber of this node. It is called from the sender's goroutine and, on
	// busy topics, from several goroutines at once, so it must neither block nor
	// call the PubSub. A call that was under way when the subscription ended may
	// still arrive.
	Deliver(b *phx.Broadcast, from Subscriber)
}

// shards bounds the contention between topics; a power of two.
const shards = 64

// fanOutPart is the number of subscribers from which on another core is worth
// its wake-up.
const fanOutPart = 512

// PubSub delivers broadcasts. It is safe for concurrent use.
type PubSub struct {
	adapter Adapter
	traffic traffic
	seed    maphash.Seed
	shards  [shards]shard
}

type shard struct {
	mu     sync.Mutex
	topics map[Topic]*subscribers
}

// subscribers are those of one topic. list is changed under the shard's lock;
// view is a copy of it that broadcasts walk without a lock. It is made by the
// first broadcast after a change, so that ten thousand joins in a row do not
// copy ten thousand lists.
type subscribers struct {
	list []*subscription
	view []*subscription
}

type subscription struct {
	to   Subscriber
	at   int // index in list, under the shard's lock
	gone atomic.Bool
}

// New returns a PubSub for this node alone, or for all nodes that adapter
// reaches if it is not nil.
func New(adapter Adapter) *PubSub {
	p := &PubSub{adapter: adapter, seed: maphash.MakeSeed()}
	for i := range p.shards {
		p.shards[i].topics = make(map[Topic]*subscribers)
	}
	return p
}

// Run keeps the adapter running until ctx is done. Without an adapter it only
// waits for that. An error means that this node is alone from then on: it is the
// adapter's, or [ErrEnded].
func (p *PubSub) Run(ctx context.Context) error {
	if p.adapter == nil {
		<-ctx.Done()
		return nil
	}
	return p.link(ctx)
}

// Subscribe delivers the broadcasts of t to s until the returned function is
// called, which may be called more than once. A subscriber that subscribes
// twice receives twice.
func (p *PubSub) Subscribe(t Topic, s Subscriber) (unsubscribe func()) {
	sub := &subscription{to: s}
	sh := p.shard(t)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	subs := sh.topics[t]
	if subs == nil {
		subs = &subscribers{}
		sh.topics[t] = subs
	}
	sub.at = len(subs.list)
	subs.list = append(subs.list, sub)
	subs.view = nil
	return func() { p.unsubscribe(t, sub) }
}

func (p *PubSub) unsubscribe(t Topic, sub *subscription) {
	if sub.gone.Swap(true) {
		return
	}
	sh := p.shard(t)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	subs := sh.topics[t]
	last := len(subs.list) - 1
	moved := subs.list[last]
	subs.list[sub.at], moved.at = moved, sub.at
	subs.list[last] = nil
	subs.list = subs.list[:last]
	subs.view = nil
	if last == 0 {
		delete(sh.topics, t)
	}
}

// Broadcast sends b to every subscriber of t, the sender included, here and on
// the other nodes. from is the sender, or nil. The error is the adapter's; the
// subscribers of this node have received b nevertheless.
func (p *PubSub) Broadcast(t Topic, from Subscriber, b *phx.Broadcast) error {
	err := p.publish(t, b)
	p.local(t, from, nil, b)
	return err
}

// BroadcastFrom is Broadcast to every subscriber but from.
func (p *PubSub) BroadcastFrom(t Topic, from Subscriber, b *phx.Broadcast) error {
	err := p.publish(t, b)
	p.local(t, from, from, b)
	return err
}

// Subscribers is the number of subscriptions of t on this node.
func (p *PubSub) Subscribers(t Topic) int {
	sh := p.shard(t)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if subs := sh.topics[t]; subs != nil {
		return len(subs.list)
	}
	return 0
}

func (p *PubSub) local(t Topic, from, except Subscriber, b *phx.Broadcast) {
	view := p.view(t)
	parts := min(len(view)/fanOutPart, runtime.GOMAXPROCS(0))
	if parts < 2 {
		deliver(view, from, except, b)
		return
	}
	var (
		wg     sync.WaitGroup
		failed atomic.Pointer[any]
	)
	size := (len(view) + parts - 1) / parts
	for part := range parts - 1 {
		wg.Go(func() {
			// A panic has to end the sender's turn, which recovers, not the process.
			defer func() {
				if r := recover(); r != nil {
					failed.Store(&r)
				}
			}()
			deliver(view[part*size:(part+1)*size], from, except, b)
		})
	}
	// A panic on this goroutine may only go on after the others have ended.
	defer func() {
		wg.Wait()
		if r := failed.Load(); r != nil {
			panic(*r)
		}
	}()
	deliver(view[(parts-1)*size:], from, except, b)
}

func deliver(view []*subscription, from, except Subscriber, b *phx.Broadcast) {
	for _, sub := range view {
		if (except != nil && sub.to == except) || sub.gone.Load() {
			continue
		}
		sub.to.Deliver(b, from)
	}
}

func (p *PubSub) view(t Topic) []*subscription {
	sh := p.shard(t)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	subs := sh.topics[t]
	if subs == nil {
		return nil
	}
	if subs.view == nil {
		subs.view = append(make([]*subscription, 0, len(subs.list)), subs.list...)
	}
	return subs.view
}

func (p *PubSub) shard(t Topic) *shard {
	return &p.shards[maphash.Comparable(p.seed, t)&(shards-1)]
}
