// Command peers runs one set of hostile modules against a bare wazero host, an Extism
// host and chhost, each case in a process of its own, and prints what became of it.
//
//	make peers
//
// With the argument costs it prints what calls cost and nothing else.
//
// It is a module of its own: chhost itself depends on no peer.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/chhost/chhost/host/wasm"
)

const (
	// deadline is what each host is told that a call may take.
	deadline = time.Second
	// A host hangs if a case has taken as much processor time as patience, or if beats
	// times a collection of garbage came to its end in the meantime, of which each begins
	// 20 ms after the one before: both take longer where the machine is busy. What is not
	// over after mostTime by the clock cannot be told.
	patience = 10 * time.Second
	beats    = 400
	mostTime = 10 * time.Minute
	// mostMemory is what the process may allocate: beyond it a host would be killed by
	// the system sooner or later.
	mostMemory = 3 << 30
	// pages is the memory that each host is told to allow, in pages of 64 KiB.
	pages = 1024
)

// outcome is what a case's process found out.
type outcome struct {
	Upload string        // why the module was refused, or empty
	Call   string        // why the call failed, or empty
	Limit  string        // chhost's limit that ended it, if one did
	Took   time.Duration // the upload and the call
	Stall  time.Duration // the longest collection of garbage that was asked for meanwhile
	Kept   int64         // bytes of the process that are resident afterwards, and were not before
}

func main() {
	compiler := wasm.CompilerMain() // the process may be its child
	if len(os.Args) == 3 {
		child(compiler, os.Args[1], os.Args[2])
		return
	}
	run := parent
	if len(os.Args) == 2 && os.Args[1] == "costs" {
		run = costs
	}
	if err := run(hosts(compiler)); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// parent runs every case on every host.
func parent(list []peer) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "case")
	for _, h := range list {
		fmt.Fprint(w, "\t"+h.name)
	}
	fmt.Fprintln(w)
	for _, c := range cases() {
		if c.bin == nil {
			return fmt.Errorf("case %s has no module", c.name)
		}
		fmt.Fprint(w, c.name)
		for _, h := range list {
			fmt.Fprint(w, "\t"+try(h.name, c.name))
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Printf("\nEach host is told that a call may take %v and a memory %d MiB; a case has brought its host down that takes %v of processor time or %d MiB,\n"+
		"or is not over after %d collections of garbage, one every 20 ms where there is time for it.\n"+
		"\"stall\": so long runtime.GC(), and with it every other goroutine that waits for memory, waited, from 50 ms on. \"kept\": what is\n"+
		"resident of the process afterwards, from 16 MiB on; that of an instance which may go on counts too. chhost reaches run by way\n"+
		"of handle_in, ends calls by fuel instead of the deadline, and compiles in a child process.\n\n", deadline, pages/16, patience, mostMemory>>20, beats)
	return costs(list)
}

// try runs a case in a process of its own and says what became of it.
func try(host, name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), mostTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], host, name)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var o outcome
	parsed := json.Unmarshal(out, &o) == nil
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Sprintf("NOT ENDED within %v, on a machine that is too busy to tell", mostTime)
	case errors.As(err, &exit) && exit.ExitCode() == exitHangs:
		return "HANGS"
	case errors.As(err, &exit) && hung(exit.ProcessState):
		return fmt.Sprintf("HANGS for %v of processor time", patience)
	case errors.As(err, &exit) && strings.Contains(stderr.String(), "out of memory"):
		return "HOST DIES: out of memory"
	case errors.As(err, &exit) && exit.ExitCode() < 0:
		return "HOST DIES: " + exit.Error()
	case err != nil:
		return fmt.Sprintf("HOST DIES: exit code %d", cmd.ProcessState.ExitCode())
	case !parsed:
		return "HOST DIES: it ends without a word"
	}
	return o.text()
}

// exitHangs is what a case's process ends with that has waited for long enough.
const exitHangs = 3

// hung tells whether the system has ended a process because of its processor time.
func hung(s *os.ProcessState) bool {
	status, ok := s.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && s.UserTime()+s.SystemTime() > patience-time.Second
}

func (o *outcome) text() string {
	text := "ran"
	switch {
	case o.Upload != "":
		text = "refused"
	case o.Limit != "":
		text = "ended (" + o.Limit + ")"
	case strings.Contains(o.Call, "deadline exceeded"), strings.Contains(o.Call, "timeout"), strings.Contains(o.Call, "timed out"):
		text = "ended (deadline)"
	case o.Call != "":
		text = "ended (failed)"
	}
	text += fmt.Sprintf(" after %v", o.Took.Round(time.Millisecond/10))
	if o.Stall > 50*time.Millisecond {
		text += fmt.Sprintf(", stall %v", o.Stall.Round(time.Millisecond))
	}
	if o.Kept > 16<<20 {
		text += fmt.Sprintf(", kept %d MiB", o.Kept>>20)
	}
	return text
}

// child runs one case and writes its outcome.
func child(compiler *wasm.Compiler, hostName, caseName string) {
	limit := syscall.Rlimit{Cur: mostMemory, Max: mostMemory}
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		panic(err)
	}
	work := syscall.Rlimit{Cur: uint64(patience / time.Second), Max: uint64(patience / time.Second)}
	if err := syscall.Setrlimit(syscall.RLIMIT_CPU, &work); err != nil {
		panic(err)
	}
	var o outcome
	bin := caseNamed(caseName).bin
	before := resident()
	stop := make(chan struct{})
	stalls := make(chan time.Duration)
	go watchStalls(stop, stalls)
	begin := time.Now()
	o.Upload, o.Call, o.Limit = hostNamed(hosts(compiler), hostName).run(bin)
	o.Took = time.Since(begin)
	close(stop)
	o.Stall = <-stalls
	runtime.GC()
	o.Kept = resident() - before
	if err := json.NewEncoder(os.Stdout).Encode(o); err != nil {
		panic(err)
	}
}

// watchStalls asks for collections, as any goroutine of a server does by allocating,
// and answers how long the longest took. After beats of them it ends the process: then
// what is waited for does not come, however slow the machine is.
func watchStalls(stop <-chan struct{}, longest chan<- time.Duration) {
	var most time.Duration
	for n := 0; ; n++ {
		if n == beats {
			os.Exit(exitHangs)
		}
		select {
		case <-stop:
			longest <- most
			return
		case <-time.After(20 * time.Millisecond):
		}
		begin := time.Now()
		runtime.GC()
		most = max(most, time.Since(begin))
	}
}

// resident is the process's resident memory in bytes.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		panic(err)
	}
	return pages * int64(os.Getpagesize())
}
