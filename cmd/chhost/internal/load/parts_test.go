package load

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host/phx"
)

func TestSort(t *testing.T) {
	for text, want := range map[string]sort{
		`["1","1","a","phx_reply",{"status":"ok","response":{}}]`:        sortJoined,
		`["1","1","a","phx_close",{}]`:                                   sortJoined,
		`["1","2","a","phx_reply",{"response":{},"status":"ok"}]`:        sortReply,
		`["1",null,"a","e",{}]`:                                          sortPush,
		`[null,null,"a","e",{}]`:                                         sortBroadcast,
		`[null,"0","phoenix","phx_reply",{"status":"ok","response":{}}]`: sortHeartbeat,
		`[null,"2","a","phx_reply",{"status":"error","response":{}}]`:    sortOther,
		`["1","3","a","phx_reply",{"status":"ok","response":{}}]`:        sortOther,
		`["11","2","a","phx_reply",{"status":"ok","response":{}}]`:       sortOther,
		`{"topic":"a","event":"phx_reply","payload":{},"ref":"1"}`:       sortOther,
		``: sortOther,
	} {
		if got := sortOf(phx.Frame{Data: []byte(text)}); got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
	if got := sortOf(phx.Frame{Data: []byte(`["1","2",`), Binary: true}); got != sortOther {
		t.Errorf("a binary frame: got %d", got)
	}
}

func TestDescribe(t *testing.T) {
	for text, want := range map[string]string{
		`[null,"2","a","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`: `a reply with the status "error": "unmatched topic"`,
		`["1","2","a","phx_reply",{"status":"error","response":{}}]`:                            `a reply with the status "error"`,
		`["1","1","a","phx_error",{"reason":"channel_crash"}]`:                                  `phx_error: "channel_crash"`,
		`["1","1","a","phx_close",{}]`:                                                          `phx_close`,
		`["9",null,"a","soup",{}]`:                                                              `an event "soup" that is nobody's`,
		`{}`:                                                                                    `a frame that is not of version 2 of the protocol`,
	} {
		if got := describe(phx.Frame{Data: []byte(text)}); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestFramesAreOfTheSizeAndNumber(t *testing.T) {
	if got := payloadOf(128); len(got) != 128 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if _, err := phx.Object([]byte(payloadOf(minSize))); err != nil {
		t.Error(err)
	}
	if got := string(message(2, topicOf(`a"{n}`, 7), "<&>", "{}").Data); got != `["1","2","a\"7","<&>",{}]` {
		t.Errorf("got %s", got)
	}
	var wire [2]string
	for i, topic := range []string{"one", "{n}"} {
		cfg := Config{Kind: Echo, Topic: topic}
		if err := cfg.fill(); err != nil {
			t.Fatal(err)
		}
		f := newFrames(&cfg)
		wire[i] = fmt.Sprint(f.pushOf(1), f.joinOf(1), f.leaveOf(1))
		if same := wire[i] == fmt.Sprint(f.pushOf(1), f.joinOf(1), f.leaveOf(1)); same != (topic == "one") {
			t.Errorf("topic %s: are frames shared? %v", topic, same)
		}
	}
}

func TestSources(t *testing.T) {
	for _, c := range []struct {
		host  string
		conns int
		from  string
		want  string // on Linux
	}{
		{"127.0.0.1", 10_000, "", "invalid IP"},
		{"localhost", 50_000, "", "127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.5 127.0.0.6"},
		{"10.1.2.3", 20_000, "", "invalid IP"},
		{"10.1.2.3", 50_000, "", "name more addresses with --from"},
		{"::1", 50_000, "", "name more addresses with --from"},
		{"127.0.0.1", 50_000, "127.0.0.1", "name more addresses with --from"},
		{"127.0.0.1", 20_000, "127.0.0.1", "127.0.0.1"},
	} {
		cfg := Config{}
		if c.from != "" {
			cfg.From = []string{c.from}
		}
		list, err := cfg.sources(c.host, c.conns)
		var got []string
		for _, addr := range list {
			got = append(got, addr.String())
		}
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if runtime.GOOS == "linux" && !strings.HasSuffix(text, c.want) {
			t.Errorf("%d to %s from %q: got %s, want %s", c.conns, c.host, c.from, text, c.want)
		}
	}
	for url, want := range map[string]string{
		"ws://localhost:4000/socket": "localhost", "wss://example.com/socket": "example.com", "ws://[::1]:4000/socket": "::1", "ws://[::1]": "::1",
	} {
		if got := hostOf(url); got != want {
			t.Errorf("%s: got %s", url, got)
		}
	}
}

func TestProcess(t *testing.T) {
	if noProcess != "" {
		if err := checkProcess(os.Getpid(), 1); err == nil || !strings.Contains(err.Error(), runtime.GOOS) {
			t.Errorf("got %v", err)
		}
		return
	}
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline, after := time.Now().Add(time.Minute), before; after-before < 5*time.Millisecond; {
		if after, err = cpuTime(os.Getpid()); err != nil || time.Now().After(deadline) {
			t.Fatalf("this process computed, and its processor time went from %v to %v (error %v)", before, after, err)
		}
	}
	if err := checkProcess(os.Getpid(), 1<<30); err == nil || !strings.Contains(err.Error(), "open files in the server") {
		t.Errorf("a server that may not open as many files: got %v", err)
	}
}

func TestLatencies(t *testing.T) {
	l := newLatencies()
	if l.summary() != nil {
		t.Error("nothing was noted, and something is told")
	}
	var writing sync.WaitGroup
	for n := range 8 {
		writing.Go(func() {
			for i := 1; i <= 1000; i++ {
				l.note(n, time.Duration(i)*time.Millisecond)
			}
		})
	}
	writing.Wait()
	l.note(0, time.Hour)
	got := l.summary()
	near := func(what string, got, want float64) {
		if got < want*0.995 || got > want*1.005 {
			t.Errorf("%s: got %v µs, want %v", what, got, want)
		}
	}
	if got.Count != 8001 {
		t.Errorf("%d are counted", got.Count)
	}
	near("min", got.Min, 1000)
	near("p50", got.P50, 500_000)
	near("p90", got.P90, 900_000)
	near("p99", got.P99, 990_000)
	near("p99.9", got.P999, 1_000_000)
	near("max", got.Max, float64(longest)/1e3)
}

func TestFaultsAreFewKinds(t *testing.T) {
	var f faults
	for i := range 100 {
		f.add(fmt.Sprint(i), 2)
	}
	all := f.all()
	if len(all) != maxKinds+1 || all["others"] != 2*(100-maxKinds) {
		t.Errorf("%d kinds, %d others", len(all), all["others"])
	}
}

func TestTimes(t *testing.T) {
	var all times
	for _, n := range []int64{0, 1<<12 - 1, 1 << 12, maxPushes - 1} {
		if all.of(n) != 0 {
			t.Errorf("push %d was not made", n)
		}
		all.set(n, n+7)
		if all.of(n) != n+7 {
			t.Errorf("push %d: got %d", n, all.of(n))
		}
	}
	if all.of(maxPushes) != 0 {
		t.Error("there cannot be so many pushes")
	}
}

func TestReportForPeople(t *testing.T) {
	us, sum := 12.345, 1.0
	report := &Report{
		Load: Fanout, URL: "ws://a/socket", Topic: "t", Event: "e", PayloadBytes: 12, From: []string{"127.0.0.2"}, Connections: 3, Ended: "interrupted",
		Ramp:     &Stage{What: "connect+join", Seconds: 0.5, Count: 3, PerSecond: 6},
		Hold:     &Stage{What: "hold", Seconds: 5, Count: 3},
		Measured: &Stage{What: "delivery", Seconds: 2, Count: 1000, PerSecond: 500, ServerSeconds: &sum, ServerEach: &us, Latency: &Latency{P50: 1, P90: 20.6, P99: 300, P999: 4000, Max: 50000}},
		Connect:  &Latency{P50: 100, P90: 100, P99: 100, P999: 100, Max: 100},
		Sent:     500, Server: &Server{PID: 1, Before: 10 << 20, After: 12 << 20, Each: 10240}, LoadBytes: 3 << 20, Broadcasts: 1,
		Errors: map[string]int64{"b": 2, "a": 1},
	}
	var b strings.Builder
	if err := report.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if b.String() != wantReport {
		t.Errorf("got\n%s\nwant\n%s", b.String(), wantReport)
	}
	if err := report.Err(); err == nil || err.Error() != "3 errors" {
		t.Errorf("got %v", err)
	}
}

// TestMemoryThatWasThere: 0.0 KiB for each connection was told of a server that had
// memory left from connections before.
func TestMemoryThatWasThere(t *testing.T) {
	report := &Report{Load: Connect, Hold: &Stage{What: "hold", Count: 3}, Connections: 3, Server: &Server{PID: 1, Before: 12 << 20, After: 12 << 20}}
	var b strings.Builder
	if err := report.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Contains(got, "KiB for each") || !strings.Contains(got, "12.0 MiB at the end: the connections took what it had from before; start it anew") {
		t.Error(got)
	}
}

const wantReport = `fanout: 3 connections to ws://a/socket, topic t, e with 12 bytes, from 127.0.0.2

              count  seconds  per second  server CPU, µs each  load CPU, µs each
connect+join      3     0.50           6                    -                  -
hold              3     5.00           -                    -                  -
delivery       1000     2.00         500                12.35                  -

latency, µs  p50  p90  p99  p99.9    max
connect      100  100  100    100    100
delivery       1   21  300   4000  50000

server memory  10.0 MiB before, 12.0 MiB at the end: 10.0 KiB for each connection
load memory    3.0 MiB
pushes         500
also came      1 broadcast and 0 pushes, not of this load
ended early    interrupted
error          1 time a
error          2 times b
`

// TestNothingIsLostBeforeTheMeasurement: without a warm-up the answers that come
// while the connections are still being set going count as well.
func TestNothingIsLostBeforeTheMeasurement(t *testing.T) {
	for warmup, want := range map[time.Duration]int64{-1: 1, time.Hour: 0} {
		c := newCourse(0)
		c.begin(&run{cfg: Config{Warmup: warmup}})
		c.note(0, 1)
		if got := c.count.Load(); got != want {
			t.Errorf("with a warm-up of %v, %d were counted, want %d", warmup, got, want)
		}
	}
}
