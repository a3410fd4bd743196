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

// ownMark is how the JSON of an entry ends that is [Entry.Own], and no other's, since it
// is the last field: whose share an entry counts against can be told of a hundred
// thousand of them without reading them. Own entries of before there were shares have no
// mark, and count as the operator's.
const ownMark = `,"own":true}`

// shareOf is the name of the share that a stored entry counts against.
func shareOf(k, v []byte) string {
	if bytes.HasSuffix(v, []byte(ownMark)) {
		return string(k[8:])
	}
	return ""
}

// append numbers an entry, if there is one, and leaves out those that are too old.
func (d *Disk) append(tx *bolt.Tx, entry *Entry) error {
	if entry == nil {
		return nil
	}
	log := bucket(tx, auditBucket)
	log.FillPercent = 0.9 // little is ever put in between
	kept := d.shares
	d.shares = nil // what is known of it holds again when this is committed
	if kept == nil {
		kept = countShares(log)
	}
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
	kept.add(keptEntry{number, shareOf(key, sealed)})
	for range leaveOut {
		old, full := kept.next(d.entries)
		if !full {
			break
		}
		if err := deleteEntry(log, old.number); err != nil {
			return err
		}
		kept.drop(old)
	}
	tx.OnCommit(func() { d.shares = kept })
	return nil
}

// countShares finds out what the log keeps of whom.
func countShares(log *bolt.Bucket) *shares {
	kept := new(shares)
	c := log.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if len(k) >= 8 {
			kept.add(keptEntry{binary.BigEndian.Uint64(k), shareOf(k, v)})
		}
	}
	return kept
}

// deleteEntry removes the entry of a number, which also names its tenant.
func deleteEntry(log *bolt.Bucket, number uint64) error {
	first := binary.BigEndian.AppendUint64(nil, number)
	if k, _ := log.Cursor().Seek(first); bytes.HasPrefix(k, first) {
		return log.Delete(bytes.Clone(k))
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
