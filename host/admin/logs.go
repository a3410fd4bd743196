package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// keptLines is how many lines of a plugin are kept, and keptPlugins of how many
	// plugins: those that have logged last.
	keptLines   = 500
	keptPlugins = 2000
	// maxLine is how long a line may be in bytes that is kept; longer ones are cut by who
	// logs them.
	maxLine = 16 << 10
	// beat is how often whoever follows a log hears that it still goes on.
	beat = 15 * time.Second
)

// Logs is a handler of log lines that passes them on, and keeps the last ones of each
// plugin for those who may see them: lines with the keys "plugin" (name@version) and
// "tenant". It is safe for concurrent use.
type Logs struct {
	next  slog.Handler
	store *lineStore
	// What the lines through this handler have in common.
	attrs  []slog.Attr
	groups int
}

// lineStore has the lines.
type lineStore struct {
	mu      sync.Mutex
	plugins map[pluginKey]*lines
	counter uint64 // of all lines
}

type pluginKey struct{ tenant, plugin string }

// lines are the last ones of a plugin: a ring.
type lines struct {
	ring    []line
	next    int
	last    uint64        // the number of the newest one
	changed chan struct{} // closed when there is another one
}

type line struct {
	number uint64
	text   []byte
}

// NewLogs returns a handler that passes on to next what it is given.
func NewLogs(next slog.Handler) *Logs {
	return &Logs{next: next, store: &lineStore{plugins: make(map[pluginKey]*lines)}}
}

// Enabled implements [slog.Handler].
func (l *Logs) Enabled(ctx context.Context, level slog.Level) bool { return l.next.Enabled(ctx, level) }

// WithAttrs implements [slog.Handler].
func (l *Logs) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *l
	with.next = l.next.WithAttrs(attrs)
	if l.groups == 0 {
		with.attrs = slices.Concat(l.attrs, attrs)
	}
	return &with
}

// WithGroup implements [slog.Handler].
func (l *Logs) WithGroup(name string) slog.Handler {
	with := *l
	with.next = l.next.WithGroup(name)
	with.groups++
	return &with
}

// Handle implements [slog.Handler].
func (l *Logs) Handle(ctx context.Context, r slog.Record) error {
	fields := map[string]any{}
	put := func(a slog.Attr) bool {
		fields[a.Key] = plain(a.Value)
		return true
	}
	for _, a := range l.attrs {
		put(a)
	}
	if l.groups == 0 {
		r.Attrs(put)
	}
	version, ok := fields["plugin"].(string)
	tenant, named := fields["tenant"].(string)
	if ok && named {
		fields["time"], fields["level"], fields["msg"] = r.Time.UTC(), r.Level.String(), r.Message
		if text, err := json.Marshal(fields); err == nil && len(text) <= maxLine {
			plugin, _, _ := strings.Cut(version, "@")
			l.store.add(pluginKey{tenant, plugin}, text)
		}
	}
	return l.next.Handle(ctx, r)
}

// plain is a value that JSON can tell.
func plain(v slog.Value) any {
	switch v = v.Resolve(); v.Kind() {
	case slog.KindString, slog.KindBool, slog.KindInt64, slog.KindUint64, slog.KindFloat64, slog.KindTime:
		return v.Any()
	}
	return v.String()
}

func (s *lineStore) add(key pluginKey, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(key)
	s.counter++
	if len(of.ring) < keptLines {
		of.ring = append(of.ring, line{})
	}
	of.ring[of.next] = line{s.counter, text}
	of.next = (of.next + 1) % keptLines
	of.last = s.counter
	close(of.changed)
	of.changed = make(chan struct{})
}

// of returns a plugin's lines, from now on. The caller holds s.mu.
func (s *lineStore) of(key pluginKey) *lines {
	if of := s.plugins[key]; of != nil {
		return of
	}
	if len(s.plugins) >= keptPlugins {
		var oldest pluginKey
		least := ^uint64(0)
		for k, of := range s.plugins {
			if of.last < least {
				oldest, least = k, of.last
			}
		}
		delete(s.plugins, oldest)
	}
	of := &lines{changed: make(chan struct{})}
	s.plugins[key] = of
	return of
}

// after returns the lines behind one, at most the last so many, and what is closed when
// there is another one.
func (s *lineStore) after(key pluginKey, number uint64, most int) (found []line, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(key)
	for i := range of.ring {
		l := of.ring[(of.next+i)%len(of.ring)]
		if l.number > number {
			found = append(found, l)
		}
	}
	return found[max(0, len(found)-most):], of.changed
}

func (c *call) logs() error {
	if c.api.cfg.Logs == nil {
		return fault(codeUnknown, "this host keeps no logs of plugins: see its own log")
	}
	most, err := c.number("lines", 100, keptLines)
	if err != nil {
		return err
	}
	if _, err := c.settings(); err != nil {
		return err // there is no such plugin
	}
	after := uint64(0)
	if id := c.r.Header.Get("Last-Event-ID"); id != "" {
		if after, err = strconv.ParseUint(id, 10, 64); err != nil {
			return fault(codeBody, "Last-Event-ID is a number that an event had")
		}
		most = keptLines
	}
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(c.w)
	key := pluginKey{c.name, c.plugin()}
	for {
		found, changed := c.api.cfg.Logs.store.after(key, after, int(most))
		for _, l := range found {
			if _, err := fmt.Fprintf(c.w, "id: %d\ndata: %s\n\n", l.number, l.text); err != nil {
				return nil // gone
			}
			after = l.number
		}
		if follow := c.r.URL.Query().Get("follow"); follow != "1" && follow != "true" {
			return nil
		}
		most = keptLines
		if out.Flush() != nil || !c.awaitLine(changed, out) {
			return nil
		}
	}
}

// awaitLine returns when there is another line, and false when nobody waits for it any
// more.
func (c *call) awaitLine(changed <-chan struct{}, out *http.ResponseController) bool {
	timer := time.NewTicker(beat)
	defer timer.Stop()
	for {
		// Who does not read is gone.
		_ = out.SetWriteDeadline(time.Now().Add(2 * beat))
		select {
		case <-changed:
			return true
		case <-timer.C:
			if _, err := c.w.Write([]byte(": still here\n\n")); err != nil || out.Flush() != nil {
				return false
			}
		case <-c.r.Context().Done():
			return false
		}
	}
}
