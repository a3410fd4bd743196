package registry

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// filled makes a store of many pages in a directory, and returns the database's bytes.
func filled(t testing.TB, dir string, tenants int) []byte {
	t.Helper()
	ctx := context.Background()
	d, err := Open(dir, Config{Entries: 2 * tenants})
	if err != nil {
		t.Fatal(err)
	}
	for i := range tenants {
		name := fmt.Sprintf("tenant-%03d", i)
		if _, err := d.Create(ctx, Tenant{Name: name, Hosts: []string{name + ".example.com"}}, Entry{Action: "create", Detail: name}); err != nil {
			t.Fatal(err)
		}
		m := fmt.Appendf(nil, "module %d", i)
		if _, err := d.Update(ctx, name, Change{Modules: [][]byte{m}, Apply: func(t *Tenant) error {
			t.AddVersion("food", Version{Digest: DigestOf(m)})
			return nil
		}, Entry: Entry{Action: "upload"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Delete(ctx, "tenant-000", Entry{Action: "delete"}); err != nil { // pages become free
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, databaseName))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// useAll opens a store, reads all of it and changes it. Whatever the database holds, it
// must return.
func useAll(t testing.TB, dir string) (opened bool, errs error) {
	t.Helper()
	ctx := context.Background()
	d, err := Open(dir, Config{})
	if err != nil {
		return false, err
	}
	for _, err := range d.Tenants(ctx) {
		errs = errors.Join(errs, err)
	}
	_, err = d.Audit(ctx, "", 0, 0)
	errs = errors.Join(errs, err)
	_, err = d.Create(ctx, Tenant{Name: "new"}, Entry{Action: "create"})
	errs = errors.Join(errs, err)
	_, err = d.Update(ctx, "tenant-005", Change{Modules: [][]byte{[]byte("x")}, Apply: func(t *Tenant) error {
		t.AddVersion("food", Version{Digest: DigestOf([]byte("x"))})
		return nil
	}, Entry: Entry{Action: "upload"}})
	errs = errors.Join(errs, err, d.Delete(ctx, "tenant-007", Entry{Action: "delete"}))
	_, err = d.Sweep(ctx)
	return true, errors.Join(errs, err, d.Close())
}

// damagedDir is a store whose database has these bytes. It has no modules, which are
// not looked at.
func damagedDir(t testing.TB, database []byte) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, databaseName), database, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestDamagedDatabase: what a disk or a person does to the file is said, and costs
// nothing else.
func TestDamagedDatabase(t *testing.T) {
	sound := filled(t, t.TempDir(), 60)
	if opened, err := useAll(t, damagedDir(t, sound)); !opened || err != nil {
		t.Fatalf("a sound database: %v", err)
	}
	size := os.Getpagesize()
	cases := map[string]func(b []byte) []byte{
		"empty":         func(b []byte) []byte { return nil },
		"text":          func([]byte) []byte { return []byte("what is this?") },
		"zeroes":        func(b []byte) []byte { return make([]byte, len(b)) },
		"half a page":   func(b []byte) []byte { return b[:size/2] },
		"two pages":     func(b []byte) []byte { return b[:2*size] },
		"half the file": func(b []byte) []byte { return b[:len(b)/2/size*size] },
		"both metas": func(b []byte) []byte {
			b[40], b[size+40] = b[40]^1, b[size+40]^1
			return b
		},
	}
	for name, damage := range cases {
		opened, err := useAll(t, damagedDir(t, damage(append([]byte{}, sound...))))
		if opened || !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged from Open", name, err)
		}
	}
	// One meta page is enough: that is what a crash within a commit leaves.
	for i := range 2 {
		b := append([]byte{}, sound...)
		b[i*size+40] ^= 1
		if opened, err := useAll(t, damagedDir(t, b)); !opened || errors.Is(err, ErrDamaged) {
			t.Errorf("meta page %d damaged: %v", i, err)
		}
	}
}

// TestRandomDamage damages each page in ways that would end the process if bbolt was to
// find out.
func TestRandomDamage(t *testing.T) {
	sound := filled(t, t.TempDir(), 60)
	size := os.Getpagesize()
	r := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for page := range len(sound) / size {
		for kind := range 4 {
			b := append([]byte{}, sound...)
			p := b[page*size : (page+1)*size]
			switch kind {
			case 0: // a header with anything in it
				for i := range 16 {
					p[i] = byte(r.Uint32())
				}
			case 1: // a bit
				p[r.IntN(size)] ^= 1 << r.IntN(8)
			case 2: // another page in its place
				other := r.IntN(len(sound) / size)
				copy(p, sound[other*size:(other+1)*size])
			case 3: // the elements
				for i := 16; i < 80; i++ {
					if r.IntN(4) == 0 {
						p[i] = byte(r.Uint32())
					}
				}
			}
			opened, err := useAll(t, damagedDir(t, b))
			if !opened {
				refused++
			}
			if !opened && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
				t.Fatalf("page %d, damage %d: Open: %v", page, kind, err)
			}
		}
	}
	if refused < len(sound)/size/2 {
		t.Errorf("%d databases of %d were refused", refused, len(sound)/size*4)
	}
}

// mend makes the checksums of the meta pages right, so that what they say is believed.
func mend(b []byte) {
	for _, at := range []int{0, os.Getpagesize()} {
		if m := b[at+pageHeader:]; len(m) >= metaSize {
			sum := fnv.New64a()
			sum.Write(m[:metaSize-8])
			binary.NativeEndian.PutUint64(m[metaSize-8:], sum.Sum64())
		}
	}
}

// TestMetaDamage: a meta page whose checksum is right and whose contents are not.
func TestMetaDamage(t *testing.T) {
	sound := filled(t, t.TempDir(), 60)
	for _, field := range []int{8, 16, 24, 32, 40} { // page size, root, sequence, freelist, pages
		for _, value := range []uint64{0, 1, 2, 5, 1 << 20, 1 << 32, 1 << 62, 1<<64 - 1, 1<<64 - 2} {
			b := append([]byte{}, sound...)
			for _, at := range []int{0, os.Getpagesize()} {
				binary.NativeEndian.PutUint64(b[at+pageHeader+field:], value)
			}
			mend(b)
			if opened, err := useAll(t, damagedDir(t, b)); !opened && !errors.Is(err, ErrDamaged) {
				t.Errorf("field %d is %#x: %v", field, value, err)
			}
		}
	}
}

// FuzzDatabase overwrites a part of a sound database. The process has to survive it.
func FuzzDatabase(f *testing.F) {
	sound := filled(f, f.TempDir(), 60)
	size := os.Getpagesize()
	f.Add(uint32(40), []byte{1}, true)
	f.Add(uint32(3*size+8), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, false)
	f.Add(uint32(4*size), []byte{4, 0, 0, 0, 0, 0, 0, 0, 1}, false)
	f.Fuzz(func(t *testing.T, at uint32, with []byte, mended bool) {
		b := append([]byte{}, sound...)
		copy(b[int(at)%len(b):], with)
		if mended {
			mend(b)
		}
		_, _ = useAll(t, damagedDir(t, b))
	})
}

// TestDamagedWhileServing: the file is truncated under a store that is open. Its pages
// are mapped, so reading them is a fault of the processor.
func TestDamagedWhileServing(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir, 60)
	ctx := context.Background()
	d, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, databaseName), int64(os.Getpagesize())); err != nil {
		t.Skip("an open file cannot be truncated here")
	}
	if _, err := d.Tenant(ctx, "tenant-005"); !errors.Is(err, ErrDamaged) {
		t.Errorf("reading: %v, want ErrDamaged", err)
	}
	for range 2 {
		if _, err := d.Create(ctx, Tenant{Name: "new"}, Entry{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("changing: %v, want ErrDamaged", err)
		}
	}
	_ = d.Close()
	if _, err := Open(dir, Config{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("opening it again: %v, want ErrDamaged", err)
	}
}

// TestDamagedRecord: a record whose bytes have changed is said, the others are served,
// and it can be deleted.
func TestDamagedRecord(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir, 5)
	ctx := context.Background()
	d, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	alter(t, d, tenantsBucket, []byte("tenant-002"))
	key := auditKey(3, "tenant-001")
	alter(t, d, auditBucket, key)

	_, err = d.Tenant(ctx, "tenant-002")
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("Tenant: %v", err)
	}
	if _, err := d.Update(ctx, "tenant-002", Change{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("Update: %v", err)
	}
	var got []string
	for tenant, err := range d.Tenants(ctx) {
		if name := tenant.Name; err == nil {
			got = append(got, name)
		} else {
			got = append(got, "damaged "+name)
		}
	}
	if want := "[tenant-001 damaged tenant-002 tenant-003 tenant-004]"; fmt.Sprint(got) != want {
		t.Errorf("Tenants yielded %v, want %s", got, want)
	}
	entries, err := d.Audit(ctx, "", 2, 2)
	if err != nil || len(entries) != 2 || entries[0].Number != 3 || entries[0].Action != "(damaged)" || entries[0].Tenant != "tenant-001" || entries[1].Action == "(damaged)" {
		t.Errorf("the log: %+v, %v", entries, err)
	}
	if n, err := d.Sweep(ctx); n != 0 || err != nil {
		t.Errorf("Sweep: %d, %v", n, err)
	}
	if err := d.Delete(ctx, "tenant-002", Entry{Action: "delete"}); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if n, err := d.Sweep(ctx); n != 1 || err != nil {
		t.Errorf("Sweep after Delete: %d, %v", n, err)
	}
	if _, err := d.Create(ctx, Tenant{Name: "tenant-002"}, Entry{}); err != nil {
		t.Errorf("Create: %v", err)
	}
}

