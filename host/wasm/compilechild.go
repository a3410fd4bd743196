package wasm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"syscall"
	"time"

	"github.com/tetratelabs/wazero"
)

// compilerChild is the child's main function: it confines itself, reads a module,
// and lets the engine put the compiled code into the working directory. It returns
// the exit code.
func compilerChild(args []string, stdin io.Reader, stdout io.Writer) int {
	var seconds, memory, file, pages uint64
	err := parseNumbers(args, &seconds, &memory, &file, &pages)
	if err == nil {
		err = confineSelf(seconds, memory, file)
	}
	if err != nil {
		fmt.Fprintf(stdout, "setting its limits: %v", err)
		return childUnconfined
	}
	had := usedMemory()
	debug.SetMemoryLimit(int64(had + memory/4*3))
	go watchMemory(had + memory)
	bin, err := readModule(stdin)
	if err != nil {
		fmt.Fprintf(stdout, "reading the module: %v", err)
		return childFailed
	}
	go watchParent(stdin)
	cache, err := wazero.NewCompilationCacheWithDir(".")
	if err != nil {
		fmt.Fprintf(stdout, "%v", err)
		return childFailed
	}
	// One worker: several would take the processors from those who are served, and
	// somewhat more time of them in all.
	_, err = newCode(context.Background(), bin, uint32(pages), cache)
	var panicked *compilerPanic
	switch {
	case err == nil:
		return childDone
	case errors.As(err, &panicked):
		fmt.Fprintf(stdout, "%v", panicked.value)
		return childPanicked
	}
	fmt.Fprintf(stdout, "%v", err)
	switch {
	case errors.Is(err, syscall.EFBIG):
		return childLarge
	case errors.As(err, new(*os.PathError)), errors.As(err, new(*os.LinkError)):
		return childFailed
	default:
		return childRefused
	}
}

// readModule reads a module behind its size. The pipe stays open.
func readModule(stdin io.Reader) ([]byte, error) {
	var size [8]byte
	if _, err := io.ReadFull(stdin, size[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(size[:])
	if n > maxModule*2 { // metered, it is larger
		return nil, fmt.Errorf("it has %d bytes", n)
	}
	bin := make([]byte, n)
	_, err := io.ReadFull(stdin, bin)
	return bin, err
}

// childExit ends the process at once, nothing of which is to be flushed. With the race
// detector, which a program's tests are built with, [os.Exit] waits a second for late
// reports, and only the environment, which is empty here, could tell it otherwise.
func childExit(code int) { syscall.Exit(code) }

// watchParent ends the process with the one that has started it, whose end of the
// pipe is closed then: not every system has a signal for it.
func watchParent(stdin io.Reader) {
	_, _ = io.Copy(io.Discard, stdin)
	childExit(childLeft)
}

// watchMemory ends the process that has too much memory. The compiler is Go code,
// which cannot keep this goroutine from running. It serves systems that have no
// limit of this kind, and on the others it says clearly what happened before the
// limit, which is set a little higher, ends the process in the midst of something.
func watchMemory(most uint64) {
	for ; ; time.Sleep(5 * time.Millisecond) {
		if usedMemory() > most {
			childExit(childMemory)
		}
	}
}

// usedMemory is what the Go runtime has of the system, in bytes.
func usedMemory() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
