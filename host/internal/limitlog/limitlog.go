// Package limitlog limits how often the same line is logged, since clients and
// plugins can cause lines as fast as they like.
package limitlog

import (
	"context"
	"log/slog"
	"sync"
)

// PerSecond is how many lines with the same message are logged in a second. How
// many more there were is said with the next one.
const PerSecond = 20

// maxMessages bounds the memory for messages. The host's are constants, and far
// fewer.
const maxMessages = 256

// New returns a logger that logs to log, but the same message not more often
// than [PerSecond], whatever its attributes are. Nil stays nil. All loggers that
// are derived from it count together. It is safe for concurrent use.
func New(log *slog.Logger) *slog.Logger {
	if log == nil {
		return nil
	}
	return slog.New(&handler{next: log.Handler(), counts: &counts{of: make(map[string]*Counter)}})
}

type handler struct {
	next   slog.Handler
	counts *counts
}

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	dropped, ok := h.counts.admit(r.Message, r.Time.Unix())
	if !ok {
		return nil
	}
	if dropped > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("dropped_before", dropped))
	}
	return h.next.Handle(ctx, r)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.next.WithAttrs(attrs), h.counts}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.next.WithGroup(name), h.counts}
}

type counts struct {
	mu sync.Mutex
	of map[string]*Counter
}

// admit is [Counter.Admit] for a message.
func (c *counts) admit(message string, second int64) (dropped int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.of[message]
	if n == nil {
		if len(c.of) >= maxMessages {
			clear(c.of)
		}
		n = &Counter{}
		c.of[message] = n
	}
	return n.Admit(second, PerSecond)
}

// Counter counts lines by the second. The zero value is ready. It is not safe
// for concurrent use.
type Counter struct {
	second  int64
	lines   int
	dropped int
}

// Admit counts a line of a second and tells whether it is among the first limit
// (at least 1) of it, and how many lines were not since the last one that was.
func (c *Counter) Admit(second int64, limit int) (dropped int, ok bool) {
	if second != c.second {
		c.second, c.lines = second, 0
	}
	if c.lines >= limit {
		c.dropped++
		return 0, false
	}
	c.lines++
	dropped, c.dropped = c.dropped, 0
	return dropped, true
}
