// Package socket multiplexes one client connection over its channels; it owns
// the outbox.
//
// A transport gives a [Socket] the frames that the client sent
// ([Socket.HandleFrame]) and writes the frames that [Socket.Next] returns; all
// the rest of the protocol happens here and in the channels. Nothing that the
// socket calls waits for the client, and no handler runs on the transport's
// reader.
package socket

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
)

// Defaults of [Config].
const (
	DefaultMaxChannels = 100
	DefaultOutbox      = 1 << 20
	// maxInbox is how many bytes of a client's messages may wait in the mailboxes
	// of all its channels before the reader pauses.
	maxInbox = 1 << 20
	// itemCost is what a message takes there besides the bytes of its frame.
	itemCost = 256
	// A client that sends so many malformed frames within the window is cut off.
	maxInvalid    = 10
	invalidWindow = 10 * time.Second
	// overloadedRetry is what a client is told whose channel does not keep up.
	overloadedRetry = time.Second
)

// Close codes of RFC 6455, section 7.4.1, and of the IANA registry, that the
// host uses. Never 1000: some clients do not come back from it.
const (
	CloseGoingAway       = 1001
	CloseNotUTF8         = 1007
	ClosePolicyViolation = 1008
	CloseTooBig          = 1009
	CloseInternalError   = 1011
	CloseServiceRestart  = 1012
	CloseTryAgainLater   = 1013
)

// tooSlow is why a socket ends for which too much waits.
const tooSlow = "client reads too slowly"

// LeaveKind says why a socket's channels end. Transports know two reasons: the
// connection ended, and the host is shutting down.
type LeaveKind = channel.LeaveKind

const (
	LeaveClosed   = channel.LeaveClosed
	LeaveShutdown = channel.LeaveShutdown
)

// ErrClosed is returned by [Socket.HandleFrame] after the socket has ended.
var ErrClosed = errors.New("socket: closed")

// Config is what a socket is made of. Env, Encoder, Route and Wake are needed.
type Config struct {
	// Env is what the socket's channels share with others.
	Env *channel.Env
	// Encoder is that of the transport and serializer. It should be shared with
	// other sockets, so that broadcasts are encoded once.
	Encoder *phx.Encoder
	// Route finds the handler of a topic.
	Route func(topic string) (channel.Handler, bool)
	// Wake is called when frames wait and nobody is writing. The transport then
	// calls Next until it returns nothing, on another goroutine if it writes them
	// to somebody: Wake must not block.
	Wake func()
	// Assigns is handed to handlers with every event. Default {}.
	Assigns []byte
	// Peer is where the client connects from. Default: it is not known.
	Peer channel.Peer
	// ID is what the application calls the socket, such as "users:7"; logs carry
	// it. Default none.
	ID string
	// Directory lists the socket by its ID. Default none. Since is the moment at
	// which the ID was asked for: what was closed later ends this socket too.
	Directory *Directory
	Since     Moment
	// Token is the one that the client has proved itself with. The socket ends with it,
	// unless the client sends another. Default: there is none.
	Token *Token
	// MaxChannels is how many topics the client may join. Default 100.
	MaxChannels int
	// Outbox is how many bytes may wait for the client, where each frame counts
	// for 24 more than it has. If there is no room for one more, Slow decides. Up to
	// 32 large frames may be four times as much, but not for longer than 5 s. What
	// the transport has taken out to write it, as much again, is not counted.
	// Default 1 MiB.
	Outbox int
	// Slow says what is done with broadcasts and pushes of a topic and event for
	// which there is no room. It is called with a lock held, and must not block.
	// Default: always SlowClose.
	Slow func(topic, event string) SlowPolicy
	// Rates bound what the client may send. Default: nothing does.
	Rates Rates
	// Counts is where the socket counts what it refused and left out, together with
	// other sockets. Default: nowhere.
	Counts *Counts
	// Vacate gives back what was set aside for the connection. The transport sees to
	// it, see [Socket.Vacate]. Default: nothing was.
	Vacate func()
	// Logger receives what the client cannot be told. Default none.
	Logger *slog.Logger
}

// End says how a socket ended.
type End struct {
	// Code is the close code to send; 0 if the connection is gone already.
	Code int
	// Reason is a short text for people that goes with Code.
	Reason string
}

