package pubsub

// Topics is the number of topics that p holds memory for.
func (p *PubSub) Topics() int {
	n := 0
	for i := range p.shards {
		p.shards[i].mu.Lock()
		n += len(p.shards[i].topics)
		p.shards[i].mu.Unlock()
	}
	return n
}

// FanOutPart is the size of the parts that a broadcast is split into.
const FanOutPart = fanOutPart
