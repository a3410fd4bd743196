//go:build !linux && !darwin

package registry

import (
	"errors"
	"os"
	"syscall"
)

// lockFile leaves it to the database's own lock on its file to refuse a second process.
func lockFile(*os.File) (taken bool, err error) { return false, nil }

func unlockFile(*os.File) error { return nil }

// isFull reports whether there was no room on the disk.
func isFull(err error) bool {
	const windowsDiskFull, windowsHandleDiskFull = syscall.Errno(112), syscall.Errno(39)
	return errors.Is(err, windowsDiskFull) || errors.Is(err, windowsHandleDiskFull)
}

// ignoreUnsynced: directories cannot be synced.
func ignoreUnsynced(error) error { return nil }
