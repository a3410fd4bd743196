package host_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// swapLoad is a load that goes on at its own pace while a tenant deploys. Spans without
// deploys and spans with them take turns, so that a machine that becomes slower does so
// for both.
type swapLoad struct {
	sockets, room int
	perSecond     int // messages, of all sockets together
	spans         int // of each kind
	deploys       int // in each span that has some
	every         time.Duration
}

// talker is one socket in a room. It pushes numbers when they are due, and hears those
// of all.
type talker struct {
	*phxclient.Channel
	id        int
	sent      int
	seen      int // upgrades of its channel, by the last answer
	latencies []latency
}

// latency is how long an answer took, from when the push was due.
type latency struct {
	due  time.Time
	took time.Duration
}

func (k *talker) talk(ctx context.Context, start time.Time, pace time.Duration, stop <-chan struct{}) error {
	for end := false; !end; k.sent++ {
		due := start.Add(time.Duration(k.sent) * pace)
		select {
		case <-stop:
			end = true
		case <-time.After(time.Until(due)):
		}
		due = earlier(due, time.Now())
		reply, err := k.Push(ctx, "n", object(message{k.id, k.sent, end}))
		if err != nil {
			return fmt.Errorf("push %d: %w", k.sent, err)
		}
		k.latencies = append(k.latencies, latency{due, time.Since(due)})
		text := reply.Payload.Data()
		if reply.Status != phx.StatusOK || len(text) != 3 || text[0] != '1' {
			return fmt.Errorf("push %d was answered %s %s", k.sent, reply.Status, text)
		}
		// The guest counts from 0 again after 99.
		more := (10*int(text[1]-'0') + int(text[2]-'0') - k.seen%100 + 100) % 100
		if more > 50 {
			return fmt.Errorf("push %d was answered %s by a channel that had seen %d upgrades", k.sent, text, k.seen)
		}
		k.seen += more
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// hear reads the broadcasts of a room until all its members have said that they are at
// the end.
func (k *talker) hear(ctx context.Context, members int) error {
	return (&member{Channel: k.Channel, id: k.id}).hear(ctx, members)
}

// run puts a server under the load. It returns by how much the deploys have raised the
// 99th percentile of the answers' latency.
func (l swapLoad) run(t *testing.T) time.Duration {
	server := hosttest.Start(t, host.Config{Registry: registry.NewMemory(registry.Config{})})
	defer server.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), deployDeadline)
	defer cancel()
	acme := settle(t, server, "acme", versioned(t, "served/tallies", 1))
	if _, err := acme.Upload(ctx, tenant.Upload{Plugin: "it", Module: versioned(t, "served/tallies", 2)}); err != nil {
		t.Fatal(err)
	}
	talkers := make([]*talker, l.sockets)
	for i := range talkers {
		c, err := phxclient.Connect(ctx, atTenant(server, "acme"), phxclient.ClientOptions{Queue: 1 << 12})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		joined, _, err := c.Join(ctx, fmt.Sprintf("rooms:%d", i/l.room), phx.Payload{})
		if err != nil {
			t.Fatal(err)
		}
		talkers[i] = &talker{Channel: joined, id: i}
	}
	stop := make(chan struct{})
	errs := make([]error, 2*l.sockets)
	pace := time.Duration(l.sockets) * time.Second / time.Duration(l.perSecond)
	var running sync.WaitGroup
	for i, k := range talkers {
		start := time.Now().Add(pace * time.Duration(i) / time.Duration(l.sockets))
		running.Go(func() { errs[2*i] = k.talk(ctx, start, pace, stop) })
		running.Go(func() { errs[2*i+1] = k.hear(ctx, l.room) })
	}
	deploys := 0
	turns := make([]time.Time, 0, 2*l.spans) // when one kind of span ended and the other began
	for n := range 2 * l.spans * l.deploys {
		if n%l.deploys == 0 {
			turns = append(turns, time.Now())
		}
		next := time.Now().Add(l.every)
		if n/l.deploys%2 == 1 {
			deploys++
			d, err := acme.Deploy(ctx, "it", tenant.Deploy{Version: 1 + deploys%2})
			if err != nil || d.Moved != l.sockets || d.Stayed != 0 || d.Moving {
				t.Errorf("%+v, %v; want all %d channels moved", d, err, l.sockets)
			}
		}
		time.Sleep(time.Until(next))
	}
	close(stop)
	running.Wait()
	l.judge(t, talkers, errs)
	return added(t, talkers, turns)
}

// judge looks for what was lost.
func (l swapLoad) judge(t *testing.T, talkers []*talker, errs []error) {
	t.Helper()
	pushes, deploys := 0, l.spans*l.deploys
	for i, k := range talkers {
		pushes += k.sent
		if err := errors.Join(errs[2*i], errs[2*i+1], k.Err()); err != nil {
			t.Errorf("socket %d: %v", i, err)
		}
		if k.seen != deploys {
			t.Errorf("socket %d's channel has seen %d upgrades, want %d", i, k.seen, deploys)
		}
		if n := k.Dropped(); n > 0 {
			t.Errorf("socket %d's client dropped %d messages", i, n)
		}
	}
	if !t.Failed() {
		t.Logf("%d sockets, %d deploys: %d pushes answered, %d broadcasts delivered; 0 lost, doubled or reordered, 0 sockets closed", l.sockets, deploys, pushes, pushes*l.room)
	}
}

// added compares the latencies of both kinds of spans.
func added(t *testing.T, talkers []*talker, turns []time.Time) time.Duration {
	t.Helper()
	var kinds [2][]time.Duration
	for _, k := range talkers {
		for _, x := range k.latencies {
			span, _ := slices.BinarySearchFunc(turns, x.due, time.Time.Compare)
			if span > 0 { // else before the first one
				kinds[(span-1)%2] = append(kinds[(span-1)%2], x.took)
			}
		}
	}
	var p99 [2]time.Duration
	for kind, name := range []string{"without deploys", "with deploys"} {
		took := kinds[kind]
		slices.Sort(took)
		if len(took) == 0 {
			t.Fatalf("no answers %s", name)
		}
		p99[kind] = took[len(took)*99/100]
		t.Logf("%s: %d answers, latency p50 %v, p99 %v, longest %v", name, len(took), took[len(took)/2].Round(10*time.Microsecond), p99[kind].Round(10*time.Microsecond), took[len(took)-1].Round(10*time.Microsecond))
	}
	return p99[1] - p99[0]
}

// TestDeployUnderLoad: while a tenant deploys again and again, no socket is closed, no
// message lost, doubled or reordered, and every channel is upgraded each time.
func TestDeployUnderLoad(t *testing.T) {
	swapLoad{sockets: 100, room: 5, perSecond: 1000, spans: 2, deploys: 5, every: 50 * time.Millisecond}.run(t)
}

// TestProofDeployUnderLoad is the full form, with a bound on what it adds to the
// latency: make proof runs it.
func TestProofDeployUnderLoad(t *testing.T) {
	if os.Getenv("CHHOST_PROOF") == "" {
		return // its small form above runs always
	}
	added := swapLoad{sockets: 1000, room: 2, perSecond: 5000, spans: 10, deploys: 10, every: 100 * time.Millisecond}.run(t)
	t.Logf("added to the 99th percentile: %v", added.Round(10*time.Microsecond))
	if added > 50*time.Millisecond {
		t.Errorf("deploys add %v to the 99th percentile of the latency, want at most 50 ms", added)
	}
}
