package sched

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A tenant may use what its rate gives, some of it at once; what a callback used too
// much is paid for afterwards, and to the last unit.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		tenant := s.Tenant("a", Share{FuelPerSecond: 1000, Burst: 500})
		g := tenant.Guest()
		use := func(fuel int64) {
			t.Helper()
			if wait, first := tenant.Admit(); wait != 0 || first {
				t.Fatalf("it has to wait for %v", wait)
			}
			if _, err := g.Begin(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			if _, err := g.Slice(t.Context(), fuel-1, 0); err != nil {
				t.Fatal(err)
			}
			g.End(1)
		}
		use(400)
		use(100)
		use(2000)
		if wait, first := tenant.Admit(); wait != 2*time.Second || !first {
			t.Errorf("it has to wait for %v, first %v", wait, first)
		}
		time.Sleep(time.Second)
		if wait, first := tenant.Admit(); wait != time.Second || first {
			t.Errorf("then it has to wait for %v, first %v", wait, first)
		}
		begin := time.Now()
		if err := tenant.Await(t.Context()); err != nil || time.Since(begin) != time.Second {
			t.Errorf("it waited for %v: %v", time.Since(begin), err)
		}
		use(100)
		if wait, first := tenant.Admit(); wait != 100*time.Millisecond || !first {
			t.Errorf("after the debt it has to wait for %v, first %v", wait, first)
		}
		time.Sleep(time.Hour) // no more than the burst comes back
		use(600)
		if wait, _ := tenant.Admit(); wait != 100*time.Millisecond {
			t.Errorf("after an hour it has to wait for %v", wait)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		cancel(gone)
		if err := tenant.Await(ctx); !errors.Is(err, gone) {
			t.Errorf("a wait that was cancelled: %v", err)
		}
		if n := s.Counts.Exhausted.Load(); n < 5 {
			t.Errorf("%d refusals were counted", n)
		}

		if s.Tenant("a", Share{}) != tenant {
			t.Fatal("the tenant is another one")
		}
		if wait, _ := tenant.Admit(); wait != 0 {
			t.Errorf("without a rate it has to wait for %v", wait)
		}
		use(1 << 40)
		s.Tenant("a", Share{FuelPerSecond: 1})
		use(1 << 62) // no number overflows
		if wait, _ := tenant.Admit(); wait < time.Hour {
			t.Errorf("for much more than there is it has to wait for %v", wait)
		}
	})
}

// A tenant that goes and comes back owes what it owed, and is forgotten when it would
// have paid.
func TestDebtsOutliveTheirTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		share := Share{FuelPerSecond: 1000, Burst: 500}
		tenant := s.Tenant("a", share)
		g := tenant.Guest()
		if _, err := g.Begin(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		g.End(3500)
		tenant.Release()
		time.Sleep(time.Second)
		again := s.Tenant("a", share)
		if wait, _ := again.Admit(); wait != 2*time.Second || !again.Indebted() {
			t.Errorf("it has to wait for %v, want 2 s", wait)
		}
		again.Release()
		time.Sleep(2 * time.Second)
		if s.Tenant("b", Share{}).Release(); len(s.tenants) != 1 {
			t.Errorf("%d tenants are known: it has paid, and may not use anything at once yet", len(s.tenants))
		}
		time.Sleep(time.Second)
		if s.Tenant("b", Share{}).Release(); len(s.tenants) != 0 {
			t.Errorf("%d tenants are known for ever", len(s.tenants))
		}
	})
}
