//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/chhost/chhost/host/hosttest"
)

// terminal is a command at a terminal of its own, and who sits there.
type terminal struct {
	keys   *os.File // what is written here is typed
	tty    *os.File // the command's side
	cmd    *exec.Cmd
	shows  chan []byte
	screen []byte
	at     int // up to here the screen has been waited for
}

// atTerminal starts chhost at a terminal, with a cache directory of its own.
func atTerminal(t *testing.T, command, cache string, args ...string) *terminal {
	t.Helper()
	s := &terminal{shows: make(chan []byte, 64)}
	s.keys, s.tty = openTerminal(t)
	s.cmd = exec.Command(command, args...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = s.tty, s.tty, s.tty
	s.cmd.Env = append(os.Environ(), "TERM=xterm", "XDG_CACHE_HOME="+cache)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for {
			buf := make([]byte, 4096)
			n, err := s.keys.Read(buf)
			if n > 0 {
				s.shows <- buf[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // if the test has failed
		_ = s.cmd.Wait()
		_ = s.tty.Close()
		_ = s.keys.Close()
		for done := false; !done; {
			select {
			case <-s.shows:
			case <-read:
				done = true
			}
		}
	})
	return s
}

// openTerminal makes a pair of pseudo-terminals, see pty(7) and ioctl_tty(2).
func openTerminal(t *testing.T) (keys, tty *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("there are no pseudo-terminals, and CI=true skips nothing: %v", err)
		}
		t.Skipf("there are no pseudo-terminals: %v", err)
	}
	var number, unlocked int32
	window := [4]uint16{24, 200}
	control(t, keys, syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	control(t, keys, syscall.TIOCGPTN, unsafe.Pointer(&number))
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	control(t, tty, syscall.TIOCSWINSZ, unsafe.Pointer(&window))
	return keys, tty
}

func control(t *testing.T, f *os.File, request uintptr, argument unsafe.Pointer) {
	t.Helper()
	conn, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var errno syscall.Errno
	if err := conn.Control(func(fd uintptr) { _, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(argument)) }); err != nil || errno != 0 {
		t.Fatalf("ioctl %#x: %v, %v", request, err, errno)
	}
}

// edits tells whether keys go to the command one by one, without an echo.
func (s *terminal) edits(t *testing.T) bool {
	t.Helper()
	var mode syscall.Termios
	control(t, s.tty, syscall.TCGETS, unsafe.Pointer(&mode))
	return mode.Lflag&(syscall.ECHO|syscall.ICANON) == 0
}

// types presses keys and waits until the screen shows a text that it did not
// show before.
func (s *terminal) types(t *testing.T, keys, text string) {
	t.Helper()
	if _, err := s.keys.WriteString(keys); err != nil {
		t.Fatal(err)
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		if i := bytes.Index(s.screen[s.at:], []byte(text)); i >= 0 {
			s.at += i + len(text)
			return
		}
		select {
		case more := <-s.shows:
			s.screen = append(s.screen, more...)
		case <-deadline.C:
			t.Fatalf("%q was typed, and the screen does not show %q, but:\n%q", keys, text, s.screen)
		}
	}
}

// ends waits for the command's end and returns its exit code.
func (s *terminal) ends(t *testing.T) int {
	t.Helper()
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if s.edits(t) {
		t.Error("the terminal was not given back as it was")
	}
	return s.cmd.ProcessState.ExitCode()
}

// TestConsoleAtATerminal sits down at the console: completion, history from one
// session to the next, Ctrl-C, Ctrl-D, and a signal while a line is typed.
func TestConsoleAtATerminal(t *testing.T) {
	command := filepath.Join(t.TempDir(), "chhost")
	build := exec.Command("go", "build", "-o", command, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cache := t.TempDir()
	route := "echo:*=" + filepath.Join(hosttest.Root(t), "testdata/guests/served/echo.wasm")

	s := atTerminal(t, command, cache, "console", "--route", route)
	s.types(t, "", "chhost> ")
	if !s.edits(t) {
		t.Error("at the prompt the terminal shows keys by itself")
	}
	s.types(t, "dis\t", "dispatch ")
	s.types(t, "ec\t", "echo:")
	s.types(t, "a join\r", "{ok, socket{")
	s.types(t, "", "chhost> ")
	s.types(t, "subscribers e\t", "echo:")
	s.types(t, "\t\t", "echo:a") // there are two by now, and they are listed
	s.types(t, "\x03", "(Ctrl-D, or quit, leaves)")
	s.types(t, "nonsense\r", "error: there is no command")
	s.types(t, "\x04", "\n")
	if code := s.ends(t); code != exitOK {
		t.Errorf("the exit code is %d", code)
	}

	s = atTerminal(t, command, cache, "console")
	s.types(t, "", "chhost> ")
	s.types(t, "\x1b[A", "nonsense")
	s.types(t, "\x1b[A", "dispatch echo:a join")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.types(t, "", "chhost: stopping")
	if code := s.ends(t); code != exitFailed {
		t.Errorf("the exit code is %d", code)
	}
	kept, err := os.ReadFile(filepath.Join(cache, "chhost", "console-history"))
	if err != nil || strings.TrimSpace(string(kept)) != "dispatch echo:a join\nnonsense" {
		t.Errorf("%q, %v", kept, err)
	}
}
