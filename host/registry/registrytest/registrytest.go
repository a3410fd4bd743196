// Package registrytest is the suite that every [registry.Store] passes.
//
// A store's test is one call:
//
//	func TestStore(t *testing.T) {
//		registrytest.TestStore(t, registrytest.Kind{
//			Entries: 50,
//			Open: func(t testing.TB) registry.Store { return registry.NewMemory(registry.Config{Entries: 50}) },
//		})
//	}
//
// The suite waits for what has to happen, up to 20 s, and for nothing else.
package registrytest

import (
	"context"
	"testing"
	"time"

	"github.com/chhost/chhost/host/registry"
)

// Kind is a kind of store, and what can be done to one.
type Kind struct {
	// Open returns a new, empty store. The suite closes it.
	Open func(t testing.TB) registry.Store
	// Entries is how many entries the audit log of such a store keeps: 10 to 1000.
	Entries int
	// Reopen ends the use of a store as the end of its process does, and returns it
	// opened again. Nil: such a store forgets.
	Reopen func(t testing.TB, s registry.Store) registry.Store
	// Damage alters bytes of a module where it is stored, behind the store's back. Nil:
	// nobody can.
	Damage func(t testing.TB, s registry.Store, d registry.Digest)
}

// patience is how long the suite waits for what has to happen.
const patience = 20 * time.Second

// TestStore tests the stores of a kind, each contract with one of its own.
func TestStore(t *testing.T, kind Kind) {
	for _, c := range contracts() {
		t.Run(c.name, func(t *testing.T) { c.run(t, kind, patience) })
	}
}

// contract is one promise of [registry.Store], and how it is kept to it.
type contract struct {
	name string
	test func(s *suite)
}

func contracts() []contract {
	return []contract{
		{"a tenant is created once", (*suite).createdOnce},
		{"what is stored is returned, every field of it", (*suite).everyField},
		{"what is returned is the caller's", (*suite).callersOwn},
		{"revisions grow by one, name and creation stay", (*suite).revisions},
		{"a change that fails changes nothing", (*suite).failedChange},
		{"records that contradict themselves are refused", (*suite).contradictions},
		{"records, modules and entries are bounded", (*suite).sizes},
		{"a module is returned byte for byte", (*suite).modules},
		{"a record names stored modules only", (*suite).dangling},
		{"a damaged module is never returned, and an upload repairs it", (*suite).damaged},
		{"sweep removes what nobody names, and nothing else", (*suite).sweep},
		{"sweep spares the modules of a change under way", (*suite).sweepUnderWay},
		{"sweep and changes race, and nothing that is named is gone", (*suite).sweepRace},
		{"a deleted tenant is forgotten", (*suite).deleted},
		{"tenants are yielded by name, and the loop may use the store", (*suite).tenants},
		{"the audit log tells each change once, in order", (*suite).audit},
		{"the audit log is bounded, and its numbers go on", (*suite).auditBound},
		{"what tenants do leaves nothing of others out of the audit log", (*suite).auditShares},
		{"uploads and deploys race: numbers are given once, one version is active, the history is a line", (*suite).race},
		{"tenants are changed at the same time", (*suite).manyTenants},
		{"a context that is done changes nothing", (*suite).contextDone},
		{"close waits for what is under way and is final", (*suite).closed},
		{"everything outlives the process", (*suite).reopened},
		{"constructors start nothing, and nothing is left", (*suite).leak},
	}
}

// run tests one contract with a store of its own.
func (c contract) run(t testing.TB, kind Kind, patience time.Duration) {
	if kind.Open == nil || kind.Entries < 10 || kind.Entries > 1000 {
		t.Fatal("a Kind needs Open, and Entries from 10 to 1000")
	}
	s := &suite{TB: t, kind: kind, patience: patience, ctx: context.Background()}
	s.store = kind.Open(t)
	t.Cleanup(func() {
		if err := s.store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	c.test(s)
}
