package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/hosttest"
)

// TestReadmeTable types README's table of the guide's session from top to bottom,
// as whoever reads it does: each line has to be answered as it says there, where
// "..." stands for anything. In the guide's order it had not been: it asked whether
// a topic was authorized that it had just left.
func TestReadmeTable(t *testing.T) {
	root := hosttest.Root(t)
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "| iex | chhost console | answers |\n| --- | --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	code := regexp.MustCompile("`([^`]+)`")
	var session strings.Builder
	var typed, want []string
	for row := range strings.Lines(table) {
		cells := strings.Split(row, " | ")
		if len(cells) != 3 {
			t.Fatalf("the row has %d cells: %s", len(cells), row)
		}
		typed = append(typed, code.FindStringSubmatch(cells[1])[1])
		want = append(want, code.FindStringSubmatch(cells[2])[1])
		session.WriteString(typed[len(typed)-1] + "\n")
	}
	if len(typed) < 15 {
		t.Fatalf("the table has %d rows", len(typed))
	}
	var out, complaints bytes.Buffer
	args := []string{"chhost", "console", "--cache", hosttest.CacheDir(t, "compiled"), "--route", "foods:*=" + filepath.Join(root, "plugins/food")}
	if code := doMain(t.Context(), nil, args, strings.NewReader(session.String()), &out, &complaints); code != exitOK {
		t.Errorf("the exit code is %d: %s", code, complaints.String())
	}
	answers := strings.Split(out.String(), typedPrompt)[1:]
	if len(answers) != len(typed) {
		t.Fatalf("%d lines were typed, and %d answered:\n%s", len(typed), len(answers), out.String())
	}
	for n, answer := range answers {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(want[n]), `\.\.\.`, ".*")
		if !regexp.MustCompile(`^` + regexp.QuoteMeta(typed[n]) + "\n" + pattern + "\n$").MatchString(answer) {
			t.Errorf("%s\nREADME says %s", answer, want[n])
		}
	}
}
