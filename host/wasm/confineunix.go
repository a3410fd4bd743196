//go:build linux || darwin

package wasm

import (
	"errors"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// niceness is low, and not the lowest: where all processors are busy for long a child still gets
// a tenth of one. With 19 it would get a seventieth, and a deploy that is to relieve the host
// would not end in time.
const niceness = 10

// confineSelf sets a child's own limits, and closes what it has inherited.
func confineSelf(seconds, memory, file uint64) error {
	return errors.Join(
		closeInherited(),
		standBack(),
		// The hard limit is the same: the Go runtime passes over the soft one's signal.
		limit(syscall.RLIMIT_CPU, seconds),
		limit(syscall.RLIMIT_CORE, 0),
		limit(syscall.RLIMIT_FSIZE, file),
		limitMemory(memory),
	)
}

// standBack lets those who are served have the processors first. On Linux a priority is a
// thread's, and the child has several by now: all of its group, which it is alone in, get it.
func standBack() error {
	if unix.Getpgrp() != unix.Getpid() {
		return nil // somebody else has started it
	}
	err := unix.Setpriority(unix.PRIO_PGRP, 0, niceness)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		err = nil // the host itself stands further back, which nobody may undo
	}
	return err
}

// limit sets a limit, which cannot be raised again.
func limit(resource int, most uint64) error {
	return syscall.Setrlimit(resource, &syscall.Rlimit{Cur: most, Max: most})
}

// closeInherited closes the descriptors that somebody else has left open for the
// children of this program. They are those that are not closed by exec: the Go
// runtime has some of its own.
func closeInherited() error {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = unix.Close(fd)
		}
	}
	return nil
}
