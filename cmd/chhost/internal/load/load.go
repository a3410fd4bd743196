// Package load puts a server under load and measures it: any server that speaks
// version 2 of the Phoenix Channels protocol over WebSocket.
//
// There are four kinds of load, see [Kinds]. Each begins with a ramp, in which
// connections are opened and join their topics, and ends with a [Report]. The
// connections are phxclient's lean ones, with one goroutine for each that waits in
// a read, and what they send is built once; so one process holds tens of
// thousands, and the server is what is slow.
//
// # What is sent, and what counts
//
// The join has join_ref "1" and ref "1", every push and every leave after it ref
// "2". A frame is an answer to a join if it begins with ["1","1", and to a push
// or a leave if it begins with ["1","2",; it is a good one if it contains
// "status":"ok". Nothing else is parsed. A frame that begins with [null,null, is a
// broadcast, one that begins with ["1",null, a push of the server. All that does
// not belong to the load is an error, which is counted by its kind.
package load

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// The kinds of load.
const (
	Connect = "connect" // connections that join and then are idle
	Echo    = "echo"    // each pushes an event, waits for the answer, and so on
	Fanout  = "fanout"  // one pushes events that the channel broadcasts to all
	Churn   = "churn"   // each joins and leaves, or connects, joins and closes
)

// Kinds returns the kinds of load, in the order of the help text.
func Kinds() []string { return []string{Connect, Echo, Fanout, Churn} }

// Defaults of a [Config].
const (
	DefaultURL      = "ws://127.0.0.1:4000/socket"
	DefaultTopic    = "foods:all"
	DefaultSize     = 128
	DefaultAtOnce   = 32
	DefaultHold     = 5 * time.Second
	DefaultDuration = 10 * time.Second
	DefaultWarmup   = time.Second
	DefaultTimeout  = 10 * time.Second
)

// How an event of the kind echo is answered.
const (
	AnswerReply     = "reply"     // by a reply with the push's ref
	AnswerPush      = "push"      // by a push of the same event to the sender
	AnswerBroadcast = "broadcast" // by a broadcast of the same event
)

// Config says what to do. The zero value of a field is its default.
type Config struct {
	Kind string // one of [Kinds]; there is no default
	URL  string // of the socket, as for [phxclient.Dial]
	// Topic is what each connection joins; {n} in it becomes the connection's
	// number, from 0 on.
	Topic  string
	Params string // of the join, a JSON object; "" is {}
	// Event is what is pushed: "" is new:echo in an echo and new:msg in a
	// fan-out. Payload comes with it, a JSON object; "" is one with Size bytes.
	Event   string
	Payload string
	Size    int
	// Answer is how an event of an echo is answered. "" finds out by a trial.
	Answer string

	Conns  int     // connections; 0 is 1,000 in connect and fanout, and else 100
	Rate   float64 // new connections per second; 0 is as many as can be
	AtOnce int     // how many connections are being opened at a time
	// From are addresses of this machine that connections come from, in turn:
	// there are about 28,000 ports for each. Empty is found out.
	From []string

	Hold     time.Duration // how long connect keeps its connections
	Duration time.Duration // how long is measured
	Count    int           // how much is measured, instead: echoes, pushes, cycles
	Warmup   time.Duration // how long the load goes on before; negative is none
	// Every is the time from one push, or burst, of a fan-out to the next. 0
	// waits until all have received the one before.
	Every     time.Duration
	Burst     int           // pushes that leave in one write
	Reconnect bool          // in churn, connections are closed and opened too
	Timeout   time.Duration // of a connection, a join, an answer
	RunFor    time.Duration // bounds everything; 0 is no bound
	PID       int           // the server's process, whose CPU and memory are told
}

// InputError is returned for what the command was given and cannot use.
type InputError struct{ Text string }

func (e *InputError) Error() string { return e.Text }

func inputFault(format string, args ...any) error { return &InputError{fmt.Sprintf(format, args...)} }

