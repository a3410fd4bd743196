//go:build !linux

package wasm

import "os"

// executable is this program, or empty if the system does not say: then a child
// cannot be started, which is said when one is needed.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return path
}

// apart calls f. This system cannot keep a thread from writing.
func apart(_ string, f func()) { f() }
