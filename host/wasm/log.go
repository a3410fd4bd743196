package wasm

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/internal/limitlog"
)

// guestLog receives what the instances of a plugin log, bounded in the length
// of lines and in their rate. It is safe for concurrent use.
type guestLog struct {
	log     *slog.Logger
	maxLine int
	perSec  int
	now     func() time.Time

	mu    sync.Mutex
	count limitlog.Counter
}

func newGuestLog(log *slog.Logger, limits Limits, now func() time.Time) *guestLog {
	return &guestLog{log: log, maxLine: limits.LogLine, perSec: limits.LogLines, now: now}
}

// line logs text at one of the contract's levels; others are clamped.
func (g *guestLog) line(level int32, text []byte) {
	dropped, ok := g.admit()
	if dropped > 0 {
		g.log.Warn("the plugin logs too much", "dropped", dropped, "lines_per_second", g.perSec)
	}
	if !ok {
		return
	}
	cut := len(text) > g.maxLine
	if cut {
		text = cutText(text, g.maxLine)
	}
	msg := strings.ToValidUTF8(string(text), string(utf8.RuneError))
	if cut {
		msg += " [cut]"
	}
	g.log.Log(context.Background(), slogLevel(level), msg)
}

// cutText returns the first n bytes of text, or a little less: a character is not
// cut in two.
func cutText(text []byte, n int) []byte {
	for back := 0; back < utf8.UTFMax && back < n; back++ {
		if utf8.RuneStart(text[n-back]) {
			return text[:n-back]
		}
	}
	return text[:n] // not UTF-8 anyway
}

func slogLevel(level int32) slog.Level {
	switch {
	case level <= abi.LogDebug:
		return slog.LevelDebug
	case level == abi.LogInfo:
		return slog.LevelInfo
	case level == abi.LogWarn:
		return slog.LevelWarn
	}
	return slog.LevelError
}

// admit counts a line and tells whether it may be logged, and how many could
// not in the seconds before.
func (g *guestLog) admit() (dropped int, ok bool) {
	second := g.now().Unix()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count.Admit(second, g.perSec)
}

// lineWriter assembles what an instance writes to its standard output and error
// into lines: a Go panic arrives in some twenty fragments.
type lineWriter struct {
	log     *guestLog
	buf     []byte
	written int // since the last flush
}

var errOutput = errors.New("wasm: the guest writes too much")

// Write implements [io.Writer]. The error is EIO to the guest.
func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	if n > maxOutput-w.written {
		w.end()
		w.written = maxOutput
		return 0, errOutput
	}
	w.written += n
	for {
		line, rest, found := bytes.Cut(p, []byte{'\n'})
		if room := w.log.maxLine + 1 - len(w.buf); room > 0 {
			w.buf = append(w.buf, line[:min(len(line), room)]...)
		}
		if !found {
			return n, nil
		}
		w.end()
		p = rest
	}
}

// end logs what has been written since the last line ended.
func (w *lineWriter) end() {
	if len(w.buf) > 0 {
		w.log.line(abi.LogInfo, w.buf)
		w.buf = w.buf[:0]
	}
}

// flush is called when the guest has returned: it may write as much again.
func (w *lineWriter) flush() {
	w.end()
	w.written = 0
}
