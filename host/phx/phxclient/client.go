package phxclient

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/chhost/chhost/host/phx"
)

// ClientOptions say how a [Client] connects and behaves. The zero value is what
// the npm client does.
type ClientOptions struct {
	Options
	// Heartbeat is the time between heartbeats. 0 is 30 s, less is none: then
	// most servers close the connection after a minute.
	Heartbeat time.Duration
	// Queue is how many messages wait for [Channel.Receive], for each channel. 0
	// is 64. A channel needs about 100 bytes for each, from the start.
	Queue int
	// Overflow is what happens to a message for which the queue has no room.
	Overflow Overflow
}

// Overflow is what happens to a message for which a channel's queue has no room.
type Overflow int

const (
	// OverflowFail drops this message and all later ones. [Channel.Receive]
	// returns those in the queue and then [ErrOverflow]; nothing is missing in
	// between. Push and Leave still work.
	OverflowFail Overflow = iota
	// OverflowDropOldest drops the oldest message in the queue and counts it,
	// see [Channel.Dropped].
	OverflowDropOldest
)

const (
	defaultHeartbeat = 30 * time.Second
	defaultQueue     = 64
)

// Client is a connection that speaks the protocol. All methods may be called
// from several goroutines at once.
type Client struct {
	wire     carrier
	codec    codec
	queue    int
	overflow Overflow

	running sync.WaitGroup // the reader and the heartbeats
	ended   chan struct{}  // closed when the reader has ended

	mu       sync.Mutex
	err      error // why the client is of no more use; the first reason stays
	lastRef  uint64
	calls    map[phx.Ref]*call
	channels map[string]*Channel // by topic: joining or joined
}

// call is a message that waits for its reply.
type call struct {
	channel *Channel    // nil for heartbeats
	leave   bool        // the channel ends with the reply
	answer  chan answer // takes one without blocking
}

type answer struct {
	reply phx.Reply
	err   error
}

// Connect connects to the socket at url, see [Dial]. ctx bounds connecting, not
// the connection.
func Connect(ctx context.Context, url string, o ClientOptions) (*Client, error) {
	vsn := o.version()
	if o.OmitVersion {
		vsn = ""
	}
	s, err := phx.Negotiate(vsn)
	if err != nil {
		return nil, fmt.Errorf("phxclient: version %q: %w", vsn, err)
	}
	w, err := open(ctx, url, &o.Options)
	if err != nil {
		return nil, err
	}
	c := &Client{
		wire:     w,
		codec:    codec{v2: s == phx.V2()},
		queue:    o.Queue,
		overflow: o.Overflow,
		ended:    make(chan struct{}),
		calls:    make(map[phx.Ref]*call),
		channels: make(map[string]*Channel),
	}
	if c.queue <= 0 {
		c.queue = defaultQueue
	}
	c.running.Go(c.read)
	if o.Heartbeat == 0 {
		o.Heartbeat = defaultHeartbeat
	}
	if o.Heartbeat > 0 {
		c.running.Go(func() { c.beat(o.Heartbeat) })
	}
	return c, nil
}

// Done is closed when the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.ended }

// Err is nil while the client can be used, and then why it cannot: a
// [*CloseError], [ErrFrame], [ErrNoHeartbeat] or [ErrClosed]. All channels and
// all that wait for something get the same error.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close closes the connection with code 1000, waiting at most 3 s for the
// server's answer, and waits for the client's goroutines. Channels are not left
// first: the server sees the end of the connection.
func (c *Client) Close() {
	if c.fail(ErrClosed) {
		c.wire.shut(1000)
	}
	c.running.Wait()
}

// fail records why the client ends. It returns true for the first reason.
func (c *Client) fail(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return false
	}
	c.err = err
	for _, ch := range c.channels {
		c.end(ch, err)
	}
	for ref := range c.calls {
		c.answer(ref, answer{err: err})
	}
	return true
}

// read handles what the server sends until the connection ends.
func (c *Client) read() {
	defer close(c.ended)
	defer c.wire.cut()
	for {
		f, err := c.wire.read()
		if err != nil {
			c.fail(err)
			return
		}
		in, err := c.codec.decode(f)
		if err != nil {
			if c.fail(err) {
				_ = c.wire.sendClose(1002) // a courtesy: the connection is cut anyway
			}
			return
		}
		c.dispatch(in)
	}
}

