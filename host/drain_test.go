package host_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/socket"
)

func status(t *testing.T, url string) int {
	t.Helper()
	client := http.Client{Timeout: channeltest.Deadline, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// A host that is asked to end says so at /readyz first, and goes on with
// everything; after the delay nothing new is let in, and all that was is told to
// come back. The clients' channels get their leave, and what it broadcasts still
// goes out to the other nodes.
func TestDrain(t *testing.T) {
	const clients = 100
	leaves := make(chan channel.LeaveKind, clients+1)
	server := hosttest.Start(t, host.Config{
		DrainDelay: 300 * time.Millisecond, DrainWindow: 200 * time.Millisecond,
		Routes: []host.Route{{Pattern: "*", Handler: open(leaves)}},
	})
	if ready, alive := status(t, server.URL+"/readyz"), status(t, server.URL+"/healthz"); ready != 200 || alive != 200 {
		t.Fatalf("before: /readyz %d, /healthz %d", ready, alive)
	}
	var wires []*wire
	for range clients {
		w := dial(t, server, phxclient.Options{})
		w.join("t")
		wires = append(wires, w)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	go func() { ended <- server.Shutdown(ctx) }()
	channeltest.Eventually(t, "/readyz is 503", func() bool { return !server.Ready() })
	w := httptest.NewRecorder()
	if server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("/readyz is %d", w.Code)
	} else if w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("/readyz may be kept: %v", w.Header())
	}
	// As long as the delay is not over, which a slow machine may not notice in time.
	if conn, err := phxclient.Dial(ctx, server.Socket, phxclient.Options{}); err == nil {
		late := &wire{conn, t}
		t.Cleanup(conn.Abort)
		wires = append(wires, late)
	}
	for n, w := range wires {
		_, err := w.Receive(ctx)
		var closed *phxclient.CloseError
		if !errors.As(err, &closed) || closed.Code != socket.CloseServiceRestart {
			t.Fatalf("client %d saw %v, not the close code 1012", n, err)
		}
		w.Abort()
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for range clients {
		if kind := <-leaves; kind != channel.LeaveShutdown {
			t.Errorf("leave was told %d", kind)
		}
	}
	if server.Ready() || server.Alive() {
		t.Error("a host that has ended says that it is ready, or alive")
	}
}

// TestNothingNewDuringTheWindow guards that a host refuses new sockets while it
// closes the others, and is still alive for whoever asks.
func TestNothingNewDuringTheWindow(t *testing.T) {
	var left atomic.Int32
	resume := make(chan struct{})
	slow := channel.Funcs{
		JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
		LeaveFunc: func(context.Context, *channel.Event) (channel.Result, error) {
			left.Add(1)
			<-resume
			return channel.Result{}, nil
		},
	}.Handler()
	server := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Handler: slow}}, Hosts: []string{"chat.example"}})
	w := dial(t, server, phxclient.Options{})
	w.join("t")
	ended := make(chan error, 1)
	go func() { ended <- server.Shutdown(context.Background()) }()
	channeltest.Eventually(t, "leave is called", func() bool { return left.Load() == 1 })
	for path, want := range map[string]int{"/readyz": 503, "/healthz": 200, "/socket/websocket": 503, "/": 503} {
		if got := status(t, server.URL+path); got != want {
			t.Errorf("%s is %d, want %d", path, got, want)
		}
	}
	foreign := httptest.NewRecorder()
	if server.ServeHTTP(foreign, httptest.NewRequest(http.MethodGet, "http://evil.example/healthz", nil)); foreign.Code != http.StatusForbidden {
		t.Errorf("a name that is not the host's is answered %d", foreign.Code)
	}
	close(resume)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestTheDelayEndsWithTheGrace guards that a long delay does not outlast Run's
// patience.
func TestTheDelayEndsWithTheGrace(t *testing.T) {
	h, err := host.New(host.Config{DrainDelay: time.Hour, Grace: 20 * time.Millisecond, Routes: []host.Route{{Pattern: "*", Handler: open(nil)}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	channeltest.Eventually(t, "Run serves", h.Ready)
	cancel()
	<-ended // whatever it says: the delay was cut off, or all of the shutdown
}

// TestDrainAnswers guards that a client is told the answers to what the host has
// taken from it, and only then to come back: a shutdown used to drop those that
// handlers were still at work on, over both transports.
func TestDrainAnswers(t *testing.T) {
	for name, o := range map[string]phxclient.Options{"websocket": {}, "longpoll": {LongPoll: true}} {
		t.Run(name, func(t *testing.T) {
			entered, resume := make(chan struct{}), make(chan struct{})
			slow := channel.Funcs{
				JoinFunc: func(context.Context, *channel.Event) (channel.Result, error) { return channel.Result{}, nil },
				HandleInFunc: func(_ context.Context, ev *channel.Event) (channel.Result, error) {
					entered <- struct{}{}
					<-resume
					return channel.Result{Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}}, nil
				},
			}.Handler()
			s := hosttest.Start(t, host.Config{Routes: []host.Route{{Pattern: "*", Handler: slow}}})
			idle, w := dial(t, s, o), dial(t, s, o)
			w.join("t")
			w.send(`["1","2","t","slow",{"n":1}]`)
			<-entered
			ended := make(chan error, 1)
			go func() { ended <- s.Shutdown(context.Background()) }()
			if code := idle.code(); code != socket.CloseServiceRestart {
				t.Errorf("who has nothing to wait for is told %d, want 1012", code)
			}
			idle.Abort()
			close(resume)
			w.expect(`["1","2","t","phx_reply",{"status":"ok","response":{"n":1}}]`)
			if code := w.code(); code != socket.CloseServiceRestart {
				t.Errorf("the code is %d, want 1012", code)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
