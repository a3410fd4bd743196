package websocket_test

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/websocket"
)

// pack compresses a message as RFC 7692, section 7.2.1, says.
func pack(t *testing.T, message string) string {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, message)
	_ = w.Flush()
	return strings.TrimSuffix(out.String(), "\x00\x00\xff\xff")
}

func unpack(t *testing.T, data string) string {
	t.Helper()
	out, err := io.ReadAll(flate.NewReader(strings.NewReader(data + "\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

const reserved1 = 0x40

// Compression is agreed on with clients that offer it as it is done, if it is
// configured.
func TestCompressionIsNegotiated(t *testing.T) {
	on, off := start(t, options{Config: websocket.Config{Compression: true}}), start(t, options{})
	const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for offer, want := range map[string]string{
		"permessage-deflate":                                                agreed,
		"permessage-deflate; client_max_window_bits":                        agreed,
		"permessage-deflate;client_max_window_bits=10":                      agreed,
		"x-unknown; a=b, permessage-deflate":                                agreed,
		"permessage-deflate; server_no_context_takeover":                    agreed,
		"permessage-deflate; server_max_window_bits=10, permessage-deflate": agreed,
		"permessage-deflate; server_max_window_bits=10":                     "",
		"permessage-deflate; unheard_of":                                    "",
		"permessage-deflate; client_max_window_bits=x":                      "",
		"permessage-deflate; ":                                              "",
		"permessage-deflate2":                                               "",
		`x; y="a, permessage-deflate"`:                                      "",
		"x-webkit-deflate-frame":                                            "",
	} {
		p, res := on.dialPeer(t, "Sec-WebSocket-Extensions: "+offer+"\r\n")
		if got := res.Header.Get("Sec-WebSocket-Extensions"); got != want {
			t.Errorf("%s: agreed on %q, want %q", offer, got, want)
		}
		p.frame(fin|opClose, "")
		p.expectClose(0)
		p, res = off.dialPeer(t, "Sec-WebSocket-Extensions: "+offer+"\r\n")
		if got := res.Header.Get("Sec-WebSocket-Extensions"); got != "" {
			t.Errorf("%s: agreed on %q, although compression is off", offer, got)
		}
		p.frame(fin|opClose, "")
		p.expectClose(0)
	}
}

// compressing returns a peer that has agreed on compression and joined "t".
func (s *server) compressing(t *testing.T) *peer {
	t.Helper()
	p, _ := s.dialPeer(t, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
	p.text(joinFrame)
	p.expectText(joinedFrame)
	return p
}

// Messages are compressed both ways, in one frame or several, and those that gain
// nothing are not; who has not agreed on it gets them as ever, of one broadcast.
func TestCompressedMessages(t *testing.T) {
	s := start(t, options{Config: websocket.Config{Compression: true}})
	p, plain := s.compressing(t), s.peer(t)
	for _, size := range []int{100, 255, 256, 1000, 65_536, websocket.DefaultMaxFrame} {
		message := pushFrame(size)
		packed := pack(t, message)
		for _, cut := range []int{0, len(packed) / 2} {
			p.frame(reserved1|opText, packed[:cut])
			p.frame(fin|opContinuation, packed[cut:])
			first, data := p.read()
			if size < 256 {
				if first != fin|opText || data != message {
					t.Errorf("%d bytes: received %#x %.100q, want them as they are", size, first, data)
				}
			} else if first != fin|reserved1|opText || unpack(t, data) != message || len(data) > size/2 {
				t.Errorf("%d bytes: received %#x with %d bytes, want them compressed", size, first, len(data))
			}
		}
		p.text(message) // not compressed, which is allowed
		p.read()
	}
	noise := make([]byte, 1000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	p.frame(fin|opBinary, "\x00\x01\x00\x01\x041tpush"+string(noise))
	p.expect(fin|opBinary, "\x00\x01\x01\x041tpush"+string(noise)) // compressed it would be longer

	payload := `{"x":"` + strings.Repeat("x", 1000) + `"}`
	s.broadcast("e", payload)
	want := `[null,null,"t","e",` + payload + `]`
	plain.expectText(want)
	if first, data := p.read(); first != fin|reserved1|opText || unpack(t, data) != want {
		t.Errorf("a broadcast came as %#x %.100q", first, data)
	}
}

// A message is bounded when it is unpacked, however small it was; one that cannot be
// unpacked, or is no UTF-8 then, ends the connection.
func TestCompressedBadMessages(t *testing.T) {
	s := start(t, options{Config: websocket.Config{Compression: true}})
	other := s.peer(t)
	for _, tc := range []struct {
		name, data string
		code       int
	}{
		{"a bomb", pack(t, strings.Repeat("x", 4<<20)), socket.CloseTooBig},
		{"one byte too many", pack(t, pushFrame(websocket.DefaultMaxFrame+1)), socket.CloseTooBig},
		{"more than it may have, of which nothing comes", strings.Repeat("\x00\x00\x00\xff\xff", 400<<10), socket.CloseTooBig},
		{"not compressed at all", "hello, this is no deflate", socket.CloseNotUTF8},
		{"a block of a kind that there is not", "\x07", socket.CloseNotUTF8},
		{"no UTF-8", pack(t, strings.Replace(pushFrame(500), "xxx", "\xff", 1)), socket.CloseNotUTF8},
	} {
		p := s.compressing(t)
		p.frame(fin|reserved1|opText, tc.data)
		p.frame(fin|opClose, "")
		t.Run(tc.name, func(t *testing.T) {
			p.t = t
			p.expectClose(tc.code)
		})
	}
	other.expectAlive()
	_ = other.conn.Close()
	s.expectConns(t, 0)
}

// What comes behind the end is dropped as it is: unpacking it would be work that a
// client has done for nothing, a thousand times as much as it sends.
func TestNothingIsUnpackedBehindTheEnd(t *testing.T) {
	s := start(t, options{Config: websocket.Config{Compression: true, CloseTimeout: time.Hour}})
	p := s.compressing(t)
	p.frame(fin|reserved1|opText, pack(t, strings.Repeat("x", 4<<20)))
	for range 32 { // the first of them would end the reading, and 4 MiB later the connection
		p.frame(fin|reserved1|opText, "\x07"+strings.Repeat("x", 1<<20))
	}
	if _, err := p.conn.Write(append(head(fin|opClose, 0), 0, 0, 0, 0)); err != nil {
		t.Fatalf("what came behind the end was read: %v", err)
	}
	p.expectClose(socket.CloseTooBig)
	s.expectConns(t, 0)
}
