package tenant

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

// suspendedRetry is what clients of a suspended tenant are told.
const suspendedRetry = 30 * time.Second

// Take gives a new connection a place among the tenant's, which vacate gives back; it
// may be called more than once. since is for the socket that it becomes, see
// [socket.Config]: what has closed all sockets from then on is for it too, however long
// the client is still asked about. The error is a [*socket.RefusedError], for a tenant
// that is suspended or was deleted too.
func (t *Tenant) Take() (since socket.Moment, vacate func(), err error) {
	since = t.sockets.Now() // before the tenant is looked at: who closes has changed it before
	if t.estate == nil {
		return since, func() {}, nil
	}
	if t.estate.gone.Load() {
		return 0, nil, unknown("the connection", t.name)
	}
	if err := t.Damage(); err != nil {
		return 0, nil, damaged(err)
	}
	if t.Suspended() {
		return 0, nil, &socket.RefusedError{
			Status: http.StatusServiceUnavailable, Body: phx.ReasonTenantSuspended.Payload(suspendedRetry), HasBody: true,
			Err: fmt.Errorf("tenant: %s is suspended", t.name),
		}
	}
	if most := t.bounds.Load().connections; t.places.Add(1) > int64(most) {
		t.places.Add(-1)
		return 0, nil, t.counts.TooMany(http.StatusServiceUnavailable, fmt.Errorf("tenant: %s has %d connections, as many as it may", t.name, most))
	}
	return since, sync.OnceFunc(func() { t.places.Add(-1) }), nil
}

// Ready loads what decides about new sockets, if anything does: until then nobody
// knows whether it does. Where that is a plugin of which no version was deployed, nobody
// is let in. The error is a [*socket.RefusedError].
func (t *Tenant) Ready(ctx context.Context) error {
	p := t.connecting()
	if p == nil {
		return nil
	}
	s := p.serving.Load()
	if s == nil {
		return t.connectFailed(&channel.Refusal{Reason: phx.ReasonUnavailable})
	}
	if s.active.code.Load() != nil {
		return nil
	}
	if _, err := s.active.await(ctx); err != nil {
		return t.connectFailed(err)
	}
	return nil
}
