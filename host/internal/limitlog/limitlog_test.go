package limitlog

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLimit guards that a line which a client can cause does not fill the disk,
// that other lines are not lost for it, and that what was lost is counted.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		log := New(slog.New(slog.NewTextHandler(&out, nil)))
		tenant := log.With("tenant", "acme").WithGroup("g")
		for n := range 10 * PerSecond {
			log.Info("refused", "n", n)
			tenant.Info("refused", "n", n)
		}
		log.Warn("another")
		if got := strings.Count(out.String(), "msg=refused"); got != PerSecond {
			t.Errorf("%d lines, want %d", got, PerSecond)
		}
		if !strings.Contains(out.String(), "msg=another") {
			t.Error("another line was lost")
		}
		time.Sleep(time.Second)
		out.Reset()
		tenant.Info("refused")
		want := fmt.Sprintf("tenant=acme g.dropped_before=%d", 19*PerSecond)
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q does not say %q", out.String(), want)
		}
		out.Reset()
		log.Info("refused")
		if strings.Contains(out.String(), "dropped") {
			t.Errorf("%q counts again what was said", out.String())
		}
	})
}

// TestMemory guards that messages which are no constants do not pile up.
func TestMemory(t *testing.T) {
	c := &counts{of: make(map[string]*Counter)}
	for n := range 10 * maxMessages {
		if _, ok := c.admit(fmt.Sprint(n), 1); !ok {
			t.Fatalf("the first line of message %d was dropped", n)
		}
	}
	if len(c.of) > maxMessages {
		t.Errorf("%d messages are remembered", len(c.of))
	}
}

func TestNil(t *testing.T) {
	if New(nil) != nil {
		t.Error("no logger became one")
	}
	if New(slog.New(slog.DiscardHandler)).Enabled(t.Context(), slog.LevelError) {
		t.Error("a level that nobody wants is wanted")
	}
}
