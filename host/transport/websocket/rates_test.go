package websocket_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/websocket"
)

// TestNothingIsUnpackedAboveTheRates guards that a client which has used up its rate
// of bytes cannot make the host unpack more: 300 bytes may be 256 KiB and a
// millisecond. What it sends waits until the rate allows it, or the end: here a
// message that could not be unpacked, which nobody finds out.
func TestNothingIsUnpackedAboveTheRates(t *testing.T) {
	s := start(t, options{Config: websocket.Config{Compression: true}, rates: socket.Rates{Bytes: socket.Rate{PerSecond: 1, Burst: 1000}}})
	p := s.compressing(t)
	message := pushFrame(websocket.DefaultMaxFrame)
	p.frame(fin|reserved1|opText, pack(t, message))
	if first, data := p.read(); first != fin|reserved1|opText || unpack(t, data) != message {
		t.Fatalf("received %#x %.100q, want the message", first, data) // above its rate, but by one message only
	}
	p.frame(fin|reserved1|opText, "\x07")
	channeltest.Eventually(t, "the reader pauses", func() bool { return s.counts.Paused.Load() == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(ctx) }()
	p.frame(fin|opClose, "")
	p.expectClose(socket.CloseServiceRestart)
	if err := <-ended; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// TestPausesEnd: who is above its rate gets everything answered, later.
func TestPausesEnd(t *testing.T) {
	s := start(t, options{Config: websocket.Config{Compression: true}, rates: socket.Rates{Bytes: socket.Rate{PerSecond: 8 << 20, Burst: 1000}}})
	p := s.compressing(t)
	message := pushFrame(websocket.DefaultMaxFrame)
	packed := pack(t, message)
	const messages = 8 // a quarter of a second
	for range messages {
		p.frame(fin|reserved1|opText, packed)
		p.frame(fin|opPing, "")
	}
	for n := 0; n < messages; {
		first, data := p.read()
		switch {
		case first == fin|opPong:
		case first == fin|reserved1|opText && unpack(t, data) == message:
			n++
		default:
			t.Fatalf("received %#x %.100q, want the message", first, data)
		}
	}
	if s.counts.Paused.Load() == 0 {
		t.Error("it was never paused")
	}
}

// TestWithoutCompressionNothingPauses: who does not compress is answered.
func TestWithoutCompressionNothingPauses(t *testing.T) {
	for _, compression := range []bool{false, true} {
		s := start(t, options{Config: websocket.Config{Compression: compression}, rates: socket.Rates{Bytes: socket.Rate{PerSecond: 1, Burst: 1000}}})
		p := s.peer(t)
		p.text(pushFrame(2000))
		p.text(strings.Replace(pushFrame(2000), "null", `"2"`, 1))
		if _, data := p.read(); !strings.Contains(data, "rate_limited") || !strings.Contains(data, "retry_after_ms") {
			t.Errorf("received %.200q", data)
		}
		if s.counts.Paused.Load() != 0 {
			t.Error("it was paused")
		}
	}
}

// TestLargePackedMessage: what does not get smaller may still be as large as any
// message.
func TestLargePackedMessage(t *testing.T) {
	s := start(t, options{Config: websocket.Config{Compression: true}})
	p := s.compressing(t)
	const head = "\x00\x01\x00\x01\x041tpush"
	noise := make([]byte, websocket.DefaultMaxFrame-len(head))
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	packed := pack(t, head+string(noise))
	if len(packed) <= websocket.DefaultMaxFrame {
		t.Fatalf("packed, it has %d bytes", len(packed))
	}
	p.frame(reserved1|opBinary, packed[:1000])
	p.frame(fin|opContinuation, packed[1000:])
	p.expect(fin|opBinary, "\x00\x01\x01\x041tpush"+string(noise))
}

// TestAMessageWithoutAnEnd guards that fragments count: six bytes each, empty, of a
// message that never ends would be work that no rate knows of.
func TestAMessageWithoutAnEnd(t *testing.T) {
	for _, compression := range []bool{false, true} {
		s := start(t, options{
			Config: websocket.Config{Compression: compression},
			rates:  socket.Rates{Frames: socket.Rate{PerSecond: 100, Burst: 200}},
		})
		other := s.peer(t)
		p, _ := s.dialPeer(t, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
		p.text(joinFrame)
		p.expectText(joinedFrame)
		for _, part := range strings.Split(echoFrame, "") { // those that a message has are none too many
			p.frame(map[bool]byte{true: opText, false: opContinuation}[part == "["], part)
		}
		p.frame(fin|opContinuation, "")
		p.expectText(echoReply)

		first := byte(opText)
		if compression {
			first |= reserved1
		}
		p.frame(first, "")
		sent := make(chan struct{})
		p.late = true
		go func() {
			defer close(sent)
			for {
				if _, err := p.conn.Write([]byte(strings.Repeat("\x00\x80\x00\x00\x00\x00", 1000))); err != nil {
					return
				}
			}
		}()
		p.expectClose(socket.ClosePolicyViolation)
		<-sent
		if s.counts.FloodClosed.Load() != 1 || s.counts.RateLimited.Load() < 1000 {
			t.Errorf("%d were closed, %d frames were above the rate", s.counts.FloodClosed.Load(), s.counts.RateLimited.Load())
		}
		other.expectAlive()
	}
}
