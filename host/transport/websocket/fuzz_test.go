package websocket_test

import (
	"testing"

	"github.com/chhost/chhost/host/transport/websocket"
)

// FuzzFollow: where frames begin does not depend on how the network cuts them.
func FuzzFollow(f *testing.F) {
	for _, seed := range []string{
		"", "\x81", "\x81\x80\x00\x00\x00\x00\x89\x81\x00\x00\x00\x00x", "\x01\x81\x00\x00\x00\x00x\x00\x80\x00\x00\x00\x00", "\xc1\xfe\x01\x00\x00\x00\x00\x00",
		"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00", "\xc1\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00x", "\x81\x02[]\x41\x7f",
	} {
		f.Add([]byte(seed), uint16(1))
		f.Add([]byte(seed), uint16(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		at := int(cut) % (len(data) + 1)
		whole := websocket.Follow(data)
		if got := websocket.Follow(data[:at], data[at:]); got != whole {
			t.Errorf("cut at %d: %s, not %s", at, got, whole)
		}
		var bytes [][]byte
		for i := range data {
			bytes = append(bytes, data[i:i+1])
		}
		if got := websocket.Follow(bytes...); got != whole {
			t.Errorf("byte by byte: %s, not %s", got, whole)
		}
	})
}
