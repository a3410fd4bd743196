package host_test

import (
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// scrape reads a page of metrics, and fails if it is not in the format: each of the
// host's metrics has help and a type, and no sample is there twice.
func scrape(t *testing.T, h *host.Host, path string) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	h.Metrics().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%s: %d %v %v", path, w.Code, w.Header(), err)
	}
	comment := regexp.MustCompile(`^# (HELP|TYPE) (\S+) (.+)$`)
	sample := regexp.MustCompile(`^([a-z_][a-z0-9_]*)(\{[^ ]*\})? (\S+)$`)
	described, samples := make(map[string]int), make(map[string]float64)
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSuffix(line, "\n")
		if m := comment.FindStringSubmatch(line); m != nil {
			described[m[2]]++
			continue
		}
		if strings.HasPrefix(line, "go_") || strings.HasPrefix(line, "process_") {
			name, value, _ := strings.Cut(line, " ")
			samples[name], _ = strconv.ParseFloat(value, 64)
			continue // the library's
		}
		m := sample.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%s: no sample: %q", path, line)
		}
		family := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(m[1], "")
		if described[m[1]] != 2 && described[family] != 2 {
			t.Errorf("%s has no help and type, or more of them", m[1])
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if _, twice := samples[m[1]+m[2]]; twice || err != nil {
			t.Errorf("%s: twice, or no number: %v", line, err)
		}
		samples[m[1]+m[2]] = value
	}
	return samples
}

// expectSamples waits until the page says so.
func expectSamples(t *testing.T, h *host.Host, path string, want map[string]float64) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		got := scrape(t, h, path)
		var wrong []string
		for name, value := range want {
			if n, ok := got[name]; !ok || n != value {
				wrong = append(wrong, fmt.Sprintf("%s is %v, want %v", name, n, value))
			}
		}
		if len(wrong) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s:\n%s", path, strings.Join(wrong, "\n"))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestMetrics(t *testing.T) {
	module, err := os.ReadFile("../testdata/guests/served/echo.wasm")
	if err != nil {
		t.Fatal(err)
	}
	echo := &host.Plugin{Name: "echo", Module: module}
	s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "private:*", Plugin: echo}}})
	expectSamples(t, s.Host, "/metrics", map[string]float64{
		"chhost_ready": 1, "chhost_channels": 0, "chhost_joins_total": 0, `chhost_connections{transport="websocket"}`: 0,
		"chhost_compile_duration_seconds_count": 1, `chhost_compile_duration_seconds_bucket{le="+Inf"}`: 1, "chhost_compiles_failed_total": 0,
	})
	ws := s.Connect(t, phxclient.ClientOptions{})
	poll := s.Connect(t, phxclient.ClientOptions{Options: phxclient.Options{LongPoll: true}})
	payload := phx.Payload{}
	for _, client := range []*phxclient.Client{ws, poll} {
		c, _, err := client.Join(t.Context(), "private:eve", payload)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := c.Push(t.Context(), "secret", payload); err != nil {
				t.Fatal(err)
			}
		}
	}
	open := map[string]float64{
		`chhost_connections{transport="websocket"}`: 1, `chhost_connections{transport="longpoll"}`: 1,
		`chhost_connections_accepted_total{transport="longpoll"}`: 1,
		"chhost_channels": 2, "chhost_joins_total": 2,
		`chhost_callback_duration_seconds_count{callback="join"}`: 2, `chhost_callbacks_total{callback="handle_in"}`: 20, `chhost_callbacks_total{callback="join"}`: 2,
	}
	expectSamples(t, s.Host, "/metrics", open)
	expectSamples(t, s.Host, "/tenant-metrics", map[string]float64{
		`chhost_tenant_channels{tenant="default"}`: 2, `chhost_tenant_joins_total{tenant="default"}`: 2,
	})
	page := scrape(t, s.Host, "/metrics")
	for _, name := range []string{"chhost_fuel_total", "chhost_guest_memory_bytes", "chhost_received_bytes_total", "chhost_sent_bytes_total", "go_goroutines",
		`chhost_callback_duration_seconds_sum{callback="handle_in"}`} {
		if page[name] <= 0 {
			t.Errorf("%s is %v", name, page[name])
		}
	}
	for _, name := range []string{"chhost_frames_received_total", "chhost_frames_sent_total"} { // heartbeats besides
		if page[name] < 22 || page[name] > 100 {
			t.Errorf("%s is %v", name, page[name])
		}
	}
	for name := range page {
		if strings.Contains(name, "private") || strings.Contains(name, "secret") || strings.Contains(name, "tenant=") || strings.Contains(name, "127.0.0.1") {
			t.Errorf("a series for each topic, event, tenant or client: %s", name)
		}
	}
	ws.Close()
	poll.Close()
	expectSamples(t, s.Host, "/metrics", map[string]float64{
		`chhost_connections{transport="websocket"}`: 0, `chhost_connections{transport="longpoll"}`: 0, `chhost_connections_accepted_total{transport="websocket"}`: 1,
		"chhost_channels": 0, "chhost_joins_total": 2,
	})
}

// Nothing but the two pages is served, and they are only to be read.
func TestMetricsServesNothingElse(t *testing.T) {
	h, err := host.New(host.Config{RoutesOptional: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Shutdown(t.Context()) }()
	for request, code := range map[string]int{"GET /": 404, "POST /metrics": 405, "GET /metrics/x": 404, "HEAD /metrics": 200, "GET /socket/websocket": 404} {
		method, path, _ := strings.Cut(request, " ")
		w := httptest.NewRecorder()
		h.Metrics().ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if w.Code != code {
			t.Errorf("%s: %d, want %d", request, w.Code, code)
		}
	}
	if page := scrape(t, h, "/metrics"); page["chhost_ready"] != 0 {
		t.Error("a host that does not run is ready")
	}
}
