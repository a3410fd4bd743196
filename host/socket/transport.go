package socket

import (
	"context"
	"net/http"
)

// Transport serves sockets over one kind of connection. Package
// host/transport/transporttest holds implementations to what they owe:
//
// A connection is accepted in this order: its version of the protocol and its
// origin are looked at, then the host's function is asked, once, and its answer is
// passed on; only then is there a [Socket], and [Socket.Open] is called as soon as it
// can be woken. Nothing is accepted after Shutdown was
// called, and nothing is left behind by what was refused. When nothing is left of the
// connection, the transport calls [Socket.Vacate]; if it makes no socket of what it was
// given, [Config.Abandon].
//
// One reader hands the client's frames to [Socket.HandleFrame], in the client's
// order, whole, within the size that the transport allows (a larger one ends the
// socket with [CloseTooBig]), and stops reading while HandleFrame blocks. It
// learns nothing from the frames itself.
//
// One writer at a time takes frames out with [Socket.Next] and sends them in that
// order, without a change. Wake only tells it to begin. What was taken out and is
// not sent yet is bounded by what one call of Next returns: what the client does
// not take stays in the outbox, which ends the socket when it is full. Bytes are
// sent to clients that can take them and to no others.
//
// Every end is passed on: if the connection goes, the transport closes the socket
// with code 0; if Next returns an end with a code, the client is told that code
// as far as the kind of connection can, behind all frames, and the connection ends
// even if the client does not answer. What comes from the client after that is
// dropped.
//
// Whatever a transport starts it waits for. A panic costs the connection in which
// it happened.
type Transport interface {
	// ServeHTTP takes connections, from the host's mux.
	http.Handler
	// Run does what has to be done from time to time, such as ending connections
	// that are idle, or whose token has expired (see [Socket.Expire]), until ctx is
	// done. The error is nil then.
	Run(ctx context.Context) error
	// Shutdown accepts nothing more, ends every socket with [CloseServiceRestart]
	// and [LeaveShutdown], as [Drain] does, and returns when nothing of the transport is running. When
	// ctx ends first, connections are cut, and ctx's error is returned. It may be
	// called more than once.
	Shutdown(ctx context.Context) error
}

// Version is the version of the protocol that a request asks for, empty if it asks
// for none. Of several the last one counts, as in Phoenix: clients put their own
// behind the params of the application, one of which may have that name.
func Version(r *http.Request) string {
	if all := r.URL.Query()["vsn"]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}
