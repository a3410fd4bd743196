package registry

import (
	"errors"
	"maps"
	"slices"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// keptOf counts the entries of the log by whose share they are.
func keptOf(t *testing.T, s Store) map[string]int {
	t.Helper()
	kept, after := map[string]int{}, uint64(0)
	for {
		page, err := s.Audit(t.Context(), "", after, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return kept
		}
		for _, e := range page {
			kept[e.share()]++
			after = e.Number
		}
	}
}

// A change that fails as it is committed leaves nothing out, and what comes after it leaves
// out what it would have without it.
func TestSharesAfterFailedCommit(t *testing.T) {
	d, err := Open(t.TempDir(), Config{Entries: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	note := func(tenant string, own bool) error {
		return d.Append(t.Context(), Entry{Action: "x", Tenant: tenant, Own: own})
	}
	for i := range 10 {
		if err := note("acme", i%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	commit := d.commit
	d.commit = func(tx *bolt.Tx) error { return errors.Join(tx.Rollback(), syscall.ENOSPC) }
	for range 3 {
		if err := note("other", true); !errors.Is(err, ErrFull) {
			t.Fatalf("a commit without room: %v", err)
		}
	}
	d.commit = commit
	if kept := keptOf(t, d); !maps.Equal(kept, map[string]int{"": 5, "acme": 5}) {
		t.Errorf("after changes that failed there are %v", kept)
	}
	for range 2 {
		if err := note("other", true); err != nil {
			t.Fatal(err)
		}
	}
	if kept := keptOf(t, d); !maps.Equal(kept, map[string]int{"": 5, "acme": 3, "other": 2}) {
		t.Errorf("after two more there are %v", kept)
	}
}

// A log that has become shorter by its configuration becomes so a part at a time, and
// leaves out what is of those that have the most.
func TestSharesOfAShorterLog(t *testing.T) {
	const many = 2*leaveOut + 500
	dir := t.TempDir()
	fill := func(entries int, then ...Entry) map[string]int {
		d, err := Open(dir, Config{Entries: entries})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = d.Close() }()
		d.db.NoSync = true
		for _, e := range then {
			if err := d.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		return keptOf(t, d)
	}
	own := slices.Repeat([]Entry{{Action: "x", Tenant: "loud", Own: true}}, many)
	fill(many+20, slices.Concat(slices.Repeat([]Entry{{Action: "x"}}, 10), own, []Entry{{Action: "x", Tenant: "quiet", Own: true}})...)
	last := []Entry{{Action: "x", Tenant: "loud", Own: true}}
	if kept := fill(20, last...); kept["loud"] <= 20 || kept[""] != 10 || kept["quiet"] != 1 {
		t.Errorf("after one entry more there are %v", kept)
	}
	if kept := fill(20, last[0], last[0]); !maps.Equal(kept, map[string]int{"": 10, "quiet": 1, "loud": 9}) {
		t.Errorf("after three there are %v", kept)
	}
}

// The mark tells whose share an entry counts against whatever its words are.
func TestShareOfStoredEntries(t *testing.T) {
	words := []string{"", "x", ownMark, `,"own":true}`, `"own":true`, `\",\"own\":true}`, "}"}
	for _, own := range []bool{false, true} {
		for _, word := range words {
			for _, e := range []Entry{
				{Action: "x" + word, Own: own, Tenant: "acme"}, {Action: "x", Detail: word, Own: own, Tenant: "acme"},
				{Action: "x", By: word, Own: own, Tenant: "acme"}, {Action: "x", Detail: word, Revision: 7, Own: own}, {Action: "x", Detail: word, Own: own},
			} {
				key := auditKey(7, e.Tenant)
				sealed, err := encode("entry", string(key), e, MaxEntry)
				if err != nil {
					t.Fatal(err)
				}
				if got := shareOf(key, sealed); got != e.share() {
					t.Errorf("%s counts against the share %q, want %q", sealed[sealSize:], got, e.share())
				}
			}
		}
	}
}
