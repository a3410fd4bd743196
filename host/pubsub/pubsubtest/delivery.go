package pubsubtest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// This file tests what is delivered, and in which order, while the link is up.

// object is a payload of JSON.
func object(json string) phx.Payload {
	p, err := phx.Object([]byte(json))
	if err != nil {
		panic("BUG: a payload of the suite: " + err.Error())
	}
	return p
}

// text is an object that holds s, which needs no escapes.
func text(s string) phx.Payload { return object(`{"s":"` + s + `"}`) }

// everyByte is a binary payload with all values of a byte.
func everyByte() phx.Payload {
	data := make([]byte, 256)
	for i := range data {
		data[i] = byte(i)
	}
	return phx.Bytes(data)
}

// checkArrivals compares what arrived in a topic with what was sent there, once
// as much has come.
func (n *node) checkArrivals(t pubsub.Topic, want []arrival) {
	n.s.Helper()
	n.s.eventually(fmt.Sprintf("%d broadcasts in %q", len(want), t), func() bool { return len(n.got(t)) >= len(want) })
	got := n.got(t)
	for i, w := range want {
		if got[i] != w {
			n.s.Fatalf("broadcast %d arrived as\n\t%v\nwant\n\t%v", i+1, got[i], w)
		}
	}
	if len(got) > len(want) {
		n.s.Fatalf("%d broadcasts arrived, want %d; the first too many is\n\t%v", len(got), len(want), got[len(want)])
	}
}

func arrives(t pubsub.Topic, b *phx.Broadcast) arrival {
	return arrival{t, b.Event(), b.Hops(), b.Payload().IsBinary(), string(b.Payload().Data())}
}

func (s *suite) everyOtherNode() {
	nodes := s.joinAll()
	longest := strings.Repeat("é", 127) + "x"
	topic := pubsub.Topic{Namespace: "töpfe", Name: longest}
	var want []arrival
	for i, payload := range []phx.Payload{
		{}, object(`{}`), object(" { \"a\" :\t[1.50, 1e3, \"\\u00e9\\/\u00e9\"], \"a\":null}\r\n"), object(`{"</script>":"\u0000 \ud83c\udf36 🌶"}`),
		phx.Bytes(nil), phx.Bytes([]byte("{}")), everyByte(), phx.Bytes([]byte("\r\nPUB x\r\n\x00")),
	} {
		for _, event := range []string{"new:msg", "presence_diff", "e " + strconv.Itoa(i), longest} {
			b := phx.NewBroadcast(topic.Name, event, payload)
			nodes[0].send(topic, b)
			want = append(want, arrives(topic, b))
		}
	}
	for _, n := range nodes[1:] {
		n.checkArrivals(topic, want)
	}
	// The way back.
	b := phx.NewBroadcast(topic.Name, "back", text("back"))
	nodes[1].send(topic, b)
	nodes[0].checkArrivals(topic, []arrival{arrives(topic, b)})
}

func (s *suite) hops() {
	nodes := s.joinAll()
	var want []arrival
	for _, hops := range []int{0, 1, 2, 3, 4, 5, 255} {
		b := phx.NewHop(hops, lobby().Name, "hop", phx.Payload{})
		nodes[0].send(lobby(), b)
		want = append(want, arrives(lobby(), b))
	}
	for _, n := range nodes[1:] {
		n.checkArrivals(lobby(), want)
	}
}

func (s *suite) topics() {
	nodes := s.joinAll()
	topics := []pubsub.Topic{
		{Namespace: "a", Name: "b:c"}, {Namespace: "a:b", Name: "c"}, {Name: "a:b:c"}, {Namespace: "ab", Name: ":c"},
		{Namespace: "a", Name: "b"}, {Namespace: "b", Name: "a"}, {Name: "a"}, {Namespace: "a", Name: "a"},
		{Namespace: "a.b", Name: "c"}, {Namespace: "a", Name: "b.c"}, {Namespace: "a/b", Name: "c"}, {Namespace: "a", Name: "b/c"},
		{Namespace: "a", Name: "*"}, {Namespace: "a", Name: ">"}, {Namespace: "*", Name: "b"}, {Namespace: ">", Name: "b"}, {Namespace: "a", Name: "?"},
		{Namespace: "a", Name: "[ab]"}, {Namespace: "a", Name: "#"}, {Namespace: "a", Name: "+"}, {Namespace: "a", Name: `\*`}, {Namespace: "a", Name: "%2A"},
		{Namespace: "a", Name: "B"}, {Namespace: "A", Name: "b"}, {Namespace: "a", Name: "b "}, {Namespace: "a", Name: " b"}, {Namespace: "a", Name: "b c"},
		{Namespace: "a", Name: "é"}, {Namespace: "a", Name: "e\u0301"}, {Namespace: "a", Name: "$SYS.b"}, {Namespace: "a", Name: ".."}, {Namespace: "a", Name: "-"},
	}
	for i, t := range topics {
		nodes[0].send(t, phx.NewBroadcast(t.Name, strconv.Itoa(i), phx.Payload{}))
	}
	for _, n := range nodes[1:] {
		for i, t := range topics {
			want := arrival{topic: t, event: strconv.Itoa(i), payload: "{}"}
			s.eventually(fmt.Sprintf("the broadcast to %q", t), func() bool { return len(n.got(t)) > 0 })
			if got := n.got(t); len(got) != 1 || got[0] != want {
				s.Fatalf("in %q arrived %v, want only %v", t, got, want)
			}
		}
	}
}

