package pubsubtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// This file tests the life of an adapter: its beginning and end, a link that
// breaks, a node that does not keep up, and bytes that nobody understands.

// slowSubscriber holds one node's deliveries up, and sends until the queues are
// full, or as much as many queues hold.
func (s *suite) slowSubscriber() {
	const most, size = 6000, 4 << 10
	nodes := s.joinAll()
	a, slow := nodes[0], nodes[1]
	slow.shut()
	payload := phx.Bytes(make([]byte, size))
	full := false
	for i := range most {
		event := strconv.Itoa(i)
		err := a.try(lobby(), phx.NewBroadcast(lobby().Name, event, payload))
		if full = errors.Is(err, pubsub.ErrFull); !full && err != nil {
			s.Fatalf("Publish returned %v while a node was slow, want nil or ErrFull", err)
		}
		for _, n := range nodes[2:] {
			n.hear(event) // also what the slow node had no room for
		}
		if full {
			break
		}
	}
	// The slow node still speaks.
	slow.say("from the slow node")
	for _, n := range nodes {
		if n != slow {
			n.hear("from the slow node")
		}
	}
	slow.open()
	s.connect(nodes...)
	a.send(lobby(), message("last"))
	slow.hear("last")
	before := -1
	for _, event := range slow.events(lobby()) {
		if i, err := strconv.Atoi(event); err == nil {
			if i <= before {
				s.Fatalf("the slow node got broadcast %d after %d", i, before)
			}
			before = i
		}
	}
}

// endIsFinal ends a node while another one sends to it. Who could call deliver
// later is a goroutine that is left, so the last of them is waited for.
func (s *suite) endIsFinal() {
	before := goroutines()
	a, b := s.join(), s.join()
	s.connect(a, b)
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_ = a.adapter.Publish(lobby(), message(strconv.Itoa(i)))
				time.Sleep(10 * time.Microsecond)
			}
		}
	}()
	s.eventually("some broadcasts", func() bool { return len(b.got(lobby())) > 10 })
	b.end()
	a.end()
	close(stop)
	s.within("Publish, which must not block,", func() { <-ended })
	s.noneLeft(before, "after the end of Run")
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.late > 0 {
		s.Errorf("deliver was called %d times after Run had returned", b.late)
	}
}

func (s *suite) flush() {
	for _, size := range []int{0, 16 << 10} {
		a, b := s.join(), s.join()
		s.connect(a, b)
		t := pubsub.Topic{Namespace: "default", Name: fmt.Sprintf("leaving:%d", size)}
		var taken []string
		for _, event := range numbered("s", 200) {
			if a.try(t, phx.NewBroadcast(t.Name, event, phx.Bytes(make([]byte, size)))) == nil {
				taken = append(taken, event)
			}
		}
		if len(taken) == 0 {
			s.Fatal("Publish took nothing over a link that is up")
		}
		a.end()
		s.eventually("the last broadcast that Publish had taken before the end of Run", func() bool { return b.heard(t, taken[len(taken)-1]) })
		s.compare("taken before the end of Run", b.events(t), taken)
		b.end()
		if size == 0 && s.link.Nodes == 2 {
			return // a third node would take the place of the second
		}
	}
}

func (s *suite) publishOutsideRun() {
	want := func(when string, n *node) {
		s.Helper()
		if err := n.try(lobby(), message(when)); !errors.Is(err, pubsub.ErrDown) {
			s.Errorf("Publish %s returned %v, want ErrDown", when, err)
		}
	}
	a := s.join()
	b := &node{s: s, adapter: s.link.Join()}
	want("before Run", b)
	b.start(func(ctx context.Context) error { return b.adapter.Run(ctx, b.deliver) })
	s.connect(a, b)
	b.say("while it runs")
	a.hear("while it runs")
	b.end()
	want("after Run", b)
	want("after Run, again", b)
	s.compare("at the other node", a.events(lobby()), []string{"while it runs"})
}

