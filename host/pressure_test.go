package host_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/websocket"
	"github.com/chhost/chhost/host/wasm"
)

// What becomes of a channel that does not keep up with its client, and of a
// client that does not keep up with its channels, over real connections and for
// both kinds of handlers. The bounds themselves are tested in host/socket and
// host/channel.

// gate holds a channel up: who asks the handlers' clock for the time next, which
// is a channel that has taken an event out of its mailbox and is about to hand it
// to its handler, waits until it is let go on.
type gate struct {
	shut            atomic.Bool
	entered, resume chan struct{}
}

func newGate() *gate { return &gate{entered: make(chan struct{}), resume: make(chan struct{})} }

func (g *gate) now() time.Time {
	if g.shut.CompareAndSwap(true, false) {
		g.entered <- struct{}{}
		<-g.resume
	}
	return time.Now()
}

// ofBothKinds runs a test with rooms, once native and once as a plugin.
func ofBothKinds(t *testing.T, test func(t *testing.T, cfg host.Config)) {
	t.Helper()
	t.Run("native", func(t *testing.T) {
		test(t, host.Config{Routes: []host.Route{{Pattern: "rooms:*", Handler: natives()["rooms"]}}})
	})
	t.Run("wasm", func(t *testing.T) {
		plugin := &host.Plugin{Name: "rooms", Module: guest(t, "rooms")}
		test(t, host.Config{Routes: []host.Route{{Pattern: "rooms:*", Plugin: plugin}}})
	})
}

// wire is a client that sees every frame.
type wire struct {
	*phxclient.Conn
	t *testing.T
}

func dial(t *testing.T, s *hosttest.Server, o phxclient.Options) *wire {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), channeltest.Deadline)
	defer cancel()
	conn, err := phxclient.Dial(ctx, s.Socket, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Abort)
	return &wire{conn, t}
}

func (w *wire) send(format string, args ...any) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), channeltest.Deadline)
	defer cancel()
	if err := w.Send(ctx, phx.Frame{Data: fmt.Appendf(nil, format, args...)}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) next() string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), channeltest.Deadline)
	defer cancel()
	f, err := w.Receive(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(f.Data)
}

func (w *wire) expect(format string, args ...any) {
	w.t.Helper()
	if got, want := w.next(), fmt.Sprintf(format, args...); got != want {
		w.t.Fatalf("received %.300s\nwant %.300s", got, want)
	}
}

func (w *wire) join(topic string) {
	w.t.Helper()
	w.send(`["1","1",%q,"phx_join",{}]`, topic)
	w.expect(`["1","1",%q,"phx_reply",{"status":"ok","response":{}}]`, topic)
}

const heartbeat, heartbeatReply = `[null,"beat","phoenix","heartbeat",{}]`, `[null,"beat","phoenix","phx_reply",{"status":"ok","response":{}}]`

// hold makes a channel busy with an event whose ref is "held".
func (g *gate) hold(w *wire, topic string) {
	w.t.Helper()
	g.shut.Store(true)
	w.send(`["1","held",%q,"echo",{}]`, topic)
	select {
	case <-g.entered:
	case <-time.After(channeltest.Deadline):
		w.t.Fatal("the channel did not take the event")
	}
}

const held = `["1","held","rooms:1","phx_reply",{"status":"ok","response":{}}]`

// A handler that is slow: 256 events wait for it, one more is answered
// "overloaded". The socket's other topics, and the socket itself, answer at once.
// What was taken is handled, in order.
func TestASlowHandler(t *testing.T) {
	ofBothKinds(t, func(t *testing.T, cfg host.Config) {
		gate := newGate()
		cfg.Now = gate.now
		w := dial(t, hosttest.Start(t, cfg), phxclient.Options{})
		w.join("rooms:1")
		w.join("rooms:2")
		for range 3 {
			gate.hold(w, "rooms:1")
			for n := range channel.MailboxEvents {
				w.send(`["1",%d,"rooms:1","echo",{"n":%d}]`, n, n)
			}
			for n := range 5 {
				w.send(`["1","more%d","rooms:1","echo",{}]`, n)
				w.expect(`["1","more%d","rooms:1","phx_reply",{"status":"error","response":{"reason":"overloaded","retry_after_ms":1000}}]`, n)
			}
			w.send(`["1","2","rooms:2","order",{}]`)
			w.expect(`["1",null,"rooms:2","a",{}]`)
			w.expect(`[null,null,"rooms:2","b",{}]`)
			w.expect(`["1",null,"rooms:2","c",{}]`)
			w.expect(`["1","2","rooms:2","phx_reply",{"status":"ok","response":{}}]`)
			w.send(heartbeat)
			w.expect(heartbeatReply)
			w.join("rooms:3")
			w.send(`["1","3","rooms:3","phx_leave",{}]`)
			w.expect(`["1","3","rooms:3","phx_reply",{"status":"ok","response":{}}]`)
			w.expect(`["1","1","rooms:3","phx_close",{}]`)
			gate.resume <- struct{}{}
			w.expect(held)
			for n := range channel.MailboxEvents {
				w.expect(`["1",%d,"rooms:1","phx_reply",{"status":"ok","response":{"n":%d}}]`, n, n)
			}
		}
	})
}