func (s *suite) sizes() {
	nodes := s.joinAll()
	a, b := nodes[0], nodes[1]
	var want []arrival
	for _, n := range []int{1 << 10, 64 << 10, 320 << 10, pubsub.MaxPacket - 1024} {
		for _, payload := range []phx.Payload{phx.Bytes([]byte(strings.Repeat("\x00\xff", n/2))), text(strings.Repeat("x", n-len(`{"s":""}`)))} {
			large := phx.NewBroadcast(lobby().Name, "large", payload)
			a.send(lobby(), large)
			want = append(want, arrives(lobby(), large))
			b.checkArrivals(lobby(), want) // one by one: a queue may be smaller than all of them
		}
	}
	array, err := phx.JSON([]byte(`[1]`))
	if err != nil {
		panic("BUG: a payload of the suite: " + err.Error())
	}
	refused := []struct {
		topic pubsub.Topic
		b     *phx.Broadcast
		err   error
	}{
		{lobby(), phx.NewBroadcast(lobby().Name, "too large", phx.Bytes(make([]byte, pubsub.MaxPacket))), pubsub.ErrTooLarge},
		{pubsub.Topic{Name: "a\nb"}, phx.NewBroadcast("a\nb", "control", phx.Payload{}), pubsub.ErrPacket},
		{pubsub.Topic{Name: ""}, phx.NewBroadcast("", "no topic", phx.Payload{}), pubsub.ErrPacket},
		{pubsub.Topic{Namespace: "\xff", Name: "t"}, phx.NewBroadcast("t", "not UTF-8", phx.Payload{}), pubsub.ErrPacket},
		{lobby(), phx.NewBroadcast(lobby().Name, "phx_close", phx.Payload{}), pubsub.ErrPacket},
		{lobby(), phx.NewBroadcast(lobby().Name, "no object", array), pubsub.ErrPacket},
	}
	for _, r := range refused {
		if err := a.try(r.topic, r.b); !errors.Is(err, r.err) {
			s.Errorf("Publish of %q to %q returned %v, want %v", r.b.Event(), r.topic, err, r.err)
		}
	}
	last := message("after what was refused")
	a.send(lobby(), last)
	b.checkArrivals(lobby(), append(want, arrives(lobby(), last)))
}

// numbered are the events "s 1" to "s n".
func numbered(sender string, n int) []string {
	events := make([]string, n)
	for i := range events {
		events[i] = sender + " " + strconv.Itoa(i+1)
	}
	return events
}

// compare fails with the first difference.
func (s *suite) compare(what string, got, want []string) {
	s.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			s.Fatalf("%s: broadcast %d is %q, want %q", what, i+1, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		s.Fatalf("%s: %d broadcasts, want %d", what, len(got), len(want))
	}
}

func (s *suite) order() {
	const count = 3000
	a, b := s.join(), s.join()
	s.connect(a, b)
	other := pubsub.Topic{Namespace: "default", Name: "rooms:other"}
	want := numbered("s", count)
	for _, event := range want {
		a.say(event)
		a.send(other, phx.NewBroadcast(other.Name, event, phx.Payload{}))
	}
	for _, t := range []pubsub.Topic{lobby(), other} {
		s.eventually("the last broadcast", func() bool { return b.heard(t, want[count-1]) })
		s.compare("of one sender", b.events(t), want)
	}
}

func (s *suite) manySenders() {
	const senders, each = 8, 300
	nodes := []*node{s.join(), s.join()}
	s.connect(nodes...)
	var failed sync.Map // by sender; Fatal is for the test's own goroutine
	s.within("sending from many goroutines", func() {
		var all sync.WaitGroup
		for i := range 2 * senders {
			from, name := nodes[i%2], fmt.Sprintf("s%d", i)
			all.Go(func() {
				for _, event := range numbered(name, each) {
					if err := from.persist(event); err != nil {
						failed.Store(name, err)
						return
					}
				}
			})
		}
		all.Wait()
	})
	failed.Range(func(name, err any) bool {
		s.Errorf("sender %s: Publish returned %v", name, err)
		return true
	})
	for at, n := range nodes {
		s.eventually(fmt.Sprintf("all %d broadcasts", senders*each), func() bool { return len(n.got(lobby())) >= senders*each })
		bySender := make(map[string][]string)
		for _, event := range n.events(lobby()) {
			name, _, _ := strings.Cut(event, " ")
			bySender[name] = append(bySender[name], event)
		}
		for i := range 2 * senders {
			name := fmt.Sprintf("s%d", i)
			var want []string
			if i%2 != at {
				want = numbered(name, each)
			}
			s.compare(fmt.Sprintf("from %s at node %d", name, at+1), bySender[name], want)
		}
	}
}

