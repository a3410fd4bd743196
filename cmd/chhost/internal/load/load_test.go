package load

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is the timeout where something never comes.
const patience = 2 * time.Second

// room is a channel that does what the events say, and counts.
type room struct {
	server      *hosttest.Server
	joins, left atomic.Int64
	events      atomic.Int64
	at          int64  // at so many events, or never,
	atJoin      int64  // or at so many joins,
	then        func() // this happens
	once        sync.Once
	mu          sync.Mutex
	topics      map[string]int // guarded by mu: how often each was joined
}

func (r *room) join(_ context.Context, ev *channel.Event) (channel.Result, error) {
	if n := r.joins.Add(1); n == r.atJoin {
		r.then()
	}
	r.mu.Lock()
	r.topics[ev.Topic]++
	r.mu.Unlock()
	switch ev.Topic {
	case "rooms:refuse":
		reason, err := phx.Object([]byte(`{"reason":"who are you?"}`))
		return channel.Result{Status: channel.StatusError, Reply: channel.Reply{Status: phx.StatusError, Payload: reason}}, err
	case "rooms:ignore":
		return channel.Result{Status: channel.StatusIgnore}, nil
	}
	hello := channel.Broadcast("hello", phx.Payload{})
	return channel.Result{Do: []channel.Effect{hello, channel.Push("welcome", phx.Payload{})}}, nil
}

func (r *room) leave(context.Context, *channel.Event) (channel.Result, error) {
	r.left.Add(1)
	return channel.Result{}, nil
}

func (r *room) handleIn(_ context.Context, ev *channel.Event) (channel.Result, error) {
	n := r.events.Add(1)
	if r.at > 0 && n >= r.at {
		r.once.Do(r.then)
	}
	reply := channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}
	reason, err := phx.Object([]byte(`{"reason":"no more soup"}`))
	if err != nil {
		return channel.Result{}, err
	}
	refused := channel.Reply{Status: phx.StatusError, Payload: reason}
	push, broadcast := channel.Push(ev.Event, ev.Payload), channel.Broadcast(ev.Event, ev.Payload)
	switch ev.Event {
	case "reply":
		return channel.Result{Reply: reply}, nil
	case "push":
		return channel.Result{Do: []channel.Effect{push}}, nil
	case "broadcast", "secret":
		return channel.Result{Do: []channel.Effect{broadcast}}, nil
	case "all":
		return channel.Result{Do: []channel.Effect{broadcast, push}, Reply: reply}, nil
	case "from":
		return channel.Result{Do: []channel.Effect{channel.BroadcastFrom(ev.Event, ev.Payload)}, Reply: reply}, nil
	case "refuse":
		return channel.Result{Reply: refused}, nil
	case "sometimes":
		if n%3 == 0 {
			reply = refused
		}
		return channel.Result{Reply: reply}, nil
	case "crash":
		if n > 1 {
			return channel.Result{}, errors.New("out of soup")
		}
		return channel.Result{Reply: reply}, nil
	}
	return channel.Result{}, nil
}

// start serves a room; set changes it before.
func start(t *testing.T, set func(*room)) *room {
	r := &room{topics: make(map[string]int)}
	if set != nil {
		set(r)
	}
	r.server = hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "rooms:*", Handler: channel.Funcs{
		Name: "room", Intercepts: []string{"secret"},
		JoinFunc: r.join, LeaveFunc: r.leave, HandleInFunc: r.handleIn,
		HandleOutFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
			return channel.Result{Status: channel.StatusPass}, nil
		},
	}.Handler()}}})
	return r
}

// run runs the load against the room; a bound keeps a mistake from lasting.
func (r *room) run(t *testing.T, cfg Config) (*Report, error) {
	t.Helper()
	if r.server != nil {
		cfg.URL = r.server.Socket
	}
	orElse(&cfg.Topic, "rooms:lobby")
	orElse(&cfg.Warmup, -1)
	orElse(&cfg.RunFor, time.Minute)
	orElse(&cfg.Timeout, 30*time.Second)
	return cfg.Run(t.Context())
}

