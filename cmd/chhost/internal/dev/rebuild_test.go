package dev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play is a rebuilder on a played clock whose source and host are the test's.
type play struct {
	*rebuilder
	t       *testing.T
	changed chan string
	out     *bytes.Buffer
	begin   time.Time
	ended   chan struct{}

	// build makes the nth module, counted from 1.
	build func(ctx context.Context, n int) ([]byte, error)
	swap  func(ctx context.Context, module string) error
	keep  time.Duration // the source's patience

	mu     sync.Mutex
	builds []time.Duration // when they began
	swaps  []string        // the modules, in order
}

func (p *play) name() string                           { return "food" }
func (p *play) inputs(context.Context) (inputs, error) { return inputs{}, nil }
func (p *play) patience() time.Duration                { return p.keep }
func (p *play) begins(file string) string              { return file + " changed" }
func (p *play) module(c context.Context) ([]byte, error) {
	p.mu.Lock()
	p.builds = append(p.builds, time.Since(p.begin))
	n := len(p.builds)
	p.mu.Unlock()
	return p.build(c, n)
}

func (p *play) done() (builds []time.Duration, swaps []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.builds), slices.Clone(p.swaps)
}

// start begins a play in which every build takes a second and makes another
// module; it ends with the test.
func start(t *testing.T) *play {
	p := &play{t: t, changed: make(chan string, 1), out: &bytes.Buffer{}, begin: time.Now(), ended: make(chan struct{})}
	p.build = func(ctx context.Context, n int) ([]byte, error) {
		return fmt.Append(nil, "module ", n), sleep(ctx, time.Second)
	}
	p.swap = func(context.Context, string) error { return nil }
	p.rebuilder = &rebuilder{
		source: p, changes: p.changed, follow: func(inputs) error { return nil },
		journal: &journal{out: p.out, state: state{Version: "food@1"}},
		swap: func(ctx context.Context, module []byte) (host.Deployment, error) {
			if err := p.swap(ctx, string(module)); err != nil {
				return host.Deployment{}, err
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.swaps = append(p.swaps, string(module))
			n := len(p.swaps)
			return host.Deployment{Version: fmt.Sprint("food@", n+1), Previous: fmt.Sprint("food@", n), Moved: n}, nil
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		p.run(ctx)
		close(p.ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-p.ended
	})
	return p
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// change reports a change of main.go, as the watch does, and lets some time pass.
func (p *play) change(then time.Duration) { p.changeOf("main.go", then) }

func (p *play) changeOf(name string, then time.Duration) {
	select {
	case p.changed <- name:
	default:
	}
	time.Sleep(then)
	synctest.Wait()
}

// check expects when builds began, which modules were swapped in, and what was
// written, in this order.
func (p *play) check(builds []time.Duration, swaps []string, said ...string) {
	p.t.Helper()
	began, done := p.done()
	if !slices.Equal(began, builds) {
		p.t.Errorf("builds began after %v, want %v", began, builds)
	}
	if !slices.Equal(done, swaps) {
		p.t.Errorf("swapped in: %q, want %q", done, swaps)
	}
	if want := strings.Join(said, "\n") + "\n"; p.out.String() != want {
		p.t.Errorf("written:\n%s\nwant:\n%s", p.out, want)
	}
}

const ms = time.Millisecond

// TestBurst: a save is several writes; one build begins when all is quiet, and
// the first file is named.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t)
		for _, name := range []string{"main.go", "b.go", "c.go", "d.go", "e.go"} {
			p.changeOf(name, 99*ms)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		p.check([]time.Duration{496 * ms}, []string{"module 1"},
			"main.go changed", "food@2 is serving: 1 channel moved, 0 stayed on food@1 (1.0 s)")
	})
}

// TestUnendingBurst: something that is written all the time does not put the
// build off for ever, and does not end every build.
func TestUnendingBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t)
		for range 120 {
			p.change(50 * ms)
		}
		// Each is given up at the next change, but the fourth.
		if builds, swaps := p.done(); builds[0] != unquiet || !slices.Equal(swaps, []string{"module 4"}) {
			t.Errorf("builds began after %v, and %q were swapped in: want the first after %v, and module 4", builds, swaps, unquiet)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		builds, swaps := p.done()
		if last := fmt.Sprint("module ", len(builds)); swaps[len(swaps)-1] != last {
			t.Errorf("swapped in: %q, want %s at the end, the last build's", swaps, last)
		}
	})
}

// TestChangeDuringBuild: the build is stale, so it is given up, and one more is
// made however many changes arrived.
func TestChangeDuringBuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t)
		p.change(600 * ms)
		p.change(30 * ms)
		p.change(30 * ms)
		time.Sleep(time.Minute)
		synctest.Wait()
		p.check([]time.Duration{100 * ms, 730 * ms}, []string{"module 2"},
			"main.go changed", "main.go changed", "food@2 is serving: 1 channel moved, 0 stayed on food@1 (1.0 s)")
	})
}

