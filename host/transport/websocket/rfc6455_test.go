package websocket_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/websocket"
)

// The server against the clauses of RFC 6455 that it has to keep. Each test has the
// number of its section.

const (
	protocolError = 1002
	notUTF8       = socket.CloseNotUTF8
	tooBig        = socket.CloseTooBig
)

func TestRFC6455(t *testing.T) {
	s := start(t, options{})
	for _, section := range []struct {
		name string
		test func(t *testing.T, s *server)
	}{
		{"4.2.2 the accept of the key", section422},
		{"5.1 masking", section51},
		{"5.2 reserved bits", section52Reserved},
		{"5.2 opcodes", section52Opcodes},
		{"5.2 lengths", section52Lengths},
		{"5.4 fragmentation", section54},
		{"5.4 fragments out of order", section54Order},
		{"5.5 control frames", section55},
		{"5.5.1 close", section551},
		{"5.5.2 ping", section552},
		{"5.5.3 pong", section553},
		{"5.6 data frames", section56},
		{"7.1.7 a violation fails the connection", section717},
		{"7.4 close codes", section74},
		{"8.1 UTF-8", section81},
		{"8.1 UTF-8 in a close", section81Close},
		{"9.1 extensions", section91},
	} {
		t.Run(section.name, func(t *testing.T) { section.test(t, s) })
	}
	s.expectConns(t, 0)
}

func section422(t *testing.T, s *server) {
	for _, header := range []string{"", "Connection: keep-alive\r\n", "Sec-WebSocket-Protocol: phoenix\r\n"} {
		p, res := s.dialPeer(t, header)
		if got := res.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // the example of section 1.3
			t.Errorf("%q: the accept is %q", header, got)
		}
		if !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") || !strings.EqualFold(res.Header.Get("Connection"), "upgrade") {
			t.Errorf("%q: Upgrade: %s, Connection: %s", header, res.Header.Get("Upgrade"), res.Header.Get("Connection"))
		}
		_ = p.conn.Close()
	}
}

// A client's frames are masked, with any key; the others' fail the connection.
func section51(t *testing.T, s *server) {
	p := s.peer(t)
	for _, key := range [][4]byte{{}, {0xff, 0xff, 0xff, 0xff}, {0, 1, 0, 1}, {'[', '"', '1', '"'}} {
		p.write(append(head(fin|opText, len(echoFrame)), mask(key, echoFrame)...))
		p.expectText(echoReply)
	}
	for _, frame := range []string{"\x81\x00", "\x81\x02[]", "\x82\x01x", "\x89\x00", "\x8a\x00", "\x88\x00", "\x01\x01["} {
		p := s.peer(t)
		p.write([]byte(frame))
		p.expectClose(protocolError)
	}
}

// Without an extension the three reserved bits are 0, in every frame.
func section52Reserved(t *testing.T, s *server) {
	for _, bits := range []byte{0x40, 0x20, 0x10, 0x70} {
		for _, op := range []byte{opText, opBinary, opPing, opPong, opClose} {
			p := s.peer(t)
			p.frame(fin|bits|op, "")
			p.expectClose(protocolError)
		}
		p := s.peer(t)
		p.frame(opText, echoFrame[:5])
		p.frame(fin|bits|opContinuation, echoFrame[5:])
		p.expectClose(protocolError)
	}
}

func section52Opcodes(t *testing.T, s *server) {
	for _, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		for _, first := range []byte{fin | op, op} {
			p := s.peer(t)
			p.frame(first, "x")
			p.expectClose(protocolError)
		}
	}
}

// Lengths at the borders of their three forms, there and back; one that is longer
// than it need be, which the RFC forbids to send and not to take; and those that are
// none.
func section52Lengths(t *testing.T, s *server) {
	p := s.peer(t)
	for _, size := range []int{125, 126, 127, 128, 65535, 65536, 65537, websocket.DefaultMaxFrame} {
		p.text(pushFrame(size))
		p.expectText(pushFrame(size))
	}
	p.write(append(binary.BigEndian.AppendUint16([]byte{fin | opText, masked | 126}, uint16(len(echoFrame))), mask([4]byte{}, echoFrame)...))
	p.expectText(echoReply)
	p.write(append(binary.BigEndian.AppendUint64([]byte{fin | opText, masked | 127}, uint64(len(echoFrame))), mask([4]byte{}, echoFrame)...))
	p.expectText(echoReply)
	p.text(pushFrame(websocket.DefaultMaxFrame + 1))
	p.frame(fin|opClose, "")
	p.expectClose(tooBig)
	for _, size := range []uint64{1 << 63, 1<<64 - 1} {
		p := s.peer(t)
		p.write(append(binary.BigEndian.AppendUint64([]byte{fin | opBinary, masked | 127}, size), 1, 2, 3, 4))
		p.expectClose(tooBig)
	}
}