// beat sends heartbeats and cuts the connection when one is not answered
// before the next is due, as the npm client does.
func (c *Client) beat(every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-c.ended:
			return
		case <-t.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), every)
		_, err := c.request(ctx, nil, phx.Message{Topic: phx.TopicPhoenix, Event: phx.EventHeartbeat})
		cancel()
		if err != nil {
			if c.fail(ErrNoHeartbeat) {
				c.wire.cut()
			}
			return
		}
	}
}

func (c *Client) dispatch(in incoming) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if in.reply != nil {
		waiting := c.calls[in.Ref]
		c.answer(in.Ref, answer{reply: *in.reply})
		if waiting != nil && waiting.leave {
			c.end(waiting.channel, ErrLeft) // here, before the phx_close that follows
		}
		return
	}
	ch := c.channels[in.Topic]
	if ch == nil || in.JoinRef != "" && in.JoinRef != ch.joinRef {
		return // for a channel that has ended
	}
	switch in.Event {
	case phx.EventClose, phx.EventError:
		if in.JoinRef == "" && in.Ref != "" && in.Ref != ch.joinRef {
			return // the same in version 1.0.0, which has no join_ref
		}
		if in.Event == phx.EventClose {
			c.end(ch, ErrChannelClosed)
		} else {
			c.end(ch, &CrashedError{Topic: in.Topic, Payload: in.Payload})
		}
	default:
		ch.enqueue(in.Message, c.overflow)
	}
}

// answer ends a call, if it still waits. The caller holds mu.
func (c *Client) answer(ref phx.Ref, a answer) {
	if call, ok := c.calls[ref]; ok {
		delete(c.calls, ref)
		call.answer <- a
	}
}

// end makes ch and its calls return err. The caller holds mu. Only the first
// reason counts.
func (c *Client) end(ch *Channel, err error) {
	if ch.err != nil {
		return
	}
	ch.err = err
	delete(c.channels, ch.topic)
	for ref, call := range c.calls {
		if call.channel == ch {
			c.answer(ref, answer{err: err})
		}
	}
	ch.closeQueue(err)
}

// request sends m and waits for its reply. Without a ref it gets the next one.
func (c *Client) request(ctx context.Context, ch *Channel, m phx.Message) (phx.Reply, error) {
	waiting, err := c.register(ch, &m)
	if err != nil {
		return phx.Reply{}, err
	}
	if err := c.send(ctx, &m); err != nil {
		c.forget(m.Ref)
		return phx.Reply{}, err
	}
	select {
	case a := <-waiting.answer:
		return a.reply, a.err
	case <-ctx.Done():
		if c.forget(m.Ref) {
			return phx.Reply{}, ctx.Err()
		}
		a := <-waiting.answer // it came at the same time
		return a.reply, a.err
	}
}

func (c *Client) register(ch *Channel, m *phx.Message) (*call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(ch); err != nil {
		return nil, err
	}
	if m.Ref == "" {
		m.Ref = c.nextRef()
	}
	waiting := &call{channel: ch, leave: m.Event == phx.EventLeave, answer: make(chan answer, 1)}
	c.calls[m.Ref] = waiting
	return waiting, nil
}

// usable is nil while ch, or without one the client, can be used. The caller
// holds mu.
func (c *Client) usable(ch *Channel) error {
	if ch != nil && ch.err != nil {
		return ch.err
	}
	return c.err
}

// nextRef makes a ref, a string with a number in it as with the npm client. The
// caller holds mu.
func (c *Client) nextRef() phx.Ref {
	c.lastRef++
	return phx.Ref(`"` + strconv.FormatUint(c.lastRef, 10) + `"`)
}

// forget returns false if the reply is there already.
func (c *Client) forget(ref phx.Ref) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, waits := c.calls[ref]
	delete(c.calls, ref)
	return waits
}

func (c *Client) send(ctx context.Context, m *phx.Message) error {
	f, err := c.codec.encode(m)
	if err != nil {
		return fmt.Errorf("phxclient: %w", err)
	}
	err = c.wire.write(ctx, f)
	if err != nil && ctx.Err() == nil {
		// A write fails because the connection has ended, and the reader, which
		// is never kept waiting, finds out why. The deadline is for a connection
		// that is broken in one direction only.
		c.wire.endReading()
		<-c.ended
		return c.Err()
	}
	return err
}
