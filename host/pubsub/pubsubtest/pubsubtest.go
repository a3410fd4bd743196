// Package pubsubtest is the suite that every [pubsub.Adapter] passes, and a link
// in memory for tests of what stands above one.
//
// An adapter's test is one call:
//
//	func TestAdapter(t *testing.T) {
//		pubsubtest.TestAdapter(t, func(t testing.TB) pubsubtest.Link {
//			wire := newWire(t) // whatever the nodes meet on: a broker, a port
//			return pubsubtest.Link{Join: wire.join, Cut: wire.cut, Mend: wire.mend, Inject: wire.inject}
//		})
//	}
//
// The suite waits for what has to happen, up to 20 s, and for nothing else: it is
// as fast as the adapter. What must not happen it looks for behind something that
// comes later on the same way.
package pubsubtest

import (
	"testing"
	"time"

	"github.com/chhost/chhost/host/pubsub"
)

// Link is what the nodes of one test meet on. All fields but Nodes are needed:
// a link that cannot be broken cannot be tested.
type Link struct {
	// Nodes is how many nodes the link can have at a time: 2, or at least 3.
	// Default 3.
	Nodes int
	// Join returns the adapter of a new node, which starts nothing. It is called
	// from one goroutine at a time. On a link of 2 nodes a third one takes the
	// place of the second, whose Run has ended.
	Join func() pubsub.Adapter
	// Cut breaks the link between all nodes, as a network does: established
	// connections end, new ones fail, and the adapters are not told. Mend ends
	// that. What was on its way at Cut may arrive or be lost, but it must not
	// arrive after Mend.
	Cut, Mend func()
	// Inject sends data to the nodes that run, or to some of them, as a faulty or a
	// newer node would: in the link's own framing where it has one. It may be
	// called while the link is up.
	Inject func(data []byte)
}

// patience is how long the suite waits for what has to happen.
const patience = 20 * time.Second

// TestAdapter tests the adapters that a link gives out. new makes a link for
// each contract, and cleans up with t.Cleanup.
func TestAdapter(t *testing.T, new func(t testing.TB) Link) {
	for _, c := range contracts() {
		t.Run(c.name, func(t *testing.T) { c.run(t, new, patience) })
	}
}

// contract is one promise of [pubsub.Adapter], and how it is kept to it.
type contract struct {
	name string
	test func(s *suite)
}

func contracts() []contract {
	return []contract{
		{"every other node gets it, byte for byte", (*suite).everyOtherNode},
		{"hops are carried", (*suite).hops},
		{"topics of other namespaces never meet, whatever their characters", (*suite).topics},
		{"large payloads travel, and what cannot travel is refused", (*suite).sizes},
		{"broadcasts of one sender arrive in order", (*suite).order},
		{"many senders at once lose nothing, and each keeps its order", (*suite).manySenders},
		{"no echo to the node of origin", (*suite).noEcho},
		{"BroadcastFrom leaves out its sender, and nobody on other nodes", (*suite).broadcastFrom},
		{"a slow subscriber blocks nobody", (*suite).slowSubscriber},
		{"unsubscribe is final", (*suite).unsubscribe},
		{"the end of Run is final", (*suite).endIsFinal},
		{"what Publish took before the end of Run is sent", (*suite).flush},
		{"Publish before Run and after it returns ErrDown", (*suite).publishOutsideRun},
		{"Run returns nil when its context is done, also while the link is down", (*suite).runEnds},
		{"Run runs once", (*suite).runsOnce},
		{"while the link is down Publish returns ErrDown, and nothing of it arrives later", (*suite).down},
		{"the link comes back by itself, however often", (*suite).comesBack},
		{"a node may come later and another may go", (*suite).comeAndGo},
		{"bytes that are no packet do not break the link", (*suite).garbage},
		{"packets of later versions are read as far as they can be", (*suite).laterVersions},
		{"constructors start nothing, and nothing is left", (*suite).leak},
	}
}
