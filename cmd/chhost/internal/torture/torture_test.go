package torture

import "testing"

// TestTorture: each kind once and 100 mutations, twice.
func TestTorture(t *testing.T) {
	kinds, err := Kinds()
	if err != nil {
		t.Fatal(err)
	}
	declared := len(kinds) + len(truncated())
	r, err := Run(t.Context(), Options{Modules: declared + 100, Rounds: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range r.Wrong {
		t.Error(w)
	}
	if r.Kinds < 200 {
		t.Errorf("%d kinds", r.Kinds)
	}
	if err := r.Failure(); err != nil {
		t.Errorf("%v: %+v", err, r)
	}
	t.Logf("%+v", r)
}
