// Package systemd tells a service manager how the process is doing, and takes over the socket that it listens on for it.
//
// It speaks what sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3) describe,
// which others than systemd speak too.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// Supervisor is what the service manager wants to know, and offers. The zero value is
// that of a process which was not started by one: it tells nobody.
type Supervisor struct {
	// Notify is the datagram socket that states are sent to; one that starts with @ is
	// abstract. Empty: nobody listens.
	Notify string
	// Watchdog is how long the service manager waits for a sign of life before it
	// ends the process. 0: for ever.
	Watchdog time.Duration
	// Sockets is how many sockets were passed to the process.
	Sockets int
}

// firstSocket is the file descriptor of the first socket that is passed.
const firstSocket = 3

// FromEnvironment reads what the service manager has put into the environment of
// the process with this id. What was meant for another process does not count.
func FromEnvironment(getenv func(string) string, pid int) Supervisor {
	s := Supervisor{Notify: getenv("NOTIFY_SOCKET")}
	mine := func(name string) bool { return getenv(name) == strconv.Itoa(pid) }
	if usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 && (getenv("WATCHDOG_PID") == "" || mine("WATCHDOG_PID")) {
		s.Watchdog = time.Duration(usec) * time.Microsecond
	}
	if n, err := strconv.Atoi(getenv("LISTEN_FDS")); err == nil && n > 0 && mine("LISTEN_PID") {
		s.Sockets = n
	}
	return s
}

// Listener returns the socket that was passed, or nil if there is none.
func (s Supervisor) Listener() (net.Listener, error) { return s.listener(firstSocket) }

func (s Supervisor) listener(fd uintptr) (net.Listener, error) {
	switch {
	case s.Sockets == 0:
		return nil, nil
	case s.Sockets > 1:
		return nil, fmt.Errorf("%d sockets were passed by the service manager: one is served (ListenStream= once)", s.Sockets)
	}
	file := os.NewFile(fd, "socket of the service manager")
	if file == nil {
		return nil, errors.New("the service manager says that it has passed a socket, and has not")
	}
	defer file.Close() // the listener has a copy, which child processes do not get
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("the socket that the service manager has passed: %w", err)
	}
	return l, nil
}

// Tell sends a state, such as "READY=1", if anybody listens.
func (s Supervisor) Tell(state string) error {
	if s.Notify == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.Notify, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(state))
	return err
}

// Attend tells that the process is ready, that it stops when stopping ends, and
// until ctx ends that it is alive, twice in the time that the watchdog waits, as
// long as alive returns true. The error is the first one.
func (s Supervisor) Attend(ctx, stopping context.Context, alive func() bool) error {
	if s.Notify == "" {
		return nil
	}
	err := s.Tell("READY=1")
	var ticks <-chan time.Time
	if s.Watchdog > 0 {
		ticker := time.NewTicker(max(s.Watchdog/2, time.Millisecond))
		defer ticker.Stop()
		ticks = ticker.C
	}
	stop, told := stopping.Done(), false
	note := func(e error) {
		if err == nil {
			err = e
		}
	}
	for {
		select {
		case <-ctx.Done():
			if !told {
				note(s.Tell("STOPPING=1"))
			}
			return err
		case <-stop:
			stop, told = nil, true
			note(s.Tell("STOPPING=1"))
		case <-ticks:
			if alive() {
				note(s.Tell("WATCHDOG=1"))
			}
		}
	}
}
