package pubsubtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// The names of contracts that several faults break.
const (
	inOrder   = "broadcasts of one sender arrive in order"
	sameBytes = "every other node gets it, byte for byte"
	slow      = "a slow subscriber blocks nobody"
	isDown    = "while the link is down Publish returns ErrDown, and nothing of it arrives later"
	isBack    = "the link comes back by itself, however often"
	ends      = "Run returns nil when its context is done, also while the link is down"
	final     = "the end of Run is final"
	noLeak    = "constructors start nothing, and nothing is left"
	laterOnes = "packets of later versions are read as far as they can be"
)

// with is b with other parts.
func with(b *phx.Broadcast, hops int, event string, payload phx.Payload) *phx.Broadcast {
	return phx.NewHop(hops, b.Topic(), event, payload)
}

func deliveryFaults() []fault {
	type (
		topic     = pubsub.Topic
		broadcast = *phx.Broadcast
		each      = func(topic, broadcast, deliverFunc)
	)
	return []fault{
		{name: "drops hops", caught: map[string]string{"hops are carried": "hops=0"},
			adapter: altering(func(t topic, b broadcast) (topic, broadcast) { return t, with(b, 0, b.Event(), b.Payload()) })},
		{name: "counts a hop", caught: map[string]string{"hops are carried": "hops=1"},
			adapter: altering(func(t topic, b broadcast) (topic, broadcast) { return t, with(b, b.Hops()+1, b.Event(), b.Payload()) })},
		{name: "caps hops", caught: map[string]string{"hops are carried": "hops=4"},
			adapter: altering(func(t topic, b broadcast) (topic, broadcast) {
				return t, with(b, min(b.Hops(), 4), b.Event(), b.Payload())
			})},
		{name: "writes JSON anew", caught: map[string]string{sameBytes: "arrived as"},
			adapter: altering(func(t topic, b broadcast) (topic, broadcast) {
				if b.Payload().IsBinary() {
					return t, b
				}
				var compact bytes.Buffer
				_ = json.Compact(&compact, b.Payload().Data())
				return t, with(b, b.Hops(), b.Event(), object(compact.String()))
			})},
		{name: "takes bytes for JSON", caught: map[string]string{sameBytes: "binary=false"},
			adapter: altering(func(t topic, b broadcast) (topic, broadcast) {
				if p, err := phx.Object(b.Payload().Data()); err == nil {
					return t, with(b, b.Hops(), b.Event(), p)
				}
				return t, b
			})},
		// The link is up, and what it carries goes astray: that has to be told apart.
		{name: "drops namespaces", caught: map[string]string{sameBytes: `Publish returned <nil> at last, and a node that misses it was delivered {"" "probe"}`},
			adapter: altering(func(t topic, b broadcast) (topic, broadcast) { return topic{Name: t.Name}, b })},
		{name: "cuts events", caught: map[string]string{sameBytes: "arrived as"},
			adapter: altering(func(t topic, b broadcast) (topic, broadcast) {
				return t, with(b, b.Hops(), b.Event()[:min(64, len(b.Event()))], b.Payload())
			})},
		{name: "joins namespace and name", caught: map[string]string{"topics of other namespaces never meet, whatever their characters": "in"},
			adapter: altering(func(t topic, b broadcast) (topic, broadcast) {
				t.Namespace, t.Name, _ = strings.Cut(t.Namespace+":"+t.Name, ":")
				return t, phx.NewHop(b.Hops(), t.Name, b.Event(), b.Payload())
			})},
		{name: "knows one case", caught: map[string]string{"topics of other namespaces never meet, whatever their characters": "was delivered to the topic"},
			adapter: altering(func(t topic, b broadcast) (topic, broadcast) {
				return pubsub.Topic{Namespace: t.Namespace, Name: strings.ToLower(t.Name)}, b
			})},
		{name: "loses some", caught: map[string]string{inOrder: "broadcast 97 is", "many senders at once lose nothing, and each keeps its order": "in vain for: all"},
			adapter: delivering(func() each {
				n := 0
				return func(t topic, b broadcast, deliver deliverFunc) {
					if t == lobby() {
						n++
					}
					if t != lobby() || n%97 != 0 {
						deliver(t, b)
					}
				}
			})},
		{name: "swaps two", caught: map[string]string{inOrder: "want", "many senders at once lose nothing, and each keeps its order": "want"},
			adapter: delivering(func() each {
				n := 0
				var held broadcast
				return func(t topic, b broadcast, deliver deliverFunc) {
					switch {
					case t != lobby():
						deliver(t, b)
					case held != nil:
						deliver(t, b)
						deliver(t, held)
						held = nil
					default:
						if n++; n%100 == 50 {
							held = b
						} else {
							deliver(t, b)
						}
					}
				}
			})},
		{name: "delivers twice", caught: map[string]string{inOrder: "want", isBack: "came twice", sameBytes: "arrived as"},
			adapter: delivering(func() each {
				return func(t topic, b broadcast, deliver deliverFunc) { deliver(t, b); deliver(t, b) }
			})},
		{name: "tells old stories", caught: map[string]string{"unsubscribe is final": "in vain"},
			adapter: delivering(func() each {
				var before []broadcast
				return func(t topic, b broadcast, deliver deliverFunc) {
					if t == lobby() {
						for _, old := range before {
							deliver(t, old)
						}
						before = append(before, b)
					}
					deliver(t, b)
				}
			})},
		{name: "echoes", adapter: echoing, caught: map[string]string{
			"no echo to the node of origin":                                  "what it had published itself",
			"BroadcastFrom leaves out its sender, and nobody on other nodes": "the sender got",
		}},
		{name: "refuses large ones", caught: map[string]string{"large payloads travel, and what cannot travel is refused": "Publish returned"},
			adapter: publishing(func(_ context.Context, sound pubsub.Adapter, t topic, b broadcast) error {
				if b.Payload().Len() > 256<<10 {
					return pubsub.ErrTooLarge
				}
				return sound.Publish(t, b)
			})},
		{name: "does not say that it refuses", caught: map[string]string{"large payloads travel, and what cannot travel is refused": `"too large" to`},
			adapter: publishing(func(_ context.Context, sound pubsub.Adapter, t topic, b broadcast) error {
				if err := sound.Publish(t, b); errors.Is(err, pubsub.ErrDown) || errors.Is(err, pubsub.ErrFull) {
					return err
				}
				return nil
			})},
	}
}

