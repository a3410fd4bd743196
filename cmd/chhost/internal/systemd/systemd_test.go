package systemd

import (
	"context"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFromEnvironment(t *testing.T) {
	for _, tc := range []struct {
		env  string
		want Supervisor
	}{
		{"", Supervisor{}},
		{"NOTIFY_SOCKET=/run/n", Supervisor{Notify: "/run/n"}},
		{"WATCHDOG_USEC=2000000", Supervisor{Watchdog: 2 * time.Second}},
		{"WATCHDOG_USEC=2000000 WATCHDOG_PID=7", Supervisor{Watchdog: 2 * time.Second}},
		{"WATCHDOG_USEC=2000000 WATCHDOG_PID=8", Supervisor{}},
		{"WATCHDOG_USEC=-1", Supervisor{}},
		{"WATCHDOG_USEC=x", Supervisor{}},
		{"LISTEN_FDS=1 LISTEN_PID=7", Supervisor{Sockets: 1}},
		{"LISTEN_FDS=1 LISTEN_PID=8", Supervisor{}},
		{"LISTEN_FDS=1", Supervisor{}},
		{"LISTEN_FDS=x LISTEN_PID=7", Supervisor{}},
	} {
		env := map[string]string{}
		for _, pair := range strings.Fields(tc.env) {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		if got := FromEnvironment(func(name string) string { return env[name] }, 7); got != tc.want {
			t.Errorf("%q was read as %+v, want %+v", tc.env, got, tc.want)
		}
	}
}

// manager is a datagram socket that states are sent to.
type manager struct{ *net.UnixConn }

func newManager(t *testing.T) (manager, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Skipf("there are no datagram sockets with names: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return manager{conn}, path
}

func (m manager) next(t *testing.T) string {
	t.Helper()
	if err := m.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1024)
	n, err := m.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// Ready, then signs of life, also while it stops, and none when it hangs.
func TestAttend(t *testing.T) {
	m, path := newManager(t)
	var alive atomic.Bool
	alive.Store(true)
	var asked atomic.Int32
	ctx, end := context.WithCancel(t.Context())
	stopping, stop := context.WithCancel(ctx)
	attended := make(chan error, 1)
	go func() {
		attended <- Supervisor{Notify: path, Watchdog: 4 * time.Millisecond}.Attend(ctx, stopping, func() bool {
			asked.Add(1)
			return alive.Load()
		})
	}()
	if got := m.next(t); got != "READY=1" {
		t.Errorf("the first state is %q", got)
	}
	for range 3 {
		if got := m.next(t); got != "WATCHDOG=1" {
			t.Errorf("the state is %q", got)
		}
	}
	stop()
	for got := m.next(t); got != "STOPPING=1"; got = m.next(t) {
		if got != "WATCHDOG=1" {
			t.Errorf("the state is %q", got)
		}
	}
	if got := m.next(t); got != "WATCHDOG=1" {
		t.Errorf("while it stops the state is %q", got)
	}
	alive.Store(false)
	for from := asked.Load(); asked.Load() < from+3; { // those under way may still be told
		runtime.Gosched()
	}
	end()
	if err := <-attended; err != nil {
		t.Error(err)
	}
}

// The end tells that it stops, even if nobody has asked it to.
func TestAttendToTheEnd(t *testing.T) {
	m, path := newManager(t)
	ctx, end := context.WithCancel(t.Context())
	attended := make(chan error, 1)
	go func() { attended <- Supervisor{Notify: path}.Attend(ctx, context.Background(), nil) }()
	if got := m.next(t); got != "READY=1" {
		t.Errorf("the state is %q", got)
	}
	end()
	if got := m.next(t); got != "STOPPING=1" {
		t.Errorf("the state is %q", got)
	}
	if err := <-attended; err != nil {
		t.Error(err)
	}
}

func TestNobodyListens(t *testing.T) {
	if err := (Supervisor{}).Attend(context.Background(), context.Background(), nil); err != nil {
		t.Error(err)
	}
	if err := (Supervisor{Notify: filepath.Join(t.TempDir(), "gone")}).Tell("READY=1"); err == nil {
		t.Error("no error where nobody is")
	}
}
