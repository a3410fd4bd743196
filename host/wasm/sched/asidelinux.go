//go:build linux

package sched

import "syscall"

// yieldThread is sched_yield(2), which cannot fail. The runtime is told, so that the
// collector need not wait for a thread that stands aside.
func yieldThread() { _, _, _ = syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
