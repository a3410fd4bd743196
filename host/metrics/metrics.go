// Package metrics shows what the host counts in the text format of Prometheus.
//
// No series has the name of a topic, an event, a user or an address: clients choose
// those, and each would be one more series for ever. Tenants have a page of their own,
// so that a scrape of the host stays small however many there are.
package metrics

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/VictoriaMetrics/metrics"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/internal/histogram"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/wasm"
)

// Source is what a host counts. Its functions are called at every request, and must be
// safe for concurrent use.
type Source struct {
	// Transports are the ways to connect.
	Transports func() []Transport
	// Tenants are all of them.
	Tenants func() []Tenant
	// Engine runs the plugins.
	Engine *wasm.Engine
	// Ready tells whether new clients should come.
	Ready func() bool
}

// Transport is one way to connect.
type Transport struct {
	// Name is that of the transport, such as "websocket".
	Name string
	// Open are the connections at the time, and Accepted all that there were.
	Open, Accepted int64
}

// Tenant is what one tenant uses.
type Tenant struct {
	// Name is what the operator calls it.
	Name string
	// Sockets counts what its clients do.
	Sockets *socket.Counts
	// Memory is what its guests hold, in bytes.
	Memory int64
}

// New returns what serves /metrics and /tenant-metrics. It is safe for concurrent use.
func New(source Source) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { serve(w, source.write) })
	mux.HandleFunc("GET /tenant-metrics", func(w http.ResponseWriter, _ *http.Request) { serve(w, source.writeTenants) })
	return mux
}

func serve(w http.ResponseWriter, write func(*page)) {
	var p page
	write(&p)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(p.Bytes()) // who has gone needs no answer
}

// page is a text in the format of Prometheus.
type page struct{ bytes.Buffer }

// metric begins a metric.
func (p *page) metric(name, kind, help string) {
	fmt.Fprintf(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// sample writes one number of the metric; labels are names and values in turn.
func (p *page) sample(name string, value float64, labels ...string) {
	p.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		p.WriteByte(separator)
		p.WriteString(labels[i] + `="` + escape(labels[i+1]) + `"`)
	}
	if len(labels) > 0 {
		p.WriteByte('}')
	}
	p.WriteByte(' ')
	p.WriteString(strconv.FormatFloat(value, 'g', -1, 64))
	p.WriteByte('\n')
}

// escape writes a label's value as the format wants it.
func escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(value)
}

func (p *page) one(name, kind, help string, value int64) {
	p.metric(name, kind, help)
	p.sample(name, float64(value))
}

// histogram writes the samples of one.
func (p *page) histogram(name string, s histogram.Snapshot, labels ...string) {
	for i, bound := range histogram.Bounds() {
		le := strconv.FormatFloat(bound.Seconds(), 'g', -1, 64)
		p.sample(name+"_bucket", float64(s.UpTo[i]), append(labels, "le", le)...)
	}
	p.sample(name+"_bucket", float64(s.Count), append(labels, "le", "+Inf")...)
	p.sample(name+"_sum", s.Sum.Seconds(), labels...)
	p.sample(name+"_count", float64(s.Count), labels...)
}

// write writes what there is of the host.
func (s Source) write(p *page) {
	ready := int64(0)
	if s.Ready() {
		ready = 1
	}
	p.one("chhost_ready", "gauge", "1 if new clients should be sent here, as /readyz says.", ready)
	transports := s.Transports()
	p.metric("chhost_connections", "gauge", "Connections that are open, by transport.")
	for _, t := range transports {
		p.sample("chhost_connections", float64(t.Open), "transport", t.Name)
	}
	p.metric("chhost_connections_accepted_total", "counter", "Connections that were let in, by transport.")
	for _, t := range transports {
		p.sample("chhost_connections_accepted_total", float64(t.Accepted), "transport", t.Name)
	}
	tenants := s.Tenants()
	for _, row := range socketRows() {
		sum := int64(0)
		for _, t := range tenants {
			sum += row.value(t.Sockets)
		}
		p.one("chhost_"+row.name, row.kind, row.help, sum)
	}
	s.writePlugins(p)
	writeProcess(p)
}

// row is a metric of what sockets count.
type row struct {
	name, kind, help string
	value            func(*socket.Counts) int64
}

