package conversation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// Versions are the protocol versions that a dialogue can be run with.
func Versions() []string { return []string{"v1", "v2"} }

// Patience is how long a frame may take to arrive unless a [Target] says
// otherwise. It is long, because it only matters when something is wrong.
const Patience = 20 * time.Second

// Target is a server that a dialogue is held against.
type Target struct {
	// URL is where clients connect, such as "ws://localhost:4000/socket".
	URL string
	// LongPoll makes clients poll over HTTP. They receive no bytes then: lines that
	// expect some are passed over.
	LongPoll bool
	// Clock is the one that the server was given. Without it a dialogue cannot have
	// lines "at".
	Clock *Clock
	// Busy tells whether the server still has something to do by itself: an event
	// that it was sent, a timer that has run. Without it the server is taken to be
	// done with what it has read.
	Busy func() bool
	// Patience is how long a frame may take to arrive. Default [Patience].
	Patience time.Duration
	// Cluster is the server if it has several nodes. Then URL is not used, and Busy
	// is about all nodes and what is on its way between them. Without it, clients of
	// all nodes are those of URL.
	Cluster *Cluster
}

// Cluster is what a dialogue does with the nodes of a server, which are numbered
// from 1. All fields are needed.
type Cluster struct {
	// URL is where clients of a node connect; another one after it was started
	// anew.
	URL func(node int) string
	// Stop and Start end a node and start it anew. They return when that is done.
	Stop, Start func(node int)
	// Cut and Mend break the link between the nodes and repair it. They return
	// when every node has noticed.
	Cut, Mend func()
}

// patient is ctx for as long as a frame may take.
func (t *Target) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	patience := t.Patience
	if patience <= 0 {
		patience = Patience
	}
	return context.WithTimeoutCause(ctx, patience, fmt.Errorf("nothing came within %v", patience))
}

// In tells whether the dialogue has lines for a version of the protocol.
func (d *Dialogue) In(version string) bool {
	return slices.ContainsFunc(d.steps, func(s step) bool { return s.version == "" || s.version == version })
}

// Run holds a server against the dialogue, whose clients speak the given version
// of the protocol. The error names the line and shows what was expected and what
// came.
func (d *Dialogue) Run(ctx context.Context, target Target, version string) error {
	r := &run{target: target, version: version, clients: make(map[string]*client)}
	if target.Clock != nil {
		r.begin = target.Clock.Now()
	}
	defer r.abort()
	for _, s := range d.steps {
		if s.version != "" && s.version != version || target.LongPoll && s.kind == stepReceive && s.raw.Binary {
			continue
		}
		if err := r.step(ctx, s); err != nil {
			return fmt.Errorf("line %d: %w", s.line, err)
		}
	}
	return r.quiet(ctx)
}

type run struct {
	target  Target
	version string
	begin   time.Time
	clients map[string]*client
	moved   int // rounds of heartbeats so far
}

func (r *run) abort() {
	for _, c := range r.clients {
		if r.target.LongPoll {
			_ = c.conn.Close(1000) // the server would not see it go, and wait for it when it shuts down
			continue
		}
		c.conn.Abort()
	}
}

// client is the one of a name, which connects when it is named first: to the
// given node, or to the first one if that is 0.
func (r *run) client(ctx context.Context, name string, node int) (*client, error) {
	if c := r.clients[name]; c != nil {
		if node != 0 && node != c.node {
			return nil, fmt.Errorf("%s is connected to node %d, and stays there until it is closed", name, c.node)
		}
		return c, nil
	}
	return r.connect(ctx, name, max(node, 1), nil)
}

// connect connects a client, which has no connection.
func (r *run) connect(ctx context.Context, name string, node int, params url.Values) (*client, error) {
	address := r.target.URL
	if r.target.Cluster != nil {
		address = r.target.Cluster.URL(node)
	}
	vsn := map[string]string{"v1": "1.0.0", "v2": "2.0.0"}[r.version]
	conn, err := phxclient.Dial(ctx, address, phxclient.Options{Version: vsn, LongPoll: r.target.LongPoll, MaxFrame: 2 * maxLine, Params: params})
	if err != nil {
		return nil, fmt.Errorf("%s could not connect: %w", name, err)
	}
	c := &client{name: name, node: node, conn: conn}
	r.clients[name] = c
	return c, nil
}

// arrive has a client connect with params, and be let in or not.
func (r *run) arrive(ctx context.Context, s step) error {
	if r.clients[s.client] != nil {
		return fmt.Errorf("%s is connected already: it connects when it is named first, unless a line says how before that", s.client)
	}
	_, err := r.connect(ctx, s.client, max(s.node, 1), s.params)
	if s.kind == stepConnect {
		return err
	}
	var refused *phxclient.HandshakeError
	switch {
	case err == nil:
		return fmt.Errorf("%s should have been refused with %s, and was let in", s.client, s.reason)
	case !errors.As(err, &refused) || refusal(refused.Body) != s.reason:
		return fmt.Errorf("%s should have been refused with %s, but: %w", s.client, s.reason, err)
	}
	return nil
}

