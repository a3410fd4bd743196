package websocket_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// peer is a client that writes frames as it likes: it is made of RFC 6455's text
// and a TCP connection, and shares no code with the server.
type peer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	late bool // it has written behind its close
}

// Opcodes of RFC 6455, section 5.2, and its bits.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
	fin            = 0x80
	masked         = 0x80
)

// dialPeer connects a peer with these header lines besides those of a handshake,
// and returns the server's answer.
func (s *server) dialPeer(t *testing.T, header string) (*peer, *http.Response) {
	t.Helper()
	address := strings.TrimPrefix(s.http.URL, "http://")
	conn, err := net.DialTimeout("tcp", address, deadline)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(deadline))
	p := &peer{t: t, conn: conn, in: bufio.NewReader(conn)}
	p.write([]byte("GET /?vsn=2.0.0 HTTP/1.1\r\nHost: " + address + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + header + "\r\n"))
	res, err := http.ReadResponse(p.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the handshake was answered %s", res.Status)
	}
	return p, res
}

// peer returns a peer that has joined "t".
func (s *server) peer(t *testing.T) *peer {
	t.Helper()
	p, _ := s.dialPeer(t, "")
	p.text(joinFrame)
	p.expectText(joinedFrame)
	return p
}

func (p *peer) write(data []byte) { _, _ = p.conn.Write(data) }

// head is the beginning of a frame up to its mask, with the length in the shortest
// form.
func head(first byte, size int) []byte {
	switch {
	case size < 126:
		return []byte{first, masked | byte(size)}
	case size < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{first, masked | 126}, uint16(size))
	}
	return binary.BigEndian.AppendUint64([]byte{first, masked | 127}, uint64(size))
}

// mask returns key and what it makes of data.
func mask(key [4]byte, data string) []byte {
	out := append([]byte{}, key[:]...)
	for i := range len(data) {
		out = append(out, data[i]^key[i%4])
	}
	return out
}

// frame writes a masked frame whose first byte is first.
func (p *peer) frame(first byte, data string) {
	p.write(append(head(first, len(data)), mask([4]byte{0x37, 0xfa, 0x21, 0x3d}, data)...)) // the key of the RFC's example
}

func (p *peer) text(message string) { p.frame(fin|opText, message) }

// read returns the next frame. The server's frames are never masked, and their
// lengths are in the shortest form.
func (p *peer) read() (first byte, data string) {
	p.t.Helper()
	two := p.bytes(2)
	size := uint64(two[1])
	switch size {
	case 126:
		if size = uint64(binary.BigEndian.Uint16(p.bytes(2))); size < 126 {
			p.t.Fatalf("a length of %d in two bytes", size)
		}
	case 127:
		if size = binary.BigEndian.Uint64(p.bytes(8)); size < 1<<16 {
			p.t.Fatalf("a length of %d in eight bytes", size)
		}
	default:
		if size > 127 {
			p.t.Fatal("the server has masked a frame")
		}
	}
	return two[0], string(p.bytes(int(size)))
}

func (p *peer) bytes(n int) []byte {
	p.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(p.in, b); err != nil {
		p.t.Fatalf("the server sent no whole frame: %v", err)
	}
	return b
}

func (p *peer) expect(first byte, want string) {
	p.t.Helper()
	if got, data := p.read(); got != first || data != want {
		p.t.Fatalf("the server sent %#x %.200q, want %#x %.200q", got, data, first, want)
	}
}

func (p *peer) expectText(want string) {
	p.t.Helper()
	p.expect(fin|opText, want)
}

// expectAlive wants an echo to be answered next.
func (p *peer) expectAlive() {
	p.t.Helper()
	p.text(echoFrame)
	p.expectText(echoReply)
}

// expectClose wants a close frame with this code, 0 for none, and then the server to
// close the connection without a reset.
func (p *peer) expectClose(code int) {
	p.t.Helper()
	first, data := p.read()
	got := 0
	if len(data) >= 2 {
		got = int(binary.BigEndian.Uint16([]byte(data)))
	}
	if first != fin|opClose || got != code || len(data) == 1 {
		p.t.Fatalf("the server sent %#x %.200q, want a close with the code %d", first, data, code)
	}
	_ = p.conn.(*net.TCPConn).CloseWrite()
	// What nobody reads may be answered with a reset.
	if _, err := p.in.ReadByte(); !errors.Is(err, io.EOF) && !(p.late && errors.Is(err, syscall.ECONNRESET)) {
		p.t.Fatalf("behind its close frame the server ended with %v, want the end of the connection (%v)", err, errors.Is(err, os.ErrDeadlineExceeded))
	}
}

// closing is a close frame's data.
func closing(code int, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason
}