// Socket is one client connection. HandleFrame and Next must not be called
// concurrently with themselves; everything else may be.
type Socket struct {
	cfg    Config
	out    outbox
	inbox  atomic.Int64                  // bytes in the channels' mailboxes
	posted atomic.Uint64                 // messages that were put there
	room   atomic.Pointer[chan struct{}] // wakes the reader; made when it first waits
	inWait atomic.Bool                   // the reader waits for room in the mailboxes
	binary sync.Once                     // logs the first payload that could not be sent

	number uint64    // in the directory, which sets it
	opened time.Time // likewise

	failures atomic.Pointer[failures] // made at the first one
	expiry   *expiry                  // nil without a token

	invalid []time.Time // when the last malformed frames came; the reader's
	meters  meters      // likewise

	end      atomic.Pointer[End]
	last     atomic.Pointer[lastTurns] // what is to be done before the end, if there is time
	mu       sync.Mutex
	channels topics
}

// New returns a socket. It starts nothing.
func New(cfg Config) *Socket {
	if cfg.MaxChannels <= 0 {
		cfg.MaxChannels = DefaultMaxChannels
	}
	if cfg.Outbox <= 0 {
		cfg.Outbox = DefaultOutbox
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Assigns) == 0 {
		cfg.Assigns = []byte("{}")
	}
	if cfg.ID != "" {
		cfg.Logger = cfg.Logger.With(slog.String("socket", cfg.ID))
	}
	if cfg.Counts == nil {
		cfg.Counts = new(Counts)
	}
	s := &Socket{cfg: cfg, out: outbox{limit: cfg.Outbox}, expiry: newExpiry(cfg.Token)}
	if cfg.Slow != nil {
		s.out.slack = &slack{policy: cfg.Slow}
	}
	return s
}

// HandleFrame carries out what a frame of the client asks for, as far as it can
// be done at once, and queues the rest. It does not keep f.Data. It blocks only
// while more than 1 MiB of the client's messages waits for its channels, where
// each counts for 256 bytes more than it has, and while a new token is looked at,
// see [Token]. A frame
// above the client's rates is answered, and nothing more. The error is
// [ErrClosed], or ctx's.
func (s *Socket) HandleFrame(ctx context.Context, f phx.Frame) error {
	if s.end.Load() != nil || s.Expire() {
		return ErrClosed
	}
	s.cfg.Counts.FramesIn.Add(1)
	s.cfg.Counts.BytesIn.Add(int64(len(f.Data)))
	wait := s.taken(len(f.Data))
	f.Data = bytes.Clone(f.Data) // the message, and what handlers make of it, refer to it
	msg, err := s.cfg.Encoder.Serializer.Decode(f)
	if err == nil && (wait > 0 || msg.Event == phx.EventJoin) && !s.admit(&msg, wait) {
		return s.closedErr()
	}
	if err != nil {
		if wait > 0 {
			s.flooded()
		}
		s.malformed(&msg, err)
		return s.closedErr()
	}
	s.dispatch(ctx, &msg, len(f.Data)+itemCost)
	return s.waitForRoom(ctx)
}

// dispatch is the table of PROTOCOL: what each message does. What depends on
// whether the topic is joined by then is decided in the channel's turn.
func (s *Socket) dispatch(ctx context.Context, msg *phx.Message, size int) {
	switch {
	case msg.Topic == phx.TopicPhoenix && msg.Event == phx.EventHeartbeat: // answered without a ref too, as in Phoenix
		s.Reply(&phx.Reply{Ref: msg.Ref, Topic: msg.Topic, Status: phx.StatusOK})
	case s.renews(msg):
		s.renew(ctx, msg)
	case msg.Event == phx.EventJoin:
		s.join(msg, size)
	default:
		s.forward(msg, size)
	}
}

func (s *Socket) join(msg *phx.Message, size int) {
	// The channel asks again in its turn, when the routes may be others. This
	// keeps what leads nowhere from becoming a channel.
	if _, ok := s.cfg.Route(msg.Topic); !ok && s.find(msg.Topic) == nil {
		channel.Unmatched(s, msg)
		return
	}
	if s.penalized(msg) {
		return
	}
	for {
		c, ok := s.channel(msg.Topic)
		if !ok {
			s.refuse(msg, phx.ReasonTooManyChannels, 0)
			return
		}
		s.inbox.Add(int64(size))
		s.posted.Add(1)
		err := c.Join(*msg, size)
		if err == nil {
			s.cfg.Counts.Joins.Add(1)
			return
		}
		s.inbox.Add(-int64(size))
		if !errors.Is(err, channel.ErrRetired) {
			s.refuse(msg, phx.ReasonOverloaded, overloadedRetry)
			return
		}
		s.retired(c) // it has not come to it yet
	}
}

func (s *Socket) find(topic string) *channel.Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.channels.get(topic)
}

