//go:build linux

package wasm

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// executable is this program, also when its file has been replaced meanwhile: a
// child of another version would make what this process cannot use.
func executable() string { return "/proc/self/exe" }

// childAttributes let a child end with the thread that starts it, and keep the
// terminal's signals away from it.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// apart calls f on a thread of its own, which can write below dir only and ends
// with f, and returns when it has. A child that f starts inherits this from the
// thread; it could not do it itself, because it has several threads by then, and
// Go cannot speak for all of them in a program with C code.
func apart(dir string, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked, so that the thread ends here
		if unix.Gettid() == unix.Getpid() {
			// The process's first thread cannot end. While it is held here, the next
			// one is another.
			defer runtime.UnlockOSThread()
			apart(dir, f)
			return
		}
		restrict(dir)
		f()
	}()
	<-done
}

// restrict takes from the thread what a compiler does not need: writing elsewhere
// than below dir, and TCP. It does what the kernel can: Landlock is there since
// Linux 5.13, where it is not turned off, and grew with later versions. Reading is
// not taken away, since the program and its libraries have yet to be read.
func restrict(dir string) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return
	}
	const within = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_DIR
	rules := unix.LandlockRulesetAttr{Access_fs: within | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_SYM}
	if version >= 2 {
		rules.Access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		rules.Access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		rules.Access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if version >= 5 {
		rules.Access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	set, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), unsafe.Sizeof(rules), 0)
	if errno != 0 {
		return
	}
	defer unix.Close(int(set))
	place, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(place)
	beneath := unix.LandlockPathBeneathAttr{Allowed_access: rules.Access_fs & (within | unix.LANDLOCK_ACCESS_FS_TRUNCATE), Parent_fd: int32(place)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, set, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&beneath)), 0, 0, 0); errno != 0 {
		return
	}
	if unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == nil {
		_, _, _ = unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0)
	}
}

// confineChild lets the system end the child first where memory is short.
func confineChild(pid int, _ CompileLimits) (release func()) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("1000"), 0)
	return func() {}
}

// memorySlack is how much more the system lets a child have than it lets itself.
const memorySlack = 64 << 20

// limitMemory sets the limit of memory beyond what there is. Address space would
// be no measure, since the Go runtime reserves much of it.
func limitMemory(memory uint64) error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, after, _ := strings.Cut(string(status), "VmData:")
	var has uint64
	if _, err := fmt.Sscanf(after, "%d kB", &has); err != nil {
		return fmt.Errorf("VmData in /proc/self/status: %w", err)
	}
	return limit(syscall.RLIMIT_DATA, has<<10+memory+memorySlack)
}
