package channeltest

import (
	"context"
	"errors"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

// Namespace is that of a node's topics, unless configured otherwise.
const Namespace = "test"

// Node is what channels share that can reach each other. It is safe for
// concurrent use.
type Node struct {
	PubSub    *pubsub.PubSub
	Env       *channel.Env
	Log       *Log
	namespace string
}

// NewNode returns a node. Fields of cfg that are not set get a PubSub of their
// own, the namespace [Namespace], and a logger that keeps its lines. When the
// test ends, it waits for the node's channels to come to rest.
func NewNode(t testing.TB, cfg channel.Config) *Node {
	n := &Node{Log: new(Log)}
	if cfg.PubSub == nil {
		cfg.PubSub = pubsub.New(nil)
	}
	if cfg.Namespace == "" {
		cfg.Namespace = Namespace
	}
	if cfg.Logger == nil {
		cfg.Logger = n.Log.Logger()
	}
	n.PubSub, n.namespace, n.Env = cfg.PubSub, cfg.Namespace, channel.NewEnv(cfg)
	t.Cleanup(func() { n.Settle(t) })
	return n
}

// Settle waits until every channel of the node has come to rest: nothing is
// being handled and nothing waits. The test must not start anything meanwhile.
func (n *Node) Settle(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	if err := n.Env.Wait(ctx); err != nil {
		t.Errorf("the channels did not come to rest: %v", err)
	}
}

// Topic is the pair that pubsub knows a topic of the node by.
func (n *Node) Topic(name string) pubsub.Topic {
	return pubsub.Topic{Namespace: n.namespace, Name: name}
}

// Broadcast sends event with payload, a JSON object, to a topic's subscribers,
// as from another node: none of them is the sender.
func (n *Node) Broadcast(topic, event, payload string) {
	_ = n.PubSub.Broadcast(n.Topic(topic), nil, phx.NewBroadcast(topic, event, Object(payload)))
}

// Client is a client of one topic: a [Recorder] and the channel behind it. Send
// must not be called concurrently with itself.
type Client struct {
	*Recorder
	// Channel is the current one: a join makes a new one when it has retired.
	Channel *channel.Channel
	// Handler answers the joins, unless the options have a route. It is to be
	// changed only while nothing is under way.
	Handler channel.Handler

	make func() *channel.Channel
}

// Client returns a client of topic whose joins h answers. Its channel is closed
// when the test ends.
func (n *Node) Client(t testing.TB, topic string, h channel.Handler, opts channel.Options) *Client {
	r := new(Recorder)
	c := &Client{Recorder: r, Handler: h, make: func() *channel.Channel { return channel.New(n.Env, r, topic, opts) }}
	if opts.Route == nil {
		opts.Route = func(string) (channel.Handler, bool) { return c.Handler, true }
	}
	c.Channel = c.make()
	t.Cleanup(func() {
		c.Channel.Close(channel.LeaveClosed)
		n.Settle(t)
		if held := r.Held(); held != 0 {
			t.Errorf("the client's frames were held %d times more than released", held)
		}
	})
	return c
}

// Send posts frames, as a socket would, and fails the test if the channel does
// not take one.
func (c *Client) Send(t testing.TB, frames ...string) {
	t.Helper()
	for _, f := range frames {
		if err := c.Post(f); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
	}
}

// Post posts one frame, as a socket would. A frame that starts with "!" is the
// base64 of a binary one. The error is that of the serializer, or
// [channel.ErrOverloaded].
func (c *Client) Post(frame string) error {
	f, err := parse(frame)
	if err != nil {
		return err
	}
	m, err := phx.V2().Decode(f)
	if err != nil {
		return err
	}
	size := len(f.Data)
	switch m.Event {
	case phx.EventJoin:
		err = c.Channel.Join(m, size)
		if errors.Is(err, channel.ErrRetired) {
			c.Channel = c.make()
			err = c.Channel.Join(m, size)
		}
		return err
	case phx.EventLeave:
		if err = c.Channel.Leave(m, size); errors.Is(err, channel.ErrRetired) {
			channel.LeftAlready(c, &m)
			return nil
		}
		return err
	}
	if err = c.Channel.Handle(m, size); errors.Is(err, channel.ErrRetired) {
		channel.Unmatched(c, &m)
		return nil
	}
	return err
}
