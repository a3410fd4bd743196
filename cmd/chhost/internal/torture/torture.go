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
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

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

// compileTime is the processor time that a child may take: less than a host gives it
// otherwise, since there are modules that take all.
const compileTime = 2 * time.Second

// askAgain is when the neighbour is asked again.
const askAgain = 5 * time.Millisecond

// mostMutated is the size of the largest mutation in bytes: all are kept.
const mostMutated = 1 << 18

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
	// Compiler lets the host compile in child processes, as it is to be used. Without
	// one, the modules that keep a compiler busy for long are left out.
	Compiler *host.Compiler
}

// Report is what happened. Times are in nanoseconds, sizes in bytes.
type Report struct {
	Kinds    int            `json:"kinds"`
	Modules  int            `json:"modules"`
	Verdicts map[string]int `json:"verdicts"`
	// Table has a row for each kind, and one for all mutations.
	Table      []Row         `json:"table"`
	Wrong      []string      `json:"wrong"`
	Slowest    time.Duration `json:"slowest_ns"`
	SlowestIs  string        `json:"slowest"`
	InUse      []uint64      `json:"heap_and_stacks_in_use"`
	Goroutines []int         `json:"goroutines"`
	// Neighbour is how often the other plugin was asked while modules ran, and
	// NeighbourSlowest how long it took to answer at most.
	Neighbour        int           `json:"neighbour"`
	NeighbourSlowest time.Duration `json:"neighbour_slowest_ns"`
}

// Row is what became of a kind.
type Row struct {
	Kind    string        `json:"kind"`
	Times   int           `json:"times"`
	Verdict string        `json:"verdict"`
	Slowest time.Duration `json:"slowest_ns"`
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
	mu      sync.Mutex // of what is in the report on both sides: Wrong and Neighbour
	current *host.Plugin
	report  Report
	rows    map[string]*Row
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
	kinds, err := Kinds()
	if err != nil {
		return Report{}, err
	}
	if o.Compiler != nil {
		kinds = append(kinds, bombs()...)
	}
	r := &rack{current: &host.Plugin{Name: "hostile", Module: (&guest{}).bytes()}, rows: make(map[string]*Row)}
	r.report.Verdicts = map[string]int{}
	h, err := host.New(host.Config{
		Routes: []host.Route{
			{Pattern: "neighbour", Plugin: &host.Plugin{Name: "neighbour", Module: honest}},
			{Pattern: "hostile", Plugin: r.current},
		},
		Logger:    slog.New(slog.NewTextHandler(&r.log, nil)),
		Compiler:  o.Compiler,
		Compiling: host.CompileLimits{CPU: compileTime},
	})
	if err != nil {
		return r.report, err
	}
	r.host = h
	modules := corpus(kinds, o)
	r.report.Kinds, r.report.Modules = len(kinds), len(modules)
	stop := r.ask(ctx)
	defer stop()
	// What is made once for all rounds is made now: the first one is compared with the
	// last.
	warm := r.round(ctx, kinds)
	clear(r.report.Verdicts)
	clear(r.rows)
	if warm != nil {
		return r.report, errors.Join(warm, h.Shutdown(context.WithoutCancel(ctx)))
	}
	for range o.Rounds {
		if err := r.round(ctx, modules); err != nil {
			return r.report, errors.Join(err, h.Shutdown(context.WithoutCancel(ctx)))
		}
		r.measure()
	}
	stop()
	for _, name := range slices.Sorted(maps.Keys(r.rows)) {
		r.report.Table = append(r.report.Table, *r.rows[name])
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

// ask asks the neighbour again and again until stop is called, which waits for the last
// answer.
func (r *rack) ask(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		for ctx.Err() == nil {
			begin := time.Now()
			got, answered := r.talk(ctx, "neighbour", false)
			took := time.Since(begin)
			r.mu.Lock()
			switch {
			case ctx.Err() != nil:
			case got != IsServed || !answered:
				r.report.Wrong = append(r.report.Wrong, fmt.Sprintf("the neighbour: %s, answered: %v", got, answered))
			default:
				r.report.Neighbour++
				r.report.NeighbourSlowest = max(r.report.NeighbourSlowest, took)
			}
			r.mu.Unlock()
			time.Sleep(askAgain)
		}
	})
	return sync.OnceFunc(func() {
		cancel()
		asking.Wait()
	})
}

