package phxclient

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// maxResponse is how long the answer to the request for a WebSocket may be, in
// bytes, with what follows it at once.
const maxResponse = 64 << 10

// LeanDialer opens connections to one socket. Its methods may be called from
// several goroutines at once. It keeps what all connections have in common: the
// parsed address and the buffers of handshakes.
type LeanDialer struct {
	shown   string // the URL as it was given
	address *url.URL
	request []byte // up to the key
	options Options
	limit   int64
	readers sync.Pool // of *bufio.Reader
}

// NewLeanDialer prepares for the socket at url, see [Dial] for how it is written.
// Of the options, Version must be one that the frames to be sent are of. No proxy
// is used.
func NewLeanDialer(rawURL string, o Options) (*LeanDialer, error) {
	text, err := address(rawURL, &o)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("phxclient: %w", err)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("phxclient: %q names no host; write it like ws://localhost:4000/socket", rawURL)
	}
	d := &LeanDialer{shown: rawURL, address: u, options: o, limit: o.MaxFrame}
	if d.limit == 0 {
		d.limit = defaultMaxFrame
	}
	if d.options.DialContext == nil {
		d.options.DialContext = new(net.Dialer).DialContext
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n", u.RequestURI(), u.Host)
	if err := o.Header.Write(&b); err != nil {
		return nil, fmt.Errorf("phxclient: header: %w", err)
	}
	b.WriteString("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ")
	d.request = b.Bytes()
	return d, nil
}

// Dial opens a connection. ctx bounds connecting, not the connection. The error
// is a [*HandshakeError] when the server refuses.
func (d *LeanDialer) Dial(ctx context.Context) (*LeanConn, error) {
	conn, err := d.open(ctx)
	if err != nil {
		return nil, d.failed(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	c, err := d.handshake(conn)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, d.failed(ctx, err)
	}
	return c, nil
}

func (d *LeanDialer) failed(ctx context.Context, err error) error {
	var refused *HandshakeError
	if errors.As(err, &refused) {
		return err
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("phxclient: connect to %s: %w", d.shown, err)
}

// open opens what the WebSocket lies on.
func (d *LeanDialer) open(ctx context.Context) (net.Conn, error) {
	port := d.address.Port()
	secure := d.address.Scheme == "wss"
	if port == "" {
		port = "80"
		if secure {
			port = "443"
		}
	}
	conn, err := d.options.DialContext(ctx, "tcp", net.JoinHostPort(d.address.Hostname(), port))
	if err != nil || !secure {
		return conn, err
	}
	config := &tls.Config{}
	if d.options.TLS != nil {
		config = d.options.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = d.address.Hostname()
	}
	config.NextProtos = []string{"http/1.1"}
	over := tls.Client(conn, config)
	if err := over.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return over, nil
}

// handshake asks for a WebSocket and reads the answer.
func (d *LeanDialer) handshake(conn net.Conn) (*LeanConn, error) {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	key := base64.StdEncoding.EncodeToString(nonce[:])
	request := make([]byte, 0, len(d.request)+len(key)+4)
	request = append(append(append(request, d.request...), key...), "\r\n\r\n"...)
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	r, ok := d.readers.Get().(*bufio.Reader)
	if !ok {
		r = bufio.NewReaderSize(nil, leanReadAhead)
	}
	r.Reset(io.LimitReader(conn, maxResponse))
	defer func() {
		r.Reset(nil)
		d.readers.Put(r)
	}()
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodGet})
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		_ = conn.SetReadDeadline(time.Now().Add(closeWait)) // for a body that does not end
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
		return nil, &HandshakeError{Status: resp.StatusCode, Body: body}
	}
	if !strings.EqualFold(resp.Header.Get("Upgrade"), "websocket") || resp.Header.Get("Sec-WebSocket-Accept") != acceptKey(key) {
		return nil, errors.New("the server's answer to the request for a WebSocket is not one (RFC 6455, section 4.1)")
	}
	if resp.Header.Get("Sec-WebSocket-Extensions") != "" {
		return nil, errors.New("the server uses an extension of WebSocket that was not asked for")
	}
	return newLeanConn(conn, r, d.limit)
}

// acceptKey is the answer to a key (RFC 6455, section 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
