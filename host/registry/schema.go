package registry

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// metaBucket holds the schema's version under schemaKey, in 4 bytes, big endian.
const schemaKey = "schema"

// schema is what a version of this program knows of databases.
type schema struct {
	// version is what it writes.
	version uint32
	// steps[v] makes a database of version v one of version v+1.
	steps map[uint32]func(*bolt.Tx) error
}

// currentSchema: version 1 is the first.
func currentSchema() schema { return schema{version: 1} }

// fill makes an empty database.
func (s schema) fill(tx *bolt.Tx) error {
	for _, name := range []string{tenantsBucket, usesBucket, auditBucket, metaBucket} {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return s.sign(tx)
}

func (s schema) sign(tx *bolt.Tx) error {
	return bucket(tx, metaBucket).Put([]byte(schemaKey), binary.BigEndian.AppendUint32(nil, s.version))
}

// versionOf reads a database's version.
func versionOf(tx *bolt.Tx) (uint32, error) {
	meta := bucket(tx, metaBucket)
	if meta == nil || len(meta.Get([]byte(schemaKey))) != 4 {
		return 0, fmt.Errorf("%w: %s says no version: it is no registry's", ErrDamaged, databaseName)
	}
	return binary.BigEndian.Uint32(meta.Get([]byte(schemaKey))), nil
}

// migrate brings the database to the version of this program. A copy of what it was
// stays beside it.
func (s schema) migrate(d *Disk) error {
	var found uint32
	err := d.view(func(tx *bolt.Tx) (err error) { found, err = versionOf(tx); return err })
	switch {
	case err != nil:
		return err
	case found > s.version:
		return fmt.Errorf("%w: %s has version %d, this one knows %d", ErrNewer, databaseName, found, s.version)
	case found == s.version:
		return nil
	}
	for v := found; v < s.version; v++ {
		if s.steps[v] == nil {
			return fmt.Errorf("registry: %s has version %d, which this version can no longer read", databaseName, found)
		}
	}
	copied := filepath.Join(d.dir, fmt.Sprintf("%s.version%d", databaseName, found))
	if err := d.snapshot(func(from string) error { return os.Rename(from, copied) }); err != nil {
		return err
	}
	return d.write(func(tx *bolt.Tx) error {
		for v := found; v < s.version; v++ {
			if err := s.steps[v](tx); err != nil {
				return fmt.Errorf("registry: bringing %s from version %d to %d: %w", databaseName, v, v+1, err)
			}
		}
		return s.sign(tx)
	})
}

// snapshot writes the database's state of this moment into a file, which place puts in
// its place.
func (d *Disk) snapshot(place func(from string) error) error {
	return writeWhole(osFiles{}, d.dir, func(w io.Writer) error {
		return d.view(func(tx *bolt.Tx) error { _, err := tx.WriteTo(w); return err })
	}, place)
}
