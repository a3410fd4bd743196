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
package pubsub
