package socket_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

// byTopic has a policy for each topic, by its first letter.
func byTopic(topic, _ string) socket.SlowPolicy {
	switch topic[0] {
	case 'd':
		return socket.SlowDropOldest
	case 'c':
		return socket.SlowConflate
	}
	return socket.SlowClose
}

// slowRig is a socket of a client that has room for ten frames of the tests' kind.
func slowRig(t *testing.T, policy func(topic, event string) socket.SlowPolicy) *rig {
	t.Helper()
	return newRig(t, socket.Config{Slow: policy, Outbox: 10 * (pieceSize + 24)})
}

const pieceSize = 100

// piece is a payload that makes a broadcast of "topic", "event" and n have
// pieceSize bytes.
func piece(t *testing.T, topic, event string, n int) phx.Payload {
	t.Helper()
	body := fmt.Sprintf(`{"n":%d,"x":"`, n)
	pad := pieceSize - len(fmt.Sprintf(`[null,null,%q,%q,%s"}]`, topic, event, body))
	p, err := phx.Object([]byte(body + strings.Repeat("x", pad) + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (r *rig) cast(t *testing.T, topic, event string, n int) {
	t.Helper()
	r.Broadcast(phx.NewBroadcast(topic, event, piece(t, topic, event, n)))
}

// numbers takes what waits out and returns the numbers of the pieces, each with
// the first letter of its topic.
func (r *rig) numbers(t *testing.T) (got []string) {
	t.Helper()
	frames, end := r.written()
	if end != nil {
		t.Fatalf("the socket has ended: %v", *end)
	}
	for _, f := range frames {
		parts := strings.SplitN(f, ",", 4)
		_, n, ok := strings.Cut(f, `"n":`)
		if !ok {
			got = append(got, "reply")
			continue
		}
		n, _, _ = strings.Cut(n, ",")
		got = append(got, strings.Trim(parts[2], `"`)[:1]+n)
	}
	return got
}

func expectNumbers(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the client was sent %v, want %v", got, want)
	}
}

func TestDropOldest(t *testing.T) {
	r := slowRig(t, byTopic)
	for round := range 3 {
		for n := range 25 {
			r.cast(t, "d", "e", n)
		}
		expectNumbers(t, r.numbers(t), "d15", "d16", "d17", "d18", "d19", "d20", "d21", "d22", "d23", "d24")
		if got := r.counts.Dropped.Load(); got != int64(15*(round+1)) {
			t.Errorf("%d frames were counted as dropped", got)
		}
	}
	if r.log.Count("frames were left out") != 3 {
		t.Errorf("the log:\n%s", &r.log)
	}
}

// The newest of each topic and event stays, where it was sent: behind what was
// sent before it.
func TestConflate(t *testing.T) {
	r := slowRig(t, byTopic)
	for n := range 10 {
		r.cast(t, "c"+strconv.Itoa(n%3), "e", n)
	}
	r.cast(t, "c0", "e", 10) // overtakes the 0, not 9
	r.cast(t, "x", "e", 11)  // must not be left out: makes 1 go, which 4 has overtaken
	r.cast(t, "c1", "f", 12) // another event: makes 2 go
	expectNumbers(t, r.numbers(t), "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "x11", "c12")
	if got := r.counts.Conflated.Load(); got != 3 {
		t.Errorf("%d frames were counted as conflated", got)
	}
	for n := range 1000 {
		r.cast(t, "c", "e", n)
	}
	got := r.numbers(t)
	if len(got) != 10 || got[9] != "c999" {
		t.Errorf("the client was sent %v, want ten up to c999", got)
	}
}

// Nothing is lost as long as there is room, whatever the policy is.
func TestNothingIsLeftOutOfWhatFits(t *testing.T) {
	r := slowRig(t, byTopic)
	for range 5 {
		var want []string
		for n := range 10 {
			topic := string("cdx"[n%3])
			r.cast(t, topic, "e", n)
			want = append(want, topic+strconv.Itoa(n))
		}
		expectNumbers(t, r.numbers(t), want...)
	}
}

// Replies, the ends of channels and the frames of presence stay. Where only such
// wait, what may be dropped is, and what may not ends the connection.
func TestWhatIsNeverLeftOut(t *testing.T) {
	fill := func(r *rig) {
		r.Reply(&phx.Reply{Ref: `"1"`, Topic: "d", Status: phx.StatusOK, Payload: piece(t, "d", "phx_reply", 0)})
		r.Push(&phx.Message{JoinRef: `"1"`, Ref: `"1"`, Topic: "d", Event: phx.EventClose, Payload: piece(t, "d", "", 1)})
		r.Push(&phx.Message{JoinRef: `"1"`, Ref: `"1"`, Topic: "d", Event: phx.EventError, Payload: piece(t, "d", "", 2)})
		r.cast(t, "d", "presence_diff", 3)
		r.Push(&phx.Message{JoinRef: `"1"`, Topic: "d", Event: "presence_state", Payload: piece(t, "d", "", 4)})
		r.Send([]byte(`[,,"pong","n":5,` + strings.Repeat("x", pieceSize-20)))
	}
	r := slowRig(t, byTopic)
	fill(r)
	for n := range 100 {
		r.Push(&phx.Message{JoinRef: `"1"`, Topic: "d", Event: "e", Payload: piece(t, "d", "", n)})
	}
	got := r.numbers(t)
	if len(got) < 8 || !slices.Equal(got[1:6], []string{"d1", "d2", "d3", "d4", "p5"}) || got[len(got)-1] != "d99" {
		t.Errorf("the client was sent %v", got)
	}
	r = slowRig(t, byTopic)
	fill(r)
	fill(r) // more than the bound, as a burst
	r.cast(t, "d", "e", 1)
	if got := r.numbers(t); len(got) != 12 {
		t.Errorf("the client was sent %v, want all but the broadcast", got)
	}
	for range 33 {
		r.cast(t, "x", "e", 0)
	}
	r.expectEnd(t, socket.CloseTryAgainLater)
}

// What was left out does not count as waiting: a few large frames behind it are a
// burst, as they are anywhere else.
func TestABurstBehindWhatWasLeftOut(t *testing.T) {
	r := newRig(t, socket.Config{Slow: byTopic, Outbox: 50 * (pieceSize + 24)})
	for n := range 50 {
		r.cast(t, "d", "e", n)
	}
	for range 2 { // the first takes the places of forty
		r.Send([]byte(strings.Repeat("x", 40*(pieceSize+24)-24)))
	}
	if frames, end := r.written(); len(frames) != 2 || end != nil {
		t.Errorf("the client was sent %d frames, the end is %v", len(frames), end)
	}
}

// A frame that is larger than all that waits may empty the outbox.
func TestLeavingEverythingOut(t *testing.T) {
	for _, topic := range []string{"d", "c"} {
		r := slowRig(t, byTopic)
		for n := range 10 {
			r.cast(t, topic, "e", n)
		}
		large, err := phx.Object([]byte(`{"n":10,"x":"` + strings.Repeat("x", 20*pieceSize) + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Broadcast(phx.NewBroadcast(topic, "e", large))
		r.cast(t, topic, "e", 11)
		expectNumbers(t, r.numbers(t), topic+"11")
		r.cast(t, topic, "e", 12)
		expectNumbers(t, r.numbers(t), topic+"12")
	}
}

// TestSlowModel compares the outbox with a plain one: frames are put and taken at
// random, and what arrives is what was put without what the policies allow.
func TestSlowModel(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		r := newRig(t, socket.Config{Slow: byTopic, Outbox: (8 + rnd.IntN(200)) * (pieceSize + 24)})
		var sent []string
		must := map[string]bool{} // may not be missing
		newest := map[string]string{}
		bound, missing := 0, 0
		check := func() {
			got := r.numbers(t)
			at := 0
			for _, s := range sent {
				if at < len(got) && got[at] == s {
					at++
				} else if missing++; must[s] {
					t.Fatalf("seed %d: %s is missing: sent %v, got %v", seed, s, sent, got)
				}
			}
			if at != len(got) {
				t.Fatalf("seed %d: sent %v, got %v", seed, sent, got)
			}
			for topic, s := range newest {
				if topic[0] == 'c' && !slices.Contains(got, s) {
					t.Fatalf("seed %d: %s is the newest, and was left out: %v", seed, s, got)
				}
			}
			sent, bound = nil, 0
			clear(must)
			clear(newest)
		}
		for n := range 2000 {
			topics := []string{"d1", "d2", "c1", "c2", "c3", "x"}
			topic := topics[rnd.IntN(len(topics))]
			if topic == "x" {
				if bound++; bound > 4 { // never more than would end the connection
					continue
				}
			}
			r.cast(t, topic, "e", n)
			s := topic[:1] + strconv.Itoa(n)
			sent = append(sent, s)
			newest[topic] = s
			must[s] = topic == "x"
			if rnd.IntN(300) == 0 {
				check()
			}
		}
		check()
		if got := r.counts.Dropped.Load() + r.counts.Conflated.Load(); got != int64(missing) {
			t.Fatalf("seed %d: %d frames are missing, %d were counted", seed, missing, got)
		}
	}
}

func TestParseSlowPolicy(t *testing.T) {
	for _, p := range []socket.SlowPolicy{socket.SlowClose, socket.SlowDropOldest, socket.SlowConflate} {
		if got, err := socket.ParseSlowPolicy(p.String()); got != p || err != nil {
			t.Errorf("%v became %v, %v", p, got, err)
		}
	}
	if _, err := socket.ParseSlowPolicy("drop_newest"); err == nil || !strings.Contains(err.Error(), "conflate") {
		t.Errorf("the error is %v", err)
	}
}
