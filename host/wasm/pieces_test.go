package wasm

import (
	"testing"
	"time"
)

// TestPieces: a version whose guests take long for their fuel gets less of it at a
// time, and more again only slowly.
func TestPieces(t *testing.T) {
	var p pieces
	age := time.Hour
	expect := func(what string, want int64) {
		t.Helper()
		if got := p.most(); got != want {
			t.Errorf("%s: pieces have %d fuel, want %d", what, got, want)
		}
	}
	expect("nothing is known", slice)
	p.note(slice, 100*time.Microsecond, age)
	p.note(slice, 2*pieceTime, age)
	expect("as fast as it is meant to be, or nearly", slice)
	p.note(slice, 8*pieceTime, age)
	expect("eight times too slow", slice/8)
	p.note(slice/8, 100*time.Microsecond, age+forgetting)
	expect("fast for a second", slice/8)
	p.note(slice/8, 100*time.Microsecond, age+forgetting+1)
	expect("fast for longer than that", slice/4)
	p.note(slice/4, 100*time.Microsecond, age+forgetting+2)
	expect("and a moment later", slice/4)
	p.note(slice/4, time.Hour, age+forgetting+3)
	expect("as slow as can be", leastPiece)
}

// TestNextPiece: within a callback, pieces grow as far as the time of the last one says.
func TestNextPiece(t *testing.T) {
	var p pieces
	for _, c := range []struct {
		fuel int64
		took time.Duration
		want int64
	}{
		{firstPiece, 0, firstPiece}, // its time is not known
		{firstPiece, 1, pieceGrowth * firstPiece},
		{pieceGrowth * firstPiece, pieceTime / 2, slice},
		{slice, 4 * pieceTime, slice / 4},
		{firstPiece, time.Hour, leastPiece},
		{1, 1, leastPiece},
	} {
		if got := p.next(c.fuel, c.took); got != c.want {
			t.Errorf("after %d fuel in %v: %d, want %d", c.fuel, c.took, got, c.want)
		}
	}
	p.note(slice, 1000*pieceTime, 0)
	if got := p.next(firstPiece, 1); got != leastPiece {
		t.Errorf("of a version that is slow: %d, want %d", got, leastPiece)
	}
}
