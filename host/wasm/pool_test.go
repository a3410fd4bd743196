package wasm

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
)

// gate is a log in which guests wait: a guest that logs "gate" stays inside its
// callback until the gate is open. A guest must not stay for long, or its time is
// over; where an instance only has to be in use, tests take it out of the pool.
type gate struct {
	arrived chan struct{}
	pass    chan struct{}
}

func newGate() *gate { return &gate{arrived: make(chan struct{}, 1), pass: make(chan struct{})} }

func (g *gate) step() step { return step{opLog, 1, text("gate")} }

func (g *gate) Enabled(context.Context, slog.Level) bool { return true }
func (g *gate) WithAttrs([]slog.Attr) slog.Handler       { return g }
func (g *gate) WithGroup(string) slog.Handler            { return g }

func (g *gate) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "gate" {
		g.arrived <- struct{}{}
		<-g.pass
	}
	return nil
}

// hold takes n instances out of the pool, as calls do.
func (p *Plugin) hold(t *testing.T, n int) []*instance {
	t.Helper()
	var held []*instance
	for range n {
		inst, err := p.take(t.Context(), abi.PhaseHandleIn, true)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, inst)
	}
	return held
}

func TestPoolIsBounded(t *testing.T) {
	p := served(t, "echo", Limits{Instances: 3, Wait: time.Millisecond})
	held := p.hold(t, 3)
	for range 3 {
		if _, err := p.HandleIn(t.Context(), event("{}")); !isRefusal(err, phx.ReasonBusy) {
			t.Errorf("a fourth call at once: %v", err)
		}
	}
	if held[0] == held[1] || held[1] == held[2] || held[0] == held[2] {
		t.Error("one instance was handed out twice")
	}
	for _, inst := range held {
		p.put(inst)
	}
	wantPool(t, p, 3)
	if again := p.hold(t, 1); again[0] != held[2] {
		t.Error("not the warmest instance is used")
	} else {
		p.put(again[0])
	}
}

// TestMostAtOnce counts the callbacks that are inside at once, seen from within.
func TestMostAtOnce(t *testing.T) {
	counter := &counting{}
	p := compile(t, newTestEngine(t, Config{Logger: slog.New(counter)}), "served/puppet", Limits{Instances: 2, Wait: time.Minute, LogLines: 10_000})
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for range 20 {
				if _, err := p.HandleIn(context.Background(), scripted(t, abi.StatusOK, step{opLog, 1, text("x")})); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if most := counter.most.Load(); most < 1 || most > 2 {
		t.Errorf("%d callbacks ran at once, 2 are allowed", most)
	}
}

// counting is a log that counts how many guests write to it at once.
type counting struct{ inside, most atomic.Int32 }

func (c *counting) Enabled(context.Context, slog.Level) bool { return true }
func (c *counting) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *counting) WithGroup(string) slog.Handler            { return c }

