package registry

import (
	"bytes"
	"context"
	"encoding/binary"

	bolt "go.etcd.io/bbolt"
)

// leaveOut is how many old entries one change removes at most, when the log has
// become shorter by its configuration.
const leaveOut = 1000

// append numbers an entry, if there is one, and leaves out those that are too old.
func (d *Disk) append(tx *bolt.Tx, entry *Entry) error {
	if entry == nil {
		return nil
	}
	log := bucket(tx, auditBucket)
	log.FillPercent = 0.9 // nothing is ever put in between
	number, err := log.NextSequence()
	if err != nil {
		return err
	}
	entry.Number = number
	key := auditKey(number, entry.Tenant)
	sealed, err := encode("entry of the audit log", string(key), entry, MaxEntry)
	if err != nil {
		return err
	}
	if err := log.Put(key, sealed); err != nil {
		return err
	}
	var old [][]byte
	c := log.Cursor()
	for k, _ := c.First(); k != nil && len(old) < leaveOut; k, _ = c.Next() {
		if number-binary.BigEndian.Uint64(k) < uint64(d.entries) {
			break
		}
		old = append(old, bytes.Clone(k))
	}
	for _, k := range old {
		if err := log.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Append implements [Store].
func (d *Disk) Append(ctx context.Context, entry Entry) error {
	if err := d.calls.begin(ctx); err != nil {
		return err
	}
	defer d.calls.end()
	filled := entry.filled(entry.Tenant, entry.Revision)
	if err := filled.check(); err != nil {
		return err
	}
	return d.write(func(tx *bolt.Tx) error { return d.append(tx, &filled) })
}

// Audit implements [Store]. A damaged entry has its number and tenant only, and says
// in place of its action that it is damaged.
func (d *Disk) Audit(ctx context.Context, tenant string, after uint64, limit int) (entries []Entry, err error) {
	if err := d.calls.begin(ctx); err != nil {
		return nil, err
	}
	defer d.calls.end()
	err = d.view(func(tx *bolt.Tx) error {
		entries = nil
		c := bucket(tx, auditBucket).Cursor()
		k, v := c.Seek(binary.BigEndian.AppendUint64(nil, after+1))
		for ; k != nil && len(entries) < readAtMost(limit); k, v = c.Next() {
			if len(k) < 8 || tenant != "" && string(k[8:]) != tenant {
				continue
			}
			var e Entry
			if decode(string(k), v, &e) != nil {
				e = Entry{Action: "(damaged)"}
			}
			e.Number, e.Tenant = binary.BigEndian.Uint64(k), string(k[8:])
			entries = append(entries, e)
		}
		return nil
	})
	return entries, err
}
