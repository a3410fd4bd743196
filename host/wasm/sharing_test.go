package wasm

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/wasm/sched"
)

// spinner makes a plugin of the guest that computes as long as it is told.
func spinner(t testing.TB, e *Engine, tenant string, limits Limits) *Plugin {
	t.Helper()
	if limits.callbackTime == 0 {
		limits.callbackTime = time.Hour
	}
	p, err := e.Compile(context.Background(), Module{Name: "spins", Tenant: tenant, Binary: guest(t, "served/spins"), Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	// short, long and forever are payloads for which the guest needs less than a slice,
	// eight slices, and more than there is time.
	short   = `{"thousands":15}`
	long    = `{"thousands":131}`
	forever = `{"thousands":99999999999}`
)

// loop lets a plugin's guests loop, one on each of its instances, until stop is called,
// which checks that each was ended by that.
func loop(t testing.TB, p *Plugin, guests int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range guests {
		wg.Go(func() {
			if _, err := p.HandleIn(ctx, event(forever)); !errors.Is(err, context.Canceled) {
				t.Errorf("a guest that loops ended with %v", err)
			}
		})
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// endless are limits of a guest that may loop.
func endless(instances int) Limits {
	return Limits{Instances: instances, Fuel: 1 << 60, Wait: time.Hour}
}

// While the guests of one tenant loop on all of its instances, another one's callbacks
// end, and one that goes on is given as much as those together: in fuel, whatever the
// machine does.
func TestNeighbourGoesOn(t *testing.T) {
	e := newTestEngine(t, Config{GuestSlots: 1})
	hostile := spinner(t, e, "hostile", endless(4))
	p := spinner(t, e, "neighbour", endless(4))
	stop := loop(t, hostile, 4)
	defer stop()
	channeltest.Eventually(t, "the loops wait for each other", func() bool { return e.sched.Waiting() == 3 })
	for n := range 300 {
		payload := `{"thousands":0}`
		if n%100 == 0 {
			payload = long
		}
		if _, err := p.HandleIn(t.Context(), event(payload)); err != nil {
			t.Fatal(err)
		}
	}

	end := loop(t, p, 1)
	defer end()
	channeltest.Eventually(t, "the neighbour waits too", func() bool { return e.sched.Waiting() == 4 })
	used := func() (own, others int64) { // at one moment
		for {
			own, others = p.tenant.Used(), hostile.tenant.Used()
			if own == p.tenant.Used() {
				return own, others
			}
		}
	}
	ownBefore, othersBefore := used()
	for range 10 {
		channeltest.Eventually(t, "the neighbour goes on", func() bool { return p.tenant.Used() > ownBefore+100*slice })
		own, others := used()
		if more := (others - othersBefore) - (own - ownBefore); more > 4*slice || more < -4*slice {
			t.Errorf("while the neighbour used %d slices, the others used %d", (own-ownBefore)/slice, (others-othersBefore)/slice)
		}
		ownBefore, othersBefore = own, others
	}
	end()
	stop()
	wantRest(t, e)
}

// wantRest checks that no guest holds or waits for anything.
func wantRest(t *testing.T, e *Engine) {
	t.Helper()
	if n, waiting := e.sched.Taken(), e.sched.Waiting(); n != 0 || waiting != 0 {
		t.Errorf("%d slots of guests are taken and %d wait, after all calls", n, waiting)
	}
}

// occupy takes the one slot for guests of an engine, until it is called again.
func occupy(t *testing.T, e *Engine) (leave func()) {
	t.Helper()
	other := e.tenant("other")
	g := other.Guest()
	_, err := g.Begin(context.Background(), 0)
	if err == nil {
		_, err = g.Slice(context.Background(), slice, 0)
	}
	if err != nil || e.sched.Taken() != 1 {
		t.Fatalf("%d slots are taken: %v", e.sched.Taken(), err)
	}
	return func() {
		g.End(0)
		other.Release()
	}
}

// A client is told that the host is busy where no processor is free in time, before its
// callback has begun or later; what nobody could be told about waits. Only a guest
// that was at work is lost.
func TestBusyProcessors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newTestEngine(t, Config{GuestSlots: 1})
		p := spinner(t, e, "default", Limits{Instances: 8, Wait: time.Second})
		leave := occupy(t, e)
		refused := func(after time.Duration, idle int) {
			t.Helper()
			begin := time.Now()
			_, err := p.HandleIn(t.Context(), event(long))
			var refusal *channel.Refusal
			if !errors.As(err, &refusal) || refusal.Reason != phx.ReasonBusy || refusal.RetryAfter != time.Second || time.Since(begin) != after {
				t.Errorf("after %v: %v", time.Since(begin), err)
			}
			wantPool(t, p, idle)
		}
		refused(5*time.Second, 0)
		if _, err := p.HandleIn(t.Context(), event(`{}`)); err != nil {
			t.Errorf("a short callback: %v", err)
		}
		var busy []*sched.Guest // as many callbacks of the tenant as there may be without a slot
		for range 2 {
			g := p.tenant.Guest()
			if _, err := g.Begin(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			busy = append(busy, g)
		}
		refused(time.Second, 1)
		for _, g := range busy {
			g.End(0)
		}

		for _, inst := range p.hold(t, 3) { // so that none has to be started
			p.put(inst)
		}
		waits := map[string]func(context.Context, *channel.Event) (channel.Result, error){"leave": p.Leave, "handle_out": p.HandleOut}
		var wg sync.WaitGroup
		for name, call := range waits {
			wg.Go(func() {
				ev := event(long)
				ev.Assigns = []byte(long)
				if _, err := call(context.Background(), ev); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		synctest.Wait() // both have begun; the third waits from the start, and costs no instance
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			if _, err := p.HandleOut(ctx, event(long)); !errors.Is(err, context.Canceled) {
				t.Errorf("a callback that was ended by the host: %v", err)
			}
		})
		time.Sleep(time.Hour)
		if n := e.sched.Waiting(); n != 3 {
			t.Errorf("%d wait", n)
		}
		cancel()
		synctest.Wait()
		if n := e.sched.Waiting(); n != 2 {
			t.Errorf("%d wait after one was ended", n)
		}
		leave()
		wg.Wait()
		wantRest(t, e)
		wantPool(t, p, 3)
	})
}

// The time for which a guest waits for a processor is not its own; the time for which
// it runs is.
func TestOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newTestEngine(t, Config{GuestSlots: 1})
		p := spinner(t, e, "default", Limits{Wait: time.Hour, callbackTime: time.Second})
		leave := occupy(t, e)
		got := make(chan error, 1)
		go func() {
			_, err := p.HandleIn(context.Background(), event(long))
			got <- err
		}()
		time.Sleep(time.Minute)
		leave()
		if err := <-got; err != nil {
			t.Errorf("a callback that had to wait: %v", err)
		}
	})
	e := newTestEngine(t, Config{})
	limits := endless(1)
	limits.callbackTime = time.Millisecond
	var limit *LimitError
	p := spinner(t, e, "default", limits)
	if _, err := p.HandleIn(t.Context(), event(forever)); !errors.As(err, &limit) || limit.Limit != "out_of_time" {
		t.Errorf("a callback that loops: %v", err)
	}
	wantRest(t, e)
}