// corpus is each kind, each truncation, and mutations of all that, whose verdicts
// nobody declares: other bytes, bytes that are missing, and the beginning of one module
// with the end of another one.
func corpus(kinds []Kind, o Options) []Kind {
	all := slices.Concat(kinds, truncated())
	declared := len(all)
	random := rand.New(rand.NewPCG(o.Seed, 6))
	for n := 0; len(all) < o.Modules; n++ {
		from, other := all[random.IntN(declared)], all[random.IntN(declared)]
		b := mutated(random, from.Module(), other.Module())
		if len(b) > mostMutated {
			continue
		}
		all = append(all, Kind{Name: fmt.Sprintf("mutation_%d_of_%s", n, from.Name), module: func() []byte { return b }})
	}
	return all
}

// mutated is a module with a few faults, or the beginning of it with the end of another.
func mutated(random *rand.Rand, from, other []byte) []byte {
	b := bytes.Clone(from)
	if len(b) <= len(header) {
		return b
	}
	at := func() int { return len(header) + random.IntN(len(b)-len(header)) }
	switch random.IntN(4) {
	case 0: // behind the first sections of one, those of another
		return append(b[:at()], other[random.IntN(len(other)+1):]...)
	case 1: // something is missing, or there twice
		i, j := at(), at()
		return append(b[:i:i], b[j:]...)
	}
	for range 1 + random.IntN(4) {
		b[at()] = byte(random.Uint32())
	}
	return b
}

func (r *rack) wrong(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Wrong = append(r.report.Wrong, fmt.Sprintf(format, args...))
}

// says tells whether all the words of the reason are there.
func (k Kind) says(text string) bool {
	for _, words := range k.Words {
		if !strings.Contains(text, words) {
			return false
		}
	}
	return true
}

// note counts a verdict.
func (r *rack) note(k Kind, verdict string, took time.Duration) {
	if took > r.report.Slowest {
		r.report.Slowest, r.report.SlowestIs = took, k.Name
	}
	r.report.Verdicts[verdict]++
	name := k.Name
	if k.Verdict == "" {
		name, verdict = "(mutations)", "any"
	} else if strings.HasPrefix(name, "truncated_") {
		name = "(truncations)"
	}
	row := r.rows[name]
	if row == nil {
		row = &Row{Kind: name, Verdict: verdict}
		r.rows[name] = row
	}
	row.Times++
	row.Slowest = max(row.Slowest, took)
}

// try uploads a module, joins and pushes once, and then asks the neighbour.
func (r *rack) try(ctx context.Context, k Kind) {
	r.log.take()
	begin := time.Now()
	verdict, text := r.verdict(ctx, k)
	for range logAgain {
		if verdict == Refused || k.says(text) {
			break
		}
		// The host logs few lines of a kind in a second, and this one was too many.
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		begin = time.Now()
		verdict, text = r.verdict(ctx, k)
	}
	r.note(k, verdict, time.Since(begin))
	if k.Verdict != "" && (verdict != k.Verdict || !k.says(text)) {
		r.wrong("%s: %s, want %s with %q: %.300s", k.Name, verdict, k.Verdict, k.Words, text)
	}
	switch verdict {
	case Refused, InJoin, InPush, Later, IsServed:
	default:
		r.wrong("%s: %s: %.300s", k.Name, verdict, text)
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c != '\n' && unicode.IsControl(c) }) {
		r.wrong("%s: control characters come through: %q", k.Name, text)
	}
	if got, answered := r.talk(ctx, "neighbour", false); got != IsServed || !answered {
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
	verdict, _ = r.talk(ctx, "hostile", k.Verdict == Later)
	r.rest() // the line follows the answer
	return verdict, r.log.take()
}

// talk joins on a socket of its own and pushes. A push is served without an answer,
// too, if the plugin gives none.
// With later, it waits for the end of the channel after that.
func (r *rack) talk(ctx context.Context, topic string, later bool) (verdict string, answered bool) {
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
		return r.answer(ctx, frames, ref, false)
	}
	if got := ask("1", phx.EventJoin); got != "ok" {
		return InJoin, false
	}
	got := ask("2", "say")
	if later && (got == "ok" || got == "none") {
		got = r.answer(ctx, frames, "", true)
	}
	switch {
	case got == "ok", got == "none":
		return IsServed, got == "ok"
	case got == "error" && later:
		return Later, false
	case got == "error":
		return InPush, false
	default:
		return got, false
	}
}

// answer waits for the reply to ref, the end of the channel, or, unless the end is sure
// to come, a host at rest that has sent neither.
func (r *rack) answer(ctx context.Context, frames <-chan string, ref string, sure bool) string {
	late := time.NewTimer(patience)
	defer late.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		rests := !r.host.Busy() && len(frames) == 0
		select {
		case <-look.C:
			if rests && !sure && len(frames) == 0 {
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
