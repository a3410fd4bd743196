package socket_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
)

// drained lets n sockets be drained and returns when each was closed, and when
// Drain returned. They must not be closed in their own order, if they are many.
func drained(t *testing.T, ctx context.Context, n int, window time.Duration) (closed []time.Duration, took time.Duration) {
	t.Helper()
	var order []int
	env := channel.NewEnv(channel.Config{PubSub: pubsub.New(nil)})
	begin := time.Now()
	sockets := make([]*socket.Socket, n)
	for i := range sockets {
		sockets[i] = socket.New(socket.Config{
			Env: env, Encoder: &phx.Encoder{Serializer: phx.V2()},
			Wake: func() { closed, order = append(closed, time.Since(begin)), append(order, i) },
		})
	}
	first := sockets[:1:1]
	socket.Drain(ctx, window, sockets)
	took = time.Since(begin)
	if len(closed) != n {
		t.Errorf("%d of %d sockets were closed", len(closed), n)
	}
	if n >= 100 && slices.IsSorted(order) {
		t.Error("the sockets were closed in the order in which they were given")
	}
	for i, s := range sockets {
		if _, end := s.Next(nil); end == nil || end.Code != socket.CloseServiceRestart {
			t.Fatalf("socket %d ended with %v", i, end)
		}
	}
	if first[0] != sockets[0] {
		t.Error("the caller's list was changed")
	}
	return closed, took
}

// Few sockets are closed at once; more are spread, and many over all of the
// window, never more at once than evenness asks for.
func TestDrain(t *testing.T) {
	for _, tc := range []struct {
		n              int
		window         time.Duration
		atLeast, most  time.Duration
		atOnce, batchs int
	}{
		{n: 1, window: 5 * time.Second, atOnce: 1, batchs: 1},
		{n: 32, window: 5 * time.Second, atOnce: 32, batchs: 1},
		{n: 320, window: 5 * time.Second, atLeast: 225 * time.Millisecond, most: 700 * time.Millisecond, atOnce: 32, batchs: 10},
		{n: 10_000, window: 5 * time.Second, atLeast: 4 * time.Second, most: 6 * time.Second, atOnce: 100, batchs: 100},
		{n: 1000, window: 0, atOnce: 1000, batchs: 1},
		{n: 1000, window: -1, atOnce: 1000, batchs: 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			closed, took := drained(t, t.Context(), tc.n, tc.window)
			if took < tc.atLeast || took > tc.most {
				t.Errorf("%d sockets in %v: it took %v, want %v to %v", tc.n, tc.window, took, tc.atLeast, tc.most)
			}
			counts := map[time.Duration]int{}
			for _, at := range closed {
				if counts[at]++; counts[at] > tc.atOnce {
					t.Fatalf("%d sockets in %v: more than %d were closed at once", tc.n, tc.window, tc.atOnce)
				}
			}
			if pauses := pausesOf(closed); tc.batchs > 2 && pauses[0] == pauses[len(pauses)-1] {
				t.Errorf("%d sockets in %v: every %v a batch, and no chance in it", tc.n, tc.window, pauses[0])
			}
			if len(counts) != tc.batchs {
				t.Errorf("%d sockets in %v: %d batches, want %d", tc.n, tc.window, len(counts), tc.batchs)
			}
		})
	}
}

// pausesOf returns how long there was between one batch and the next, the shortest first.
func pausesOf(closed []time.Duration) (pauses []time.Duration) {
	batches := slices.Compact(slices.Clone(closed))
	for i := range batches[1:] {
		pauses = append(pauses, batches[i+1]-batches[i])
	}
	slices.Sort(pauses)
	return pauses
}

// The end of the context ends the patience, and half of what it has left is left
// for what comes after.
func TestDrainInAHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, took := drained(t, ctx, 10_000, time.Minute); took > 1500*time.Millisecond || took < 700*time.Millisecond {
			t.Errorf("with 2 s left it took %v", took)
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, took := drained(t, ctx, 10_000, time.Minute); took != time.Second {
			t.Errorf("with an end after 1 s it took %v", took)
		}
	})
}