// TestChangeDuringSwap: a swap that has begun is not given up, and the next
// waits for it.
func TestChangeDuringSwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t)
		p.swap = func(ctx context.Context, _ string) error { return sleep(ctx, 2*time.Second) }
		p.change(2 * time.Second)
		p.change(time.Minute)
		p.check([]time.Duration{100 * ms, 3100 * ms}, []string{"module 1", "module 2"},
			"main.go changed", "food@2 is serving: 1 channel moved, 0 stayed on food@1 (3.0 s)",
			"main.go changed", "food@3 is serving: 2 channels moved, 0 stayed on food@2 (3.0 s)")
		p.out.Reset()

		// One that failed meanwhile is no news: what it failed with is mended, perhaps.
		p.swap = func(ctx context.Context, module string) error {
			if module == "module 3" {
				return errors.Join(sleep(ctx, 2*time.Second), errors.New("refused"))
			}
			return nil
		}
		p.change(2 * time.Second)
		p.change(time.Minute)
		if said := p.out.String(); strings.Contains(said, "refused") || !strings.Contains(said, "food@4 is serving") {
			t.Errorf("written after a swap that failed while its source was changed:\n%s", said)
		}
	})
}

// TestErrorsLeaveTheOldServing: of the build and of the swap; and the same
// module is not swapped for itself.
func TestErrorsLeaveTheOldServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t)
		p.build = func(_ context.Context, n int) ([]byte, error) {
			switch n {
			case 1:
				return nil, errors.New("./main.go:3:1: syntax error\n")
			case 2:
				return []byte("refused"), nil
			default:
				return []byte("good"), nil
			}
		}
		p.swap = func(_ context.Context, module string) error {
			if module == "refused" {
				return errors.New("plugin food cannot be served: no memory")
			}
			return nil
		}
		for range 4 {
			p.change(time.Second)
		}
		p.check([]time.Duration{100 * ms, 1100 * ms, 2100 * ms, 3100 * ms}, []string{"good"},
			"main.go changed", "./main.go:3:1: syntax error", "food@1 keeps serving",
			"main.go changed", "plugin food cannot be served: no memory", "food@1 keeps serving",
			"main.go changed", "food@2 is serving: 1 channel moved, 0 stayed on food@1 (0.0 s)",
			"main.go changed", "food@2 keeps serving: the module is the same (0.0 s)")
	})
}

// TestEndWaitsForTheBuild: nothing is left running.
func TestEndWaitsForTheBuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t)
		p.build = func(ctx context.Context, _ int) ([]byte, error) {
			<-ctx.Done()
			time.Sleep(time.Second) // a compiler that takes its time to die
			select {
			case <-p.ended:
				t.Error("run returned before the build did")
			default:
			}
			return nil, ctx.Err()
		}
		p.change(time.Second)
	})
}

// TestHalfWrittenFile: what is wrong with a file that is still being written is
// nobody's concern; only what stays is told, and that it is not complete once.
func TestHalfWrittenFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t)
		p.keep = 500 * ms
		var content atomic.Value
		p.build = func(context.Context, int) ([]byte, error) {
			file := content.Load().(string)
			switch {
			case file == "":
				return nil, fs.ErrNotExist
			case strings.HasPrefix(file, "half"):
				return []byte(file), errIncomplete
			}
			return []byte(file), nil
		}
		p.swap = func(_ context.Context, module string) error {
			if module == "refused" {
				return errors.New("refused")
			}
			return nil
		}
		write := func(file string, then time.Duration) {
			content.Store(file)
			p.change(then)
		}
		write("", 300*ms) // removed, then written in pieces
		write("half", 300*ms)
		write("half of it", 300*ms)
		write("good", time.Second)

		write("half", time.Second) // a slow one
		write("half of it", time.Second)
		write("refused", time.Second)
		write("refused", time.Second)
		p.out.WriteString("--\n")
		write("half", 300*ms)
		content.Store("better") // mapped into memory: there is no event
		time.Sleep(time.Second)
		synctest.Wait()

		const told = "this is not a complete WebAssembly module\nfood@2 keeps serving"
		quiet := strings.ReplaceAll(p.out.String(), "main.go changed\n", "")
		want := "food@2 is serving: 1 channel moved, 0 stayed on food@1 (0.0 s)\n" + told + "\n" +
			"refused\nfood@2 keeps serving\nrefused\nfood@2 keeps serving\n--\n" +
			"food@3 is serving: 2 channels moved, 0 stayed on food@2 (0.5 s)\n"
		if quiet != want {
			t.Errorf("written:\n%s\nwant:\n%s", quiet, want)
		}
	})
}