func (c *counting) Handle(context.Context, slog.Record) error {
	n := c.inside.Add(1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
	runtime.Gosched()
	c.inside.Add(-1)
	return nil
}

func TestBusy(t *testing.T) {
	p := served(t, "echo", Limits{Instances: 1, Wait: 10 * time.Millisecond})
	held := p.hold(t, 1)
	_, err := p.HandleIn(t.Context(), event("{}"))
	var refusal *channel.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != phx.ReasonBusy || refusal.RetryAfter <= 0 {
		t.Errorf("while all instances serve: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.limits.Wait = time.Hour
	if _, err := p.HandleIn(ctx, event("{}")); !isRefusal(err, phx.ReasonUnavailable) {
		t.Errorf("while all instances serve, with a dead context: %v", err)
	}
	p.put(held[0])
	if _, err := p.HandleIn(t.Context(), event("{}")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	wantPool(t, p, 1)
}

// TestOrder: whoever waits longest is served first.
func TestOrder(t *testing.T) {
	var log channeltest.Log
	p := compile(t, newTestEngine(t, Config{Logger: log.Logger()}), "served/puppet", Limits{Instances: 1, Wait: time.Hour})
	held := p.hold(t, 1)
	var wg sync.WaitGroup
	want := ""
	for n, name := range []string{"first", "second", "third", "fourth", "fifth"} {
		wg.Go(func() {
			if _, err := p.HandleIn(context.Background(), scripted(t, abi.StatusOK, step{opLog, 1, text(name)})); err != nil {
				t.Error(err)
			}
		})
		channeltest.Eventually(t, "the caller waits", func() bool { return parkedIn("acquire") > n })
		want += "," + name
	}
	p.put(held[0])
	wg.Wait()
	got := ""
	for line := range strings.Lines(log.String()) {
		_, rest, _ := strings.Cut(line, "msg=")
		name, _, _ := strings.Cut(rest, " ")
		got += "," + name
	}
	if got != want {
		t.Errorf("they were served in the order %s", got)
	}
}

// parkedIn counts the goroutines that wait in a select in a method of Plugin.
func parkedIn(method string) int {
	buf := make([]byte, 1<<20)
	n := 0
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "[select") && strings.Contains(stack, ".(*Plugin)."+method+"(") {
			n++
		}
	}
	return n
}

// TestClosedInstanceIsNotKept: the engine closes an instance when its time is
// over, even if just then the callback has returned well.
func TestClosedInstanceIsNotKept(t *testing.T) {
	p := served(t, "echo", Limits{})
	inst := p.hold(t, 1)[0]
	if _, err := inst.call(t.Context(), abi.PhaseHandleIn, event("{}")); err != nil {
		t.Fatal(err)
	}
	if err := inst.module.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.put(inst)
	wantPool(t, p, 0)
	if _, err := p.HandleIn(t.Context(), event("{}")); err != nil {
		t.Error(err)
	}
}

func TestCloseWaitsForCalls(t *testing.T) {
	p := served(t, "echo", Limits{Instances: 2, Wait: time.Hour})
	held := p.hold(t, 2)
	waiting := make(chan error, 1)
	go func() {
		_, err := p.HandleIn(context.Background(), event("{}"))
		waiting <- err
	}()
	channeltest.Eventually(t, "a third call waits", func() bool { return parkedIn("acquire") == 1 })

	dead, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Close(dead); !errors.Is(err, context.Canceled) {
		t.Errorf("closing with a dead context while calls run: %v", err)
	}
	closed := make(chan error, 2)
	for range 2 {
		go func() { closed <- p.Close(context.Background()) }()
	}
	channeltest.Eventually(t, "both wait", func() bool { return parkedIn("Close") == 2 })

	for i, inst := range held { // what is running ends as if nothing had happened
		res, err := inst.call(context.Background(), abi.PhaseHandleIn, event("{}"))
		if err != nil || len(res.Do) != 1 {
			t.Errorf("call %d, which was running: %+v, %v", i, res, err)
		}
		select {
		case err := <-closed:
			t.Fatalf("the plugin was closed under running calls: %v", err)
		default:
		}
		p.put(inst)
	}
	if err := <-waiting; !isRefusal(err, phx.ReasonUnavailable) {
		t.Errorf("the call that waited: %v", err)
	}
	for range 2 {
		if err := <-closed; err != nil {
			t.Errorf("closing: %v", err)
		}
	}
	if _, err := p.HandleIn(context.Background(), event("{}")); !isRefusal(err, phx.ReasonUnavailable) {
		t.Errorf("after Close: %v", err)
	}
	if err := p.Close(context.Background()); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if !held[0].module.IsClosed() || !held[1].module.IsClosed() {
		t.Error("an instance lives on")
	}
	wantPool(t, p, 0)
	if open := p.engine.open(); len(open) != 0 {
		t.Error("the engine still knows the plugin")
	}
}

// TestCloseWithDeadContext: what is idle can be closed at any time.
func TestCloseWithDeadContext(t *testing.T) {
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	for range 20 { // a select between two that are ready would fail half of the time
		p := served(t, "echo", Limits{})
		inst := p.waiting()[0]
		if err := p.Close(dead); err != nil {
			t.Fatal(err)
		}
		if !inst.module.IsClosed() {
			t.Error("an idle instance lives on")
		}
	}
}

func TestCloseEngineUnderUse(t *testing.T) {
	e := newTestEngine(t, Config{})
	p := compile(t, e, "served/echo", Limits{Instances: 2})
	bin := guest(t, "served/echo")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				if _, err := p.HandleIn(context.Background(), event("{}")); err != nil {
					if !isRefusal(err, phx.ReasonUnavailable) {
						t.Errorf("a call: %v", err)
					}
					return
				}
			}
		})
	}
	var compiled atomic.Int32
	for range 2 {
		wg.Go(func() {
			for {
				_, err := e.Compile(context.Background(), Module{Name: "echo", Binary: bin})
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Errorf("compiling: %v", err)
					}
					return
				}
				compiled.Add(1)
			}
		})
	}
	channeltest.Eventually(t, "some plugins are compiled", func() bool { return compiled.Load() > 5 })
	if err := e.Close(context.Background()); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if open := e.open(); len(open) != 0 {
		t.Errorf("%d plugins are left", len(open))
	}
}

