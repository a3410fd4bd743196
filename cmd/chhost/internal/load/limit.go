//go:build unix

package load

import "syscall"

// allowFiles raises the number of files that this process may open to need, if it
// may. Otherwise it returns how many it may open.
func allowFiles(need uint64) (may uint64, ok bool) {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || uint64(limit.Cur) >= need {
		return 0, true
	}
	may = uint64(limit.Max)
	limit.Cur = limit.Max
	ok = may >= need && syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) == nil
	return may, ok
}
