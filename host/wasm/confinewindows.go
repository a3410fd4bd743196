//go:build windows

package wasm

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// childAttributes keep the console's signals away from a child.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// confineSelf does nothing: a child's job holds it, and it inherits nothing that
// is not named.
func confineSelf(_, _, _ uint64) error { return nil }

// confineChild puts the child into a job with its limits, which ends with this
// process. Without one the child still watches itself, and is ended in time.
func confineChild(pid int, limits CompileLimits) (release func()) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return func() {}
	}
	release = func() { _ = windows.CloseHandle(job) }
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return release
	}
	defer windows.CloseHandle(process)
	const tick = 100 // nanoseconds
	rules := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{
			LimitFlags: windows.JOB_OBJECT_LIMIT_PROCESS_TIME | windows.JOB_OBJECT_LIMIT_PROCESS_MEMORY | windows.JOB_OBJECT_LIMIT_ACTIVE_PROCESS |
				windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | windows.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION,
			PerProcessUserTimeLimit: int64(limits.CPU) / tick,
			ActiveProcessLimit:      1,
		},
		ProcessMemoryLimit: uintptr(limits.Memory + memorySlack),
	}
	if _, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&rules)), uint32(unsafe.Sizeof(rules))); err == nil {
		_ = windows.AssignProcessToJobObject(job, process)
	}
	return release
}

// memorySlack is what a child begins with, and how much more the system lets it
// have than it lets itself.
const memorySlack = 128 << 20
