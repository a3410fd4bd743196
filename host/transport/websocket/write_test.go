package websocket

import (
	"bytes"
	"io"
	"net"
	"syscall"
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

// pair returns the two ends of a connection, with little room in between, and what
// the transport keeps of the first.
func pair(t *testing.T) (server noted, raw syscall.RawConn, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	tcp := accepted.(*net.TCPConn)
	if raw, err = tcp.SyscallConn(); err != nil {
		t.Fatal(err)
	}
	return noted{tcp, make(chan time.Time, 10_000)}, raw, client
}

// TestWhatDoesNotFitIsWaitedFor: what the client has no room for is written under
// a deadline, behind what there was room for, and the deadline does not outlast
// it: a later direct write would find it passed. Frames that wait alone are tried
// directly, of which the system takes a part when it is nearly full; many together
// go to a vectored write.
func TestWhatDoesNotFitIsWaitedFor(t *testing.T) {
	const frames, size = 1000, 30_000 // more than the system takes for a client that does not read
	for name, together := range map[string]int{"alone": 1, "together": frames} {
		t.Run(name, func(t *testing.T) {
			server, raw, client := pair(t)
			c := &conn{t: New(Config{}), net: server, raw: raw}
			sent := make(chan error, 1)
			go func() {
				d := c.t.borrow()
				for i := 0; i < frames; i += together {
					var queued [][]byte
					for n := range together {
						queued = append(queued, bytes.Repeat([]byte{byte(i + n)}, size-i-n)) // no two alike
					}
					if err := c.send(d, queued); err != nil {
						sent <- err
						return
					}
				}
				sent <- nil
			}()
			last := <-server.deadlines // the client reads only now
			if last.IsZero() {
				t.Error("the first write that had to wait had no deadline")
			}
			for i := range frames {
				got := make([]byte, size-i)
				if _, err := io.ReadFull(client, got); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, bytes.Repeat([]byte{byte(i)}, size-i)) {
					t.Fatalf("frame %d of %d did not arrive as it was sent", i, frames)
				}
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			for len(server.deadlines) > 0 {
				last = <-server.deadlines
			}
			if !last.IsZero() {
				t.Errorf("the deadline %v outlasts the write", last)
			}
		})
	}
}
