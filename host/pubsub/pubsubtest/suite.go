package pubsubtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// suite is one contract's test under way.
type suite struct {
	testing.TB
	link     Link
	patience time.Duration
	probes   int // rounds of connect so far
	nodes    []*node
}

// run tests one contract on a link of its own, and that nothing of it is left.
func (c contract) run(t testing.TB, new func(t testing.TB) Link, patience time.Duration) {
	s := &suite{TB: t, link: new(t), patience: patience}
	l := &s.link
	if l.Join == nil || l.Cut == nil || l.Mend == nil || l.Inject == nil || l.Nodes == 1 || l.Nodes < 0 {
		t.Fatal("a Link needs Join, Cut, Mend and Inject, and at least 2 nodes")
	}
	if l.Nodes == 0 {
		l.Nodes = 3
	}
	c.test(s)
}

// eventually waits until cond is true.
func (s *suite) eventually(what string, cond func() bool) {
	s.Helper()
	s.eventuallyOr(func() string { return what }, cond)
}

// eventuallyOr is eventually for what can only be told when it did not come.
func (s *suite) eventuallyOr(what func() string, cond func() bool) {
	s.Helper()
	for end := time.Now().Add(s.patience); !cond(); time.Sleep(200 * time.Microsecond) {
		for _, n := range s.nodes {
			if n.gaveUp() {
				s.Fatalf("waited for: %s; and then the Run of a node returned %v", what(), n.err)
			}
		}
		if time.Now().After(end) {
			s.Fatalf("waited %v in vain for: %s", s.patience, what())
		}
	}
}

// within runs f, which has to return.
func (s *suite) within(what string, f func()) {
	s.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	timer := time.NewTimer(s.patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.Fatalf("%s has not returned within %v", what, s.patience)
	}
}

// arrival is one call of deliver.
type arrival struct {
	topic   pubsub.Topic
	event   string
	hops    int
	binary  bool
	payload string
}

func (a arrival) String() string {
	if len(a.payload) > 100 {
		a.payload = fmt.Sprintf("%s [%d bytes]", a.payload[:100], len(a.payload))
	}
	return fmt.Sprintf("%q %q hops=%d binary=%v %q", a.topic, a.event, a.hops, a.binary, a.payload)
}

// node is an adapter that runs, and what it delivers.
type node struct {
	s       *suite
	adapter pubsub.Adapter
	pubsub  *pubsub.PubSub // of nodes that have one
	cancel  context.CancelFunc
	ended   chan struct{}
	err     error // of Run; to be read after ended, as is early
	early   bool  // Run ended before its context

	mu       sync.Mutex
	arrivals []arrival
	late     int // after the end of Run
	gate     chan struct{}
}

// join starts a node that takes what its adapter delivers.
func (s *suite) join() *node {
	n := &node{s: s, adapter: s.link.Join()}
	n.start(func(ctx context.Context) error { return n.adapter.Run(ctx, n.deliver) })
	return n
}

// joinPubSub starts a node with a PubSub between the adapter and subscribers.
func (s *suite) joinPubSub() *node {
	n := &node{s: s, adapter: s.link.Join()}
	n.pubsub = pubsub.New(n.adapter)
	n.start(n.pubsub.Run)
	return n
}

// joinAll starts as many nodes as the link has and connects them.
func (s *suite) joinAll() []*node {
	s.Helper()
	nodes := make([]*node, min(s.link.Nodes, 3))
	for i := range nodes {
		nodes[i] = s.join()
	}
	s.connect(nodes...)
	return nodes
}

func (n *node) start(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel, n.ended = cancel, make(chan struct{})
	go func() {
		defer close(n.ended)
		n.err = run(ctx)
		n.early = ctx.Err() == nil
	}()
	n.s.nodes = append(n.s.nodes, n)
	n.s.Cleanup(n.end)
}

// gaveUp tells whether Run has ended before its context.
func (n *node) gaveUp() bool {
	select {
	case <-n.ended:
		return n.early
	default:
		return false
	}
}

// end ends the node's Run, which has to return nil in time.
func (n *node) end() {
	n.s.Helper()
	n.cancel()
	n.open()
	timer := time.NewTimer(n.s.patience) // more than EndWithin, for slow machines
	defer timer.Stop()
	select {
	case <-n.ended:
		switch {
		case n.early:
			n.s.Errorf("Run returned %v before its context was done; it has to keep the link until then, and to try again by itself", n.err)
		case n.err != nil:
			n.s.Errorf("Run returned %v after its context was done, want nil", n.err)
		}
	case <-timer.C:
		n.s.Errorf("Run has not returned after its context was done")
	}
}

func (n *node) deliver(t pubsub.Topic, b *phx.Broadcast) {
	n.mu.Lock()
	gate := n.gate
	n.mu.Unlock()
	if gate != nil {
		<-gate
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.ended:
		n.late++
	default:
	}
	if b.Topic() != t.Name {
		n.s.Errorf("%q was delivered to the topic %q", b.Topic(), t)
	}
	n.arrivals = append(n.arrivals, arrival{t, b.Event(), b.Hops(), b.Payload().IsBinary(), string(b.Payload().Data())})
}