// TestFickleInstance: an instance that declares something else than the trial
// instance did is not used.
func TestFickleInstance(t *testing.T) {
	for _, name := range []string{"fickle", "fickle_callbacks"} {
		t.Run(name, func(t *testing.T) {
			var seconds atomic.Int64
			var log channeltest.Log
			e := newTestEngine(t, Config{
				Logger: log.Logger(),
				Now:    func() time.Time { return time.Unix(1000+seconds.Load(), 0) },
				clock:  func() time.Time { return time.Unix(1000+60*seconds.Load(), 0) }, // each start is an attempt
			})
			p := compile(t, e, "served/"+name, Limits{Instances: 2})
			if p.Traits().AcceptBinary {
				t.Fatal("the trial instance accepts binary")
			}
			if _, err := p.HandleIn(t.Context(), event("{}")); err == nil {
				t.Fatal("handle_in did not trap")
			}
			seconds.Store(1)
			for range 3 {
				if _, err := p.Join(t.Context(), event("{}")); !isRefusal(err, phx.ReasonUnavailable) {
					t.Errorf("an instance that declares something else: %v", err)
				}
				wantPool(t, p, 0)
			}
			if !strings.Contains(log.String(), "declares other callbacks, intercepts or binary than the trial instance did") {
				t.Errorf("the log does not say why:\n%s", log.String())
			}
			seconds.Store(2)
			if _, err := p.Join(t.Context(), event("{}")); err != nil {
				t.Errorf("an instance that declares the same: %v", err)
			}
			wantPool(t, p, 1)
		})
	}
}

