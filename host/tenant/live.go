package tenant

import (
	"context"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/socket"
)

// This file holds what is live of a tenant, on this node.

// Topics lists the topics that are joined, by name.
func (t *Tenant) Topics() []channel.TopicInfo { return t.env.Topics() }

// Sockets lists the open sockets, the oldest first.
func (t *Tenant) Sockets() []socket.Info { return t.sockets.List() }

// DisconnectSocket ends one socket, by the number that [Tenant.Sockets] gives it, with
// close code 1001, and tells whether it was there.
func (t *Tenant) DisconnectSocket(number uint64) bool {
	return t.sockets.CloseNumber(number, socket.End{Code: socket.CloseGoingAway, Reason: "disconnected"}, channel.LeaveKicked)
}

// Drain closes all sockets of the tenant with code 1012, a few at a time, so that their
// clients come back elsewhere or here, see [socket.Drain]. It returns how many there
// were, when all are closed.
func (t *Tenant) Drain(ctx context.Context, window time.Duration) int {
	sockets := t.sockets.All()
	socket.Drain(ctx, window, sockets)
	return len(sockets)
}

// closeAll closes all sockets at once.
func (t *Tenant) closeAll(end socket.End) {
	t.sockets.CloseAll(end, channel.LeaveKicked)
}