// TestDamagedRecordTellsItsHosts: what stands before the damage can still be read, and
// what comes of any damage is no more than that.
func TestDamagedRecordTellsItsHosts(t *testing.T) {
	record := Tenant{Name: "acme", Revision: 7, Hosts: []string{"a.example.com", "b.example.com"}, Origins: []string{"https://example.com"}}
	sealed, err := encodeTenant(&record, MaxRecord)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for at := range sealed {
		for bit := range 8 {
			damaged := bytes.Clone(sealed)
			damaged[at] ^= 1 << bit
			got, err := decodeTenant("acme", damaged)
			if !errors.Is(err, ErrDamaged) || got.Name != "acme" || got.Revision != 0 || got.Origins != nil {
				t.Fatalf("bit %d of byte %d: %+v, %v", bit, at, got, err)
			}
			if slices.Equal(got.Hosts, record.Hosts) {
				told++
			}
		}
		if got, err := decodeTenant("acme", sealed[:at]); !errors.Is(err, ErrDamaged) || got.Name != "acme" {
			t.Fatalf("cut at byte %d: %+v, %v", at, got, err)
		}
	}
	behind := len(sealed) - bytes.Index(sealed, []byte(`,"origins"`))
	if told < 8*(sealSize+behind) {
		t.Errorf("the hosts were told in %d cases, and stand before the damage in %d", told, 8*(sealSize+behind))
	}
}

