package phxclient

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/chhost/chhost/host/phx"
)

// The buffer of a [LeanConn], in bytes. It begins with leanBuffer and doubles
// up to leanReadAhead when frames come faster than one at a time; a longer frame
// has room while it is read.
const (
	leanBuffer    = 512
	leanReadAhead = 4096
)

// The types of WebSocket frames (RFC 6455, section 5.2).
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
	bitFinal       = 0x80
	bitMask        = 0x80 // in the second byte
)

// Prebuilt is one frame or several, masked and with their headers, as they go
// over the wire. It is built once and sent as often as one likes, over any
// number of connections and by several goroutines at once.
type Prebuilt struct{ wire []byte }

// Prebuild builds frames that leave in one write, in their order. All bytes of
// a mask are random, but a mask is as old as its Prebuilt: masks protect proxies
// that a hostile page talks through, and who sends load is no page.
func Prebuild(frames ...phx.Frame) Prebuilt {
	var p Prebuilt
	for _, f := range frames {
		op := byte(opText)
		if f.Binary {
			op = opBinary
		}
		p.wire = appendMasked(p.wire, op, f.Data)
	}
	return p
}

// appendMasked appends a whole message of a client.
func appendMasked(wire []byte, op byte, data []byte) []byte {
	wire = append(wire, bitFinal|op)
	switch n := len(data); {
	case n < 126:
		wire = append(wire, bitMask|byte(n))
	case n <= 0xffff:
		wire = binary.BigEndian.AppendUint16(append(wire, bitMask|126), uint16(n))
	default:
		wire = binary.BigEndian.AppendUint64(append(wire, bitMask|127), uint64(n))
	}
	var mask [4]byte
	binary.BigEndian.PutUint32(mask[:], rand.Uint32())
	wire = append(wire, mask[:]...)
	for i, b := range data {
		wire = append(wire, b^mask[i&3])
	}
	return wire
}

// LeanConn is a connection for load: it has no goroutine, no queue and no lock
// of its own, and about 1.5 KiB of memory while nothing comes, so that a process
// can hold very many. One goroutine may call Receive; Send, BeginClose, Abort and
// SetDeadline may be called by others meanwhile. That two frames do not mix is
// left to the Write of the [net.Conn] below, which those of package net see to.
//
// It minds the WebSocket protocol (fragments, pings, closes) and looks no further
// into what it carries: other than [Conn] it does not notice text that is not
// UTF-8.
type LeanConn struct {
	conn  net.Conn
	limit int // of a message, in bytes

	// Of the goroutine that receives.
	buf      []byte
	at, end  int // buf[at:end] has been read and not been looked at
	message  []byte
	fragment byte // the type of the message whose first fragments are in message

	closing atomic.Bool
}

// Send sends what was built, in one write. It blocks while the server does not
// read and the system's buffers are full; Abort and a deadline end that. The
// error is a [*CloseError] or [ErrClosed].
func (c *LeanConn) Send(p Prebuilt) error {
	if _, err := c.conn.Write(p.wire); err != nil {
		return c.broken(err)
	}
	return nil
}

// Receive waits for the next message. Its bytes are valid until the next call.
// Pings are answered on the way. The error is a [*CloseError], or [ErrClosed]
// after BeginClose or Abort; after an error the connection has ended.
func (c *LeanConn) Receive() (phx.Frame, error) {
	c.message, c.fragment = nil, 0
	for {
		op, final, data, err := c.next()
		if err != nil {
			c.conn.Close()
			return phx.Frame{}, c.broken(err)
		}
		switch {
		case op == opPing:
			// A failure shows in the next read.
			_, _ = c.conn.Write(appendMasked(nil, opPong, data))
		case op == opPong:
		case op == opClose:
			return phx.Frame{}, c.closed(data)
		case final && op != opContinuation && c.fragment == 0:
			return phx.Frame{Data: data, Binary: op == opBinary}, nil
		default:
			whole, err := c.assemble(op, final, data)
			if err != nil {
				c.conn.Close()
				return phx.Frame{}, c.broken(err)
			}
			if whole {
				return phx.Frame{Data: c.message, Binary: c.fragment == opBinary}, nil
			}
		}
	}
}

// assemble takes a fragment and reports whether the message is whole.
func (c *LeanConn) assemble(op byte, final bool, data []byte) (whole bool, err error) {
	switch {
	case op == opContinuation && c.fragment == 0:
		return false, errors.New("the server continued a message that it had not begun")
	case op != opContinuation && c.fragment != 0:
		return false, errors.New("the server began a message within another one")
	case len(c.message)+len(data) > c.limit:
		return false, errTooBig
	case op != opContinuation:
		c.fragment = op
	}
	c.message = append(c.message, data...)
	return final, nil
}

