package pubsub_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// twoProcs makes broadcasts to many subscribers run in two parts, whatever the
// machine has.
func twoProcs(t testing.TB) {
	old := runtime.GOMAXPROCS(2)
	t.Cleanup(func() { runtime.GOMAXPROCS(old) })
}

const many = 2*pubsub.FanOutPart + 333

// counter notes which of its sender's broadcasts came, by their number, and
// whether one came before an older one.
type counter struct {
	calls    atomic.Int64
	last     map[string]int // by sender; a subscriber is called by one goroutine at a time unless senders are concurrent
	mu       sync.Mutex
	disorder atomic.Int64
}

func (c *counter) Deliver(b *phx.Broadcast, _ pubsub.Subscriber) {
	c.calls.Add(1)
	sender, number, _ := strings.Cut(b.Event(), " ")
	n, _ := strconv.Atoi(number)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = make(map[string]int)
	}
	if n <= c.last[sender] {
		c.disorder.Add(1)
	}
	c.last[sender] = n
}

// TestOrderPerSender has several senders, each of which sends its own numbers,
// to so many subscribers that each broadcast is delivered by two goroutines.
func TestOrderPerSender(t *testing.T) {
	twoProcs(t)
	p := pubsub.New(nil)
	subs := make([]counter, many)
	for i := range subs {
		defer p.Subscribe(lobby, &subs[i])()
	}
	const senders, each = 4, 30
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for n := range each {
				// Returning means that every subscriber has been called.
				if err := p.Broadcast(lobby, nil, message("s"+strconv.Itoa(s)+" "+strconv.Itoa(n+1))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range subs {
		if got := subs[i].calls.Load(); got != senders*each {
			t.Fatalf("subscriber %d was called %d times, want %d", i, got, senders*each)
		}
		if got := subs[i].disorder.Load(); got != 0 {
			t.Fatalf("subscriber %d got %d broadcasts after a younger one of the same sender", i, got)
		}
	}
}

// Every size around the parts: nobody is left out and nobody called twice, and
// Broadcast has called everybody when it returns.
func TestEverySubscriberOnce(t *testing.T) {
	twoProcs(t)
	for _, n := range []int{
		0, 1, pubsub.FanOutPart - 1, pubsub.FanOutPart, 2*pubsub.FanOutPart - 1, 2 * pubsub.FanOutPart,
		2*pubsub.FanOutPart + 1, 3*pubsub.FanOutPart + 7,
	} {
		p := pubsub.New(nil)
		subs := make([]counter, n)
		for i := range subs {
			p.Subscribe(lobby, &subs[i])
		}
		broadcast(t, p, lobby, nil, "s 1")
		for i := range subs {
			if got := subs[i].calls.Load(); got != 1 {
				t.Fatalf("of %d: subscriber %d was called %d times", n, i, got)
			}
		}
		if n > 0 {
			if err := p.BroadcastFrom(lobby, &subs[n-1], message("s 2")); err != nil {
				t.Fatal(err)
			}
			if got := subs[n-1].calls.Load(); got != 1 {
				t.Errorf("of %d: BroadcastFrom reached its sender", n)
			}
			if got := subs[0].calls.Load(); n > 1 && got != 2 {
				t.Errorf("of %d: BroadcastFrom did not reach the first subscriber", n)
			}
		}
	}
}

type panicker struct{}

func (panicker) Deliver(*phx.Broadcast, pubsub.Subscriber) { panic("BUG: a subscriber") }

// A panic in a subscriber has to reach the sender, whose turn recovers, from
// whichever goroutine it happened on, after all the others have ended; else it
// would end the process.
func TestPanicReachesTheSender(t *testing.T) {
	twoProcs(t)
	for _, at := range []int{0, many / 2, many - 1} {
		p := pubsub.New(nil)
		subs := make([]counter, many)
		for i := range subs {
			if i == at {
				p.Subscribe(lobby, panicker{})
			}
			p.Subscribe(lobby, &subs[i])
		}
		func() {
			defer func() {
				if r := recover(); r != "BUG: a subscriber" {
					t.Errorf("panic at %d: the sender recovered %v", at, r)
				}
			}()
			_ = p.Broadcast(lobby, nil, message("s 1"))
			t.Errorf("panic at %d: Broadcast returned", at)
		}()
		other := 0 // a subscriber of the part without the panic
		if at < many/2 {
			other = many - 1
		}
		if subs[other].calls.Load() != 1 {
			t.Errorf("panic at %d: the other part was not delivered", at)
		}
		for i := range subs {
			if subs[i].calls.Load() > 1 {
				t.Fatalf("panic at %d: subscriber %d was called twice", at, i)
			}
		}
		// The topic is still in order.
		if got := p.Subscribers(lobby); got != many+1 {
			t.Errorf("%d subscribers, want %d", got, many+1)
		}
	}
}

// TestStress subscribes, unsubscribes and broadcasts from many goroutines. Who
// stays subscribed all the time gets each sender's broadcasts, all of them, in
// order; after its end nobody is called; nothing is left.
func TestStress(t *testing.T) {
	twoProcs(t)
	p := pubsub.New(nil)
	topics := []pubsub.Topic{lobby, {Namespace: "other", Name: lobby.Name}}
	const stayers, senders, each = 2 * pubsub.FanOutPart, 3, 20
	subs := make([]counter, stayers)
	var ends []func()
	for i := range subs {
		ends = append(ends, p.Subscribe(topics[0], &subs[i]))
	}
	var senderWG, churnWG sync.WaitGroup
	var stop atomic.Bool
	for c := range 4 {
		churnWG.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(c), 1))
			var live []func()
			for !stop.Load() {
				if len(live) < 50 && rnd.IntN(2) == 0 {
					live = append(live, p.Subscribe(topics[rnd.IntN(2)], &counter{}))
				} else if len(live) > 0 {
					i := rnd.IntN(len(live))
					live[i]()
					live = slices.Delete(live, i, i+1)
				}
			}
			for _, end := range live {
				end()
			}
		})
	}
	for s := range senders {
		senderWG.Go(func() {
			for n := range each {
				event := "s" + strconv.Itoa(s) + " " + strconv.Itoa(n+1)
				_ = p.Broadcast(topics[0], nil, message(event))
				_ = p.Broadcast(topics[1], nil, message(event))
			}
		})
	}
	senderWG.Wait()
	stop.Store(true)
	churnWG.Wait()
	for i := range subs {
		if got := subs[i].calls.Load(); got != senders*each {
			t.Fatalf("subscriber %d was called %d times, want %d", i, got, senders*each)
		}
		if subs[i].disorder.Load() != 0 {
			t.Fatalf("subscriber %d got broadcasts out of order", i)
		}
	}
	for _, end := range ends {
		end()
	}
	broadcast(t, p, topics[0], nil, "s 1")
	if got := subs[0].calls.Load(); got != senders*each {
		t.Error("a subscriber was called after its end")
	}
	if got := p.Topics(); got != 0 {
		t.Errorf("%d topics are held, want 0", got)
	}
}

