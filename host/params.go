package host

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Bounds of the params that a client connects with.
const (
	maxParams     = 64
	maxParamDepth = 4
)

// parseParams reads a query string with nesting, as Phoenix does: a[b]=1 is
// {"a":{"b":"1"}}, a[]=1&a[]=2 is {"a":["1","2"]}, and a[][b]=1&a[][c]=2 is one
// element, {"a":[{"b":"1","c":"2"}]}. Of two values of one name the later one wins.
// If a is both a list and an object, the later one decides, and what fits it is
// kept: a[]=1&a[b]=2&a[]=3 is {"a":["1","3"]}.
func parseParams(query string) (map[string]any, error) {
	tree := paramTree{root: &paramLevel{}, below: make(map[string]*paramLevel)}
	count := 0
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		if count++; count > maxParams {
			return nil, fmt.Errorf("the query has more than %d parameters", maxParams)
		}
		rawKey, rawValue, _ := strings.Cut(pair, "=")
		key, err := unescape(rawKey)
		if err != nil {
			return nil, err
		}
		value, err := unescape(rawValue)
		if err != nil {
			return nil, err
		}
		names := splitKey(key)
		if len(names) > maxParamDepth {
			return nil, fmt.Errorf("a parameter of the query is nested deeper than %d", maxParamDepth)
		}
		tree.insert(names, value)
	}
	return tree.root.object(), nil
}

func unescape(raw string) (string, error) {
	text, err := url.QueryUnescape(raw)
	if err != nil {
		return "", fmt.Errorf("the query: %w", err)
	}
	if !utf8.ValidString(text) {
		return "", errors.New("the query is not UTF-8")
	}
	return text, nil
}

// splitKey takes "a[b][]" apart: "a", "b", "". What has no bracket behind a name,
// or does not end in one, is one name; other brackets are part of the names.
func splitKey(key string) []string {
	name, rest, nested := strings.Cut(key, "[")
	if !nested || name == "" || !strings.HasSuffix(rest, "]") {
		return []string{key}
	}
	return append([]string{name}, strings.Split(strings.TrimSuffix(rest, "]"), "][")...)
}

// paramTree is what has been read of a query. A level is the values under one
// path, such as a[b], and stands in the level above it where it was first named.
type paramTree struct {
	root  *paramLevel
	below map[string]*paramLevel
}

// paramLevel is a list or an object, which shows at its last entry.
type paramLevel struct{ entries []paramEntry }

type paramEntry struct {
	name  string // empty: an element of a list, unless it is in the root
	value string
	below *paramLevel // in place of value
}

// insert puts a value under names, which are at least one.
func (t *paramTree) insert(names []string, value string) {
	for entry := (paramEntry{value: value}); ; {
		last := len(names) - 1
		entry.name = names[last]
		names = names[:last]
		if last == 0 {
			t.root.add(entry)
			return
		}
		path := strings.Join(names, "][") // one text for one path: splitKey has cut there
		if level := t.below[path]; level != nil {
			level.add(entry)
			return
		}
		level := &paramLevel{}
		level.add(entry)
		t.below[path] = level
		entry = paramEntry{below: level}
	}
}

func (l *paramLevel) add(e paramEntry) { l.entries = append(l.entries, e) }

// content is the value that the entry stands for.
func (e *paramEntry) content() any {
	switch {
	case e.below == nil:
		return e.value
	case e.below.entries[len(e.below.entries)-1].name == "":
		return e.below.list()
	}
	fields := e.below.object()
	delete(fields, "") // elements of the list that it is not
	return fields
}

func (l *paramLevel) object() map[string]any {
	fields := make(map[string]any, len(l.entries))
	for i := range l.entries {
		fields[l.entries[i].name] = l.entries[i].content()
	}
	return fields
}

func (l *paramLevel) list() []any {
	var list []any
	for i := range l.entries {
		if l.entries[i].name == "" {
			list = append(list, l.entries[i].content())
		}
	}
	return list
}
