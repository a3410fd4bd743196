//go:build !unix

package load

func allowFiles(uint64) (may uint64, ok bool) { return 0, true }
