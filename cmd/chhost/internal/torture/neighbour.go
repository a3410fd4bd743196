package torture

import (
	"context"
	"fmt"
	"time"

	"github.com/chhost/chhost/host/phx"
)

// pace is how long the neighbour's client waits between two events.
const pace = 5 * time.Millisecond

// Neighbour is what a client of an honest plugin saw while the modules ran.
type Neighbour struct {
	// Asked is how many events it has sent, each of which has to be answered.
	Asked int `json:"asked"`
	// Slowest is how long an answer has taken at most, in nanoseconds.
	Slowest time.Duration `json:"slowest_ns"`
	// Wrong are the events that were not answered as they have to be.
	Wrong []string `json:"wrong"`
}

// watch keeps asking the neighbour until stop is called, which returns what it saw.
func (r *rack) watch(ctx context.Context) (stop func() Neighbour) {
	var seen Neighbour
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		seen.live(ctx, r, ending)
	}()
	return func() Neighbour {
		close(ending)
		<-ended
		return seen
	}
}

// live is the life of the neighbour's client: one channel for all of it.
func (n *Neighbour) live(ctx context.Context, r *rack, ending <-chan struct{}) {
	c, err := r.dial("neighbour")
	if err != nil {
		n.Wrong = append(n.Wrong, err.Error())
		return
	}
	defer c.close()
	event := phx.EventJoin
	for len(n.Wrong) == 0 {
		began := time.Now()
		status, answer := c.ask(ctx, event, "{}")
		if ctx.Err() != nil {
			return
		}
		n.Asked++
		n.Slowest = max(n.Slowest, time.Since(began))
		if status != "ok" {
			n.Wrong = append(n.Wrong, fmt.Sprintf("event %d, %s: %s %s", n.Asked, event, status, answer))
		}
		event = "say"
		select {
		case <-ending:
			return
		case <-time.After(pace):
		}
	}
}

func (n *Neighbour) add(o Neighbour) {
	n.Asked += o.Asked
	n.Slowest = max(n.Slowest, o.Slowest)
	n.Wrong = append(n.Wrong, o.Wrong...)
}
