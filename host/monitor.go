package host

import (
	"net/http"
	"sync/atomic"

	"github.com/chhost/chhost/host/metrics"
	"github.com/chhost/chhost/host/tenant"
)

// visits count the connections of a transport. It is safe for concurrent use.
type visits struct{ open, accepted atomic.Int64 }

// counted counts a connection until it is vacated.
func (v *visits) counted(vacate func()) func() {
	v.open.Add(1)
	v.accepted.Add(1)
	return func() {
		v.open.Add(-1)
		vacate()
	}
}

// visitsOf are those of a transport.
func (h *Host) visitsOf(transport string) *visits {
	if transport == transportLongPoll {
		return &h.polled
	}
	return &h.upgraded
}

// Metrics serves /metrics and, apart from it because there may be many tenants,
// /tenant-metrics, both in the text format of Prometheus. It asks nobody who they
// are: it is meant for a listener of the operator's own.
func (h *Host) Metrics() http.Handler {
	return metrics.New(metrics.Source{
		Transports: func() []metrics.Transport {
			return []metrics.Transport{
				{Name: transportWebSocket, Open: h.upgraded.open.Load(), Accepted: h.upgraded.accepted.Load()},
				{Name: transportLongPoll, Open: h.polled.open.Load(), Accepted: h.polled.accepted.Load()},
			}
		},
		Tenants: h.counted,
		Engine:  h.engine,
		Ready:   h.Ready,
	})
}

// counted are the tenants with what they use.
func (h *Host) counted() []metrics.Tenant {
	tenants := []*tenant.Tenant{h.tenant}
	if h.directory != nil {
		tenants = h.directory.Tenants()
	}
	list := make([]metrics.Tenant, len(tenants))
	for i, t := range tenants {
		list[i] = metrics.Tenant{Name: t.Name(), Sockets: t.Counts(), Memory: h.engine.TenantMemory(t.Name())}
	}
	return list
}
