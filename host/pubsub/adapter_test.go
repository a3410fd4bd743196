package pubsub_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/pubsub"
	"github.com/chhost/chhost/host/pubsub/pubsubtest"
)

// breakable lets a test cut the connections of a wire's dialling end, which are
// those of the other end too, and put bytes on them.
type breakable struct {
	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

var errCut = errors.New("the wire is cut")

func (b *breakable) connect(dial func(context.Context) (net.Conn, error)) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		b.mu.Lock() // also while it dials, so that cut finds the connection
		defer b.mu.Unlock()
		if b.down {
			return nil, errCut
		}
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		b.conns = append(b.conns, conn)
		return conn, nil
	}
}

func (b *breakable) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = true
	for _, conn := range b.conns {
		_ = conn.Close()
	}
	b.conns = nil
}

func (b *breakable) mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = false
}

// inject writes one frame to the node that listens. Nothing else may be written
// meanwhile, or a frame would stand within another.
func (b *breakable) inject(frame []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.conns) > 0 {
		_, _ = b.conns[len(b.conns)-1].Write(frame)
	}
}

func framed(data []byte) []byte {
	return slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data)
}

// wires makes the two ends of a wire, and after the second any number of new
// ones in its place.
func wires(t testing.TB) (join func() *wire, b *breakable) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	b = new(breakable)
	listens := false
	return func() *wire {
		if !listens {
			listens = true
			return accept(l.(*net.TCPListener))
		}
		w := dial(l.Addr().String())
		w.connect = b.connect(w.connect)
		return w
	}, b
}

// TestExampleIsAnAdapter runs the suite over the wire of the example.
func TestExampleIsAnAdapter(t *testing.T) {
	pubsubtest.TestAdapter(t, func(t testing.TB) pubsubtest.Link {
		join, b := wires(t)
		return pubsubtest.Link{
			Nodes: 2, Join: func() pubsub.Adapter { return join() }, Cut: b.cut, Mend: b.mend,
			Inject: func(data []byte) { b.inject(framed(data)) },
		}
	})
}

// A length that cannot be ends the connection before anything is allocated for
// it, and the next connection is as good as the first.
func TestExampleBelievesNoLength(t *testing.T) {
	join, b := wires(t)
	ctx, cancel := context.WithCancel(t.Context())
	var nodes sync.WaitGroup
	var got recorder
	here, there := pubsub.New(join()), pubsub.New(join())
	for _, p := range []*pubsub.PubSub{here, there} {
		nodes.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Errorf("Run returned %v", err)
			}
		})
	}
	defer nodes.Wait()
	defer cancel()
	defer here.Subscribe(lobby, &got)()
	connections := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.conns)
	}
	hear := func(event string) {
		t.Helper()
		channeltest.Eventually(t, "a broadcast", func() bool {
			_ = there.Broadcast(lobby, nil, message(event))
			return strings.Contains(got.got(), event)
		})
	}
	hear("before")
	for i, length := range []uint32{pubsub.MaxPacket + 1, 1<<32 - 1} {
		b.inject(binary.BigEndian.AppendUint32(nil, length))
		channeltest.Eventually(t, "a new connection", func() bool { return connections() == i+2 })
		hear(fmt.Sprintf("after %d", length))
	}
}
