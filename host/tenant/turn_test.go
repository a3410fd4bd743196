package tenant_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// stuck is a store on a disk that answers nothing: a change of acme waits in it.
type stuck struct {
	registry.Store
	came, release chan struct{}
}

func (s *stuck) Update(ctx context.Context, name string, c registry.Change) (registry.Tenant, error) {
	if s.release != nil && name == "acme" {
		s.came <- struct{}{}
		<-s.release
	}
	return s.Store.Update(ctx, name, c)
}

// TestChangesKeepNobodyWaiting: while the store is at a change of one tenant, its clients and
// all others come, join and talk, other tenants deploy, and whoever waits to change what
// concerns all tenants can give up.
func TestChangesKeepNobodyWaiting(t *testing.T) {
	store := &stuck{Store: registry.NewMemory(registry.Config{}), came: make(chan struct{}, 10)}
	w := newTown(t, store, t.TempDir())
	acme, other := w.tenant(t, "acme"), w.tenant(t, "other")
	for _, tn := range []*tenant.Tenant{acme, other} {
		deployed(t, tn, "it", module(t, "served/echo", 1))
		upload(t, tn, module(t, "served/echo", 2))
		routed(t, tn, registry.Route{Pattern: "*", Plugin: "it"})
	}
	client := connect(t, acme)
	expect(t, client.answers(t, joinA), ok("1", `{}`))
	store.release = make(chan struct{})
	changed := make(chan error, 1)
	go func() {
		_, err := acme.Set(context.Background(), tenant.Settings{Hosts: []string{"acme.example.com"}}, tenant.Request{})
		changed <- err
	}()
	<-store.came
	late := time.AfterFunc(channeltest.Deadline, func() { close(store.release) })
	expect(t, client.answers(t, `["1","2","a:1","e",{}]`), `[null,null,"a:1","e",{}]`, ok("2", `{}`))
	for _, name := range []string{"acme", "other"} {
		tn, err := w.Resolve(tenant.Names{Path: name})
		if err != nil {
			t.Fatal(err)
		}
		_, vacate, err := tn.Take()
		if err := errors.Join(err, tn.Ready(t.Context())); err != nil {
			t.Fatal(err)
		}
		vacate()
		w.Sweep(t.Context())
		expect(t, connect(t, tn).answers(t, joinA), ok("1", `{}`))
		if err := tn.Publish(tenant.Message{Topic: "a:1", Event: "e", Payload: phx.Bytes(nil)}); err != nil {
			t.Error(err)
		}
		tn.Record()
	}
	deploy(t, other, tenant.Deploy{})
	if _, err := other.Suspend(t.Context(), tenant.Request{}); err != nil {
		t.Error(err)
	}
	gone, give := context.WithCancel(t.Context())
	give()
	for what, change := range map[string]func() error{
		"settings": func() error { _, err := other.Set(gone, tenant.Settings{}, tenant.Request{}); return err },
		"create":   func() error { _, err := w.Create(gone, "third", tenant.Settings{}, tenant.Request{}); return err },
		"delete":   func() error { return w.Delete(gone, "other", tenant.Request{}) },
		"routes":   func() error { _, err := acme.PutRoutes(gone, nil, tenant.Request{}); return err },
	} {
		if err := change(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if !late.Stop() {
		t.Fatal("somebody has waited for the store")
	}
	close(store.release)
	if err := <-changed; err != nil {
		t.Error(err)
	}
	if tn, err := w.Resolve(tenant.Names{Host: "acme.example.com"}); err != nil || tn != acme {
		t.Errorf("the name that was stored leads to %v, %v", tn, err)
	}
}