// forward gives a message to the channel of its topic, if there is one.
func (s *Socket) forward(msg *phx.Message, size int) {
	c := s.find(msg.Topic)
	if c == nil {
		s.missing(msg)
		return
	}
	s.inbox.Add(int64(size))
	s.posted.Add(1)
	var err error
	if msg.Event == phx.EventLeave {
		err = c.Leave(*msg, size)
	} else {
		err = c.Handle(*msg, size)
	}
	if err == nil {
		return
	}
	s.inbox.Add(-int64(size))
	if errors.Is(err, channel.ErrRetired) {
		s.missing(msg)
		return
	}
	s.refuse(msg, phx.ReasonOverloaded, overloadedRetry)
}

// missing answers a message to a topic that is not joined.
func (s *Socket) missing(msg *phx.Message) {
	if msg.Event == phx.EventLeave {
		channel.LeftAlready(s, msg)
	} else {
		channel.Unmatched(s, msg)
	}
}

// channel returns the channel of a topic, a new one if there is none. It fails
// if the socket has as many as it may, or has ended.
func (s *Socket) channel(topic string) (*channel.Channel, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels.get(topic); c != nil {
		// One that the client has left takes a place again if it is joined again.
		return c, !c.Left() || s.places() > 0
	}
	if s.end.Load() != nil || s.crowded() {
		return nil, false
	}
	topic = strings.Clone(topic) // it outlives the frame
	// New only fills in a struct, so the lock is still a leaf.
	c := channel.New(s.cfg.Env, s, topic, channel.Options{
		Route:           s.cfg.Route,
		SocketAssigns:   s.cfg.Assigns,
		Peer:            s.cfg.Peer,
		Failed:          s.failed,
		WithoutJoinRefs: s.cfg.Encoder.Serializer == phx.V1(),
		Retired:         s.retired,
	})
	s.channels.add(c)
	s.cfg.Counts.Channels.Add(1)
	return c, true
}

// crowded tells whether the client has as many channels as it may. Those that it
// has left do not count while their handlers come to know of it, up to as many
// again. The caller holds s.mu.
func (s *Socket) crowded() bool {
	if len(s.channels.list) < s.cfg.MaxChannels {
		return false
	}
	return s.places() <= 0 || len(s.channels.list) >= 2*s.cfg.MaxChannels
}

// places is how many channels the client may still have, those that it has left
// not counted. The caller holds s.mu.
func (s *Socket) places() int {
	places := s.cfg.MaxChannels
	for _, c := range s.channels.list {
		if !c.Left() {
			places--
		}
	}
	return places
}

// retired forgets a channel that came to its end.
func (s *Socket) retired(c *channel.Channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.channels.remove(c) {
		s.cfg.Counts.Channels.Add(-1)
	}
}

// malformed answers a frame that could not be decoded, as far as that is
// possible. The other channels of the socket live on, but a client that does
// not stop is cut off.
func (s *Socket) malformed(msg *phx.Message, err error) {
	if errors.Is(err, phx.ErrNotUTF8) {
		s.Close(End{CloseNotUTF8, "text frame is not valid UTF-8"}, LeaveClosed)
		return
	}
	reason := phx.ReasonInvalidFrame
	var bad *phx.FrameError
	if errors.As(err, &bad) {
		reason = bad.Reason
	}
	if msg.Topic != "" && msg.Ref != "" {
		s.refuse(msg, reason, 0)
	}
	s.cfg.Logger.Debug("malformed frame", "err", err)
	if reason != phx.ReasonInvalidFrame {
		return // well-formed, but not what the protocol takes
	}
	now := s.cfg.Env.Now()
	if s.invalid = append(s.invalid, now); len(s.invalid) < maxInvalid {
		return
	}
	if now.Sub(s.invalid[0]) <= invalidWindow {
		s.Close(End{ClosePolicyViolation, "too many invalid frames"}, LeaveClosed)
	}
	s.invalid = slices.Delete(s.invalid, 0, 1)
}

func (s *Socket) refuse(msg *phx.Message, reason phx.Reason, retryAfter time.Duration) {
	if !channel.Answered(msg) {
		return
	}
	s.Reply(&phx.Reply{
		JoinRef: msg.JoinRef, Ref: msg.Ref, Topic: msg.Topic,
		Status: phx.StatusError, Payload: reason.Payload(retryAfter),
	})
}

