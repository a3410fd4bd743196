package registry

import (
	"bytes"

	bolt "go.etcd.io/bbolt"
)

// mend makes the uses what the records say, where the disk has damaged them: a module that
// a record names is not to be swept, and a backup is not to fail for one that none names.
// What a damaged record names, only the uses know. It tells whether they can be trusted,
// and does nothing if they are known to be.
func (d *Disk) mend() (sound bool, err error) {
	if d.sound.Load() {
		return true, nil
	}
	defer func() { d.sound.Store(sound) }()
	var lacking, surplus [][]byte
	err = d.view(func(tx *bolt.Tx) (err error) {
		lacking, surplus, err = compareUses(tx)
		return err
	})
	if err != nil || len(lacking)+len(surplus) == 0 {
		return err == nil, err
	}
	err = d.write(func(tx *bolt.Tx) error {
		uses := bucket(tx, usesBucket)
		for _, k := range surplus {
			if err := uses.Delete(k); err != nil {
				return err
			}
		}
		for _, k := range lacking {
			if err := uses.Put(k, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil { // of a full disk, say: all can be served as it is
		d.log.Error("what says which modules are needed is damaged, and could not be mended: none is removed", "count", len(lacking)+len(surplus), "err", err)
		return false, nil
	}
	d.log.Warn("what says which modules are needed was damaged, and was mended from the records", "count", len(lacking)+len(surplus))
	return true, nil
}

// compareUses returns the uses that there should be and are not, and those that there are
// and should not be.
func compareUses(tx *bolt.Tx) (lacking, surplus [][]byte, err error) {
	want, damaged := map[string]bool{}, map[string]bool{}
	err = bucket(tx, tenantsBucket).ForEach(func(k, v []byte) error {
		t, err := decodeTenant(string(k), v)
		damaged[t.Name] = err != nil
		for digest := range t.digests() {
			want[string(useKey(digest, t.Name))] = true
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	err = bucket(tx, usesBucket).ForEach(func(k, _ []byte) error {
		_, tenant := splitUse(k)
		if !want[string(k)] && !damaged[tenant] {
			surplus = append(surplus, bytes.Clone(k))
		}
		delete(want, string(k))
		return nil
	})
	for k := range want {
		lacking = append(lacking, []byte(k))
	}
	return lacking, surplus, err
}
