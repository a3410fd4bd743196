package tenant_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
)

// BenchmarkDensity opens a registry of many tenants with a small plugin each, every one
// a module of its own that is in the cache of compiled code. It tells what a tenant
// costs that nobody uses yet, and one that was used and is not any more, with its code
// compiled and one instance; and how long the first join takes of a tenant whose plugin
// is not loaded.
func BenchmarkDensity(b *testing.B) {
	for _, c := range []struct {
		name    string
		tenants int
		module  func() []byte
	}{
		{"c", 1000, func() []byte { return hosttest.GuestC(b, "testdata/plugins/food-c") }},
		{"go", 20, func() []byte { return hosttest.Guest(b, "plugins/food") }},
	} {
		b.Run(c.name, func(b *testing.B) {
			bin := c.module()
			store, cache := registry.NewMemory(registry.Config{}), b.TempDir()
			populate(b, store, cache, bin, c.tenants)
			for b.Loop() {
				measure(b, store, cache, c.tenants)
			}
		})
	}
}

// populate stores the tenants, and compiles their plugins.
func populate(b *testing.B, store registry.Store, cache string, bin []byte, tenants int) {
	w := newTown(b, store, cache)
	for i := range tenants {
		tn := w.tenant(b, fmt.Sprintf("t%d", i))
		name := fmt.Sprintf("module %d", i)
		own := append(slices.Clone(bin), append([]byte{0, byte(len(name) + 1), byte(len(name))}, name...)...)
		if _, err := tn.Upload(b.Context(), tenant.Upload{Plugin: "it", Module: own}); err != nil {
			b.Fatal(err)
		}
		routed(b, tn, registry.Route{Pattern: "*", Plugin: "it"})
		// What Deploy does, without keeping the code.
		_, err := store.Update(b.Context(), tn.Name(), registry.Change{Apply: func(r *registry.Tenant) error {
			return r.Plugin("it").SetActive(registry.Deploy{Seq: 1})
		}})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// footprint is the memory of this process in bytes, when all that is free was given
// back.
type footprint struct {
	resident int64 // all of it: Go's heap, compiled code and guests' memories
	heap     int64 // what Go has allocated, also pages that nobody has touched yet and that are not resident
}

func footprintOf(b *testing.B) footprint {
	b.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return footprint{resident: pages * int64(os.Getpagesize()), heap: int64(m.HeapAlloc)}
}

func measure(b *testing.B, store registry.Store, cache string, tenants int) {
	before := footprintOf(b)
	began := time.Now()
	w := newTown(b, store, cache)
	opened := time.Since(began)
	idle := footprintOf(b)
	joins := make([]time.Duration, 0, tenants)
	for _, tn := range w.Tenants() {
		if tn.Name() == tenant.Default {
			continue
		}
		began := time.Now()
		c := connect(b, tn)
		if got := c.answers(b, `["1","1","foods:all","phx_join",{}]`); len(got) == 0 || !strings.Contains(got[0], `"ok"`) {
			b.Fatalf("the join was answered %s", got)
		}
		joins = append(joins, time.Since(began))
		c.Close(socket.End{}, socket.LeaveClosed)
	}
	if err := w.Wait(b.Context()); err != nil {
		b.Fatal(err)
	}
	used := footprintOf(b)
	slices.Sort(joins)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for unit, after := range map[string]footprint{"tenant-unused": idle, "tenant-loaded": used} {
		each := 1024 * float64(tenants)
		b.ReportMetric(float64(after.resident-before.resident)/each, "KiB/"+unit)
		b.ReportMetric(float64(after.heap-before.heap)/each, "heap-KiB/"+unit)
	}
	b.ReportMetric(ms(opened), "ms/open")
	b.ReportMetric(ms(joins[len(joins)/2]), "p50-ms/first-join")
	b.ReportMetric(ms(joins[len(joins)*99/100]), "p99-ms/first-join")
	runtime.KeepAlive(w)
}
