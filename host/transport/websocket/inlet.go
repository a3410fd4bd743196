package websocket

import (
	"bufio"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
)

// inlet is a connection as the WebSocket library reads it. It reads the headers of
// the client's frames along, because of two things that the library does not tell:
//
// A message may come in any number of fragments, empty ones too, and the library
// returns when there is something in it. So each fragment counts as a frame for the
// client's rates here, or a message without an end would be work without a bound.
//
// A compressed message may have any size and unpack to nothing. What it has packed is
// bounded like what it has unpacked.
//
// It belongs to the connection's reader.
type inlet struct {
	net.Conn
	conn *conn // nil during the handshake, when nothing is read

	left   uint64          // of the payload of the frame that is passing
	packed uint64          // how much the message has that is passing, if it is compressed
	head   [maxHeader]byte // of the frame that comes
	have   uint8           // of head

	compressed bool // the message that is passing
	unpacking  bool // it is being read to be unpacked
}

// maxHeader is the longest header of a frame (RFC 6455, section 5.2).
const maxHeader = 14

var errPackedTooBig = errors.New("websocket: a compressed message is too large")

// Read implements [net.Conn].
func (in *inlet) Read(p []byte) (int, error) {
	// What is asked for belongs to the message that is passing, or it would be there.
	if in.unpacking && in.compressed && in.packed > in.conn.mostPacked() {
		return 0, errPackedTooBig
	}
	n, err := in.Conn.Read(p)
	in.follow(p[:n])
	return n, err
}

// follow takes note of what was read. What is no frame is the library's to find.
func (in *inlet) follow(data []byte) {
	for len(data) > 0 {
		if in.left > 0 {
			skip := min(in.left, uint64(len(data)))
			in.left -= skip
			data = data[skip:]
			continue
		}
		size := in.headerSize()
		n := copy(in.head[in.have:size], data)
		in.have += uint8(n)
		data = data[n:]
		if size > 2 && in.have == size || in.have == 2 && in.headerSize() == 2 {
			in.frame()
			in.have = 0
		}
	}
}

const (
	lengthBits = 0x7f
	maskBit    = 0x80
	opcodeBits = 0x0f
	// controlBit is that of the opcodes of control frames.
	controlBit = 0x08
)

// headerSize is the size of the header, as far as it is known: its first two bytes
// tell.
func (in *inlet) headerSize() uint8 {
	size := uint8(2)
	if in.have < size {
		return size
	}
	switch in.head[1] & lengthBits {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if in.head[1]&maskBit != 0 {
		size += 4
	}
	return size
}

// frame is called with a whole header.
func (in *inlet) frame() {
	in.left = uint64(in.head[1] & lengthBits)
	switch in.left {
	case 126:
		in.left = uint64(binary.BigEndian.Uint16(in.head[2:]))
	case 127:
		in.left = binary.BigEndian.Uint64(in.head[2:])
	}
	opcode := in.head[0] & opcodeBits
	if opcode&controlBit != 0 {
		return
	}
	if opcode != 0 {
		in.compressed, in.packed = in.head[0]&reserved1 != 0, 0
	} else {
		_ = in.conn.socket.Control(int(in.have)) // the reader finds out by itself
	}
	if in.compressed {
		in.packed += min(in.left, in.conn.mostPacked()+1-in.packed) // more makes no difference
	}
}

// mostPacked is how much a message may have when it is packed: deflate makes none
// longer by more than an eighth and a little, however little it finds in it.
func (c *conn) mostPacked() uint64 {
	most := uint64(c.t.cfg.MaxFrame)
	return most + most/8 + 64
}

// hijacker gives the WebSocket library an inlet in place of the connection.
type hijacker struct {
	http.ResponseWriter
	inlet *inlet
}

// Hijack implements [http.Hijacker].
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.inlet.Conn = c
	return h.inlet, rw, nil
}
