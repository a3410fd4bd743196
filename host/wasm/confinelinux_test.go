//go:build linux

package wasm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// confined are children that say what they can do, and one that is the parent of
// one.
func confined() map[string]func(args []string) int {
	return map[string]func([]string) int{
		"prisoner": func(args []string) int {
			var n [4]uint64
			if err := errors.Join(parseNumbers(args, &n[0], &n[1], &n[2], &n[3]), confineSelf(n[0], n[1], n[2])); err != nil {
				fmt.Print(err)
				return childUnconfined
			}
			fmt.Print(strings.Join(freedoms(), "; "))
			return childRefused
		},
		"hog": func(args []string) int {
			if confineSelf(60, 64<<20, 1<<20) != nil {
				return childUnconfined
			}
			if _, err := syscall.Mmap(-1, 0, 1<<30, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE); err != nil {
				panic(err)
			}
			return childDone
		},
		"spinner": func(args []string) int {
			if confineSelf(1, 64<<20, 1<<20) != nil {
				return childUnconfined
			}
			for {
			}
		},
		"suicide": func([]string) int {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			time.Sleep(time.Hour) // the signal may take a moment
			return childDone
		},
		"humble": func([]string) int {
			runtime.LockOSThread() // whose capabilities are gone then
			none := [2]unix.CapUserData{}
			if unix.Setpriority(unix.PRIO_PGRP, 0, niceness+5) != nil || unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]) != nil {
				return childFailed
			}
			if err := standBack(); err != nil {
				fmt.Println(err)
				return childUnconfined
			}
			return childDone
		},
		"parent": func([]string) int {
			limits := CompileLimits{Time: time.Hour}.withDefaults(1)
			fmt.Println(pretending("waiter").run(context.Background(), nil, &compilation{limits: limits, dir: os.Getenv("DIR")}))
			return childFailed
		},
	}
}

// freedoms are what a child may do and should not.
func freedoms() []string {
	var can []string
	add := func(is bool, format string, args ...any) {
		if is {
			can = append(can, fmt.Sprintf(format, args...))
		}
	}
	inside, outside := os.WriteFile("inside", nil, 0o600), os.WriteFile("../outside", nil, 0o600)
	add(inside != nil, "cannot write here: %v", inside)
	add(outside == nil, "writes elsewhere")
	add(os.Mkdir("../directory", 0o700) == nil, "makes directories elsewhere")
	add(os.Remove("../victim") == nil, "removes elsewhere")
	add(os.Rename("inside", "../moved") == nil, "moves elsewhere")
	add(os.Truncate("../victim", 0) == nil, "truncates elsewhere")
	// Go's own listeners are of multipath TCP, which Landlock knows nothing of.
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	_, err := plain.Listen(context.Background(), "tcp", "127.0.0.1:0")
	add(err == nil, "listens")
	_, err = net.Dial("tcp", "127.0.0.1:1")
	add(!errors.Is(err, syscall.EACCES), "connects: %v", err)
	add(len(os.Environ()) > 0, "has the environment %v", os.Environ())
	entries, _ := os.ReadDir("/dev/fd")
	for _, e := range entries {
		var fd int
		_, _ = fmt.Sscan(e.Name(), &fd)
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		add(fd > 2 && err == nil && flags&unix.FD_CLOEXEC == 0, "has the descriptor %d", fd)
	}
	add(syscall.Getpgrp() != os.Getpid(), "is in another's process group")
	for resource, most := range map[int]uint64{syscall.RLIMIT_CPU: 7, syscall.RLIMIT_CORE: 0, syscall.RLIMIT_FSIZE: maxEntry} {
		var is syscall.Rlimit
		err := syscall.Getrlimit(resource, &is)
		add(err != nil || is.Cur != most || is.Max != most, "has the limit %d of %v", resource, is)
	}
	threads, err := os.ReadDir("/proc/self/task")
	add(err != nil, "has no list of its threads: %v", err)
	for _, thread := range threads {
		var id int
		_, _ = fmt.Sscan(thread.Name(), &id)
		// The system call returns 20 less the niceness, so that it is never negative.
		is, err := unix.Getpriority(unix.PRIO_PROCESS, id)
		add(err == nil && is != 20-niceness, "has a thread of the niceness %d", 20-is)
	}
	score, _ := os.ReadFile("/proc/self/oom_score_adj")
	add(string(score) != "1000\n", "is not the first to be killed: %q", score)
	return can
}

