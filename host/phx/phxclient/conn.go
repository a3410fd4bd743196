package phxclient

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/chhost/chhost/host/phx"
)

// Options say how to connect. The zero value speaks version 2.0.0 and sends
// nothing but what the protocol needs.
type Options struct {
	// Version is the version of the protocol that is asked for: the query
	// parameter vsn. Empty is "2.0.0". [Dial] sends any other text as it is;
	// [Connect] needs one it can speak, 2.0.x or 1.0.x.
	Version string
	// OmitVersion leaves vsn out, as the oldest clients do. The server then
	// speaks 1.0.0.
	OmitVersion bool
	// Params are the connect params. Nesting is written as in a query string:
	// "user[name]".
	Params url.Values
	// Header is added to the request, for example Origin, or
	// Sec-WebSocket-Protocol for an auth token.
	Header http.Header
	// LongPoll polls over HTTP in place of a WebSocket. A caller that does not receive
	// does not poll either, and after about 15 s its session ends. A poll that fails is
	// repeated once, so that what was lost is sent again by a server that does so.
	LongPoll bool
	// MaxFrame is the longest message that is accepted, in bytes. 0 is 1 MiB. A
	// longer one ends the connection.
	MaxFrame int64
	// TLS is for wss URLs. Nil verifies as usual.
	TLS *tls.Config
	// DialContext opens the connection under the WebSocket. Nil dials TCP,
	// through the proxy that the environment names, if any; with a function of
	// one's own no proxy is used.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (o *Options) version() string {
	if o.Version == "" {
		return defaultVersion
	}
	return o.Version
}

// Conn is a connection that carries frames and does not look into them. All
// methods may be called from several goroutines at once.
type Conn struct {
	wire    carrier
	frames  chan phx.Frame
	once    sync.Once     // for the first of Close and Abort
	closing chan struct{} // closed by it; frames are discarded from then on
	ended   chan struct{} // closed when the reader has ended
	err     error         // why it ended; to be read after that
}

// Dial connects to the socket at url, which is written as for other Phoenix
// clients: "ws://localhost:4000/socket", to which "/websocket" is added unless
// it is there already. http and https stand for ws and wss.
//
// ctx bounds connecting, not the connection. The error is a [*HandshakeError]
// when the server refuses.
func Dial(ctx context.Context, url string, o Options) (*Conn, error) {
	w, err := open(ctx, url, &o)
	if err != nil {
		return nil, err
	}
	c := &Conn{
		wire:    w,
		frames:  make(chan phx.Frame),
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	go c.read()
	return c, nil
}

// read hands frames to Receive until the connection ends. Close waits for it.
func (c *Conn) read() {
	defer close(c.ended)
	defer c.wire.cut()
	for {
		f, err := c.wire.read()
		if err != nil {
			c.err = err
			return
		}
		select {
		case c.frames <- f:
		case <-c.closing:
		}
	}
}

// Send sends f as one message, as it is. If ctx ends while it is being written,
// the connection ends with it. The error is ctx's, a [*CloseError] or
// [ErrClosed].
func (c *Conn) Send(ctx context.Context, f phx.Frame) error {
	err := c.wire.write(ctx, f)
	var broken *CloseError
	if !errors.As(err, &broken) {
		return err
	}
	if c.isClosing() {
		return ErrClosed
	}
	// A write fails because the connection has ended. The reader knows why, if
	// it is not waiting for somebody to take a frame.
	select {
	case <-c.ended:
		return c.err
	default:
		return err
	}
}

// Receive waits for the next message of the server. When ctx ends it returns
// ctx's error and nothing is lost: a later call gets the message. After the last
// message it returns a [*CloseError], or [ErrClosed] if the caller closed.
func (c *Conn) Receive(ctx context.Context) (phx.Frame, error) {
	if c.isClosing() {
		return phx.Frame{}, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return phx.Frame{}, err
	}
	select {
	case f := <-c.frames:
		return f, nil
	case <-c.closing:
		return phx.Frame{}, ErrClosed
	case <-c.ended:
		return phx.Frame{}, c.err
	case <-ctx.Done():
		return phx.Frame{}, ctx.Err()
	}
}

func (c *Conn) isClosing() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}

// Close sends a close frame with the given code (RFC 6455, section 7.4; 1000 is
// usual, 1005 sends none), waits at most 3 s for the server's answer, closes
// the connection and waits for the reader. Frames that have not been received
// are discarded. The error says that the server did not answer; there is none
// if the connection had already ended.
func (c *Conn) Close(code int) error {
	if c.beginClose() {
		c.wire.shut(code)
		<-c.ended
		if broken := new(CloseError); errors.As(c.err, &broken) && broken.Err != nil {
			return errNoAnswer
		}
	}
	<-c.ended
	return nil
}

// Abort ends the connection without a close frame, as a broken network would,
// and waits for the reader.
func (c *Conn) Abort() {
	c.beginClose()
	c.wire.cut()
	<-c.ended
}

// beginClose makes the reader discard frames. It returns true for the first
// caller, if the connection had not ended before.
func (c *Conn) beginClose() (first bool) {
	c.once.Do(func() {
		close(c.closing)
		select {
		case <-c.ended:
		default:
			first = true
		}
	})
	return first
}
