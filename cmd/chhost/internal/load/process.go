//go:build linux

package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// noProcess is why the CPU and memory of a process cannot be told, or "".
const noProcess = ""

// manyLoopbacks is whether all of 127.0.0.0/8 are addresses of this machine.
const manyLoopbacks = true

// cpuTime is how long the threads of a process, also those that have ended, were
// on a processor. The process's clock knows to the nanosecond what /proc/PID/stat
// tells in ticks of 10 ms; where a sandbox does not have it, the ticks have to do.
func cpuTime(pid int) (time.Duration, error) {
	// The number of a process's clock, as clock_getcpuclockid(3) makes it: the
	// pid's complement, and the kind "what the scheduler counted".
	const scheduled = 2
	var now syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(^pid<<3|scheduled), uintptr(unsafe.Pointer(&now)), 0)
	if errno == 0 {
		return time.Duration(now.Nano()), nil
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is a name in parentheses, which may contain anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat is not as expected", pid)
	}
	var ticks int64
	for _, field := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// memory is how many bytes of a process are resident. smaps_rollup counts them;
// statm, for processes of others, is a counter that may lag by some pages.
func memory(pid int) (int64, error) {
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)); err == nil {
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "Rss:" && f[2] == "kB" {
				kib, err := strconv.ParseInt(f[1], 10, 64)
				return kib << 10, err
			}
		}
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(text))
	if len(f) < 2 {
		return 0, fmt.Errorf("/proc/%d/statm is not as expected", pid)
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	if err == nil && pages == 0 {
		err = os.ErrNotExist // it has ended, and its parent does not know yet
	}
	return pages * int64(os.Getpagesize()), err
}

// filesOf is how many files a process may open, or 0 if that is not to be known.
func filesOf(pid int) uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				n, _ := strconv.ParseUint(f[0], 10, 64) // "unlimited" is 0
				return n
			}
		}
	}
	return 0
}

// lateBind lets the system choose the port of a connection that comes from a
// given address only when it knows where it goes: otherwise a port would be taken
// for all servers.
func lateBind(_, _ string, conn syscall.RawConn) error {
	const bindAddressNoPort = 24 // IP_BIND_ADDRESS_NO_PORT; package syscall has no name for it
	return conn.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1) // does without
	})
}
