//go:build linux || darwin

package registry

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes the lock of an open file, which ends with the process, however that
// ends. taken: somebody else has it.
func lockFile(f *os.File) (taken bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK), err
}

// isFull reports whether there was no room: on the disk, within a quota or a limit.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// ignoreUnsynced is the result of syncing a directory, without the refusals of file
// systems on which that is neither possible nor needed.
func ignoreUnsynced(err error) error {
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}
