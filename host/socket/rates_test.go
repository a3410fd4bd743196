package socket_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/socket"
)

func limited(joinRef, ref, topic, reason string, ms int) string {
	return strings.Replace(refusal(joinRef, ref, topic, reason), `"}}]`, fmt.Sprintf(`","retry_after_ms":%d}}]`, ms), 1)
}

func ok(ref string) string {
	return `["1",` + ref + `,"t","phx_reply",{"status":"ok","response":{}}]`
}

// A frame above the rate is answered with when to try again, and it is right: then
// there is room for one more, and not before.
func TestFrameRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{Rates: socket.Rates{Frames: socket.Rate{PerSecond: 10, Burst: 3}}})
		r.receive(t, join("t"), `["1","2","t","socket",{}]`, `["1","3","t","socket",{}]`, `["1","4","t","socket",{}]`)
		r.settle(t)
		frames, _ := r.written()
		if len(frames) != 4 || frames[2] == ok(`"4"`) && frames[3] != limited(`"1"`, `"4"`, "t", "rate_limited", 100) {
			t.Fatalf("the client was sent %s", strings.Join(frames, "\n"))
		}
		time.Sleep(99 * time.Millisecond)
		r.receive(t, `["1","5","t","socket",{}]`)
		r.expect(t, limited(`"1"`, `"5"`, "t", "rate_limited", 1))
		time.Sleep(time.Millisecond)
		r.receive(t, `["1","6","t","socket",{}]`)
		r.expect(t, ok(`"6"`))
		r.receive(t, `["1","7","t","socket",{}]`)
		r.expect(t, limited(`"1"`, `"7"`, "t", "rate_limited", 100))
		time.Sleep(time.Hour) // never more than a burst is saved up
		for n := range 3 {
			r.receive(t, fmt.Sprintf(`["1",%d,"t","socket",{}]`, n))
			r.expect(t, ok(fmt.Sprint(n)))
		}
		r.receive(t, `["1","8","t","socket",{}]`)
		r.expect(t, limited(`"1"`, `"8"`, "t", "rate_limited", 100))
		if got := r.counts.RateLimited.Load(); got != 4 {
			t.Errorf("%d frames were counted", got)
		}
	})
}

// Above the rate a heartbeat is answered, and a leave carried out; a frame that
// nobody waits for an answer of is only counted and logged.
func TestAboveTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{Rates: socket.Rates{Frames: socket.Rate{PerSecond: 1}}})
		r.receive(t, join("t"))
		r.expect(t, joined("t"))
		r.receive(t, `[null,"2","phoenix","heartbeat",{}]`)
		r.expect(t, `[null,"2","phoenix","phx_reply",{"status":"ok","response":{}}]`)
		r.receive(t, `["1",null,"t","say",{}]`)
		r.expect(t)
		if r.counts.RateLimited.Load() != 2 || r.log.Count("sends too much") != 1 {
			t.Errorf("%d frames were counted; the log:\n%s", r.counts.RateLimited.Load(), &r.log)
		}
		r.receive(t, `["1","3","t","phx_leave",{}]`)
		r.expect(t, `["1","3","t","phx_reply",{"status":"ok","response":{}}]`, `["1","1","t","phx_close",{}]`)
		r.receive(t, join("t"))
		r.expect(t, limited(`"1"`, `"1"`, "t", "rate_limited", 1000))
		r.receive(t, invalid) // answered as what it is
		r.expect(t, refusal(`"1"`, `"2"`, "t", "invalid frame"))
	})
}

func TestByteRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{Rates: socket.Rates{Bytes: socket.Rate{PerSecond: 1000, Burst: 2000}}})
		event := func(size int, ref string) string { return strings.Replace(large(size+1), "null", `"`+ref+`"`, 1) }
		r.receive(t, join("t"))
		r.expect(t, joined("t"))
		time.Sleep(time.Minute)
		r.receive(t, event(1500, "2"), event(600, "3"), event(500, "4"))
		r.expect(t, limited(`"1"`, `"3"`, "t", "rate_limited", 100))
		time.Sleep(1999 * time.Millisecond)
		r.receive(t, event(5000, "5")) // more than there may be at once: when all is paid off
		r.expect(t, limited(`"1"`, `"5"`, "t", "rate_limited", 1))
		time.Sleep(time.Millisecond)
		r.receive(t, event(5000, "6"))
		r.expect(t)
		time.Sleep(2999 * time.Millisecond)
		r.receive(t, event(100, "7"))
		r.expect(t, limited(`"1"`, `"7"`, "t", "rate_limited", 101))
	})
}

