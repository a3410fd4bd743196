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

// TopicCount is how many topics are joined, or about to be.
func (e *Env) TopicCount() int {
	e.roster.mu.Lock()
	defer e.roster.mu.Unlock()
	if e.roster.most != nil {
		return len(e.roster.topics)
	}
	topics := make(map[string]struct{})
	for _, u := range e.roster.uses {
		for c := range u.joined {
			topics[c.topic] = struct{}{}
		}
	}
	return len(topics)
}

// reserve counts a join that is under way, until unreserve. It fails if that would be
// one topic too many.
func (e *Env) reserve(topic string) bool {
	r := &e.roster
	if r.most == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.topics[topic] == 0 && len(r.topics) >= r.most() {
		return false
	}
	r.count(topic, 1)
	return true
}

func (e *Env) unreserve(topic string) {
	if e.roster.most == nil {
		return
	}
	e.roster.mu.Lock()
	defer e.roster.mu.Unlock()
	e.roster.count(topic, -1)
}

// count adds n to the channels of a topic. The caller holds r.mu.
func (r *roster) count(topic string, n int) {
	switch {
	case r.most == nil:
	case r.topics == nil:
		r.topics = map[string]int{topic: n}
	case r.topics[topic]+n == 0:
		delete(r.topics, topic)
	default:
		r.topics[topic] += n
	}
}
