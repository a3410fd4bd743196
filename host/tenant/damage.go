package tenant

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/socket"
)

// This file holds what becomes of a tenant whose record cannot be used.

// ErrDamaged is returned for a tenant whose record could not be read, or not be served,
// when the directory was opened.
var ErrDamaged = errors.New("tenant: its record is damaged")

// Damage is why nothing of the tenant is served or changed; nil of all that are whole. The
// error is an [ErrDamaged]. What is stored stays as it is until the tenant is deleted: the
// operator may want to look at it, or restore a backup.
func (t *Tenant) Damage() error {
	if t.estate == nil {
		return nil
	}
	t.estate.mu.RLock()
	defer t.estate.mu.RUnlock()
	return t.estate.damage
}

// admit takes in a tenant as the store has it, when the directory is opened. One whose
// record is damaged is there all the same, and serves nobody: its clients are not to be
// taken for another one's, and the others are not to suffer. fault is the store's.
func (d *Directory) admit(record registry.Tenant, fault error) error {
	if fault != nil && (record.Name == "" || !errors.Is(fault, registry.ErrDamaged)) {
		return fmt.Errorf("tenant: %w", fault)
	}
	if fault == nil {
		t, err := d.open(record)
		if err == nil {
			d.list(t, record)
			return nil
		}
		fault = err
	}
	t, err := d.make(record.Name)
	if err != nil {
		return err // the configuration is at fault
	}
	record = registry.Tenant{Name: record.Name, Hosts: record.Hosts}
	t.estate.record, t.estate.damage = record, fmt.Errorf("%w: %w", ErrDamaged, fault)
	d.list(t, record)
	d.log.Error("the record of a tenant is damaged: nothing of it is served or changed until it is deleted, or restored from a backup", "tenant", record.Name, "err", fault)
	return nil
}

// renew gives [Default] an empty record in place of a damaged one that was deleted. The
// caller has the turn. It stays the same tenant, which a host holds on to.
func (d *Directory) renew(ctx context.Context, t *Tenant, req Request) error {
	record, err := d.cfg.Store.Create(ctx, registry.Tenant{Name: t.name}, registry.Entry{Action: "create", By: req.By})
	if err != nil {
		return ofStore(err)
	}
	if err := t.adopt(record); err != nil {
		return err
	}
	t.estate.mu.Lock()
	t.estate.damage = nil
	t.estate.mu.Unlock()
	d.list(t, record)
	return nil
}

// damaged is what the clients of a damaged tenant are told. That goes for the default
// tenant's too, although a configuration may have routes for it: who may connect is what
// nobody knows.
func damaged(err error) error {
	return &socket.RefusedError{
		Status: http.StatusServiceUnavailable, Body: phx.ReasonUnavailable.Payload(suspendedRetry), HasBody: true, Err: err,
	}
}
