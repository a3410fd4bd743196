package websocket

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

// conn is one connection. Its reader lives as long as the connection and closes
// it; a writer runs while frames wait.
type conn struct {
	t      *Transport
	ws     *websocket.Conn
	net    net.Conn
	raw    syscall.RawConn // of net; nil if that is no socket of the operating system
	socket *socket.Socket
	seen   atomic.Int64 // the transport's tick when data last arrived
	in     *inlet       // of ws

	compressed bool // the client may compress messages

	over    bool // the socket has ended, as far as the reader knows
	written sync.Once
	// flushed is done when the last writer has ended.
	flushed sync.WaitGroup
}

func newConn(t *Transport, ws *websocket.Conn, in *inlet, cfg socket.Config) *conn {
	c := &conn{t: t, ws: ws, net: in.Conn, in: in}
	in.conn = c
	c.flushed.Add(1)
	if tcp, ok := c.net.(*net.TCPConn); ok {
		c.raw, _ = tcp.SyscallConn() // without it, writes go the longer way
	}
	cfg.Wake = c.wake
	c.socket = socket.New(cfg)
	c.seen.Store(t.tick.Load())
	// Pongs go through the outbox, so that a client that floods pings and reads
	// nothing meets its bound.
	ws.SetPingHandler(func(data string) error {
		c.seen.Store(t.tick.Load())
		if c.socket.Control(len(data)) == nil {
			c.socket.Send(frame(websocket.PongMessage, []byte(data)))
		}
		return nil
	})
	ws.SetPongHandler(func(data string) error {
		c.seen.Store(t.tick.Load())
		_ = c.socket.Control(len(data)) // the reader finds out by itself
		return nil
	})
	// The answer to a close is written by the writer, behind what waits.
	ws.SetCloseHandler(func(int, string) error { return nil })
	return c
}

// start serves the connection; [Transport.begin] has counted its reader.
func (c *conn) start() {
	c.t.mu.Lock()
	c.t.conns[c] = struct{}{}
	closed := c.t.closed
	c.t.mu.Unlock()
	if closed {
		c.restart()
	}
	c.socket.Open()
	go c.read()
}

// restart tells the client to come back later, behind what waits.
func (c *conn) restart() {
	c.socket.Close(socket.End{Code: socket.CloseServiceRestart, Reason: "the server restarts"}, socket.LeaveShutdown)
}

func (c *conn) read() {
	defer c.t.running.Done()
	end, violated := socket.End{}, false
	defer func() {
		if r := recover(); r != nil {
			c.bug(r)
			end = socket.End{Code: socket.CloseInternalError, Reason: "internal error"}
		}
		c.socket.Close(end, socket.LeaveClosed)
		c.flushed.Wait()
		if violated {
			c.linger()
		}
		_ = c.ws.Close()
		c.t.mu.Lock()
		delete(c.t.conns, c)
		c.t.mu.Unlock()
		c.socket.Vacate()
	}()
	for {
		kind, r, err := c.ws.NextReader()
		if err == nil {
			err = c.message(kind, r)
		}
		if err != nil {
			end, violated = answer(err)
			return
		}
		c.seen.Store(c.t.tick.Load())
	}
}

// answer is the close frame that a reader's error asks for, and whether that is a
// violation of RFC 6455, for which gorilla has already sent the frame unless one is
// returned.
func answer(err error) (end socket.End, violated bool) {
	var closed *websocket.CloseError
	var network net.Error
	var packed flate.CorruptInputError
	switch {
	case errors.As(err, &closed):
		if closed.Code == websocket.CloseAbnormalClosure {
			return socket.End{}, false
		}
		return socket.End{Code: closed.Code}, false
	case errors.As(err, &network), errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return socket.End{}, false
	case errors.As(err, &packed):
		return socket.End{Code: socket.CloseNotUTF8, Reason: "the message cannot be unpacked"}, true
	case errors.Is(err, errPackedTooBig), errors.Is(err, websocket.ErrReadLimit): // too much, or a length that is no length
		return socket.End{Code: socket.CloseTooBig, Reason: "the message is too large"}, true
	}
	return socket.End{}, true
}

// maxLinger is how much a client may still send that has been told why it is
// closed.
const maxLinger = 4 << 20