func (s *suite) runEnds() {
	a, b := s.join(), s.join()
	s.connect(a, b)
	s.link.Cut()
	s.noticed(a)
	a.end()
	b.end()
	// Before it has begun, and without a link.
	done, cancel := context.WithCancel(context.Background())
	cancel()
	adapter := s.link.Join()
	s.within("Run whose context is done", func() {
		if err := adapter.Run(done, func(pubsub.Topic, *phx.Broadcast) {}); err != nil {
			s.Errorf("Run returned %v, want nil: its context was done", err)
		}
	})
	s.link.Mend()
}

// noticed waits until a node has noticed that the link is down.
func (s *suite) noticed(n *node) {
	s.Helper()
	i := 0
	s.eventually("Publish to return ErrDown while the link is broken", func() bool {
		i++
		return errors.Is(n.try(lobby(), message("unnoticed "+strconv.Itoa(i))), pubsub.ErrDown)
	})
}

func (s *suite) runsOnce() {
	a, b := s.join(), s.join()
	s.connect(a, b)
	again := func(when string) {
		s.Helper()
		s.within("a second Run", func() {
			err := b.adapter.Run(context.Background(), func(pubsub.Topic, *phx.Broadcast) { s.Error("a second Run delivered") })
			if !errors.Is(err, pubsub.ErrRan) {
				s.Errorf("a second Run, %s the first, returned %v, want ErrRan", when, err)
			}
		})
	}
	again("during")
	a.say("one")
	b.hear("one")
	b.say("two")
	a.hear("two")
	b.end()
	again("after")
}

func (s *suite) down() {
	nodes := s.joinAll()
	a := nodes[0]
	a.say("before")
	for _, n := range nodes[1:] {
		n.hear("before")
	}
	s.link.Cut()
	s.noticed(a)
	// An attempt to connect may look like a link for a moment. What is refused is
	// what counts.
	refused, tries := make(map[string]bool), 0
	s.eventually("Publish to return ErrDown a hundred times while the link is broken", func() bool {
		tries++
		event := "try " + strconv.Itoa(tries)
		switch err := a.try(lobby(), message(event)); {
		case errors.Is(err, pubsub.ErrDown):
			refused[event] = true
		case err != nil && !errors.Is(err, pubsub.ErrFull):
			s.Fatalf("Publish returned %v while the link was down, want ErrDown", err)
		}
		return len(refused) >= 100
	})
	s.link.Mend()
	s.connect(nodes...)
	a.say("after")
	for _, n := range nodes[1:] {
		n.hear("after")
		for _, event := range n.events(lobby()) {
			if refused[event] {
				s.Fatalf("a broadcast arrived that Publish had refused with ErrDown: %q", event)
			}
		}
	}
}

// comesBack breaks the link while broadcasts are on their way. Some are lost;
// none comes twice, and none late.
func (s *suite) comesBack() {
	a, b := s.join(), s.join()
	n := 0
	for round := range 5 {
		s.connect(a, b)
		// Both ways are up again, and broadcasts of this round arrive.
		event := fmt.Sprintf("round %d", round)
		a.say(event)
		b.hear(event)
		for i := range 300 {
			n++
			_ = a.try(lobby(), message(strconv.Itoa(n)))
			if i == 150 {
				s.link.Cut()
				s.noticed(a)
			}
		}
		s.link.Mend()
	}
	s.connect(a, b)
	a.say("last")
	b.hear("last")
	before, seen := 0, make(map[string]bool)
	for _, event := range b.events(lobby()) {
		if seen[event] {
			s.Fatalf("broadcast %q came twice", event)
		}
		seen[event] = !strings.HasPrefix(event, "unnoticed")
		if i, err := strconv.Atoi(event); err == nil {
			if i < before {
				s.Fatalf("broadcast %d came after %d", i, before)
			}
			before = i
		}
	}
}

