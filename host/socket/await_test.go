package socket_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/socket"
)

// await calls Await and tells how long it took.
func (r *rig) await(t *testing.T, ctx context.Context) (time.Duration, error) {
	t.Helper()
	begin := time.Now()
	err := r.Await(ctx)
	return time.Since(begin), err
}

// TestAwait: what has waited for its turn passes, and is paid for by what comes
// behind it, to the nanosecond; frames that come in its midst change nothing.
func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{Rates: socket.Rates{Bytes: socket.Rate{PerSecond: 1000, Burst: 2000}}})
		r.receive(t, join("t"))
		r.expect(t, joined("t"))
		time.Sleep(time.Minute)
		event := func(size int, ref string) string { return strings.Replace(large(size+1), "null", `"`+ref+`"`, 1) }
		for n, want := range []time.Duration{0, 3001 * time.Millisecond, 5 * time.Second, 5 * time.Second} {
			took, err := r.await(t, t.Context())
			if took != want || err != nil {
				t.Errorf("%d: waited %v (%v), want %v", n, took, err, want)
			}
			_ = r.Control(0) // an empty ping in its midst
			r.receive(t, event(5000, "2"))
		}
		r.expect(t) // nothing was refused
		if got := r.counts.Paused.Load(); got != 3 || r.counts.RateLimited.Load() != 0 || r.log.Count("not read for a while") != 3 {
			t.Errorf("%d pauses, %d frames above the rate; the log:\n%s", got, r.counts.RateLimited.Load(), &r.log)
		}
		r.receive(t, event(500, "3")) // which did not wait for its turn
		r.expect(t, limited(`"1"`, `"3"`, "t", "rate_limited", 5500-1))
	})
}

// TestAwaitFrames: small frames wait for the other rate.
func TestAwaitFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{Rates: socket.Rates{Frames: socket.Rate{PerSecond: 10, Burst: 2}}})
		for n, want := range []time.Duration{0, 0, 100 * time.Millisecond, 100 * time.Millisecond} {
			if took, err := r.await(t, t.Context()); took != want || err != nil {
				t.Errorf("%d: waited %v (%v), want %v", n, took, err, want)
			}
			r.receive(t, `[null,"2","phoenix","heartbeat",{}]`)
		}
	})
}

// TestAwaitEnds guards that a pause outlasts neither the socket nor its context.
func TestAwaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{Rates: socket.Rates{Bytes: socket.Rate{PerSecond: 1}}})
		r.receive(t, join("t"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if took, err := r.await(t, ctx); took != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("its context: %v after %v", err, took)
		}
		timer := time.AfterFunc(2*time.Second, func() { r.Close(socket.End{Code: socket.CloseServiceRestart}, socket.LeaveShutdown) })
		defer timer.Stop()
		if took, err := r.await(t, t.Context()); took != 2*time.Second || !errors.Is(err, socket.ErrClosed) {
			t.Errorf("its end: %v after %v", err, took)
		}
		if took, err := r.await(t, t.Context()); took != 0 || !errors.Is(err, socket.ErrClosed) {
			t.Errorf("behind its end: %v after %v", err, took)
		}
	})
}
