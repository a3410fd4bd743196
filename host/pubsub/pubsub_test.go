package pubsub_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"weak"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var lobby = pubsub.Topic{Namespace: "default", Name: "rooms:lobby"}

func message(event string) *phx.Broadcast {
	return phx.NewBroadcast(lobby.Name, event, phx.Payload{})
}

// recorder keeps the events it was delivered and who sent them.
type recorder struct {
	mu     sync.Mutex
	events []string
	from   []pubsub.Subscriber
	also   func(*phx.Broadcast) // called for each, if not nil
}

func (r *recorder) Deliver(b *phx.Broadcast, from pubsub.Subscriber) {
	r.mu.Lock()
	r.events = append(r.events, b.Event())
	r.from = append(r.from, from)
	r.mu.Unlock()
	if r.also != nil {
		r.also(b)
	}
}

func (r *recorder) got() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.events, " ")
}

func expect(t *testing.T, r *recorder, want string) {
	t.Helper()
	if got := r.got(); got != want {
		t.Errorf("delivered %q, want %q", got, want)
	}
}

func broadcast(t *testing.T, p *pubsub.PubSub, topic pubsub.Topic, from pubsub.Subscriber, event string) {
	t.Helper()
	if err := p.Broadcast(topic, from, message(event)); err != nil {
		t.Error(err)
	}
}

func TestBroadcastReachesTheSenderToo(t *testing.T) {
	p := pubsub.New(nil)
	var a, b recorder
	defer p.Subscribe(lobby, &a)()
	defer p.Subscribe(lobby, &b)()
	broadcast(t, p, lobby, &a, "one")
	if err := p.BroadcastFrom(lobby, &a, message("two")); err != nil {
		t.Error(err)
	}
	broadcast(t, p, lobby, nil, "three")
	expect(t, &a, "one three")
	expect(t, &b, "one two three")
	if !slices.Equal(b.from, []pubsub.Subscriber{&a, &a, nil}) {
		t.Errorf("the senders were %v", b.from)
	}
}

// BroadcastFrom without a sender has nobody to leave out.
func TestBroadcastFromNobody(t *testing.T) {
	p := pubsub.New(nil)
	var a recorder
	defer p.Subscribe(lobby, &a)()
	if err := p.BroadcastFrom(lobby, nil, message("one")); err != nil {
		t.Error(err)
	}
	expect(t, &a, "one")
}

// A subscriber that subscribes twice receives twice, and BroadcastFrom leaves
// both out.
func TestSubscribeTwice(t *testing.T) {
	p := pubsub.New(nil)
	var a recorder
	first, second := p.Subscribe(lobby, &a), p.Subscribe(lobby, &a)
	broadcast(t, p, lobby, nil, "one")
	expect(t, &a, "one one")
	if err := p.BroadcastFrom(lobby, &a, message("two")); err != nil {
		t.Error(err)
	}
	first()
	broadcast(t, p, lobby, nil, "three")
	expect(t, &a, "one one three")
	second()
	broadcast(t, p, lobby, nil, "four")
	expect(t, &a, "one one three")
}

// Each unsubscribe takes out its own subscription, in whatever order, and only
// the first call counts: a later one must not take out who came after.
func TestUnsubscribe(t *testing.T) {
	p := pubsub.New(nil)
	subs := make([]recorder, 5)
	ends := make([]func(), len(subs))
	for i := range subs {
		ends[i] = p.Subscribe(lobby, &subs[i])
	}
	gone := map[int]bool{}
	for n, i := range []int{2, 4, 0, 1, 3} {
		ends[i]()
		ends[i]()
		gone[i] = true
		if got, want := p.Subscribers(lobby), len(subs)-n-1; got != want {
			t.Fatalf("%d subscribers, want %d", got, want)
		}
		event := strconv.Itoa(n)
		broadcast(t, p, lobby, nil, event)
		for j := range subs {
			if got := strings.HasSuffix(subs[j].got(), event); got == gone[j] {
				t.Errorf("after %d ended: subscriber %d got broadcast %s: %v", i, j, event, got)
			}
		}
	}
	var late recorder
	defer p.Subscribe(lobby, &late)()
	for _, end := range ends {
		end()
	}
	broadcast(t, p, lobby, nil, "last")
	expect(t, &late, "last")
}

