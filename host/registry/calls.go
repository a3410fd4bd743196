package registry

import (
	"context"
	"sync"
)

// calls counts what uses a store, so that Close can wait for it. It is safe for
// concurrent use.
type calls struct {
	mu     sync.Mutex
	closed bool
	under  sync.WaitGroup
}

// begin lets a call in, which calls end when it returns.
func (c *calls) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.under.Add(1)
	return nil
}

func (c *calls) end() { c.under.Done() }

// close refuses further calls and waits for those that are under way. It reports
// whether it was the first.
func (c *calls) close() bool {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	c.under.Wait()
	return first
}