// Once the end of a subscription has returned, and no broadcast that began
// before it is under way, nothing more is delivered, also to the part of
// another goroutine.
func TestNoDeliveryAfterTheEnd(t *testing.T) {
	twoProcs(t)
	p := pubsub.New(nil)
	for range many {
		p.Subscribe(lobby, &counter{})
	}
	for range 60 {
		var sub counter
		end := p.Subscribe(lobby, &sub)
		var wg sync.WaitGroup
		wg.Go(func() { _ = p.Broadcast(lobby, nil, message("s 1")) })
		end()
		wg.Wait()
		before := sub.calls.Load()
		broadcast(t, p, lobby, nil, "s 2")
		if sub.calls.Load() != before || before > 1 {
			t.Fatal("a subscriber was called after its end, or twice")
		}
	}
}

type nop struct{}

func (*nop) Deliver(*phx.Broadcast, pubsub.Subscriber) {}

// BenchmarkBroadcast is a broadcast to 10,000 subscribers that do nothing: what
// the fan-out itself costs.
func BenchmarkBroadcast(b *testing.B) {
	const subscribers = 10_000
	p := pubsub.New(nil)
	for range subscribers {
		p.Subscribe(lobby, &nop{})
	}
	m := message("x")
	b.ReportAllocs()
	for b.Loop() {
		_ = p.Broadcast(lobby, nil, m)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/subscribers, "ns/subscriber")
}

// BenchmarkSubscribe is one subscription and its end on a busy topic.
func BenchmarkSubscribe(b *testing.B) {
	p := pubsub.New(nil)
	for range 10_000 {
		p.Subscribe(lobby, &nop{})
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Subscribe(lobby, &nop{})()
	}
}