// TestConcurrentCalls mixes calls that end well and badly. Each answer belongs to
// its call.
func TestConcurrentCalls(t *testing.T) {
	p := served(t, "puppet", Limits{Instances: 3, Wait: time.Minute})
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Go(func() {
			for n := range 50 {
				want := string(rune('a'+caller)) + string(rune('0'+n%10))
				status := abi.StatusOK
				if n%7 == 0 {
					status = 9
				}
				res, err := p.HandleIn(context.Background(), scripted(t, status, step{opReply, 0, text(want), 1}, step{opAssign, text(want)}))
				if status != abi.StatusOK {
					var broken *ContractError
					if !errors.As(err, &broken) || res.Do != nil {
						t.Errorf("an unknown status: %+v, %v", res, err)
					}
					continue
				}
				if err != nil || string(res.Reply.Payload.Data()) != want || string(res.Do[0].Assigns()) != want {
					t.Errorf("%s got %+v, %v", want, res, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(p.waiting()); n > 3 {
		t.Errorf("%d instances, 3 are allowed", n)
	}
	wantPool(t, p, len(p.waiting()))
}

// TestUndeclaredCallback: to call one is a bug of the host, and must not cost it
// an instance.
func TestUndeclaredCallback(t *testing.T) {
	p := served(t, "echo", Limits{Instances: 1, Wait: time.Millisecond})
	for range 3 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("there was no panic")
				}
			}()
			_, _ = p.HandleOut(t.Context(), event("{}"))
		}()
	}
	if _, err := p.HandleIn(t.Context(), event("{}")); err != nil {
		t.Error(err)
	}
	wantPool(t, p, 1)
}

// TestSameModuleTwice: two plugins of the same bytes share nothing.
func TestSameModuleTwice(t *testing.T) {
	e := newTestEngine(t, Config{})
	small := compile(t, e, "served/puppet", Limits{Memory: 4 * wasmPage})
	large := compile(t, e, "served/puppet", Limits{Memory: 5 * wasmPage})
	if a, b := small.peek(t, step{opGrow, 1}), large.peek(t, step{opGrow, 1}); a != 0xffffffff || b != 4 {
		t.Errorf("growing gave %d and %d: the limits are not apart", int32(a), int32(b))
	}
	if err := small.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	large.peek(t, step{opGrow, 0})
	if _, err := large.HandleIn(t.Context(), scripted(t, 9)); err == nil {
		t.Error("an unknown status is no error")
	}
	if got := large.peek(t, step{opGrow, 0}); got != 4 {
		t.Errorf("a new instance has %d pages", got)
	}
}

// TestWhoWaitsForAsLongAsItTakes guards that a busy pool costs no leave, which
// runs once for every join, no timer, no upgrade, and no subscriber its channel:
// these wait, while those who can be told that the plugin is busy are refused.
func TestWhoWaitsForAsLongAsItTakes(t *testing.T) {
	for _, phase := range []abi.Phase{abi.PhaseLeave, abi.PhaseHandleOut, abi.PhaseHandleInfo, abi.PhaseUpgrade} {
		t.Run(phase.String(), func(t *testing.T) {
			p := served(t, "echo", Limits{Instances: 1, Wait: time.Millisecond})
			inst, err := p.take(t.Context(), abi.PhaseHandleIn, true)
			if err != nil {
				t.Fatal(err)
			}
			got := make(chan error, 1)
			go func() {
				other, err := p.take(context.Background(), phase, impatient(phase))
				if err == nil {
					p.put(other)
				}
				got <- err
			}()
			for _, phase := range []abi.Phase{abi.PhaseJoin, abi.PhaseHandleIn, abi.PhaseConnect} {
				if _, err := p.take(t.Context(), phase, impatient(phase)); !isRefusal(err, phx.ReasonBusy) {
					t.Errorf("%s: %v, want busy", phase, err)
				}
			}
			select {
			case err := <-got:
				t.Fatalf("it did not wait: %v", err)
			default:
			}
			p.put(inst)
			if err := <-got; err != nil {
				t.Errorf("after the instance was free: %v", err)
			}
		})
	}
}

// TestRotation: where two instances take turns, what one has kept in its memory
// is missing at the next event.
func TestRotation(t *testing.T) {
	e := newTestEngine(t, Config{})
	rotating := func(rotate bool, instances int) *Plugin {
		p, err := e.Compile(t.Context(), Module{Name: "counter", Binary: guest(t, "served/counter"), Rotate: rotate, Limits: Limits{Instances: instances}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	counts := func(p *Plugin, n int) (got string) {
		for range n {
			got += p.answer(t, "count")
		}
		return got
	}
	if got := counts(rotating(false, 2), 4); got != "1234" {
		t.Errorf("without rotation the events counted %s", got)
	}
	p := rotating(true, 1) // which is too few, and raised
	if got := counts(p, 7); got != "1122334" {
		t.Errorf("with rotation the events counted %s", got)
	}
	wantPool(t, p, 2)
	ev := event("{}")
	ev.Event = "trap"
	if _, err := p.HandleIn(t.Context(), ev); err == nil {
		t.Error("it did not trap")
	}
	if got := counts(p, 4); got != "1526" { // the other one, which had counted four, and a new one
		t.Errorf("after a trap the events counted %s", got)
	}

	p = rotating(true, 3)
	held := p.hold(t, 3)
	for _, at := range []int{1, 0, 2} {
		p.put(held[at])
	}
	for _, at := range []int{1, 0, 2, 1, 0, 2} {
		inst := p.hold(t, 1)[0]
		if inst != held[at] {
			t.Errorf("not the instance that has waited longest")
		}
		p.put(inst)
	}
}
