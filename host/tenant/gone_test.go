package tenant_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// A change that somebody began of a tenant that is deleted meanwhile does not happen to
// the next one of its name.
func TestChangesOfATenantThatIsGone(t *testing.T) {
	w, gone := renewing(t)
	deployed(t, gone, "it", module(t, "served/renews", 2)) // so that there is one to go back to
	if err := w.Delete(t.Context(), "acme", tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	next := w.tenant(t, "acme")
	ctx, req := t.Context(), tenant.Request{By: "somebody"}
	for name, change := range map[string]func() error{
		"upload": func() error {
			_, err := gone.Upload(ctx, tenant.Upload{Plugin: "other", Module: module(t, "served/renews", 9)})
			return err
		},
		"deploy":   func() error { _, err := gone.Deploy(ctx, "it", tenant.Deploy{}); return err },
		"rollback": func() error { _, err := gone.Rollback(ctx, "it", req); return err },
		"tokens":   func() error { _, err := gone.PutTokens(ctx, []registry.DeployToken{{ID: "old"}}, req); return err },
		"settings": func() error {
			_, err := gone.Set(ctx, tenant.Settings{Hosts: []string{"old.example.com"}}, req)
			return err
		},
		"dry":     func() error { _, err := gone.Set(ctx, tenant.Settings{}, tenant.Request{DryRun: true}); return err },
		"suspend": func() error { _, err := gone.Suspend(ctx, req); return err },
		"revoke":  func() error { _, err := gone.Revoke(ctx, registry.Revocation{ID: "x"}, req); return err },
		"publish": func() error {
			return gone.Publish(tenant.Message{Topic: "a:1", Event: "e", Payload: phx.Bytes(nil)})
		},
		"disconnect": func() error { _, err := gone.Disconnect("users:7"); return err },
		"routes":     func() error { _, err := gone.PutRoutes(ctx, nil, req); return err },
	} {
		if err := change(); !errors.Is(err, tenant.ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	stored, err := w.store.Tenant(ctx, "acme")
	if err != nil || stored.Revision != 1 || next.Record().Revision != 1 {
		t.Errorf("the next one has revision %d, and %d is stored: %v", next.Record().Revision, stored.Revision, err)
	}
	if found, ok := w.Tenant("acme"); !ok || found != next {
		t.Error("the next one is not found by its name")
	}
}

// meanwhile is a store in which something happens before a tenant is deleted.
type meanwhile struct {
	registry.Store
	deletes func()
}

func (s *meanwhile) Delete(ctx context.Context, name string, e registry.Entry) error {
	s.deletes()
	return s.Store.Delete(ctx, name, e)
}

// Who deletes a tenant that somebody else deletes at the time does not delete half of the
// next one of its name.
func TestDeletedTwice(t *testing.T) {
	var calls atomic.Int32
	made := make(chan struct{})
	second := make(chan error, 1)
	store := &meanwhile{Store: registry.NewMemory(registry.Config{})}
	w := newTown(t, store, t.TempDir())
	store.deletes = func() {
		if calls.Add(1) > 1 {
			<-made
			return
		}
		go func() { second <- w.Delete(context.Background(), "acme", tenant.Request{}) }()
		time.Sleep(20 * time.Millisecond) // it waits for this one by then, or comes later
	}
	w.tenant(t, "acme")
	if err := w.Delete(t.Context(), "acme", tenant.Request{}); err != nil {
		t.Fatal(err)
	}
	next, err := w.Create(t.Context(), "acme", tenant.Settings{Hosts: []string{"acme.example.com"}}, tenant.Request{})
	if err != nil {
		t.Fatal(err)
	}
	close(made)
	if err := <-second; err != nil && !errors.Is(err, tenant.ErrUnknown) {
		t.Error(err)
	}
	_, err = w.store.Tenant(t.Context(), "acme")
	_, listed := w.Tenant("acme")
	found, _ := w.Resolve(tenant.Names{Host: "acme.example.com"})
	if stored := err == nil; stored != listed || stored != (found == next) {
		t.Errorf("stored: %t, listed: %t, found by its host name: %t", stored, listed, found == next)
	}
}
