// Package torture uploads hostile modules to a host, one after the other, and
// tells whether the host did with each what it has to.
package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/wasm"
)

// Defaults of Options.
const (
	DefaultModules = 1000
	DefaultRounds  = 3
)

// patience is how long an answer may take before it counts as missing. It is long,
// since a verdict must not depend on how busy the machine is.
const patience = time.Minute

// logAgain is how often a module is tried again whose failure was not logged.
const logAgain = 3

// Options say how much is done; the zero values are the defaults.
type Options struct {
	// Modules is how many modules a round has: each kind, each truncation, and
	// mutations up to this number. Default 1000.
	Modules int
	// Rounds is how often all of them are uploaded. Default 3.
	Rounds int
	// Seed makes the mutations; the same ones for the same seed.
	Seed uint64
}

// Report is what happened. Times are in nanoseconds, sizes in bytes.
type Report struct {
	Kinds      int            `json:"kinds"`
	Modules    int            `json:"modules"`
	Verdicts   map[string]int `json:"verdicts"`
	Wrong      []string       `json:"wrong"`
	Slowest    time.Duration  `json:"slowest_ns"`
	SlowestIs  string         `json:"slowest"`
	InUse      []uint64       `json:"heap_and_stacks_in_use"`
	Goroutines []int          `json:"goroutines"`
}

// lines keeps what the host logs, until it is taken.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

type rack struct {
	host    *host.Host
	log     lines
	current *host.Plugin
	report  Report
}

// Run does it all in this process: a module that ends the process ends the caller.
// The error is one of starting or stopping the host; wrong verdicts are in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Modules <= 0 {
		o.Modules = DefaultModules
	}
	if o.Rounds <= 0 {
		o.Rounds = DefaultRounds
	}
	honest := (&guest{imports: reply, push: join(call(0, 0, 0, 0), i32(0))}).bytes()
	r := &rack{current: &host.Plugin{Name: "hostile", Module: (&guest{}).bytes()}}
	r.report.Verdicts = map[string]int{}
	h, err := host.New(host.Config{
		Routes: []host.Route{
			{Pattern: "neighbour", Plugin: &host.Plugin{Name: "neighbour", Module: honest}},
			{Pattern: "hostile", Plugin: r.current},
		},
		Logger: slog.New(slog.NewTextHandler(&r.log, nil)),
	})
	if err != nil {
		return r.report, err
	}
	r.host = h
	modules := corpus(o)
	r.report.Kinds, r.report.Modules = len(Kinds()), len(modules)
	// What is made once for all rounds is made now: the first one is compared with the
	// last.
	warm := r.round(ctx, Kinds())
	clear(r.report.Verdicts)
	if warm != nil {
		return r.report, errors.Join(warm, h.Shutdown(context.WithoutCancel(ctx)))
	}
	for range o.Rounds {
		if err := r.round(ctx, modules); err != nil {
			return r.report, errors.Join(err, h.Shutdown(context.WithoutCancel(ctx)))
		}
		r.measure()
	}
	return r.report, h.Shutdown(ctx)
}

// round uploads all modules. The error is ctx's.
func (r *rack) round(ctx context.Context, modules []Kind) error {
	for _, k := range modules {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.try(ctx, k)
	}
	return nil
}

// corpus is each kind, each truncation, and mutations of all that, whose verdicts
// nobody declares.
func corpus(o Options) []Kind {
	all := append(Kinds(), truncated()...)
	declared := len(all)
	random := rand.New(rand.NewPCG(o.Seed, 6))
	for n := 0; len(all) < o.Modules; n++ {
		from := all[random.IntN(declared)]
		b := bytes.Clone(from.Module())
		for range 1 + random.IntN(4) {
			if len(b) > 8 {
				b[8+random.IntN(len(b)-8)] = byte(random.Uint32())
			}
		}
		all = append(all, Kind{fmt.Sprintf("mutation_%d_of_%s", n, from.Name), "", "", func() []byte { return b }})
	}
	return all
}

func (r *rack) wrong(format string, args ...any) {
	r.report.Wrong = append(r.report.Wrong, fmt.Sprintf(format, args...))
}

