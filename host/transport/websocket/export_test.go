package websocket

import (
	"fmt"

	"github.com/chhost/chhost/host/socket"
)

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

// Follow lets an inlet follow what is read in these pieces, of a compressed
// connection, and tells where that leaves it.
func Follow(pieces ...[]byte) string {
	in := &inlet{conn: &conn{t: New(Config{}), socket: socket.New(socket.Config{Wake: func() {}})}}
	for _, piece := range pieces {
		in.follow(piece)
	}
	return fmt.Sprint(in.head[:in.have], in.left, in.compressed, in.packed)
}