// Joins have a rate of their own; other frames do not count, and refused joins
// leave room for others.
func TestJoinRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{Rates: socket.Rates{Joins: socket.Rate{PerSecond: 2, Burst: 2}}})
		r.receive(t, join("a"), join("b"))
		r.settle(t)
		r.written()
		r.receive(t, join("c"))
		r.expect(t, limited(`"1"`, `"1"`, "c", "too_many_joins", 500))
		for range 50 {
			r.receive(t, `["1","2","a","socket",{}]`)
			r.expect(t, `["1","2","a","phx_reply",{"status":"ok","response":{}}]`)
		}
		r.receive(t, `["1","2","c","socket",{}]`)
		r.expect(t, refusal("null", `"2"`, "c", "unmatched topic"))
		time.Sleep(500 * time.Millisecond)
		r.receive(t, join("c"))
		r.expect(t, joined("c"))
	})
}

// Who goes on is cut off, and who pauses in time is not.
func TestAFloodEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		frames := []string{
			`["1","2","t","quiet",{}]`, `["1",null,"t","quiet",{}]`, `[null,"2","phoenix","heartbeat",{}]`, `["1","2","t","phx_leave",{}]`, join("t"), `["1","2","t","e",[]]`,
		}
		for _, frame := range append(frames, "ping") {
			r := newRig(t, socket.Config{Outbox: 1 << 30, Rates: socket.Rates{Frames: socket.Rate{PerSecond: 1}}})
			send := func() error {
				if frame == "ping" {
					return r.Control(4)
				}
				return r.HandleFrame(t.Context(), text(frame))
			}
			_ = r.HandleFrame(t.Context(), text(`["1","2","t","quiet",{}]`))
			for n := range 1000 {
				if err := send(); err != nil {
					t.Fatalf("%s: frame %d: %v", frame, n, err)
				}
			}
			time.Sleep(500 * time.Millisecond)
			for n := range 50 {
				if err := send(); err != nil {
					t.Fatalf("%s: after a pause: frame %d: %v", frame, n, err)
				}
			}
			if err := send(); !errors.Is(err, socket.ErrClosed) {
				t.Errorf("%s: one more: %v", frame, err)
			}
			if _, end := r.written(); end == nil || end.Code != socket.ClosePolicyViolation || r.counts.FloodClosed.Load() != 1 {
				t.Errorf("%s: the end is %v", frame, end)
			}
		}
	})
}

// Without rates nothing is bounded.
// A burst that says "as much as you like" is not too much for the arithmetic.
func TestABurstWithoutEnd(t *testing.T) {
	for _, perSecond := range []int{1, 8 << 20, math.MaxInt} {
		rate := socket.Rate{PerSecond: perSecond, Burst: math.MaxInt}
		r := newRig(t, socket.Config{Rates: socket.Rates{Frames: rate, Bytes: rate, Joins: rate}})
		for n := range 3 {
			r.receive(t, `[null,"`+fmt.Sprint(n)+`","phoenix","heartbeat",{}]`)
		}
		r.receive(t, join("t"))
		r.settle(t)
		if frames, end := r.written(); len(frames) != 4 || end != nil || frames[3] != joined("t") {
			t.Errorf("%d a second: the client was sent %q, the end is %v", perSecond, frames, end)
		}
		if n := r.counts.RateLimited.Load(); n != 0 {
			t.Errorf("%d a second: %d frames were above the rates", perSecond, n)
		}
	}
}

func TestNoRates(t *testing.T) {
	r := newRig(t, socket.Config{Outbox: 1 << 30})
	for range 20_000 {
		r.receive(t, `[null,"2","phoenix","heartbeat",{}]`)
		if err := r.Control(1 << 20); err != nil {
			t.Fatal(err)
		}
	}
	frames, end := r.written()
	if len(frames) != 20_000 || end != nil {
		t.Errorf("%d heartbeats were answered, the end is %v", len(frames), end)
	}
}
