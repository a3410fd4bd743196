package pubsub_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// wire is an adapter between two nodes, over one TCP connection at a time. One
// node listens and the other dials; they differ in nothing else. It is safe for
// concurrent use.
type wire struct {
	// connect waits for the next connection, or fails.
	connect func(ctx context.Context) (net.Conn, error)
	ran     atomic.Bool

	mu    sync.Mutex
	queue chan []byte // of the connection that is up, or nil
}

const (
	queueLen  = 256             // packets that may wait to be written
	lastWords = 2 * time.Second // for what waits when the node ends, within pubsub.EndWithin
	minPause  = 10 * time.Millisecond
	maxPause  = time.Second // between two attempts to connect
)

// dial connects to the node that listens.
func dial(addr string) *wire {
	return &wire{connect: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}}
}

// accept waits for the node that dials.
func accept(l *net.TCPListener) *wire {
	return &wire{connect: func(ctx context.Context) (net.Conn, error) {
		stop := context.AfterFunc(ctx, func() { _ = l.SetDeadline(time.Now()) })
		defer stop()
		return l.Accept()
	}}
}

// Publish implements [pubsub.Adapter]. The queue belongs to a connection, so what
// was refused, or has not been written when that breaks, is not sent later.
func (w *wire) Publish(t pubsub.Topic, b *phx.Broadcast) error {
	const length = 4
	p := pubsub.Packet{Topic: t, Broadcast: b}
	frame, err := p.Append(make([]byte, length))
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-length))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue == nil {
		return pubsub.ErrDown
	}
	select {
	case w.queue <- frame:
		return nil
	default:
		return pubsub.ErrFull
	}
}

// Run implements [pubsub.Adapter]: one connection after the other. The next one
// begins when all of the last one was delivered, which keeps the order.
func (w *wire) Run(ctx context.Context, deliver func(pubsub.Topic, *phx.Broadcast)) error {
	if w.ran.Swap(true) {
		return pubsub.ErrRan
	}
	for pause := minPause; ctx.Err() == nil; {
		conn, err := w.connect(ctx)
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, maxPause)
			continue
		}
		pause = minPause
		w.serve(ctx, conn, deliver)
	}
	return nil
}

// serve uses a connection until it breaks or ctx is done, and waits for the
// goroutines that it starts.
func (w *wire) serve(ctx context.Context, conn net.Conn, deliver func(pubsub.Topic, *phx.Broadcast)) {
	queue := make(chan []byte, queueLen)
	w.use(queue)
	var writer sync.WaitGroup
	writer.Go(func() { write(conn, queue) })
	// At the end of the node: nothing more is taken, what waits is written, and
	// what the other node still writes is read until it has seen that.
	last := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(last)
		_ = conn.SetDeadline(time.Now().Add(lastWords))
		w.use(nil)
	})
	_ = read(conn, deliver)
	if !stop() {
		<-last
	}
	w.use(nil)
	writer.Wait()
	_ = conn.Close()
}

// use makes queue the one that Publish fills, and ends the one before.
func (w *wire) use(queue chan []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue != nil {
		close(w.queue)
	}
	w.queue = queue
}

// write writes what is queued, and then ends this half of the connection; the
// other node answers with the end of its own, which ends read.
func write(conn net.Conn, queue <-chan []byte) {
	for frame := range queue {
		if _, err := conn.Write(frame); err != nil {
			_ = conn.Close() // read ends, and so does the queue
			return
		}
	}
	_ = conn.(*net.TCPConn).CloseWrite()
}

// read delivers what arrives, until the connection ends or what it carries has
// lost its shape. A length is not believed before it is checked.
func read(conn net.Conn, deliver func(pubsub.Topic, *phx.Broadcast)) error {
	for {
		var length [4]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(length[:])
		if n > pubsub.MaxPacket {
			return errors.New("a frame that is too long")
		}
		data := make([]byte, n) // a new one each time: the packet keeps it
		if _, err := io.ReadFull(conn, data); err != nil {
			return err
		}
		p, err := pubsub.DecodePacket(data)
		if err != nil {
			continue // a faulty or newer node; the frames are sound. Count it here.
		}
		deliver(p.Topic, p.Broadcast)
	}
}

// printer is a subscriber that prints one broadcast and says so.
type printer struct {
	node string
	done chan struct{}
}

func (p printer) Deliver(b *phx.Broadcast, _ pubsub.Subscriber) {
	fmt.Printf("%s: %s %s %s\n", p.node, b.Topic(), b.Event(), b.Payload().Data())
	close(p.done)
}

// An adapter between two nodes over TCP, complete: it connects again by itself,
// keeps a bounded queue, and believes no length.
func ExampleAdapter() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()
	here := pubsub.New(accept(listener.(*net.TCPListener)))
	there := pubsub.New(dial(listener.Addr().String()))

	// A host does this with host.Config.PubSub.
	ctx, cancel := context.WithCancel(context.Background())
	var nodes sync.WaitGroup
	nodes.Go(func() { _ = here.Run(ctx) })
	nodes.Go(func() { _ = there.Run(ctx) })
	defer nodes.Wait()
	defer cancel()

	topic := pubsub.Topic{Namespace: "default", Name: "rooms:lobby"}
	printed := printer{"there", make(chan struct{})}
	defer there.Subscribe(topic, printed)()
	hello, err := phx.Object([]byte(`{"body":"hello"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	// Until the link is up, a broadcast stays on its node.
	for errors.Is(here.Broadcast(topic, nil, phx.NewBroadcast(topic.Name, "new:msg", hello)), pubsub.ErrDown) {
		time.Sleep(time.Millisecond)
	}
	<-printed.done
	// Output: there: rooms:lobby new:msg {"body":"hello"}
}
