package wasm

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestDeployingIsPaid: a tenant that has used what it may waits until its next module
// is compiled, which another one does not, for as long as the deployer and the engine do.
func TestDeployingIsPaid(t *testing.T) {
	bin := guest(t, "served/echo")
	synctest.Test(t, func(t *testing.T) {
		e, err := NewEngine(Config{Share: func(string) Share { return Share{FuelPerSecond: 1_000_000} }})
		if err != nil {
			t.Fatal(err)
		}
		deploy := func(ctx context.Context, tenant string) (time.Duration, error) {
			began := time.Now()
			_, err := e.Compile(ctx, Module{Name: "echo", Tenant: tenant, Binary: bin})
			return time.Since(began), err
		}
		debtor := e.tenant("acme")
		g := debtor.Guest()
		if _, err := g.Begin(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		g.End(11_000_000) // ten seconds and what it may use at once
		debtor.Release()

		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if took, err := deploy(short, "acme"); took != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who waits for a second got %v after %v", err, took)
		}
		if took, err := deploy(t.Context(), "other"); took != 0 || err != nil {
			t.Errorf("another tenant got %v after %v", err, took)
		}
		if took, err := deploy(t.Context(), "acme"); took != 9*time.Second || err != nil {
			t.Errorf("who waits for as long as it takes got %v after %v", err, took)
		}

		debtor = e.tenant("acme")
		if _, err := g.Begin(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		g.End(11_000_000)
		debtor.Release()
		waits := make(chan error, 1)
		go func() {
			_, err := deploy(t.Context(), "acme")
			waits <- err
		}()
		synctest.Wait()
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-waits; !errors.Is(err, ErrClosed) {
			t.Errorf("when the engine is closed: %v", err)
		}
	})
}
