package main

import (
	"os"
	"runtime"
	"testing"
)

// TestSpareProcessor: on one processor guests do not get all of it, unless whoever runs
// the command wants it so.
func TestSpareProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	t.Setenv("GOMAXPROCS", "1")
	if spareProcessor(); runtime.GOMAXPROCS(0) != 1 {
		t.Error("the environment does not count")
	}
	if err := os.Unsetenv("GOMAXPROCS"); err != nil { // restored by Setenv
		t.Fatal(err)
	}
	if spareProcessor(); runtime.GOMAXPROCS(0) != 2 {
		t.Errorf("%d threads of Go on one processor", runtime.GOMAXPROCS(0))
	}
	runtime.GOMAXPROCS(3)
	if spareProcessor(); runtime.GOMAXPROCS(0) != 3 {
		t.Error("more are not left alone")
	}
}
