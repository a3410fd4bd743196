package torture

import (
	"os"
	"testing"
)

// TestTorture: each kind twice, each truncation, and 100 mutations.
func TestTorture(t *testing.T) {
	kinds, err := Kinds()
	if err != nil {
		t.Fatal(err)
	}
	r := tortured(t, Options{Modules: len(kinds) + len(truncated()) + 100, Rounds: 1, Seed: 1})
	if r.Kinds < 200 {
		t.Errorf("%d kinds", r.Kinds)
	}
	if r.Neighbour == 0 {
		t.Error("the neighbour was not asked")
	}
}

// TestProofTorture: a thousand modules in three rounds leave nothing behind.
func TestProofTorture(t *testing.T) {
	if os.Getenv("CHHOST_PROOF") == "" {
		return
	}
	r := tortured(t, Options{Seed: 1})
	if err := r.Print(os.Stdout); err != nil {
		t.Error(err)
	}
}

func tortured(t *testing.T, o Options) Report {
	t.Helper()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range r.Wrong {
		t.Error(w)
	}
	if err := r.Failure(); err != nil {
		t.Error(err)
	}
	return r
}