// A message in fragments is one message, however they are cut, with control frames
// between them.
func section54(t *testing.T, s *server) {
	p := s.peer(t)
	fragments := func(op byte, parts ...string) {
		for i, part := range parts {
			first := byte(opContinuation)
			if i == 0 {
				first = op
			}
			if i == len(parts)-1 {
				first |= fin
			}
			p.frame(first, part)
		}
	}
	for cut := range len(echoFrame) + 1 {
		fragments(opText, echoFrame[:cut], echoFrame[cut:])
		p.expectText(echoReply)
	}
	fragments(opText, strings.Split(echoFrame, "")...)
	p.expectText(echoReply)
	fragments(opText, "", "", echoFrame, "", "")
	p.expectText(echoReply)
	fragments(opBinary, "\x00\x01\x00\x01", "\x041tp", "ush\x01\x02", "\x03")
	p.expect(fin|opBinary, "\x00\x01\x01\x041tpush\x01\x02\x03")

	p.frame(opText, echoFrame[:7])
	p.frame(fin|opPing, "one")
	p.expect(fin|opPong, "one") // not only behind the message
	p.frame(opContinuation, echoFrame[7:9])
	p.frame(fin|opPong, "")
	p.frame(fin|opPing, "two")
	p.expect(fin|opPong, "two")
	p.frame(fin|opContinuation, echoFrame[9:])
	p.expectText(echoReply)

	// What is cut into fragments counts as a whole.
	message := pushFrame(websocket.DefaultMaxFrame)
	fragments(opText, message[:1000], message[1000:200_000], message[200_000:])
	p.expectText(message)
	fragments(opText, message[:1000], message[1000:200_000], message[200_000:], "x")
	p.frame(fin|opClose, "")
	p.expectClose(tooBig)

	p = s.peer(t)
	p.frame(opText, echoFrame[:7])
	p.frame(fin|opClose, closing(1000, "")) // a close ends the message too
	p.expectClose(1000)
}

func section54Order(t *testing.T, s *server) {
	type frame struct {
		first byte
		data  string
	}
	for _, frames := range [][]frame{
		{{fin | opContinuation, "x"}},
		{{opContinuation, "x"}},
		{{opText, "["}, {fin | opText, "]"}},
		{{opText, "["}, {opText, "]"}},
		{{opText, "["}, {fin | opBinary, "]"}},
		{{opBinary, "["}, {fin | opText, "]"}},
		{{opText, "["}, {fin | opPing, ""}, {fin | opText, "]"}},
	} {
		p := s.peer(t)
		for _, f := range frames {
			p.frame(f.first, f.data)
			if f.first == fin|opPing {
				p.expect(fin|opPong, "")
			}
		}
		p.expectClose(protocolError)
	}
	p := s.peer(t)
	p.text(echoFrame)
	p.expectText(echoReply)
	p.frame(fin|opContinuation, "") // behind a whole message
	p.expectClose(protocolError)
}

// Control frames have at most 125 bytes and no fragments.
func section55(t *testing.T, s *server) {
	for _, op := range []byte{opPing, opPong, opClose} {
		for _, size := range []int{126, 127, 70_000} {
			p := s.peer(t)
			p.frame(fin|op, closing(1000, strings.Repeat("x", size-2)))
			p.expectClose(protocolError)
		}
		p := s.peer(t)
		p.frame(op, "")
		p.expectClose(protocolError)
	}
}

// A close is answered with its own code behind what was asked for before, and what
// follows it is not looked at. The server closes the connection.
func section551(t *testing.T, s *server) {
	for _, data := range []string{"", closing(1000, ""), closing(1001, "bye"), closing(4000, strings.Repeat("r", 123))} {
		p := s.peer(t)
		p.text(echoFrame)
		p.expectText(echoReply)
		p.frame(fin|opClose, data)
		p.late = true
		p.text(echoFrame)
		p.frame(fin|opPing, "late")
		p.write([]byte("rubbish"))
		code := 0
		if data != "" {
			code = int(binary.BigEndian.Uint16([]byte(data)))
		}
		p.expectClose(code)
	}
	p := s.peer(t)
	p.frame(fin|opClose, "\x03") // half a code is none
	p.expectClose(0)
}

