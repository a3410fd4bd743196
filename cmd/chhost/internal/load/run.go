package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// spareFiles is how many files a process needs besides its connections.
const spareFiles = 64

// scene is one kind of load, after the ramp.
type scene interface {
	// take takes a frame of a connection that has joined, in the order of the
	// connection, and returns false for what it knows nothing of.
	take(m *member, s sort, data []byte) bool
	// play runs the load and measures. The error is that nothing can be.
	play(ctx context.Context) error
}

// run is one load. Its fields are set before any goroutine starts, but for those
// that say otherwise.
type run struct {
	cfg     Config
	begin   time.Time
	dialers []*phxclient.LeanDialer
	frames  *frames
	scene   scene
	report  *Report
	faults  faults

	connects, joins *latencies
	pushed, heard   atomic.Int64 // frames of the server that are nobody's answer: pushes, broadcasts

	readers sync.WaitGroup
	ending  atomic.Bool
	alive   atomic.Int64  // connections that have joined and not ended
	news    chan struct{} // holds something when a connection has ended

	mu      sync.Mutex
	members []*member // guarded by mu
}

// member is a connection that has joined.
type member struct {
	n     int
	conn  *phxclient.LeanConn
	push  phxclient.Prebuilt
	waits atomic.Int64 // since when it waits for an answer, as run.now; 0 if it does not
	wrote atomic.Int64 // when it wrote last

	seen        int64              // of its reader in a fan-out: deliveries
	join, leave phxclient.Prebuilt // in churn
	cycle       atomic.Int64       // in churn: when the cycle began, as run.now
}

func newRun(cfg Config) (*run, error) {
	if err := checkProcess(cfg.PID, cfg.Conns); err != nil {
		return nil, err
	}
	conns := max(cfg.Conns, cfg.ramped())
	if may, ok := allowFiles(uint64(conns + spareFiles)); !ok {
		return nil, fmt.Errorf("%d connections need %d open files, and this process may open %d: raise the hard limit (as root: ulimit -Hn %[2]d before it; LimitNOFILE= in systemd), or run several loads with fewer --conns", conns, conns+spareFiles, may)
	}
	sources, err := cfg.sources(hostOf(cfg.URL), conns)
	if err != nil {
		return nil, err
	}
	dialers, err := cfg.dialers(sources)
	if err != nil {
		return nil, err
	}
	r := &run{
		cfg: cfg, begin: time.Now(), dialers: dialers, news: make(chan struct{}, 1),
		connects: newLatencies(), joins: newLatencies(), report: newReport(cfg, sources),
	}
	r.frames = newFrames(&r.cfg)
	switch cfg.Kind {
	case Connect:
		r.scene = &idle{r}
	case Fanout:
		r.scene = newFanout(r)
	case Churn:
		r.scene = newChurn(r)
	case Echo:
		r.scene = newEcho(r)
	}
	return r, nil
}

func checkProcess(pid, conns int) error {
	if pid == 0 {
		return nil
	}
	if noProcess != "" {
		return inputFault("--pid %d: %s: leave it out", pid, noProcess)
	}
	if _, err := memory(pid); errors.Is(err, os.ErrNotExist) {
		return inputFault("--pid %d: there is no such process", pid)
	} else if err != nil {
		return inputFault("--pid %d: %v", pid, err)
	}
	if may := filesOf(pid); may > 0 && may < uint64(conns+spareFiles) {
		return fmt.Errorf("%d connections need %d open files in the server, and process %d may open %d: start it with a higher limit (ulimit -n), or use fewer --conns", conns, conns+spareFiles, pid, may)
	}
	return nil
}

// now is the time since the run's begin in nanoseconds, and never 0.
func (r *run) now() int64 { return int64(time.Since(r.begin)) | 1 }

// do ramps up, plays the scene and closes everything.
func (r *run) do(ctx context.Context) error {
	stop := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() { r.keep(stop) })
	err := r.knock(ctx)
	before := r.memory()
	if err == nil {
		err = r.ramp(ctx)
	}
	if err == nil && ctx.Err() == nil && r.alive.Load() > 0 {
		err = r.scene.play(ctx)
	}
	r.report.addMemory(r.cfg.PID, before, r.memory(), r.alive.Load())
	close(stop)
	keeper.Wait()
	r.closeAll()
	r.report.Connect, r.report.Join = r.connects.summary(), r.joins.summary()
	r.report.Broadcasts, r.report.Pushes = r.heard.Load(), r.pushed.Load()
	maps.Copy(r.report.Errors, r.faults.all())
	return err
}

// read reads what comes for a member until its connection ends.
func (r *run) read(m *member) {
	defer func() {
		r.alive.Add(-1)
		select {
		case r.news <- struct{}{}:
		default:
		}
	}()
	for {
		f, err := m.conn.Receive()
		if err != nil {
			if !errors.Is(err, phxclient.ErrClosed) && !r.ending.Load() {
				r.faults.add(ended(err), 1)
			}
			return
		}
		if !r.take(m, f) && !r.ending.Load() {
			r.faults.add(describe(f), 1)
		}
	}
}

// take reports whether the frame was expected.
func (r *run) take(m *member, f phx.Frame) bool {
	s := sortOf(f)
	if r.scene.take(m, s, f.Data) {
		return true
	}
	switch s {
	case sortBroadcast:
		r.heard.Add(1)
	case sortPush:
		r.pushed.Add(1)
	case sortHeartbeat:
		return isOK(f.Data)
	default:
		return false
	}
	return true
}

// send sends for a member, which then waits for an answer if waits is true. A
// failure is the reader's to tell.
func (r *run) send(m *member, p phxclient.Prebuilt, waits bool) {
	now := r.now()
	m.wrote.Store(now)
	if waits {
		m.waits.Store(now)
	}
	_ = m.conn.Send(p)
}

// beat is how long a connection may have sent nothing: a heartbeat follows.
const beat = 25 * time.Second

// keep sends heartbeats where nothing else is sent, and ends connections whose
// answer does not come. One look a second at all of them costs less than timers.
func (r *run) keep(stop <-chan struct{}) {
	tick := time.NewTicker(min(time.Second, max(r.cfg.Timeout/4, time.Millisecond)))
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		for _, m := range r.all() {
			now := r.now()
			if since := m.waits.Load(); since != 0 && now-since > int64(r.cfg.Timeout) {
				m.waits.Store(0)
				r.faults.add(fmt.Sprintf("no answer within %v", r.cfg.Timeout), 1)
				m.conn.Abort()
			} else if now-m.wrote.Load() > int64(beat) {
				r.send(m, r.frames.heartbeat, false)
			}
		}
	}
}

// all returns the members so far.
func (r *run) all() []*member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.members // only ever appended to
}

// closeWait is how long the server has to answer the close frames of all.
const closeWait = 3 * time.Second

// closeAll ends all connections well, as far as the server goes along, and waits
// for their readers.
func (r *run) closeAll() {
	r.ending.Store(true)
	deadline := time.Now().Add(closeWait)
	for _, m := range r.all() {
		_ = m.conn.SetDeadline(deadline) // fails only if the connection has ended
		m.conn.BeginClose(1000)
	}
	r.readers.Wait()
}

// wait waits until d has passed, done holds something, every connection has ended
// or ctx ends. It returns false in the last two cases.
func (r *run) wait(ctx context.Context, d time.Duration, done <-chan struct{}) bool {
	var over <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	for {
		select {
		case <-over:
			return true
		case <-done:
			return true
		case <-ctx.Done():
			return false
		case <-r.news:
			if r.alive.Load() == 0 {
				return false
			}
		}
	}
}
