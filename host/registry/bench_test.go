package registry

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
)

// BenchmarkStore is one tenant's way into a store: it is made, uploads and deploys a
// module of 16 KiB, which is then read.
func BenchmarkStore(b *testing.B) {
	b.Run("memory", func(b *testing.B) { benchmarkStore(b, NewMemory(Config{})) })
	b.Run("disk", func(b *testing.B) { benchmarkStore(b, openIn(b, b.TempDir())) })
}

func benchmarkStore(b *testing.B, s Store) {
	ctx := context.Background()
	module := make([]byte, 16<<10)
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		binary.NativeEndian.PutUint64(module, n)
		d := DigestOf(module)
		name := fmt.Sprint("t", n)
		if _, err := s.Create(ctx, Tenant{Name: name}, Entry{Action: "create"}); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Update(ctx, name, Change{Modules: [][]byte{module}, Apply: func(t *Tenant) error {
			v := t.AddVersion("food", Version{Digest: d, Size: int64(len(module))})
			return t.Plugin("food").SetActive(Deploy{Seq: v.Seq, Strategy: "immediate"})
		}, Entry: Entry{Action: "deploy"}}); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Module(ctx, d); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/tenant")
}

// BenchmarkOpen opens a store of 1,000 tenants with five versions each.
func BenchmarkOpen(b *testing.B) {
	const tenants, versions = 1000, 5
	ctx := context.Background()
	dir := b.TempDir()
	d := openIn(b, dir)
	d.db.NoSync = true // while it is filled
	for i := range tenants {
		t := Tenant{Name: fmt.Sprint("tenant-", i)}
		if _, err := d.Create(ctx, t, Entry{Action: "create"}); err != nil {
			b.Fatal(err)
		}
		var change Change
		for v := range versions {
			change.Modules = append(change.Modules, fmt.Appendf(nil, "%d of %d", v, i))
		}
		change.Apply = func(t *Tenant) error {
			for _, m := range change.Modules {
				t.AddVersion("food", Version{Digest: DigestOf(m), Size: int64(len(m))})
			}
			return t.Plugin("food").SetActive(Deploy{Seq: versions, Strategy: "immediate"})
		}
		if _, err := d.Update(ctx, t.Name, change); err != nil {
			b.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		d, err := Open(dir, Config{})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for _, err := range d.Tenants(ctx) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != tenants {
			b.Fatalf("%d tenants", n)
		}
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "ms/open")
}