// next reads one frame. Its data lie in the buffer.
func (c *LeanConn) next() (op byte, final bool, data []byte, err error) {
	if c.at == c.end {
		c.at, c.end = 0, 0
		if len(c.buf) > leanReadAhead {
			c.buf = make([]byte, leanBuffer)
		}
	}
	if err = c.need(2); err != nil {
		return 0, false, nil, err
	}
	first, second := c.buf[c.at], c.buf[c.at+1]
	op, final = first&0xf, first&bitFinal != 0
	header, length := 2, uint64(second&0x7f)
	switch length {
	case 126:
		header = 4
	case 127:
		header = 10
	}
	if err = c.need(header); err != nil {
		return 0, false, nil, err
	}
	switch header {
	case 4:
		length = uint64(binary.BigEndian.Uint16(c.buf[c.at+2:]))
	case 10:
		length = binary.BigEndian.Uint64(c.buf[c.at+2:])
	}
	if err = c.judge(first, second, length); err != nil {
		return 0, false, nil, err
	}
	if err = c.need(header + int(length)); err != nil {
		return 0, false, nil, err
	}
	data = c.buf[c.at+header : c.at+header+int(length)]
	c.at += header + int(length)
	return op, final, data, nil
}

// judge finds what a server must not send.
func (c *LeanConn) judge(first, second byte, length uint64) error {
	op := first & 0xf
	switch {
	case second&bitMask != 0:
		return errors.New("the server sent a masked frame")
	case first&0x70 != 0:
		return errors.New("the server sent a frame of an extension that was not agreed on")
	case op > opBinary && op < opClose || op > opPong:
		return fmt.Errorf("the server sent a frame of the unknown type %d", op)
	case op >= opClose && (length > 125 || first&bitFinal == 0):
		return errors.New("the server sent a control frame that is too long or in fragments")
	case length > uint64(c.limit):
		return errTooBig
	}
	return nil
}

// need reads until n bytes that have not been looked at are in the buffer.
func (c *LeanConn) need(n int) error {
	for c.end-c.at < n {
		c.makeRoom(n)
		count, err := c.conn.Read(c.buf[c.end:])
		c.end += count
		if err != nil && c.end-c.at < n {
			return err
		}
	}
	return nil
}

// makeRoom makes room for a read that may bring n bytes in all.
func (c *LeanConn) makeRoom(n int) {
	size := len(c.buf)
	if c.end == size && size < leanReadAhead {
		size *= 2 // the last read brought more than had room
	}
	if size < n {
		size = n
	}
	switch rest := c.buf[c.at:c.end]; {
	case size > len(c.buf):
		c.buf = append(make([]byte, 0, size), rest...)[:size]
	case c.at+n > size || c.end == size:
		copy(c.buf, rest)
	default:
		return
	}
	c.at, c.end = 0, c.end-c.at
}

// closed answers the server's close frame and ends the connection.
func (c *LeanConn) closed(data []byte) error {
	defer c.conn.Close()
	if c.closing.Load() {
		return ErrClosed
	}
	_, _ = c.conn.Write(appendMasked(nil, opClose, data[:min(len(data), 2)])) // a courtesy: the code, without the reason
	if len(data) < 2 {
		return &CloseError{Code: websocket.CloseNoStatusReceived}
	}
	return &CloseError{Code: int(binary.BigEndian.Uint16(data)), Reason: string(data[2:])}
}

// broken is what a failed read or write means.
func (c *LeanConn) broken(err error) error {
	if c.closing.Load() {
		return ErrClosed
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &CloseError{Code: websocket.CloseAbnormalClosure, Err: err}
}

// BeginClose sends a close frame with the given code (RFC 6455, section 7.4;
// 1000 is usual), and does not wait. Receive goes on until the server has
// answered or the connection has ended, and then returns [ErrClosed]: whoever
// wants to end the connection well calls it until then.
func (c *LeanConn) BeginClose(code int) {
	if !c.closing.Swap(true) {
		_, _ = c.conn.Write(appendMasked(nil, opClose, binary.BigEndian.AppendUint16(nil, uint16(code)))) // Receive notices
	}
}

// Abort ends the connection without a close frame, and with it what waits for
// it. Every connection needs it in the end, unless Receive returned an error.
func (c *LeanConn) Abort() {
	c.closing.Store(true)
	c.conn.Close()
}

// SetDeadline is the time at which Receive and Send give up, and the connection
// ends; the zero time is none. It costs a timer for each connection: who holds
// very many looks after them with one timer, and calls Abort.
func (c *LeanConn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// newLeanConn takes over a connection after its handshake, with what the server
// may have sent since.
func newLeanConn(conn net.Conn, r *bufio.Reader, limit int64) (*LeanConn, error) {
	waiting, err := r.Peek(r.Buffered())
	if err != nil {
		return nil, err
	}
	c := &LeanConn{conn: conn, limit: int(limit), buf: make([]byte, max(leanBuffer, len(waiting)))}
	c.end = copy(c.buf, waiting)
	return c, nil
}
