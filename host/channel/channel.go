package channel

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

var (
	// ErrOverloaded is returned when a channel's mailbox is full.
	ErrOverloaded = errors.New("channel: mailbox is full")
	// ErrRetired is returned by a channel that has come to its end. Its socket
	// makes a new one.
	ErrRetired = errors.New("channel: retired")
)

// Channel is one client's channel of one topic. Its methods are safe for
// concurrent use and do not block.
type Channel struct {
	env    *Env
	client Client
	topic  string
	opts   Options

	mu      sync.Mutex
	waiting mailbox
	events  int  // client's events that wait
	outs    int  // broadcasts for HandleOut and HandleInfo that wait and belong to the membership id
	running bool // a turn is under way, or about to be
	summon  bool // it has yet to be given to the env, which unlock does
	closing bool // Close was called: nothing more is taken
	retired bool
	state   state
	held    []delivery // broadcasts that arrived before the join's reply
	traits  *Traits    // of the joined handler
	id      uint64     // of the membership that deliveries belong to

	// vacated: the client has left and been answered; only the handler's leave may
	// be under way, and no join waits.
	vacated atomic.Bool

	// sending counts deliveries that found the channel joined and have not yet
	// reached the client.
	sending atomic.Int32
	// giving counts turns on their way to the env.
	giving atomic.Int32

	member membership // belongs to the turn
	desk   *desk      // likewise
}

// membership is what a join that returned StatusOK establishes.
type membership struct {
	use         *use // of its handler; nil: not joined
	joinRef     phx.Ref
	id          uint64
	assigns     []byte
	undo        *undo // nil: there is nothing that could be undone
	unsubscribe func()

	refs      uint32 // the newest number of an event
	open      []openRef
	timers    map[uint32]*timer
	listeners map[string]*listener
}

func (m *membership) handler() Handler { return m.use.handler }
func (m *membership) traits() *Traits  { return m.use.handler.Traits() }

type state uint8

const (
	stateNone state = iota
	// stateJoining: subscribed, but the reply is not out yet.
	stateJoining
	stateJoined
)

// Options are what a socket says of itself to its channels. Route is needed.
type Options struct {
	// Route finds the handler of a topic. It is asked in the channel's turn, when
	// a join is handled, and must not block.
	Route func(topic string) (Handler, bool)
	// SocketAssigns is handed to the handler with every event.
	SocketAssigns []byte
	// WithoutJoinRefs is for clients of serializer V1, which have no join_ref to tell
	// one membership from another by: the phx_close of a channel that is replaced by
	// a new join comes before the reply to that join; and a membership ends with the
	// ref of its join, if that had no join_ref, since Phoenix clients of that age
	// compare it.
	WithoutJoinRefs bool
	// Peer is where the client connects from.
	Peer Peer
	// Failed is called when a handler failed, in the client's channel or, at a
	// broadcast of the client's, in another's. It tells whether that happened too
	// often: then a channel of the client that others fail because of fails too. It is
	// called from several goroutines at once, and must not block. Default: never.
	Failed func() (tooOften bool)
	// Retired is called when the channel has come to its end: nothing is joined
	// and nothing waits. It must not block.
	Retired func(*Channel)
}

// New returns the channel of topic for client. It starts nothing.
func New(env *Env, client Client, topic string, opts Options) *Channel {
	return &Channel{env: env, client: client, topic: topic, opts: opts}
}

// Left tells whether the client has left the topic, as far as it knows, and has
// not asked to join it again. The channel lives until its handler's leave has
// returned.
func (c *Channel) Left() bool { return c.vacated.Load() }

// Topic is the channel's topic.
func (c *Channel) Topic() string { return c.topic }

// Join queues a phx_join. size is what [Client.Handled] is told. The error is
// [ErrRetired] or [ErrOverloaded].
func (c *Channel) Join(m phx.Message, size int) error {
	return c.post(item{kind: itemJoin, msg: m, size: size})
}

// Handle queues an event of the client. The error is [ErrRetired] or
// [ErrOverloaded].
func (c *Channel) Handle(m phx.Message, size int) error {
	return c.post(item{kind: itemEvent, msg: m, size: size})
}

// Leave queues a phx_leave. The error is [ErrRetired] or [ErrOverloaded].
func (c *Channel) Leave(m phx.Message, size int) error {
	return c.post(item{kind: itemLeave, msg: m, size: size})
}

