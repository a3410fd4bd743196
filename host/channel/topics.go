package channel

import (
	"cmp"
	"slices"
)

// TopicInfo is a topic that is joined, by the channels of one handler.
type TopicInfo struct {
	Topic string
	// Handler is the handler's name, such as "foods@7".
	Handler string
	// Channels is how many are joined.
	Channels int
}

// Topics lists the topics that are joined, by name and then by handler.
func (e *Env) Topics() []TopicInfo {
	type key struct{ topic, handler string }
	counts := make(map[key]int)
	e.roster.mu.Lock()
	for _, u := range e.roster.uses {
		name := u.handler.Traits().Name
		for c := range u.joined {
			counts[key{c.topic, name}]++
		}
	}
	e.roster.mu.Unlock()
	list := make([]TopicInfo, 0, len(counts))
	for k, n := range counts {
		list = append(list, TopicInfo{k.topic, k.handler, n})
	}
	slices.SortFunc(list, func(a, b TopicInfo) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Handler, b.Handler))
	})
	return list
}

// TopicCount is how many topics are joined.
func (e *Env) TopicCount() int {
	topics := make(map[string]struct{})
	e.roster.mu.Lock()
	defer e.roster.mu.Unlock()
	for _, u := range e.roster.uses {
		for c := range u.joined {
			topics[c.topic] = struct{}{}
		}
	}
	return len(topics)
}