// Above 1 MiB in all mailboxes of a socket the reader pauses, and not before; when
// the handler has caught up it goes on, and nothing is lost or refused. Another
// client does not notice.
func TestASlowHandlerPausesTheReader(t *testing.T) {
	ofBothKinds(t, func(t *testing.T, cfg host.Config) {
		gate := newGate()
		cfg.Now = gate.now
		server := hosttest.Start(t, cfg)
		w, other := dial(t, server, phxclient.Options{}), dial(t, server, phxclient.Options{})
		w.join("rooms:1")
		w.join("rooms:2")
		other.join("rooms:1")
		// 255 of them are less than 1 MiB, 256 more, and no mailbox is too full for them:
		// each counts for 256 bytes more than it has.
		large := strings.Repeat("x", 1<<20/(channel.MailboxEvents-1)-300)
		const behind = 40
		gate.hold(w, "rooms:1")
		for n := range channel.MailboxEvents - 1 {
			w.send(`["1",%d,"rooms:1","value",{"x":%q}]`, n, large)
		}
		w.send(heartbeat)
		w.expect(heartbeatReply)
		// One more, and behind it what the server must not read yet: the mailbox is
		// full, so that all of this would be refused.
		for n := channel.MailboxEvents - 1; n < channel.MailboxEvents+behind; n++ {
			w.send(`["1",%d,"rooms:1","value",{"x":%q}]`, n, large)
		}
		w.send(`["1","2","rooms:2","echo",{}]`)
		other.send(`["1","2","rooms:1","echo",{}]`)
		other.expect(`["1","2","rooms:1","phx_reply",{"status":"ok","response":{}}]`)
		// Whatever the server has read it would have answered in this time, or in the
		// next: if not, the order below tells.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if f, err := w.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("received %.300s, %v, although more than 1 MiB waits", f.Data, err)
		}
		gate.resume <- struct{}{}
		w.expect(held)
		second := false
		for n := 0; n < channel.MailboxEvents+behind; n++ {
			got, want := w.next(), fmt.Sprintf(`["1",%d,"rooms:1","phx_reply",{"status":"ok","response":{}}]`, n)
			if !second && got == `["1","2","rooms:2","phx_reply",{"status":"ok","response":{}}]` {
				second = true
				got = w.next()
			}
			if got != want {
				t.Fatalf("received %s, want %s", got, want)
			}
		}
		if !second {
			w.expect(`["1","2","rooms:2","phx_reply",{"status":"ok","response":{}}]`)
		}
		w.send(heartbeat)
		w.expect(heartbeatReply)
	})
}

// numbers reads broadcasts "new:msg", whose payloads count from n, and passes over
// the replies and what others broadcast. It returns the number that comes next,
// and the error that ended it: nil when next is reached.
func (w *wire) numbers(ctx context.Context, n, next int) (int, error) {
	const begin = `[null,null,"rooms:1","new:msg",{"n":`
	for n < next {
		f, err := w.Receive(ctx)
		if err != nil {
			return n, err
		}
		payload, ok := strings.CutPrefix(string(f.Data[:min(len(f.Data), 100)]), begin)
		if !ok {
			continue
		}
		if !strings.HasPrefix(payload, fmt.Sprintf("%d,", n)) {
			return n, fmt.Errorf("received %.20s where broadcast %d is due", payload, n)
		}
		n++
	}
	return n, nil
}

// smallBuffer makes the kernel take little for a client that does not read; with
// still less than this its window would never be worth a packet of the loopback.
func smallBuffer(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(256 << 10)
	}
	return conn, err
}

