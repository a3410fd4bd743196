package websocket_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest"
)

// The benchmarks of this file are of whole servers, each a process of its own that
// `chhost load`, another process, puts under load over loopback. One run of a
// benchmark measures the floor and then the host; `make bench` makes five of them.
// CPU and memory are those of the server's process, as the operating system counts
// them.

// roleVariable makes the test binary something else than the runner of its tests.
const roleVariable = "CHHOST_TEST_ROLE"

// roleNative is a host whose handler does in Go what the plugin load-c does. The
// other roles are the floors.
const roleNative = "native"

// play is what the test binary does in a role. All roles end when their standard
// input does, as it does when the parent has died, however that came about.
func play(role string) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("pid %d\nlistening on http://%s\n", os.Getpid(), l.Addr())
	if role == roleNative {
		h, err := host.New(host.Config{Listener: l, Routes: []host.Route{{Pattern: "rooms:*", Handler: likeLoadC()}}})
		if err != nil {
			return err
		}
		return h.Run(ctx)
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	err = http.Serve(l, newFloor(role))
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// serverC is `chhost serve` with testdata/plugins/load-c: the host as it is shipped,
// its logic in a guest. The other kinds of servers are roles of the test binary.
const serverC = "c"

// process is a server that runs until the benchmark ends, however it does.
type process struct{ *hosttest.Process }

// startServer starts a server of a kind on a free port of loopback.
func startServer(b *testing.B, kind string) process {
	b.Helper()
	if kind == serverC {
		return process{hosttest.ServeLoadC(b)}
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVariable+"="+kind)
	return process{hosttest.StartProcess(b, cmd)}
}

// load puts the server under a kind of load and returns the report.
func (p process) load(b *testing.B, kind string, args ...string) report {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	args = append([]string{"load", kind, "ws://" + p.Address + "/socket", "--json", "--pid", p.PID, "--topic", "rooms:bench"}, args...)
	cmd := exec.CommandContext(ctx, hosttest.Command(b), args...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, complaints.Bytes(), out)
	}
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		b.Fatalf("the report %s: %v", out, err)
	}
	return r
}

// report is what of the JSON of `chhost load` is used here.
type report struct {
	Measured struct {
		CPU       float64 `json:"server_cpu_us_each"`
		PerSecond float64 `json:"per_second"`
	} `json:"measured"`
	Server struct {
		Bytes float64 `json:"rss_bytes_per_connection"`
	} `json:"server"`
}

// cpu reports the server's time on the processors for each unit of what was
// measured.
func (r *report) cpu(b *testing.B, unit string) {
	if r.Measured.CPU <= 0 {
		b.Skip("the CPU of another process is not known on this system")
	}
	b.ReportMetric(r.Measured.CPU, "cpu-µs/"+unit)
}

// onEach runs a benchmark against a fresh server of each kind.
func onEach(b *testing.B, kinds []string, measure func(b *testing.B, p process)) {
	for _, kind := range kinds {
		name := kind
		if kind == floorEcho || kind == floorFanOut {
			name = "floor"
		}
		b.Run(name, func(b *testing.B) { measure(b, startServer(b, kind)) })
	}
}

// BenchmarkServerEcho is an event of 128 bytes and its reply.
func BenchmarkServerEcho(b *testing.B) {
	onEach(b, []string{floorEcho, serverC, roleNative}, func(b *testing.B, p process) {
		r := p.load(b, "echo", "--event", "echo", "--conns", "100", "--count", "30000", "--warmup", "200ms")
		r.cpu(b, "echo")
	})
}

// Subscribers of the fan-outs.
const benchSubscribers = 1000

func (p process) fanOut(b *testing.B, event string, pushes int, args ...string) {
	b.Helper()
	args = append([]string{"--event", event, "--conns", strconv.Itoa(benchSubscribers), "--count", strconv.Itoa(pushes), "--warmup", "200ms"}, args...)
	r := p.load(b, "fanout", args...)
	r.cpu(b, "delivery")
}

// BenchmarkServerFanOut is a broadcast of 128 bytes, one after the other: no frame
// waits for another.
func BenchmarkServerFanOut(b *testing.B) {
	onEach(b, []string{floorFanOut, serverC, roleNative}, func(b *testing.B, p process) { p.fanOut(b, "say", 100) })
}

// BenchmarkServerBurst is sixteen broadcasts at once.
func BenchmarkServerBurst(b *testing.B) {
	onEach(b, []string{floorFanOut, serverC}, func(b *testing.B, p process) { p.fanOut(b, "say", 160, "--burst", "16") })
}

// BenchmarkServerIntercept is the broadcast of BenchmarkServerFanOut, plain and
// through handle_out of each subscriber.
func BenchmarkServerIntercept(b *testing.B) {
	for _, event := range []string{"say", "pass", "edit"} {
		b.Run(event, func(b *testing.B) { startServer(b, serverC).fanOut(b, event, 100) })
	}
}

// BenchmarkServerMemory is what idle connections take that have joined one topic.
func BenchmarkServerMemory(b *testing.B) {
	for _, conns := range []int{10_000, 50_000} {
		// Both processes need a file for each connection.
		may := min(conns, openFiles(b)-200)
		b.Run(strconv.Itoa(conns), func(b *testing.B) {
			onEach(b, []string{floorEcho, serverC}, func(b *testing.B, p process) {
				r := p.load(b, "connect", "--conns", strconv.Itoa(may), "--hold", "1s")
				b.ReportMetric(r.Server.Bytes, "B/conn")
				b.ReportMetric(float64(may), "conns")
			})
		})
	}
}

// openFiles is how many files a process may open.
func openFiles(b *testing.B) int {
	b.Helper()
	out, err := exec.Command("sh", "-c", "ulimit -Hn").Output()
	if err != nil {
		b.Skipf("how many files a process may open is not known: %v", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return 1 << 20 // unlimited
	}
	return n
}

// BenchmarkServerJoin is a join and a leave of a connection that stays.
func BenchmarkServerJoin(b *testing.B) {
	onEach(b, []string{serverC}, func(b *testing.B, p process) {
		r := p.load(b, "churn", "--conns", "100", "--count", "30000", "--warmup", "200ms")
		r.cpu(b, "join+leave")
		b.ReportMetric(r.Measured.PerSecond, "joins/s")
	})
}

// BenchmarkServerConnect is a connection that joins and closes.
func BenchmarkServerConnect(b *testing.B) {
	onEach(b, []string{floorEcho, serverC}, func(b *testing.B, p process) {
		r := p.load(b, "churn", "--reconnect", "--conns", "100", "--count", "5000", "--warmup", "200ms")
		r.cpu(b, "connect+join+close")
	})
}
