package torture

import (
	"os"
	"regexp"
	"testing"

	"github.com/chhost/chhost/host"
)

// compiler is this test binary, as a process of its own for each module.
var compiler *host.Compiler

func TestMain(m *testing.M) {
	compiler = host.CompilerMain()
	os.Exit(m.Run())
}

// TestTorture: each kind but the costly ones, each truncation, and mutations.
func TestTorture(t *testing.T) {
	torture(t, Options{Modules: 700, Rounds: 1, Seed: 1, Brief: true})
}

// TestTortureRounds: some of each verdict, compiled in processes of their own, and
// nothing is left of the first round after the third.
func TestTortureRounds(t *testing.T) {
	only := regexp.MustCompile(`^(honest|count_.*|code_s.*|push_traps|loops|recurses|exits|info_traps|declares_anew|flood_functions)$`)
	torture(t, Options{Modules: 60, Rounds: 3, Seed: 2, Brief: true, Compiler: compiler, Only: only})
}

// TestProofTorture is the full form: make proof runs it.
func TestProofTorture(t *testing.T) {
	if os.Getenv("CHHOST_PROOF") == "" {
		return // its small forms above run always
	}
	torture(t, Options{Seed: 1, Compiler: compiler})
}

func torture(t *testing.T, o Options) {
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
	if err := r.Print(t.Output()); err != nil {
		t.Error(err)
	}
}
