// Package channel runs one client's membership of one topic: it calls a
// [Handler] one event at a time and carries out what it asks.
//
// A [Channel] is an actor: what happens to it (a join, an event, an intercepted
// broadcast, a leave, the end of the connection) is put into its mailbox, and
// one goroutine, which exists only while the mailbox is not empty, takes one
// item after the other. A channel lives as long as its socket has business with
// the topic; joins may follow each other in it. So the rules for frames that
// arrive while a join is under way need no state of their own: the frames wait
// behind the join.
//
// # Order
//
// The join's reply precedes every other frame of that join, and what the
// handler did in Join follows it. Within one call, pushes and broadcasts that
// are not intercepted reach the own client in call order and before the reply.
// Intercepted broadcasts go through HandleOut and reach the own client after
// the reply. The intercepted broadcasts of one sender keep their order, and so
// do the others; between the two nothing is promised.
//
// # Failure
//
// Whatever a handler returns is checked as a whole before any of it happens. A
// handler that fails leaves nothing half done: the client sees phx_error and
// may join again, and the other channels of its socket live on.
package channel
