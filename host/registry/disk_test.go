package registry

import (
	"bytes"
	"testing"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if role() {
		return
	}
	goleak.VerifyTestMain(m)
}

// alter changes a bit of a stored value, behind the store's back.
func alter(t *testing.T, d *Disk, bucketName string, key []byte) {
	t.Helper()
	err := d.db.Update(func(tx *bolt.Tx) error {
		b := bucket(tx, bucketName)
		v := bytes.Clone(b.Get(key))
		v[len(v)/2] ^= 1
		return b.Put(key, v)
	})
	if err != nil {
		t.Fatal(err)
	}
}
