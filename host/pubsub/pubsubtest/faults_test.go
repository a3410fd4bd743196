package pubsubtest

import (
	"context"
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

// This file guards the guard: adapters with one fault each, and which contract
// has to notice it.

// recording is a test that notes its failure instead.
type recording struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
	first    func() // before the cleanups: lets go on what waits for ever
}

func (r *recording) Helper() {}

func (r *recording) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recording) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }

func (r *recording) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}

func (r *recording) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recording) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// verdict runs a contract's test over a link, and returns how it failed.
func verdict(t *testing.T, c contract, new func(t testing.TB) Link, patience time.Duration) string {
	r := &recording{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() { // in the order of package testing, also behind Goexit
			if r.first != nil {
				r.first()
			}
			for _, f := range slices.Backward(r.cleanups) {
				f()
			}
		}()
		c.run(r, new, patience)
	}()
	<-ended
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.failures, "\n")
}

type deliverFunc = func(pubsub.Topic, *phx.Broadcast)

// broken is a sound adapter with hooks; nil ones do nothing.
type broken struct {
	pubsub.Adapter
	run     func(ctx context.Context, sound pubsub.Adapter, deliver deliverFunc) error
	publish func(sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error
}

func (a *broken) Run(ctx context.Context, deliver func(pubsub.Topic, *phx.Broadcast)) error {
	if a.run == nil {
		return a.Adapter.Run(ctx, deliver)
	}
	return a.run(ctx, a.Adapter, deliver)
}

func (a *broken) Publish(t pubsub.Topic, b *phx.Broadcast) error {
	if a.publish == nil {
		return a.Adapter.Publish(t, b)
	}
	return a.publish(a.Adapter, t, b)
}

// fault is an adapter that breaks contracts.
type fault struct {
	name string
	// adapter makes the faulty adapter of one node from a sound one. The context
	// ends with the test, for what would otherwise wait for ever.
	adapter func(ctx context.Context, sound pubsub.Adapter) pubsub.Adapter
	// inject stands for adapters that do not get on with such data.
	inject func(sound Link, data []byte)
	// caught is which contracts have to fail, and what they have to say.
	caught map[string]string
}

// delivering is a fault in what a node is delivered: f gets each broadcast and
// the sound deliver.
func delivering(f func() func(pubsub.Topic, *phx.Broadcast, deliverFunc)) func(context.Context, pubsub.Adapter) pubsub.Adapter {
	return func(_ context.Context, sound pubsub.Adapter) pubsub.Adapter {
		return &broken{Adapter: sound, run: func(ctx context.Context, sound pubsub.Adapter, deliver deliverFunc) error {
			each := f()
			return sound.Run(ctx, func(t pubsub.Topic, b *phx.Broadcast) { each(t, b, deliver) })
		}}
	}
}

// altering is a fault that changes each broadcast.
func altering(f func(pubsub.Topic, *phx.Broadcast) (pubsub.Topic, *phx.Broadcast)) func(context.Context, pubsub.Adapter) pubsub.Adapter {
	return delivering(func() func(pubsub.Topic, *phx.Broadcast, deliverFunc) {
		return func(t pubsub.Topic, b *phx.Broadcast, deliver deliverFunc) {
			t, b = f(t, b)
			deliver(t, b)
		}
	})
}

// publishing is a fault in Publish.
func publishing(f func(ctx context.Context, sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error) func(context.Context, pubsub.Adapter) pubsub.Adapter {
	return func(ctx context.Context, sound pubsub.Adapter) pubsub.Adapter {
		return &broken{Adapter: sound, publish: func(sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error { return f(ctx, sound, t, b) }}
	}
}

// running is a fault in Run.
func running(f func(life, ctx context.Context, sound pubsub.Adapter, deliver deliverFunc) error) func(context.Context, pubsub.Adapter) pubsub.Adapter {
	return func(life context.Context, sound pubsub.Adapter) pubsub.Adapter {
		return &broken{Adapter: sound, run: func(ctx context.Context, sound pubsub.Adapter, deliver deliverFunc) error {
			return f(life, ctx, sound, deliver)
		}}
	}
}

// TestSoundAdapterIsNotCaught makes sure that the wrapping alone is no fault.
func TestSoundAdapterIsNotCaught(t *testing.T) {
	sound := func(testing.TB) Link {
		l := new(Memory).Link()
		join := l.Join
		l.Join = func() pubsub.Adapter { return &broken{Adapter: join()} }
		return l
	}
	for _, c := range contracts() {
		if got := verdict(t, c, sound, patience); got != "" {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// TestEveryFaultIsCaught runs faulty adapters against the contracts that have to
// notice them. Each contract notices some fault.
func TestEveryFaultIsCaught(t *testing.T) {
	uncaught := make(map[string]contract)
	for _, c := range contracts() {
		uncaught[c.name] = c
	}
	for _, f := range append(deliveryFaults(), lifeFaults()...) {
		for name, want := range f.caught {
			t.Run(f.name+"/"+name, func(t *testing.T) {
				at := slices.IndexFunc(contracts(), func(c contract) bool { return c.name == name })
				if at < 0 {
					t.Fatalf("there is no contract %q", name)
				}
				// What the suite waits for in vain it need not wait for long, but long
				// enough for what comes before on a busy machine.
				for wait := 100 * time.Millisecond; ; wait *= 2 {
					got := verdict(t, contracts()[at], f.link, wait)
					if got != "" && strings.Contains(got, want) {
						return
					}
					if got == "" || wait > patience {
						t.Fatalf("the suite said %q, want %q in it", got, want)
					}
				}
			})
			delete(uncaught, name)
		}
	}
	for name := range uncaught {
		t.Errorf("no fault shows that the suite can notice a breach of: %s", name)
	}
}

func (f fault) link(t testing.TB) Link {
	ctx, cancel := context.WithCancel(context.Background())
	t.(*recording).first = cancel
	l := new(Memory).Link()
	if f.adapter != nil {
		join := l.Join
		l.Join = func() pubsub.Adapter { return f.adapter(ctx, join()) }
	}
	if f.inject != nil {
		sound := l
		l.Inject = func(data []byte) { f.inject(sound, data) }
	}
	return l
}

// TestLinksAreComplete: a link that lacks something is not half tested.
func TestLinksAreComplete(t *testing.T) {
	for what, change := range map[string]func(*Link){
		"join": func(l *Link) { l.Join = nil }, "cut": func(l *Link) { l.Cut = nil }, "mend": func(l *Link) { l.Mend = nil },
		"inject": func(l *Link) { l.Inject = nil }, "nodes": func(l *Link) { l.Nodes = 1 },
	} {
		got := verdict(t, contracts()[0], func(testing.TB) Link {
			l := new(Memory).Link()
			change(&l)
			return l
		}, patience)
		if !strings.Contains(got, "a Link needs") {
			t.Errorf("without %s: %q", what, got)
		}
	}
}
