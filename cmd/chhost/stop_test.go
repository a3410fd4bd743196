//go:build unix

package main

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// child is the command as a process of its own.
type child struct {
	*exec.Cmd
	t      *testing.T
	stdout *bufio.Reader
	stderr *strings.Builder
}

// launch starts the built command with a plugin and waits until it listens.
func launch(t *testing.T, env []string, files []*os.File, args ...string) *child {
	t.Helper()
	dir := t.TempDir()
	food := filepath.Join(dir, "food.wasm")
	if err := os.WriteFile(food, hosttest.Guest(t, "plugins/food"), 0o644); err != nil {
		t.Fatal(err)
	}
	command := filepath.Join(dir, "chhost")
	build := exec.Command("go", "build", "-o", command, "./cmd/chhost")
	build.Dir = hosttest.Root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	args = append([]string{"serve", "--route", "foods:*=" + food, "--addr", "127.0.0.1:0", "--cache", hosttest.CacheDir(t, "compiled")}, args...)
	p := &child{Cmd: exec.Command(command, args...), t: t, stderr: &strings.Builder{}}
	p.Env, p.ExtraFiles, p.Stderr = append(os.Environ(), env...), files, p.stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	p.stdout = bufio.NewReader(out)
	return p
}

func (p *child) address() string {
	p.t.Helper()
	line, err := p.stdout.ReadString('\n')
	m := urlForm.FindStringSubmatch(line)
	if m == nil {
		_ = p.Wait()
		p.t.Fatalf("it does not say where it listens: %q, %v\n%s", line, err, p.stderr)
	}
	return m[1]
}

func (p *child) signal(s os.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// end waits for the process, and returns its exit code, -1 if a signal ended it.
func (p *child) end() int {
	p.t.Helper()
	kill := time.AfterFunc(2*time.Minute, func() { _ = p.Process.Kill() })
	defer kill.Stop()
	_ = p.Wait()
	return p.ProcessState.ExitCode()
}

// The first SIGTERM ends the server in peace: its clients see 1012, and the exit
// code is 0.
func TestSIGTERM(t *testing.T) {
	p := launch(t, nil, nil)
	ch := joinOn(t, p.address(), "foods:all", `{}`)
	p.signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		_, err := ch.Receive(ctx)
		if err == nil {
			continue
		}
		if closed, ok := err.(*phxclient.CloseError); !ok || closed.Code != 1012 {
			t.Errorf("the client saw %v", err)
		}
		break
	}
	if code := p.end(); code != exitOK {
		t.Errorf("the exit code is %d\n%s", code, p.stderr)
	}
}

// The second one ends it at once, and the exit code says so.
func TestTheSecondSignal(t *testing.T) {
	p := launch(t, nil, nil, "--drain-delay", "1h", "--grace", "2h")
	address := p.address()
	joinOn(t, address, "foods:all", `{}`)
	p.signal(syscall.SIGTERM)
	for {
		if status, _ := get(t, "http://"+address+"/readyz"); status == 503 {
			break
		}
	}
	if status, _ := get(t, "http://"+address+"/healthz"); status != 200 {
		t.Errorf("/healthz is %d during the delay", status)
	}
	joinOn(t, address, "foods:all", `{}`) // is still let in
	p.signal(syscall.SIGTERM)
	if code := p.end(); code == exitOK {
		t.Errorf("the exit code is 0\n%s", p.stderr)
	} else if status, ok := p.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() != syscall.SIGTERM {
		t.Errorf("it was ended by %v\n%s", status.Signal(), p.stderr)
	}
}

// systemd hears that the server is ready, that it is alive, and that it stops.
func TestTheServiceManagerIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	next := func() string {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		buf := make([]byte, 256)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	p := launch(t, []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=20000"}, nil)
	p.address()
	for _, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1"} {
		if got := next(); got != want {
			t.Errorf("the state is %q, want %q", got, want)
		}
	}
	p.signal(syscall.SIGINT)
	for next() != "STOPPING=1" {
	}
	if code := p.end(); code != exitOK {
		t.Errorf("the exit code is %d\n%s", code, p.stderr)
	}
}

// TestThePassedSocketIsServed guards that a socket of a .socket unit is taken over.
// LISTEN_PID has to be the id of the command, which a shell that becomes it knows.
func TestThePassedSocketIsServed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_ = l.Close()
	p := launch(t, nil, nil)
	p.address()
	p.signal(syscall.SIGTERM)
	p.end()
	q := &child{Cmd: exec.Command("/bin/sh", append([]string{"-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"`}, p.Args...)...), t: t, stderr: &strings.Builder{}}
	q.ExtraFiles, q.Stderr = []*os.File{file}, q.stderr
	out, err := q.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Process.Kill() })
	q.stdout = bufio.NewReader(out)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if got := q.address(); !strings.HasSuffix(got, ":"+port) {
		t.Errorf("it listens on %s, not on port %s", got, port)
	}
	joinOn(t, l.Addr().String(), "foods:all", `{}`)
	q.signal(syscall.SIGTERM)
	if code := q.end(); code != exitOK {
		t.Errorf("the exit code is %d\n%s", code, q.stderr)
	}
}