// Run does it. The report is of what was measured until the end, which ctx may
// bring about early. It is nil where nothing could be measured: the error is then
// an [*InputError], or says what stands in the way. Whether anything failed on
// the way is said by [Report.Err].
func (cfg Config) Run(ctx context.Context) (*Report, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	r, err := newRun(cfg)
	if err != nil {
		return nil, err
	}
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if cfg.RunFor > 0 {
		bounded, cancel = context.WithTimeout(ctx, cfg.RunFor)
	}
	defer cancel()
	if err := r.do(bounded); err != nil {
		return nil, err
	}
	switch {
	case isOver(ctx):
		r.report.Ended = "interrupted"
	case isOver(bounded):
		r.report.Ended = "run-for"
	}
	return r.report, nil
}

// fill checks the config and puts defaults where nothing was given.
func (cfg *Config) fill() error {
	if !slices.Contains(Kinds(), cfg.Kind) {
		return inputFault("there is no load %q: there are %s", cfg.Kind, strings.Join(Kinds(), ", "))
	}
	orElse(&cfg.URL, DefaultURL)
	orElse(&cfg.Topic, DefaultTopic)
	orElse(&cfg.Params, "{}")
	orElse(&cfg.Event, map[string]string{Echo: "new:echo", Fanout: "new:msg"}[cfg.Kind])
	orElse(&cfg.Conns, map[string]int{Connect: 1000, Fanout: 1000}[cfg.Kind])
	orElse(&cfg.Conns, 100)
	orElse(&cfg.AtOnce, DefaultAtOnce)
	orElse(&cfg.Hold, DefaultHold)
	orElse(&cfg.Warmup, DefaultWarmup)
	orElse(&cfg.Duration, DefaultDuration)
	orElse(&cfg.Timeout, DefaultTimeout)
	orElse(&cfg.Burst, 1)
	if err := cfg.checkNumbers(); err != nil {
		return err
	}
	return cfg.checkFrames()
}

// ramped is how many connections the ramp opens.
func (cfg *Config) ramped() int {
	switch {
	case cfg.Kind == Fanout:
		return cfg.Conns + 1 // the sender
	case cfg.Reconnect:
		return 1 // the others come and go
	}
	return cfg.Conns
}

func orElse[T comparable](value *T, other T) {
	var zero T
	if *value == zero {
		*value = other
	}
}

func (cfg *Config) checkNumbers() error {
	switch {
	case cfg.Conns < 0:
		return inputFault("--conns %d: how many connections?", cfg.Conns)
	case cfg.Rate < 0:
		return inputFault("--rate %v: that is no number of connections per second; 0 is as many as can be", cfg.Rate)
	case cfg.AtOnce < 0 || cfg.AtOnce > 1000:
		return inputFault("--at-once %d: that is not a number from 1 to 1000", cfg.AtOnce)
	case cfg.Count < 0:
		return inputFault("--count %d: how many?", cfg.Count)
	case cfg.Burst < 0 || cfg.Burst > 1000:
		return inputFault("--burst %d: that is not a number from 1 to 1000", cfg.Burst)
	case cfg.PID < 0:
		return inputFault("--pid %d: that is no process", cfg.PID)
	}
	for name, d := range map[string]time.Duration{"hold": cfg.Hold, "duration": cfg.Duration, "every": cfg.Every, "timeout": cfg.Timeout, "run-for": cfg.RunFor} {
		if d < 0 {
			return inputFault("--%s %v: a duration is not negative", name, d)
		}
	}
	return nil
}

