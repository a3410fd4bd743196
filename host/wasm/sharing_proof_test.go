package wasm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
)

// proof tells whether what takes long and wants a quiet machine is to run: make proof.
func proof() bool { return os.Getenv("CHHOST_PROOF") != "" }

// percentile returns the pth of 100 parts of what is sorted by it.
func percentile(all []time.Duration, p int) time.Duration {
	slices.Sort(all)
	return all[len(all)*p/100]
}

// hostile are guests that do not come back, and what is sent to them.
func hostile() map[string]string {
	return map[string]string{"served/spins": forever, "served/fills": "{}", "served/misses": "{}", "broken/loop": "{}", "broken/flood_random": "{}"}
}

// siege is one tenant's guests that loop, in more callbacks than there are processors.
const siege = 4

// respond serves one client: for each byte that comes a callback is run, and a byte is
// sent back.
func respond(t *testing.T, conn net.Conn, p *Plugin, ev *channel.Event) {
	var b [1]byte
	for {
		if _, err := io.ReadFull(conn, b[:]); err != nil {
			return
		}
		if _, err := p.HandleIn(context.Background(), ev); err != nil {
			t.Errorf("a callback of the neighbour: %v", err)
		}
		if _, err := conn.Write(b[:]); err != nil {
			t.Error(err)
		}
	}
}

