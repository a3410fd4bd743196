//go:build unix

package wasm_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/wasm"
)

// BenchmarkDeploy deploys the chat plugin, which is in Go, and the echo plugin of
// 400 bytes, of which a child's start is the most: cold, when nothing of it is in
// the cache, and warm. The processor time of children counts.
func BenchmarkDeploy(b *testing.B) {
	chat := hosttest.Guest(b, "plugins/chat")
	echo, err := os.ReadFile("../../testdata/guests/served/echo.wasm")
	if err != nil {
		b.Fatal(err)
	}
	child := wasm.CompilerMain()
	for _, c := range []struct {
		name     string
		compiler *wasm.Compiler
		module   []byte
		cold     bool
	}{
		{"chat/cold/process", nil, chat, true},
		{"chat/cold/child", child, chat, true},
		{"chat/warm/process", nil, chat, false},
		{"chat/warm/child", child, chat, false},
		{"echo/cold/process", nil, echo, true},
		{"echo/cold/child", child, echo, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			if !c.cold {
				deploy(b, c.compiler, dir, c.module)
			}
			b.ReportAllocs()
			began := cpuTime()
			for b.Loop() {
				if c.cold {
					dir = b.TempDir()
				}
				deploy(b, c.compiler, dir, c.module)
			}
			b.ReportMetric(float64((cpuTime()-began).Microseconds())/1000/float64(b.N), "cpu-ms/deploy")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/deploy")
		})
	}
}

func deploy(b *testing.B, compiler *wasm.Compiler, dir string, module []byte) {
	e, err := wasm.NewEngine(wasm.Config{CacheDir: dir, Compiler: compiler})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := e.Compile(b.Context(), wasm.Module{Name: "deployed", Binary: module}); err != nil {
		b.Fatal(err)
	}
	if err := e.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// cpuTime is that of this process and of the children that have ended.
func cpuTime() time.Duration {
	var children syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children)
	return hosttest.CPUTime() + time.Duration(children.Utime.Nano()+children.Stime.Nano())
}
