package console

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestHistory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "history")
	h := history{file: file}
	if got := h.load(); got != nil {
		t.Errorf("before the first session there is %q", got)
	}
	for _, text := range []string{"a", "a", "b", "", " with a secret", "two\nlines", "\xff", strings.Repeat("x", maxHistoryLine+1)} {
		if h.add(text) != (text == "a" || text == "b") {
			t.Errorf("%.20q", text)
		}
	}
	h.save()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v", info.Mode())
	}
	other := history{file: file}
	other.add("of another session")
	other.save()
	if got, want := h.load(), []string{"a", "b", "of another session"}; !slices.Equal(got, want) {
		t.Errorf("there is %q, want %q", got, want)
	}
	for i := range 2 * maxHistory {
		h.add(fmt.Sprint(i))
	}
	h.save()
	if got := h.load(); len(got) != maxHistory || got[maxHistory-1] != fmt.Sprint(2*maxHistory-1) {
		t.Errorf("%d lines are kept", len(got))
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestHistoryOfSomebodyElse guards that a file which cannot be a history is not
// read, and one that cannot be written is done without.
func TestHistoryOfSomebodyElse(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	f, err := os.Create(large)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := (&history{file: large}).load(); got != nil {
		t.Errorf("%d lines were read", len(got))
	}
	h := history{file: filepath.Join(large, "history")}
	h.add("a")
	h.save()
	if none := (&history{}); none.load() != nil {
		t.Error("a history without a file has lines")
	} else {
		none.add("a")
		none.save()
	}
}