// pace lets clients ask over loopback, each at its own times and whether the last
// answer has come or not, and returns how long after its time each answer came.
func pace(t *testing.T, p *Plugin, ev *channel.Event, clients int, every, lasts time.Duration) []time.Duration {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var mu sync.Mutex
	var all []time.Duration
	var serving, asking sync.WaitGroup
	begin := time.Now()
	for c := range clients {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		serving.Go(func() { respond(t, server, p, ev) })
		defer server.Close()
		asking.Go(func() {
			defer conn.Close()
			var took []time.Duration
			var b [1]byte
			for due := begin.Add(every * time.Duration(c) / time.Duration(clients)); due.Before(begin.Add(lasts)); due = due.Add(every) {
				time.Sleep(time.Until(due))
				_, err := conn.Write(b[:])
				if err == nil {
					_, err = io.ReadFull(conn, b[:])
				}
				if err != nil {
					t.Error(err)
					return
				}
				took = append(took, time.Since(due))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	asking.Wait()
	serving.Wait()
	return all
}

// TestProofNeighbour: while one tenant's guests loop in more callbacks than there are
// processors, another one's clients are answered nearly as fast as without.
// When they have been ended, as when the version is quarantined, it is as before.
// TestNeighbourGoesOn is its small form.
func TestProofNeighbour(t *testing.T) {
	if !proof() {
		return
	}
	const rounds = 5
	for _, c := range []struct {
		name, guest, payload string
		every                time.Duration // from one event of a client to the next
	}{
		{"short callbacks (echo)", "served/echo", `{"body":"hi"}`, 4 * time.Millisecond},
		{"callbacks of 1 M fuel", "served/spins", long, 20 * time.Millisecond},
	} {
		var ratios, afters []float64
		for round := range rounds {
			e := newTestEngine(t, Config{})
			p, err := e.Compile(t.Context(), Module{Name: "neighbour", Tenant: "neighbour", Binary: guest(t, c.guest), Limits: Limits{Instances: 8}})
			if err != nil {
				t.Fatal(err)
			}
			bad := spinner(t, e, "hostile", endless(siege))
			const clients, lasts = 4, 4 * time.Second
			idle := pace(t, p, event(c.payload), clients, c.every, lasts)
			stop := loop(t, bad, siege)
			besieged := pace(t, p, event(c.payload), clients, c.every, lasts)
			stop()
			after := pace(t, p, event(c.payload), clients, c.every, lasts)
			ratios = append(ratios, float64(percentile(besieged, 99))/float64(percentile(idle, 99)))
			afters = append(afters, float64(percentile(after, 99))/float64(percentile(idle, 99)))
			round := fmt.Sprintf("round %d", round+1)
			fmt.Printf("%s, %s: %d and %d answers; p50 idle %v, with %d guests that loop %v, after %v; p99 idle %v, with them %v (%.2f times), after %v (%.2f times)\n", round, c.name,
				len(idle), len(besieged), us(percentile(idle, 50)), siege, us(percentile(besieged, 50)), us(percentile(after, 50)),
				us(percentile(idle, 99)), us(percentile(besieged, 99)), ratios[len(ratios)-1], us(percentile(after, 99)), afters[len(afters)-1])
			wantRest(t, e)
		}
		slices.Sort(ratios)
		fmt.Printf("median of %d rounds, %s: p99 %.2f times\n", rounds, c.name, ratios[rounds/2])
		if ratios[rounds/2] > 2.5 {
			t.Errorf("%s: the neighbour's p99 is %.2f times what it is without; at most 2.5", c.name, ratios[rounds/2])
		}
		wantAsBefore(t, c.name, afters)
	}
}

func us(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// TestProofKill: a guest that does not come back is ended when its time is over, and
// when nobody waits for it any more, while others loop in all slots.
// TestOutOfTime and TestBusyProcessors are its small forms.
func TestProofKill(t *testing.T) {
	if !proof() {
		return
	}
	const deadline, kills, most = 30 * time.Millisecond, 300, 5 * time.Millisecond
	for name, payload := range hostile() {
		e := newTestEngine(t, Config{})
		stop := loop(t, spinner(t, e, "hostile", endless(siege)), siege)
		plugin := func(lasts time.Duration) *Plugin {
			limits := endless(2)
			limits.callbackTime = lasts
			p, err := e.Compile(t.Context(), Module{Name: "kill", Tenant: "kill", Binary: guest(t, name), Limits: limits})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		limited, unlimited := plugin(deadline), plugin(time.Hour)
		var late, cancelled []time.Duration
		// An instance is there before the time counts: its memory may take longer to get
		// than the guest has.
		kill := func(ctx context.Context, p *Plugin, inst *instance) error {
			defer p.put(inst)
			_, err := inst.call(ctx, abi.PhaseHandleIn, event(payload))
			return err
		}
		for range kills {
			inst := limited.hold(t, 1)[0]
			err := kill(t.Context(), limited, inst)
			late = append(late, time.Since(inst.tank.since)-inst.tank.waited-deadline)
			var limit *LimitError
			if !errors.As(err, &limit) || limit.Limit != "out_of_time" {
				t.Errorf("%s: %v", name, err)
			}

			inst = unlimited.hold(t, 1)[0]
			ctx, cancel := context.WithCancel(t.Context())
			at := make(chan time.Time, 1)
			time.AfterFunc(deadline/3, func() {
				at <- time.Now()
				cancel()
			})
			if err = kill(ctx, unlimited, inst); !errors.Is(err, context.Canceled) {
				t.Errorf("%s, cancelled: %v", name, err)
			}
			cancelled = append(cancelled, time.Since(<-at))
		}
		stop()
		fmt.Printf("%s: %d kills: after the deadline of %v p50 %v, p99 %v, most %v; after a cancellation p50 %v, p99 %v, most %v\n", name, kills, deadline,
			us(percentile(late, 50)), us(percentile(late, 99)), us(slices.Max(late)),
			us(percentile(cancelled, 50)), us(percentile(cancelled, 99)), us(slices.Max(cancelled)))
		if l, c := percentile(late, 99), percentile(cancelled, 99); l > most || c > most {
			t.Errorf("%s: p99 %v after the deadline, %v after a cancellation; at most %v", name, l, c, most)
		}
		wantRest(t, e)
	}
}

// pauses returns the 99th percentile and the largest of the pauses of the whole process
// while f runs, and the 99th percentile of how long a goroutine that could run did not.
func pauses(f func()) (p99, most, waits time.Duration) {
	samples := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}, {Name: "/sched/latencies:seconds"}}
	read := func() (hists [2]*metrics.Float64Histogram) {
		metrics.Read(samples)
		for i := range hists {
			h := samples[i].Value.Float64Histogram()
			hists[i] = &metrics.Float64Histogram{Counts: slices.Clone(h.Counts), Buckets: h.Buckets}
		}
		return hists
	}
	before := read()
	f()
	after := read()
	at := func(i int, part float64) time.Duration {
		total, seen := uint64(0), uint64(0)
		for k, n := range after[i].Counts {
			total += n - before[i].Counts[k]
		}
		for k, n := range after[i].Counts {
			if seen += n - before[i].Counts[k]; seen > 0 && float64(seen) >= part*float64(total) {
				bound := after[i].Buckets[k+1]
				if math.IsInf(bound, 1) {
					bound = after[i].Buckets[k]
				}
				return time.Duration(bound * float64(time.Second))
			}
		}
		return 0
	}
	return at(0, 0.99), at(0, 1), at(1, 0.99)
}

// TestProofPauses: guests that do not come back hardly hold up the collector, which has
// to stop them.
func TestProofPauses(t *testing.T) {
	if !proof() {
		return
	}
	const lasts, most = 5 * time.Second, 2 * time.Millisecond
	collect := func() {
		for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
			runtime.GC()
		}
	}
	for name, payload := range hostile() {
		e := newTestEngine(t, Config{})
		p, err := e.Compile(t.Context(), Module{Name: "pauses", Binary: guest(t, name), Limits: endless(siege)})
		if err != nil {
			t.Fatal(err)
		}
		idle, idleMost, idleWaits := pauses(collect)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range siege {
			wg.Go(func() {
				for ctx.Err() == nil {
					_, _ = p.HandleIn(ctx, event(payload)) // some come back after a while
				}
			})
		}
		p99, longest, waits := pauses(collect)
		cancel()
		wg.Wait()
		fmt.Printf("%s: pauses p99 %v, most %v, goroutines wait p99 %v; without guests %v, %v, %v\n", name, us(p99), us(longest), us(waits), us(idle), us(idleMost), us(idleWaits))
		if p99-idle > most {
			t.Errorf("%s: pauses are %v at p99, %v without guests; at most %v more", name, p99, idle, most)
		}
		wantRest(t, e)
	}
}
