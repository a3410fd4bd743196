package hosttest

import (
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/pubsub/pubsubtest"
)

// Cluster is several hosts, nodes 1 to n, which one link in memory joins. It
// belongs to the test's goroutine.
type Cluster struct {
	// Link is between the nodes: a test may cut and mend it.
	Link  *pubsubtest.Memory
	cfg   host.Config
	nodes []*Server
}

// StartCluster is [Start] for n hosts that are configured alike, but for the
// adapter, which is that of the link. It returns when all are on the link.
func StartCluster(t testing.TB, n int, cfg host.Config) *Cluster {
	t.Helper()
	c := &Cluster{Link: new(pubsubtest.Memory), cfg: cfg, nodes: make([]*Server, n)}
	for i := range c.nodes {
		c.Start(t, i+1)
	}
	return c
}

// Node is the host that runs as node n now, or did last.
func (c *Cluster) Node(n int) *Server { return c.nodes[n-1] }

// Stop shuts node n down.
func (c *Cluster) Stop(t testing.TB, n int) {
	t.Helper()
	c.Node(n).Stop(t)
}

// Start makes a new host node n, whose Stop must have been called if there was
// one, and waits until it is on the link.
func (c *Cluster) Start(t testing.TB, n int) {
	t.Helper()
	cfg, there := c.cfg, c.Link.Nodes()
	cfg.PubSub = c.Link.Join()
	c.nodes[n-1] = Start(t, cfg)
	for end := time.Now().Add(30 * time.Second); c.Link.Nodes() == there; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("node %d is not on the link after 30 s", n)
		}
	}
}

// Busy tells whether a channel of some node is at work, or something is on its
// way between nodes, see [host.Host.Busy].
func (c *Cluster) Busy() bool {
	// What a node does may reach one that was at rest when it was looked at. So
	// the link has to be empty before, and nothing sent until all were looked at.
	sent := c.Link.Sent()
	if c.Link.Busy() {
		return true
	}
	for _, s := range c.nodes {
		if s.Busy() {
			return true
		}
	}
	return c.Link.Sent() != sent
}
