package websocket_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/websocket"
)

// One client's bytes that are not UTF-8 end its own connection and nobody
// else's: were they broadcast, every browser would drop its connection.
func TestNotUTF8(t *testing.T) {
	s := start(t, options{})
	other := s.join(t)
	for _, frame := range []string{"[\"1\",\"2\",\"t\",\"say\",{\"a\":\"\xff\"}]", "\xc3\x28", "[\"1\",\"2\",\"t\",\"say\",{}]\xed\xa0\x80"} {
		bad := s.join(t)
		bad.send(frame)
		bad.expectClose(socket.CloseNotUTF8)
	}
	other.send(`["1","2","t","say",{"a":"é"}]`)
	other.expect(`[null,null,"t","said",{"a":"é"}]`)
	s.expectConns(t, 1)
	s.expectLeft(t, channel.LeaveClosed, channel.LeaveClosed, channel.LeaveClosed)
}

func TestTooManyInvalidFrames(t *testing.T) {
	s := start(t, options{})
	c := s.join(t)
	for range 10 {
		c.send(`["1","2","t"]`)
	}
	for range 10 {
		c.expect(`["1","2","t","phx_reply",{"status":"error","response":{"reason":"invalid frame"}}]`)
	}
	c.expectClose(socket.ClosePolicyViolation)
	s.expectLeft(t, channel.LeaveClosed)
}

// A message of the limit's size is taken, one more byte is not, however it
// comes; the client sees why, although the server has not read all it sent.
func TestTooLarge(t *testing.T) {
	const limit = 1000
	s := start(t, options{Config: websocket.Config{MaxFrame: limit}})
	fits := strings.Replace(echoFrame, "{}", `{"x":"`+strings.Repeat("x", limit-len(echoFrame)-6)+`"}`, 1)
	if len(fits) != limit {
		t.Fatalf("the test's frame has %d bytes", len(fits))
	}
	fragments := s.dialer()
	fragments.WriteBufferSize = 300
	for range 20 {
		for name, c := range map[string]*client{"one frame": s.connect(t), "fragments": s.connectWith(t, fragments)} {
			c.send(joinFrame)
			c.expect(joinedFrame)
			c.send(fits)
			if _, err := c.read(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			c.send(strings.Replace(fits, "x", "xx", 1))
			c.expectClose(socket.CloseTooBig)
		}
		c := s.join(t)
		if err := c.WriteMessage(gorilla.BinaryMessage, bytes.Repeat([]byte("x"), 1<<20)); err != nil {
			t.Fatal(err) // the server takes all of it, or the client could not see why
		}
		c.expectClose(socket.CloseTooBig)
	}
	s.expectConns(t, 0)
}

// A client's close is answered with its own code, and what was on its way is
// written before.
func TestClientCloses(t *testing.T) {
	s := start(t, options{})
	for _, code := range []int{gorilla.CloseNormalClosure, gorilla.CloseGoingAway, 3000, 4999} {
		c := s.join(t)
		c.send(echoFrame)
		c.expect(echoReply)
		if err := c.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(code, "bye")); err != nil {
			t.Fatal(err)
		}
		c.expectClose(code)
	}
	c := s.join(t)
	if err := c.WriteMessage(gorilla.CloseMessage, nil); err != nil {
		t.Fatal(err)
	}
	c.expectClose(gorilla.CloseNoStatusReceived)
	s.expectConns(t, 0)
	closed := channel.LeaveClosed
	s.expectLeft(t, closed, closed, closed, closed, closed)
}

// A connection that breaks without a word ends like any other.
func TestAbruptDisconnect(t *testing.T) {
	s := start(t, options{})
	for range 10 {
		c := s.join(t)
		_ = c.NetConn().(*net.TCPConn).SetLinger(0)
		_ = c.NetConn().Close()
	}
	s.expectConns(t, 0)
	s.expectLeft(t, slices.Repeat([]channel.LeaveKind{channel.LeaveClosed}, 10)...)
	if got := s.pubsub.Subscribers(pubsub.Topic{Namespace: "test", Name: "t"}); got != 0 {
		t.Errorf("%d subscribers are left", got)
	}
}

// A client that sends what is no WebSocket frame is told so and cut off.
func TestProtocolViolation(t *testing.T) {
	s := start(t, options{})
	c := s.join(t)
	if _, err := c.NetConn().Write([]byte{0x81, 0x01, 'x'}); err != nil { // not masked
		t.Fatal(err)
	}
	c.expectClose(gorilla.CloseProtocolError)
	s.expectLeft(t, channel.LeaveClosed)
}

// numbered is the payload of the broadcast n.
func numbered(n int) string {
	return fmt.Sprintf(`{"n":%d,"x":"%s"}`, n, strings.Repeat("x", 4000))
}

