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

// lastTime is how long a client waits for the answers to what it has sent before it
// is told to go, and those for whom the drain waits with it: as long as a plugin's
// callback may take.
const lastTime = 2 * time.Second

// Drain ends sockets with [CloseServiceRestart] and [LeaveShutdown], in random
// order and a few at a time, so that not all clients connect elsewhere at the same
// moment: theirs do so within milliseconds. What a client has sent by then is carried
// out and answered first, unless that takes more than two seconds. Drain takes as
// long as window at most, and those seconds, and no longer than three quarters of the
// time that ctx has left. When ctx ends, the rest is closed at once. It returns when
// all are closed, and waits for no leave.
func Drain(ctx context.Context, window time.Duration, sockets []*Socket) {
	d := drain{patience: lastTime, told: make(chan struct{}, 1)}
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		window, d.patience = min(window, left/2), min(lastTime, left/4)
	}
	sockets = slices.Clone(sockets)
	rand.Shuffle(len(sockets), func(i, k int) { sockets[i], sockets[k] = sockets[k], sockets[i] })
	steps := max(int(window/drainStep), 1)
	size := max((len(sockets)+steps-1)/steps, drainBatch)
	if steps == 1 {
		size = len(sockets)
	}
	for len(sockets) > 0 && ctx.Err() == nil {
		batch := sockets[:min(size, len(sockets))]
		sockets = sockets[len(batch):]
		d.finish(batch)
		if d.pending(); len(sockets) > 0 {
			pause(ctx, drainStep/2+rand.N(drainStep), nil) // their sum is the window, give or take a little
		}
	}
	for d.pending() > 0 && ctx.Err() == nil {
		pause(ctx, time.Until(d.finishing[0].until), d.told)
	}
	for _, f := range d.finishing {
		f.socket.Close(restarts(), LeaveShutdown)
	}
	for _, s := range sockets {
		s.Close(restarts(), LeaveShutdown)
	}
}

// restarts is the end of a drain.
func restarts() End {
	return End{Code: CloseServiceRestart, Reason: "the server restarts"}
}

// drain is one that is under way. It belongs to the goroutine of [Drain].
type drain struct {
	patience time.Duration
	told     chan struct{} // takes one when a socket has ended
	// finishing are the sockets that have not ended yet, as far as is known, and when
	// they are closed all the same. The first one was first.
	finishing []finishing
}

type finishing struct {
	socket *Socket
	until  time.Time
}

func (d *drain) finish(sockets []*Socket) {
	until := time.Now().Add(d.patience)
	for _, s := range sockets {
		if !s.finish(restarts(), LeaveShutdown, d.told) {
			d.finishing = append(d.finishing, finishing{s, until})
		}
	}
}

// pending closes the sockets whose time is over, and returns how many there are
// behind them, at most.
func (d *drain) pending() int {
	for len(d.finishing) > 0 {
		first := &d.finishing[0]
		if !first.socket.ended() {
			if time.Now().Before(first.until) {
				break
			}
			first.socket.Close(restarts(), LeaveShutdown)
		}
		d.finishing = d.finishing[1:]
	}
	return len(d.finishing)
}

// pause takes so long, unless it ends earlier, with cut or ctx.
func pause(ctx context.Context, long time.Duration, cut <-chan struct{}) {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-cut:
	case <-timer.C:
	case <-ctx.Done():
	}
}
