//go:build linux

package load

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/chhost/chhost/host/channel/channeltest"
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

// TestMemoryOfAnEndedProcess has a process that nobody has waited for: it is still
// listed, with no memory.
func TestMemoryOfAnEndedProcess(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if n, err := memory(cmd.Process.Pid); err != nil || n <= 0 {
		t.Errorf("while it runs: %d bytes, error %v", n, err)
	}
	in.Close()
	if _, err := out.Read(make([]byte, 1)); err == nil {
		t.Error("cat says something")
	}
	channeltest.Eventually(t, "the process has no memory", func() bool {
		_, err := memory(cmd.Process.Pid)
		return errors.Is(err, os.ErrNotExist)
	})
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