func socketRows() []row {
	return []row{
		{"channels", "gauge", "Topics that clients have joined, each client's apart, or are about to join or have just left.", func(c *socket.Counts) int64 { return c.Channels.Load() }},
		{"joins_total", "counter", "Joins that were given to a channel.", func(c *socket.Counts) int64 { return c.Joins.Load() }},
		{"frames_received_total", "counter", "Messages that clients sent.", func(c *socket.Counts) int64 { return c.FramesIn.Load() }},
		{"received_bytes_total", "counter", "Bytes of those messages, unpacked.", func(c *socket.Counts) int64 { return c.BytesIn.Load() }},
		{"frames_sent_total", "counter", "Messages and pongs that were taken to be written to clients.", func(c *socket.Counts) int64 { return c.FramesOut.Load() }},
		{"sent_bytes_total", "counter", "Bytes of those, before they are packed.", func(c *socket.Counts) int64 { return c.BytesOut.Load() }},
		{"slow_clients_closed_total", "counter", "Connections that were closed because the client did not read.", func(c *socket.Counts) int64 { return c.SlowClosed.Load() }},
		{"frames_dropped_total", "counter", "Frames that were left out for clients that read slowly.", func(c *socket.Counts) int64 { return c.Dropped.Load() }},
		{"frames_conflated_total", "counter", "Frames that were left out because a newer one had overtaken them.", func(c *socket.Counts) int64 { return c.Conflated.Load() }},
		{"frames_refused_total", "counter", "Messages above the rates of a client, which were refused.", func(c *socket.Counts) int64 { return c.RateLimited.Load() }},
		{"clients_paused_total", "counter", "How often a client above the rates was not read for a while.", func(c *socket.Counts) int64 { return c.Paused.Load() }},
		{"flooding_clients_closed_total", "counter", "Connections that were closed because the client sent too much for too long.", func(c *socket.Counts) int64 { return c.FloodClosed.Load() }},
		{"clients_turned_away_total", "counter", "Clients for which there was no place.", func(c *socket.Counts) int64 { return c.TurnedAway.Load() }},
		{"channels_failed_total", "counter", "Channels and joins that failed because of a client.", func(c *socket.Counts) int64 { return c.Failed.Load() }},
		{"joins_refused_after_failures_total", "counter", "Joins that were refused because too many channels had failed because of the client.", func(c *socket.Counts) int64 { return c.FailedJoins.Load() }},
	}
}

func (s Source) writePlugins(p *page) {
	counts := s.Engine.Counts()
	const callback = "chhost_callback_duration_seconds"
	p.metric("chhost_callbacks_total", "counter", "Callbacks of plugins that were called, by callback.")
	for _, phase := range abi.Phases() {
		if n := counts.Callbacks[phase].Load(); n > 0 {
			p.sample("chhost_callbacks_total", float64(n), "callback", phase.String())
		}
	}
	p.metric(callback, "histogram", "How long they took by the clock: of handle_in, handle_out and handle_info one in eight, of the others each.")
	for _, phase := range abi.Phases() {
		if snapshot := counts.Took[phase].Snapshot(); snapshot.Count > 0 {
			p.histogram(callback, snapshot, "callback", phase.String())
		}
	}
	p.one("chhost_fuel_total", "counter", "Fuel that plugins used, about one for each instruction.", counts.Fuel.Load())
	p.one("chhost_guest_memory_bytes", "gauge", "Memory that all instances of plugins hold.", s.Engine.Memory())
	taken, waiting := s.Engine.Slots()
	p.one("chhost_guest_slots_taken", "gauge", "Plugins that compute for long at the time.", int64(taken))
	p.one("chhost_guests_waiting", "gauge", "Callbacks that wait for a processor.", int64(waiting))
	p.one("chhost_callbacks_failed_total", "counter", "Callbacks that trapped, broke the contract or exceeded a limit.", counts.Crashes.Load())
	p.one("chhost_instance_starts_failed_total", "counter", "Instances of plugins that could not be started.", counts.FailedStarts.Load())
	p.one("chhost_quarantines_total", "counter", "How often a version was taken out of service for a while.", counts.Quarantines.Load())
	p.one("chhost_callbacks_refused_total", "counter", "Calls that were refused meanwhile.", counts.Refused.Load())
	p.one("chhost_guest_memory_refused_total", "counter", "How often a plugin got no memory because its tenant's or the node's was used up.", counts.MemoryRefused.Load())
	const compile = "chhost_compile_duration_seconds"
	p.metric(compile, "histogram", "How long modules took to become plugins, those that the cache had included.")
	p.histogram(compile, counts.Compiled.Snapshot())
	p.one("chhost_compiles_failed_total", "counter", "Modules that became none.", counts.FailedCompiles.Load())
}

// writeTenants writes what each tenant uses.
func (s Source) writeTenants(p *page) {
	tenants := s.Tenants()
	for _, row := range socketRows() {
		name := "chhost_tenant_" + row.name
		p.metric(name, row.kind, row.help)
		for _, t := range tenants {
			p.sample(name, float64(row.value(t.Sockets)), "tenant", t.Name)
		}
	}
	p.metric("chhost_tenant_guest_memory_bytes", "gauge", "Memory that the instances of the tenant's plugins hold.")
	for _, t := range tenants {
		p.sample("chhost_tenant_guest_memory_bytes", float64(t.Memory), "tenant", t.Name)
	}
}

// writeProcess writes what the Go runtime and the system say of the process.
func writeProcess(w io.Writer) {
	metrics.WriteGoMetrics(w)
	metrics.WriteProcMetrics(w)
	metrics.WriteFDMetrics(w)
}