// A tenant that has used more than it may is refused, and told when to come back. What
// nobody could be told about waits for as long, but for leaves, which a shutdown waits
// for.
func TestTenantCPUExhausted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log channeltest.Log
		e := newTestEngine(t, Config{Logger: log.Logger(), Share: func(tenant string) Share {
			if tenant == "poor" {
				return Share{FuelPerSecond: 1000, Burst: 100_000}
			}
			return Share{}
		}})
		p, rich := spinner(t, e, "poor", Limits{}), spinner(t, e, "rich", Limits{})
		if _, err := p.HandleIn(t.Context(), event(short)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			_, err := p.HandleIn(t.Context(), event(`{}`))
			var refusal *channel.Refusal
			if !errors.As(err, &refusal) || refusal.Reason != phx.ReasonTenantCPUExhausted || refusal.RetryAfter < time.Second || refusal.RetryAfter > time.Minute {
				t.Fatalf("after too much: %v", err)
			}
			wantPool(t, p, 1)
		}
		if got := strings.Count(log.String(), "limit=tenant_cpu_exhausted tenant=poor plugin=spins@1"); got != 1 {
			t.Errorf("it was logged %d times:\n%s", got, log.String())
		}
		if _, err := rich.HandleIn(t.Context(), event(short)); err != nil {
			t.Errorf("another tenant: %v", err)
		}
		begin := time.Now()
		if _, err := p.Leave(t.Context(), event(`{}`)); err != nil || time.Since(begin) != 0 {
			t.Errorf("a leave waited for %v: %v", time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.HandleOut(ctx, event(`{}`)); !isRefusal(err, phx.ReasonUnavailable) {
			t.Errorf("a broadcast whose wait was ended by the host: %v", err)
		}
		if _, err := p.HandleOut(t.Context(), event(`{}`)); err != nil || time.Since(begin) < 2*time.Second {
			t.Errorf("a broadcast waited for %v: %v", time.Since(begin), err)
		}
		if _, err := p.HandleIn(t.Context(), event(`{}`)); !isRefusal(err, phx.ReasonTenantCPUExhausted) {
			t.Errorf("what the broadcast used is not paid yet: %v", err)
		}
	})
}

// Each unit of fuel is paid for, whether a callback ends well or not.
func TestTenantPays(t *testing.T) {
	e := newTestEngine(t, Config{})
	p := spinner(t, e, "default", Limits{Fuel: 20 * slice})
	used := func(payload string, failed bool) int64 {
		t.Helper()
		before := p.tenant.Used()
		if _, err := p.HandleIn(t.Context(), event(payload)); (err != nil) != failed {
			t.Errorf("%s: %v", payload, err)
		}
		return p.tenant.Used() - before
	}
	one, two := used(`{"thousands":100}`, false), used(`{"thousands":200}`, false)
	if each := two - one; each != 800_000 {
		t.Errorf("a hundred thousand rounds more cost %d", each)
	}
	if again := used(`{"thousands":200}`, false); again != two {
		t.Errorf("the same cost %d, and then %d", two, again)
	}
	if all := used(forever, true); all < 20*slice || all > 20*slice+1000 {
		t.Errorf("a callback that loops cost %d of %d", all, 20*slice)
	}
	wantRest(t, e)
}

// A tenant is there as long as one of its plugins, also if one never came to be.
func TestTenantIsReleased(t *testing.T) {
	e := newTestEngine(t, Config{})
	first, second := spinner(t, e, "a", Limits{}), spinner(t, e, "a", Limits{})
	if first.tenant != second.tenant {
		t.Error("the plugins of one tenant have two")
	}
	if _, err := e.Compile(t.Context(), Module{Name: "bad", Tenant: "a", Binary: guest(t, "refused/init_stops")}); err == nil {
		t.Error("a module that fails is served")
	}
	for _, p := range []*Plugin{first, second} {
		again := e.tenant("a")
		if again != first.tenant {
			t.Error("the tenant is gone although a plugin is there")
		}
		again.Release()
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if again := e.tenant("a"); again == first.tenant {
		t.Error("the tenant is kept without a plugin")
	}
}
