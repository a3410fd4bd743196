// Package transporttest holds implementations of [socket.Transport] to what a
// transport owes.
//
// Each contract is one subtest of [Test], over real connections on loopback. A
// transport whose clients send nothing (server-sent events, say) joins a topic for
// each of them, and is held to the contracts that are left.
package transporttest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

// Topic is what a client joins first, with ref and join_ref "1"; a transport whose
// clients send nothing does it for them.
const Topic = "t"

// Config is what a transport is made with.
type Config struct {
	// Accept decides about connections.
	Accept func(r *http.Request) (socket.Config, error)
	// CheckOrigin decides about origins, before Accept.
	CheckOrigin func(r *http.Request) bool
	// MaxFrame is the size in bytes of the largest frame that a client may send.
	MaxFrame int64
	Logger   *slog.Logger
}

// Client is a client of the transport. Send is not called where clients send
// nothing.
type Client interface {
	Send(ctx context.Context, f phx.Frame) error
	// Receive returns the next frame. At the end of the connection it returns a
	// [*phxclient.CloseError] with the code that the client was told, or
	// [phxclient.ErrClosed] after Abort. While nobody calls it, the client takes little
	// from the server: no more than what one response or a socket's buffers hold.
	Receive(ctx context.Context) (phx.Frame, error)
	// Abort ends the connection without a word and waits for what the client has
	// started.
	Abort()
}

// Adapter is what differs between transports.
type Adapter struct {
	// New makes the transport.
	New func(cfg Config) socket.Transport
	// Dial connects to the transport at url, such as http://127.0.0.1:4000/socket,
	// which also serves what is below that. vsn and header are to be sent.
	Dial func(ctx context.Context, url, vsn string, header http.Header) (Client, error)
	// Idle lets so much time pass for the transport that it notices clients which
	// have gone. Nil: it notices at once.
	Idle func(t socket.Transport)
	// NoBytes: clients receive no bytes.
	NoBytes bool
	// ReadOnly: clients send nothing.
	ReadOnly bool
}

// contract is one thing that a transport owes.
type contract struct {
	name string
	// sends: it does not apply where clients send nothing.
	sends    bool
	maxFrame int64
	outbox   int
	check    func(r *rig) error
}

// Test runs the suite.
func Test(t *testing.T, a Adapter) {
	for _, c := range contracts() {
		if a.ReadOnly && c.sends {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if err := hold(t.Context(), a, c, channeltest.Deadline); err != nil {
				t.Error(err)
			}
		})
	}
}

// hold runs one contract against a transport of its own. Patience is how long
// something may take.
func hold(ctx context.Context, a Adapter, c contract, patience time.Duration) error {
	r := newRig(ctx, a, c, patience)
	err := c.check(r)
	if ended := r.end(); ended != nil {
		err = errors.Join(err, fmt.Errorf("at the end: %w", ended))
	}
	if err != nil {
		return fmt.Errorf("%w\nthe log:\n%s", err, r.log.String())
	}
	return nil
}
