// Package torture uploads hostile modules to a host, one after the other, and
// tells whether the host did with each what it has to.
package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chhost/chhost/host"
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
	// Modules is how many modules a round has: each kind, each truncation of an honest
	// module, and mutations up to this number. Default 1000.
	Modules int
	// Rounds is how often all of them are uploaded. Default 3.
	Rounds int
	// Seed makes the mutations; the same ones for the same seed.
	Seed uint64
	// Only chooses kinds by name. Then there are no truncations, and mutations of these
	// kinds only. Default all.
	Only *regexp.Regexp
	// Brief leaves out the kinds that take seconds.
	Brief bool
	// Compiler compiles the modules in processes of their own, as a served host does.
	// Without one, the kinds are left out that only its limits stop.
	Compiler *host.Compiler
}

// kinds are those that the options choose.
func (o *Options) kinds() ([]Kind, error) {
	all, err := Kinds()
	return slices.DeleteFunc(all, func(k Kind) bool {
		return o.Brief && k.costly || o.Compiler == nil && k.apart || o.Only != nil && !o.Only.MatchString(k.Name)
	}), err
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
	current *host.Plugin // the hostile one that is served
	version string       // what logs call it
	report  Report
	rows    map[string]*Row
}

// Run does it all in this process: a module that ends the process ends the caller.
// The error is one of the corpus, or of starting or stopping the host; wrong verdicts
// are in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Modules <= 0 {
		o.Modules = DefaultModules
	}
	if o.Rounds <= 0 {
		o.Rounds = DefaultRounds
	}
	kinds, err := o.kinds()
	if err != nil {
		return Report{}, err
	}
	if len(kinds) == 0 {
		return Report{}, fmt.Errorf("no kind has a name that matches %s", o.Only)
	}
	r := &rack{current: &host.Plugin{Name: "hostile", Module: honest()}}
	r.host, err = host.New(host.Config{
		Routes: []host.Route{
			{Pattern: "neighbour", Plugin: &host.Plugin{Name: "neighbour", Module: honest()}},
			{Pattern: "hostile", Plugin: r.current},
		},
		Compiler: o.Compiler,
		Logger:   slog.New(slog.NewTextHandler(&r.log, nil)),
	})
	if err != nil {
		return Report{}, err
	}
	err = r.rounds(ctx, o, kinds)
	return r.report, errors.Join(err, r.host.Shutdown(context.WithoutCancel(ctx)))
}

// rounds uploads everything as often as it is to be. The error is ctx's.
func (r *rack) rounds(ctx context.Context, o Options, kinds []Kind) error {
	// What is made once for all rounds is made now: the first one is compared with the
	// last.
	r.rows = make(map[string]*Row)
	if o.Rounds > 1 {
		if err := r.round(ctx, kinds); err != nil {
			return err
		}
	}
	modules := corpus(kinds, o)
	r.rows, r.report = make(map[string]*Row), Report{Kinds: len(kinds), Modules: len(modules)}
	for range o.Rounds {
		if err := r.round(ctx, modules); err != nil {
			return err
		}
		r.measure()
	}
	return nil
}

// round uploads the modules, while the neighbour is asked. The error is ctx's.
func (r *rack) round(ctx context.Context, modules []Kind) error {
	stop := r.watch(ctx)
	for i := range modules {
		if ctx.Err() != nil {
			break
		}
		r.try(ctx, &modules[i])
	}
	r.report.Neighbour.add(stop())
	return ctx.Err()
}

func (r *rack) wrong(format string, args ...any) {
	r.report.Wrong = append(r.report.Wrong, fmt.Sprintf(format, args...))
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