// measure is run where nothing may fail.
func (r *room) measure(t *testing.T, cfg Config) *Report {
	t.Helper()
	report, err := r.run(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err != nil || report.Ended != "" {
		t.Fatalf("%v: %v, ended by %q", err, report.Errors, report.Ended)
	}
	return report
}

func TestConnect(t *testing.T) {
	r := start(t, nil)
	cfg := Config{Kind: Connect, Conns: 30, Topic: "rooms:{n}", Hold: 10 * time.Millisecond, Rate: 10_000}
	if noProcess == "" {
		cfg.PID = os.Getpid()
	}
	report := r.measure(t, cfg)
	if report.Connections != 30 || report.Ramp.Count != 30 || report.Hold.Count != 30 || report.Connect.Count != 30 || report.Join.Count != 30 {
		t.Errorf("not all of 30 connections are told: %+v", report)
	}
	if len(r.topics) != 30 || r.topics["rooms:0"] != 1 || r.topics["rooms:29"] != 1 {
		t.Errorf("joined were %v", r.topics)
	}
	if report.Pushes != 30 || report.Broadcasts != 30 {
		t.Errorf("told are %d pushes and %d broadcasts of the room; there were 30 of each", report.Pushes, report.Broadcasts)
	}
	if noProcess == "" && (report.Server == nil || report.Server.Before <= 0 || *report.Ramp.ServerEach <= 0 || report.LoadBytes <= 0) {
		t.Errorf("the server's process is not told of: %+v", report)
	}
}

func TestEchoFindsOutWhatAnswers(t *testing.T) {
	for event, want := range map[string]string{"reply": AnswerReply, "push": AnswerPush, "broadcast": AnswerBroadcast, "all": AnswerReply} {
		r := start(t, nil)
		report := r.measure(t, Config{Kind: Echo, Topic: "rooms:{n}", Event: event, Conns: 5, Count: 100})
		if report.AnsweredBy != want {
			t.Errorf("%s: answered by a %q", event, report.AnsweredBy)
		}
		if report.Measured.Count != 100 || report.Measured.Latency.Count != 100 || r.events.Load() < 101 {
			t.Errorf("%s: measured %+v, handled %d, want 100 and the trial", event, report.Measured, r.events.Load())
		}
		if report.Broadcasts > 5 && event != "all" {
			t.Errorf("%s: %d broadcasts are said to be of others", event, report.Broadcasts)
		}
	}
}

func TestEchoForATime(t *testing.T) {
	r := start(t, nil)
	report := r.measure(t, Config{Kind: Echo, Event: "reply", Answer: AnswerReply, Conns: 3, Duration: 50 * time.Millisecond, Warmup: 20 * time.Millisecond, Payload: `{"say":"hi"}`})
	if m := report.Measured; m.Count == 0 || m.Count != m.Latency.Count || m.Seconds < 0.05 || m.Count >= r.events.Load() {
		t.Errorf("measured %+v of %d events", m, r.events.Load())
	}
	if report.PayloadBytes != len(`{"say":"hi"}`) {
		t.Errorf("the payload has %d bytes", report.PayloadBytes)
	}
}

func TestEchoThatFails(t *testing.T) {
	r := start(t, nil)
	report, err := r.run(t, Config{Kind: Echo, Event: "sometimes", Conns: 2, Count: 100})
	if err != nil {
		t.Fatal(err)
	}
	const kind = `a reply with the status "error": "no more soup"`
	if n := report.Errors[kind]; n < 30 || report.Measured.Count != 100 || report.Err() == nil {
		t.Errorf("%d errors of the kind expected: %v", n, report.Errors)
	}
	// A channel that crashes is the end of its connection's load.
	report, err = start(t, nil).run(t, Config{Kind: Echo, Event: "crash", Conns: 1, Count: 100, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	if report.Errors[`phx_error: "channel_crash"`] != 1 || report.Errors["no answer within 2s"] != 1 {
		t.Errorf("got %v", report.Errors)
	}
}

func TestFanout(t *testing.T) {
	for _, event := range []string{"broadcast", "secret", "from"} {
		r := start(t, nil)
		report := r.measure(t, Config{Kind: Fanout, Event: event, Conns: 10, Count: 40, Burst: 4})
		want := int64(40 * 10)
		if report.Sent != 40 || report.Measured.Latency.Count != want || report.Connections != 11 {
			t.Errorf("%s: %d pushes, %+v", event, report.Sent, report.Measured.Latency)
		}
		// The sender's own come as well, but nobody waits for the last of them.
		if n := report.Measured.Count; event == "from" && n != want || n < want || n > want+48 {
			t.Errorf("%s: %d deliveries, want %d and those to the sender", event, n, want)
		}
		if r.events.Load() != 44 {
			t.Errorf("%s: %d events, want 44 with the trial's burst", event, r.events.Load())
		}
	}
	report := start(t, nil).measure(t, Config{Kind: Fanout, Event: "broadcast", Conns: 3, Duration: 50 * time.Millisecond, Warmup: 10 * time.Millisecond, Every: time.Millisecond})
	if m := report.Measured; m.Latency.Count != 3*report.Sent || report.Sent == 0 || report.Sent > 52 {
		t.Errorf("%d pushes, once a millisecond: %+v", report.Sent, m)
	}
}

func TestChurn(t *testing.T) {
	r := start(t, nil)
	report := r.measure(t, Config{Kind: Churn, Topic: "rooms:{n}", Conns: 4, Count: 60})
	if report.Measured.Count != 60 || report.Measured.Latency.Count != 60 || r.joins.Load() < 64 || r.left.Load() < 60 {
		t.Errorf("measured %+v; %d joins, %d leaves", report.Measured, r.joins.Load(), r.left.Load())
	}
	r = start(t, nil)
	report = r.measure(t, Config{Kind: Churn, Conns: 4, Count: 60, Reconnect: true, Warmup: 10 * time.Millisecond})
	if report.Connections != 4 || report.Measured.Count != 60 || report.Measured.Latency.Count != 60 || r.joins.Load() < 61 || report.Connect.Count < 61 {
		t.Errorf("measured %+v; %d joins, %+v", report.Measured, r.joins.Load(), report.Connect)
	}
}

// TestRateOfReconnects: the 21st connection comes no earlier than its time.
func TestRateOfReconnects(t *testing.T) {
	report := start(t, nil).measure(t, Config{Kind: Churn, Conns: 4, Count: 20, Reconnect: true, Rate: 100})
	if report.Measured.Seconds < 0.15 {
		t.Errorf("20 connections, 100 in a second, took %v s", report.Measured.Seconds)
	}
}

// listener is a scene that notes the heartbeats' replies.
type listener chan string

func (l listener) take(_ *member, s sort, data []byte) bool {
	if s == sortHeartbeat {
		l <- string(data)
	}
	return false
}

func (listener) play(context.Context) error { return nil }

// TestHeartbeat makes a connection look as if it had long sent nothing.
func TestHeartbeat(t *testing.T) {
	cfg := Config{Kind: Connect, URL: start(t, nil).server.Socket, Topic: "rooms:lobby", Conns: 1, Timeout: patience}
	if err := cfg.fill(); err != nil {
		t.Fatal(err)
	}
	r, err := newRun(cfg)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(listener, 16)
	r.scene = heard
	if err := r.add(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	r.all()[0].wrote.Store(-int64(beat))
	stop := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() { r.keep(stop) })
	if got := <-heard; !isOK([]byte(got)) {
		t.Errorf("the answer is %s", got)
	}
	close(stop)
	keeper.Wait()
	r.closeAll()
	if all := r.faults.all(); len(all) > 0 {
		t.Errorf("told are %v", all)
	}
}

// TestTheServerGoes shuts the server down in the middle of each kind of load.
func TestTheServerGoes(t *testing.T) {
	for _, c := range []struct {
		Config
		joins int64 // at so many it goes, or at the 100th event
	}{
		{Config{Kind: Echo, Event: "reply", Answer: AnswerReply}, 0},
		{Config{Kind: Fanout, Event: "broadcast"}, 0},
		{Config{Kind: Churn, Reconnect: true}, 100},
		{Config{Kind: Churn}, 100},
		{Config{Kind: Connect, Hold: time.Hour}, 10},
		{Config{Kind: Connect, Hold: time.Hour}, 5},
	} {
		cfg := c.Config
		cfg.Conns, cfg.Count, cfg.RunFor = 10, 1<<30, 5*time.Minute
		t.Run(cfg.Kind, func(t *testing.T) {
			var gone sync.WaitGroup
			defer gone.Wait()
			var r *room
			end := func() {
				gone.Go(func() {
					if err := r.server.Shutdown(context.Background()); err != nil {
						t.Errorf("shutdown: %v", err)
					}
				})
			}
			r = start(t, func(r *room) { r.at, r.atJoin, r.then = 100, c.joins, end })
			report, err := r.run(t, cfg)
			if err != nil {
				t.Fatal(err)
			}
			if report.Err() == nil || report.Ended != "" {
				t.Errorf("errors %v, ended by %q", report.Errors, report.Ended)
			}
		})
	}
}

func TestEndsEarly(t *testing.T) {
	r := start(t, nil)
	report, err := r.run(t, Config{Kind: Echo, Event: "reply", Duration: time.Hour, RunFor: 300 * time.Millisecond, Conns: 2})
	if err != nil || report.Ended != "run-for" || report.Err() != nil || report.Measured == nil || report.Measured.Count == 0 {
		t.Errorf("got %+v, error %v", report, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r = start(t, func(r *room) { r.at, r.then = 50, cancel })
	report, err = Config{Kind: Echo, URL: r.server.Socket, Topic: "rooms:a", Event: "reply", Duration: time.Hour, Warmup: -1, Conns: 2}.Run(ctx)
	if err != nil || report.Ended != "interrupted" || report.Err() != nil || report.Measured.Count < 10 {
		t.Errorf("got %+v, error %v", report, err)
	}
	// In the middle of a ramp that would take for ever.
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	report, err = Config{Kind: Connect, URL: r.server.Socket, Topic: "rooms:a", Rate: 50, Conns: 10_000}.Run(ctx)
	if err != nil || report.Ended != "interrupted" || report.Err() != nil || report.Connections == 0 || report.Connections > 100 || report.Hold != nil {
		t.Errorf("got %+v, error %v", report, err)
	}
}

func TestTheFirstConnectionSaysWhy(t *testing.T) {
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer refuses.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	r := start(t, nil)
	var running sync.WaitGroup // at once, since some wait for what does not come
	defer running.Wait()
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Kind: Connect, URL: refuses.URL}, "connect " + refuses.URL + ": refused with HTTP status 403: what a client has to send"},
		{Config{Kind: Connect, URL: gone.URL}, "nobody listens there; start the server"},
		{Config{Kind: Connect, URL: r.server.URL + "/nowhere"}, "refused with HTTP status 404: is that where its socket is?"},
		{Config{Kind: Connect, Topic: "rooms:refuse"}, `join rooms:refuse at ` + r.server.Socket + `: answered by a reply with the status "error": "who are you?": choose the topic`},
		{Config{Kind: Connect, Topic: "elsewhere"}, `"unmatched topic": choose the topic`},
		{Config{Kind: Connect, Topic: "rooms:ignore", Timeout: patience}, "no answer within 2s: a channel may leave a join unanswered"},
		{Config{Kind: Echo, Event: "silent", Conns: 2, Timeout: patience}, "nothing answered the first silent within 2s: choose an --event"},
		{Config{Kind: Echo, Event: "refuse", Conns: 2}, `the first refuse was not answered as an echo is (a reply with the status "error": "no more soup")`},
		{Config{Kind: Echo, Event: "broadcast", Conns: 2}, "broadcast is broadcast to all 2 connections"},
		{Config{Kind: Fanout, Event: "silent", Conns: 2, Timeout: patience}, "nobody received the first silent within 2s: choose an --event"},
		{Config{Kind: Fanout, Event: "refuse", Conns: 2, Timeout: patience}, `answered by a reply with the status "error": "no more soup": choose`},
	} {
		orElse(&c.cfg.URL, r.server.Socket)
		orElse(&c.cfg.Topic, "rooms:lobby")
		running.Go(func() {
			report, err := c.cfg.Run(t.Context())
			if report != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestWrongInput(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Kind: "soup"}, `there is no load "soup": there are connect, echo, fanout, churn`},
		{Config{Kind: Connect, URL: "localhost:4000"}, "is not the URL of a socket; write it like ws://"},
		{Config{Kind: Connect, Conns: -1}, "--conns -1"},
		{Config{Kind: Connect, Rate: -1}, "--rate -1"},
		{Config{Kind: Connect, AtOnce: 5000}, "--at-once 5000"},
		{Config{Kind: Connect, Timeout: -time.Second}, "--timeout -1s"},
		{Config{Kind: Echo, Count: -1}, "--count -1"},
		{Config{Kind: Fanout, Burst: 5000}, "--burst 5000"},
		{Config{Kind: Fanout, Topic: "rooms:{n}"}, "in a fan-out all join one topic"},
		{Config{Kind: Connect, Topic: "a\nb"}, "--topic"},
		{Config{Kind: Echo, Event: "phx_join"}, "such events are the protocol's"},
		{Config{Kind: Echo, Event: strings.Repeat("x", 256)}, "--event"},
		{Config{Kind: Echo, Answer: "maybe"}, "--answer maybe"},
		{Config{Kind: Echo, Size: 5}, `the smallest payload, {"body":""}, has 11 bytes`},
		{Config{Kind: Echo, Size: 50, Payload: "{}"}, "--size and --payload: give one"},
		{Config{Kind: Echo, Payload: "[1]"}, "--payload [1]"},
		{Config{Kind: Connect, Params: "{"}, "--params {"},
		{Config{Kind: Connect, From: []string{"home"}}, "--from home: that is not an IP address"},
		{Config{Kind: Connect, From: []string{"192.0.2.1"}}, "--from 192.0.2.1: that is not an address of this machine"},
		{Config{Kind: Connect, PID: -1}, "--pid -1"},
		{Config{Kind: Connect, PID: 1 << 30}, "--pid 1073741824"},
	} {
		report, err := c.cfg.Run(t.Context())
		var input *InputError
		if report != nil || !errors.As(err, &input) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v\nwant %s", err, c.want)
		}
	}
	if _, err := (Config{Kind: Connect, From: []string{"127.0.0.1"}, Conns: 1 << 40}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "raise the hard limit") {
		if runtime.GOOS != "windows" {
			t.Errorf("more connections than files: got %v", err)
		}
	}
}

// TestReportInJSON has every name that programs rely on.
func TestReportInJSON(t *testing.T) {
	report := start(t, nil).measure(t, Config{Kind: Echo, Event: "reply", Conns: 1, Count: 3})
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"load", "url", "topic", "event", "payload_bytes", "answered_by", "connections", "other_broadcasts", "other_pushes", "errors",
		"ramp.what", "ramp.seconds", "ramp.count", "ramp.per_second", "connect_latency_us.p50", "join_latency_us.p99_9",
		"measured.what", "measured.count", "measured.latency_us.max", "measured.latency_us.mean",
	} {
		var at any = got
		for name := range strings.SplitSeq(path, ".") {
			inner, _ := at.(map[string]any)
			at = inner[name]
		}
		if at == nil {
			t.Errorf("%s is missing in %s", path, text)
		}
	}
}

// TestMeasuresNoStart: a server that has just been started lets connections wait
// until it has compiled its plugins. What that takes, in time and memory, was told
// as that of the connections.
func TestMeasuresNoStart(t *testing.T) {
	r := start(t, nil)
	var met atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		met.Add(1)
		r.server.ServeHTTP(w, req)
	}))
	defer front.Close()
	report, err := Config{Kind: Connect, URL: front.URL + "/socket", Topic: "rooms:a", Conns: 2, Hold: time.Millisecond, Timeout: 30 * time.Second}.Run(t.Context())
	if err != nil || report.Err() != nil {
		t.Fatal(err, report)
	}
	if met.Load() != 3 || r.joins.Load() != 2 || report.Connect.Count != 2 {
		t.Errorf("%d connections, %d joins, %d told; want one connection before the two that are measured, which joins nothing", met.Load(), r.joins.Load(), report.Connect.Count)
	}
}

