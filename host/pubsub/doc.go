// Package pubsub delivers broadcasts to a topic's subscribers here and,
// through an [Adapter], on other nodes.
//
// There is one [PubSub] in a node. Topics are pairs of a namespace and a name,
// never joined into one string, so that the topics of two tenants cannot meet.
//
// # Order
//
// The broadcasts that one goroutine sends to one topic reach each subscriber in
// the order in which they were sent: [PubSub.Broadcast] returns after every
// local subscriber has been called. Nothing is promised between senders.
// Delivery is at most once.
//
// # Writing an adapter
//
// An adapter carries broadcasts between nodes over something that exists already,
// such as a message broker. Subscriptions, local delivery and order within the
// node stay here: an adapter is a pipe, with one connection for all tenants and
// topics. It is two methods, see [Adapter] for all that they promise. The example
// there is complete, a wire of TCP between two nodes; these are its steps.
//
// One: a constructor that starts nothing. It keeps what is needed to connect, as
// dial and accept do. The goroutines belong to Run.
//
// Two: Publish. [Packet.Append] writes topic, event, payload and hops as bytes,
// the same for all adapters, so that a later version of chhost can add to it and
// nodes of both understand each other meanwhile. It returns [ErrTooLarge] and
// [ErrPacket], and so does Publish. Then the bytes go into a queue of a fixed
// length. Publish runs on the goroutine of a channel that has more to do, for a
// client that waits: it never waits for a network. Without a link it returns
// [ErrDown], with a full queue [ErrFull].
//
// Three: Run, which is a loop around connect and serve. It tries again for ever,
// with a pause that grows, and a next connection begins only when all of the last
// one was delivered: two readers at once would let a late packet overtake an
// early one. The queue is made anew for each connection. What is refused while the
// link is down stays refused: a room that was cut off should continue with what
// is said now, and the memory for an outage would have no bound.
//
// Four: reading. Where the link has no messages of its own, a length stands in
// front of each packet; it is compared with [MaxPacket] before anything is
// allocated, and what is longer ends the connection, since the next length cannot
// be found any more. [DecodePacket] checks the rest. What it refuses is counted
// and skipped: it is the fault of one node, or news from a newer one ([ErrNewer]),
// and no reason to end the link for all. deliver gets the packet's topic and
// broadcast, and returns when the node's subscribers have been called.
//
// Five: the end. When the context is done, nothing more is taken, and what was
// taken is written: a host that shuts down has just broadcast who leaves. That
// may take [EndWithin], and a peer that does not read may not make it longer.
//
// Six: the test, one call of pubsubtest.TestAdapter. It wants to know how to break
// the link and repair it, and how to put bytes on it.
//
// An adapter over a broker finds most of this in the broker's client, with other
// defaults. What to look at:
//
//   - The echo. A broker sends a node its own packets too. Either the connection
//     can be told not to, or Packet.Origin is set, to a name that no other node
//     has (crypto/rand.Text makes one), and a packet with the own name is skipped.
//   - The subject. One subject for everything keeps the order and the topics as
//     they are. An adapter that makes one of each topic has to escape it, since all
//     characters may occur, and to keep namespace and name apart.
//   - The buffer for reconnects. Clients like to queue while they are not
//     connected, and to wait when that is full. Both are turned off, so that
//     Publish returns ErrDown.
//   - The slow consumer. A queue of the broker's client for what was received has
//     a bound; what does not fit is lost for this node, the newest first.
//   - The size. [MaxPacket] has to be allowed by the broker.
//   - The dead peer. A connection of which nobody hears is found by keep-alives or
//     pings, not by waiting for the next broadcast to fail.
//
// What becomes of the errors: [PubSub.Broadcast] returns that of Publish after the
// subscribers of this node were called, which no error of a link prevents. A
// channel logs it, with topic and event, at most so often, and its client hears
// nothing of it. An error of Run is logged by the host, which goes on alone.
// [PubSub.Traffic] counts what was sent, refused and received; what an adapter
// drops besides, it counts itself. It logs through a logger that its constructor
// is given, and no payloads.
package pubsub
