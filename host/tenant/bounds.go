package tenant

import (
	"cmp"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/socket"
)

// bounds are those of a tenant's sockets: what its record says, else what the node's
// configuration does. They are replaced as a whole.
type bounds struct {
	connections, topics, channels, outbox int
	rates                                 socket.Rates
}

// boundsOf reads them from a record; nil is that of a tenant which has none.
func boundsOf(limits *Limits, r *registry.Tenant) *bounds {
	b := &bounds{channels: limits.Channels, outbox: limits.Outbox, rates: withDefaults(limits.Rates)}
	if r == nil {
		return b
	}
	b.connections, b.topics = int(limitOf(r, limitConnections)), int(limitOf(r, limitTopics))
	b.channels = cmp.Or(int(r.Limits[limitChannels]), b.channels)
	b.outbox = cmp.Or(int(r.Limits[limitOutbox]), b.outbox)
	for name, rate := range map[string]*socket.Rate{limitFrames: &b.rates.Frames, limitBytes: &b.rates.Bytes, limitJoins: &b.rates.Joins} {
		if n := int(r.Limits[name]); n > 0 {
			*rate = socket.Rate{PerSecond: n, Burst: burst * n}
		}
	}
	return b
}

// burst is for how many seconds a client's rate may come at once, as the defaults have
// it.
const burst = 5

// burstMinutes is for how many minutes a tenant's rate of changes may come at once: who
// deploys twenty plugins after a build does so all at once.
const burstMinutes = 2
