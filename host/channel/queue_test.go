package channel

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// TestMailbox compares the mailbox with a slice: what is put in comes out in its
// order, also around items that were culled from the middle or the end.
func TestMailbox(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var used sync.Pool
	var m mailbox
	var want []uint64
	for id := range uint64(10_000) {
		switch r.IntN(4) {
		case 0:
			i := m.take()
			if len(want) == 0 {
				if i != nil {
					t.Fatalf("item %d came out of an empty mailbox", i.id)
				}
				continue
			}
			if i == nil || i.id != want[0] {
				t.Fatalf("took %+v, want item %d", i, want[0])
			}
			want = want[1:]
			recycle(&used, i)
		case 1:
			odd := r.Uint64N(3)
			m.cull(func(i *item) bool { return i.id%3 == odd })
			want = slices.DeleteFunc(want, func(id uint64) bool { return id%3 == odd })
		default:
			m.put(&used, item{kind: itemKind(id % 5), id: id})
			want = append(want, id)
		}
		for kind := range itemKind(5) {
			if got := m.any(kind); got != slices.ContainsFunc(want, func(id uint64) bool { return itemKind(id%5) == kind }) {
				t.Fatalf("any(%d) = %v with %v in the mailbox", kind, got, want)
			}
		}
	}
}
