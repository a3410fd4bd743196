package phxclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/chhost/chhost/host/phx"
)

const (
	defaultVersion  = "2.0.0"
	defaultMaxFrame = 1 << 20
	// closeWait is how long a closing connection waits for the server's answer.
	closeWait = 3 * time.Second
)

// carrier is what a Conn and a Client are made on: a WebSocket or a session of
// long-polling. One goroutine may read, any number may do the rest.
type carrier interface {
	// read waits for the next frame. The error is a [*CloseError]; no read may
	// follow it.
	read() (phx.Frame, error)
	// write sends f as it is. If ctx ends meanwhile, the connection is cut.
	write(ctx context.Context, f phx.Frame) error
	// shut begins to close: whoever reads will see the end within closeWait.
	shut(code int)
	// endReading gives the reader closeWait to come to an end.
	endReading()
	// sendClose tells the server that the connection ends.
	sendClose(code int) error
	// cut ends the connection without another word, and with it all reads and
	// writes.
	cut()
}

func open(ctx context.Context, rawURL string, o *Options) (carrier, error) {
	if o.LongPoll {
		p, err := dialPoller(ctx, rawURL, o)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
	w, err := dialWire(ctx, rawURL, o)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// wire is a WebSocket connection without goroutines: one goroutine may read,
// any number may write.
type wire struct {
	ws *websocket.Conn
	// writing holds a token while a message is being written. A channel rather
	// than a mutex, so that waiting for it ends with the context.
	writing chan struct{}
}

func dialWire(ctx context.Context, rawURL string, o *Options) (*wire, error) {
	address, err := address(rawURL, o)
	if err != nil {
		return nil, err
	}
	// During the handshake the library minds a context's deadline, but not its
	// cancellation. It gets one that never ends, and when ctx ends, the
	// connection is closed under it.
	dial, proxy := o.DialContext, http.ProxyFromEnvironment
	if dial == nil {
		dial = new(net.Dialer).DialContext
	} else {
		proxy = nil
	}
	stop := func() bool { return true }
	d := websocket.Dialer{
		Proxy:           proxy,
		TLSClientConfig: o.TLS,
		NetDialContext: func(_ context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err == nil {
				stop = context.AfterFunc(ctx, func() { conn.Close() })
			}
			return conn, err
		},
	}
	ws, resp, err := d.DialContext(context.WithoutCancel(ctx), address, o.Header)
	cut := !stop()
	switch {
	case err == nil && cut:
		ws.Close()
		return nil, fmt.Errorf("phxclient: connect to %s: %w", rawURL, ctx.Err())
	case err == nil:
	case ctx.Err() != nil:
		return nil, fmt.Errorf("phxclient: connect to %s: %w", rawURL, ctx.Err())
	case resp != nil:
		body, _ := io.ReadAll(resp.Body) // the library has read 1 KiB at most
		return nil, &HandshakeError{Status: resp.StatusCode, Body: body}
	default:
		return nil, fmt.Errorf("phxclient: connect to %s: %w", rawURL, err)
	}
	limit := o.MaxFrame
	if limit == 0 {
		limit = defaultMaxFrame
	}
	ws.SetReadLimit(limit)
	return &wire{ws: ws, writing: make(chan struct{}, 1)}, nil
}

// address is the URL of the WebSocket that rawURL and o ask for, or of the
// sessions of long-polling.
func address(rawURL string, o *Options) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", fmt.Errorf("phxclient: %q is not the URL of a socket; write it like ws://localhost:4000/socket (%w)", rawURL, err)
	}
	scheme, path, other := "ws", "/websocket", "/longpoll"
	if o.LongPoll {
		scheme, path, other = "http", other, path
	}
	switch u.Scheme {
	case "ws", "http":
		u.Scheme = scheme
	case "wss", "https":
		u.Scheme = scheme + "s"
	default:
		return "", fmt.Errorf("phxclient: %q is not the URL of a socket; write it like ws://localhost:4000/socket", rawURL)
	}
	switch at := strings.TrimSuffix(u.Path, "/"); {
	case strings.HasSuffix(at, path):
	case strings.HasSuffix(at, other):
		u.Path = strings.TrimSuffix(at, other) + path
	default:
		u = u.JoinPath(path)
	}
	query := u.Query()
	maps.Copy(query, o.Params)
	if !o.OmitVersion {
		query.Set("vsn", o.version())
	}
	u.RawQuery, u.Fragment = query.Encode(), ""
	return u.String(), nil
}

// read waits for the next message. The error is a [*CloseError]; no read may
// follow it.
func (w *wire) read() (phx.Frame, error) {
	kind, data, err := w.ws.ReadMessage()
	if err != nil {
		return phx.Frame{}, readError(err)
	}
	if kind == websocket.TextMessage && !utf8.Valid(data) {
		// The library does not check it, but every browser does, and this client
		// stands in for one.
		w.sendClose(websocket.CloseInvalidFramePayloadData)
		return phx.Frame{}, &CloseError{
			Code: websocket.CloseAbnormalClosure,
			Err:  fmt.Errorf("the server sent a text frame: %w", phx.ErrNotUTF8),
		}
	}
	return phx.Frame{Data: data, Binary: kind == websocket.BinaryMessage}, nil
}

func readError(err error) error {
	var ce *websocket.CloseError
	switch {
	case errors.As(err, &ce) && ce.Code == websocket.CloseAbnormalClosure:
		err = io.ErrUnexpectedEOF // the library's own code for an end without a close frame
	case errors.As(err, &ce):
		return &CloseError{Code: ce.Code, Reason: ce.Text}
	case errors.Is(err, websocket.ErrReadLimit):
		err = errTooBig
	}
	return &CloseError{Code: websocket.CloseAbnormalClosure, Err: err}
}

// write sends f as it is. If ctx ends while bytes are being written, the
// connection is cut, since nothing can follow half a message.
func (w *wire) write(ctx context.Context, f phx.Frame) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.writing <- struct{}{}:
		defer func() { <-w.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	kind := websocket.TextMessage
	if f.Binary {
		kind = websocket.BinaryMessage
	}
	stop := context.AfterFunc(ctx, w.cut)
	err := w.ws.WriteMessage(kind, f.Data)
	if !stop() {
		return ctx.Err()
	}
	if err != nil {
		return &CloseError{Code: websocket.CloseAbnormalClosure, Err: err}
	}
	return nil
}

// shut starts the closing handshake: whoever reads will see its end, or the end
// of the connection within closeWait.
func (w *wire) shut(code int) {
	w.endReading()
	if w.sendClose(code) != nil {
		w.cut()
	}
}

// endReading gives the reader closeWait to come to an end. It sets the deadline
// of the net.Conn, where that is allowed while somebody reads.
func (w *wire) endReading() {
	_ = w.ws.NetConn().SetReadDeadline(time.Now().Add(closeWait)) // fails only if it has ended
}

func (w *wire) sendClose(code int) error {
	return w.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(closeWait))
}

// cut ends the connection without a close frame, and with it all reads and
// writes. It may be called at any time.
func (w *wire) cut() { w.ws.NetConn().Close() }
