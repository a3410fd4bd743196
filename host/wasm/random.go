package wasm

import (
	crand "crypto/rand"
	"io"
	"math/rand/v2"
)

// newRandom returns the source of a guest's random_get: a generator of its own,
// so that a guest cannot drain the system's, seeded from the system's.
func newRandom() io.Reader {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // documented never to fail
	return rand.NewChaCha8(seed)
}
