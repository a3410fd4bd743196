package websocket

import (
	"compress/flate"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/chhost/chhost/host/phx"
)

// Compression is permessage-deflate (RFC 7692) without context takeover: each
// message stands for itself. So a connection keeps no window of its own, and the
// compressed frame of a broadcast is shared by all that take such frames, as any
// other frame is. What a client sends is bounded by MaxFrame when it is unpacked.

const deflate = "permessage-deflate"

const extensionsHeader = "Sec-Websocket-Extensions"

// deflates tells whether a client offers compression as the server does it. An
// offer that wants a smaller window of the server has to be declined.
func deflates(offers []string) bool {
	for _, offer := range strings.Split(strings.Join(offers, ","), ",") {
		parts := strings.Split(offer, ";")
		if strings.TrimSpace(parts[0]) != deflate {
			continue
		}
		if !slices.ContainsFunc(parts[1:], func(parameter string) bool {
			name, value, has := strings.Cut(strings.TrimSpace(parameter), "=")
			switch name {
			case "server_no_context_takeover", "client_no_context_takeover":
				return has
			case "client_max_window_bits":
				return has && strings.Trim(value, "0123456789") != ""
			}
			return true
		}) {
			return true
		}
	}
	return false
}

// negotiate leaves of the client's extensions what is agreed on, for gorilla to
// answer, and tells whether that is compression.
func (t *Transport) negotiate(r *http.Request) bool {
	agreed := t.cfg.Compression && deflates(r.Header.Values(extensionsHeader))
	r.Header.Del(extensionsHeader)
	if agreed {
		r.Header.Set(extensionsHeader, deflate)
	}
	return agreed
}

// minDeflated is the size from which on compression is tried: below it the frame
// fits into one packet anyway.
const minDeflated = 256

// reserved1 is the bit of a frame whose message is compressed (RFC 7692, section 6).
const reserved1 = 0x40

// deflater is what a message is compressed with. It is large, and pooled.
type deflater struct {
	w   *flate.Writer
	out []byte
}

func (d *deflater) Write(p []byte) (int, error) {
	d.out = append(d.out, p...)
	return len(p), nil
}

// deflating is [framing] for connections that take compressed messages.
func deflating() phx.Framing {
	plain := framing()
	pool := &sync.Pool{New: func() any {
		d := new(deflater)
		d.w, _ = flate.NewWriter(d, flate.BestSpeed) // the level exists
		return d
	}}
	return phx.Framing{Room: headerRoom, Seal: func(buf []byte, binary bool) []byte {
		if len(buf)-headerRoom < minDeflated {
			return plain.Seal(buf, binary)
		}
		d := pool.Get().(*deflater)
		defer pool.Put(d)
		d.out = make([]byte, headerRoom, headerRoom+len(buf)/2) // it is kept as long as the frame
		d.w.Reset(d)
		_, err := d.w.Write(buf[headerRoom:])
		if err == nil {
			err = d.w.Flush()
		}
		// The end of each flush is left out (RFC 7692, section 7.2.1).
		out := d.out[:max(len(d.out)-4, headerRoom)]
		d.out = nil
		if err != nil || len(out) >= len(buf) {
			return plain.Seal(buf, binary)
		}
		kind := websocket.TextMessage
		if binary {
			kind = websocket.BinaryMessage
		}
		return seal(out, reserved1|kind)
	}}
}
