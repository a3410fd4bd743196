package console

import (
	"slices"
	"strings"
)

// maxSeen is how many topics, and events, are offered for completion.
const maxSeen = 100

// seen is what was named before, and how topics that are served begin.
type seen struct{ prefixes, topics, events []string }

func (s *seen) topic(name string) { s.topics = noted(s.topics, name) }
func (s *seen) event(name string) { s.events = noted(s.events, name) }

// noted is the list with name as its newest element.
func noted(list []string, name string) []string {
	if name == "" || strings.ContainsAny(name, " \t\"") {
		return list
	}
	list = slices.DeleteFunc(list, func(other string) bool { return other == name })
	if len(list) == maxSeen {
		list = list[1:]
	}
	return append(list, name)
}

// complete offers words for the one that the cursor is at, which is a count of
// runes: commands, the topics and events that were named before, plugins.
func (s *session) complete(text string, pos int) (head string, words []string, tail string) {
	runes := []rune(text)
	before, tail := string(runes[:pos]), string(runes[pos:])
	start := strings.LastIndexAny(before, " \t") + 1
	head, begun := before[:start], before[start:]
	for _, word := range s.candidates(strings.Fields(head)) {
		if strings.HasPrefix(word, begun) {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	words = slices.Compact(words)
	if len(words) == 1 && tail == "" && !slices.Contains(s.seen.prefixes, words[0]) {
		words[0] += " "
	}
	return head, words, tail
}

// candidates lists what may follow the words.
func (s *session) candidates(words []string) []string {
	if len(words) == 0 {
		return commandNames()
	}
	c := find(words[0])
	if c == nil {
		return nil
	}
	args := words[1:]
	if c.sub != nil {
		if len(args) == 0 {
			return []string{c.sub.name}
		}
		if args[0] != c.sub.name {
			return nil
		}
		c, args = c.sub, args[1:]
	}
	if len(args) >= len(c.params) {
		return nil
	}
	switch c.params[len(args)] {
	case paramTopic:
		return slices.Concat(s.seen.prefixes, s.seen.topics)
	case paramEvent:
		if c.name == "dispatch" {
			return append([]string{"join", "leave"}, s.seen.events...)
		}
		return s.seen.events
	case paramPlugin:
		return pluginNames(s.plugins)
	case paramCommand:
		return commandNames()
	}
	return nil
}

func pluginNames(plugins []Plugin) []string {
	var names []string
	for _, p := range plugins {
		names = append(names, p.Name)
	}
	return names
}
