package torture

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// TestCorpus: each file says what it is about and what is to become of it, as do the
// generated kinds; names are unique, and there is enough of everything.
func TestCorpus(t *testing.T) {
	kinds, err := Kinds()
	if err != nil {
		t.Fatal(err)
	}
	verdicts, names := map[string]int{}, map[string]bool{}
	for _, k := range kinds {
		if err := k.complete(); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
		if names[k.Name] {
			t.Errorf("there are two kinds %s", k.Name)
		}
		names[k.Name] = true
		verdicts[k.Verdict]++
	}
	sources, err := fs.Glob(files(), "*.wat")
	if err != nil || len(sources) < 80 {
		t.Errorf("%d files in the corpus, %v", len(sources), err)
	}
	modules, err := fs.Glob(files(), "*.wasm")
	if err != nil || len(modules) != len(sources) {
		t.Errorf("%d modules of %d files, %v", len(modules), len(sources), err)
	}
	for _, phase := range []string{"join", "leave", "handle_in", "handle_out", "handle_info", "upgrade"} {
		if verdicts[failsIn+phase] == 0 {
			t.Errorf("no kind fails in %s", phase)
		}
	}
	for _, v := range []string{Refused, Served, Quarantined} {
		if verdicts[v] == 0 {
			t.Errorf("no kind is %s", v)
		}
	}
}

// TestCorpusFaults: a file that does not say all that there is to say is no kind.
func TestCorpusFaults(t *testing.T) {
	const good = ";; A fault that\n;; takes two lines.\n;; verdict: fails in join\n;; words: a: b\n;; words: c\n;; wat2wasm --enable-threads\n(module)\n;; words: d\n"
	k, err := parseCase(good)
	if err != nil || k.Fault != "A fault that takes two lines." || k.Verdict != "fails in join" || strings.Join(k.Words, "|") != "a: b|c" {
		t.Errorf("%+v, %v", k, err)
	}
	for _, c := range []struct{ text, want string }{
		{"(module)", "what the fault is"},
		{";; verdict: served\n;; words: a\n", "what the fault is"},
		{";; A.\n;; words: a\n", "the verdict \"\""},
		{";; A.\n;; verdict: fine\n;; words: a\n", "the verdict \"fine\""},
		{";; A.\n;; verdict: fails in lunch\n;; words: a\n", "the verdict \"fails in lunch\""},
		{";; A.\n;; verdict: served\n", "which words"},
		{";; A.\n;; verdict: served\n;; words:  \n", "words that are none"},
		{";; A.\n;; verdict: served\n;; verdict: refused\n;; words: a\n", "a second verdict"},
		{";; A.\n;; verdict: served\n;; word: a\n", "follows the verdict"},
	} {
		if _, err := parseCase(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	for _, c := range []struct {
		files fstest.MapFS
		want  string
	}{
		{fstest.MapFS{"a.wat": {Data: []byte(good)}}, "a.wat is not assembled"},
		{fstest.MapFS{"a.wat": {}, "a.wasm": {}}, "a.wat: "},
	} {
		if _, err := fromCorpus(c.files); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// TestMutations: the same seed makes the same modules, another one makes others, and
// what is cut or joined are pieces of modules.
func TestMutations(t *testing.T) {
	kinds, err := Kinds()
	if err != nil {
		t.Fatal(err)
	}
	mutations := func(seed uint64) (bin []byte, groups map[string]int) {
		groups = map[string]int{}
		all := corpus(kinds, Options{Modules: len(kinds) + len(truncated()) + 100, Seed: seed})
		for i := range all[len(all)-100:] {
			k := &all[len(all)-100+i]
			if k.Verdict != "" || k.Words != nil {
				t.Fatalf("%s: nobody knows what becomes of a mutation", k.Name)
			}
			groups[k.group()]++
			bin = append(bin, k.Module()...)
		}
		return bin, groups
	}
	one, groups := mutations(1)
	if again, _ := mutations(1); !bytes.Equal(one, again) {
		t.Error("the same seed made other modules")
	}
	if other, _ := mutations(2); bytes.Equal(one, other) {
		t.Error("another seed made the same modules")
	}
	for _, group := range []string{"bytes changed", "bits flipped", "cut short", "two modules joined", "sections of two modules"} {
		if groups[group] != 20 {
			t.Errorf("%d modules with %s, want 20", groups[group], group)
		}
	}
}

// TestFailure: what makes a report a bad one.
func TestFailure(t *testing.T) {
	good := Report{InUse: []uint64{10 << 20, 10<<20 + 512<<10}, Goroutines: []int{7, 6}, Neighbour: Neighbour{Asked: 1}}
	if err := good.Failure(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*Report){
		"1 verdicts are wrong":           func(r *Report) { r.Wrong = []string{"x"} },
		"the neighbour was not served":   func(r *Report) { r.Neighbour.Wrong = []string{"x"} },
		"the neighbour was not served: ": func(r *Report) { r.Neighbour.Asked = 0 },
		"no round was finished":          func(r *Report) { r.InUse = nil },
		"goroutines were left":           func(r *Report) { r.Goroutines = []int{6, 7} },
		"memory was left":                func(r *Report) { r.InUse = []uint64{10 << 20, 10<<20 + 525<<10} },
	} {
		r := good
		spoil(&r)
		if err := r.Failure(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