// Who is unsubscribed while a broadcast is under way, and has not been reached,
// does not get it; who subscribes meanwhile does not either, but gets the next.
func TestChangesDuringABroadcast(t *testing.T) {
	p := pubsub.New(nil)
	var first, second, late recorder
	var endSecond, endLate func()
	first.also = func(b *phx.Broadcast) {
		if b.Event() == "one" {
			// Deliver must not do this in the host; for the PubSub it is only a
			// change in the midst of a broadcast.
			endSecond()
			endLate = p.Subscribe(lobby, &late)
		}
	}
	defer p.Subscribe(lobby, &first)()
	endSecond = p.Subscribe(lobby, &second)
	broadcast(t, p, lobby, nil, "one")
	broadcast(t, p, lobby, nil, "two")
	endLate()
	expect(t, &first, "one two")
	expect(t, &second, "")
	expect(t, &late, "two")
}

// Topics are pairs: nothing that is joined from two strings may make two of
// them meet, whatever stands between them and whichever comes first.
func TestNamespacesNeverMeet(t *testing.T) {
	p := pubsub.New(nil)
	topics := []pubsub.Topic{
		{Namespace: "", Name: "a:b:c"}, {Namespace: "ab", Name: ":c"}, {Namespace: "a", Name: "b"}, {Namespace: "b", Name: "a"}, {},
	}
	between := []string{"", "::", "/t/"}
	for b := range 256 {
		between = append(between, string([]byte{byte(b)}))
	}
	for _, s := range between {
		topics = append(topics,
			pubsub.Topic{Namespace: "a", Name: "b" + s + "c"}, pubsub.Topic{Namespace: "a" + s + "b", Name: "c"},
			pubsub.Topic{Namespace: "c", Name: "a" + s + "b"}, pubsub.Topic{Namespace: "b" + s + "c", Name: "a"})
	}
	subs := make([]recorder, len(topics))
	for i, topic := range topics {
		defer p.Subscribe(topic, &subs[i])()
	}
	for i, topic := range topics {
		broadcast(t, p, topic, nil, strconv.Itoa(i))
	}
	for i := range subs {
		expect(t, &subs[i], strconv.Itoa(i))
	}
}

// The map of topics shrinks again: a client that joins and leaves topic after
// topic must not leave anything behind.
func TestNothingIsKeptOfATopicWithoutSubscribers(t *testing.T) {
	p := pubsub.New(nil)
	var ends []func()
	for i := range 1000 {
		topic := pubsub.Topic{Namespace: "default", Name: strconv.Itoa(i % 500)}
		ends = append(ends, p.Subscribe(topic, &recorder{}))
		broadcast(t, p, pubsub.Topic{Namespace: "default", Name: "nobody " + strconv.Itoa(i)}, nil, "x")
	}
	if got := p.Topics(); got != 500 {
		t.Errorf("%d topics are held, want 500", got)
	}
	for _, end := range ends {
		end()
	}
	if got := p.Topics(); got != 0 {
		t.Errorf("%d topics are held, want 0", got)
	}
}

// Nothing keeps a subscriber alive after its end, also where others stay.
func TestNothingIsKeptOfASubscriber(t *testing.T) {
	p := pubsub.New(nil)
	var stays recorder
	defer p.Subscribe(lobby, &stays)()
	gone := func() weak.Pointer[recorder] {
		r := new(recorder)
		end := p.Subscribe(lobby, r)
		broadcast(t, p, lobby, nil, "one")
		end()
		return weak.Make(r)
	}()
	runtime.GC()
	if gone.Value() != nil {
		t.Error("a subscriber is held after its end")
	}
	expect(t, &stays, "one")
}

// adapter keeps what was published and hands out deliver.
type adapter struct {
	publish func(pubsub.Topic, *phx.Broadcast) error
	deliver chan func(pubsub.Topic, *phx.Broadcast)
}

func (a *adapter) Run(ctx context.Context, deliver func(pubsub.Topic, *phx.Broadcast)) error {
	a.deliver <- deliver
	<-ctx.Done()
	return errLink
}

func (a *adapter) Publish(t pubsub.Topic, b *phx.Broadcast) error { return a.publish(t, b) }

var errLink = errors.New("the link is down")

