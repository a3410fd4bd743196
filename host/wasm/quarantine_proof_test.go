package wasm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// wantAsBefore checks what a neighbour's 99th percentiles are, after something has ended,
// in parts of what they were before it began: one of each round.
func wantAsBefore(t *testing.T, name string, ratios []float64) {
	t.Helper()
	const most = 1.1
	slices.Sort(ratios)
	median := ratios[len(ratios)/2]
	fmt.Printf("median of %d rounds, %s: p99 afterwards %.2f times\n", len(ratios), name, median)
	if median > most {
		t.Errorf("%s: the neighbour's p99 is %.2f times what it was before; at most %.2f", name, median, most)
	}
}

// attack lets clients of as many places send events for which a guest uses all of its
// fuel, one after the other whatever is answered, until stop is called. With what they
// are refused they wait for as long as a client whose events are within its rate.
func attack(t *testing.T, p *Plugin, places int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for place := range places {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, err := p.HandleIn(ctx, from(event(forever), channel.Peer(place+1)))
				var limit *LimitError
				switch {
				case isRefusal(err, phx.ReasonUnavailable), isRefusal(err, phx.ReasonBusy):
					time.Sleep(10 * time.Millisecond)
				case ctx.Err() == nil && (!errors.As(err, &limit) || limit.Limit != LimitOutOfFuel):
					t.Errorf("a callback that takes all fuel ended with %v", err)
				}
			}
		})
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// TestProofQuarantine: a version whose guests use up all of their fuel, whoever calls, is
// quarantined, and then another tenant's clients are answered as if it was not there,
// although its own go on.
// TestQuarantinedUsesNothing is its small form.
func TestProofQuarantine(t *testing.T) {
	if !proof() {
		return
	}
	const rounds, clients, every, lasts, name = 5, 4, 4 * time.Millisecond, 4 * time.Second, "a quarantined version, short callbacks (echo)"
	var ratios []float64
	for round := range rounds {
		e := newTestEngine(t, Config{})
		p, err := e.Compile(t.Context(), Module{Name: "neighbour", Tenant: "neighbour", Binary: guest(t, "served/echo"), Limits: Limits{Instances: 8}})
		if err != nil {
			t.Fatal(err)
		}
		bad := spinner(t, e, "hostile", Limits{Instances: siege})
		before := stolen(t)
		idle := percentile(pace(t, p, event(short), clients, every, lasts), 99)
		stop := attack(t, bad, 2*siege)
		channeltest.Eventually(t, "the version is quarantined", bad.Quarantined)
		quarantined := percentile(pace(t, p, event(short), clients, every, lasts), 99)
		stop()
		again := percentile(pace(t, p, event(short), clients, every, lasts), 99)
		ratios = append(ratios, float64(quarantined)/float64(max(idle, again)))
		fmt.Printf("round %d, %s: p99 %v, idle before %v and after %v (%.2f times the larger); %d crashes, %d quarantines, %d calls refused; %v stolen\n", round+1, name,
			us(quarantined), us(idle), us(again), ratios[len(ratios)-1], e.counts.Crashes.Load(), e.counts.Quarantines.Load(), e.counts.Refused.Load(), stolen(t)-before)
		wantRest(t, e)
	}
	wantAsBefore(t, name, ratios)
}

// TestQuarantinedUsesNothing: what is refused takes no fuel of the processors, and the
// attempts that are let in take that of one callback each.
func TestQuarantinedUsesNothing(t *testing.T) {
	clock := newHandClock()
	e := newTestEngine(t, Config{clock: clock.time})
	const fuel = 1 << 20
	p := spinner(t, e, "hostile", Limits{Instances: siege, Fuel: fuel})
	stop := attack(t, p, 2*siege)
	channeltest.Eventually(t, "the version is quarantined", p.Quarantined)
	stop() // what was under way has ended
	used := func(calls int) int64 {
		before := p.tenant.Used()
		for n := range calls {
			_, _ = p.HandleIn(t.Context(), from(event(forever), channel.Peer(n%7+1)))
		}
		return p.tenant.Used() - before
	}
	if n := used(1000); n != 0 {
		t.Errorf("1,000 calls in quarantine used %d", n)
	}
	clock.move(minBackoff)
	if n := used(1000); n < fuel || n > 2*fuel {
		t.Errorf("1,000 calls after the back-off used %d, one of them should have used %d", n, fuel)
	}
}