// persist is send for any goroutine.
func (n *node) persist(event string) error {
	b := message(event)
	for end := time.Now().Add(n.s.patience); ; time.Sleep(100 * time.Microsecond) {
		err := n.adapter.Publish(lobby(), b)
		if err == nil || !errors.Is(err, pubsub.ErrFull) || time.Now().After(end) {
			return err
		}
	}
}

// An echo comes on the way that a later broadcast of another node takes.
func (s *suite) noEcho() {
	nodes := s.joinAll()
	for round := range 50 {
		for i, n := range nodes {
			event := fmt.Sprintf("%d from %d", round, i)
			n.say(event)
			for _, other := range nodes {
				if other != n {
					other.hear(event)
				}
			}
		}
	}
	for i, n := range nodes {
		own := fmt.Sprintf("from %d", i)
		for _, t := range []pubsub.Topic{lobby(), {Namespace: "suite", Name: "probe"}} {
			if at := slices.IndexFunc(n.events(t), func(event string) bool { return strings.HasSuffix(event, own) }); at >= 0 {
				s.Fatalf("a node was delivered what it had published itself: %q", n.events(t)[at])
			}
		}
		if got, want := len(n.events(lobby())), 50*(len(nodes)-1); got != want {
			s.Fatalf("a node was delivered %d broadcasts of others, want %d", got, want)
		}
	}
}

func (s *suite) broadcastFrom() {
	a, b := s.joinPubSub(), s.joinPubSub()
	s.connectPubSubs(a, b)
	var sender, beside, there subscriber
	defer a.pubsub.Subscribe(lobby(), &sender)()
	defer a.pubsub.Subscribe(lobby(), &beside)()
	defer b.pubsub.Subscribe(lobby(), &there)()
	for _, send := range []func() error{
		func() error { return a.pubsub.BroadcastFrom(lobby(), &sender, message("one")) },
		func() error { return a.pubsub.Broadcast(lobby(), &sender, message("two")) },
	} {
		if err := send(); err != nil {
			s.Fatalf("a broadcast over a link that is up: %v", err)
		}
	}
	s.eventually("two broadcasts on the other node", func() bool { return there.got() == "one two" })
	if there.from != nil {
		s.Errorf("on the other node the sender is %v, want none", there.from)
	}
	if sender.got() != "two" || beside.got() != "one two" {
		s.Errorf("the sender got %q and who is beside it %q, want \"two\" and \"one two\"", sender.got(), beside.got())
	}
}

// connectPubSubs is connect for nodes with a PubSub.
func (s *suite) connectPubSubs(nodes ...*node) {
	s.Helper()
	t := pubsub.Topic{Namespace: "suite", Name: "probe"}
	probes := make([]subscriber, len(nodes))
	for i, n := range nodes {
		defer n.pubsub.Subscribe(t, &probes[i])()
	}
	for i, from := range nodes {
		event := fmt.Sprintf("from %d", i)
		s.eventually("a broadcast to reach every node, over a link that is up", func() bool {
			_ = from.try(t, phx.NewBroadcast(t.Name, event, phx.Payload{}))
			for j := range nodes {
				if i != j && !strings.Contains(probes[j].got(), event) {
					return false
				}
			}
			return true
		})
	}
}

func (s *suite) unsubscribe() {
	a, b := s.joinPubSub(), s.joinPubSub()
	s.connectPubSubs(a, b)
	var stays, goes subscriber
	defer b.pubsub.Subscribe(lobby(), &stays)()
	end := b.pubsub.Subscribe(lobby(), &goes)
	a.say("one")
	s.eventually("a broadcast at both", func() bool { return stays.got() == "one" && goes.got() == "one" })
	end()
	a.say("two")
	s.eventually("the next broadcast at who stays", func() bool { return stays.got() == "one two" })
	if goes.got() != "one" {
		s.Errorf("after its end a subscriber got %q, want no more than \"one\"", goes.got())
	}
	defer b.pubsub.Subscribe(lobby(), &goes)()
	a.say("three")
	s.eventually("a broadcast at who subscribed again", func() bool { return goes.got() == "one three" && stays.got() == "one two three" })
}
