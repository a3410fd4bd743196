// Package phxclient is a Phoenix Channels client for the command line, tests
// and load.
//
// It has two layers. A [Conn] carries frames: what is sent goes out as it is,
// also when it makes no sense, and what is received is exactly what the server
// sent, in its order. A [Client] speaks the protocol on top of such a
// connection: [Client.Join] gives a [Channel], [Channel.Push] waits for the
// reply, [Channel.Receive] returns the channel's messages, heartbeats are sent.
//
// A [LeanConn] is for load, where one process holds tens of thousands: the caller
// reads in a goroutine of its own, and sends what was built before.
//
// None of them reconnects, nor rejoins a channel that crashed: a test has to see
// what happened, and a load generator has to count it. Connect and join again.
//
// # Order and queues
//
// A Client reads its connection in one goroutine, whatever its channels do.
// Each channel has a queue of [ClientOptions].Queue messages, and
// [ClientOptions].Overflow says what becomes of a message that does not fit;
// the reader never waits for a channel. Messages of a channel keep the server's
// order; replies do not pass through the queue, so a reply may be seen before
// messages that came earlier.
//
// A Conn reads one frame ahead and then waits for [Conn.Receive]: a caller that
// does not receive is a client that does not read, and the server's writes will
// block. Pings are answered by that reader, so not while a frame waits.
//
// # Ownership
//
// [Dial] and [Connect] start goroutines (one for a Conn; for a Client one, and
// one for heartbeats), Close waits for them. Close is always needed, also after
// the server has closed the connection.
package phxclient
