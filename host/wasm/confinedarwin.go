//go:build darwin

package wasm

import "syscall"

// childAttributes keep the terminal's signals away from a child.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// limitMemory sets nothing: macOS counts only what brk gives, of which there is
// none. A child watches itself, see watchMemory.
func limitMemory(uint64) error { return nil }

// confineChild has nothing to add to what the child does itself.
func confineChild(int, CompileLimits) (release func()) { return func() {} }