// Close queues the end of the channel, behind what waits already. It always
// fits. Nothing more is sent to the client.
func (c *Channel) Close(kind LeaveKind) {
	_ = c.post(item{kind: itemClose, leave: kind}) // retired is closed
	for c.giving.Load() > 0 {
		// Another goroutine has queued something before and is about to give the
		// turn to the env, which takes a microsecond. Env.Wait must not miss it.
		runtime.Gosched()
	}
}

func (c *Channel) post(it item) error {
	c.mu.Lock()
	defer c.unlock()
	if c.retired {
		return ErrRetired
	}
	if c.closing {
		return ErrRetired
	}
	switch it.kind {
	case itemClose:
		c.closing = true
	case itemJoin, itemEvent, itemLeave:
		// A client has forgotten the channel once it has sent its leave, whatever
		// the answer: one fits always, or the membership would stay for good.
		if c.events >= MailboxEvents && (it.kind != itemLeave || c.events > MailboxEvents) {
			return ErrOverloaded
		}
		c.events++
		if it.kind == itemJoin {
			c.vacated.Store(false)
		}
	case itemAdmit:
		c.vacated.Store(false)
	}
	c.enqueue(it)
	return nil
}

// enqueue appends to the mailbox and provides for a turn if there is none. The
// caller holds c.mu and lets go of it by unlock.
func (c *Channel) enqueue(it item) {
	c.waiting.put(&c.env.items, it)
	if !c.running {
		c.running, c.summon = true, true
		c.giving.Add(1)
	}
}

// unlock lets go of c.mu, and then gives the env the turn that something was
// queued for. A channel waits there once at most.
func (c *Channel) unlock() {
	summon := c.summon
	c.summon = false
	c.mu.Unlock()
	if summon {
		c.env.turns.Do(c)
		c.giving.Add(-1)
	}
}

// Deliver takes a broadcast: one that the handler intercepts goes into the
// mailbox, any other goes straight to the client.
func (c *Channel) Deliver(b *phx.Broadcast, from pubsub.Subscriber) {
	c.mu.Lock()
	switch c.state {
	case stateJoining:
		if len(c.held) < MailboxBroadcasts {
			c.held = append(c.held, deliveryOf(b, from))
		} else {
			c.failLater(errOverflow)
		}
	case stateJoined:
		if !c.traits.intercepts(b.Event()) {
			c.sending.Add(1)
			c.mu.Unlock()
			c.send(b)
			return
		}
		c.intercept(itemOut, deliveryOf(b, from))
	}
	c.unlock()
}

// send gives a broadcast to the client. A bug on this side costs this
// membership, and not the sender, whose goroutine it is.
func (c *Channel) send(b *phx.Broadcast) {
	defer func() {
		if r := recover(); r != nil {
			c.logBug(r)
			c.mu.Lock()
			if c.state != stateNone {
				c.failLater(nil)
			}
			c.unlock()
		}
		c.sending.Add(-1) // the last thing: detach waits for it
	}()
	c.client.Broadcast(b)
}

// intercept puts a broadcast into the mailbox, for HandleOut or HandleInfo. The
// caller holds c.mu.
func (c *Channel) intercept(kind itemKind, d delivery) {
	if c.outs >= MailboxBroadcasts {
		c.failLater(errOverflow)
		return
	}
	c.outs++
	c.enqueue(item{kind: kind, out: d, id: c.id})
}

// failLater fails the membership, behind what waits already. The caller holds
// c.mu.
func (c *Channel) failLater(why error) {
	c.state = stateNone
	c.held = nil
	c.enqueue(item{kind: itemFail, id: c.id, err: why})
}

// next takes the oldest item out of the mailbox. Without one the turn is over;
// a channel that is not joined then comes to its end.
func (c *Channel) next() *item {
	c.mu.Lock()
	if it := c.waiting.take(); it != nil {
		switch it.kind {
		case itemJoin, itemEvent, itemLeave:
			c.events--
		case itemOut, itemInfo:
			if it.id == c.id {
				c.outs--
			}
		}
		c.mu.Unlock()
		return it
	}
	c.desk = nil
	c.running = false
	retired := c.member.use == nil && !c.retired
	if retired {
		c.retired = true
	}
	c.mu.Unlock()
	if retired && c.opts.Retired != nil {
		c.opts.Retired(c)
	}
	return nil
}
