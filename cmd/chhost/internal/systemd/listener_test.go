//go:build unix

package systemd

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// passed returns a file descriptor that nobody else owns, as one is that was passed
// to the process, and closes the file.
func passed(t *testing.T, file *os.File) uintptr {
	t.Helper()
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	return uintptr(fd)
}

func TestListener(t *testing.T) {
	if l, err := (Supervisor{}).Listener(); l != nil || err != nil {
		t.Errorf("without sockets: %v, %v", l, err)
	}
	if _, err := (Supervisor{Sockets: 2}).Listener(); err == nil || !strings.Contains(err.Error(), "ListenStream=") {
		t.Errorf("two sockets: %v", err)
	}
	theirs, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := theirs.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	l, err := Supervisor{Sockets: 1}.listener(passed(t, file))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_ = theirs.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if l, err := (Supervisor{Sockets: 1}).listener(passed(t, w)); err == nil {
		t.Errorf("a pipe was taken for a listener: %v", l)
	}
}
