//go:build unix

package hosttest

import (
	"syscall"
	"time"
)

// CPUTime is how long this process was on the processors. Benchmarks whose result
// should not depend on what else the machine does report the difference of two. It
// costs about a microsecond. Where the system does not tell, it is the time of day.
func CPUTime() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
