package admin

import (
	"path/filepath"
	"runtime"
)

// ownersCount tells whether the permissions of a file say who can read it.
func ownersCount() bool { return runtime.GOOS != "windows" }

func dirOf(file string) string { return filepath.Dir(file) }