func (s *Socket) waitForRoom(ctx context.Context) error {
	for s.inbox.Load() > maxInbox {
		room := s.readerRoom()
		s.inWait.Store(true)
		// Whoever makes room, or ends the socket, from now on wakes the reader.
		if s.inbox.Load() <= maxInbox || s.end.Load() != nil {
			break
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.inWait.Store(false)
	return s.closedErr()
}

// Handled implements [channel.Client].
func (s *Socket) Handled(size int) {
	if s.inbox.Add(-int64(size)) <= maxInbox && s.inWait.Load() {
		s.wakeReader()
	}
}

func (s *Socket) wakeReader() {
	room := s.room.Load()
	if room == nil {
		return // it has never waited
	}
	select {
	case *room <- struct{}{}:
	default:
	}
}

// Hold implements [channel.Client].
func (s *Socket) Hold() { s.out.hold() }

// Release implements [channel.Client].
func (s *Socket) Release() {
	if s.out.release() {
		s.cfg.Wake()
	}
}

// Push implements [channel.Client].
func (s *Socket) Push(m *phx.Message) {
	frame, err := s.cfg.Encoder.Message(m)
	s.put(frame, s.label(m.Topic, m.Event), err)
}

// Reply implements [channel.Client].
func (s *Socket) Reply(r *phx.Reply) {
	frame, err := s.cfg.Encoder.Reply(r)
	s.put(frame, label{}, err)
}

// Broadcast implements [channel.Client].
func (s *Socket) Broadcast(b *phx.Broadcast) {
	frame, err := s.cfg.Encoder.Broadcast(b)
	s.put(frame, s.label(b.Topic(), b.Event()), err)
}

func (s *Socket) label(topic, event string) label {
	if s.out.slack == nil {
		return label{}
	}
	return labelOf(topic, event)
}

func (s *Socket) put(frame []byte, l label, err error) {
	if err != nil {
		// Bytes for a client that cannot take them, or a name that does not fit.
		s.binary.Do(func() { s.cfg.Logger.Warn("a frame could not be encoded for this client", "err", err) })
		return
	}
	s.send(frame, l)
}

// Send queues a frame that the transport made, such as a pong. It must not be
// changed afterwards.
func (s *Socket) Send(frame []byte) { s.send(frame, label{}) }

func (s *Socket) send(frame []byte, l label) {
	switch s.out.put(frame, l) {
	case putWake:
		s.cfg.Wake()
	case putFull:
		// Next logs it: here is the publisher's goroutine.
		s.cfg.Counts.SlowClosed.Add(1)
		s.Close(End{CloseTryAgainLater, tooSlow}, LeaveClosed)
	}
}

// Next returns the frames that wait, in dst if it has room. Without any it
// returns none, and Wake is called again when there are some, unless the socket
// has ended: then end says how, and there will be no more.
func (s *Socket) Next(dst [][]byte) (frames [][]byte, end *End) {
	frames, end = s.out.take(dst)
	if len(frames) > 0 {
		s.cfg.Counts.sent(frames)
	}
	if s.out.slack != nil {
		s.tellLost()
	}
	if end != nil && end.Reason == tooSlow {
		s.cfg.Logger.Warn("the client does not read fast enough", "limit", s.cfg.Outbox)
	}
	return frames, end
}

// tellLost counts and logs what was left out.
func (s *Socket) tellLost() {
	lost := s.out.takeLost()
	if lost == (Lost{}) {
		return
	}
	s.cfg.Counts.Dropped.Add(int64(lost.Dropped))
	s.cfg.Counts.Conflated.Add(int64(lost.Conflated))
	s.cfg.Logger.Warn("the client does not read fast enough: frames were left out", "limit", s.cfg.Outbox, "dropped", lost.Dropped, "conflated", lost.Conflated)
}

// Close ends the socket and its channels; why is what their handlers are told.
// What waits in the outbox is still returned by Next, unless the end has no code
// (the connection is gone). The first end counts. Close does not wait for the
// channels, see [channel.Env.Wait].
func (s *Socket) Close(end End, why LeaveKind) {
	if !s.end.CompareAndSwap(nil, &end) {
		return
	}
	if s.listed() {
		s.cfg.Directory.remove(s)
	}
	s.mu.Lock()
	channels := s.channels.list
	s.channels = topics{}
	s.mu.Unlock()
	s.cfg.Counts.Channels.Add(-int64(len(channels)))
	wake := s.out.close(&end, end.Code == 0)
	for _, c := range channels {
		c.Close(why)
	}
	s.wakeReader()
	if wake {
		s.cfg.Wake()
	}
	s.tellEnded()
}

func (s *Socket) closedErr() error {
	if s.end.Load() != nil {
		return ErrClosed
	}
	return nil
}