// TestWaitsForItsProcess: "chhost serve & chhost load --pid $!" was refused by a
// server that did not listen yet.
func TestWaitsForItsProcess(t *testing.T) {
	if noProcess != "" {
		t.Skip(noProcess)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	r := start(t, nil)
	front := &http.Server{Handler: r.server}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer front.Close()
	refused := make(chan struct{}) // as it is now
	serving.Go(func() {
		<-refused
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		_ = front.Serve(l) // ends with the test
	})
	if _, err := net.Dial("tcp", address); err == nil {
		t.Fatal("somebody listens there")
	}
	time.AfterFunc(20*time.Millisecond, func() { close(refused) })
	report, err := Config{Kind: Connect, URL: "ws://" + address + "/socket", Topic: "rooms:a", Conns: 2, Hold: time.Millisecond, PID: os.Getpid(), Timeout: 30 * time.Second}.Run(t.Context())
	if err != nil || report.Connections != 2 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestNoTLS says what to write instead.
func TestNoTLS(t *testing.T) {
	r := start(t, nil)
	_, err := Config{Kind: Connect, URL: strings.Replace(r.server.Socket, "ws:", "wss:", 1), Topic: "rooms:a", Timeout: 30 * time.Second}.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no TLS is spoken there; write ws:// for wss://") {
		t.Errorf("got %v", err)
	}
}