// hasLandlock tells whether the kernel can do all that a child is kept from.
func hasLandlock() bool {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return errno == 0 && version >= 4
}

// TestChildIsConfined: a child can do none of what a compiler need not do. A
// descriptor that somebody has left open for all children is closed.
func TestChildIsConfined(t *testing.T) {
	if !hasLandlock() {
		t.Skip("the kernel has no Landlock, or an old one")
	}
	var leaked [2]int
	if err := syscall.Pipe(leaked[:]); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(leaked[0])
	defer syscall.Close(leaked[1])
	parent := t.TempDir()
	writeFile(t, filepath.Join(parent, "victim"), []byte("alive"))
	dir := filepath.Join(parent, "child")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	limits := CompileLimits{CPU: 7 * time.Second}.withDefaults(1)
	err := pretending("prisoner").run(t.Context(), nil, &compilation{limits: limits, pages: 1, dir: dir})
	if fault := (*compileFault)(nil); !errors.As(err, &fault) || fault.text != "the module is not valid WebAssembly: " {
		t.Errorf("the child: %v", err)
	}
	if got := string(readFile(t, filepath.Join(parent, "victim"))); got != "alive" {
		t.Errorf("the other file is %q", got)
	}

	// This process may still do all of it.
	writeFile(t, filepath.Join(parent, "outside"), nil)
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Error(err)
	} else {
		_ = l.Close()
	}
}

// TestSystemLimits: the system's limits hold by themselves.
func TestSystemLimits(t *testing.T) {
	for name, want := range map[string]string{
		"hog":     "compiling takes more than 512 MiB of memory: ",
		"spinner": "compiling takes more than 1s of processor time: ",
		"suicide": "the compiler was killed (signal: killed): ",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits := CompileLimits{CPU: time.Second, Time: time.Minute}.withDefaults(1)
			err := pretending(name).run(t.Context(), nil, &compilation{limits: limits, dir: t.TempDir()})
			if fault := (*compileFault)(nil); !errors.As(err, &fault) || !strings.HasPrefix(fault.text, want) {
				t.Errorf("the child: %v, want %s", err, want)
			}
		})
	}
}

// TestAHostThatStandsFurtherBack: where the host's niceness is above its children's, and it
// may not lower any, children are content with what they have.
func TestAHostThatStandsFurtherBack(t *testing.T) {
	child := &exec.Cmd{Path: executable(), Args: []string{pretended + "humble"}, Env: []string{}, SysProcAttr: &syscall.SysProcAttr{Setpgid: true}}
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestChildDiesWithItsHost: a host that is killed leaves no child, even one that
// does not look at its pipe.
func TestChildDiesWithItsHost(t *testing.T) {
	dir := t.TempDir()
	host := &exec.Cmd{Path: executable(), Args: []string{pretended + "parent"}, Env: []string{"DIR=" + dir}}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	waiting := filepath.Join(dir, "waiting")
	await(t, "the child's start", func() bool { _, err := os.Stat(waiting); return err == nil })
	child := childOf(t, host.Process.Pid)
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait()
	await(t, "the child's end", func() bool { return !alive(child) })
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// childOf finds the child of a process.
func childOf(t *testing.T, parent int) int {
	t.Helper()
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		if pid, state, ppid := readStat(path); ppid == parent && state != "Z" {
			return pid
		}
	}
	t.Fatal("the host has no child")
	return 0
}

// alive tells whether a process is there and not only its remains, which whoever
// adopted it may not have looked at yet.
func alive(pid int) bool {
	found, state, _ := readStat(fmt.Sprintf("/proc/%d/stat", pid))
	return found == pid && state != "Z" && state != "X"
}

func readStat(path string) (pid int, state string, ppid int) {
	text, _ := os.ReadFile(path)
	before, after, _ := strings.Cut(string(text), " (")
	_, _ = fmt.Sscan(before, &pid)
	if i := strings.LastIndex(after, ") "); i >= 0 {
		_, _ = fmt.Sscan(after[i+2:], &state, &ppid)
	}
	return pid, state, ppid
}
