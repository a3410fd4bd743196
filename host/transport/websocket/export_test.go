package websocket

// Tick does what Run does each quarter of the idle timeout.
func (t *Transport) Tick() { t.sweep(t.tick.Add(1)) }

// Conns is the number of connections.
func (t *Transport) Conns() int { return len(t.all()) }

// CutAll closes every connection without a word, as a broken network does.
func (t *Transport) CutAll() {
	for _, c := range t.all() {
		_ = c.net.Close()
	}
}
