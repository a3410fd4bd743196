package socket

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/chhost/chhost/host/channel"
)

// TestTopics holds the list and its index to a map, while channels come and go
// around the size from which on there is an index.
func TestTopics(t *testing.T) {
	var got topics
	want := make(map[string]*channel.Channel)
	random := rand.New(rand.NewPCG(1, 2))
	indexed, listed := 0, 0
	for range 10_000 {
		topic := fmt.Sprint("t", random.IntN(2*maxListed+2))
		switch c := want[topic]; {
		case c == nil:
			c = channel.New(nil, nil, topic, channel.Options{})
			want[topic] = c
			got.add(c)
		default:
			delete(want, topic)
			got.remove(c)
			got.remove(c) // is not there any more
		}
		for i := range 2*maxListed + 2 {
			topic := fmt.Sprint("t", i)
			if got.get(topic) != want[topic] {
				t.Fatalf("%s: %p, want %p; of %d", topic, got.get(topic), want[topic], len(want))
			}
		}
		if len(got.list) != len(want) {
			t.Fatalf("%d channels, want %d", len(got.list), len(want))
		}
		if got.index != nil {
			indexed++
		} else {
			listed++
		}
	}
	if indexed == 0 || listed == 0 {
		t.Errorf("there was an index %d times and none %d times: both have to be met", indexed, listed)
	}
}
