package load

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
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
	// Connections are those that joined.
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

// Server is the memory of the server's process: what of it is resident, before the
// first connection and at the end, with all connections.
type Server struct {
	PID    int   `json:"pid"`
	Before int64 `json:"rss_before_bytes"`
	After  int64 `json:"rss_after_bytes"`
	// Each is the difference for each connection, where they did nothing else.
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
			rep.Server.Each = math.Round(each(float64(after-before), float64(connections)))
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

// WriteText writes the report for people.
func (rep *Report) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s\n\n", rep.title())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\tcount\tseconds\tper second\tserver CPU, µs each\tload CPU, µs each\t\n")
	for _, s := range []*Stage{rep.Ramp, rep.Hold, rep.Measured} {
		if s != nil {
			fmt.Fprintf(table, "%s\t%d\t%.2f\t%.0f\t%s\t%s\t\n", s.What, s.Count, s.Seconds, s.PerSecond, maybe(s.ServerEach), maybe(s.LoadEach))
		}
	}
	fmt.Fprintf(table, "\t\t\t\t\t\t\n")
	fmt.Fprintf(table, "latency, µs\tp50\tp90\tp99\tp99.9\tmax\t\n")
	rows := []struct {
		name string
		l    *Latency
	}{{"connect", rep.Connect}, {"join", rep.Join}}
	if rep.Measured != nil {
		rows = append(rows, struct {
			name string
			l    *Latency
		}{rep.Measured.What, rep.Measured.Latency})
	}
	for _, row := range rows {
		if row.l != nil {
			fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t\n", row.name, row.l.P50, row.l.P90, row.l.P99, row.l.P999, row.l.Max)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return rep.writeRest(w)
}

func (rep *Report) title() string {
	text := fmt.Sprintf("%s: %d connections to %s, topic %s", rep.Load, rep.Connections, rep.URL, rep.Topic)
	if rep.Event != "" {
		text += fmt.Sprintf(", %s with %d bytes", rep.Event, rep.PayloadBytes)
	}
	if rep.AnsweredBy != "" {
		text += ", answered by a " + rep.AnsweredBy
	}
	if len(rep.From) > 0 {
		text += ", from " + strings.Join(rep.From, ", ")
	}
	return text
}

func maybe(f *float64) string {
	if f == nil {
		return "-"
	}
	return strconv.FormatFloat(*f, 'f', 2, 64)
}

func (rep *Report) writeRest(w io.Writer) error {
	fmt.Fprintln(w)
	if s := rep.Server; s != nil {
		fmt.Fprintf(w, "server memory  %s before, %s at the end", mib(s.Before), mib(s.After))
		if rep.Hold != nil {
			fmt.Fprintf(w, ": %.1f KiB for each connection", s.Each/1024)
		}
		fmt.Fprintln(w)
	}
	if rep.LoadBytes > 0 {
		fmt.Fprintf(w, "load memory    %s\n", mib(rep.LoadBytes))
	}
	if rep.Broadcasts+rep.Pushes > 0 {
		fmt.Fprintf(w, "also came      %d broadcasts, %d pushes that are not of this load\n", rep.Broadcasts, rep.Pushes)
	}
	if rep.Ended != "" {
		fmt.Fprintf(w, "ended early    %s\n", rep.Ended)
	}
	for _, kind := range slices.Sorted(maps.Keys(rep.Errors)) {
		fmt.Fprintf(w, "error          %d times %s\n", rep.Errors[kind], kind)
	}
	if len(rep.Errors) == 0 {
		fmt.Fprintf(w, "errors         none\n")
	}
	return nil
}

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
