//go:build linux || darwin

package registry

import (
	"fmt"
	"syscall"
)

// fillLimited fills a store in which no file may have more than 128 KiB.
func fillLimited(dir string) string {
	limit := syscall.Rlimit{Cur: 128 << 10, Max: 128 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err.Error()
	}
	uploads, err := fillUntil(dir, 1000)
	if err != nil || uploads == 0 {
		return fmt.Sprintf("%d uploads: %v", uploads, err)
	}
	return fmt.Sprintf("full after %d uploads", uploads)
}
