package websocket

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// noted is a connection that tells of its write deadlines.
type noted struct {
	*net.TCPConn
	deadlines chan time.Time
}

func (n noted) SetWriteDeadline(t time.Time) error {
	n.deadlines <- t
	return n.TCPConn.SetWriteDeadline(t)
}

// TestWhatDoesNotFitIsWaitedFor: what the client has no room for is written under
// a deadline, behind what there was room for, and the deadline does not outlast
// it: a later direct write would find it passed.
func TestWhatDoesNotFitIsWaitedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	tcp := server.(*net.TCPConn)
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const frames, size = 2000, 8000 // more than the system takes for a client that does not read
	c := &conn{t: New(Config{}), net: noted{tcp, make(chan time.Time, 2*frames)}, raw: raw}
	var queued [][]byte
	for i := range frames {
		queued = append(queued, bytes.Repeat([]byte{byte(i)}, size))
	}
	sent := make(chan error, 1)
	go func() { sent <- c.send(c.t.borrow(), queued) }()
	deadlines := c.net.(noted).deadlines
	last := <-deadlines // the client reads only now
	got := make([]byte, frames*size)
	if _, err := io.ReadFull(client, got); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		if !bytes.Equal(got[i*size:(i+1)*size], bytes.Repeat([]byte{byte(i)}, size)) {
			t.Fatalf("frame %d of %d did not arrive as it was sent", i, frames)
		}
	}
	if last.IsZero() {
		t.Error("the first write that had to wait had no deadline")
	}
	for len(deadlines) > 0 {
		last = <-deadlines
	}
	if !last.IsZero() {
		t.Errorf("the deadline %v outlasts the write", last)
	}
}
