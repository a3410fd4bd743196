package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Nothing is told of what takes less than a second, one line at a terminal of what takes
// more, and elsewhere one line for each stage that lasts.
func TestProgress(t *testing.T) {
	play := func(terminal bool, d time.Duration) string {
		var out strings.Builder
		synctest.Test(t, func(*testing.T) {
			p := newProgress(&out, terminal, "uploading")
			p.enter("uploading", func() string { return "1 of 2" })
			time.Sleep(d)
			p.enter("compiling", nil)
			time.Sleep(d)
			p.end()
			p.end()
		})
		return out.String()
	}
	for _, terminal := range []bool{true, false} {
		if got := play(terminal, 400*time.Millisecond); got != "" {
			t.Errorf("terminal %v, 0.8 s: %q", terminal, got)
		}
	}
	if got := play(false, 2500*time.Millisecond); got != "uploading ...\ncompiling ...\n" {
		t.Errorf("in a file: %q", got)
	}
	if got := play(false, 700*time.Millisecond); got != "compiling ...\n" {
		t.Errorf("in a file, the first stage was short: %q", got)
	}
	got := play(true, 2500*time.Millisecond)
	if !strings.Contains(got, "\r\x1b[Kuploading 1 of 2 (2s)\r") || !strings.Contains(got, "compiling (4s)") || !strings.HasSuffix(got, "\r\x1b[K") || strings.Contains(got, "\n") {
		t.Errorf("at a terminal: %q", got)
	}
}