// try uploads a module, joins and pushes once, and then asks the neighbour.
func (r *rack) try(ctx context.Context, k Kind) {
	r.log.take()
	begin := time.Now()
	verdict, text := r.verdict(ctx, k)
	for range logAgain {
		if verdict == IsServed || verdict == Refused || text != "" || k.Text == "" {
			break
		}
		// The host logs few lines of a kind in a second, and this one was too many.
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		begin = time.Now()
		verdict, text = r.verdict(ctx, k)
	}
	if took := time.Since(begin); took > r.report.Slowest {
		r.report.Slowest, r.report.SlowestIs = took, k.Name
	}
	r.report.Verdicts[verdict]++
	if k.Verdict != "" && (verdict != k.Verdict || !strings.Contains(text, k.Text)) {
		r.wrong("%s: %s, want %s with %q: %.300s", k.Name, verdict, k.Verdict, k.Text, text)
	}
	switch verdict {
	case Refused, InJoin, InPush, IsServed:
	default:
		r.wrong("%s: %s: %.300s", k.Name, verdict, text)
	}
	if got, answered := r.talk(ctx, "neighbour"); got != IsServed || !answered {
		r.wrong("%s: the neighbour afterwards: %s, answered: %v", k.Name, got, answered)
	}
}

func (r *rack) verdict(ctx context.Context, k Kind) (verdict, text string) {
	next := &host.Plugin{Module: k.Module()}
	if _, err := r.host.Deploy(ctx, r.current, next); err != nil {
		var refused *wasm.ModuleError
		if !errors.As(err, &refused) {
			return fmt.Sprintf("%T", err), err.Error()
		}
		return Refused, err.Error()
	}
	r.current = next
	verdict, _ = r.talk(ctx, "hostile")
	r.rest() // the line follows the answer
	return verdict, r.log.take()
}

// talk joins on a socket of its own and pushes. A push is served without an answer,
// too, if the plugin gives none.
func (r *rack) talk(ctx context.Context, topic string) (verdict string, answered bool) {
	frames := make(chan string, 1024)
	client, err := r.host.Local(func(f phx.Frame) {
		select {
		case frames <- string(f.Data):
		default: // more than anybody reads; the answer is among the first
		}
	})
	if err != nil {
		return err.Error(), false
	}
	defer client.Close()
	ask := func(ref, event string) string {
		if err := client.HandleFrame(ctx, phx.Frame{Data: fmt.Appendf(nil, `["1",%q,%q,%q,{}]`, ref, topic, event)}); err != nil {
			return err.Error()
		}
		return r.answer(ctx, frames, ref)
	}
	if got := ask("1", phx.EventJoin); got != "ok" {
		return InJoin, false
	}
	switch got := ask("2", "say"); got {
	case "ok", "none":
		return IsServed, got == "ok"
	case "error":
		return InPush, false
	default:
		return got, false
	}
}

// answer waits for the reply to ref, the end of the channel, or a host at rest that
// has sent neither.
func (r *rack) answer(ctx context.Context, frames <-chan string, ref string) string {
	late := time.NewTimer(patience)
	defer late.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		rests := !r.host.Busy() && len(frames) == 0
		select {
		case <-look.C:
			if rests && len(frames) == 0 {
				return "none"
			}
		case f := <-frames:
			var m [5]json.RawMessage
			var p struct{ Status string }
			if json.Unmarshal([]byte(f), &m) != nil {
				return "no message: " + f
			}
			switch string(m[3]) {
			case `"phx_error"`:
				return "error"
			case `"phx_reply"`:
				if string(m[1]) == fmt.Sprintf("%q", ref) && json.Unmarshal(m[4], &p) == nil {
					return p.Status
				}
			}
		case <-late.C:
			return "no answer"
		case <-ctx.Done():
			return ctx.Err().Error()
		}
	}
}

// rest waits until the host has nothing to do.
func (r *rack) rest() {
	for end := time.Now().Add(patience); r.host.Busy() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// measure notes what is in use when all is at rest: what is alive of the heap, not
// what its pages have room for, and no goroutines that the host keeps for its next work.
func (r *rack) measure() {
	r.rest()
	runtime.GC()
	runtime.GC() // what finalizers and pools have let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.report.InUse = append(r.report.InUse, m.HeapAlloc+m.StackInuse)
	r.report.Goroutines = append(r.report.Goroutines, goroutines())
}

// goroutines counts all but those of the crews.
func goroutines() int {
	stacks := make([]byte, 1<<20)
	n := 0
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if !strings.Contains(stack, "host/internal/crew.") {
			n++
		}
	}
	return n
}
