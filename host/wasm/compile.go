package wasm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Compiler runs the engine's compiler in child processes, so that a module which
// makes it work for minutes, takes all memory or crashes it does no harm to the
// process that serves. [CompilerMain] makes it. It is safe for concurrent use.
type Compiler struct {
	path string // of this program
	name string // what a child is called, by which it knows what it is
}

// CompilerMain is called by a program at the start of its main function, which
// thereby can be its own compiler: what it returns is to be put into [Config]. In a
// child that the engine has started, it compiles and ends the process.
//
// The child is told what it is by its name, os.Args[0], since its environment is
// empty. There is no other way to make a [Compiler], for a program that does not
// begin so would run all of itself as the child.
func CompilerMain() *Compiler {
	if len(os.Args) > 0 && os.Args[0] == compilerName {
		childExit(compilerChild(os.Args[1:], os.Stdin, os.Stdout))
	}
	return &Compiler{path: executable(), name: compilerName}
}

const compilerName = "chhost-compiler"

// CompileLimits bound what compiling one module may take in a child process. The
// zero value of a field is its default.
type CompileLimits struct {
	// CPU is the processor time, of all threads, rounded up to seconds. Default 5 s.
	// Some systems cannot limit it: there, Time is what counts.
	CPU time.Duration
	// Time is how long it may take by the clock: on a machine that is busy much longer
	// than CPU. Default 1 minute.
	Time time.Duration
	// Memory is how many bytes the child may have beyond what it begins with.
	// Default 512 MiB.
	Memory int64
	// AtOnce is how many modules may be compiled at once, each of another tenant's.
	// Default a quarter of GOMAXPROCS, and at least one.
	AtOnce int
}

func (l CompileLimits) withDefaults(processors int) CompileLimits {
	if l.CPU <= 0 {
		l.CPU = 5 * time.Second
	}
	if l.Time <= 0 {
		l.Time = time.Minute
	}
	if l.Memory <= 0 {
		l.Memory = 512 << 20
	}
	if l.AtOnce <= 0 {
		l.AtOnce = max(1, processors/4)
	}
	return l
}

// seconds is CPU in the unit of the system's limit.
func (l CompileLimits) seconds() uint64 { return uint64(math.Ceil(l.CPU.Seconds())) }

// maxEntry is the size in bytes of the largest compiled module.
const maxEntry = 256 << 20

// compilation is one module on its way through a child.
type compilation struct {
	limits CompileLimits
	pages  uint32 // of memory, that the module may have
	bin    []byte
	dir    string // where the child puts what it makes

	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr excerpt
	started        chan error    // gets the outcome of the start
	confined       chan struct{} // closed as soon as the child may have the module
	ended          chan struct{} // closed when nothing of the child is left
	reaped         error         // of waiting for it; to be read after ended
}

// compileFault is why a child made nothing of a module: the module's fault, as
// far as can be told.
type compileFault struct {
	text   string
	output string // what the child wrote, for the log
}

func (f *compileFault) Error() string { return f.text }

// errEnding is returned by a compilation that the end of the engine has ended.
var errEnding = errors.New("the engine is being closed")

// run starts a child for the module and returns when it has ended, whatever the
// reason. The error is a [*compileFault] if the module is at fault, ctx's if it
// ended first, errEnding if ending was closed first.
func (c *Compiler) run(ctx context.Context, ending <-chan struct{}, job *compilation) error {
	job.cmd = &exec.Cmd{
		Path: c.path, Dir: job.dir, Env: []string{},
		Args:        []string{c.name, number(job.limits.seconds()), number(job.limits.Memory), number(maxEntry), number(job.pages)},
		SysProcAttr: childAttributes(),
		Stdout:      &job.stdout, Stderr: &job.stderr,
		WaitDelay: time.Second, // for pipes that somebody else holds: a child has no children
	}
	var err error
	if job.stdin, err = job.cmd.StdinPipe(); err != nil {
		return fmt.Errorf("starting the compiler: %w", err)
	}
	job.started, job.confined, job.ended = make(chan error, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(job.ended)
		apart(job.dir, job.attend)
	}()
	return job.watch(ctx, ending)
}

func number[T uint64 | int64 | int | uint32](n T) string { return fmt.Sprint(n) }

// attend starts the child, gives it the module and waits for its end. It runs on
// one thread from beginning to end: the child inherits what that thread may not
// do, and is killed if the thread ends.
func (job *compilation) attend() {
	err := job.cmd.Start()
	job.started <- err
	if err != nil {
		return
	}
	<-job.confined
	// An error is one of the child's, which its end explains. The pipe stays open: its
	// end tells a child that nobody waits for it any more.
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(job.bin)))
	if _, err := job.stdin.Write(size[:]); err == nil {
		_, _ = job.stdin.Write(job.bin)
	}
	job.reaped = job.cmd.Wait()
}

// watch waits for the child's end, and brings it about when it is time.
func (job *compilation) watch(ctx context.Context, ending <-chan struct{}) error {
	if err := <-job.started; err != nil {
		<-job.ended
		return fmt.Errorf("starting the compiler: %w", err)
	}
	release := confineChild(job.cmd.Process.Pid, job.limits)
	defer release()
	close(job.confined)
	late := time.NewTimer(job.limits.Time)
	defer late.Stop()
	var why error
	select {
	case <-job.ended:
		return job.verdict()
	case <-late.C:
		why = job.fault(fmt.Sprintf("compiling takes more than %v: %s", job.limits.Time, lighten))
	case <-ctx.Done():
		why = context.Cause(ctx)
	case <-ending:
		why = errEnding
	}
	_ = job.cmd.Process.Kill() // it has ended by itself, if this fails
	<-job.ended
	return why
}