// TestDamagedRecordInMemory is [TestDamagedRecord] for a [Memory].
func TestDamagedRecordInMemory(t *testing.T) {
	ctx, m := context.Background(), NewMemory(Config{})
	for _, name := range []string{"a", "b", "c"} {
		if _, err := m.Create(ctx, Tenant{Name: name}, Entry{Action: "create"}); err != nil {
			t.Fatal(err)
		}
		own, shared := []byte("module of "+name), []byte("module of all")
		if _, err := m.Update(ctx, name, Change{Modules: [][]byte{own, shared}, Apply: func(t *Tenant) error {
			t.AddVersion("food", Version{Digest: DigestOf(own)})
			t.AddVersion("food", Version{Digest: DigestOf(shared)})
			return nil
		}}); err != nil {
			t.Fatal(err)
		}
	}
	damage := func(name string) {
		m.tenants[name] = bytes.Clone(m.tenants[name])
		m.tenants[name][len(m.tenants[name])-1] ^= 1
	}
	damage("a")
	damage("b")
	var got []string
	for tenant, err := range m.Tenants(ctx) {
		got = append(got, fmt.Sprintf("%s %t", tenant.Name, errors.Is(err, ErrDamaged)))
	}
	if want := "[a true b true c false]"; fmt.Sprint(got) != want {
		t.Errorf("Tenants yielded %v, want %s", got, want)
	}
	// As long as another one is damaged, nobody knows what it needs.
	for _, swept := range []struct {
		name string
		want int
	}{{"a", 0}, {"b", 2}} {
		if err := m.Delete(ctx, swept.name, Entry{Action: "delete"}); err != nil {
			t.Errorf("Delete: %v", err)
		}
		if n, err := m.Sweep(ctx); n != swept.want || err != nil {
			t.Errorf("Sweep after %s is deleted: %d, %v; want %d", swept.name, n, err, swept.want)
		}
	}
	if _, err := m.Module(ctx, DigestOf([]byte("module of all"))); err != nil {
		t.Errorf("a module that another one names: %v", err)
	}
	if _, err := m.Create(ctx, Tenant{Name: "a"}, Entry{}); err != nil {
		t.Errorf("Create: %v", err)
	}
	if log, err := m.Audit(ctx, "a", 0, 0); err != nil || len(log) != 2 || log[1].Action != "delete" {
		t.Errorf("the log: %+v, %v", log, err)
	}
}

