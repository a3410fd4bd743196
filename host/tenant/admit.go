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
// may be called more than once. The error is a [*socket.RefusedError], for a tenant that
// is suspended too.
func (t *Tenant) Take() (vacate func(), err error) {
	if t.estate == nil {
		return func() {}, nil
	}
	if t.Suspended() {
		return nil, &socket.RefusedError{
			Status: http.StatusServiceUnavailable, Body: phx.ReasonTenantSuspended.Payload(suspendedRetry), HasBody: true,
			Err: fmt.Errorf("tenant: %s is suspended", t.name),
		}
	}
	if most := t.bounds.Load().connections; t.places.Add(1) > int64(most) {
		t.places.Add(-1)
		return nil, t.counts.TooMany(http.StatusServiceUnavailable, fmt.Errorf("tenant: %s has %d connections, as many as it may", t.name, most))
	}
	return sync.OnceFunc(func() { t.places.Add(-1) }), nil
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