func (r *run) step(ctx context.Context, s step) error {
	switch {
	case s.kind == stepAt:
		return r.moveClock(ctx, s.at)
	case s.kind >= stepCut:
		return r.takeApart(ctx, s)
	}
	ctx, cancel := r.target.patient(ctx)
	defer cancel()
	if s.kind == stepConnect || s.kind == stepRefused {
		return r.arrive(ctx, s)
	}
	c, err := r.client(ctx, s.client, s.node)
	if err != nil {
		return err
	}
	switch s.kind {
	case stepSend:
		return r.send(ctx, c, s)
	case stepReceive:
		if s.frame == nil {
			return c.expectRaw(ctx, s.raw)
		}
		want, err := incoming(r.version, s.frame)
		if err != nil {
			return err
		}
		return c.expect(ctx, want)
	case stepClose:
		delete(r.clients, s.client)
		return c.conn.Close(1000)
	default:
		delete(r.clients, s.client)
		return c.expectClosed(ctx, s.code)
	}
}

func (r *run) send(ctx context.Context, c *client, s step) error {
	f := s.raw
	if s.frame != nil {
		data, err := outgoing(r.version, s.frame)
		if err != nil {
			return err
		}
		f.Data = data
	}
	if topic := topicOf(r.version, f); topic != "" && !slices.Contains(c.topics, topic) {
		c.topics = append(c.topics, topic)
	}
	// A server that closes may do so before or behind this frame: what it has sent
	// until then, and the close, are for later lines to look at.
	var closed *phxclient.CloseError
	if err := c.conn.Send(ctx, f); !errors.As(err, &closed) {
		return err
	}
	return nil
}

var errNoClock = errors.New("the clock cannot be moved: the server was started without one that the dialogue knows")

// moveClock moves the clock, after everything that was sent before has been
// done.
func (r *run) moveClock(ctx context.Context, at time.Duration) error {
	if r.target.Clock == nil {
		return errNoClock
	}
	if err := r.allRead(ctx); err != nil {
		return err
	}
	return r.target.Clock.Advance(ctx, r.begin.Add(at), r.target.Busy)
}

var errNoCluster = errors.New("the server was started as one node, which cannot be taken apart")

// takeApart does something to a link or a node, after everything that was sent
// before has been done.
func (r *run) takeApart(ctx context.Context, s step) error {
	nodes := r.target.Cluster
	if nodes == nil {
		return errNoCluster
	}
	if err := r.allRead(ctx); err != nil {
		return err
	}
	if err := rest(ctx, r.target.Busy); err != nil {
		return err
	}
	switch s.kind {
	case stepCut:
		nodes.Cut()
	case stepMend:
		nodes.Mend()
	case stepStop:
		nodes.Stop(s.node)
	default:
		nodes.Start(s.node)
	}
	return nil
}

// allRead waits until the server has read everything that was sent: it answers a
// heartbeat when it has read all that came before it.
func (r *run) allRead(ctx context.Context) error {
	r.moved++
	for _, name := range slices.Sorted(maps.Keys(r.clients)) {
		if err := r.heartbeat(ctx, r.clients[name], fmt.Sprintf("at.%d", r.moved)); err != nil {
			return fmt.Errorf("what %s had sent before was not read: %w", name, err)
		}
	}
	return nil
}

// heartbeat waits for the answer to a heartbeat and keeps what comes before it.
// The end of the connection is an answer too, for a later step to look at.
func (r *run) heartbeat(ctx context.Context, c *client, ref string) error {
	ctx, cancel := r.target.patient(ctx)
	defer cancel()
	frame, err := outgoing(r.version, r.control(phx.TopicPhoenix, phx.EventHeartbeat, ref))
	if err != nil {
		return err
	}
	_ = c.conn.Send(ctx, phx.Frame{Data: frame}) // where it fails, so does what follows
	for {
		f, err := c.arrival(ctx)
		var closed *phxclient.CloseError
		switch {
		case errors.As(err, &closed):
			return nil // Receive says so again
		case err != nil:
			return err
		case !f.Binary && bytes.Contains(f.Data, quote(ref)):
			return nil
		}
		c.waiting = append(c.waiting, f)
	}
}

// control is a frame that a dialogue does not show.
func (r *run) control(topic, event, ref string) []json.RawMessage {
	return rawFrame("null", string(quote(ref)), string(quote(topic)), string(quote(event)), "{}")
}

// quiet checks that no client receives anything more. Each sends an event of the
// protocol itself to the socket and to every topic it has named: such an event
// waits behind what the topic has still to do, is refused without asking the
// handler, and so is answered next if there is nothing else. The second round
// finds what the first one's end has let through from one client to another. What
// goes from node to node must have come by then, since no probe goes behind it.
func (r *run) quiet(ctx context.Context) error {
	ctx, cancel := r.target.patient(ctx)
	defer cancel()
	for round := range 2 {
		if r.target.Cluster != nil {
			if err := rest(ctx, r.target.Busy); err != nil {
				return err
			}
		}
		for _, name := range slices.Sorted(maps.Keys(r.clients)) {
			c := r.clients[name]
			for i, topic := range append([]string{phx.TopicPhoenix}, c.topics...) {
				if err := r.probe(ctx, c, topic, fmt.Sprintf("quiet.%d.%d", round, i)); err != nil {
					return fmt.Errorf("at the end nothing more should have come to %s: %w", name, err)
				}
			}
		}
	}
	return nil
}

// probe sends an event that is refused and expects the refusal next.
func (r *run) probe(ctx context.Context, c *client, topic, ref string) error {
	frame, err := outgoing(r.version, r.control(topic, "phx_quiet", ref))
	if err != nil {
		return err
	}
	_ = c.conn.Send(ctx, phx.Frame{Data: frame}) // where it fails, so does what follows
	f, err := c.receive(ctx)
	if err != nil {
		return err
	}
	if f.Binary || !bytes.Contains(f.Data, quote(ref)) {
		return fmt.Errorf("received\n\t%s", describe(f))
	}
	return nil
}