// The other nodes come first, so that a broadcast is not seen here and lost
// there without the sender's knowing; a link that is down does not silence this
// node.
func TestAdapterComesFirstAndItsErrorIsReturned(t *testing.T) {
	var order []string
	local := &recorder{also: func(b *phx.Broadcast) { order = append(order, "local "+b.Event()) }}
	p := pubsub.New(&adapter{publish: func(topic pubsub.Topic, b *phx.Broadcast) error {
		order = append(order, "publish "+topic.Namespace+" "+topic.Name+" "+b.Event())
		return errLink
	}})
	defer p.Subscribe(lobby, local)()
	if err := p.Broadcast(lobby, nil, message("one")); !errors.Is(err, errLink) {
		t.Errorf("error %v, want the adapter's", err)
	}
	if err := p.BroadcastFrom(lobby, &recorder{}, message("two")); !errors.Is(err, errLink) {
		t.Errorf("error %v, want the adapter's", err)
	}
	if err := p.Broadcast(pubsub.Topic{Namespace: "default", Name: "nobody"}, nil, message("three")); !errors.Is(err, errLink) {
		t.Errorf("without subscribers here: error %v, want the adapter's", err)
	}
	want := []string{
		"publish default rooms:lobby one", "local one",
		"publish default rooms:lobby two", "local two",
		"publish default nobody three",
	}
	if !slices.Equal(order, want) {
		t.Errorf("the order was %q, want %q", order, want)
	}
}

// What another node published reaches the subscribers here and is not published
// again.
func TestDeliverFromAnAdapter(t *testing.T) {
	a := &adapter{deliver: make(chan func(pubsub.Topic, *phx.Broadcast)), publish: func(pubsub.Topic, *phx.Broadcast) error {
		t.Error("a broadcast of another node was published again")
		return nil
	}}
	p := pubsub.New(a)
	var sub recorder
	defer p.Subscribe(lobby, &sub)()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	deliver := <-a.deliver
	deliver(lobby, message("one"))
	deliver(pubsub.Topic{Namespace: "other", Name: lobby.Name}, message("two"))
	deliver(lobby, message("three"))
	cancel()
	if err := <-ended; !errors.Is(err, errLink) {
		t.Errorf("Run returned %v, want what the adapter returned", err)
	}
	expect(t, &sub, "one three")
	if sub.from[0] != nil {
		t.Errorf("the sender was %v, want none: it is no subscriber of this node", sub.from[0])
	}
}

func TestRunWithoutAnAdapterWaits(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- pubsub.New(nil).Run(ctx) }()
	select {
	case err := <-ended:
		t.Fatalf("Run ended before its context: %v", err)
	default:
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Run says when an adapter gave up without a word: the node would be alone, and
// nobody would know.
func TestAnAdapterThatEndsIsNoticed(t *testing.T) {
	p := pubsub.New(ending{})
	if err := p.Run(t.Context()); !errors.Is(err, pubsub.ErrEnded) {
		t.Errorf("Run returned %v, want ErrEnded", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Errorf("Run returned %v after its context, want nil", err)
	}
}

// ending is an adapter that does not stay and delivers one broadcast.
type ending struct{}

func (ending) Publish(_ pubsub.Topic, b *phx.Broadcast) error {
	switch b.Event() {
	case "full":
		return fmt.Errorf("a queue: %w", pubsub.ErrFull)
	case "down":
		return fmt.Errorf("a wire: %w", pubsub.ErrDown)
	case "large":
		return pubsub.ErrTooLarge
	}
	return nil
}

func (ending) Run(_ context.Context, deliver func(pubsub.Topic, *phx.Broadcast)) error {
	deliver(lobby, message("one"))
	return nil
}

func TestTraffic(t *testing.T) {
	p := pubsub.New(ending{})
	for _, event := range []string{"a", "full", "down", "large", "full", "b"} {
		_ = p.Broadcast(lobby, nil, message(event))
	}
	_ = p.Run(t.Context())
	if got, want := p.Traffic(), (pubsub.Traffic{Sent: 2, Refused: 4, Full: 2, Down: 1, Received: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	alone := pubsub.New(nil)
	_ = alone.Broadcast(lobby, nil, message("a"))
	if got := alone.Traffic(); got != (pubsub.Traffic{}) {
		t.Errorf("without an adapter: counted %+v", got)
	}
}
