package admin_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/admin"
)

// walk reads a list page by page; name is what a page has of each entry.
func (r *rig) walk(t *testing.T, path, member, name string, limit int, between func(page int)) (names []string) {
	t.Helper()
	for after, page := "", 0; ; page++ {
		if page > 100 {
			t.Fatal("it has no end")
		}
		var p map[string]any
		r.want(t, 200, r.operator("GET", fmt.Sprintf("%s?limit=%d&after=%s", path, limit, url.QueryEscape(after)), "")).into(t, &p)
		entries := list(p[member])
		if len(entries) > limit {
			t.Errorf("%d entries, of %d at most", len(entries), limit)
		}
		for _, e := range entries {
			names = append(names, fmt.Sprint(object(e)[name]))
		}
		if p["next"] == nil {
			return names
		}
		if after = fmt.Sprint(p["next"]); after != names[len(names)-1] {
			t.Errorf("the next page begins after %q, this one ends with %q", after, names[len(names)-1])
		}
		if between != nil {
			between(page)
		}
	}
}

// What is on no page, and what is on two, is nothing, whatever the size of the pages.
func TestPages(t *testing.T) {
	r := newRig(t, nil)
	r.found(t, "acme")
	want := []string{"acme", "default"}
	for n := range 9 {
		name := fmt.Sprintf("many-%d", n)
		r.found(t, name)
		want = append(want, name)
	}
	for n := range 3 {
		r.want(t, 201, upload(r.token, "acme", "it", admin.Fixture(t, "served/echo", n+1)))
	}
	var entries []string
	for _, e := range r.audited(t, "acme") {
		entries = append(entries, fmt.Sprint(e.Number))
	}
	for _, limit := range []int{1, 2, 3, len(want) - 1, len(want), len(want) + 1, 1000} {
		if got := r.walk(t, "/v1/tenants", "tenants", "name", limit, nil); !slices.Equal(got, want) {
			t.Errorf("pages of %d: %q", limit, got)
		}
		if got := r.walk(t, acmePath+"/plugins/it/versions", "versions", "seq", limit, nil); strings.Join(got, " ") != "1 2 3 4" {
			t.Errorf("pages of %d: versions %q", limit, got)
		}
		if got := r.walk(t, acmePath+"/audit", "entries", "number", limit, nil); len(got) < 4 || !slices.Equal(got, entries) {
			t.Errorf("pages of %d: entries %q", limit, got)
		}
	}
	// The last one of a page may be gone by the next, and others may come.
	got := r.walk(t, "/v1/tenants", "tenants", "name", 4, func(page int) {
		if page == 0 {
			r.want(t, 204, r.operator("DELETE", "/v1/tenants/many-1", ""))
			r.found(t, "many-00")
			r.found(t, "many-10")
		}
	})
	want = slices.Insert(want, 4, "many-10") // many-00 lies before
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A cursor comes from outside: what no page can have given is refused, and what leads
// behind the end is an empty page. None of it is taken for the begin.
func TestHostileCursors(t *testing.T) {
	r := newRig(t, nil)
	r.found(t, "acme")
	r.want(t, 201, upload(r.token, "acme", "it", admin.Fixture(t, "served/echo", 1)))
	long := strings.Repeat("x", 5000)
	for _, path := range []string{"/v1/tenants", acmePath + "/topics", acmePath + "/sockets", acmePath + "/plugins/it/versions", "/v1/audit", acmePath + "/audit"} {
		for _, query := range []string{
			"limit=0", "limit=-1", "limit=1001", "limit=1e3", "limit=99999999999999999999", "limit=%31%00", "limit=1&limit=2", "after=a&after=b",
			"after=%00", "after=%ff%fe", "after=" + long, "before=1", "after=%zz", "after=1;limit=2", "after=a%0a",
		} {
			a := r.ask(t, r.operator("GET", path+"?"+query, ""))
			if a.status != 400 || a.code() != "bad_request" {
				t.Errorf("%s?%.40s: %v", path, query, a)
			}
		}
	}
	for path, ends := range map[string]string{"/v1/tenants": "zzz", acmePath + "/topics": "zzz", acmePath + "/sockets": "4611686018427387904", acmePath + "/audit": "4611686018427387904"} {
		var p map[string]any
		r.want(t, 200, r.operator("GET", path+"?after="+ends, "")).into(t, &p)
		for member, v := range p {
			if member == "next" || len(list(v)) != 0 {
				t.Errorf("%s: %v", path, p)
			}
		}
	}
}
