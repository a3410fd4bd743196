package websocket_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/socket"
)

// raw reads n bytes of the connection, below WebSocket.
func (c *client) raw(n int) []byte {
	c.t.Helper()
	b := make([]byte, n)
	_ = c.NetConn().SetReadDeadline(time.Now().Add(deadline))
	if _, err := io.ReadFull(c.NetConn(), b); err != nil {
		c.t.Fatalf("read %d bytes: %v", n, err)
	}
	return b
}

// pushFrame is a frame of so many bytes that the server's handler pushes back
// as it is.
func pushFrame(size int) string {
	const frame = `["1",null,"t","push",{"x":""}]`
	return strings.Replace(frame, `:""`, `:"`+strings.Repeat("x", size-len(frame))+`"`, 1)
}

// The headers of outgoing frames, at the lengths where they change (RFC 6455,
// section 5.2): final, not masked, the length in its shortest form.
func TestFrameHeaders(t *testing.T) {
	s := start(t, options{})
	c := s.connect(t)
	c.send(joinFrame)
	if got := c.raw(2 + len(joinedFrame)); string(got[2:]) != joinedFrame {
		t.Fatalf("received %q", got)
	}
	for size, header := range map[int]string{
		125: "817d", 126: "817e007e", 127: "817e007f", 65535: "817effff", 65536: "817f0000000000010000", 100_000: "817f00000000000186a0",
	} {
		c.send(pushFrame(size))
		want, _ := hex.DecodeString(header)
		if got := c.raw(len(want) + size); !bytes.Equal(got[:len(want)], want) || string(got[len(want):]) != pushFrame(size) {
			t.Errorf("%d bytes: the frame starts with %x, want %s", size, got[:10], header)
		}
	}
	// A binary frame: the push of three bytes.
	if err := c.WriteMessage(gorilla.BinaryMessage, []byte("\x00\x01\x00\x01\x041tpush\x01\x02\x03")); err != nil {
		t.Fatal(err)
	}
	if got, want := c.raw(15), []byte("\x82\x0d\x00\x01\x01\x041tpush\x01\x02\x03"); !bytes.Equal(got, want) {
		t.Errorf("a binary push is %q, want %q", got, want)
	}
	// Control frames: a pong has what the ping had.
	for _, data := range []string{"", "x", strings.Repeat("p", 125)} {
		if err := c.WriteControl(gorilla.PingMessage, []byte(data), time.Now().Add(deadline)); err != nil {
			t.Fatal(err)
		}
		want := append([]byte{0x8a, byte(len(data))}, data...)
		if got := c.raw(len(want)); !bytes.Equal(got, want) {
			t.Errorf("the pong is %q, want %q", got, want)
		}
	}
	if err := c.WriteControl(gorilla.CloseMessage, nil, time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	if got := c.raw(2); !bytes.Equal(got, []byte{0x88, 0}) {
		t.Errorf("the answer to an empty close is %x", got)
	}
	c.expectEnd()
}

// Messages that come in several frames, with control frames between them.
func TestFragmentedMessages(t *testing.T) {
	s := start(t, options{})
	d := s.dialer()
	d.WriteBufferSize = 64
	c := s.connectWith(t, d)
	pongs := 0
	c.SetPongHandler(func(string) error { pongs++; return nil })
	c.send(joinFrame)
	c.expect(joinedFrame)
	for _, size := range []int{100, 1000, 70_000} {
		w, err := c.NextWriter(gorilla.TextMessage)
		if err != nil {
			t.Fatal(err)
		}
		frame := pushFrame(size)
		for i, part := range []string{frame[:10], frame[10:75], frame[75:]} {
			if _, err := io.WriteString(w, part); err != nil {
				t.Fatal(err)
			}
			if err := c.WriteControl(gorilla.PingMessage, []byte{byte(i)}, time.Now().Add(deadline)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		c.expect(frame)
	}
	if pongs != 9 {
		t.Errorf("%d of 9 pings were answered", pongs)
	}
}

// Many senders, pings in between, small and large frames: nothing is torn, and
// what one sender sent comes in its order. The client checks every frame.
func TestFramesAreNotTorn(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", tls), func(t *testing.T) {
			s := start(t, options{tls: tls, outbox: 1 << 30})
			const clients, senders, each = 3, 4, 100
			var readers sync.WaitGroup
			for range clients {
				c := s.join(t)
				readers.Go(func() {
					next := map[string]int{}
					for range senders * each {
						got, err := c.read()
						if err != nil {
							t.Error(err)
							return
						}
						var sender string
						var n int
						if _, err := fmt.Sscanf(got, `[null,null,"t","%2s",{"n":%d,`, &sender, &n); err != nil || n != next[sender] {
							t.Errorf("received %.100s, want number %d", got, next[sender])
							return
						}
						next[sender]++
					}
				})
				readers.Go(func() {
					for n := range 50 {
						_ = c.WriteControl(gorilla.PingMessage, []byte{byte(n)}, time.Now().Add(deadline))
					}
				})
			}
			var wg sync.WaitGroup
			for sender := range senders {
				wg.Go(func() {
					for n := range each {
						s.broadcast(fmt.Sprint("s", sender), fmt.Sprintf(`{"n":%d,"x":"%s"}`, n, strings.Repeat("x", []int{10, 2000, 30_000}[n%3])))
					}
				})
			}
			wg.Wait()
			readers.Wait()
		})
	}
}

// A bug in what a reader calls, such as a panic in the routes, ends that socket
// only.
func TestABugEndsOnlyItsSocket(t *testing.T) {
	var s *server
	opts := options{route: func(topic string) (channel.Handler, bool) {
		if topic == "bug" {
			panic("a bug in the routes")
		}
		return s.handler(), true
	}}
	s = start(t, opts)
	other, c := s.join(t), s.join(t)
	c.send(`["2","2","bug","phx_join",{}]`)
	c.expectClose(socket.CloseInternalError)
	s.expectLeft(t, channel.LeaveClosed)
	other.send(echoFrame)
	other.expect(echoReply)
	s.expectConns(t, 1)
	if s.log.Count("BUG:") != 1 || s.log.Count("a bug in the routes") != 1 {
		t.Errorf("the log:\n%s", &s.log)
	}
}

// The same for a panic in a handler: it ends the channel, and the socket lives
// on.
func TestAPanicInAHandler(t *testing.T) {
	s := start(t, options{})
	c := s.join(t)
	close(s.entered) // the handler's send to it panics
	c.send(`["1","2","t","wait",{}]`)
	c.expect(`["1","1","t","phx_error",{"reason":"channel_crash"}]`)
	c.send(joinFrame, echoFrame)
	c.expect(joinedFrame, echoReply)
}
