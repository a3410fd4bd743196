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
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/internal/limitlog"
)

// guestLog receives what the instances of a plugin log, bounded in the length
// of lines and in their rate. It is safe for concurrent use.
type guestLog struct {
	log     *slog.Logger
	maxLine int
	perSec  int
	now     func() time.Time

	mu      sync.Mutex
	count   limitlog.Counter
	crashes limitlog.Counter // apart: a guest that floods its log can not hide how it fails
}

func newGuestLog(log *slog.Logger, limits Limits, now func() time.Time) *guestLog {
	return &guestLog{log: log, maxLine: limits.LogLine, perSec: limits.LogLines, now: now}
}

// lines are those of a callback that is running. They are written when it has ended:
// where the log goes may be slow, and the guest has a processor that others wait for.
// There are never more than a plugin may log while a callback lasts.
type lines struct {
	log     *guestLog
	waiting []slog.Record
}

// add takes a line of text at one of the contract's levels; others are clamped.
func (l *lines) add(level int32, text []byte) {
	g := l.log
	dropped, ok := g.admit(&g.count, g.perSec)
	if dropped > 0 {
		r := slog.NewRecord(time.Now(), slog.LevelWarn, "the plugin logs too much", 0)
		r.AddAttrs(slog.Int("dropped", dropped), slog.Int("lines_per_second", g.perSec))
		l.waiting = append(l.waiting, r)
	}
	if ok && g.log.Enabled(context.Background(), slogLevel(level)) {
		l.waiting = append(l.waiting, slog.NewRecord(time.Now(), slogLevel(level), printable(text, g.maxLine), 0))
	}
}

// write writes them.
func (l *lines) write() {
	for _, r := range l.waiting {
		_ = l.log.log.Handler().Handle(context.Background(), r) // as slog does
	}
	clear(l.waiting)
	l.waiting = l.waiting[:0]
}

// crashLines is how many failures of the guest are logged in a second.
const crashLines = 10

// crash logs a failure of the guest for its author: what failed, at which event, and
// the guest's stack. The event is nil at the start of an instance.
func (g *guestLog) crash(phase abi.Phase, ev *channel.Event, err error) {
	if !g.log.Enabled(context.Background(), slog.LevelError) {
		return
	}
	dropped, ok := g.admit(&g.crashes, crashLines)
	if !ok {
		return
	}
	attrs := make([]slog.Attr, 0, 6)
	attrs = append(attrs, slog.String("callback", phase.String()))
	if ev != nil {
		attrs = append(attrs, slog.String("topic", ev.Topic), slog.String("event", ev.Event))
	}
	attrs = append(attrs, slog.String("err", printable(err.Error(), 2*maxTrapText)))
	if stack := GuestStack(err); stack != "" {
		attrs = append(attrs, slog.String("stack", strings.ReplaceAll(stack, "\n", " < ")))
	}
	if dropped > 0 {
		attrs = append(attrs, slog.Int("dropped_before", dropped))
	}
	g.log.LogAttrs(context.Background(), slog.LevelError, "the plugin failed", attrs...)
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
func (g *guestLog) admit(count *limitlog.Counter, perSec int) (dropped int, ok bool) {
	second := g.now().Unix()
	g.mu.Lock()
	defer g.mu.Unlock()
	return count.Admit(second, perSec)
}

// lineWriter assembles what an instance writes to its standard output and error
// into lines: a Go panic arrives in some twenty fragments.
type lineWriter struct {
	lines   *lines
	charge  func(fuel int64) // for what is written; it may end the guest
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
	w.charge(int64(n))
	for {
		line, rest, found := bytes.Cut(p, []byte{'\n'})
		if room := w.lines.log.maxLine + 1 - len(w.buf); room > 0 {
			w.buf = append(w.buf, line[:min(len(line), room)]...)
		}
		if !found {
			return n, nil
		}
		w.charge(w.lines.log.cost(len(w.buf)))
		w.end()
		p = rest
	}
}

// cost is what a line of so many bytes costs, be it logged or left out: the same
// callback is to cost the same each time.
func (g *guestLog) cost(n int) int64 { return hostCall + logByte*int64(min(n, g.maxLine)) }

// logByte is what one byte of a line costs: it is checked, escaped twice and written, which
// takes 12 ns where it has to be.
const logByte = 16

// end logs what has been written since the last line ended.
func (w *lineWriter) end() {
	if len(w.buf) > 0 {
		w.lines.add(abi.LogInfo, w.buf)
		w.buf = w.buf[:0]
	}
}

// flush is called when the guest has returned: it may write as much again.
func (w *lineWriter) flush() {
	w.end()
	w.written = 0
}