// Each ping is answered with its data, in order.
func section552(t *testing.T, s *server) {
	p := s.peer(t)
	for size := 0; size <= 125; size += 25 {
		p.frame(fin|opPing, strings.Repeat("\x00", size))
		p.expect(fin|opPong, strings.Repeat("\x00", size))
	}
	for n := range 20 {
		p.frame(fin|opPing, fmt.Sprint(n))
	}
	p.text(echoFrame)
	seen := 0
	for n := 0; n < 20; {
		first, data := p.read()
		switch {
		case first == fin|opPong && data == fmt.Sprint(n):
			n++
		case first == fin|opText && data == echoReply:
			seen++
		default:
			t.Fatalf("the server sent %#x %q, want pong %d", first, data, n)
		}
	}
	if seen == 0 {
		p.expectText(echoReply)
	}
}

// A pong that nobody has asked for is not answered.
func section553(t *testing.T, s *server) {
	p := s.peer(t)
	for _, data := range []string{"", "unasked", strings.Repeat("x", 125)} {
		p.frame(fin|opPong, data)
	}
	p.expectAlive()
}

// Text is text, and bytes are bytes: the same data as either.
func section56(t *testing.T, s *server) {
	p := s.peer(t)
	p.frame(fin|opBinary, "\x00\x01\x00\x01\x041tpush\xff\xfe")
	p.expect(fin|opBinary, "\x00\x01\x01\x041tpush\xff\xfe")
	p.frame(fin|opBinary, echoFrame) // no binary frame of the protocol: not answered
	p.expectAlive()
	for _, first := range []byte{fin | opText, fin | opBinary} {
		p.frame(first, "")
	}
	p.expectAlive()
}

// Whoever breaks the rules is told why, although it has sent more.
func section717(t *testing.T, s *server) {
	for range 10 {
		p := s.peer(t)
		p.write(append([]byte{fin | opText, 1, 'x'}, strings.Repeat("more", 100_000)...))
		p.expectClose(protocolError)
	}
	other := s.peer(t)
	p := s.peer(t)
	p.frame(fin|0xf, "")
	p.expectClose(protocolError)
	other.expectAlive()
	_ = other.conn.Close()
}

func section74(t *testing.T, s *server) {
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999} {
		p := s.peer(t)
		p.frame(fin|opClose, closing(code, "reason"))
		p.expectClose(code)
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65535} {
		p := s.peer(t)
		p.frame(fin|opClose, closing(code, ""))
		p.expectClose(protocolError)
	}
}

// A text is UTF-8 as a whole, wherever it is cut; bytes need not be.
func section81(t *testing.T, s *server) {
	valid := func(text string) string { return strings.Replace(pushFrame(100), "xxxx", text, 1) }
	p := s.peer(t)
	for _, text := range []string{
		"\u00e9", "\u0800", "\uffff", "\ufffd", "\U00010000", "\U0010ffff", "\ud7ff", "\ue000", "κόσμε", "\u2028", "\ufeff", "\u007f",
	} {
		message := valid(text)
		p.text(message)
		p.expectText(message)
		for cut := 30; cut < 40; cut++ { // in the midst of a character too
			p.frame(opText, message[:cut])
			p.frame(fin|opContinuation, message[cut:])
			p.expectText(message)
		}
	}
	for _, bytes := range []string{
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff",
		"\xce\xba\xcf\x8c\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
	} {
		message := valid(bytes)
		p := s.peer(t)
		p.text(message)
		p.frame(fin|opClose, "")
		p.expectClose(notUTF8)
		p = s.peer(t)
		at := strings.Index(message, bytes) + 1
		p.frame(opText, message[:at])
		p.frame(fin|opPing, "")
		p.expect(fin|opPong, "")
		p.frame(fin|opContinuation, message[at:])
		p.frame(fin|opClose, "")
		p.expectClose(notUTF8)
	}
	p = s.peer(t)
	p.text(echoFrame + "\xe2\x82") // the end is in the midst of a character
	p.frame(fin|opClose, "")
	p.expectClose(notUTF8)
}

func section81Close(t *testing.T, s *server) {
	p := s.peer(t)
	p.frame(fin|opClose, closing(1000, "κόσμε"))
	p.expectClose(1000)
	for _, reason := range []string{"\xff", "\xce", "\xed\xa0\x80"} {
		p := s.peer(t)
		p.frame(fin|opClose, closing(1000, reason))
		p.expectClose(protocolError)
	}
}

// What was not agreed on is not used.
func section91(t *testing.T, s *server) {
	for _, offer := range []string{"permessage-deflate", "permessage-deflate; client_max_window_bits, x-unknown", "bbf-usp-protocol"} {
		p, res := s.dialPeer(t, "Sec-WebSocket-Extensions: "+offer+"\r\n")
		if got := res.Header.Get("Sec-WebSocket-Extensions"); got != "" {
			t.Errorf("%s was answered %q", offer, got)
		}
		p.frame(fin|0x40|opText, echoFrame)
		p.expectClose(protocolError)
	}
}
