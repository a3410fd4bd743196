package torture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
)

// maxMutated is the size in bytes of the largest module that is mutated: in a large
// one most bytes are of one flood.
const maxMutated = 16 << 10

// truncated are the beginnings of a module that keeps the contract, one for each of
// its bytes: all are refused, and what for can be told from where it ends.
func truncated() []Kind {
	whole := honest()
	ends := sectionEnds(whole)
	all := make([]Kind, 0, len(whole))
	for n := range whole {
		k := refusedFor(fmt.Sprintf("truncated_%d", n), fmt.Sprintf("A module that keeps every rule, without what comes after %d of its bytes.", n), func() []byte { return whole[:n] })
		k.Group = "truncated"
		section, atEnd := ends[n]
		switch {
		case n < len(header):
			k.Words = []string{"this is not a WebAssembly module"}
		case !atEnd:
			k.Words = []string{"(truncated)"}
		case section >= 3 && section < 10: // there are functions, and no code
			k.Words = []string{"have code", "(count)"}
		default:
			k.Words = []string{"is missing"}
		}
		all = append(all, k)
	}
	return all
}

// sectionEnds are the offsets at which the sections of a module end, with their
// numbers. The header ends as a section 0 would.
func sectionEnds(bin []byte) map[int]byte {
	ends := map[int]byte{len(header): 0}
	for _, s := range sections(bin) {
		ends[s.end] = s.id
	}
	return ends
}

// piece is one section of a module, with its number and size.
type piece struct {
	id         byte
	start, end int
}

// sections finds the sections of a module as far as they can be told.
func sections(bin []byte) []piece {
	var all []piece
	for pos := len(header); pos < len(bin); {
		size, n := binary.Uvarint(bin[pos+1:])
		if n <= 0 || size > uint64(len(bin)-pos-1-n) {
			break
		}
		end := pos + 1 + n + int(size)
		all = append(all, piece{bin[pos], pos, end})
		pos = end
	}
	return all
}

// mutator makes modules of others: the same ones for the same seed.
type mutator struct {
	random *rand.Rand
	from   []Kind // those that are refused before those that are not
	good   int    // the first that is not
}

func newMutator(seed uint64, kinds []Kind) *mutator {
	small := slices.DeleteFunc(slices.Clone(kinds), func(k Kind) bool {
		return k.costly || len(k.Module()) > maxMutated || len(k.Module()) <= len(header)
	})
	slices.SortStableFunc(small, func(a, b Kind) int { return refusedFirst(a) - refusedFirst(b) })
	good := slices.IndexFunc(small, func(k Kind) bool { return k.Verdict != Refused })
	return &mutator{random: rand.New(rand.NewPCG(seed, 6)), from: small, good: max(good, 0)}
}

func refusedFirst(k Kind) int {
	if k.Verdict == Refused {
		return 0
	}
	return 1
}

// pick returns one of the kinds, and its module: mostly one that is not refused as it
// is, for a second fault in a module is rarely found.
func (m *mutator) pick() (string, []byte) {
	from := m.from
	if m.random.IntN(4) > 0 {
		from = from[m.good:]
	}
	k := from[m.random.IntN(len(from))]
	return k.Name, k.Module()
}

// next makes the module of a number. Nobody declares what is to become of it.
func (m *mutator) next(n int) Kind {
	name, a := m.pick()
	other, b := m.pick()
	ways := []struct {
		group string
		make  func(a, b []byte) []byte
	}{{"bytes changed", m.changed}, {"bits flipped", m.flipped}, {"cut short", m.cut}, {"two modules joined", m.joined}, {"sections of two modules", m.shuffled}}
	way := ways[n%len(ways)]
	bin := way.make(a, b)
	return Kind{Name: fmt.Sprintf("%s %d, of %s and %s", way.group, n, name, other), Group: way.group, module: func() []byte { return bin }}
}

// somewhere is the offset of a byte behind the header.
func (m *mutator) somewhere(bin []byte) int {
	return len(header) + m.random.IntN(len(bin)-len(header))
}

func (m *mutator) changed(a, _ []byte) []byte {
	a = bytes.Clone(a)
	for range 1 + m.random.IntN(4) {
		a[m.somewhere(a)] = byte(m.random.Uint32())
	}
	return a
}

func (m *mutator) flipped(a, _ []byte) []byte {
	a = bytes.Clone(a)
	a[m.somewhere(a)] ^= 1 << m.random.IntN(8)
	return a
}

func (m *mutator) cut(a, _ []byte) []byte { return a[:m.somewhere(a)] }

// joined is the beginning of one and the end of the other.
func (m *mutator) joined(a, b []byte) []byte { return join(a[:m.somewhere(a)], b[m.somewhere(b):]) }

// shuffled has each section from one of the two.
func (m *mutator) shuffled(a, b []byte) []byte {
	bin := []byte(header)
	for _, id := range sectionOrder {
		from := a
		if m.random.IntN(2) == 0 {
			from = b
		}
		for _, s := range sections(from) {
			if s.id == id {
				bin = append(bin, from[s.start:s.end]...)
			}
		}
	}
	return bin
}

// corpus is what one round uploads: each kind, each truncation, and mutations of the
// kinds up to a number of modules.
func corpus(kinds []Kind, o Options) []Kind {
	all := slices.Clone(kinds)
	if o.Only == nil {
		all = append(all, truncated()...)
	}
	if m := newMutator(o.Seed, kinds); len(m.from) > 0 {
		for n := 0; len(all) < o.Modules; n++ {
			all = append(all, m.next(n))
		}
	}
	return all
}