func (s *suite) comeAndGo() {
	nodes := s.joinAll()
	a, leaves := nodes[0], nodes[1]
	a.say("one")
	for _, n := range nodes[1:] {
		n.hear("one")
	}
	leaves.end()
	stay := append([]*node{a}, nodes[2:]...)
	for i := range 20 { // alone, a node may take it or not; others hear it
		err := a.try(lobby(), message("two "+strconv.Itoa(i)))
		if err != nil && (len(stay) > 1 || !errors.Is(err, pubsub.ErrDown)) {
			s.Fatalf("Publish returned %v after another node had gone", err)
		}
	}
	for _, n := range stay[1:] {
		n.hear("two 19")
	}
	comes := s.join()
	s.connect(append(stay, comes)...)
	a.say("three")
	comes.hear("three")
	for _, n := range stay[1:] {
		n.hear("three")
	}
	if comes.heard(lobby(), "one") {
		s.Error("a node that came later got what was published before")
	}
}

// later is a packet that a version of chhost to come may write.
func later(event string, change func(data []byte) []byte) []byte {
	p := pubsub.Packet{Origin: "a node of the suite", Topic: lobby(), Broadcast: phx.NewHop(1, lobby().Name, event, text("later"))}
	data, err := p.Append(nil)
	if err != nil {
		panic("BUG: a packet of the suite: " + err.Error())
	}
	return change(data)
}

func (s *suite) garbage() {
	nodes := s.joinAll()
	same := func(data []byte) []byte { return data }
	for i, data := range [][]byte{
		{}, {0}, {1}, []byte("{}"), []byte("\x00\x00\x00\x00\xff\xff\xff\xff"), []byte(strings.Repeat("\xff", 1000)), []byte("GET / HTTP/1.1\r\n\r\n"),
		later("cut", func(data []byte) []byte { return data[:len(data)-20] }),
		later("cut", func(data []byte) []byte { return data[:12] }),
		later("long", func(data []byte) []byte { data[3] = 255; return data }),
		later("x", func(data []byte) []byte { data[len(data)-1] = 0xff; return data }),
		later("x", func(data []byte) []byte { return append(data, '}') }),
	} {
		s.link.Inject(data)
		event := "after " + strconv.Itoa(i)
		s.connect(nodes...) // a link may have to be opened anew
		nodes[0].say(event)
		nodes[1].hear(event)
		if got := nodes[1].events(lobby()); len(got) != i+1 {
			s.Fatalf("broadcasts were made of bytes that are no packet: %q", got)
		}
	}
	s.link.Inject(later("sound", same))
	s.eventually("a packet that is one", func() bool { return nodes[0].heard(lobby(), "sound") || nodes[1].heard(lobby(), "sound") })
}

func (s *suite) laterVersions() {
	nodes := s.joinAll()
	s.link.Inject(later("must not", func(data []byte) []byte { data[0] = 2; return data }))
	s.link.Inject(later("must not", func(data []byte) []byte { data[1] |= 0x80; return data }))
	s.link.Inject(later("may", func(data []byte) []byte {
		names := 9 + int(data[3]) + int(data[4]) + int(data[5]) + int(data[6])
		data[8] = 5
		return append(append(append([]byte{}, data[:names]...), "extra"...), data[names:]...)
	}))
	want := arrival{lobby(), "may", 1, false, string(text("later").Data())}
	s.eventually("a packet with an extension that this version does not know", func() bool {
		return nodes[0].heard(lobby(), "may") || nodes[1].heard(lobby(), "may")
	})
	s.connect(nodes...)
	for _, n := range nodes {
		for _, a := range n.got(lobby()) {
			if a != want {
				s.Errorf("arrived\n\t%v\nwant\n\t%v", a, want)
			}
		}
	}
}

func (s *suite) leak() {
	before := goroutines()
	adapter := s.link.Join()
	_ = adapter.Publish(lobby(), message("before Run"))
	s.noneLeft(before, "before Run has begun")
	a := &node{s: s, adapter: adapter}
	a.start(func(ctx context.Context) error { return a.adapter.Run(ctx, a.deliver) })
	nodes := []*node{a, s.join()}
	for range 3 {
		s.connect(nodes...)
		a.say("one")
		nodes[1].hear("one")
		s.link.Cut()
		s.noticed(a)
		s.link.Mend()
	}
	s.connect(nodes...)
	for _, n := range nodes {
		n.end()
	}
	s.noneLeft(before, "after the end of Run")
}