// readNumbered reads broadcasts, whose numbers go up from 0, until the close
// frame, which has to carry this code.
func (c *client) readNumbered(code int) (n int) {
	c.t.Helper()
	for ; ; n++ {
		got, err := c.read()
		if err != nil {
			if !gorilla.IsCloseError(err, code) {
				c.t.Errorf("after %d broadcasts: %v, want the close code %d", n, err, code)
			}
			return n
		}
		if want := fmt.Sprintf(`[null,null,"t","e",%s]`, numbered(n)); got != want {
			c.t.Fatalf("received %.60s, want number %d", got, n)
		}
	}
}

// A client that does not read is closed with 1013 and never keeps the publisher
// waiting, nor the other clients: what waits for it is dropped. It gets what was
// on its way, without a gap, and learns why.
func TestAClientThatDoesNotRead(t *testing.T) {
	s := start(t, options{smallBuffers: true, outbox: 128 << 10})
	slow, other := s.join(t), s.join(t)
	const broadcasts = 1000
	for n := range broadcasts {
		s.broadcast("e", numbered(n)) // would never return if it waited for the client
		other.expect(fmt.Sprintf(`[null,null,"t","e",%s]`, numbered(n)))
	}
	s.expectLeft(t, channel.LeaveClosed)
	if got := slow.readNumbered(socket.CloseTryAgainLater); got > broadcasts/2 { // none, if the writer came too late
		t.Errorf("%d broadcasts arrived, want those that were on their way", got)
	}
	slow.expectEnd()
	s.expectConns(t, 1)
	if s.log.Count("does not read fast enough") != 1 {
		t.Errorf("the log:\n%s", &s.log)
	}
	other.send(echoFrame)
	other.expect(echoReply)
}

// Pongs go through the same queue: a client that floods pings and reads nothing
// is closed too.
func TestAPingFlood(t *testing.T) {
	s := start(t, options{smallBuffers: true, outbox: 64 << 10})
	c := s.join(t)
	data := []byte(strings.Repeat("p", 125))
	for n := 0; s.pubsub.Subscribers(pubsub.Topic{Namespace: "test", Name: "t"}) > 0; n++ {
		if n == 1_000_000 {
			t.Fatal("the server took a million pings without an answer")
		}
		if err := c.WriteControl(gorilla.PingMessage, data, time.Now().Add(deadline)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.read(); !gorilla.IsCloseError(err, socket.CloseTryAgainLater) {
		t.Errorf("%v, want the close code 1013", err)
	}
	s.expectLeft(t, channel.LeaveClosed)
}

// What waits when the host shuts down is written first, then the close frame.
func TestShutdown(t *testing.T) {
	s := start(t, options{Config: websocket.Config{CloseTimeout: deadline}, smallBuffers: true})
	slow, idle := s.join(t), s.join(t)
	const broadcasts = 100
	for n := range broadcasts {
		s.broadcast("e", numbered(n))
		idle.expect(fmt.Sprintf(`[null,null,"t","e",%s]`, numbered(n)))
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	s.expectLeft(t, channel.LeaveShutdown, channel.LeaveShutdown)
	if got := slow.readNumbered(socket.CloseServiceRestart); got != broadcasts {
		t.Errorf("%d of %d broadcasts arrived before the end", got, broadcasts)
	}
	select {
	case <-ended:
		t.Error("Shutdown returned before the other client had answered")
	default:
	}
	idle.expectClose(socket.CloseServiceRestart)
	slow.expectEnd()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	s.expectConns(t, 0)
}

// Connections that come while the host shuts down are refused or closed; none is
// left over.
func TestShutdownRacesWithConnections(t *testing.T) {
	for range 20 {
		s := start(t, options{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					c, res, err := s.dialer().Dial(s.url(), nil)
					if err != nil {
						if res == nil || res.StatusCode != 503 {
							t.Errorf("%v: %v", res, err)
						}
						return
					}
					_ = c.WriteMessage(gorilla.TextMessage, []byte(joinFrame))
					for err == nil {
						_, _, err = c.ReadMessage()
					}
					if !gorilla.IsCloseError(err, socket.CloseServiceRestart) {
						t.Errorf("%v, want the close code 1012", err)
					}
					_ = c.Close()
				}
			})
		}
		channeltest.Eventually(t, "a join", func() bool { return s.pubsub.Subscribers(pubsub.Topic{Namespace: "test", Name: "t"}) > 0 })
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		s.expectConns(t, 0)
		channeltest.Eventually(t, "the channels' end", func() bool {
			return s.pubsub.Subscribers(pubsub.Topic{Namespace: "test", Name: "t"}) == 0
		})
	}
}
