package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chhost/chhost/cmd/chhost/internal/author"
	"github.com/chhost/chhost/host/hosttest"
)

// TestCallHasAFlagForEachInput holds the command's flags and the room's table
// together.
func TestCallHasAFlagForEachInput(t *testing.T) {
	flags := make(map[string]bool)
	for _, f := range callCommand().Flags {
		for _, name := range f.Names() {
			flags[name] = true
		}
	}
	for _, name := range author.InputNames() {
		if !flags[name] {
			t.Errorf("call has no flag --%s, which the table of inputs knows", name)
		}
	}
}

// TestExitCodes: what a script has to tell apart, which the scripts here do not.
func TestExitCodes(t *testing.T) {
	guests := filepath.Join(hosttest.Root(t), "testdata/guests")
	echo := filepath.Join(guests, "served/echo.wasm")
	for args, want := range map[string]int{
		"check " + echo: exitOK,
		"check " + filepath.Join(guests, "refused/several.wasm"): exitFailed,
		"check nowhere":              exitFailed,
		"check":                      exitUsage,
		"check " + echo + " --set x": exitUsage,
		"call " + echo + " join --topic t --cache=":                                            exitOK,
		"call " + echo + " leave --topic t":                                                    exitFailed,
		"call " + filepath.Join(guests, "broken/trap.wasm") + " handle_in --topic t --event e": exitFailed,
		"call " + echo + " join":                                                               exitUsage,
		"call " + echo + " jion --topic t":                                                     exitUsage,
		"test " + t.TempDir():                                                                  exitFailed,
		"test " + t.TempDir() + " -run (":                                                      exitUsage,
		"test . --patience long":                                                               exitUsage,
		"test":                                                                                 exitUsage,
		"new X":                                                                                exitUsage,
		"new foods --lang cobol":                                                               exitUsage,
		"new foods --sdk " + t.TempDir():                                                       exitFailed,
		"new":                                                                                  exitUsage,
	} {
		var stderr strings.Builder
		if got := doMain(t.Context(), nil, append([]string{"chhost"}, strings.Fields(args)...), strings.NewReader(""), io.Discard, &stderr); got != want {
			t.Errorf("chhost %s: exit code %d, want %d\n%s", args, got, want, &stderr)
		}
	}
}
