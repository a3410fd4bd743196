package wasm

import (
	"sync/atomic"
	"time"
)

// A slice of fuel is a tenth of a millisecond of ordinary code, but two hundred times
// as long if each of its loads misses every cache: how long fuel lasts depends on what
// the guest reads, which nobody can know before. A guest that is not in Go for so long
// holds up whoever waits for the collector. So a slice is given in pieces, which are as
// large as they may be by the time that the guest's last ones took. How much fuel there
// is for a callback, and what costs how much, does not depend on it.
const (
	// firstPiece is what a callback begins with. Its time is not taken, since that
	// would cost every short callback more than it does; it lasts 1.6 ms at the worst.
	firstPiece = 8 << 10
	// leastPiece is what a piece has at least.
	leastPiece = 4 << 10
	// pieceTime is how long a piece is meant to take at most.
	pieceTime = 250 * time.Microsecond
	// pieceGrowth is how many times as large as the last one a piece is at most: the
	// next code may be slower.
	pieceGrowth = 8
	// forgetting is how long a version has to be fast until its pieces may be twice as
	// large again: one that is slow now and then is slow once in that time.
	forgetting = time.Second
	// passTime is how long a guest may have run before it lets another one go on,
	// however little fuel it has used: ten times as long as ordinary code takes.
	passTime = time.Millisecond
)

// pieces is how large the pieces of a version may be, whichever instance runs. The zero
// value lets them be as large as a slice. It is safe for concurrent use.
type pieces struct {
	doubts atomic.Int32 // pieces are a slice divided by two to the power of it
	since  atomic.Int64 // when that changed, in nanoseconds of the engine's age
}

// most is how large a piece may be.
func (p *pieces) most() int64 { return max(leastPiece, int64(slice)>>p.doubts.Load()) }

// note takes note of how long a piece took. Age is the engine's.
func (p *pieces) note(fuel int64, took, age time.Duration) {
	doubts := p.doubts.Load()
	switch {
	case took > 2*pieceTime:
		for most := max(fitting(fuel, took), leastPiece); int64(slice)>>doubts > most; {
			doubts++
		}
	case doubts > 0 && age-time.Duration(p.since.Load()) > forgetting:
		doubts--
	default:
		return
	}
	// Of two that come at the same time one is lost, and comes again.
	p.doubts.Store(doubts)
	p.since.Store(int64(age))
}

// next is how large the piece after one is that took so long; zero is unknown.
func (p *pieces) next(fuel int64, took time.Duration) int64 {
	if took <= 0 {
		return min(firstPiece, p.most())
	}
	return min(max(min(fitting(fuel, took), pieceGrowth*fuel), leastPiece), p.most())
}

// fitting is how much fuel lasts for pieceTime, if this much took so long.
func fitting(fuel int64, took time.Duration) int64 { return fuel * int64(pieceTime) / int64(took) }