// subscriber is one of a node with a PubSub.
type subscriber struct {
	mu     sync.Mutex
	events []string
	from   pubsub.Subscriber // of the last event
}

// Deliver implements [pubsub.Subscriber].
func (r *subscriber) Deliver(b *phx.Broadcast, from pubsub.Subscriber) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, b.Event())
	r.from = from
}

func (r *subscriber) got() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.events, " ")
}

// shut lets deliver wait until open.
func (n *node) shut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gate = make(chan struct{})
}

func (n *node) open() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gate != nil {
		close(n.gate)
		n.gate = nil
	}
}

// got is what was delivered to the topic, in order.
func (n *node) got(t pubsub.Topic) []arrival {
	n.mu.Lock()
	defer n.mu.Unlock()
	var got []arrival
	for _, a := range n.arrivals {
		if a.topic == t {
			got = append(got, a)
		}
	}
	return got
}

// events are those of got.
func (n *node) events(t pubsub.Topic) []string {
	var events []string
	for _, a := range n.got(t) {
		events = append(events, a.event)
	}
	return events
}

func (n *node) heard(t pubsub.Topic, event string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	// The youngest first: what is waited for has just come.
	for _, a := range slices.Backward(n.arrivals) {
		if a.topic == t && a.event == event {
			return true
		}
	}
	return false
}

// last is what was delivered last.
func (n *node) last() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.arrivals) == 0 {
		return "nothing"
	}
	return n.arrivals[len(n.arrivals)-1].String() + " last"
}

// try calls Publish, which must not block.
func (n *node) try(t pubsub.Topic, b *phx.Broadcast) (err error) {
	n.s.Helper()
	n.s.within("Publish, which must not block,", func() { err = n.adapter.Publish(t, b) })
	return err
}

// send publishes, again where the link is not up yet or does not keep up. On a
// link of more than two nodes the latter can double a broadcast.
func (n *node) send(t pubsub.Topic, b *phx.Broadcast) {
	n.s.Helper()
	for end := time.Now().Add(n.s.patience); ; time.Sleep(200 * time.Microsecond) {
		err := n.try(t, b)
		switch {
		case err == nil:
			return
		case !errors.Is(err, pubsub.ErrDown) && !errors.Is(err, pubsub.ErrFull):
			n.s.Fatalf("Publish returned %v, want nil, or ErrDown or ErrFull", err)
		case time.Now().After(end):
			n.s.Fatalf("Publish still returns %v after %v", err, n.s.patience)
		}
	}
}

// say sends an event without a payload to the lobby.
func (n *node) say(event string) {
	n.s.Helper()
	n.send(lobby(), message(event))
}

// hear waits for an event in the lobby.
func (n *node) hear(event string) {
	n.s.Helper()
	n.s.eventually(fmt.Sprintf("the broadcast %q at another node", event), func() bool { return n.heard(lobby(), event) })
}

func lobby() pubsub.Topic { return pubsub.Topic{Namespace: "default", Name: "rooms:lobby"} }

func message(event string) *phx.Broadcast {
	return phx.NewBroadcast(lobby().Name, event, phx.Payload{})
}

// connect waits until every node reaches every other one. Probes have a topic of
// their own, so that they are in nobody's way.
func (s *suite) connect(nodes ...*node) {
	s.Helper()
	s.probes++
	topic := pubsub.Topic{Namespace: "suite", Name: "probe"}
	for i, from := range nodes {
		event := fmt.Sprintf("round %d from %d", s.probes, i)
		var err error // of the last Publish
		missed := func(to *node) bool { return to != from && !to.heard(topic, event) }
		s.eventuallyOr(func() string {
			to := nodes[slices.IndexFunc(nodes, missed)]
			return fmt.Sprintf("a broadcast to reach every node, over a link that is up; it was %q to %q, Publish returned %v at last, and a node that misses it was delivered %s",
				event, topic, err, to.last())
		}, func() bool {
			err = from.try(topic, phx.NewBroadcast(topic.Name, event, phx.Payload{}))
			if err != nil && !errors.Is(err, pubsub.ErrDown) && !errors.Is(err, pubsub.ErrFull) {
				s.Fatalf("Publish returned %v, want nil, or ErrDown while there is no link", err)
			}
			return !slices.ContainsFunc(nodes, missed)
		})
	}
}

// goroutines lists the stacks of all goroutines by their number.
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	stacks := make(map[string]string)
	for _, stack := range strings.Split(string(buf), "\n\n") {
		if rest, ok := strings.CutPrefix(stack, "goroutine "); ok {
			number, _, _ := strings.Cut(rest, " ")
			stacks[number] = stack
		}
	}
	return stacks
}

// noneLeft waits until all goroutines have ended that were not there before.
func (s *suite) noneLeft(before map[string]string, when string) {
	s.Helper()
	for end := time.Now().Add(s.patience); ; time.Sleep(time.Millisecond) {
		var left []string
		for number, stack := range goroutines() {
			if _, ok := before[number]; !ok {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			s.Fatalf("%s %d goroutines are there that were not before:\n\n%s", when, len(left), strings.Join(left, "\n\n"))
		}
	}
}
