package admin_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chhost/chhost/host/admin"
)

// A hundred uploads of one plugin at once, of which each module comes four times: every
// module gets one number and every number one module, and one of the four is told that it
// was the first.
func TestManyUploads(t *testing.T) {
	r := newRig(t, nil)
	r.want(t, 201, r.operator("PUT", acmePath, `{"limits":{"versions":100}}`))
	const modules, each = 25, 4
	type version struct {
		Seq    int
		Digest string
		Known  bool
	}
	var mu sync.Mutex
	digests, firsts := make(map[int]string), make(map[string]int)
	var wg sync.WaitGroup
	for n := range modules * each {
		wg.Go(func() {
			a, err := r.try(t.Context(), upload(r.token, "acme", "it", admin.Fixture(t, "served/echo", n%modules+1)))
			if err != nil || a.status != http.StatusCreated && a.status != http.StatusOK {
				t.Errorf("%s, %v", a, err)
				return
			}
			var v version
			a.into(t, &v)
			mu.Lock()
			defer mu.Unlock()
			if old, known := digests[v.Seq]; known && old != v.Digest {
				t.Errorf("%d is %s and %s", v.Seq, old, v.Digest)
			}
			digests[v.Seq] = v.Digest
			if v.Known != (a.status == http.StatusOK) {
				t.Errorf("%s", a)
			}
			if !v.Known {
				firsts[v.Digest]++
			}
		})
	}
	wg.Wait()
	if len(digests) != modules || len(firsts) != modules {
		t.Errorf("%d versions and %d modules, want %d", len(digests), len(firsts), modules)
	}
	for digest, n := range firsts {
		if n != 1 {
			t.Errorf("%s was new %d times", digest, n)
		}
	}
	if a := r.want(t, 404, r.operator("GET", acmePath+"/plugins/other/versions", "")); a.code() != "unknown" {
		t.Error(a)
	}
	uploads := 0
	for _, e := range r.audited(t, "acme") {
		if e.Action == "upload" {
			uploads++
		}
	}
	if uploads < modules {
		t.Errorf("%d uploads in the audit log", uploads)
	}
}

// Deploys and roll backs that race leave one active version, which is what is served and
// what is stored, and a history without gaps; each change has a revision of its own.
func TestRacingDeploys(t *testing.T) {
	r := newRig(t, nil)
	r.found(t, "acme")
	for n := 2; n <= 5; n++ {
		r.want(t, 201, upload(r.token, "acme", "it", admin.Fixture(t, "served/echo", n)))
	}
	r.want(t, 200, r.operator("POST", acmePath+"/plugins/it/deploy", `{"version":2}`))
	var mu sync.Mutex
	revisions := make(map[string]string)
	var wg sync.WaitGroup
	for n := range 96 {
		wg.Go(func() {
			c := r.operator("POST", acmePath+"/plugins/it/deploy", fmt.Sprintf(`{"version":%d,"strategy":%q}`, n%5+1, []string{"immediate", "new-joins", "drain"}[n%3]))
			if n%8 == 7 {
				c = r.operator("POST", acmePath+"/plugins/it/rollback", "")
			}
			a, err := r.try(t.Context(), c)
			// Of what was deployed twice in turn there may be nothing to go back to.
			if err != nil || a.status != 200 && (n%8 != 7 || a.code() != "invalid") {
				t.Errorf("%s %s: %s, %v", c.path, c.body, a, err)
				return
			}
			if a.status != 200 {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			tag := a.header.Get("ETag")
			if other := revisions[tag]; other != "" {
				t.Errorf("two changes made the revision %s:\n%s%s", tag, other, a)
			}
			revisions[tag] = a.String()
		})
	}
	wg.Wait()
	r.checkHistory(t)
}

// checkHistory holds what is stored of acme's plugin against itself, and against what is
// served.
func (r *rig) checkHistory(t *testing.T) {
	t.Helper()
	stored, err := r.store.Tenant(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	p := stored.Plugin("it")
	for i, d := range p.Deploys {
		if i > 0 && d.Previous != p.Deploys[i-1].Seq {
			t.Errorf("deploy %d of %d came after %d, and says after %d", i, d.Seq, p.Deploys[i-1].Seq, d.Previous)
		}
	}
	if last := p.Deploys[len(p.Deploys)-1]; last.Seq != p.Active {
		t.Errorf("%d is active, and the last deploy was of %d", p.Active, last.Seq)
	}
	var served struct {
		Versions []struct {
			Seq    int
			Active bool
		}
	}
	r.want(t, 200, r.operator("GET", acmePath+"/plugins/it/versions", "")).into(t, &served)
	var active []int
	for _, v := range served.Versions {
		if v.Active {
			active = append(active, v.Seq)
		}
	}
	if !slices.Equal(active, []int{p.Active}) {
		t.Errorf("%v are served, and %d is stored", active, p.Active)
	}
	last := uint64(0)
	for _, e := range r.audited(t, "acme") {
		if e.Revision > 0 && e.Revision != last+1 && last != 0 {
			t.Errorf("the audit log goes from the revision %d to %d", last, e.Revision)
		}
		last = max(last, e.Revision)
	}
}

// Of many changes that are meant for one revision one is made; of many requests with one
// key one is carried out.
func TestOnlyOneOfMany(t *testing.T) {
	r := newRig(t, nil)
	r.found(t, "acme")
	r.want(t, 201, upload(r.token, "acme", "it", admin.Fixture(t, "served/echo", 2)))
	for name, tt := range map[string]struct {
		field, value string
		refused      string // the code of all others
	}{
		"a revision": {"If-Match", "", "revision_conflict"},
		"a key":      {"Idempotency-Key", "once", "idempotency_in_progress"},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(r.audited(t, "acme"))
			c := r.operator("POST", acmePath+"/plugins/it/deploy", `{"version":2}`)
			if tt.value == "" {
				tt.value = r.revision(t, "acme")
				c = r.operator("PUT", acmePath+"/routes", `{"routes":[]}`)
			}
			var made atomic.Int32
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					a, err := r.try(t.Context(), c.with(tt.field, tt.value))
					switch {
					case err != nil:
						t.Error(err)
					case a.status == 200 && a.header.Get("Idempotent-Replayed") == "":
						made.Add(1)
					case a.status != 200 && a.code() != tt.refused:
						t.Error(a)
					}
				})
			}
			wg.Wait()
			if n := made.Load(); n != 1 {
				t.Errorf("%d were carried out", n)
			}
			if n := len(r.audited(t, "acme")) - before; n != 1 {
				t.Errorf("%d entries in the audit log", n)
			}
		})
	}
}
