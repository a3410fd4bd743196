// Package router maps topics to channels by pattern: first match wins, `*` only
// last.
//
// Patterns are those of Phoenix's `channel` routes: "rooms:lobby" is that topic
// and no other, "foods:*" is every topic that starts with "foods:" ("foods:"
// itself too), and "*" is every topic. Routes are tried in the order in which
// they are written down. See "Channel Routes" in the Phoenix routing guide
// (http://www.phoenixframework.org/docs/routing) and channel/3 in
// https://hexdocs.pm/phoenix/Phoenix.Socket.html.
package router

import (
	"errors"
	"slices"
	"strings"
)

// Route sends the topics that Pattern matches to Target.
type Route[T any] struct {
	// Pattern is a topic, or the start of one followed by "*".
	Pattern string
	// Target is what [Table.Match] returns for these topics.
	Target T
}

// Table is an ordered list of routes. It is immutable and may be used from
// several goroutines at once; to change the routes, build another one and swap
// the pointer. The zero Table has no routes.
type Table[T any] struct {
	exact    map[string]T
	prefixes []prefix[T] // sorted by text
	shadowed []Shadow
}

// prefix is a route whose pattern ends with "*".
type prefix[T any] struct {
	text   string // without the "*"
	target T
	// parent is the index of the longest other prefix that text starts with,
	// or -1.
	parent int
}

// Shadow is a route that no topic can reach, since an earlier one matches all
// of its topics.
type Shadow struct {
	// Index is the position of the route among those given to [New], from 0.
	Index int
	// Pattern is the route's pattern.
	Pattern string
	// By is the pattern of the first route that takes all of its topics. It
	// equals Pattern when the route stands there twice.
	By string
}

// New builds a table. The error joins one [*PatternError] for each bad pattern
// (see [errors.Join]); a route that cannot be reached is no error, see
// [Table.Shadowed].
func New[T any](routes []Route[T]) (*Table[T], error) {
	var errs []error
	for i := range routes {
		if err := check(i, routes[i].Pattern); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	t := &Table[T]{exact: make(map[string]T)}
	patterns := newPatternSet(len(routes))
	for i := range routes {
		r := &routes[i]
		if by, ok := patterns.cover(r.Pattern); ok {
			t.shadowed = append(t.shadowed, Shadow{Index: i, Pattern: r.Pattern, By: by})
			continue
		}
		patterns.add(r.Pattern)
		if text, ok := strings.CutSuffix(r.Pattern, "*"); ok {
			t.prefixes = append(t.prefixes, prefix[T]{text: text, target: r.Target})
		} else {
			t.exact[r.Pattern] = r.Target
		}
	}
	t.index()
	return t, nil
}

// index sorts the prefixes and links each with the one that contains it. In
// sorted order the prefixes that a text starts with stand before it, and those
// on the way back that it does not start with are passed over by parent.
func (t *Table[T]) index() {
	slices.SortFunc(t.prefixes, func(a, b prefix[T]) int { return strings.Compare(a.text, b.text) })
	for i := range t.prefixes {
		t.prefixes[i].parent = t.climb(i-1, t.prefixes[i].text)
	}
}

// climb returns the first prefix at i or among its ancestors that topic starts
// with, or -1.
func (t *Table[T]) climb(i int, topic string) int {
	for i >= 0 && !strings.HasPrefix(topic, t.prefixes[i].text) {
		i = t.prefixes[i].parent
	}
	return i
}

// Match returns the target of the first route whose pattern matches topic; false
// if there is none. It does not allocate. Its cost grows with the logarithm of
// the number of routes.
//
// Routes that cannot be reached are not in the table, so of two patterns that
// match one topic the more specific one was written first, or it would not be
// there: the first match is the most specific match.
func (t *Table[T]) Match(topic string) (T, bool) {
	if target, ok := t.exact[topic]; ok {
		return target, true
	}
	// The prefixes not greater than topic are [0:hi], and whatever topic starts
	// with is the last of them or one of its ancestors.
	lo, hi := 0, len(t.prefixes)
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); t.prefixes[mid].text <= topic {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if i := t.climb(hi-1, topic); i >= 0 {
		return t.prefixes[i].target, true
	}
	var none T
	return none, false
}

// Shadowed returns the routes that no topic can reach, in the order in which
// they were given: most likely a mistake, worth a warning. The caller owns the
// slice.
func (t *Table[T]) Shadowed() []Shadow { return slices.Clone(t.shadowed) }

// patternSet answers which of the patterns seen so far covers another one.
type patternSet struct {
	exact    map[string]struct{}
	prefixes map[string]int // the prefix without "*": its place in the order
}

func newPatternSet(n int) *patternSet {
	return &patternSet{exact: make(map[string]struct{}, n), prefixes: make(map[string]int)}
}

func (s *patternSet) add(pattern string) {
	if text, ok := strings.CutSuffix(pattern, "*"); ok {
		s.prefixes[text] = len(s.prefixes)
	} else {
		s.exact[pattern] = struct{}{}
	}
}

// cover returns the earliest pattern of the set that matches every topic which
// pattern matches.
func (s *patternSet) cover(pattern string) (string, bool) {
	if _, ok := s.exact[pattern]; ok {
		return pattern, true // a wider one would have kept it out of the set
	}
	text, _ := strings.CutSuffix(pattern, "*")
	first, by := -1, ""
	for n := range len(text) + 1 {
		if at, ok := s.prefixes[text[:n]]; ok && (first < 0 || at < first) {
			first, by = at, text[:n]+"*"
		}
	}
	return by, first >= 0
}
