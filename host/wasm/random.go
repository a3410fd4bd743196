package wasm

import (
	crand "crypto/rand"
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// random is where an instance's randomness comes from: a generator of its own, so
// that a guest cannot drain the system's, seeded for each call, so that a call
// can be repeated. One that draws nothing pays nothing. It belongs to whoever
// has the instance.
type random struct {
	seed   uint64 // 0: another one each time
	seeded bool
	source rand.ChaCha8
	rest   func() // is called between two pieces of what is drawn at once
}

// randomPiece is how many bytes are drawn without a rest, in some 30 µs.
const randomPiece = 64 << 10

// start begins a call. With the seed 0 another one is drawn, if it is needed.
func (r *random) start(seed uint64) { r.seed, r.seeded = seed, false }

// Read implements [io.Reader].
func (r *random) Read(p []byte) (int, error) {
	r.prepare()
	n := len(p)
	for len(p) > randomPiece {
		_, _ = r.source.Read(p[:randomPiece]) // documented never to fail
		p = p[randomPiece:]
		r.rest()
	}
	_, _ = r.source.Read(p)
	return n, nil
}

// float returns a number of at least 1 and less than 2, of which all 52 bits of
// the fraction are random: no NaN, whose bits an engine may change.
func (r *random) float() float64 {
	r.prepare()
	return math.Float64frombits(1023<<52 | r.source.Uint64()>>12)
}

func (r *random) prepare() {
	if r.seeded {
		return
	}
	r.seeded = true
	var key [32]byte
	if r.seed == 0 {
		// All of it: of 64 bits two calls in a few billion would share what a guest
		// makes its ids of.
		_, _ = crand.Read(key[:]) // documented never to fail
	} else {
		binary.LittleEndian.PutUint64(key[:8], r.seed)
	}
	r.source.Seed(key)
}
