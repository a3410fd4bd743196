package socket

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// drainStep is how long one batch of [Drain] is before the next, on average.
	drainStep = 50 * time.Millisecond
	// drainBatch is how many sockets are closed at once at least: so many clients
	// that come back together are no herd.
	drainBatch = 32
)

// Drain ends sockets with [CloseServiceRestart] and [LeaveShutdown], in random
// order and a few at a time, so that not all clients connect elsewhere at the same
// moment: theirs do so within milliseconds. It takes as long as window at most,
// and no longer than half the time that ctx has left. When ctx ends, the rest is
// closed at once. It returns when all are closed, and waits for no channel.
func Drain(ctx context.Context, window time.Duration, sockets []*Socket) {
	if deadline, ok := ctx.Deadline(); ok {
		window = min(window, time.Until(deadline)/2)
	}
	sockets = slices.Clone(sockets)
	rand.Shuffle(len(sockets), func(i, k int) { sockets[i], sockets[k] = sockets[k], sockets[i] })
	steps := max(int(window/drainStep), 1)
	size := max((len(sockets)+steps-1)/steps, drainBatch)
	if steps == 1 {
		size = max(len(sockets), 1)
	}
	for len(sockets) > 0 {
		batch := sockets[:min(size, len(sockets))]
		for _, s := range batch {
			s.Close(End{Code: CloseServiceRestart, Reason: "the server restarts"}, LeaveShutdown)
		}
		if sockets = sockets[len(batch):]; len(sockets) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			size = len(sockets)
		case <-time.After(drainStep/2 + rand.N(drainStep)): // their sum is the window, give or take a little
		}
	}
}