func (cfg *Config) checkFrames() error {
	for name, text := range map[string]string{"topic": topicOf(cfg.Topic, cfg.Conns), "event": cfg.Event} {
		if err := phx.CheckName(text); err != nil && text != "" {
			return inputFault("--%s %s: %v", name, text, err)
		}
	}
	if strings.HasPrefix(cfg.Event, "phx_") {
		return inputFault("--event %s: such events are the protocol's", cfg.Event)
	}
	if cfg.Kind == Fanout && strings.Contains(cfg.Topic, numberMark) {
		return inputFault("--topic %s: in a fan-out all join one topic, so leave %s out", cfg.Topic, numberMark)
	}
	switch cfg.Answer {
	case "", AnswerReply, AnswerPush, AnswerBroadcast:
	default:
		return inputFault("--answer %s: an echo is answered by a reply, a push or a broadcast", cfg.Answer)
	}
	if cfg.Payload != "" && cfg.Size != 0 {
		return inputFault("--size and --payload: give one")
	}
	orElse(&cfg.Size, DefaultSize)
	if cfg.Size < minSize {
		return inputFault("--size %d: the smallest payload, %s, has %d bytes", cfg.Size, payloadOf(minSize), minSize)
	}
	orElse(&cfg.Payload, payloadOf(cfg.Size))
	for name, text := range map[string]string{"payload": cfg.Payload, "params": cfg.Params} {
		if _, err := phx.Object([]byte(text)); err != nil {
			what, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "phx: "), ";") // its advice is for programs
			return inputFault("--%s %s: %s: write a JSON object, in quotes, such as '{\"user\":\"Ada\"}'", name, text, what)
		}
	}
	return nil
}

// An address of this machine carries about 28,000 connections to one server: so
// many ports does Linux give out. Long before, it has to search for a free one,
// which takes longer than all the rest, so where it costs nothing there are more
// addresses.
const (
	portsPerAddress = 28_000
	portsAtEase     = 10_000
)

// sources are the addresses that connections come from; one that is not valid
// leaves the choice to the system. Nothing but the loopback network of IPv4 has
// more than one address on every machine, so only there they are chosen.
func (cfg *Config) sources(host string, conns int) ([]netip.Addr, error) {
	var list []netip.Addr
	for _, text := range cfg.From {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, inputFault("--from %s: that is not an IP address, such as 127.0.0.2", text)
		}
		probe, err := net.Listen("tcp", netip.AddrPortFrom(addr, 0).String())
		if err != nil {
			return nil, inputFault("--from %s: that is not an address of this machine (%v); on macOS and BSD, add it with: ifconfig lo0 alias %s", text, err, text)
		}
		probe.Close()
		list = append(list, addr)
	}
	addr, err := netip.ParseAddr(host)
	loopback := host == "localhost" || err == nil && addr.Is4() && addr.IsLoopback()
	switch {
	case len(list)*portsPerAddress >= conns:
		return list, nil
	case len(list) > 0 || conns > portsPerAddress && !loopback:
		return nil, inputFault("--conns %d: an address of this machine has ports for about %d connections to one server: name more addresses with --from", conns, portsPerAddress)
	case conns <= portsAtEase || !loopback || !manyLoopbacks:
		return []netip.Addr{{}}, nil
	}
	next := netip.AddrFrom4([4]byte{127, 0, 0, 2})
	for range (conns + portsAtEase - 1) / portsAtEase {
		list = append(list, next)
		next = next.Next()
	}
	return list, nil
}

// hostOf is the host that the URL names.
func hostOf(rawURL string) string {
	_, rest, _ := strings.Cut(rawURL, "://")
	authority, _, _ := strings.Cut(rest, "/")
	if host, _, err := net.SplitHostPort(authority); err == nil {
		return host
	}
	return strings.Trim(authority, "[]")
}

// dialers makes one for each source.
func (cfg *Config) dialers(sources []netip.Addr) ([]*phxclient.LeanDialer, error) {
	var list []*phxclient.LeanDialer
	for _, from := range sources {
		d := &net.Dialer{Timeout: cfg.Timeout, KeepAlive: -1, Control: lateBind}
		if from.IsValid() {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
		}
		lean, err := phxclient.NewLeanDialer(cfg.URL, phxclient.Options{DialContext: d.DialContext})
		if err != nil {
			return nil, &InputError{strings.TrimPrefix(err.Error(), "phxclient: ")}
		}
		list = append(list, lean)
	}
	return list, nil
}

// Takes reports whether a kind of load has use for a setting, by the name of its
// flag.
func Takes(kind, flag string) bool {
	switch flag {
	case "hold":
		return kind == Connect
	case "event", "payload", "size":
		return kind == Echo || kind == Fanout
	case "answer":
		return kind == Echo
	case "every", "burst":
		return kind == Fanout
	case "reconnect":
		return kind == Churn
	case "duration", "count", "warmup":
		return kind != Connect
	}
	return true
}
