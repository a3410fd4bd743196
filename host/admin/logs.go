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
	// keptBytes is how much text is kept of a plugin, and allBytes of all of them: those
	// that have logged last.
	keptBytes = 256 << 10
	allBytes  = 64 << 20
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
	bytes   int    // of all that are kept
}

type pluginKey struct{ tenant, plugin string }

// lines are the last ones of a plugin.
type lines struct {
	kept    []line // oldest first
	bytes   int
	last    uint64        // the number of the newest one
	changed chan struct{} // closed when there is another one, or this is forgotten
}

type line struct {
	number uint64
	at     time.Time
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
			l.store.add(pluginKey{tenant, plugin}, r.Time, text)
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

func (s *lineStore) add(key pluginKey, at time.Time, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(key)
	s.counter++
	of.kept, of.last = append(of.kept, line{s.counter, at, text}), s.counter
	of.bytes, s.bytes = of.bytes+len(text), s.bytes+len(text)
	for len(of.kept) > keptLines || of.bytes > keptBytes {
		n := len(of.kept[0].text)
		of.bytes, s.bytes = of.bytes-n, s.bytes-n
		of.kept[0] = line{} // what follows it stays, its text does not
		of.kept = of.kept[1:]
	}
	for s.bytes > allBytes {
		s.forgetOldest()
	}
	close(of.changed)
	of.changed = make(chan struct{})
}

// of returns a plugin's lines, from now on. The caller holds s.mu.
func (s *lineStore) of(key pluginKey) *lines {
	if of := s.plugins[key]; of != nil {
		return of
	}
	if len(s.plugins) >= keptPlugins {
		s.forgetOldest()
	}
	of := &lines{changed: make(chan struct{}), last: s.counter}
	s.plugins[key] = of
	return of
}

// forgetOldest forgets the plugin that has logged nothing for longest; who follows it
// looks again. The caller holds s.mu.
func (s *lineStore) forgetOldest() {
	var oldest pluginKey
	least := ^uint64(0)
	for k, of := range s.plugins {
		if of.last < least {
			oldest, least = k, of.last
		}
	}
	of := s.plugins[oldest]
	s.bytes -= of.bytes
	delete(s.plugins, oldest)
	close(of.changed)
}

// after returns the lines behind one that are no older than since, at most the last so
// many, and what is closed when there is another one.
func (s *lineStore) after(key pluginKey, number uint64, since time.Time, most int) (found []line, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(key)
	for _, l := range of.kept {
		if l.number > number && !l.at.Before(since) {
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
	follow, err := boolean("follow", c.query.Get("follow"))
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
	if !c.api.readers.try(c.who.tenant) {
		return fault(codeBusy, "too many follow logs: at most %d of one tenant's, and %d of all tenants'", eachReaders, mostReaders-spareReaders)
	}
	defer c.api.readers.give(c.who.tenant)
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.WriteHeader(http.StatusOK)
	c.tell(after, int(most), follow)
	return nil
}

// tell writes lines behind one, and those that come if somebody follows.
func (c *call) tell(after uint64, most int, follow bool) {
	out := http.NewResponseController(c.w)
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	key, since := pluginKey{c.name, c.plugin()}, c.tenant.Record().Created // what is older was another's of this name
	for {
		found, changed := c.api.cfg.Logs.store.after(key, after, since, most)
		if len(found) > 0 && !c.stillMay() {
			return // what there is now may be the next tenant's of this name
		}
		patient(c.w) // who does not read is gone
		for _, l := range found {
			if _, err := fmt.Fprintf(c.w, "id: %d\ndata: %s\n\n", l.number, l.text); err != nil {
				return
			}
			after = l.number
		}
		if !follow || out.Flush() != nil {
			return
		}
		most = keptLines
		select {
		case <-changed:
		case <-ticker.C:
			if !c.stillMay() {
				return
			}
			patient(c.w)
			if _, err := c.w.Write([]byte(": still here\n\n")); err != nil {
				return
			}
		case <-c.r.Context().Done():
			return
		case <-c.api.ending:
			return
		}
	}
}

// stillMay tells whether the token is still good for the tenant, and the tenant is still
// the one that it was: who follows does so for days.
func (c *call) stillMay() bool {
	who, err := c.api.identify(c.r)
	t, ok := c.api.cfg.Tenants.Tenant(c.name)
	return err == nil && who == c.who && ok && t == c.tenant
}
