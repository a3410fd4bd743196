package wasm

import (
	"context"
	"errors"
	"testing"

	"github.com/chhost/chhost/host/channel/channeltest"
)

// large is the echo plugin with so many functions that nothing calls that it is checked for
// longer than a slice.
func large(t *testing.T) Module {
	t.Helper()
	return Module{Name: "large", Tenant: "uploader", Binary: bomb(t, 20, 10, 1000)}
}

// holdSlots takes the slots of an engine until it is told to give them back.
func holdSlots(t *testing.T, e *Engine) (give func()) {
	t.Helper()
	tenant := e.sched.Tenant("holder", Share{})
	guest := tenant.Guest()
	if _, err := guest.Begin(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := guest.Slice(t.Context(), slice, 0); err != nil {
		t.Fatal(err)
	}
	return func() {
		guest.End(0)
		tenant.Release()
	}
}

// TestChecksTakeSlots: a module that is being checked goes on beyond its first slice when
// there is a slot, and its tenant pays for it.
func TestChecksTakeSlots(t *testing.T) {
	e := newTestEngine(t, Config{GuestSlots: 1})
	give := holdSlots(t, e)
	m := large(t)
	compiled := make(chan error, 1)
	go func() {
		_, err := e.Compile(context.Background(), m)
		compiled <- err
	}()
	channeltest.Eventually(t, "the check waits for a slot", func() bool { return e.sched.Waiting() == 1 })
	give()
	if err := <-compiled; err != nil {
		t.Fatal(err)
	}
	tenant := e.sched.Tenant(m.Tenant, Share{})
	defer tenant.Release()
	// Its code is nearly all of it.
	if used, want := tenant.Used(), int64(len(m.Binary))*(readByte+2*rewriteByte); used < want*9/10 || used > want*11/10 {
		t.Errorf("the tenant has paid %d for the check of %d bytes, want about %d", used, len(m.Binary), want)
	}
	wantRest(t, e)
}

// TestChecksAreAbandoned: who does not wait any more does not wait for a slot either, and
// an engine that is closed checks no further.
func TestChecksAreAbandoned(t *testing.T) {
	e := newTestEngine(t, Config{GuestSlots: 1})
	give := holdSlots(t, e)
	why := errors.New("the test is tired of waiting")
	ctx, cancel := context.WithCancelCause(t.Context())
	compiled := make(chan error, 1)
	compile := func(ctx context.Context) {
		_, err := e.Compile(ctx, large(t))
		compiled <- err
	}
	go compile(ctx)
	channeltest.Eventually(t, "the check waits for a slot", func() bool { return e.sched.Waiting() == 1 })
	cancel(why)
	if err := <-compiled; !errors.Is(err, why) || errors.As(err, new(*ModuleError)) {
		t.Errorf("the error is %v, want %v", err, why)
	}

	go compile(context.Background())
	channeltest.Eventually(t, "the next check waits for a slot", func() bool { return e.sched.Waiting() == 1 })
	closed := make(chan error, 1)
	go func() { closed <- e.Close(context.Background()) }()
	<-e.ending
	give()
	if err := <-compiled; !errors.Is(err, ErrClosed) {
		t.Errorf("the error is %v, want %v", err, ErrClosed)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	wantRest(t, e)
}

// TestLoadsTakeTurns: a large module is loaded when it is its turn, also one that is in the
// cache; a small one at once.
func TestLoadsTakeTurns(t *testing.T) {
	e, _, _ := apartEngine(t, CompilerMain(), CompileLimits{})
	m := Module{Name: "large", Tenant: "uploader", Binary: bomb(t, 40, 2, 400)}
	if _, err := e.Compile(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	leave, err := e.loads.take(t.Context(), nil, "another")
	if err != nil {
		t.Fatal(err)
	}
	for range cap(e.loads.all) - 1 { // where there are many processors
		e.loads.all <- struct{}{}
	}
	compiled := make(chan error, 1)
	go func() {
		_, err := e.Compile(context.Background(), m)
		compiled <- err
	}()
	channeltest.Eventually(t, "the module waits for its turn", func() bool {
		e.loads.mu.Lock()
		defer e.loads.mu.Unlock()
		return e.loads.tenants[m.Tenant] != nil
	})
	compile(t, e, "served/echo", Limits{})
	leave()
	if err := <-compiled; err != nil {
		t.Error(err)
	}
}
