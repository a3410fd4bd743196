package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
)

// Disk is a [Store] in a directory, which one process uses at a time. It is safe for
// concurrent use.
//
// Modules are files: a module is written under another name, synced and renamed, and
// the directory synced, before the record that names it is written to the database,
// which syncs it before the change is acknowledged. Nothing that the database holds
// becomes the name of a file but digests.
type Disk struct {
	calls   calls
	turns   turns
	dir     string
	entries int
	log     *slog.Logger
	lock    *os.File
	shelf   *shelf
	db      *bolt.DB
	dbFile  *os.File // for a Close after the database is stuck

	// writing is held for one transaction that writes.
	writing sync.Mutex
	// shares is what the audit log keeps of whom, for who is writing; nil: not known.
	shares *shares
	// stuck is why no more may be written; dead is why nothing can be read either.
	stuck, dead atomic.Pointer[error]
	// sound: the uses are what the records say, see mend.
	sound atomic.Bool
	// panicked: the database's locks may be held for ever.
	panicked atomic.Bool
	// commit is (*bolt.Tx).Commit, but for tests.
	commit func(*bolt.Tx) error
}

var _ Store = (*Disk)(nil)

// Create implements [Store].
func (d *Disk) Create(ctx context.Context, t Tenant, entry Entry) (Tenant, error) {
	if err := d.calls.begin(ctx); err != nil {
		return Tenant{}, err
	}
	defer d.calls.end()
	after, sealed, err := created(&t)
	if err != nil {
		return Tenant{}, err
	}
	if done, err := d.swap(change{name: t.Name, after: sealed, names: after.digests(), entry: entry, revision: 1}); err != nil {
		return Tenant{}, err
	} else if !done {
		return Tenant{}, fmt.Errorf("%w: the tenant %s", ErrExists, t.Name)
	}
	return decodeTenant(t.Name, sealed)
}

// Update implements [Store].
func (d *Disk) Update(ctx context.Context, tenant string, c Change) (Tenant, error) {
	if err := d.calls.begin(ctx); err != nil {
		return Tenant{}, err
	}
	defer d.calls.end()
	digests, err := digestsOf(c.Modules)
	if err != nil {
		return Tenant{}, err
	}
	if _, err := d.record(tenant); err != nil {
		return Tenant{}, err // before anything is written
	}
	d.shelf.pin(digests...)
	defer d.shelf.unpin(digests...)
	for i, digest := range digests {
		if err := d.shelf.put(digest, c.Modules[i]); err != nil {
			return Tenant{}, err
		}
	}
	done, err := d.turns.take(ctx, tenant)
	if err != nil {
		return Tenant{}, err
	}
	defer done()
	for { // once, but for a tenant that is deleted and made anew
		if t, done, err := d.attempt(tenant, &c); done || err != nil {
			return t, err
		}
		if err := ctx.Err(); err != nil {
			return Tenant{}, err
		}
	}
}

// attempt makes a change, whose modules are stored, unless another one comes first.
func (d *Disk) attempt(tenant string, c *Change) (t Tenant, done bool, err error) {
	before, err := d.record(tenant)
	if err != nil {
		return Tenant{}, false, err
	}
	old, err := decodeTenant(tenant, before)
	if err != nil {
		return Tenant{}, false, err
	}
	after, sealed, err := applied(tenant, before, c)
	if err != nil {
		return Tenant{}, false, err
	}
	done, err = d.swap(change{
		name: tenant, before: before, after: sealed, named: old.digests(), names: after.digests(), entry: c.entry(), revision: after.Revision,
	})
	if !done || err != nil {
		return Tenant{}, false, err
	}
	t, err = decodeTenant(tenant, sealed)
	return t, true, err
}

// Delete implements [Store].
func (d *Disk) Delete(ctx context.Context, tenant string, entry Entry) error {
	if err := d.calls.begin(ctx); err != nil {
		return err
	}
	defer d.calls.end()
	for {
		before, err := d.record(tenant)
		if err != nil {
			return err
		}
		// A damaged record names nothing; forget then looks for what it has named.
		old, _ := decodeTenant(tenant, before)
		if done, err := d.swap(change{name: tenant, before: before, named: old.digests(), entry: entry, revision: old.Revision}); done || err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// record returns what is stored of a tenant.
func (d *Disk) record(tenant string) (sealed []byte, err error) {
	err = d.view(func(tx *bolt.Tx) error {
		sealed = bytes.Clone(bucket(tx, tenantsBucket).Get([]byte(tenant)))
		return nil
	})
	if err == nil && sealed == nil {
		err = fmt.Errorf("%w: the tenant %.80q", ErrNotFound, tenant)
	}
	return sealed, err
}

// Tenant implements [Store].
func (d *Disk) Tenant(ctx context.Context, name string) (Tenant, error) {
	if err := d.calls.begin(ctx); err != nil {
		return Tenant{}, err
	}
	defer d.calls.end()
	sealed, err := d.record(name)
	if err != nil {
		return Tenant{}, err
	}
	return decodeTenant(name, sealed)
}

// Tenants implements [Store].
func (d *Disk) Tenants(ctx context.Context) iter.Seq2[Tenant, error] {
	return func(yield func(Tenant, error) bool) {
		for after, more := "", true; more; {
			names, records, err := d.records(ctx, after)
			if err != nil {
				yield(Tenant{}, err)
				return
			}
			for i, name := range names {
				if !yield(decodeTenant(name, records[i])) {
					return
				}
				after = name
			}
			more = len(names) > 0
		}
	}
}

// records returns some records behind a name. No transaction stays open while a caller
// looks at them: it would keep a change from growing the database, and deleted
// records from being overwritten.
func (d *Disk) records(ctx context.Context, after string) (names []string, records [][]byte, err error) {
	const most, mostBytes = 64, 2 << 20
	if err := d.calls.begin(ctx); err != nil {
		return nil, nil, err
	}
	defer d.calls.end()
	size := 0
	err = d.view(func(tx *bolt.Tx) error {
		c := bucket(tx, tenantsBucket).Cursor()
		for k, v := c.Seek([]byte(after)); k != nil && len(names) < most && size < mostBytes; k, v = c.Next() {
			if string(k) != after {
				names, records, size = append(names, string(k)), append(records, bytes.Clone(v)), size+len(v)
			}
		}
		return nil
	})
	return names, records, err
}

// Module implements [Store].
func (d *Disk) Module(ctx context.Context, digest Digest) ([]byte, error) {
	if err := d.calls.begin(ctx); err != nil {
		return nil, err
	}
	defer d.calls.end()
	return d.shelf.get(digest)
}

// Sweep implements [Store].
func (d *Disk) Sweep(ctx context.Context) (int, error) {
	if err := d.calls.begin(ctx); err != nil {
		return 0, err
	}
	defer d.calls.end()
	if sound, err := d.mend(); err != nil || !sound {
		return 0, err
	}
	return d.shelf.sweep()
}

// Close implements [Store].
func (d *Disk) Close() error {
	if !d.calls.close() {
		return nil
	}
	return errors.Join(d.closeDB(), d.lock.Close())
}