// linger reads what the client still sends, for a while: a connection that is
// closed while something is unread is reset, and the client would not see why.
func (c *conn) linger() {
	if half, ok := c.net.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	if c.net.SetReadDeadline(time.Now().Add(c.t.cfg.CloseTimeout)) == nil {
		_, _ = io.CopyN(io.Discard, c.net, maxLinger)
	}
}

// incoming is what a message is read into.
type incoming struct {
	bytes.Buffer
	limit io.LimitedReader
}

// message reads one message into a pooled buffer, so that an idle connection
// holds none, and hands it to the socket. After the socket's end messages are
// read and dropped until the client's close arrives or the deadline that finish
// set: a connection that is closed while something is unread is reset, and the
// client would not see why. gorilla's own limit would close it so. What is dropped
// is not unpacked: three hundred bytes may be 256 KiB.
func (c *conn) message(kind int, r io.Reader) error {
	if c.compressed && !c.over {
		// It takes as long as one message is at its rate, and the idle timeout is the
		// last to end it.
		c.over = c.socket.Await(context.Background()) != nil
	}
	if c.over {
		return nil // gorilla skips what was not read
	}
	in, _ := c.t.buffers.Get().(*incoming)
	if in == nil {
		in = new(incoming)
	}
	defer func() {
		if in.Cap() <= maxPooled {
			in.Reset()
			in.limit.R = nil
			c.t.buffers.Put(in)
		}
	}()
	in.limit = io.LimitedReader{R: r, N: min(c.t.cfg.MaxFrame, math.MaxInt64-1) + 1}
	c.in.unpacking = true
	_, err := in.ReadFrom(&in.limit)
	c.in.unpacking = false
	if err != nil {
		return err
	}
	if int64(in.Len()) > c.t.cfg.MaxFrame {
		c.socket.Close(socket.End{Code: socket.CloseTooBig, Reason: "the message is too large"}, socket.LeaveClosed)
		c.over = true
		return nil
	}
	err = c.socket.HandleFrame(context.Background(), phx.Frame{Data: in.Bytes(), Binary: kind == websocket.BinaryMessage})
	if errors.Is(err, socket.ErrClosed) {
		c.over = true
		return nil
	}
	return err
}

// maxPooled keeps one large message from pinning its memory.
const maxPooled = 16 << 10

// wake gives the connection to the writers. The socket calls it only while none
// is at it, so that as many wait there as there are connections; the reader waits
// for the last one.
func (c *conn) wake() { c.t.writers.Do(c) }

// cut ends the connection without another word.
func (c *conn) cut() {
	c.socket.Close(socket.End{}, socket.LeaveClosed)
	_ = c.net.Close()
}

// lastWritten lets the reader close the connection.
func (c *conn) lastWritten() { c.written.Do(c.flushed.Done) }

func (c *conn) bug(r any) {
	c.t.cfg.Logger.Error("BUG: panic in a connection", "panic", r, "stack", string(debug.Stack()))
}

// headerRoom is the longest header of an unmasked frame (RFC 6455, section 5.2).
const headerRoom = 10

// framing puts the header in front of a frame, into the room that was left.
func framing() phx.Framing {
	return phx.Framing{Room: headerRoom, Seal: func(buf []byte, binary bool) []byte {
		kind := websocket.TextMessage
		if binary {
			kind = websocket.BinaryMessage
		}
		return seal(buf, kind)
	}}
}

// frame is a complete frame with data.
func frame(kind int, data []byte) []byte {
	return seal(append(make([]byte, headerRoom, headerRoom+len(data)), data...), kind)
}

// seal writes the header of buf[headerRoom:] right before it.
func seal(buf []byte, kind int) []byte {
	const final = 0x80
	n := len(buf) - headerRoom
	switch {
	case n < 126:
		buf[headerRoom-2], buf[headerRoom-1] = final|byte(kind), byte(n)
		return buf[headerRoom-2:]
	case n < 1<<16:
		buf[headerRoom-4], buf[headerRoom-3] = final|byte(kind), 126
		binary.BigEndian.PutUint16(buf[headerRoom-2:], uint16(n))
		return buf[headerRoom-4:]
	default:
		buf[0], buf[1] = final|byte(kind), 127
		binary.BigEndian.PutUint64(buf[2:], uint64(n))
		return buf
	}
}
