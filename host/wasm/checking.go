package wasm

import (
	"context"
	"fmt"

	"github.com/chhost/chhost/host/wasm/sched"
)

// To check a module of 16 MiB takes a tenth of a second and to rewrite it one to three, in
// the process that serves. So it is done as guests run: in slices, on their slots, fairly
// between tenants, and for the fuel that code of a guest would have had in that time. Tenants
// who uploaded without end, each four modules at once, took a neighbour's median from 0.6 to
// 50 ms where all of them were checked at the same time.
const (
	// readByte and rewriteByte are the fuel for reading a byte of code, and for each of the
	// two times that the meter goes over it.
	readByte    = 8
	rewriteByte = 64
)

// abandoned is what ends a check for which nobody waits any more.
type abandoned struct{ err error }

// check is prepare, as a guest of the tenant's. The error is also ctx's, or [ErrClosed].
func (e *Engine) check(ctx context.Context, t *sched.Tenant, m *Module, limits Limits) (r *rewriting, err error) {
	failed := func(err error) error { return fmt.Errorf("wasm: compiling %s: %w", m.Name, err) }
	guest := t.Guest()
	if _, err := guest.Begin(ctx, 0); err != nil {
		return nil, failed(err)
	}
	var used int64 // in the slice that has begun
	defer func() {
		guest.End(used)
		if fault := recover(); fault != nil {
			end, ok := fault.(abandoned)
			if !ok {
				panic(fault)
			}
			r, err = nil, end.err
		}
	}()
	m.pause = func(fuel int64) {
		if used += fuel; used < slice {
			return
		}
		select {
		case <-e.ending:
			panic(abandoned{ErrClosed})
		default:
		}
		fuel, used = used, 0
		if _, err := guest.Slice(ctx, fuel, 0); err != nil {
			panic(abandoned{failed(err)})
		}
	}
	return e.prepare(m, limits)
}

// paying is what a reader of the module is to call from time to time, where a byte costs
// as much fuel.
func (m *Module) paying(price int64) func(bytes int) {
	if m.pause == nil {
		return nil
	}
	return func(bytes int) { m.pause(price * int64(bytes)) }
}
