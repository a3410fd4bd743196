//go:build !linux

package load

import (
	"errors"
	"runtime"
	"syscall"
	"time"
)

// noProcess is why the CPU and memory of a process cannot be told.
const noProcess = "the CPU and memory of another process are read as Linux tells them, and this is " + runtime.GOOS

// manyLoopbacks is whether all of 127.0.0.0/8 are addresses of this machine.
const manyLoopbacks = false

func cpuTime(int) (time.Duration, error) { return 0, errors.New(noProcess) }

func memory(int) (int64, error) { return 0, errors.New(noProcess) }

func filesOf(int) uint64 { return 0 }

func lateBind(string, string, syscall.RawConn) error { return nil }