// TestBackupOfADamagedRecord: a backup has the record as it is, with the modules that it
// has named, so that it can be looked at, and nobody else's backup fails for it.
func TestBackupOfADamagedRecord(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	filled(t, dir, 5)
	d, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	alter(t, d, tenantsBucket, []byte("tenant-002"))
	var archive bytes.Buffer
	if err := d.Backup(ctx, &archive); err != nil {
		t.Fatal(err)
	}
	restored := t.TempDir()
	unpack(t, &archive, restored)
	r, err := Open(restored, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := r.Tenant(ctx, "tenant-002"); !errors.Is(err, ErrDamaged) {
		t.Errorf("the damaged record: %v", err)
	}
	for i := 1; i < 5; i++ { // that of tenant-000 was deleted
		if _, err := r.Module(ctx, DigestOf(fmt.Appendf(nil, "module %d", i))); err != nil {
			t.Errorf("module %d: %v", i, err)
		}
	}
	if log, err := r.Audit(ctx, "tenant-002", 0, 0); err != nil || len(log) != 2 {
		t.Errorf("the log: %+v, %v", log, err)
	}
}

// TestDamagedUses: what says which modules are needed is made from the records again: no
// module that one names is swept, and no backup fails for one that none names. What a damaged
// record names stays.
func TestDamagedUses(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	filled(t, dir, 5)
	module := func(i int) Digest { return DigestOf(fmt.Appendf(nil, "module %d", i)) }
	d, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	alter(t, d, tenantsBucket, []byte("tenant-002"))
	err = d.db.Update(func(tx *bolt.Tx) error {
		uses := bucket(tx, usesBucket)
		flipped := useKey(module(1), "tenant-001")
		flipped[20] ^= 1
		return errors.Join(uses.Delete(useKey(module(1), "tenant-001")), uses.Put(flipped, nil), uses.Put([]byte("short"), nil),
			uses.Put(useKey(module(3), "nobody"), nil))
	})
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	d, err = Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	for range 2 {
		for i := 1; i < 5; i++ {
			if _, err := d.Module(ctx, module(i)); err != nil {
				t.Errorf("module %d: %v", i, err)
			}
		}
		if n, err := d.Sweep(ctx); n != 0 || err != nil {
			t.Errorf("Sweep: %d, %v", n, err)
		}
	}
	if err := d.Backup(ctx, io.Discard); err != nil {
		t.Errorf("Backup: %v", err)
	}
	for i := 1; i < 5; i++ { // and each is needed by its own tenant only
		if err := d.Delete(ctx, fmt.Sprintf("tenant-%03d", i), Entry{}); err != nil {
			t.Error(err)
		}
		if n, err := d.Sweep(ctx); n != 1 || err != nil {
			t.Errorf("Sweep after tenant %d: %d, %v", i, n, err)
		}
	}
}

// TestUsesThatCannotBeMended: nothing is removed by what is damaged, and all else is as ever.
func TestUsesThatCannotBeMended(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	filled(t, dir, 3)
	d, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	digest := DigestOf([]byte("module 1"))
	if err := d.db.Update(func(tx *bolt.Tx) error { return bucket(tx, usesBucket).Delete(useKey(digest, "tenant-001")) }); err != nil {
		t.Fatal(err)
	}
	d.sound.Store(false) // as if it was opened now
	commit := d.commit
	d.commit = func(*bolt.Tx) error { return errDisk }
	if n, err := d.Sweep(ctx); n != 0 || err != nil || d.tidy() != nil {
		t.Errorf("a sweep removes %d, %v", n, err)
	}
	d.commit = commit
	if _, err := d.Module(ctx, digest); err != nil {
		t.Errorf("the module that is needed: %v", err)
	}
	if err := d.tidy(); err != nil {
		t.Error(err)
	}
	if n, err := d.Sweep(ctx); n != 0 || err != nil {
		t.Errorf("mended, a sweep removes %d, %v", n, err)
	}
}
