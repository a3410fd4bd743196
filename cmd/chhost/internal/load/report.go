package load

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"time"
)

// Report is what was measured. In JSON, a name tells the unit; what was not
// measured is left out.
type Report struct {
	Load  string `json:"load"` // one of [Kinds]
	URL   string `json:"url"`
	Topic string `json:"topic"`
	// Event is what was pushed, PayloadBytes the length of its payload.
	Event        string `json:"event,omitempty"`
	PayloadBytes int    `json:"payload_bytes,omitempty"`
	// AnsweredBy is how an event of an echo was answered: reply, push or broadcast.
	AnsweredBy string   `json:"answered_by,omitempty"`
	From       []string `json:"from_addresses,omitempty"`
	// Ended is why the load ended before its time: interrupted or run-for.
	Ended string `json:"ended_early_by,omitempty"`
	// Connections are those that joined; where they come and go, how many at a time.
	Connections int `json:"connections"`

	Ramp     *Stage   `json:"ramp,omitempty"`
	Connect  *Latency `json:"connect_latency_us,omitempty"`
	Join     *Latency `json:"join_latency_us,omitempty"`
	Hold     *Stage   `json:"hold,omitempty"`
	Measured *Stage   `json:"measured,omitempty"`

	// Sent is how many events a fan-out pushed while it was measured.
	Sent int64 `json:"pushes_sent,omitempty"`

	Server *Server `json:"server,omitempty"`
	// LoadBytes is the resident memory of this process at the end.
	LoadBytes int64 `json:"load_rss_bytes,omitempty"`

	// Broadcasts and Pushes came from the server, and were not of this load.
	Broadcasts int64 `json:"other_broadcasts"`
	Pushes     int64 `json:"other_pushes"`
	// Errors counts what went wrong, by kind.
	Errors map[string]int64 `json:"errors"`
}

// Stage is a part of a load.
type Stage struct {
	What      string  `json:"what"` // that Count is the number of
	Seconds   float64 `json:"seconds"`
	Count     int64   `json:"count"`
	PerSecond float64 `json:"per_second,omitempty"`
	// The processor time of the server's process and of this one, as the operating
	// system counts it, in all and for each of Count.
	ServerSeconds *float64 `json:"server_cpu_seconds,omitempty"`
	ServerEach    *float64 `json:"server_cpu_us_each,omitempty"`
	LoadSeconds   *float64 `json:"load_cpu_seconds,omitempty"`
	LoadEach      *float64 `json:"load_cpu_us_each,omitempty"`
	Latency       *Latency `json:"latency_us,omitempty"`
}

// Latency is a distribution of times, in microseconds.
type Latency struct {
	Count int64   `json:"count"`
	Min   float64 `json:"min"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99_9"`
	Max   float64 `json:"max"`
}

// Server is the memory of the server's process: what of it is resident, before any
// connection joins and at the end, with all connections.
type Server struct {
	PID    int   `json:"pid"`
	Before int64 `json:"rss_before_bytes"`
	After  int64 `json:"rss_after_bytes"`
	// Each is the difference for each connection, where they did nothing else; 0 if
	// there is none, because the process had memory left from before.
	Each float64 `json:"rss_bytes_per_connection,omitempty"`
}

func newReport(cfg Config, sources []netip.Addr) *Report {
	rep := &Report{Load: cfg.Kind, URL: cfg.URL, Topic: cfg.Topic, Errors: make(map[string]int64)}
	if cfg.Kind == Echo || cfg.Kind == Fanout {
		rep.Event, rep.PayloadBytes = cfg.Event, len(cfg.Payload)
	}
	for _, addr := range sources {
		if addr.IsValid() {
			rep.From = append(rep.From, addr.String())
		}
	}
	return rep
}

// usage is the processor time that was used up to a moment; nil where it is not
// known.
type usage struct {
	at           time.Time
	server, load *time.Duration
}

func (r *run) usage() usage {
	u := usage{at: time.Now()}
	if d, err := cpuTime(os.Getpid()); err == nil {
		u.load = &d
	}
	if r.cfg.PID != 0 {
		if d, err := cpuTime(r.cfg.PID); err == nil {
			u.server = &d
		}
	}
	return u
}

// memory is the server's, or -1.
func (r *run) memory() int64 {
	if r.cfg.PID == 0 {
		return -1
	}
	n, err := memory(r.cfg.PID)
	if err != nil {
		r.faults.add(fmt.Sprintf("process %d has ended, or cannot be looked at any more", r.cfg.PID), 1)
		return -1
	}
	return n
}

func stage(what string, count int64, before, after usage, latency *Latency) *Stage {
	s := &Stage{What: what, Seconds: round(after.at.Sub(before.at).Seconds(), 1e6), Count: count, Latency: latency}
	s.PerSecond = round(each(float64(count), s.Seconds), 10)
	used := func(before, after *time.Duration) (all, one *float64) {
		if before == nil || after == nil {
			return nil, nil
		}
		seconds := round((*after - *before).Seconds(), 1e6)
		us := round(each(seconds*1e6, float64(count)), 1000)
		return &seconds, &us
	}
	s.ServerSeconds, s.ServerEach = used(before.server, after.server)
	s.LoadSeconds, s.LoadEach = used(before.load, after.load)
	return s
}

// each is the quotient, or 0.
func each(sum, count float64) float64 {
	if count == 0 {
		return 0
	}
	return sum / count
}

func round(x, parts float64) float64 { return math.Round(x*parts) / parts }

func (rep *Report) addMemory(pid int, before, after, connections int64) {
	if n, err := memory(os.Getpid()); err == nil {
		rep.LoadBytes = n
	}
	if before >= 0 && after >= 0 {
		rep.Server = &Server{PID: pid, Before: before, After: after}
		if rep.Hold != nil {
			rep.Server.Each = max(0, math.Round(each(float64(after-before), float64(connections))))
		}
	}
}

// Err is nil if nothing failed.
func (rep *Report) Err() error {
	var sum int64
	for _, n := range rep.Errors {
		sum += n
	}
	switch {
	case sum == 1:
		return errors.New("1 error")
	case sum > 0:
		return fmt.Errorf("%d errors", sum)
	}
	return nil
}
