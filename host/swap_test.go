package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
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
	// wait is how many milliseconds an event may wait for its turn. 0: as long as usual;
	// one that is refused then counts as lost.
	wait int64
}

// talker is one socket in a room. It sends numbers when they are due, whatever has been
// answered by then, and hears those of all.
type talker struct {
	*phxclient.LeanConn
	id, members int
	topic       string
	start       time.Time
	pace        time.Duration
	sent        atomic.Int64 // with the last one; 0 until that is sent
	// unanswered has one for each push that is: a machine that cannot keep up has to do
	// with so many at a time, which the latencies show.
	unanswered chan struct{}
	deaf       chan struct{} // closed when nothing is heard any more

	answered  int
	seen      int // upgrades of its channel, by the last answer
	latencies []latency
}

// latency is how long an answer took, from when the push was due.
type latency struct {
	due  time.Time
	took time.Duration
}

// enter joins the room.
func (k *talker) enter() error {
	if err := k.SetDeadline(time.Now().Add(deployDeadline)); err != nil {
		return err
	}
	if err := k.Send(phxclient.Prebuild(phx.Frame{Data: fmt.Appendf(nil, `["1","join",%q,"phx_join",{}]`, k.topic)})); err != nil {
		return err
	}
	f, err := k.Receive()
	if err == nil && !bytes.Contains(f.Data, []byte(`"ok"`)) {
		err = fmt.Errorf("the join was answered %s", f.Data)
	}
	return err
}

func (k *talker) due(n int) time.Time { return k.start.Add(time.Duration(n) * k.pace) }

func (k *talker) talk(stop <-chan struct{}) error {
	for n, end := 0, false; !end; n++ {
		select {
		case <-stop:
			end = true
			k.sent.Store(int64(n + 1))
		case <-time.After(time.Until(k.due(n))):
		}
		select {
		case k.unanswered <- struct{}{}:
		case <-k.deaf:
			return nil // hear says why
		}
		data := fmt.Appendf(nil, `["1","%d",%q,"n",%s]`, n, k.topic, object(message{k.id, n, end}).Data())
		if err := k.Send(phxclient.Prebuild(phx.Frame{Data: data})); err != nil {
			return fmt.Errorf("push %d: %w", n, err)
		}
	}
	return nil
}

// hear reads answers and broadcasts, each of which has to be the next one of its kind,
// until it has all answers and all members have said that they are at the end.
func (k *talker) hear() error {
	defer close(k.deaf)
	next := make(map[int]int)
	for ends := 0; ends < k.members || int64(k.answered) != k.sent.Load(); {
		f, err := k.Receive()
		if err != nil {
			return err
		}
		var parts [5]json.RawMessage
		if err := json.Unmarshal(f.Data, &parts); err != nil {
			return err
		}
		if string(parts[3]) == `"phx_reply"` {
			err = k.answer(string(parts[1]), string(parts[4]))
		} else {
			err = k.broadcast(next, &ends, parts[3], parts[4])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (k *talker) answer(ref, body string) error {
	const before, after = `{"status":"ok","response":1`, `}`
	if ref != strconv.Quote(strconv.Itoa(k.answered)) || len(body) != len(before)+2+len(after) || body[:len(before)] != before {
		return fmt.Errorf("push %s was answered %s when %d was due", ref, body, k.answered)
	}
	due := k.due(k.answered)
	if now := time.Now(); now.After(due) { // but the last one, which comes early
		k.latencies = append(k.latencies, latency{due, now.Sub(due)})
	}
	k.answered++
	<-k.unanswered
	// The guest counts from 0 again after 99.
	tens, ones := body[len(before)], body[len(before)+1]
	more := (10*int(tens-'0') + int(ones-'0') - k.seen%100 + 100) % 100
	if more > 50 {
		return fmt.Errorf("push %s was answered %s by a channel that had seen %d upgrades", ref, body, k.seen)
	}
	k.seen += more
	return nil
}

func (k *talker) broadcast(next map[int]int, ends *int, event, payload []byte) error {
	var got message
	if err := json.Unmarshal(payload, &got); err != nil || string(event) != `"n"` {
		return fmt.Errorf("received %s %s", event, payload)
	}
	if got.N != next[got.From] {
		return fmt.Errorf("message %d of %d came when %d was due: lost, doubled or reordered", got.N, got.From, next[got.From])
	}
	next[got.From]++
	if got.End {
		*ends++
	}
	return nil
}

// run puts a server under the load. It returns by how much the deploys have raised the
// 99th percentile of the answers' latency.
func (l swapLoad) run(t *testing.T) time.Duration {
	server := hosttest.Start(t, host.Config{Registry: registry.NewMemory(registry.Config{})})
	defer server.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), deployDeadline)
	defer cancel()
	acme := settle(t, server, "acme", versioned(t, "served/tallies", 1))
	if l.wait > 0 {
		s := tenant.SettingsOf(acme.Record())
		s.Limits = map[string]int64{"wait_ms": l.wait}
		if _, err := acme.Set(ctx, s, tenant.Request{Operator: true}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := acme.Upload(ctx, tenant.Upload{Plugin: "it", Module: versioned(t, "served/tallies", 2)}); err != nil {
		t.Fatal(err)
	}
	dialer, err := phxclient.NewLeanDialer(atTenant(server, "acme"), phxclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	talkers := make([]*talker, l.sockets)
	pace := time.Duration(l.sockets) * time.Second / time.Duration(l.perSecond)
	for i := range talkers {
		conn, err := dialer.Dial(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Abort()
		talkers[i] = &talker{LeanConn: conn, id: i, members: l.room, topic: fmt.Sprintf("rooms:%d", i/l.room), pace: pace,
			unanswered: make(chan struct{}, channel.MailboxEvents/4), deaf: make(chan struct{})}
		if err := talkers[i].enter(); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	errs := make([]error, 2*l.sockets)
	var running sync.WaitGroup
	for i, k := range talkers {
		k.start = time.Now().Add(pace * time.Duration(i) / time.Duration(l.sockets))
		running.Go(func() { errs[2*i] = k.talk(stop) })
		running.Go(func() { errs[2*i+1] = k.hear() })
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
		pushes += k.answered
		if err := errors.Join(errs[2*i], errs[2*i+1]); err != nil {
			t.Errorf("socket %d: %v", i, err)
		}
		if k.seen != deploys {
			t.Errorf("socket %d's channel has seen %d upgrades, want %d", i, k.seen, deploys)
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
	swapLoad{sockets: 100, room: 5, perSecond: 1000, spans: 2, deploys: 5, every: 50 * time.Millisecond, wait: deployDeadline.Milliseconds()}.run(t)
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
