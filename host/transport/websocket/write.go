package websocket

import (
	"net"
	"time"

	"github.com/gorilla/websocket"

	"github.com/chhost/chhost/host/socket"
)

// desk is what a writer needs while it writes for one connection.
type desk struct {
	direct *direct
	frames [][]byte
	joined []byte // several frames, for one write
}

// borrow returns a desk, which giveBack takes back, so that connections without
// anything to write hold none.
func (t *Transport) borrow() *desk {
	d, _ := t.desks.Get().(*desk)
	if d == nil {
		d = &desk{direct: newDirect()}
	}
	return d
}

// maxDesk keeps one long queue from pinning its memory.
const maxDesk = 1024

func (t *Transport) giveBack(d *desk) {
	clear(d.frames[:cap(d.frames)]) // the frames themselves must not be kept
	if cap(d.frames) <= maxDesk {
		t.desks.Put(d)
	}
}

// write is the job of a writer: whatever waits for the client.
func (c *conn) write() {
	d := c.t.borrow()
	defer c.t.giveBack(d)
	defer func() {
		if r := recover(); r != nil {
			c.bug(r)
			c.cut()
			c.lastWritten()
		}
	}()
	for {
		var end *socket.End
		d.frames, end = c.socket.Next(d.frames)
		if end != nil {
			c.finish(d, end)
			return
		}
		if len(d.frames) == 0 {
			return
		}
		if err := c.send(d, d.frames); err != nil {
			c.cut() // Next returns the end now
		}
	}
}

// finish sends the close frame and gives the client a while to answer it.
func (c *conn) finish(d *desk, end *socket.End) {
	defer c.lastWritten()
	if end.Code == 0 {
		return
	}
	var body []byte
	if end.Code != websocket.CloseNoStatusReceived {
		body = websocket.FormatCloseMessage(end.Code, end.Reason)
	}
	_ = c.net.SetReadDeadline(time.Now().Add(c.t.cfg.CloseTimeout))
	if err := c.send(d, [][]byte{frame(websocket.CloseMessage, body)}); err != nil {
		_ = c.net.Close()
	}
}

const (
	// batch is how much is written under one deadline, and by one system call: a
	// client that reads slowly, but does, is not cut off for what has piled up.
	batch = 64 << 10
	// coalesce is the size up to which several frames are copied into one buffer:
	// that is cheaper than a vectored write, and on TLS connections, which have no
	// vectored writes, the only way to send one record.
	coalesce = 16 << 10
)

func (c *conn) send(d *desk, frames [][]byte) error {
	for len(frames) > 0 {
		n, size := 1, len(frames[0])
		for n < len(frames) && size+len(frames[n]) <= batch {
			size += len(frames[n])
			n++
		}
		if err := c.sendBatch(d, frames[:n], size); err != nil {
			return err
		}
		frames = frames[n:]
	}
	return nil
}

func (c *conn) sendBatch(d *desk, frames [][]byte, size int) error {
	if len(frames) > 1 && size > coalesce {
		return c.sendInTime(frames)
	}
	data := frames[0]
	if len(frames) > 1 {
		data = d.joined[:0]
		for _, f := range frames {
			data = append(data, f...)
		}
		d.joined = data
	}
	n, err := d.direct.write(c.raw, data)
	if err != nil || n == len(data) {
		return err
	}
	return c.sendInTime([][]byte{data[n:]})
}

// sendInTime writes what the client may have to make room for.
func (c *conn) sendInTime(frames net.Buffers) error {
	if err := c.net.SetWriteDeadline(time.Now().Add(c.t.cfg.WriteTimeout)); err != nil {
		return err
	}
	if _, err := frames.WriteTo(c.net); err != nil {
		return err
	}
	return c.net.SetWriteDeadline(time.Time{}) // a direct write must not find it passed
}