// A client that does not read is closed with 1013 when more than 1 MiB waits for
// it, so that no more is kept for it than that and what the kernel takes. It
// gets what was on its way, without a gap, and learns why. Neither who broadcasts
// nor the other subscribers notice.
func TestAClientThatDoesNotRead(t *testing.T) {
	ofBothKinds(t, func(t *testing.T, cfg host.Config) {
		server := hosttest.Start(t, cfg)
		slow := dial(t, server, phxclient.Options{DialContext: smallBuffer})
		sender, other := dial(t, server, phxclient.Options{}), dial(t, server, phxclient.Options{})
		for _, w := range []*wire{slow, sender, other} {
			w.join("rooms:1")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*channeltest.Deadline)
		defer cancel()
		const most = 32 << 20 // what the kernel may take at the utmost
		text := strings.Repeat("x", 60_000)
		n := 0
		broadcast := func() {
			sender.send(`["1","b%d","rooms:1","new:msg",{"n":%d,"x":%q}]`, n, n, text)
			for _, w := range []*wire{sender, other} {
				if _, err := w.numbers(ctx, n, n+1); err != nil {
					t.Fatal(err)
				}
			}
			for got := ""; !strings.HasPrefix(got, fmt.Sprintf(`["1","b%d","rooms:1","phx_reply",{"status":"ok"`, n)); {
				got = sender.next()
			}
			n++
		}
		begin := time.Now()
		for server.Subscribers("rooms:1") == 3 {
			if broadcast(); n*len(text) > most {
				t.Fatalf("%d bytes have been broadcast, and a client that reads none of them is still there", n*len(text))
			}
		}
		cut, got, err := n, 0, error(nil)
		end := n + 20
		read := make(chan struct{})
		go func() {
			defer close(read)
			got, err = slow.numbers(ctx, 0, end)
		}()
		for n < end {
			broadcast()
		}
		<-read
		var closed *phxclient.CloseError
		switch {
		case errors.As(err, &closed) && closed.Code == socket.CloseTryAgainLater:
		case err != nil && closed == nil && time.Since(begin) > websocket.DefaultWriteTimeout:
			// It did not read for so long that nothing more was written to it.
			t.Logf("on this machine, as it is now, the connection was given up before the client read: %v", err)
		default:
			t.Errorf("after %d broadcasts the slow client's connection ended with %v, want the code 1013", got, err)
		}
		if got > cut {
			t.Errorf("the slow client received %d broadcasts, and it was closed after %d", got, cut)
		}
		sender.send(heartbeat)
		sender.expect(heartbeatReply)
	})
}

// holding is a logger that holds up whoever logs a text.
type holding struct {
	slog.Handler
	text            string
	entered, resume chan struct{}
}

func (h *holding) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == h.text {
		h.entered <- struct{}{}
		<-h.resume
	}
	return h.Handler.Handle(ctx, r)
}

func (h *holding) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &holding{h.Handler.WithAttrs(attrs), h.text, h.entered, h.resume}
}

// A plugin whose only instance is taken: whoever waits too long for it, with a
// join or an event, is told when to try again; the channel lives on.
func TestNoInstanceInTime(t *testing.T) {
	log := &holding{slog.NewTextHandler(t.Output(), nil), "rooms: failed, as asked", make(chan struct{}), make(chan struct{})}
	plugin := &host.Plugin{Name: "rooms", Module: guest(t, "rooms"), Limits: wasm.Limits{Instances: 1, Wait: 20 * time.Millisecond}}
	w := dial(t, hosttest.Start(t, host.Config{
		Logger: slog.New(log), Routes: []host.Route{{Pattern: "rooms:*", Plugin: plugin}},
	}), phxclient.Options{})
	w.join("rooms:1")
	w.join("rooms:2")
	w.send(`["1","2","rooms:1","fail",{}]`)
	<-log.entered
	w.send(`["3","3","rooms:3","phx_join",{}]`)
	w.expect(`["3","3","rooms:3","phx_reply",{"status":"error","response":{"reason":"busy","retry_after_ms":20}}]`)
	w.send(`["1","4","rooms:2","echo",{}]`)
	w.expect(`["1","4","rooms:2","phx_reply",{"status":"error","response":{"reason":"busy","retry_after_ms":20}}]`)
	close(log.resume)
	w.expect(`["1","1","rooms:1","phx_error",{"reason":"channel_crash"}]`)
	// The leave of rooms:1 may still have the instance.
	busy := `["1","5","rooms:2","phx_reply",{"status":"error","response":{"reason":"busy","retry_after_ms":20}}]`
	for got := busy; got == busy; {
		w.send(`["1","5","rooms:2","echo",{}]`)
		if got = w.next(); got != busy && got != `["1","5","rooms:2","phx_reply",{"status":"ok","response":{}}]` {
			t.Fatal(got)
		}
	}
}
