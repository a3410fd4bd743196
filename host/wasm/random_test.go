package wasm

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/chhost/chhost/abi"
)

// TestSeeds: a guest's randomness is another one in each call, and the same in
// calls with the same seed, whatever the instance did before.
func TestSeeds(t *testing.T) {
	p := served(t, "draws", Limits{Instances: 2})
	draw := func(inst *instance, seed uint64, size int) []byte {
		t.Helper()
		ev := event(`{"a":"` + strings.Repeat("x", size) + `"}`)
		ev.Seed = seed
		res, err := inst.call(t.Context(), abi.PhaseHandleIn, ev)
		if err != nil {
			t.Fatal(err)
		}
		data := res.Reply.Payload.Data()
		if got := int64(binary.LittleEndian.Uint64(data[24:])); got != start().UnixNano() {
			t.Errorf("the clock shows %d", got)
		}
		return bytes.Clone(data)
	}
	instances := p.hold(t, 2)
	a, b := instances[0], instances[1]
	defer p.put(a)
	defer p.put(b)
	of := func(data []byte, n int) string { return string(data[8*n : 8*n+8]) }

	first := draw(a, 1, 10)
	for _, again := range [][]byte{draw(a, 1, 10), draw(b, 1, 10), draw(a, 1, 20_000), draw(b, 1, 20_000)} { // ch_buffer draws, too
		if of(again, 2) != of(first, 2) {
			t.Errorf("with the same seed %x, then %x", of(first, 2), of(again, 2))
		}
	}
	// In the setup each instance has another seed, and each call there, too.
	drawn := map[string]bool{of(first, 2): true, of(first, 0): true, of(first, 1): true, of(draw(b, 1, 10), 0): true, of(draw(b, 1, 10), 1): true}
	for _, seed := range []uint64{2, 1 << 63, math.MaxUint64, 0, 0, 0} {
		drawn[of(draw(a, seed, 10), 2)] = true
	}
	if len(drawn) != 11 {
		t.Errorf("%d different numbers were drawn, want 11", len(drawn))
	}
}

// TestSeedIsDrawnWhenNeeded: a guest that draws nothing pays nothing.
func TestSeedIsDrawnWhenNeeded(t *testing.T) {
	p := served(t, "puppet", Limits{})
	inst := p.hold(t, 1)[0]
	defer p.put(inst)
	for _, c := range []struct {
		steps []step
		drawn bool
	}{
		{nil, false}, {[]step{{opRandom, 64, 8}}, true}, {nil, false}, {[]step{{opSeed, 64}}, true}, {[]step{{opRandom, 64, 0}}, false},
	} {
		if _, err := inst.call(t.Context(), abi.PhaseHandleIn, scripted(t, abi.StatusOK, c.steps...)); err != nil {
			t.Fatal(err)
		}
		if inst.random.seeded != c.drawn {
			t.Errorf("%v: seeded %v", c.steps, inst.random.seeded)
		}
	}
}

func TestRandomFloat(t *testing.T) {
	var r random
	sum, lowest := 0.0, uint64(0)
	const n = 10_000
	for range n {
		r.start(0)
		x := r.float()
		if !(x >= 1 && x < 2) {
			t.Fatalf("got %v", x)
		}
		sum += x - 1
		lowest |= math.Float64bits(x)
	}
	if mean := sum / n; mean < 0.48 || mean > 0.52 || lowest&(1<<52-1) != 1<<52-1 {
		t.Errorf("the mean is %v, bits that were set: %x", mean, lowest)
	}
	r.start(5)
	x := r.float()
	r.start(5)
	if y := r.float(); x != y {
		t.Errorf("with the same seed %v, then %v", x, y)
	}
}

// BenchmarkRandom is what the randomness of one call costs: without any, and the
// first 32 bytes.
func BenchmarkRandom(b *testing.B) {
	var r random
	var buf [32]byte
	for name, seed := range map[string]uint64{"seeded": 1, "drawn": 0} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r.start(seed)
				_, _ = io.ReadFull(&r, buf[:])
			}
		})
	}
	b.Run("none", func(b *testing.B) {
		for b.Loop() {
			r.start(0)
		}
	})
}

// What is drawn at once is drawn in pieces, between which a guest can be ended, and is
// the same as if it were not.
func TestRandomIsDrawnInPieces(t *testing.T) {
	rests := 0
	r := random{rest: func() { rests++ }}
	r.start(7)
	got := make([]byte, 5*randomPiece+3)
	if n, err := r.Read(got); n != len(got) || err != nil || rests != 5 {
		t.Fatalf("%d bytes were drawn with %d rests: %v", n, rests, err)
	}
	var again []byte
	r.start(7)
	for len(again) < len(got) {
		piece := make([]byte, min(4096, len(got)-len(again)))
		_, _ = r.Read(piece)
		again = append(again, piece...)
	}
	if !bytes.Equal(got, again) {
		t.Error("in one call other bytes are drawn than in several")
	}
}
