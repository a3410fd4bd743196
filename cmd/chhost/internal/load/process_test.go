//go:build linux

package load

import (
	"os"
	"syscall"
	"testing"
)

func TestMemory(t *testing.T) {
	const size = 64 << 20
	before, err := memory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	// Not of Go's heap, which may have room for it already.
	block, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	for i := range block {
		block[i] = 1
	}
	after, err := memory(os.Getpid())
	if err != nil || after-before < size/2 {
		t.Errorf("with %d bytes more, the memory went from %d to %d (error %v)", size, before, after, err)
	}
	if err := syscall.Munmap(block); err != nil {
		t.Error(err)
	}
}
