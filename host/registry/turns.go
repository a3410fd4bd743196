package registry

import (
	"context"
	"sync"
)

// turns lets the changes of one tenant take turns. It is safe for concurrent use. Without
// it they would be made of the same record and one of them stored: many at once would
// each be made many times. Nothing is locked in a turn; who waits can give up.
type turns struct {
	mu sync.Mutex
	of map[string]*turn
}

// turn is a tenant's, for as long as somebody has it or waits for it.
type turn struct {
	taken chan struct{} // of capacity 1
	users int
}

// take waits for a turn, which done ends.
func (t *turns) take(ctx context.Context, tenant string) (done func(), err error) {
	t.mu.Lock()
	if t.of == nil {
		t.of = map[string]*turn{}
	}
	own := t.of[tenant]
	if own == nil {
		own = &turn{taken: make(chan struct{}, 1)}
		t.of[tenant] = own
	}
	own.users++
	t.mu.Unlock()
	select {
	case own.taken <- struct{}{}:
		return func() { <-own.taken; t.leave(tenant, own) }, nil
	case <-ctx.Done():
		t.leave(tenant, own)
		return nil, ctx.Err()
	}
}

func (t *turns) leave(tenant string, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(t.of, tenant)
	}
}
