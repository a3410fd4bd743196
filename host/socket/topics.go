package socket

import (
	"slices"

	"github.com/chhost/chhost/host/channel"
)

// topics finds the channel of a topic. Most sockets have one or two, for which
// the smallest map is several times the size of a list and not faster; index is
// there as long as there are more than maxListed.
type topics struct {
	list  []*channel.Channel
	index map[string]*channel.Channel
}

const maxListed = 8

func (t *topics) get(topic string) *channel.Channel {
	if t.index != nil {
		return t.index[topic]
	}
	for _, c := range t.list {
		if c.Topic() == topic {
			return c
		}
	}
	return nil
}

// add adds a channel, of whose topic there is none yet.
func (t *topics) add(c *channel.Channel) {
	t.list = append(t.list, c)
	switch {
	case t.index != nil:
		t.index[c.Topic()] = c
	case len(t.list) > maxListed:
		t.index = make(map[string]*channel.Channel, 2*maxListed)
		for _, c := range t.list {
			t.index[c.Topic()] = c
		}
	}
}

// remove takes a channel out, and tells whether it was there.
func (t *topics) remove(c *channel.Channel) bool {
	at := slices.Index(t.list, c)
	if at < 0 {
		return false
	}
	last := len(t.list) - 1
	t.list[at] = t.list[last]
	t.list[last] = nil
	t.list = t.list[:last]
	delete(t.index, c.Topic())
	if last <= maxListed {
		t.index = nil
	}
	if last == 0 {
		t.list = nil
	}
	return true
}
