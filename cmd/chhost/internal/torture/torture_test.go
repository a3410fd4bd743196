package torture

import "testing"

// TestTorture: each kind once and 100 mutations, twice.
func TestTorture(t *testing.T) {
	declared := len(Kinds()) + len(truncated())
	r, err := Run(t.Context(), Options{Modules: declared + 100, Rounds: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range r.Wrong {
		t.Error(w)
	}
	if r.Kinds < 80 {
		t.Errorf("%d kinds", r.Kinds)
	}
	if last := len(r.Goroutines) - 1; r.Goroutines[last] > r.Goroutines[0] {
		t.Errorf("goroutines after each round: %v", r.Goroutines)
	}
	t.Logf("%+v", r)
}