// echoing delivers to a node what it publishes.
func echoing(_ context.Context, sound pubsub.Adapter) pubsub.Adapter {
	var mu sync.Mutex
	var own deliverFunc
	return &broken{Adapter: sound,
		run: func(ctx context.Context, sound pubsub.Adapter, deliver deliverFunc) error {
			mu.Lock()
			own = deliver
			mu.Unlock()
			return sound.Run(ctx, deliver)
		},
		publish: func(sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error {
			err := sound.Publish(t, b)
			mu.Lock()
			deliver := own
			mu.Unlock()
			if err == nil && deliver != nil {
				deliver(t, b)
			}
			return err
		}}
}

// keeping holds refused or held broadcasts of one node.
type keeping struct {
	mu   sync.Mutex
	kept []*phx.Broadcast
}

func lifeFaults() []fault {
	return append(publishFaults(), runFaults()...)
}

// publishFaults are those of Publish, and of what an adapter keeps.
func publishFaults() []fault {
	// each is a Publish with something that it keeps.
	each := func(f func(k *keeping, sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error) func(context.Context, pubsub.Adapter) pubsub.Adapter {
		return func(_ context.Context, sound pubsub.Adapter) pubsub.Adapter {
			k := new(keeping)
			return &broken{Adapter: sound, publish: func(sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error {
				k.mu.Lock()
				defer k.mu.Unlock()
				return f(k, sound, t, b)
			}}
		}
	}
	return []fault{
		{name: "waits for room", caught: map[string]string{slow: "Publish, which must not block"},
			adapter: publishing(func(life context.Context, sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error {
				err := sound.Publish(t, b)
				if errors.Is(err, pubsub.ErrFull) {
					<-life.Done()
				}
				return err
			})},
		{name: "sends nothing more to anybody when one is slow", caught: map[string]string{slow: "in vain"},
			adapter: each(func(k *keeping, sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error {
				if t == lobby() && len(k.kept) > 500 { // as many as would wait for the slow one
					return pubsub.ErrFull
				}
				k.kept = append(k.kept, b)
				return sound.Publish(t, b)
			})},
		{name: "is silent about a link that is down", caught: map[string]string{isDown: "to return ErrDown", "Publish before Run and after it returns ErrDown": "before Run returned <nil>"},
			adapter: publishing(func(_ context.Context, sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error {
				_ = sound.Publish(t, b)
				return nil
			})},
		{name: "waits for the link", caught: map[string]string{isDown: "Publish, which must not block", "Publish before Run and after it returns ErrDown": "Publish, which must not block"},
			adapter: publishing(func(life context.Context, sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error {
				err := sound.Publish(t, b)
				if errors.Is(err, pubsub.ErrDown) {
					<-life.Done()
				}
				return err
			})},
		{name: "keeps what it refused", caught: map[string]string{isDown: "had refused with ErrDown"},
			adapter: each(func(k *keeping, sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error {
				err := sound.Publish(t, b)
				if errors.Is(err, pubsub.ErrDown) {
					if t == lobby() {
						k.kept = append(k.kept, b)
					}
					return err
				}
				for _, old := range k.kept {
					_ = sound.Publish(lobby(), old)
				}
				k.kept = nil
				return err
			})},
		{name: "sends the last one again when the link is back", caught: map[string]string{isBack: "came"},
			adapter: each(func(k *keeping, sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error {
				if t == lobby() && sound.Publish(lobby(), message("probe")) == nil && len(k.kept) > 1 && k.kept[1] == nil {
					_ = sound.Publish(lobby(), k.kept[0])
				}
				err := sound.Publish(t, b)
				switch {
				case t == lobby() && err == nil:
					k.kept = []*phx.Broadcast{b}
				case err != nil && len(k.kept) == 1:
					k.kept = append(k.kept, nil) // the mark of an outage
				}
				return err
			})},
		{name: "does not try again", caught: map[string]string{isBack: "in vain for: a broadcast to reach every node"},
			adapter: each(func(k *keeping, sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error {
				if len(k.kept) == 2 {
					return pubsub.ErrDown
				}
				err := sound.Publish(t, b)
				if err == nil {
					k.kept = []*phx.Broadcast{b}
				} else if len(k.kept) > 0 { // it was up before
					k.kept = append(k.kept, b)
				}
				return err
			})},
		{name: "forgets what waits at its end", caught: map[string]string{"what Publish took before the end of Run is sent": "in vain for: the last broadcast"},
			adapter: each(func(k *keeping, sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) (err error) {
				if t.Namespace != "default" {
					return sound.Publish(t, b)
				}
				for _, old := range k.kept {
					err = sound.Publish(t, old)
				}
				k.kept = []*phx.Broadcast{b}
				return err
			})},
	}
}

// runFaults are those of Run, and of what comes from the link.
func runFaults() []fault {
	var history keeping
	return []fault{
		{name: "holds a lock while it delivers", caught: map[string]string{slow: "Publish, which must not block"},
			adapter: func(_ context.Context, sound pubsub.Adapter) pubsub.Adapter {
				var mu sync.Mutex
				return &broken{Adapter: sound,
					run: func(ctx context.Context, sound pubsub.Adapter, deliver deliverFunc) error {
						return sound.Run(ctx, func(t pubsub.Topic, b *phx.Broadcast) { mu.Lock(); defer mu.Unlock(); deliver(t, b) })
					},
					publish: func(sound pubsub.Adapter, t pubsub.Topic, b *phx.Broadcast) error {
						mu.Lock()
						defer mu.Unlock()
						return sound.Publish(t, b)
					}}
			}},
		{name: "returns its context's error", caught: map[string]string{ends: "context canceled"},
			adapter: running(func(_, ctx context.Context, sound pubsub.Adapter, deliver deliverFunc) error {
				_ = sound.Run(ctx, deliver)
				return ctx.Err()
			})},
		{name: "does not end", caught: map[string]string{ends: "has not returned"},
			adapter: running(func(life, ctx context.Context, sound pubsub.Adapter, deliver deliverFunc) error {
				err := sound.Run(ctx, deliver)
				<-life.Done()
				return err
			})},
		{name: "gives up", caught: map[string]string{sameBytes: "Run returned no route before its context was done"},
			adapter: running(func(life, ctx context.Context, sound pubsub.Adapter, deliver deliverFunc) error {
				return errors.New("no route")
			})},
		{name: "runs again", caught: map[string]string{"Run runs once": "want ErrRan"},
			adapter: running(func(_, ctx context.Context, sound pubsub.Adapter, deliver deliverFunc) error {
				if err := sound.Run(ctx, deliver); !errors.Is(err, pubsub.ErrRan) {
					return err
				}
				return nil
			})},
		{name: "delivers after its end", caught: map[string]string{final: "after Run had returned"},
			adapter: running(func(life, ctx context.Context, sound pubsub.Adapter, deliver deliverFunc) error {
				var last *phx.Broadcast
				err := sound.Run(ctx, func(t pubsub.Topic, b *phx.Broadcast) {
					if t == lobby() {
						last = b
					}
					deliver(t, b)
				})
				if last == nil {
					return err
				}
				go func() {
					for range 100 { // until the suite has seen that Run has ended
						deliver(lobby(), last)
						select {
						case <-life.Done():
							return
						default:
							time.Sleep(time.Millisecond)
						}
					}
				}()
				return err
			})},
		{name: "leaves a goroutine", caught: map[string]string{noLeak: "after the end of Run 2 goroutines"},
			adapter: running(func(life, ctx context.Context, sound pubsub.Adapter, deliver deliverFunc) error {
				go func() { <-life.Done() }()
				return sound.Run(ctx, deliver)
			})},
		{name: "starts in its constructor", caught: map[string]string{noLeak: "before Run has begun 1 goroutines"},
			adapter: func(life context.Context, sound pubsub.Adapter) pubsub.Adapter {
				go func() { <-life.Done() }()
				return sound
			}},
		{name: "tells a new node old stories", caught: map[string]string{"a node may come later and another may go": "published before"},
			adapter: running(func(_, ctx context.Context, sound pubsub.Adapter, deliver deliverFunc) error {
				history.mu.Lock()
				old := history.kept
				history.mu.Unlock()
				for _, b := range old {
					deliver(lobby(), b)
				}
				return sound.Run(ctx, func(t pubsub.Topic, b *phx.Broadcast) {
					if t == lobby() {
						history.mu.Lock()
						history.kept = append(history.kept, b)
						history.mu.Unlock()
					}
					deliver(t, b)
				})
			})},
		{name: "ends its link because of garbage", caught: map[string]string{"bytes that are no packet do not break the link": "in vain"},
			inject: func(sound Link, data []byte) {
				if _, err := pubsub.DecodePacket(data); err != nil {
					sound.Cut()
				}
			}},
		{name: "makes something of garbage", caught: map[string]string{"bytes that are no packet do not break the link": "were made of bytes"},
			inject: func(sound Link, data []byte) {
				if _, err := pubsub.DecodePacket(data); err != nil {
					data = later("made up", func(data []byte) []byte { return data })
				}
				sound.Inject(data)
			}},
		{name: "does not look at versions", caught: map[string]string{laterOnes: "must not"},
			inject: func(sound Link, data []byte) {
				data = bytes.Clone(data)
				data[0], data[1] = 1, data[1]&1
				sound.Inject(data)
			}},
		{name: "knows no extensions", caught: map[string]string{laterOnes: "in vain"},
			inject: func(sound Link, data []byte) {
				if data[8] == 0 {
					sound.Inject(data)
				}
			}},
	}
}
