package registry

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
)

// The buckets of the database.
const (
	// tenantsBucket: name -> record, as encode makes it.
	tenantsBucket = "tenants"
	// usesBucket: digest, then the name of a tenant whose record names it -> nothing. It
	// says which modules are needed without a record being read.
	usesBucket = "uses"
	// auditBucket: number (8 bytes, big endian), then the name of the tenant -> entry, as
	// encode makes it.
	auditBucket = "audit"
	// metaBucket: see schema.go.
	metaBucket = "meta"
)

func bucket(tx *bolt.Tx, name string) *bolt.Bucket { return tx.Bucket([]byte(name)) }

// guarded runs f, which uses the database. The database does not return an error for
// a damaged file, it panics, or reads beyond the file's end, which is a fault of the
// processor: both become ErrDamaged here.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &damage{r}
		}
	}()
	return f()
}

// damage is what the database has panicked with.
type damage struct{ panicked any }

func (d *damage) Error() string {
	return fmt.Sprintf("%v: the database: %v", ErrDamaged, d.panicked)
}

func (d *damage) Unwrap() error { return ErrDamaged }

// view runs f within a transaction that reads.
func (d *Disk) view(f func(*bolt.Tx) error) error {
	if dead := d.dead.Load(); dead != nil {
		return *dead
	}
	began := false
	err := guarded(func() error {
		return d.db.View(func(tx *bolt.Tx) error { began = true; return f(tx) })
	})
	if _, panicked := err.(*damage); panicked && !began {
		// It holds the lock that every transaction needs.
		d.panicked.Store(true)
		d.dead.Store(&err)
		d.stuck.Store(&err)
	}
	return err
}

// write runs f within a transaction and commits it.
func (d *Disk) write(f func(*bolt.Tx) error) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	if stuck := d.stuck.Load(); stuck != nil {
		return *stuck
	}
	var tx *bolt.Tx
	var id int
	committing := false
	began := false
	err := guarded(func() (err error) {
		if tx, err = d.db.Begin(true); err != nil {
			return failed("changing the database", err)
		}
		began, id = true, tx.ID()
		if err := f(tx); err != nil {
			return err
		}
		committing = true
		return failed("writing the database", d.commit(tx))
	})
	if err == nil {
		return nil
	}
	if _, panicked := err.(*damage); panicked {
		d.panicked.Store(true)
		if !began {
			d.dead.Store(&err)
		}
	}
	if tx != nil {
		_ = guarded(tx.Rollback) // does nothing after a Commit that has ended
	}
	return d.after(err, committing, id)
}

// after is the error of a transaction that has failed, and finds out what it leaves
// behind. A write that failed has changed nothing that the database looks at. But the
// last step writes the page that makes the change the current one, and then syncs it:
// if that sync fails, the change is seen, and nobody knows whether it lasts. A second
// sync that succeeds would not tell, since the system may have forgotten the page.
func (d *Disk) after(err error, committing bool, id int) error {
	_, unsure := err.(*damage)
	if !unsure && committing {
		seen := 0
		viewErr := d.view(func(tx *bolt.Tx) error { seen = tx.ID(); return nil })
		unsure = viewErr != nil || seen >= id
	}
	if unsure {
		err = fmt.Errorf("%w: %w", ErrReadOnly, err)
		d.stuck.Store(&err)
	}
	return err
}

// change is one change of one record. Before and after are as encode makes them; nil
// is no record. The sets are the modules that each of them names.
type change struct {
	name          string
	before, after []byte
	named, names  map[Digest]struct{}
	revision      uint64
	entry         Entry
}

// swap makes the change unless another one came first.
func (d *Disk) swap(c change) (done bool, err error) {
	var fresh []Digest
	for digest := range c.names {
		if _, ok := c.named[digest]; !ok {
			fresh = append(fresh, digest)
		}
	}
	// From here to the end nobody sweeps what the record has just named.
	d.shelf.pin(fresh...)
	defer d.shelf.unpin(fresh...)
	for _, digest := range fresh {
		if there, err := d.shelf.has(digest); err != nil {
			return false, err
		} else if !there {
			return false, fmt.Errorf("%w: %s", ErrNoModule, digest.Short())
		}
	}
	var entry *Entry
	if c.entry.Action != "" {
		filled := c.entry.filled(c.name, c.revision)
		if err := filled.check(); err != nil {
			return false, err
		}
		entry = &filled
	}
	err = d.write(func(tx *bolt.Tx) error {
		if !bytes.Equal(bucket(tx, tenantsBucket).Get([]byte(c.name)), c.before) {
			return errCameFirst
		}
		if err := c.store(tx, fresh); err != nil {
			return err
		}
		return d.append(tx, entry)
	})
	if err == errCameFirst {
		return false, nil
	}
	return err == nil, err
}

// errCameFirst ends a transaction that has found another record than it was made for.
var errCameFirst = errors.New("registry: another change came first")

func (c change) store(tx *bolt.Tx, fresh []Digest) error {
	tenants, uses := bucket(tx, tenantsBucket), bucket(tx, usesBucket)
	for _, digest := range fresh {
		if err := uses.Put(useKey(digest, c.name), nil); err != nil {
			return err
		}
	}
	for digest := range c.named {
		if _, ok := c.names[digest]; ok {
			continue
		}
		if err := uses.Delete(useKey(digest, c.name)); err != nil {
			return err
		}
	}
	if c.after != nil {
		return tenants.Put([]byte(c.name), c.after)
	}
	if err := tenants.Delete([]byte(c.name)); err != nil {
		return err
	}
	if len(c.named) > 0 {
		return nil
	}
	return forget(uses, c.name)
}

// forget deletes the uses of a tenant whose record does not tell them.
func forget(uses *bolt.Bucket, tenant string) error {
	var keys [][]byte
	err := uses.ForEach(func(k, _ []byte) error {
		if _, name := splitUse(k); name == tenant {
			keys = append(keys, bytes.Clone(k))
		}
		return nil
	})
	for _, k := range keys {
		if err == nil {
			err = uses.Delete(k)
		}
	}
	return err
}

func useKey(digest Digest, tenant string) []byte { return append(digest[:], tenant...) }

func splitUse(k []byte) (digest Digest, tenant string) {
	n := copy(digest[:], k)
	return digest, string(k[n:])
}

// named tells whether a record names a module.
func (d *Disk) named(digest Digest) (named bool, err error) {
	err = d.view(func(tx *bolt.Tx) error {
		k, _ := bucket(tx, usesBucket).Cursor().Seek(digest[:])
		named = bytes.HasPrefix(k, digest[:])
		return nil
	})
	return named, err
}

// uses returns the modules that records name, each with one tenant that does.
func uses(tx *bolt.Tx) map[Digest]string {
	all := map[Digest]string{}
	c := bucket(tx, usesBucket).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		digest, tenant := splitUse(k)
		all[digest] = tenant
	}
	return all
}

func auditKey(number uint64, tenant string) []byte {
	return append(binary.BigEndian.AppendUint64(nil, number), tenant...)
}
