package registrytest

import (
	"fmt"

	"github.com/chhost/chhost/host/registry"
)

// auditShares has tenants write far more than the log keeps, one of them after it was
// deleted and made anew, and expects what others have written to be there.
func (s *suite) auditShares() {
	n := s.kind.Entries
	half := n / 2
	s.create("loud") // the operator's first entry
	for i := range half - 4 {
		s.note(registry.Entry{Action: "x", Tenant: "loud", Detail: fmt.Sprint(i)})
	}
	s.note(registry.Entry{Action: "quiet", Tenant: "quiet", Own: true})
	s.loud("loud", n)
	s.want("Delete", s.store.Delete(s.ctx, "loud", registry.Entry{Action: "delete"}), nil)
	s.create("loud") // half of the log less one by now
	s.update("loud", registry.Change{Entry: registry.Entry{Action: "quiet", Own: true}})
	s.loud("loud", 2*n)
	s.sharedBy(half-1, map[string]int{"quiet": 1, "loud": n - half})

	// Of two that are loud neither has more than the other.
	s.loud("other", n)
	s.loud("loud", n)
	s.loud("other", n)
	rest := n - half
	s.sharedBy(half-1, map[string]int{"quiet": 1, "loud": rest / 2, "other": rest - rest/2})

	if s.kind.Reopen != nil {
		s.store = s.kind.Reopen(s, s.store)
		s.loud("loud", n)
		s.loud("other", n)
		s.sharedBy(half-1, map[string]int{"quiet": 1, "loud": rest / 2, "other": rest - rest/2})
	}

	// What the operator does above its half leaves out what it did before.
	s.note(registry.Entry{Action: "x", Detail: "one more"})
	kept := len(s.entries("loud", 0, 0)) - s.operators("loud")
	for i := range n {
		s.note(registry.Entry{Action: "x", Tenant: "loud", Detail: fmt.Sprint("new ", i)})
	}
	if now := len(s.entries("loud", 0, 0)) - s.operators("loud"); now != kept {
		s.Errorf("the operator has left a tenant %d of %d entries", now, kept)
	}
	if all := s.operators(""); all != half {
		s.Errorf("%d entries of the operator are kept, want %d", all, half)
	}
}

// note writes an entry that belongs to no change.
func (s *suite) note(e registry.Entry) {
	s.Helper()
	s.want("Append", s.store.Append(s.ctx, e), nil)
}

// loud has a tenant write entries of its own, the last of which is its newest.
func (s *suite) loud(tenant string, entries int) {
	s.Helper()
	for range entries {
		s.note(registry.Entry{Action: "loud", Tenant: tenant, Own: true})
	}
	s.note(registry.Entry{Action: "newest", Tenant: tenant, Own: true})
	if all := s.entries(tenant, 0, 0); len(all) == 0 || all[len(all)-1].Action != "newest" {
		s.Fatalf("of %s its newest entry is not kept", tenant)
	}
}

// operators counts the operator's entries about a tenant, or all of them.
func (s *suite) operators(tenant string) (n int) {
	s.Helper()
	for _, e := range s.entries(tenant, 0, 0) {
		if !e.Own {
			n++
		}
	}
	return n
}

// sharedBy expects the log to be full, with so many entries of the operator and so many
// of each tenant's own.
func (s *suite) sharedBy(operator int, own map[string]int) {
	s.Helper()
	found, last := map[string]int{}, uint64(0)
	all := s.entries("", 0, 0)
	for _, e := range all {
		if e.Number <= last {
			s.Errorf("number %d comes after %d", e.Number, last)
		}
		if last = e.Number; e.Own {
			found[e.Tenant]++
		}
	}
	if n := s.operators(""); n != operator {
		s.Errorf("%d entries of the operator are kept, want %d", n, operator)
	}
	s.same("entries of tenants' own", found, own)
	if len(all) != s.kind.Entries {
		s.Errorf("%d entries are kept, want %d", len(all), s.kind.Entries)
	}
}
