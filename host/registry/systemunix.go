//go:build linux || darwin

package registry

import (
	"errors"
	"os"
	"strings"
	"syscall"
)

// lockFile takes the lock of an open file, which ends with the process, however that
// ends. taken: somebody else has it.
func lockFile(f *os.File) (taken bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK), err
}

// unlockFile ends a lock of an open file that cannot be closed, since it is mapped.
func unlockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }

// isFull reports whether there was no room: on the disk, within a quota or a limit. The
// text is looked at as well, since bbolt passes on no more when its file cannot grow.
func isFull(err error) bool {
	for _, full := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) || err != nil && strings.HasSuffix(err.Error(), full.Error()) {
			return true
		}
	}
	return false
}

// ignoreUnsynced is the result of syncing a directory, without the refusals of file
// systems on which that is neither possible nor needed.
func ignoreUnsynced(err error) error {
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}