// lighten is what to do about a module that is too much for the compiler.
const lighten = "split its largest functions, first those with many loops and local variables, or build it optimised for size"

// How a child ends. What the Go runtime ends with is 2.
const (
	childDone       = 0
	childRefused    = 10 // the engine refuses the module, and says why on standard output
	childPanicked   = 11 // the engine panicked, likewise
	childMemory     = 12 // the limit of memory is reached
	childFailed     = 13 // the child could not do what it had to, and says why
	childUnconfined = 14 // the limits could not be set
	childLeft       = 15 // nobody waits for the outcome
	childLarge      = 16 // the compiled code is too large to be kept
)

// verdict tells what an end means. Nothing depends on what the child has written:
// it is shown to the module's author, or logged.
func (job *compilation) verdict() error {
	state := job.cmd.ProcessState
	used := state.UserTime() + state.SystemTime()
	text := printable(strings.TrimSpace(job.stdout.String()), maxExcerpt)
	switch code := state.ExitCode(); {
	case code == childDone:
		return nil
	case code == childRefused:
		return job.fault("the module is not valid WebAssembly: " + text)
	case code == childPanicked && !noMemory(text):
		return job.fault("the engine's compiler panicked: " + text)
	case code == childLarge:
		return job.fault(fmt.Sprintf("the compiled code has more than %d MiB: leave out what the plugin does not use", maxEntry>>20))
	case code == childMemory || code > 0 && noMemory(text+job.stderr.String()):
		return job.fault(fmt.Sprintf("compiling takes more than %d MiB of memory: %s", job.limits.Memory>>20, lighten))
	case code == childFailed:
		return &placeError{fmt.Errorf("the compiler failed: %s", text)}
	case code == childUnconfined:
		return fmt.Errorf("the compiler failed: %s", text)
	// The limit is on what the system has counted, which may be a little less. On
	// Windows, what it kills has an exit code too.
	case (!state.Exited() || runtime.GOOS == "windows") && used > job.limits.CPU-200*time.Millisecond:
		return job.fault(fmt.Sprintf("compiling takes more than %v of processor time: %s", job.limits.CPU, lighten))
	case !state.Exited():
		return job.fault(fmt.Sprintf("the compiler was killed (%s): upload the module again when the machine has more memory to spare, or make it smaller", state))
	default:
		return job.fault(fmt.Sprintf("the engine's compiler crashed (%s): what it said is in the host's log; change the module's largest functions, and tell the host's developers", state))
	}
}

// noMemory tells whether what a child has written says that it had no more memory.
func noMemory(text string) bool {
	return strings.Contains(text, "out of memory") || strings.Contains(text, "cannot allocate memory")
}

func (job *compilation) fault(text string) error {
	return &compileFault{text: text, output: job.stderr.String()}
}

// excerpt keeps the beginning of what is written to it.
type excerpt struct {
	mu   sync.Mutex
	text []byte
}

const maxExcerpt = 4 << 10

// Write implements [io.Writer] and takes everything: a child is not held up.
func (e *excerpt) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text = append(e.text, p[:min(len(p), maxExcerpt-len(e.text))]...)
	return len(p), nil
}

func (e *excerpt) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return string(e.text)
}

// turns let one module of each tenant be compiled at a time, and a number of
// them in all. They are safe for concurrent use.
type turns struct {
	all chan struct{}

	mu      sync.Mutex
	tenants map[string]*turn
}

// turn is one tenant's.
type turn struct {
	taken chan struct{}
	users int // who has it and who waits for it
}

func newTurns(atOnce int) *turns {
	return &turns{all: make(chan struct{}, atOnce), tenants: make(map[string]*turn)}
}

// take waits for a turn. Who gets none waits no longer than until ctx or the
// engine ends.
func (t *turns) take(ctx context.Context, ending <-chan struct{}, tenant string) (leave func(), err error) {
	t.mu.Lock()
	own := t.tenants[tenant]
	if own == nil {
		own = &turn{taken: make(chan struct{}, 1)}
		t.tenants[tenant] = own
	}
	own.users++
	t.mu.Unlock()
	forget := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(t.tenants, tenant)
		}
	}
	if err := enter(ctx, ending, own.taken); err != nil {
		forget()
		return nil, err
	}
	if err := enter(ctx, ending, t.all); err != nil {
		<-own.taken
		forget()
		return nil, err
	}
	return func() {
		<-t.all
		<-own.taken
		forget()
	}, nil
}

func enter(ctx context.Context, ending <-chan struct{}, room chan struct{}) error {
	select {
	case room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-ending:
		return errEnding
	}
}

// parseNumbers reads a child's arguments.
func parseNumbers(args []string, into ...*uint64) error {
	if len(args) != len(into) {
		return fmt.Errorf("%d arguments, want %d", len(args), len(into))
	}
	for i, arg := range args {
		n, err := strconv.ParseUint(arg, 10, 63)
		if err != nil {
			return err
		}
		*into[i] = n
	}
	return nil
}
